//! Every metric: its name, unit, labels and help text, and the handles that feed it.
//!
//! Names begin with `tollgate_`, units are base units, counters end in `_total`. Handles are made
//! once and kept, so that counting formats nothing. Labels have few values: no id, no key, no path
//! that a client chose ever becomes one.

mod series;
mod storage;

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use hyper::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_process::Collector;
use parking_lot::RwLock;
use tollgate_domain::{Currency, Mode, Payment, PaymentStatus, ProviderId, Timestamp};
use tollgate_engine::{Engine, EngineHealth, GroupObservation, Observer, SnapshotObservation};

use self::series::Series;
use crate::{
    http::{RefusalCounters, Route},
    provider::Instrument,
    webhook::{Attempt, AttemptResult, QueueStatus},
};

const REQUESTS: Series = Series::counter(
    "tollgate_requests_total",
    "Requests answered, by route template, method and status.",
);
const REQUEST_DURATION: Series = Series::seconds(
    "tollgate_request_duration_seconds",
    "From the request's head to the answer's, by route template.",
);
const REQUESTS_IN_FLIGHT: Series =
    Series::gauge("tollgate_requests_in_flight", "Requests being answered.");
const CONNECTIONS: Series = Series::gauge("tollgate_connections", "Open connections to the API.");
const PANICS: Series = Series::counter(
    "tollgate_handler_panics_total",
    "Requests whose handler panicked; each was answered 500.",
);
const RATE_LIMITED: Series = Series::counter(
    "tollgate_rate_limited_total",
    "Requests refused by a rate limit, by limit: the API key's requests, or the address's failed authentications.",
);
const CALLBACKS: Series = Series::counter(
    "tollgate_provider_callbacks_total",
    "Callbacks of providers, by result: accepted, repeated, parked (for no payment of ours), unmatched (the same, without room) or refused.",
);
const CALLBACKS_PARKED: Series = Series::gauge(
    "tollgate_provider_callbacks_parked",
    "Callbacks of providers that wait for the payment that they are about.",
);
const PAYMENTS: Series = Series::counter(
    "tollgate_payments_total",
    "Payments created, by method, currency and the status of the first answer.",
);
const PAYMENT_DURATION: Series = Series::seconds(
    "tollgate_payment_processing_duration_seconds",
    "From the request to the payment's first answer, by method and provider.",
);
const PAYMENTS_UNKNOWN: Series = Series::counter(
    "tollgate_payments_unknown_total",
    "Payments first answered with an outcome that is not known.",
);
const REPLAYS: Series = Series::counter(
    "tollgate_idempotent_replays_total",
    "Requests answered from an earlier one with the same idempotency key.",
);
const COMMANDS_IN_FLIGHT: Series =
    Series::gauge("tollgate_commands_in_flight", "Commands from outside that the engine holds.");
const PROVIDER_CALLS: Series =
    Series::gauge("tollgate_provider_calls_in_flight", "Provider calls without an answer yet.");
const LOG_QUEUE: Series =
    Series::gauge("tollgate_log_queue_depth", "Records that wait to become durable.");
const LOG_ROOM: Series =
    Series::gauge("tollgate_log_has_room", "1 while the disk has room for new payments, else 0.");
const LOG_FAILED: Series = Series::gauge("tollgate_log_failed", "1 once the log has failed.");
const LOG_RECORDS: Series = Series::counter("tollgate_log_records_total", "Records made durable.");
const LOG_FRAMES: Series = Series::counter("tollgate_log_frames_total", "Frames made durable.");
const LOG_BYTES: Series =
    Series::counter("tollgate_log_bytes_total", "Bytes made durable, of each copy.");
const LOG_GROUP: Series = Series::sizes(
    "tollgate_log_group_records",
    "Records of a group that was made durable at once.",
);
const LOG_COMMIT: Series =
    Series::seconds("tollgate_log_commit_seconds", "How long a group took to become durable.");
