//! Webhooks: every event of the feed, delivered to whoever wants it, at least once.
//!
//! ```text
//!   EventFeed ─▶ Dispatcher, one for each endpoint ─▶ Client ─▶ receiver
//!                   │        ▲                      (checked address, TLS)
//!                   ▼        │
//!                 Outbox: positions, retries, dead letters, what became of each try
//! ```
//!
//! Deliveries have a thread of their own with a low priority: what merchants are told can wait, and
//! payments cannot.
//!
//! Invariant: an event leaves its queue delivered, or given up after the whole schedule; a kill can
//! make it come twice and can never lose it.
//!
//! Not here: which events there are (`feed.rs`), and who may manage endpoints (`http/v1/webhooks.rs`).

mod address;
mod attempt;
mod client;
mod destination;
mod dispatcher;
mod outbox;
mod schedule;
mod secret;
mod signature;
mod target;

use std::{
    collections::HashMap,
    ops::Bound,
    sync::{Arc, OnceLock, atomic::Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{runtime::Runtime, sync::watch};
use tollgate_domain::{CallbackSecret, DeliveryId, Timestamp, WebhookEndpoint};
use tollgate_engine::Engine;

pub(crate) use self::{
    address::AddressRules,
    attempt::{Attempt, AttemptResult},
    client::{Client, ClientOptions},
    destination::{Destination, SystemResolver, UrlFault},
    outbox::{Outbox, QueueId},
    secret::{SealedKind, SigningSecrets, WebhookSealer, WebhookSecret},
    signature::{older as older_signature, standard as standard_signature},
    target::wanted_name,
};
use self::{
    dispatcher::{Dispatcher, Ended, Reach},
    outbox::Retry,
    target::{Target, deliver},
};
use crate::{
    feed::{Cursor, EventFeed, FeedError, FeedEvent},
    metrics::WebhookMetrics,
    provider::{Clock, Instrument},
    secrets::WebhookSecrets,
    vault::{Realm, Vault},
};

/// Delivers.
pub(crate) struct Webhooks {
    shared: Arc<Shared>,
    /// Gone once deliveries have stopped.
    runtime: Mutex<Option<Runtime>>,
    /// The queues that are being delivered.
    running: Arc<Mutex<HashMap<QueueId, Arc<Reach>>>>,
}

/// What all dispatchers share.
pub(crate) struct Shared {
    feed: Arc<EventFeed>,
    outbox: Outbox,
    client: Client,
    sealer: WebhookSealer,
    secrets: WebhookSecrets,
    vault: Arc<Vault>,
    clock: Clock,
    metrics: WebhookMetrics,
    options: WebhookOptions,
    engine: OnceLock<Engine<Instrument>>,
    stopping: watch::Sender<bool>,
}

/// How deliveries are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WebhookOptions {
    /// Deliveries to one endpoint at the same time.
    pub(crate) concurrency: usize,
}

/// What deliveries need.
pub(crate) struct WebhookParts {
    pub(crate) feed: Arc<EventFeed>,
    pub(crate) client: Client,
    pub(crate) secrets: WebhookSecrets,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) metrics: WebhookMetrics,
}

/// How a queue is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct QueueStatus {
    /// Events of the feed that it has not dealt with.
    pub(crate) depth: u64,
    /// The time of the oldest event that is not delivered.
    pub(crate) oldest: Option<Timestamp>,
    pub(crate) in_flight: usize,
    /// Events that wait to be tried again.
    pub(crate) retries: usize,
    /// Events that were given up.
    pub(crate) dead: usize,
}

/// An event that was given up after the whole schedule.
pub(crate) struct DeadLetter {
    pub(crate) event: FeedEvent,
    pub(crate) given_up_at: Timestamp,
}

/// How far retries and dead letters of one queue are counted.
const COUNTED: usize = 100_000;

/// How often the gauges of all queues are set.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// How much lower than others' the priority of deliveries is. At ten a thread gets about a tenth of
/// what another gets where both want all of a processor.
const NICE: i32 = 10;

