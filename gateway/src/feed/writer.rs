//! The thread that takes durable records into the feed: what a start reads in the log with the priority of
//! whoever waits for it, and from then on behind everything else.
//!
//! What waits for it lies in memory, and is bounded: while too much does, no new payments are taken.
//! After an error of the store nothing more is taken in, for an event that is missing would never be
//! made up for while later ones are told; the next start takes in all of it.

use std::{
    collections::HashSet,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tollgate_domain::{
    ControlEvent, Event, Order, Payment, Record, ShardId, Timestamp, WebhookEndpoint,
};
use tollgate_engine::{DurableContent, DurableRecord};

use super::{
    FeedError, FeedEvent, FeedOptions,
    entry::Fact,
    event::{Content, Rendered},
    naming::{self, Told},
    order::ToldOrder,
    store::{Change, FeedStore, Position},
    timeline,
};
use crate::{
    http::{endpoint_event_data, order_event_data},
    low_priority::lower_priority,
    metrics::FeedMetrics,
    record_queue::{Next, Pace, RecordQueue},
    vault::Realm,
    webhook::QueueId,
};

/// Many events that come at once are written with one change, and are told so much later at the most.
pub(super) const PACE: Pace = Pace { most: 2_048, apart: Duration::from_millis(40) };

/// How often what was written is synced. A power cut may take as much from the feed, and the log
/// gives it again.
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// How often events that are old enough are looked for, and how many are removed at once.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const SWEPT_AT_ONCE: usize = 10_000;

/// The running thread.
pub(super) struct FeedWriter {
    queue: Arc<RecordQueue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

type Created = Box<dyn Fn(QueueId) + Send>;

impl FeedWriter {
    pub(super) fn start(
        store: Arc<FeedStore>,
        queue: Arc<RecordQueue>,
        options: FeedOptions,
        metrics: FeedMetrics,
        created: Created,
    ) -> Result<Self, FeedError> {
        let callbacks = store.outbox().callback_realms()?;
        let mut loop_ =
            Loop { store, queue: Arc::clone(&queue), options, metrics, created, callbacks };
        let thread = std::thread::Builder::new()
            .name("tollgate-feed".to_owned())
            .spawn(move || {
                if let Err(error) = loop_.run() {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "the event feed has failed; no payments are taken");
                    loop_.queue.fail();
                }
            })
            .map_err(FeedError::Thread)?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn close(&self) {
        self.queue.close();
        if let Some(thread) = self.thread.lock().take() {
            // It ends by itself, and a panic in it has been told.
            let _ = thread.join();
        }
    }
}

struct Loop {
    store: Arc<FeedStore>,
    queue: Arc<RecordQueue>,
    options: FeedOptions,
    metrics: FeedMetrics,
    created: Created,
    /// Realms whose callbacks have a queue.
    callbacks: HashSet<Realm>,
}

impl Loop {
    fn run(&mut self) -> Result<(), FeedError> {
        let (mut synced, mut swept) = (Instant::now(), Instant::now());
        let (mut last, mut written) = (Instant::now(), false);
        loop {
            match self.queue.next(SYNC_EVERY, last) {
                Next::Replayed(records) => {
                    self.take_in(&records)?;
                    self.queue.taken(records.len());
                    written = true;
                }
                Next::GoesLive => {
                    lower_priority();
                    self.store.lower_priority();
                    self.queue.taken(1);
                }
                Next::Records(records) => {
                    last = Instant::now();
                    self.take_in(&records)?;
                    self.queue.taken(records.len());
                    written = true;
                }
                Next::Nothing => {}
                Next::Closed => return self.store.persist(),
            }
            if written && synced.elapsed() >= SYNC_EVERY {
                self.store.persist()?;
                (synced, written) = (Instant::now(), false);
            }
            if swept.elapsed() >= SWEEP_EVERY {
                self.sweep()?;
                swept = Instant::now();
            }
        }
    }

    fn take_in(&mut self, records: &[Arc<DurableRecord>]) -> Result<(), FeedError> {
        let store = Arc::clone(&self.store);
        let mut change = store.begin(records.len());
        let mut begun = Vec::new();
        let mut events = 0;
        for record in records {
            let Position { told, kept } = change.position(record.shard);
            // Shown twice, it would be told twice.
            let (tell, keep) = (record.sequence > told, record.sequence > kept);
            match &record.content {
                DurableContent::Payments { record: content, payments, orders } => {
                    for payment in payments {
                        let own = own_events(content, payment);
                        if keep && !own.is_empty() {
                            let chapter = timeline::encode(record.sequence, content.at, &own)?;
                            change.keep(payment.id(), number_of(payment, &own, 0), chapter);
                        }
                        if tell {
                            let at = content.at;
                            events += self.payment(&mut change, &mut begun, at, payment, &own);
                        }
                    }
                    for order in orders.iter().filter(|_order| tell) {
                        events += tell_order(&mut change, record.shard, content.at, order)?;
                    }
                }
                DurableContent::Control { record, webhook_endpoints } if tell => {
                    events += control(&mut change, &mut begun, record, webhook_endpoints)?;
                }
                DurableContent::Control { .. } => {}
            }
            let reached =
                Position { told: told.max(record.sequence), kept: kept.max(record.sequence) };
            change.reach(record.shard, reached);
        }
        change.commit()?;
        self.metrics.events.increment(events);
        begun.into_iter().for_each(&self.created);
        Ok(())
    }

    /// Tells what a record did to a payment; how many events that makes.
    fn payment(
        &mut self,
        change: &mut Change<'_>,
        begun: &mut Vec<QueueId>,
        at: Timestamp,
        payment: &Payment,
        own: &[&Event],
    ) -> u64 {
        let intent = payment.intent();
        let realm = Realm { merchant: intent.merchant, mode: intent.mode };
        let has_callback = intent.callback_url.is_some();
        let mut told = 0;
        for (index, event) in own.iter().enumerate() {
            let (name, refund) = match naming::of_payment(event, payment) {
                None => continue,
                Some(Told::Payment(name)) => (name, None),
                Some(Told::Refund(name, refund)) => (name, Some(refund)),
            };
            if has_callback && self.callbacks.insert(realm) {
                let queue = QueueId::Callbacks(realm);
                let head = change.head(realm);
                let (outbox, batch) = change.outbox();
                outbox.begin(batch, queue, head);
                begun.push(queue);
            }
            let sequence = number_of(payment, own, index);
            let payment = payment.id();
            change.add_fact(realm, &Fact { name, at, sequence, payment, refund, has_callback });
            told += 1;
        }
        told
    }

    fn sweep(&self) -> Result<(), FeedError> {
        let now = (self.options.clock)();
        let end = now.before(self.options.retention);
        for realm in self.store.realms() {
            // The rest waits for the next time, so that new events do not.
            let removed = self.store.remove_before(realm, end, SWEPT_AT_ONCE)?;
            self.metrics.expired.increment(removed as u64);
        }
        // What was given up before the oldest event that is kept is of one that is not.
        let tries_end = now.before(self.options.attempt_retention);
        let unreadable = self.store.outbox().sweep(tries_end, end)?;
        if unreadable > 0 {
            tracing::warn!(unreadable, "entries of given-up deliveries cannot be read; forgotten");
        }
        Ok(())
    }
}

/// What a record did to a payment. That it leaves memory, or comes back, is no event of its own, and it
/// does not count it.
fn own_events<'r>(record: &'r Record<Event>, payment: &Payment) -> Vec<&'r Event> {
    let is_own = |event: &&Event| event.payment() == Some(payment.id()) && !event.is_of_archive();
    record.events.iter().filter(is_own).collect()
}