const LOG_SYNC: Series = Series::seconds(
    "tollgate_log_sync_seconds",
    "How long the disk took to make a group durable, by copy; both are written at the same time.",
);
const LOG_LAG: Series = Series::gauge(
    "tollgate_log_durable_lag_seconds",
    "How long the oldest record that is not durable yet has waited, at most.",
);
const MAILBOX: Series = Series::gauge(
    "tollgate_mailbox_depth",
    "Commands, outcomes and reads that wait for their shard.",
);
const PAYMENTS_HELD: Series = Series::gauge("tollgate_payments_in_memory", "Payments in memory.");
const PAYMENTS_ARCHIVED: Series = Series::gauge(
    "tollgate_payments_archived",
    "Payments that have left memory and are read from the archive.",
);
const ARCHIVE_FAILED: Series = Series::gauge(
    "tollgate_archive_failed",
    "1 once payments and orders stay in memory, because the archive has failed, until the next start.",
);
const PAYMENTS_RECALLED: Series = Series::gauge(
    "tollgate_payments_recalled",
    "Payments that have come back from the archive since the start, because something was done to them.",
);
const ORDERS_HELD: Series = Series::gauge("tollgate_orders_in_memory", "Orders in memory.");
const ORDERS_ARCHIVED: Series = Series::gauge(
    "tollgate_orders_archived",
    "Orders that have left memory and are read from the archive.",
);
const ORDERS_RECALLED: Series = Series::gauge(
    "tollgate_orders_recalled",
    "Orders that have come back from the archive since the start, because they or a payment of theirs were wanted.",
);
const KEYS_HELD: Series =
    Series::gauge("tollgate_idempotency_keys", "Idempotency keys that are remembered.");
const UNKNOWN: Series = Series::gauge(
    "tollgate_unknown_outcomes",
    "Payments whose outcome is not known; each is inquired about until it is.",
);
const UNKNOWN_AGE: Series = Series::gauge(
    "tollgate_unknown_outcome_oldest_age_seconds",
    "For how long the oldest unknown outcome has been unknown; 0 where there is none.",
);
const EXCEPTIONS: Series = Series::gauge(
    "tollgate_exceptions_open",
    "Payments about which an operator has to decide: what a provider reports against our bounds, or \
     against its own word.",
);
const EXCEPTIONS_AGE: Series = Series::gauge(
    "tollgate_exception_oldest_age_seconds",
    "For how long the oldest of them has waited; 0 where there is none.",
);
const IMBALANCE: Series = Series::gauge(
    "tollgate_ledger_imbalance_minor_units",
    "By how much debits and credits differ, by mode and currency; anything but 0 is a bug.",
);
const STORE_BYTES: Series =
    Series::gauge("tollgate_store_bytes", "Bytes in the data directory, by part.");
const BUILD: Series = Series::gauge("tollgate_build_info", "1, with the version as a label.");
const RECOVERY: Series =
    Series::gauge("tollgate_recovery_seconds", "How long the last start's replay took.");
const SNAPSHOTS: Series =
    Series::counter("tollgate_snapshots_total", "Snapshots made, by whether they are good.");
const SNAPSHOT_DURATION: Series = Series::gauge(
    "tollgate_snapshot_seconds",
    "How long the last snapshot took, in the background.",
);
const SNAPSHOT_RECORDS: Series =
    Series::gauge("tollgate_snapshot_records", "Records that the last snapshot stands for.");
const VAULT_KEYS: Series =
    Series::gauge("tollgate_vault_keys", "Keys of persons whose personal data is sealed.");
const VAULT_KEYS_AHEAD: Series = Series::gauge(
    "tollgate_vault_keys_ahead",
    "Keys that are durable and wait for the next person.",
);
const KEY_ASSIGNMENT: Series = Series::seconds(
    "tollgate_vault_key_assignment_seconds",
    "How long a person's first payment waited for a key.",
);
const KEY_ERASURES: Series =
    Series::counter("tollgate_vault_erasures_total", "Persons whose key was erased.");
const EVENTS: Series =
    Series::counter("tollgate_events_total", "Events that were taken into the feed.");
const EVENTS_EXPIRED: Series =
    Series::counter("tollgate_events_expired_total", "Events that were removed for their age.");
const READERS: Series = Series::gauge(
    "tollgate_event_readers",
    "Clients that are told events as they happen, by what they are told over.",
);
const READERS_CUT: Series = Series::counter(
    "tollgate_event_readers_cut_total",
    "Clients that were told events as they happen and were cut because they took nothing, by what \
     they were told over.",
);
const DELIVERIES: Series =
    Series::counter("tollgate_webhook_deliveries_total", "Tries to deliver an event, by result.");
