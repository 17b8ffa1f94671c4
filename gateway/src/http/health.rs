//! Probes: is each component well, and may traffic come.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use hyper::StatusCode;
use serde::Serialize;

use super::{respond, state::Gateway};

#[derive(Serialize)]
struct HealthBody {
    status: Status,
    version: &'static str,
    components: Components,
}

#[derive(Serialize)]
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

#[derive(Serialize)]
struct Component {
    status: Status,
}

#[derive(Serialize)]
struct EngineComponent {
    status: Status,
    shards: u16,
    in_flight: usize,
    mailbox_depth: usize,
    unknown_outcomes: usize,
    oldest_unknown_outcome_ms: u64,
    open_exceptions: usize,
    oldest_exception_ms: u64,
    merchants: usize,
}

#[derive(Serialize)]
struct LogComponent {
    status: Status,
    queue_depth: usize,
    durable_lag_ms: u64,
}

#[derive(Serialize)]
struct ViewsComponent {
    status: Status,
    lag_records: u64,
    lag_ms: u64,
}

#[derive(Serialize)]
struct ProvidersComponent {
    status: Status,
    calls_in_flight: usize,
}

#[derive(Serialize)]
struct ReadyBody {
    ready: bool,
    status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// Works.
    Up,
    /// Replays its log.
    Starting,
    /// Finishes what it has, and takes nothing new.
    Draining,
    /// Works, but takes no new payments.
    Full,
    /// Has failed.
    Down,
}

/// `GET /health`: every component. 503 where one has failed; a start or a drain is no failure.
pub(super) async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
    let body = HealthBody::of(&gateway);
    let status = match body.status {
        Status::Down => StatusCode::SERVICE_UNAVAILABLE,
        Status::Up | Status::Starting | Status::Draining | Status::Full => StatusCode::OK,
    };
    respond::json(status, &body)
}

/// `GET /ready`: 200 while payments are taken, else 503.
pub(super) async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    let status = HealthBody::of(&gateway).status;
    let code = match status {
        Status::Up => StatusCode::OK,
        Status::Starting | Status::Draining | Status::Full | Status::Down => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    respond::json(code, &ReadyBody { ready: status == Status::Up, status })
}

impl HealthBody {
    fn of(gateway: &Gateway) -> Self {
        let http = if gateway.is_draining() { Status::Draining } else { Status::Up };
        let Some(serving) = gateway.try_serving() else {
            return Self::starting(http);
        };
        let health = serving.engine.health();
        let log = if health.poisoned { Status::Down } else { Status::Up };
        let storage = if health.has_room { Status::Up } else { Status::Full };
        let vault = if serving.vault.has_failed() { Status::Down } else { Status::Up };
        let event_feed = if serving.feed.has_failed() { Status::Down } else { Status::Up };
        let status = match (log, http, storage) {
            (Status::Down, _, _) => Status::Down,
            (_, Status::Draining, _) => Status::Draining,
            _ if vault == Status::Down || event_feed == Status::Down => Status::Down,
            (_, _, storage) => storage,
        };
        Self {
            status,
            version: env!("CARGO_PKG_VERSION"),
            components: Components {
                http: Component { status: http },
                engine: EngineComponent {
                    status: log,
                    shards: health.shards,
                    in_flight: health.in_flight,
                    mailbox_depth: health.mailbox_depth,
                    unknown_outcomes: health.unknown,
                    oldest_unknown_outcome_ms: health.oldest_unknown.0,
                    open_exceptions: health.open_cases,
                    oldest_exception_ms: health.oldest_case.0,
                    merchants: serving.engine.control().merchant_count(),
                },
                log: LogComponent {
                    status: log,
                    queue_depth: health.queue_depth,
                    durable_lag_ms: u64::try_from(health.durable_lag.as_millis())
                        .unwrap_or(u64::MAX),
                },
                storage: Component { status: storage },
                vault: Component { status: vault },
                event_feed: Component { status: event_feed },
                // Payments go on without lists, so that the whole is not down with the views.
                views: ViewsComponent {
                    status: if serving.views.has_failed() { Status::Down } else { Status::Up },
                    lag_records: serving.views.waiting(),
                    lag_ms: u64::try_from(serving.views.lag().as_millis()).unwrap_or(u64::MAX),
                },
                // Nor with the archive: what would leave for it stays in memory.
                archive: Component {
                    status: if health.archive_failed { Status::Down } else { Status::Up },
                },
                providers: ProvidersComponent {
                    status: Status::Up,
                    calls_in_flight: health.provider_calls,
                },
            },
        }
    }

    fn starting(http: Status) -> Self {
        let status = Status::Starting;
        Self {
            status,
            version: env!("CARGO_PKG_VERSION"),
            components: Components {
                http: Component { status: http },
                engine: EngineComponent {
                    status,
                    shards: 0,
                    in_flight: 0,
                    mailbox_depth: 0,
                    unknown_outcomes: 0,
                    oldest_unknown_outcome_ms: 0,
                    open_exceptions: 0,
                    oldest_exception_ms: 0,
                    merchants: 0,
                },
                log: LogComponent { status, queue_depth: 0, durable_lag_ms: 0 },
                storage: Component { status },
                vault: Component { status },
                event_feed: Component { status },
                views: ViewsComponent { status, lag_records: 0, lag_ms: 0 },
                archive: Component { status },
                providers: ProvidersComponent { status, calls_in_flight: 0 },
            },
        }
    }
}
