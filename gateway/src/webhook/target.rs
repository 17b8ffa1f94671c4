//! Whom a queue is delivered to, and one delivery.

use std::{borrow::Cow, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request,
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
};
use tokio::time::Instant;
use tollgate_domain::{Timestamp, WebhookEndpoint, WebhookSettings};

use super::{
    Shared,
    attempt::{Attempt, AttemptResult},
    client::Answer,
    destination::{Destination, UrlFault},
    dispatcher::delivery_id,
    outbox::QueueId,
    secret::{SealedKind, SigningSecrets, WebhookSecret},
    signature,
};
use crate::{
    feed::{EventBody, FeedError, FeedEvent, older_name},
    vault::Realm,
};

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const OLDER_SIGNATURE: HeaderName = HeaderName::from_static("x-webhook-signature");
const OLDER_EVENT: HeaderName = HeaderName::from_static("x-webhook-event");

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Tollgate/", env!("CARGO_PKG_VERSION")));

/// Whom a queue is delivered to.
pub(crate) enum Target {
    /// An endpoint.
    Endpoint(Box<EndpointTarget>),
    /// The callback addresses of a merchant's payments.
    Callbacks {
        /// Whose.
        realm: Realm,
        /// The merchant's own.
        secrets: SigningSecrets,
    },
}

/// An endpoint with everything that is sealed of it open.
pub(crate) struct EndpointTarget {
    endpoint: WebhookEndpoint,
    secrets: SigningSecrets,
    headers: HeaderMap,
}

/// What an endpoint calls an event; `None` where it wants none of these.
pub(crate) fn wanted_name(
    settings: &WebhookSettings,
    event: &FeedEvent,
) -> Option<Cow<'static, str>> {
    if settings.takes(&event.name) {
        return Some(event.name.clone());
    }
    older_name(&event.name).filter(|older| settings.takes(older)).map(Cow::Borrowed)
}

impl Target {
    pub(super) fn of_endpoint(endpoint: WebhookEndpoint, shared: &Shared) -> Self {
        let realm = Realm { merchant: endpoint.merchant, mode: endpoint.mode };
        let previous = endpoint.previous_secret.as_ref();
        let newest = std::iter::once((&endpoint.secret, Timestamp::MAX));
        let sealed = newest.chain(previous.map(|past| (&past.secret, past.until)));
        let secrets = sealed.filter_map(|(sealed, until)| {
            let bytes = shared.sealer.open(realm, SealedKind::Secret, &sealed.0)?;
            Some((WebhookSecret::of_bytes(&bytes), until))
        });
        let secrets = SigningSecrets::new(secrets.collect());
        let headers = endpoint.settings.headers.as_ref();
        let headers = headers
            .and_then(|sealed| shared.sealer.open(realm, SealedKind::Headers, &sealed.0))
            .map(|text| headers_of(&text))
            .unwrap_or_default();
        Self::Endpoint(Box::new(EndpointTarget { endpoint, secrets, headers }))
    }

    pub(super) fn realm(&self) -> Realm {
        match self {
            Self::Endpoint(target) => {
                Realm { merchant: target.endpoint.merchant, mode: target.endpoint.mode }
            }
            Self::Callbacks { realm, .. } => *realm,
        }
    }

    pub(super) fn rate_per_s(&self) -> Option<NonZeroU32> {
        match self {
            Self::Endpoint(target) => target.endpoint.settings.rate_per_s,
            Self::Callbacks { .. } => None,
        }
    }

    /// Whether an event is for this target.
    pub(super) fn wants(&self, event: &FeedEvent) -> bool {
        match self {
            Self::Endpoint(_) => self.name_for(event).is_some(),
            Self::Callbacks { .. } => event.has_callback,
        }
    }

