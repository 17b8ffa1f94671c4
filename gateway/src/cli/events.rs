//! `tollgate listen`, `tollgate trigger` and `tollgate events resend`: events while one develops.

use std::{io, time::Duration};

use bytes::Bytes;
use clap::{Args, Subcommand};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, Uri,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use tollgate_domain::{FeedEventId, Timestamp};

use super::{
    api_client::{ApiClient, ClientError, GatewayArguments, send},
    output::{self, OutputError},
};
use crate::{
    clock::system_clock,
    webhook::{WebhookSecret, older_signature, standard_signature},
};

#[derive(Debug, Args)]
pub(super) struct ListenArguments {
    /// Where events go, such as http://127.0.0.1:3000/hooks.
    #[arg(long, value_name = "URL")]
    forward_to: Uri,
    /// What they are signed with; one is drawn and shown if it is not said.
    #[arg(long, value_name = "whsec_…")]
    secret: Option<String>,
    #[command(flatten)]
    gateway: GatewayArguments,
}

#[derive(Debug, Args)]
pub(super) struct TriggerArguments {
    /// Which: payment.created, payment.completed, payment.authorized, payment.failed,
    /// payment.requires_action or payment.unknown.
    event: String,
    #[command(flatten)]
    gateway: GatewayArguments,
}

#[derive(Debug, Args)]
pub(super) struct EventsArguments {
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// Deliver an event again, to every endpoint that wants it or to one.
    Resend {
        /// The event's id.
        id: FeedEventId,
        /// The endpoint's id.
        #[arg(long, value_name = "ID")]
        endpoint: Option<String>,
        #[command(flatten)]
        gateway: GatewayArguments,
    },
}

/// How they are used.
pub(super) const EXAMPLES: &str = "\
Examples:
  tollgate listen --forward-to http://127.0.0.1:3000/hooks
  tollgate trigger payment.completed
  tollgate events resend evt_…

The merchant's key is that of TOLLGATE_API_KEY, or of --key-file.";