const DELIVERY_DURATION: Series = Series::seconds(
    "tollgate_webhook_delivery_duration_seconds",
    "How long a try to deliver an event took.",
);
const DELIVERY_TRIES: Series = Series::sizes(
    "tollgate_webhook_delivery_tries",
    "After how many tries an event was delivered.",
);
const WEBHOOK_BACKLOG: Series = Series::gauge(
    "tollgate_webhook_backlog_events",
    "Events that queues of deliveries have not looked at, counted in each queue.",
);
const WEBHOOK_RETRIES: Series =
    Series::gauge("tollgate_webhook_retries", "Events that wait to be tried again.");
const WEBHOOK_DEAD: Series =
    Series::gauge("tollgate_webhook_dead_events", "Events that were given up after all tries.");
const WEBHOOK_AGE: Series = Series::gauge(
    "tollgate_webhook_oldest_age_seconds",
    "How old the oldest event is that is not delivered; 0 where there is none.",
);
const WEBHOOKS_DISABLED: Series =
    Series::gauge("tollgate_webhook_endpoints_disabled", "Endpoints that get nothing.");
const VIEW_LAG: Series = Series::gauge(
    "tollgate_view_lag_records",
    "Records of the log that the views have not taken in.",
);
const VIEW_LAG_SECONDS: Series = Series::gauge(
    "tollgate_view_lag_seconds",
    "For how long the records have waited that the views are taking in; 0 where there are none.",
);
const VIEWS_FAILED: Series =
    Series::gauge("tollgate_views_failed", "1 once lists are refused until the next start.");
const UNREADABLE: Series = Series::counter(
    "tollgate_vault_unreadable_total",
    "Times that sealed data did not open although its key is there; damage, or a bug.",
);

const ALL: &[&Series] = &[
    &REQUESTS,
    &REQUEST_DURATION,
    &REQUESTS_IN_FLIGHT,
    &CONNECTIONS,
    &PANICS,
    &RATE_LIMITED,
    &CALLBACKS,
    &CALLBACKS_PARKED,
    &PAYMENTS,
    &PAYMENT_DURATION,
    &PAYMENTS_UNKNOWN,
    &REPLAYS,
    &COMMANDS_IN_FLIGHT,
    &PROVIDER_CALLS,
    &LOG_QUEUE,
    &LOG_ROOM,
    &LOG_FAILED,
    &LOG_RECORDS,
    &LOG_FRAMES,
    &LOG_BYTES,
    &LOG_GROUP,
    &LOG_COMMIT,
    &LOG_SYNC,
    &LOG_LAG,
    &MAILBOX,
    &PAYMENTS_HELD,
    &PAYMENTS_ARCHIVED,
    &ARCHIVE_FAILED,
    &PAYMENTS_RECALLED,
    &ORDERS_HELD,
    &ORDERS_ARCHIVED,
    &ORDERS_RECALLED,
    &KEYS_HELD,
    &UNKNOWN,
    &UNKNOWN_AGE,
    &EXCEPTIONS,
    &EXCEPTIONS_AGE,
    &IMBALANCE,
    &STORE_BYTES,
    &BUILD,
    &RECOVERY,
    &SNAPSHOTS,
    &SNAPSHOT_DURATION,
    &SNAPSHOT_RECORDS,
    &VAULT_KEYS,
    &VAULT_KEYS_AHEAD,
    &KEY_ASSIGNMENT,
    &KEY_ERASURES,
    &UNREADABLE,
    &VIEW_LAG,
    &VIEW_LAG_SECONDS,
    &VIEWS_FAILED,
    &EVENTS,
    &EVENTS_EXPIRED,
    &READERS,
    &READERS_CUT,
    &DELIVERIES,
    &DELIVERY_DURATION,
    &DELIVERY_TRIES,
    &WEBHOOK_BACKLOG,
    &WEBHOOK_RETRIES,
    &WEBHOOK_DEAD,
    &WEBHOOK_AGE,
    &WEBHOOKS_DISABLED,
];

/// How often gathered samples are folded into their histograms. Until then they take memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// How often the data directory is walked through.
const STORAGE_EVERY: Duration = Duration::from_secs(15);

