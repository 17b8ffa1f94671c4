//! Events, endpoints and deliveries.

use utoipa::ToSchema;

use super::{
    payment::ListObject,
    values::{
        DeliveryId, EventData, EventId, HeaderTexts, Time, WebhookEndpointId, WebhookReceiver,
        WrittenTime,
    },
};

/// Something that has happened.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Event {
    id: EventId,
    #[schema(examples("payment.completed"))]
    event: String,
    /// Counts the events of the payment; of two, the later one has the higher number.
    #[schema(minimum = 0)]
    sequence: i64,
    timestamp: Time,
    /// What it happened to, as it stood then.
    data: EventData,
}

/// A page of events in an envelope, newest first.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicEventPageAnswer {
    /// Always true.
    success: bool,
    data: ClassicEventPage,
}

#[derive(ToSchema)]
struct ClassicEventPage {
    events: Vec<ClassicEvent>,
    /// How many events are kept.
    #[schema(minimum = 0)]
    total: i64,
    #[schema(minimum = 1, maximum = 100)]
    limit: i64,
    #[schema(minimum = 0)]
    offset: i64,
}

/// Something that has happened, in the words of classic answers.
#[derive(ToSchema)]
struct ClassicEvent {
    #[serde(rename = "eventID")]
    event_id: EventId,
    #[schema(examples("payment.completed"))]
    event: String,
    /// Counts the events of the payment; of two, the later one has the higher number.
    #[schema(minimum = 0)]
    sequence: i64,
    timestamp: Time,
    /// What it happened to, as it stood then.
    data: EventData,
}

/// A page of the feed, oldest first.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct EventPage {
    object: ListObject,
    data: Vec<Event>,
    has_more: bool,
    url: String,
    /// From where to ask for what comes.
    #[schema(required = true)]
    next_after: Option<EventId>,
}

/// What an endpoint's owner wants of it. What is absent stays as it is, or has its default.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct WebhookRequest {
    /// Needed where an endpoint is created.
    #[schema(max_length = 2048, examples("https://shop.example/hooks"))]
    url: Option<String>,
    /// Empty for none.
    #[schema(max_length = 256)]
    description: Option<String>,
    /// `*`, names, or `payment.*`; everything if it is not said.
    #[schema(min_items = 1, max_items = 50)]
    events: Option<Vec<String>>,
    headers: Option<HeaderTexts>,
    /// Deliveries a second at the most; 0 for any.
    #[schema(minimum = 0, maximum = 10_000)]
    rate_per_s: Option<i64>,
    /// Where an endpoint is created: its secret, `whsec_` and the base64 of 24 to 64 bytes; drawn if
    /// it is not said.
    secret: Option<String>,
    /// Where an endpoint is changed: whether it gets anything.
    status: Option<WebhookStatus>,
}

/// A secret to put in another's place; drawn if it is not said.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct SecretRequest {
    secret: Option<String>,
}

/// An event to send that did not happen.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct TestRequest {
    /// Its name; `webhook.test` if it is not said.
    #[schema(examples("payment.completed"))]
    event: Option<String>,
}

/// To whom an event is delivered again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct EventResendRequest {
    /// Every enabled endpoint that wants it and the payment's own address, if it is not said.
    endpoint_id: Option<WebhookReceiver>,
}

/// Which events are delivered again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct RecoverRequest {
    /// Those from here on; needed but where dead letters are asked for.
    since: Option<WrittenTime>,
    /// Those before; all if it is not said.
    until: Option<WrittenTime>,
    /// Those behind this event: where one request was not enough.
    after: Option<EventId>,
    /// Those alone that were given up.
    dead_letters: Option<bool>,
}