    /// What the target calls an event; `None` where it wants none of these.
    fn name_for(&self, event: &FeedEvent) -> Option<Cow<'static, str>> {
        match self {
            Self::Callbacks { .. } => Some(event.name.clone()),
            Self::Endpoint(target) => wanted_name(&target.endpoint.settings, event),
        }
    }

    fn url<'t>(&'t self, body: &'t EventBody) -> Option<&'t str> {
        match self {
            Self::Endpoint(target) => Some(&target.endpoint.settings.url),
            Self::Callbacks { .. } => body.callback_url(),
        }
    }

    fn secrets(&self) -> &SigningSecrets {
        match self {
            Self::Endpoint(target) => &target.secrets,
            Self::Callbacks { secrets, .. } => secrets,
        }
    }

    fn headers(&self) -> Option<&HeaderMap> {
        match self {
            Self::Endpoint(target) => Some(&target.headers),
            Self::Callbacks { .. } => None,
        }
    }
}

/// Headers as they are sealed: a JSON object of strings.
fn headers_of(text: &[u8]) -> HeaderMap {
    let headers: Vec<(String, String)> = serde_json::from_slice(text).unwrap_or_default();
    let header = |(name, value): (String, String)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    };
    headers.into_iter().filter_map(header).collect()
}

/// Delivers an event once: what became of it, and how long the receiver asks to be left alone.
///
/// # Errors
/// Where the feed cannot say what it tells: nothing is sent then.
pub(crate) async fn deliver(
    shared: &Shared,
    queue: QueueId,
    target: &Arc<Target>,
    event: &FeedEvent,
    number: u8,
) -> Result<(Attempt, Option<Duration>), FeedError> {
    let (at, began) = (shared.now(), Instant::now());
    let name = target.name_for(event).unwrap_or_else(|| event.name.clone());
    let realm = target.realm();
    let body = shared.feed.body(realm, event, &shared.vault)?.called(name.clone());
    let rules = shared.client.rules();
    let destination = target.url(&body).ok_or(UrlFault::Malformed);
    let destination = destination.and_then(|url| Destination::parse(url, realm.mode, rules));
    let answer = match &destination {
        Err(_fault) => Answer::none(AttemptResult::Forbidden),
        Ok(destination) => {
            let body = Bytes::from(body.to_bytes());
            let head = head(target, event, &name, at, &body);
            let request = || request(destination, &head, body.clone());
            shared.client.send(destination, request).await
        }
    };
    let Answer { result, status, body, is_cut, retry_after } = answer;
    let sealed_body = match shared.sealer.seal(realm, SealedKind::AnswerBody, &body) {
        Ok(sealed) => sealed.0,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(?queue, error, "an answer's body is not kept");
            Box::default()
        }
    };
    let attempt = Attempt {
        id: delivery_id(at),
        event: event.id,
        event_name: name.into_owned().into(),
        number,
        at,
        elapsed_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
        result,
        status,
        is_cut,
        sealed_body,
    };
    Ok((attempt, retry_after))
}

/// What every try of a delivery says in its head.
fn head(target: &Target, event: &FeedEvent, name: &str, at: Timestamp, body: &[u8]) -> HeaderMap {
    let mut head = target.headers().cloned().unwrap_or_default();
    let id = event.id.to_string();
    let text = |text: &str| HeaderValue::try_from(text).expect("visible ASCII alone");
    let secrets = target.secrets().good_at(at);
    head.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.insert(USER_AGENT, AGENT);
    head.insert(WEBHOOK_SIGNATURE, text(&signature::standard(&secrets, &id, at, body)));
    if let Some(newest) = secrets.first() {
        head.insert(OLDER_SIGNATURE, text(&signature::older(newest, body)));
    }
    head.insert(WEBHOOK_ID, text(&id));
    head.insert(WEBHOOK_TIMESTAMP, at.as_seconds().into());
    head.insert(OLDER_EVENT, text(name));
    head
}

fn request(destination: &Destination, head: &HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = destination.path_and_query.parse().expect("a part of a parsed URL");
    *request.headers_mut() = head.clone();
    let host = HeaderValue::try_from(&*destination.authority).expect("a part of a parsed URL");
    request.headers_mut().insert(HOST, host);
    request
}