/// The statuses that this gateway answers with; any other is counted as the last.
const STATUSES: [u16; 22] = [
    200, 201, 202, 204, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 414, 415, 422, 429, 431,
    500, 503, 0,
];

/// The methods that are told apart; any other is counted as the last.
const METHODS: [&str; 4] = ["GET", "POST", "DELETE", "OTHER"];

/// What a payment method is called in labels.
type PaymentMethodName = &'static str;

/// Handles by their labels: a short list, for merchants sell in few currencies, and a walk is cheaper
/// than a hash.
type Handles<K, H> = RwLock<Vec<(K, H)>>;

/// All metrics of a process.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    exporter: PrometheusHandle,
    requests: [[[OnceLock<Counter>; STATUSES.len()]; METHODS.len()]; Route::COUNT],
    request_duration: [Histogram; Route::COUNT],
    pub(crate) requests_in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) panics: Counter,
    pub(crate) rate_limited: RefusalCounters,
    pub(crate) callbacks: CallbackCounters,
    payments: Handles<(PaymentMethodName, PaymentStatus, Currency), Counter>,
    payment_duration: Handles<(PaymentMethodName, ProviderId), Histogram>,
    payments_unknown: Counter,
    replays: Counter,
    imbalances: Handles<(Mode, Currency), Gauge>,
    store_bytes: [Gauge; storage::PARTS.len() + 1],
    process: Collector,
    engine: EngineGauges,
    log: LogMetrics,
    recovery: Gauge,
    snapshots: SnapshotMetrics,
    pub(crate) vault: VaultMetrics,
    pub(crate) feed: FeedMetrics,
    pub(crate) webhooks: WebhookMetrics,
    pub(crate) views: ViewMetrics,
}

/// How callbacks of providers fared.
pub(crate) struct CallbackCounters {
    pub(crate) accepted: Counter,
    pub(crate) repeated: Counter,
    pub(crate) parked: Counter,
    pub(crate) unmatched: Counter,
    pub(crate) refused: Counter,
    /// How many are parked now.
    pub(crate) waiting: Gauge,
}

/// What the vault counts.
#[derive(Clone)]
pub(crate) struct VaultMetrics {
    pub(crate) held: Gauge,
    pub(crate) ahead: Gauge,
    pub(crate) assignment: Histogram,
    pub(crate) erasures: Counter,
    pub(crate) unreadable: Counter,
}

/// What the event feed counts.
#[derive(Clone)]
pub(crate) struct FeedMetrics {
    pub(crate) events: Counter,
    pub(crate) expired: Counter,
    pub(crate) streams: ReaderMetrics,
    pub(crate) sockets: ReaderMetrics,
}

/// What is counted of those who are told events as they happen.
#[derive(Clone)]
pub(crate) struct ReaderMetrics {
    pub(crate) open: Gauge,
    pub(crate) cut: Counter,
}

/// How far the views are behind the log.
pub(crate) struct ViewMetrics {
    pub(crate) lag_records: Gauge,
    pub(crate) lag_seconds: Gauge,
    pub(crate) failed: Gauge,
}

/// What deliveries count.
#[derive(Clone)]
pub(crate) struct WebhookMetrics {
    /// By result, in the order of [`AttemptResult::ALL`].
    results: Vec<Counter>,
    duration: Histogram,
    tries: Histogram,
    backlog: Gauge,
    retries: Gauge,
    dead: Gauge,
    oldest_age: Gauge,
    disabled: Gauge,
}

struct EngineGauges {
    in_flight: Gauge,
    provider_calls: Gauge,
    queue_depth: Gauge,
    has_room: Gauge,
    failed: Gauge,
    durable_lag: Gauge,
    mailbox: Gauge,
    payments: Gauge,
    archived: Gauge,
    archive_failed: Gauge,
    recalled: Gauge,
    orders: Gauge,
    archived_orders: Gauge,
    recalled_orders: Gauge,
    idempotency_keys: Gauge,
    unknown: Gauge,
    oldest_unknown: Gauge,
    open_cases: Gauge,
    oldest_case: Gauge,
}

