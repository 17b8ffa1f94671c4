//! Endpoints, tries and queues as answers show them.

use serde::Serialize;
use tollgate_domain::{
    CallbackSecret, DeliveryId, EventFilter, FeedEventId, Mode, Timestamp, WebhookEndpoint,
    WebhookEndpointId,
};

use super::{id_text::IdText, time::Rfc3339};
use crate::webhook::{Attempt, DeadLetter, QueueStatus};

/// An endpoint, to be serialized. What it does not have is `null`.
#[derive(Serialize)]
pub(crate) struct EndpointBody<'e> {
    id: IdText<WebhookEndpointId>,
    object: &'static str,
    url: &'e str,
    description: Option<&'e str>,
    events: Vec<&'e str>,
    /// The names alone: values may be secrets.
    headers: Vec<String>,
    rate_per_s: Option<u32>,
    status: &'static str,
    disabled_reason: Option<&'static str>,
    disabled_at: Option<Rfc3339>,
    livemode: bool,
    previous_secret_expires_at: Option<Rfc3339>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
    /// Shown once: in the answer to its making.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'e str>,
}

impl<'e> EndpointBody<'e> {
    /// The endpoint; `headers` are the names of those that it adds.
    pub(crate) fn new(endpoint: &'e WebhookEndpoint, headers: Vec<String>) -> Self {
        let settings = &endpoint.settings;
        Self {
            id: IdText(endpoint.id),
            object: "webhook_endpoint",
            url: &settings.url,
            description: settings.description.as_deref(),
            events: settings.filters.iter().map(EventFilter::as_str).collect(),
            headers,
            rate_per_s: settings.rate_per_s.map(std::num::NonZeroU32::get),
            status: if endpoint.disabled.is_some() { "disabled" } else { "enabled" },
            disabled_reason: endpoint.disabled.map(|disabled| disabled.reason.as_str()),
            disabled_at: endpoint.disabled.map(|disabled| Rfc3339(disabled.at)),
            livemode: endpoint.mode == Mode::Live,
            previous_secret_expires_at: endpoint
                .previous_secret
                .as_ref()
                .map(|previous| Rfc3339(previous.until)),
            created_at: Rfc3339(endpoint.created_at),
            updated_at: Rfc3339(endpoint.updated_at),
            secret: None,
        }
    }

    /// The same with its secret.
    pub(crate) fn with_secret(self, secret: &'e str) -> Self {
        Self { secret: Some(secret), ..self }
    }
}

/// An endpoint that is no more.
#[derive(Serialize)]
pub(crate) struct DeletedEndpointBody {
    id: IdText<WebhookEndpointId>,
    object: &'static str,
    deleted: bool,
}

impl DeletedEndpointBody {
    pub(crate) fn new(id: WebhookEndpointId) -> Self {
        Self { id: IdText(id), object: "webhook_endpoint", deleted: true }
    }
}

/// The secret of a merchant's callbacks.
#[derive(Serialize)]
pub(crate) struct CallbackSecretBody<'s> {
    object: &'static str,
    secret: &'s str,
    previous_secret_expires_at: Option<Rfc3339>,
    livemode: bool,
}

impl<'s> CallbackSecretBody<'s> {
    pub(crate) fn new(secret: &'s str, known: CallbackSecret, mode: Mode) -> Self {
        Self {
            object: "webhook_secret",
            secret,
            previous_secret_expires_at: known.previous_until().map(Rfc3339),
            livemode: mode == Mode::Live,
        }
    }
}

/// One try to deliver an event.
#[derive(Serialize)]
pub(crate) struct AttemptBody {
    id: IdText<DeliveryId>,
    object: &'static str,
    event_id: IdText<FeedEventId>,
    event: String,
    number: u8,
    result: &'static str,
    status: Option<u16>,
    duration_ms: u32,
    response_body: Option<String>,
    response_truncated: bool,
    created_at: Rfc3339,
}

