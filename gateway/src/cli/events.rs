//! `tollgate listen` and `tollgate events resend`: events while one develops.

use std::{io, time::Duration};

use bytes::Bytes;
use clap::{Args, Subcommand};
use http_body_util::Full;
use hyper::{
    Method, Request, Uri,
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue},
};
use serde_json::json;
use tollgate_domain::{FeedEventId, Timestamp};

use super::{
    api::{ApiError, MerchantArguments, ServerAddress, runtime, send},
    output::{self, OutputError},
    told_events::{ToldEvent, ToldEvents},
};
use crate::{
    clock::system_clock,
    webhook::{WebhookSecret, older_signature, standard_signature},
};

#[derive(Debug, Args)]
pub(super) struct ListenArguments {
    /// Where events go, such as http://127.0.0.1:3000/hooks.
    #[arg(long, value_name = "URL", value_parser = Receiver::parse)]
    forward_to: Receiver,
    /// What they are signed with; one is drawn and shown if it is not said.
    #[arg(long, value_name = "whsec_…")]
    secret: Option<String>,
    #[command(flatten)]
    gateway: MerchantArguments,
}

#[derive(Debug, Args)]
pub(super) struct EventsArguments {
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// Deliver an event again, to all who want it or to one.
    Resend {
        /// The event's id.
        id: FeedEventId,
        /// The endpoint's id, or `callbacks` for the payment's own address.
        #[arg(long, value_name = "ID")]
        endpoint: Option<String>,
        #[command(flatten)]
        gateway: MerchantArguments,
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
    /// The gateway does not answer as it should.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The secret is none.
    #[error("--secret is not `whsec_` and the base64 of 24 to 64 bytes")]
    Secret,
    /// No secret can be drawn.
    #[error("no secret can be drawn")]
    Random(#[from] crate::secrets::Error),
    /// All is done, and the event did not come.
    #[error("{0} was not told in time")]
    NotTold(String),
    /// The gateway holds no payment of that amount for a review.
    #[error(
        "the gateway does not hold {0} INR for a review: --amount says more, `review.hold_from` from where on"
    )]
    NotHeld(String),
    /// There is nobody whom a webhook could be sent to.
    #[error("cannot listen for the gateway's deliveries")]
    Receiver(#[source] io::Error),
    /// The result cannot be told.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// How long to wait before a stream that ended is opened again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// One on this machine who receives events.
#[derive(Clone, Debug)]
struct Receiver {
    address: ServerAddress,
    path: Uri,
}

impl Receiver {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let url: Uri = text.parse().map_err(|_fault| "it is no URL")?;
        let address = ServerAddress::of(&url)?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self { address, path: path.parse().expect("a part of a parsed URL") })
    }
}

pub(super) fn listen(arguments: ListenArguments) -> Result<(), EventsError> {
    let ListenArguments { forward_to, secret, gateway } = arguments;
    let secret = match &secret {
        Some(text) => WebhookSecret::parse(text).ok_or(EventsError::Secret)?,
        None => WebhookSecret::draw()?,
    };
    let api = gateway.into_api()?;
    runtime()?.block_on(async {
        let mut events = ToldEvents::open(&api, None).await?;
        output::print(&format!("signing with {}\n", *secret.to_text()))?;
        let mut last = None;
        loop {
            while let Some(event) = events.next().await {
                forward(&forward_to, &secret, &event).await?;
                last = HeaderValue::try_from(&event.id).ok();
            }
            tokio::time::sleep(AGAIN_AFTER).await;
            events = ToldEvents::open(&api, last.as_ref()).await?;
        }
    })
}

pub(super) fn events(arguments: EventsArguments) -> Result<(), EventsError> {
    let EventsCommand::Resend { id, endpoint, gateway } = arguments.command;
    let request = endpoint.map_or(json!({}), |endpoint| json!({"endpoint_id": endpoint}));
    let api = gateway.into_api()?;
    let path = format!("/api/v1/events/{id}/resend");
    let answer = runtime()?.block_on(api.call(Method::POST, &path, Some(&request)))?;
    output::print(&format!("{id} is delivered again to {} receivers\n", answer["events"]))?;
    Ok(())
}

/// Delivers an event as a webhook would, and tells what became of it.
async fn forward(
    receiver: &Receiver,
    secret: &WebhookSecret,
    event: &ToldEvent,
) -> Result<(), EventsError> {
    let at: Timestamp = system_clock()();
    let ToldEvent { id, name, data } = event;
    let mut request = Request::new(Full::new(Bytes::from(data.clone())));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = receiver.path.clone();
    let signature = standard_signature(std::slice::from_ref(secret), id, at, data.as_bytes());
    let address = receiver.address.as_str();
    for (header, value) in [
        (HOST, address.to_owned()),
        (HeaderName::from_static("webhook-id"), id.clone()),
        (HeaderName::from_static("webhook-timestamp"), at.as_seconds().to_string()),
        (HeaderName::from_static("webhook-signature"), signature),
        (HeaderName::from_static("x-webhook-signature"), older_signature(secret, data.as_bytes())),
        (HeaderName::from_static("x-webhook-event"), name.clone()),
    ] {
        let value = HeaderValue::try_from(value).expect("visible ASCII alone");
        request.headers_mut().insert(header, value);
    }
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let became = match send(address, request).await {
        Ok(response) => response.status().to_string(),
        Err(error) => format!("{:#}", anyhow::Error::new(error)),
    };
    output::print(&format!("{id} {name}: {became}\n"))?;
    Ok(())
}