struct LogMetrics {
    records: Counter,
    frames: Counter,
    bytes: Counter,
    group_records: Histogram,
    commit: Histogram,
    journal_sync: Histogram,
    sled_sync: Histogram,
}

struct SnapshotMetrics {
    made: Counter,
    failed: Counter,
    elapsed: Gauge,
    records: Gauge,
}

impl Metrics {
    /// Registers every metric.
    pub(crate) fn new() -> Arc<Self> {
        let mut builder = PrometheusBuilder::new();
        for series in ALL {
            if let Some(buckets) = series.buckets() {
                builder = builder
                    .set_buckets_for_metric(series.matcher(), buckets)
                    .expect("the lists of buckets are not empty");
            }
        }
        let recorder = builder.build_recorder();
        for series in ALL {
            series.describe(&recorder);
        }
        BUILD.register_gauge(&recorder, &[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
        let readers = |over| ReaderMetrics {
            open: READERS.register_gauge(&recorder, &[("over", over)]),
            cut: READERS_CUT.register_counter(&recorder, &[("over", over)]),
        };
        let metrics = Self {
            exporter: recorder.handle(),
            imbalances: RwLock::default(),
            store_bytes: std::array::from_fn(|part| {
                let part = storage::PARTS.get(part).map_or("other", |(name, _folder)| name);
                STORE_BYTES.register_gauge(&recorder, &[("part", part)])
            }),
            process: Collector::default(),
            // `Default` is there for arrays of up to 32.
            requests: std::array::from_fn(|_route| Default::default()),
            request_duration: Route::ALL.map(|route| {
                REQUEST_DURATION.register_histogram(&recorder, &[("route", route.template())])
            }),
            requests_in_flight: REQUESTS_IN_FLIGHT.register_gauge(&recorder, &[]),
            connections: CONNECTIONS.register_gauge(&recorder, &[]),
            panics: PANICS.register_counter(&recorder, &[]),
            rate_limited: RefusalCounters {
                keys: RATE_LIMITED.register_counter(&recorder, &[("limit", "api_key")]),
                addresses: RATE_LIMITED
                    .register_counter(&recorder, &[("limit", "failed_authentication")]),
            },
            callbacks: {
                let of = |result| CALLBACKS.register_counter(&recorder, &[("result", result)]);
                CallbackCounters {
                    accepted: of("accepted"),
                    repeated: of("repeated"),
                    parked: of("parked"),
                    unmatched: of("unmatched"),
                    refused: of("refused"),
                    waiting: CALLBACKS_PARKED.register_gauge(&recorder, &[]),
                }
            },
            payments: RwLock::default(),
            payment_duration: RwLock::default(),
            payments_unknown: PAYMENTS_UNKNOWN.register_counter(&recorder, &[]),
            replays: REPLAYS.register_counter(&recorder, &[]),
            engine: EngineGauges {
                in_flight: COMMANDS_IN_FLIGHT.register_gauge(&recorder, &[]),
                provider_calls: PROVIDER_CALLS.register_gauge(&recorder, &[]),
                queue_depth: LOG_QUEUE.register_gauge(&recorder, &[]),
                has_room: LOG_ROOM.register_gauge(&recorder, &[]),
                failed: LOG_FAILED.register_gauge(&recorder, &[]),
                durable_lag: LOG_LAG.register_gauge(&recorder, &[]),
                mailbox: MAILBOX.register_gauge(&recorder, &[]),
                payments: PAYMENTS_HELD.register_gauge(&recorder, &[]),
                archived: PAYMENTS_ARCHIVED.register_gauge(&recorder, &[]),
                archive_failed: ARCHIVE_FAILED.register_gauge(&recorder, &[]),
                recalled: PAYMENTS_RECALLED.register_gauge(&recorder, &[]),
                orders: ORDERS_HELD.register_gauge(&recorder, &[]),
                archived_orders: ORDERS_ARCHIVED.register_gauge(&recorder, &[]),
                recalled_orders: ORDERS_RECALLED.register_gauge(&recorder, &[]),
                idempotency_keys: KEYS_HELD.register_gauge(&recorder, &[]),
                unknown: UNKNOWN.register_gauge(&recorder, &[]),
                oldest_unknown: UNKNOWN_AGE.register_gauge(&recorder, &[]),
                open_cases: EXCEPTIONS.register_gauge(&recorder, &[]),
                oldest_case: EXCEPTIONS_AGE.register_gauge(&recorder, &[]),
            },
            log: LogMetrics {
                records: LOG_RECORDS.register_counter(&recorder, &[]),
                frames: LOG_FRAMES.register_counter(&recorder, &[]),
                bytes: LOG_BYTES.register_counter(&recorder, &[]),
                group_records: LOG_GROUP.register_histogram(&recorder, &[]),
                commit: LOG_COMMIT.register_histogram(&recorder, &[]),
                journal_sync: LOG_SYNC.register_histogram(&recorder, &[("copy", "journal")]),
                sled_sync: LOG_SYNC.register_histogram(&recorder, &[("copy", "sled")]),
            },
            recovery: RECOVERY.register_gauge(&recorder, &[]),
            snapshots: SnapshotMetrics {
                made: SNAPSHOTS.register_counter(&recorder, &[("result", "good")]),
                failed: SNAPSHOTS.register_counter(&recorder, &[("result", "failed")]),
                elapsed: SNAPSHOT_DURATION.register_gauge(&recorder, &[]),
                records: SNAPSHOT_RECORDS.register_gauge(&recorder, &[]),
            },
            vault: VaultMetrics {
                held: VAULT_KEYS.register_gauge(&recorder, &[]),
                ahead: VAULT_KEYS_AHEAD.register_gauge(&recorder, &[]),
                assignment: KEY_ASSIGNMENT.register_histogram(&recorder, &[]),
                erasures: KEY_ERASURES.register_counter(&recorder, &[]),
                unreadable: UNREADABLE.register_counter(&recorder, &[]),
            },
            feed: FeedMetrics {
                events: EVENTS.register_counter(&recorder, &[]),
                expired: EVENTS_EXPIRED.register_counter(&recorder, &[]),
                streams: readers("sse"),
                sockets: readers("websocket"),
            },
            views: ViewMetrics {
                lag_records: VIEW_LAG.register_gauge(&recorder, &[]),
                lag_seconds: VIEW_LAG_SECONDS.register_gauge(&recorder, &[]),
                failed: VIEWS_FAILED.register_gauge(&recorder, &[]),
            },
            webhooks: WebhookMetrics {
                results: AttemptResult::ALL
                    .iter()
                    .map(|result| {
                        DELIVERIES.register_counter(&recorder, &[("result", result.as_str())])
                    })
                    .collect(),
                duration: DELIVERY_DURATION.register_histogram(&recorder, &[]),
                tries: DELIVERY_TRIES.register_histogram(&recorder, &[]),
                backlog: WEBHOOK_BACKLOG.register_gauge(&recorder, &[]),
                retries: WEBHOOK_RETRIES.register_gauge(&recorder, &[]),
                dead: WEBHOOK_DEAD.register_gauge(&recorder, &[]),
                oldest_age: WEBHOOK_AGE.register_gauge(&recorder, &[]),
                disabled: WEBHOOKS_DISABLED.register_gauge(&recorder, &[]),
            },
            recorder,
        };
        ::metrics::with_local_recorder(&metrics.recorder, || metrics.process.describe());
        Arc::new(metrics)
    }

    /// Counts an answered request.
    pub(crate) fn request(
        &self,
        route: Route,
        method: &Method,
        status: StatusCode,
        elapsed: Duration,
    ) {
        let method = match *method {
            Method::GET => 0,
            Method::POST => 1,
            Method::DELETE => 2,
            _ => METHODS.len() - 1,
        };
        let status = STATUSES
            .iter()
            .position(|known| *known == status.as_u16())
            .unwrap_or(STATUSES.len() - 1);
        self.requests[route.index()][method][status]
            .get_or_init(|| {
                let status = match STATUSES[status] {
                    0 => "other".to_owned(),
                    known => known.to_string(),
                };
                let labels = [
                    ("route", route.template()),
                    ("method", METHODS[method]),
                    ("status", status.as_str()),
                ];
                REQUESTS.register_counter(&self.recorder, &labels)
            })
            .increment(1);
        self.request_duration[route.index()].record(elapsed);
    }

    /// Counts a payment's first answer.
    pub(crate) fn payment(&self, payment: &Payment, elapsed: Duration) {
        let (status, currency) = (payment.state().status(), payment.intent().money.currency);
        let method = payment.intent().method.as_str();
        self.payment_counter((method, status, currency)).increment(1);
        if status == PaymentStatus::Unknown {
            self.payments_unknown.increment(1);
        }
        if let Some(attempt) = payment.attempts().last() {
            self.duration_at((method, attempt.provider)).record(elapsed);
        }
    }

    /// Counts an answer given again.
    pub(crate) fn replay(&self) {
        self.replays.increment(1);
    }

    /// Notes how long replay took.
    pub(crate) fn recovered(&self, elapsed: Duration) {
        self.recovery.set(elapsed.as_secs_f64());
    }

    /// The page that Prometheus reads, with the gauges of this moment.
    pub(crate) fn render(&self, engine: Option<&Engine<Instrument>>) -> String {
        if let Some(engine) = engine {
            self.engine.set(&engine.health());
            for (key, difference) in engine.ledger_imbalances() {
                #[expect(clippy::cast_precision_loss, reason = "zero, or an alarm of any size")]
                self.imbalance(key).set(difference as f64);
            }
        }
        ::metrics::with_local_recorder(&self.recorder, || self.process.collect());
        self.exporter.render()
    }

    /// Measures the data directory now and then, for as long as the process runs.
    pub(crate) async fn measure_storage(self: Arc<Self>, data_dir: Arc<Path>) {
        let mut ticks = tokio::time::interval(STORAGE_EVERY);
        loop {
            ticks.tick().await;
            let directory = Arc::clone(&data_dir);
            // Cancelled when the process ends just then.
            let measured = tokio::task::spawn_blocking(move || storage::sizes(&directory)).await;
            let Ok(sizes) = measured else { return };
            for (gauge, bytes) in self.store_bytes.iter().zip(sizes) {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "disks are smaller than 2^52 bytes"
                )]
                gauge.set(bytes as f64);
            }
        }
    }