/// An endpoint.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct WebhookEndpoint {
    id: WebhookEndpointId,
    object: EndpointObject,
    url: String,
    #[schema(required = true)]
    description: Option<String>,
    events: Vec<String>,
    /// The names of its own headers.
    headers: Vec<String>,
    #[schema(required = true)]
    rate_per_s: Option<i64>,
    status: WebhookStatus,
    #[schema(required = true)]
    disabled_reason: Option<DisabledReason>,
    #[schema(required = true)]
    disabled_at: Option<Time>,
    livemode: bool,
    #[schema(required = true)]
    previous_secret_expires_at: Option<Time>,
    created_at: Time,
    updated_at: Time,
    /// There in the answer to its making alone.
    secret: Option<String>,
}

/// A page of endpoints.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct WebhookEndpointList {
    object: ListObject,
    data: Vec<WebhookEndpoint>,
    has_more: bool,
    url: String,
}

/// An endpoint that is no more.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct DeletedWebhookEndpoint {
    id: WebhookEndpointId,
    object: EndpointObject,
    /// Always true.
    deleted: bool,
}

/// The secret by which the callbacks of a merchant's payments are signed.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct CallbackSecret {
    object: SecretObject,
    secret: String,
    /// Until when the one before is signed with as well; `null` where there was none.
    #[schema(required = true)]
    previous_secret_expires_at: Option<Time>,
    livemode: bool,
}

/// One try to deliver an event.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct WebhookAttempt {
    id: DeliveryId,
    object: AttemptObject,
    event_id: EventId,
    event: String,
    #[schema(minimum = 1)]
    number: i32,
    result: AttemptResult,
    /// What was answered, where anything was.
    #[schema(required = true)]
    status: Option<i32>,
    #[schema(minimum = 0)]
    duration_ms: i64,
    /// The first 20,000 bytes of the answer's body.
    #[schema(required = true)]
    response_body: Option<String>,
    response_truncated: bool,
    created_at: Time,
}

/// A page of tries.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct WebhookAttemptList {
    object: ListObject,
    data: Vec<WebhookAttempt>,
    has_more: bool,
    url: String,
}

/// An event that was given up after the whole schedule.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct DeadLetter {
    /// The event's.
    id: EventId,
    object: DeadLetterObject,
    event: String,
    #[schema(minimum = 1)]
    sequence: i64,
    /// When it happened.
    timestamp: Time,
    given_up_at: Time,
}

/// A page of events that were given up.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct DeadLetterList {
    object: ListObject,
    data: Vec<DeadLetter>,
    has_more: bool,
    url: String,
}

/// How many events are delivered again.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct WebhookRedelivery {
    object: RedeliveryObject,
    #[schema(minimum = 0)]
    events: i64,
    has_more: bool,
    /// Behind which event to go on, where there are more.
    #[schema(required = true)]
    next_after: Option<EventId>,
}

/// How queues are.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct QueueStatus {
    object: QueueStatusObject,
    queues: Vec<Queue>,
}

#[derive(ToSchema)]
struct Queue {
    /// An endpoint's id, `callbacks`, or what waits in the gateway.
    name: String,
    #[schema(minimum = 0)]
    depth: i64,
    #[schema(required = true)]
    oldest_age_seconds: Option<f64>,
    #[schema(minimum = 0)]
    in_flight: i64,
    /// Events that wait to be tried again, up to 100,000.
    #[schema(minimum = 0)]
    retries: i64,
    /// Events that were given up, up to 100,000.
    #[schema(minimum = 0)]
    dead: i64,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum WebhookStatus {
    Enabled,
    Disabled,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum DisabledReason {
    Requested,
    Gone,
    Failing,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum AttemptResult {
    Delivered,
    Refused,
    Redirected,
    Gone,
    AddressForbidden,
    NameNotResolved,
    ConnectionFailed,
    TlsFailed,
    TimedOut,
    ConnectionBroken,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum EndpointObject {
    WebhookEndpoint,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum SecretObject {
    WebhookSecret,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum AttemptObject {
    WebhookAttempt,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeadLetterObject {
    DeadLetter,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum RedeliveryObject {
    WebhookRedelivery,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum QueueStatusObject {
    QueueStatus,
}
