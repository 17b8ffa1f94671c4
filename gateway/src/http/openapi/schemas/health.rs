//! Probes.

use utoipa::ToSchema;

/// The gateway's components, each with how it is.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Health {
    status: Status,
    version: String,
    components: Components,
}

/// Whether payments are taken.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Ready {
    ready: bool,
    status: Status,
}

/// How something is: it works, replays its log, finishes what it has, works but takes no new
/// payments, or has failed.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Up,
    Starting,
    Draining,
    Full,
    Down,
}

#[derive(ToSchema)]
struct Components {
    http: Component,
    engine: EngineComponent,
    log: LogComponent,
    storage: Component,
    vault: Component,
    event_feed: Component,
    views: ViewsComponent,
    archive: Component,
    providers: ProvidersComponent,
}

#[derive(ToSchema)]
struct Component {
    status: Status,
}

#[derive(ToSchema)]
struct EngineComponent {
    status: Status,
    #[schema(minimum = 0)]
    shards: i32,
    #[schema(minimum = 0)]
    in_flight: i64,
    #[schema(minimum = 0)]
    mailbox_depth: i64,
    #[schema(minimum = 0)]
    unknown_outcomes: i64,
    #[schema(minimum = 0)]
    oldest_unknown_outcome_ms: i64,
    #[schema(minimum = 0)]
    open_exceptions: i64,
    #[schema(minimum = 0)]
    oldest_exception_ms: i64,
    #[schema(minimum = 0)]
    merchants: i64,
}

#[derive(ToSchema)]
struct LogComponent {
    status: Status,
    #[schema(minimum = 0)]
    queue_depth: i64,
    #[schema(minimum = 0)]
    durable_lag_ms: i64,
}

#[derive(ToSchema)]
struct ViewsComponent {
    status: Status,
    /// Records of the log that lists do not show yet.
    #[schema(minimum = 0)]
    lag_records: i64,
    #[schema(minimum = 0)]
    lag_ms: i64,
}

#[derive(ToSchema)]
struct ProvidersComponent {
    status: Status,
    #[schema(minimum = 0)]
    calls_in_flight: i64,
}