/// Why a command on events failed.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The runtime cannot be had.
    #[error("cannot prepare the process")]
    Process(#[source] io::Error),
    /// The gateway does not answer as it should.
    #[error(transparent)]
    Api(#[from] ClientError),
    /// The secret is none.
    #[error("--secret is not `whsec_` and the base64 of 24 to 64 bytes")]
    Secret,
    /// No secret can be drawn.
    #[error("no secret can be drawn")]
    Random(#[from] crate::secrets::Error),
    /// No payment leads to such an event.
    #[error("{0} cannot be triggered")]
    Untriggerable(String),
    /// The result cannot be told.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// How long to wait before a stream that ended is opened again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(super) fn listen(arguments: ListenArguments) -> Result<(), EventsError> {
    let secret = match &arguments.secret {
        Some(text) => WebhookSecret::parse(text).ok_or(EventsError::Secret)?,
        None => WebhookSecret::draw()?,
    };
    let client = arguments.gateway.client()?;
    output::print(&format!("signing with {}\n", *secret.to_text()))?;
    runtime()?.block_on(async {
        let mut last = None;
        loop {
            let mut headers = HeaderMap::new();
            if let Some(id) = &last {
                headers.insert(LAST_EVENT_ID, HeaderValue::clone(id));
            }
            let mut body = client.stream("/api/v1/events/stream", headers).await?;
            let mut text = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                let Ok(data) = frame.into_data() else { continue };
                text.extend_from_slice(&data);
                while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
                    let message: Vec<u8> = text.drain(..end + 2).collect();
                    if let Some(event) = Told::of(&message) {
                        forward(&arguments.forward_to, &secret, &event).await?;
                        last = HeaderValue::try_from(&event.id).ok();
                    }
                }
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    })
}

pub(super) fn trigger(arguments: TriggerArguments) -> Result<(), EventsError> {
    let event = arguments.event;
    let (card, capture, metadata) = match event.as_str() {
        "payment.created" | "payment.completed" => ("4242424242424242", "automatic", json!({})),
        "payment.authorized" => ("4242424242424242", "manual", json!({})),
        "payment.failed" => ("4000000000000002", "automatic", json!({})),
        "payment.requires_action" => ("4000000000003220", "automatic", json!({})),
        "payment.unknown" => {
            let metadata = json!({"simulator": "timeout_after_approval"});
            ("4242424242424242", "automatic", metadata)
        }
        _ => return Err(EventsError::Untriggerable(event)),
    };
    let request = json!({
        "amount": "100.00", "currency": "INR", "payment_method": "card", "capture": capture,
        "card": {"number": card, "expiry_month": 12, "expiry_year": 2040, "cvv": "123"},
        "metadata": metadata,
    });
    let client = arguments.gateway.client()?;
    let answer = ask(&client, "/api/v1/payments", &request)?;
    let payment = if answer["payment"].is_object() { &answer["payment"] } else { &answer };
    let text = |field: &str| payment[field].as_str().unwrap_or_default().to_owned();
    output::print(&format!("{} is {}\n", text("id"), text("status")))?;
    Ok(())
}

pub(super) fn events(arguments: EventsArguments) -> Result<(), EventsError> {
    let EventsCommand::Resend { id, endpoint, gateway } = arguments.command;
    let request = endpoint.map_or(json!({}), |endpoint| json!({"endpoint_id": endpoint}));
    let client = gateway.client()?;
    let answer = ask(&client, &format!("/api/v1/events/{id}/resend"), &request)?;
    output::print(&format!("{id} is delivered again to {} endpoints\n", answer["events"]))?;
    Ok(())
}

fn ask(client: &ApiClient, path: &str, request: &Value) -> Result<Value, EventsError> {
    Ok(runtime()?.block_on(client.ask(Method::POST, path, Some(request)))?)
}

fn runtime() -> Result<tokio::runtime::Runtime, EventsError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(EventsError::Process)
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// An event as the stream tells it.
#[derive(PartialEq, Eq, Debug)]
struct Told {
    id: String,
    name: String,
    data: String,
}

impl Told {
    /// The event of a message; `None` where it tells none.
    fn of(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?;
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.map(str::to_owned)
        };
        Some(Self { id: field("id")?, name: field("event")?, data: field("data")? })
    }
}

/// Delivers an event as a webhook would, and tells what became of it.
async fn forward(url: &Uri, secret: &WebhookSecret, event: &Told) -> Result<(), EventsError> {
    let at: Timestamp = system_clock()();
    let Told { id, name, data } = event;
    let mut request = Request::new(Full::new(Bytes::from(data.clone())));
    *request.method_mut() = Method::POST;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().expect("a part of a parsed URL");
    let signature = standard_signature(std::slice::from_ref(secret), id, at, data.as_bytes());
    for (header, value) in [
        ("webhook-id", id.clone()),
        ("webhook-timestamp", at.as_seconds().to_string()),
        ("webhook-signature", signature),
        ("x-webhook-signature", older_signature(secret, data.as_bytes())),
        ("x-webhook-event", name.clone()),
    ] {
        let value = HeaderValue::try_from(value).expect("visible ASCII alone");
        request.headers_mut().insert(HeaderName::from_static(header), value);
    }
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let became = match send(url, request).await {
        Ok(response) => response.status().to_string(),
        Err(error) => format!("{:#}", anyhow::Error::new(error)),
    };
    output::print(&format!("{id} {name}: {became}\n"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_stream_are_told_from_comments() {
        let told = Told::of(b"id: evt_1\nevent: payment.failed\ndata: {\"a\":1}\n\n").unwrap();
        assert_eq!((told.id.as_str(), told.name.as_str()), ("evt_1", "payment.failed"));
        assert_eq!(told.data, "{\"a\":1}");
        for message in [&b": nothing has happened\n\n"[..], b"retry: 1000\n\n", b"event: x\n\n"] {
            assert_eq!(Told::of(message), None);
        }
    }
}