impl Webhooks {
    /// Prepares deliveries; none is made before [`Webhooks::start`].
    ///
    /// # Errors
    /// Where the thread cannot be had.
    pub(crate) fn new(parts: WebhookParts, options: WebhookOptions) -> std::io::Result<Self> {
        let WebhookParts { feed, client, secrets, vault, clock, metrics } = parts;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("tollgate-webhooks")
            .on_thread_start(|| {
                let thread = rustix::thread::gettid();
                // Where the system refuses, deliveries are as important as all else.
                let _ = rustix::process::setpriority_process(Some(thread), NICE);
            })
            .enable_all()
            .build()?;
        let shared = Shared {
            outbox: feed.outbox(),
            sealer: WebhookSealer::new(&secrets.sealing_key()),
            feed,
            client,
            secrets,
            vault,
            clock,
            metrics,
            options,
            engine: OnceLock::new(),
            stopping: watch::Sender::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
            runtime: Mutex::new(Some(runtime)),
            running: Arc::default(),
        })
    }

    /// Begins with what the books say is to be delivered.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(crate) fn start(self: &Arc<Self>, engine: Engine<Instrument>) -> Result<(), FeedError> {
        assert!(self.shared.engine.set(engine).is_ok(), "deliveries start once");
        for queue in self.shared.outbox.queues()? {
            self.look_at(queue);
        }
        let webhooks = Arc::downgrade(self);
        if let Some(runtime) = &*self.runtime.lock() {
            runtime.spawn(async move {
                loop {
                    tokio::time::sleep(MEASURE_EVERY).await;
                    let Some(webhooks) = webhooks.upgrade() else { return };
                    webhooks.measure();
                }
            });
        }
        Ok(())
    }

    /// Looks whether a queue has changed: its endpoint, or what waits in it. Delivers it if it is not
    /// delivered yet.
    pub(crate) fn look_at(&self, queue: QueueId) {
        if self.shared.engine.get().is_none() {
            return;
        }
        let mut running = self.running.lock();
        if let Some(reach) = running.get(&queue) {
            reach.changed.store(true, Ordering::Release);
            reach.notify.notify_one();
            return;
        }
        let Some(runtime) = &*self.runtime.lock() else { return };
        let reach = Arc::new(Reach::default());
        running.insert(queue, Arc::clone(&reach));
        let (shared, running) = (Arc::clone(&self.shared), Arc::clone(&self.running));
        runtime.spawn(async move {
            loop {
                let ended = Dispatcher::run(Arc::clone(&shared), queue, Arc::clone(&reach)).await;
                let mut running = running.lock();
                // What has changed in the meantime may be what it lacked.
                let again = reach.changed.swap(false, Ordering::AcqRel);
                if ended != Ended::NoTarget || !again {
                    running.remove(&queue);
                    return;
                }
            }
        });
    }

    /// Makes a try of an event at once, whether the endpoint wants such events or not.
    ///
    /// # Errors
    /// Where the books cannot be written.
    pub(crate) async fn try_now(
        &self,
        endpoint: WebhookEndpoint,
        event: FeedEvent,
    ) -> Result<Attempt, FeedError> {
        let queue = QueueId::Endpoint(endpoint.id);
        let target = Arc::new(Target::of_endpoint(endpoint, &self.shared));
        let (attempt, _retry_after) = deliver(&self.shared, queue, &target, &event, 1).await?;
        self.shared.metrics.count(&attempt);
        let mut change = self.shared.outbox.change();
        change.add_attempt(queue, &attempt);
        change.commit()?;
        Ok(attempt)
    }

    /// Delivers events again, in the order of the feed and beside all else; tells how many.
    ///
    /// # Errors
    /// Where the books cannot be written.
    pub(crate) fn deliver_again(
        &self,
        queue: QueueId,
        events: impl IntoIterator<Item = Cursor>,
    ) -> Result<usize, FeedError> {
        let due = self.shared.now();
        let mut change = self.shared.outbox.change();
        let mut count = 0;
        for cursor in events {
            change.add_retry(queue, Retry { due, cursor, tries: 0, by_hand: true });
            count += 1;
        }
        change.commit()?;
        self.look_at(queue);
        Ok(count)
    }

    /// So many events that were given up, of those in a range the newest or the oldest; oldest first.
    /// What is no longer kept of the feed is not among them.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(crate) fn dead_letters(
        &self,
        realm: Realm,
        queue: QueueId,
        (from, to): (Bound<Cursor>, Bound<Cursor>),
        rows: usize,
        newest: bool,
    ) -> Result<Vec<DeadLetter>, FeedError> {
        let feed = &self.shared.feed;
        let begins_behind = feed.begins_behind(realm)?;
        let from = match from {
            Bound::Excluded(cursor) => cursor.max(begins_behind),
            Bound::Included(_) | Bound::Unbounded => begins_behind,
        };
        let range = (Bound::Excluded(from), to);
        let dead = self.shared.outbox.dead(queue, range, rows, newest)?;
        let letter = |(cursor, given_up_at)| {
            let event = feed.event_at(realm, cursor).transpose()?;
            Some(event.map(|event| DeadLetter { event, given_up_at }))
        };
        dead.into_iter().filter_map(letter).collect()
    }

    /// So many tries of a queue's events, of those in a range the newest or the oldest; oldest first.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(crate) fn attempts(
        &self,
        queue: QueueId,
        range: (Bound<DeliveryId>, Bound<DeliveryId>),
        rows: usize,
        newest: bool,
    ) -> Result<Vec<Attempt>, FeedError> {
        self.shared.outbox.attempts(queue, range, rows, newest)
    }

    /// What a receiver answered, as far as it is kept; `None` where it cannot be opened.
    pub(crate) fn answer_body(&self, realm: Realm, attempt: &Attempt) -> Option<String> {
        let opened = self.shared.sealer.open(realm, SealedKind::AnswerBody, &attempt.sealed_body);
        opened.map(|body| String::from_utf8_lossy(&body).into_owned())
    }

    /// Seals what is kept of an endpoint.
    pub(crate) fn sealer(&self) -> &WebhookSealer {
        &self.shared.sealer
    }

    /// The secret by which a merchant's callbacks are signed, as far as the control shard has told:
    /// the newest.
    pub(crate) fn merchant_secret(&self, realm: Realm, known: CallbackSecret) -> WebhookSecret {
        self.shared.secrets.merchant_secret(realm, known.number())
    }

    /// What is signed for a merchant at a time.
    pub(crate) fn merchant_secrets(&self, realm: Realm, at: Timestamp) -> Vec<WebhookSecret> {
        self.shared.merchant_secrets(realm).good_at(at)
    }

    /// Where deliveries may go.
    pub(crate) fn rules(&self) -> &AddressRules {
        self.shared.client.rules()
    }

    /// How a queue is; `None` where there is none.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(crate) fn status(
        &self,
        realm: Realm,
        queue: QueueId,
    ) -> Result<Option<QueueStatus>, FeedError> {
        let (feed, outbox) = (&self.shared.feed, &self.shared.outbox);
        let Some(state) = outbox.state(queue)? else { return Ok(None) };
        let running = self.running.lock().get(&queue).cloned();
        let position = state.position.max(feed.begins_behind(realm)?);
        let retry = outbox.retries(queue).next().transpose()?;
        let time_of = |cursor| -> Result<_, FeedError> {
            Ok(feed.event_at(realm, cursor)?.map(|event| event.at))
        };
        let unread = time_of(position.next())?;
        let waiting = retry.map(|retry| time_of(retry.cursor)).transpose()?.flatten();
        Ok(Some(QueueStatus {
            depth: feed.head(realm).0.saturating_sub(position.0),
            oldest: [unread, waiting].into_iter().flatten().min(),
            in_flight: running.map_or(0, |reach| reach.in_flight.load(Ordering::Relaxed)),
            retries: outbox.count_retries(queue, COUNTED),
            dead: outbox.count_dead(queue, COUNTED),
        }))
    }

    /// How all queues are together.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(crate) fn status_of_all(&self) -> Result<QueueStatus, FeedError> {
        let nothing = QueueStatus { depth: 0, oldest: None, in_flight: 0, retries: 0, dead: 0 };
        let mut all = nothing;
        for queue in self.shared.outbox.queues()? {
            let Some(realm) = self.shared.realm_of(queue) else { continue };
            let Some(one) = self.status(realm, queue)? else { continue };
            all = QueueStatus {
                depth: all.depth + one.depth,
                oldest: [all.oldest, one.oldest].into_iter().flatten().min(),
                in_flight: all.in_flight + one.in_flight,
                retries: all.retries + one.retries,
                dead: all.dead + one.dead,
            };
        }
        Ok(all)
    }

    fn measure(&self) {
        let Ok(all) = self.status_of_all() else { return };
        let disabled = self.shared.engine().control().read(|state| {
            state.webhook_endpoints().filter(|endpoint| endpoint.disabled.is_some()).count()
        });
        self.shared.metrics.measure(&all, disabled, self.shared.now());
    }

    /// Finishes what is in flight, as long as `grace` allows, and delivers nothing any more. What was
    /// cut off is delivered again by the next start. Blocks.
    pub(crate) fn stop(&self, grace: Duration) {
        self.shared.stopping.send_replace(true);
        let deadline = std::time::Instant::now() + grace;
        while !self.running.lock().is_empty() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
    }
}