    /// Folds samples into histograms, for as long as the process runs.
    pub(crate) async fn keep_up(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            self.exporter.run_upkeep();
        }
    }

    fn payment_counter(&self, key: (PaymentMethodName, PaymentStatus, Currency)) -> Counter {
        find_or_add(&self.payments, key, || {
            let (method, status, currency) = key;
            let labels =
                [("method", method), ("status", status.as_str()), ("currency", currency.code())];
            PAYMENTS.register_counter(&self.recorder, &labels)
        })
    }

    fn imbalance(&self, key: (Mode, Currency)) -> Gauge {
        find_or_add(&self.imbalances, key, || {
            let (mode, currency) = key;
            let mode = match mode {
                Mode::Test => "test",
                Mode::Live => "live",
            };
            let labels = [("mode", mode), ("currency", currency.code())];
            IMBALANCE.register_gauge(&self.recorder, &labels)
        })
    }

    fn duration_at(&self, key: (PaymentMethodName, ProviderId)) -> Histogram {
        find_or_add(&self.payment_duration, key, || {
            let (method, provider) = &key;
            let labels = [("method", *method), ("provider", provider.as_str())];
            PAYMENT_DURATION.register_histogram(&self.recorder, &labels)
        })
    }
}

/// The handle under `key`, made by `make` when it is first asked for.
fn find_or_add<K: PartialEq, H: Clone>(
    handles: &Handles<K, H>,
    key: K,
    make: impl FnOnce() -> H,
) -> H {
    let find = |handles: &[(K, H)]| {
        handles.iter().find(|(known, _)| *known == key).map(|(_, handle)| handle.clone())
    };
    if let Some(handle) = find(&handles.read()) {
        return handle;
    }
    let mut handles = handles.write();
    if let Some(handle) = find(&handles) {
        return handle;
    }
    let handle = make();
    handles.push((key, handle.clone()));
    handle
}