impl AttemptBody {
    /// The try, with what was answered as far as it is kept.
    pub(crate) fn new(attempt: &Attempt, response_body: Option<String>) -> Self {
        Self {
            id: IdText(attempt.id),
            object: "webhook_attempt",
            event_id: IdText(attempt.event),
            event: attempt.event_name.to_string(),
            number: attempt.number,
            result: attempt.result.as_str(),
            status: attempt.status,
            duration_ms: attempt.elapsed_ms,
            response_body,
            response_truncated: attempt.is_cut,
            created_at: Rfc3339(attempt.at),
        }
    }
}

/// An event that was given up.
#[derive(Serialize)]
pub(crate) struct DeadLetterBody {
    id: IdText<FeedEventId>,
    object: &'static str,
    event: String,
    sequence: u32,
    timestamp: Rfc3339,
    given_up_at: Rfc3339,
}

impl DeadLetterBody {
    pub(crate) fn new(letter: &DeadLetter) -> Self {
        let DeadLetter { event, given_up_at } = letter;
        Self {
            id: IdText(event.id),
            object: "dead_letter",
            event: event.name.to_string(),
            sequence: event.sequence,
            timestamp: Rfc3339(event.at),
            given_up_at: Rfc3339(*given_up_at),
        }
    }
}

/// How many events are delivered again.
#[derive(Serialize)]
pub(crate) struct RedeliveryBody {
    object: &'static str,
    events: usize,
    has_more: bool,
    /// Behind which event to go on, where there are more.
    next_after: Option<IdText<FeedEventId>>,
}

impl RedeliveryBody {
    pub(crate) fn new(events: usize, next_after: Option<FeedEventId>) -> Self {
        Self {
            object: "webhook_redelivery",
            events,
            has_more: next_after.is_some(),
            next_after: next_after.map(IdText),
        }
    }
}

/// How queues are.
#[derive(Serialize)]
pub(crate) struct QueueStatusBody {
    object: &'static str,
    queues: Vec<QueueBody>,
}

/// How one queue is.
#[derive(Serialize)]
pub(crate) struct QueueBody {
    name: String,
    depth: u64,
    oldest_age_seconds: Option<f64>,
    in_flight: usize,
    retries: usize,
    dead: usize,
}

impl QueueStatusBody {
    pub(crate) fn new(queues: Vec<QueueBody>) -> Self {
        Self { object: "queue_status", queues }
    }
}

impl QueueBody {
    /// A queue of deliveries.
    pub(crate) fn of_webhooks(name: String, status: &QueueStatus, now: Timestamp) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "an age in milliseconds is far below 2^52")]
        let age = status.oldest.map(|oldest| now.since(oldest).0 as f64 / 1_000.0);
        Self {
            name,
            depth: status.depth,
            oldest_age_seconds: age,
            in_flight: status.in_flight,
            retries: status.retries,
            dead: status.dead,
        }
    }

    /// A queue of the gateway's own, whose work is never given up or put off.
    pub(crate) fn internal(
        name: &str,
        depth: usize,
        oldest: Option<std::time::Duration>,
        in_flight: usize,
    ) -> Self {
        Self {
            name: name.to_owned(),
            depth: depth as u64,
            oldest_age_seconds: oldest.map(|age| age.as_secs_f64()),
            in_flight,
            retries: 0,
            dead: 0,
        }
    }
}

/// A page of the feed: oldest first, from a place on.
#[derive(Serialize)]
pub(crate) struct EventPageBody<'u, E> {
    object: &'static str,
    data: Vec<E>,
    has_more: bool,
    url: &'u str,
    /// From where to ask for what comes; `null` while there is nothing.
    next_after: Option<String>,
}

impl<'u, E> EventPageBody<'u, E> {
    pub(crate) fn new(
        data: Vec<E>,
        has_more: bool,
        url: &'u str,
        next_after: Option<String>,
    ) -> Self {
        Self { object: "list", data, has_more, url, next_after }
    }
}