impl Shared {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn engine(&self) -> &Engine<Instrument> {
        self.engine.get().expect("dispatchers run once deliveries have started")
    }

    /// The secrets of a merchant's callbacks.
    fn merchant_secrets(&self, realm: Realm) -> SigningSecrets {
        let Realm { merchant, mode } = realm;
        let known = self.engine().control().read(|state| state.callback_secret(merchant, mode));
        let secret = |number| self.secrets.merchant_secret(realm, number);
        let mut secrets = vec![(secret(known.number()), Timestamp::MAX)];
        if let (Some(before), Some(until)) = (known.number().checked_sub(1), known.previous_until())
        {
            secrets.push((secret(before), until));
        }
        SigningSecrets::new(secrets)
    }

    /// Whom a queue is delivered to; `None` where there is nobody, or he is disabled.
    fn target(&self, queue: QueueId) -> Option<Target> {
        match queue {
            QueueId::Callbacks(realm) => {
                Some(Target::Callbacks { realm, secrets: self.merchant_secrets(realm) })
            }
            QueueId::Endpoint(id) => {
                let control = self.engine().control();
                let endpoint = control.read(|state| state.webhook_endpoint(id).cloned())?;
                let enabled = endpoint.disabled.is_none();
                enabled.then(|| Target::of_endpoint(endpoint, self))
            }
        }
    }

    fn realm_of(&self, queue: QueueId) -> Option<Realm> {
        match queue {
            QueueId::Callbacks(realm) => Some(realm),
            QueueId::Endpoint(id) => self.engine().control().read(|state| {
                let endpoint = state.webhook_endpoint(id)?;
                Some(Realm { merchant: endpoint.merchant, mode: endpoint.mode })
            }),
        }
    }
}