impl EngineGauges {
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats; counts stay far below 2^52")]
    fn set(&self, health: &EngineHealth) {
        self.in_flight.set(health.in_flight as f64);
        self.provider_calls.set(health.provider_calls as f64);
        self.queue_depth.set(health.queue_depth as f64);
        self.has_room.set(f64::from(u8::from(health.has_room)));
        self.failed.set(f64::from(u8::from(health.poisoned)));
        self.durable_lag.set(health.durable_lag.as_secs_f64());
        self.mailbox.set(health.mailbox_depth as f64);
        self.payments.set(health.payments as f64);
        self.archived.set(health.archived as f64);
        self.archive_failed.set(f64::from(u8::from(health.archive_failed)));
        self.recalled.set(health.recalls as f64);
        self.orders.set(health.orders as f64);
        self.archived_orders.set(health.archived_orders as f64);
        self.recalled_orders.set(health.order_recalls as f64);
        self.idempotency_keys.set(health.idempotency_keys as f64);
        self.unknown.set(health.unknown as f64);
        self.oldest_unknown.set(health.oldest_unknown.0 as f64 / 1_000.0);
        self.open_cases.set(health.open_cases as f64);
        self.oldest_case.set(health.oldest_case.0 as f64 / 1_000.0);
    }
}