/// The number of one of these events, which are the last that happened to the payment.
fn number_of(payment: &Payment, own: &[&Event], index: usize) -> u32 {
    let later = u32::try_from(own.len() - 1 - index).unwrap_or(u32::MAX);
    payment.sequence().saturating_sub(later)
}

/// Tells where an order stands after a record, unless that has been told; how many events that makes.
///
/// What was last told is in the feed's own books: an order's events are those after which another
/// part of it is paid, and only who knows the one before can say so.
fn tell_order(
    change: &mut Change<'_>,
    shard: ShardId,
    at: Timestamp,
    order: &Order,
) -> Result<u64, FeedError> {
    let before = change.told_order(order.id())?;
    let now = ToldOrder::of(order, before);
    if before.is_some_and(|before| before.is_as(&now)) {
        return Ok(0);
    }
    let intent = order.intent();
    let realm = Realm { merchant: intent.merchant, mode: intent.mode };
    let cursor = change.head(realm).next();
    let stored = FeedEvent {
        id: FeedEvent::id_at(realm, cursor, shard, at),
        at,
        sequence: now.sequence,
        subject: order.id().to_u128(),
        name: naming::of_order(order.status()).into(),
        has_callback: false,
        content: rendered(order_event_data(order)),
    };
    change.add_rendered(realm, cursor, &stored);
    change.tell_order(order.id(), now);
    Ok(1)
}

/// Takes in a record of the control shard; tells how many events it made.
fn control(
    change: &mut Change<'_>,
    begun: &mut Vec<QueueId>,
    record: &Record<ControlEvent>,
    endpoints: &[WebhookEndpoint],
) -> Result<u64, FeedError> {
    let mut told = 0;
    for event in &record.events {
        if let ControlEvent::WebhookEndpointDeleted { endpoint } = event {
            let (outbox, batch) = change.outbox();
            outbox.remove(batch, QueueId::Endpoint(*endpoint))?;
        }
        let Some(id) = event.webhook_endpoint() else { continue };
        let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.id == id) else { continue };
        let realm = Realm { merchant: endpoint.merchant, mode: endpoint.mode };
        if let ControlEvent::WebhookEndpointCreated(_) = event {
            let (queue, head) = (QueueId::Endpoint(id), change.head(realm));
            let (outbox, batch) = change.outbox();
            outbox.begin(batch, queue, head);
            begun.push(queue);
        }
        if let Some(name) = naming::of_control(event) {
            let cursor = change.head(realm).next();
            let stored = FeedEvent {
                id: FeedEvent::id_at(realm, cursor, ShardId::CONTROL, record.at),
                at: record.at,
                sequence: 1,
                subject: id.to_u128(),
                name: name.into(),
                has_callback: false,
                content: rendered(endpoint_event_data(endpoint)),
            };
            change.add_rendered(realm, cursor, &stored);
            told += 1;
        }
    }
    Ok(told)
}

fn rendered(data: Box<[u8]>) -> Content {
    Content::Rendered(Box::new(Rendered { data, ..Rendered::default() }))
}