impl WebhookMetrics {
    /// Counts a try.
    pub(crate) fn count(&self, attempt: &Attempt) {
        let results = AttemptResult::ALL.iter().zip(&self.results);
        if let Some((_result, counter)) =
            results.into_iter().find(|(result, _counter)| **result == attempt.result)
        {
            counter.increment(1);
        }
        self.duration.record(Duration::from_millis(attempt.elapsed_ms.into()));
        if attempt.result == AttemptResult::Delivered {
            self.tries.record(f64::from(attempt.number));
        }
    }

    /// Sets the gauges of all queues together.
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats; counts stay far below 2^52")]
    pub(crate) fn measure(&self, all: &QueueStatus, disabled: usize, now: Timestamp) {
        self.backlog.set(all.depth as f64);
        self.retries.set(all.retries as f64);
        self.dead.set(all.dead as f64);
        let age = all.oldest.map_or(0, |oldest| now.since(oldest).0);
        self.oldest_age.set(age as f64 / 1_000.0);
        self.disabled.set(disabled as f64);
    }
}

impl Observer for Metrics {
    fn group_committed(&self, group: GroupObservation) {
        self.log.records.increment(group.records);
        self.log.frames.increment(group.frames);
        self.log.bytes.increment(group.bytes);
        #[expect(clippy::cast_precision_loss, reason = "a group has far fewer than 2^52 records")]
        self.log.group_records.record(group.records as f64);
        self.log.commit.record(group.elapsed);
        self.log.journal_sync.record(group.syncs.journal);
        self.log.sled_sync.record(group.syncs.sled);
    }

    fn snapshot_made(&self, snapshot: SnapshotObservation) {
        self.snapshots.made.increment(1);
        self.snapshots.elapsed.set(snapshot.elapsed.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a gauge need not tell 2^53 apart")]
        self.snapshots.records.set(snapshot.records as f64);
    }

    fn snapshot_failed(&self) {
        self.snapshots.failed.increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        series::{GROUP_BUCKETS, SECONDS_BUCKETS},
        *,
    };

    #[test]
    fn every_metric_is_rendered_with_help_and_labels() {
        let metrics = Metrics::new();
        let elapsed = Duration::from_millis(3);
        metrics.request(Route::Payments, &Method::POST, StatusCode::CREATED, elapsed);
        metrics.request(Route::Unmatched, &Method::PUT, StatusCode::IM_A_TEAPOT, elapsed);
        let page = metrics.render(None);
        for line in [
            "# TYPE tollgate_requests_total counter",
            "# HELP tollgate_log_commit_seconds How long",
            "tollgate_requests_total{route=\"/api/v1/payments\",method=\"POST\",status=\"201\"} 1",
            "tollgate_requests_total{route=\"unmatched\",method=\"OTHER\",status=\"other\"} 1",
            "tollgate_request_duration_seconds_bucket{route=\"/api/v1/payments\",le=\"0.005\"} 1",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, _kind) = line.split_once(' ').expect("a type has a name");
            assert!(page.contains(&format!("# HELP {name} ")), "{name} is in no list");
        }
    }

    #[test]
    fn names_follow_the_rules() {
        for series in ALL {
            series.check_name();
        }
        assert!(SECONDS_BUCKETS.is_sorted() && GROUP_BUCKETS.is_sorted());
    }
}
