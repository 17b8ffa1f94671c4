//! The thread that takes durable records into the feed.
//!
//! What waits for it lies in memory, and is bounded: while too much does, no new payments are taken.
//! After an error of the store nothing more is taken in, for an event that is missing would never be
//! made up for while later ones are told; the next start takes in all of it.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use parking_lot::{Condvar, Mutex};
use tollgate_domain::{
    ControlEvent, Event, Order, Payment, Record, ShardId, Timestamp, WebhookEndpoint,
};
use tollgate_engine::{DurableContent, DurableRecord};

use super::{
    FeedError, FeedEvent, FeedOptions,
    naming::{self, Told},
    order::ToldOrder,
    store::{Change, FeedStore},
};
use crate::{
    http::{endpoint_event_data, order_event_data, payment_event_data, refund_event_data},
    metrics::FeedMetrics,
    vault::Realm,
    webhook::QueueId,
};

/// Records that may wait: at some kilobytes each a few hundred megabytes, and seconds of load.
const MOST_WAITING: usize = 100_000;

/// Records that are written in one batch.
const BATCH: usize = 2_048;

/// How often what was written is synced. A power cut may take as much from the feed, and the log
/// gives it again.
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// How often events that are old enough are looked for, and how many are removed at once.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const SWEPT_AT_ONCE: usize = 10_000;

/// What waits to be taken in.
pub(super) struct Queue {
    sender: Mutex<Option<Sender<Vec<Arc<DurableRecord>>>>>,
    receiver: Receiver<Vec<Arc<DurableRecord>>>,
    waiting: AtomicUsize,
    failed: AtomicBool,
    drained: (Mutex<()>, Condvar),
}

impl Default for Queue {
    fn default() -> Self {
        let (sender, receiver) = unbounded();
        Self {
            sender: Mutex::new(Some(sender)),
            receiver,
            waiting: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            drained: Default::default(),
        }
    }
}

impl Queue {
    pub(super) fn put(&self, records: Vec<Arc<DurableRecord>>) {
        if self.has_failed() || records.is_empty() {
            return;
        }
        self.waiting.fetch_add(records.len(), Ordering::AcqRel);
        if let Some(sender) = &*self.sender.lock() {
            // The queue holds a receiver itself, so that there always is one.
            let _ = sender.send(records);
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting() < MOST_WAITING && !self.has_failed()
    }

    /// Waits until there is room, or the store has failed.
    pub(super) fn wait_for_room(&self) {
        let (lock, condition) = &self.drained;
        let mut guard = lock.lock();
        condition.wait_while(&mut guard, |()| self.waiting() >= MOST_WAITING && !self.has_failed());
    }

    fn taken(&self, records: usize) {
        self.waiting.fetch_sub(records, Ordering::AcqRel);
        let (lock, condition) = &self.drained;
        drop(lock.lock());
        condition.notify_all();
    }

    fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.taken(0);
    }
}

/// The running thread.
pub(super) struct FeedWriter {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

type Created = Box<dyn Fn(QueueId) + Send>;

impl FeedWriter {
    pub(super) fn start(
        store: Arc<FeedStore>,
        queue: Arc<Queue>,
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
        drop(self.queue.sender.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            // It ends by itself, and a panic in it has been told.
            let _ = thread.join();
        }
    }
}

struct Loop {
    store: Arc<FeedStore>,
    queue: Arc<Queue>,
    options: FeedOptions,
    metrics: FeedMetrics,
    created: Created,
    /// Realms whose callbacks have a queue.
    callbacks: HashSet<Realm>,
}

impl Loop {
    fn run(&mut self) -> Result<(), FeedError> {
        let (mut synced, mut swept) = (Instant::now(), Instant::now());
        let mut written = false;
        loop {
            match self.queue.receiver.recv_timeout(SYNC_EVERY) {
                Ok(first) => {
                    let mut records = first;
                    while records.len() < BATCH
                        && let Ok(more) = self.queue.receiver.try_recv()
                    {
                        records.extend(more);
                    }
                    self.take_in(&records)?;
                    self.queue.taken(records.len());
                    written = true;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.store.persist(),
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
        let mut change = store.begin();
        let mut begun = Vec::new();
        let mut events = 0;
        for record in records {
            // Shown twice, it would be told twice.
            if record.sequence <= store.position(record.shard) {
                continue;
            }
            match &record.content {
                DurableContent::Payments { record: payments, payments: after, orders } => {
                    events += self.payments(&mut change, &mut begun, record.shard, payments, after);
                    for order in orders {
                        events += tell_order(&mut change, record.shard, payments.at, order)?;
                    }
                }
                DurableContent::Control { record, webhook_endpoints } => {
                    events += control(&mut change, &mut begun, record, webhook_endpoints)?;
                }
            }
            change.reach(record.shard, record.sequence);
        }
        change.commit()?;
        self.metrics.events.increment(events);
        begun.into_iter().for_each(&self.created);
        Ok(())
    }

    fn payments(
        &mut self,
        change: &mut Change<'_>,
        begun: &mut Vec<QueueId>,
        shard: ShardId,
        record: &Record<Event>,
        after: &[Payment],
    ) -> u64 {
        let mut told = 0;
        for payment in after {
            let intent = payment.intent();
            let realm = Realm { merchant: intent.merchant, mode: intent.mode };
            let own = record.events.iter().filter(|event| event.payment() == Some(payment.id()));
            let own: Vec<&Event> = own.collect();
            // Rendered once for all events of the record: nobody has seen it between them.
            let mut data: Option<Box<[u8]>> = None;
            for (index, event) in own.iter().enumerate() {
                let later = u32::try_from(own.len() - 1 - index).unwrap_or(0);
                let (name, personal, data) = match naming::of_payment(event, payment) {
                    None => continue,
                    Some(Told::Payment(name)) => {
                        let data = data.get_or_insert_with(|| payment_event_data(payment));
                        (name, intent.personal.clone(), data.clone())
                    }
                    Some(Told::Refund(name, refund)) => {
                        let Some(data) = refund_event_data(payment, refund) else { continue };
                        (name, None, data)
                    }
                };
                let cursor = change.head(realm).next();
                let stored = FeedEvent {
                    id: FeedEvent::id_at(realm, cursor, shard, record.at),
                    at: record.at,
                    sequence: payment.sequence().saturating_sub(later),
                    // Of refunds too: what happens to a payment is delivered in order.
                    subject: payment.id().to_u128(),
                    name: name.into(),
                    callback_url: intent.callback_url.clone(),
                    personal,
                    data,
                };
                if stored.callback_url.is_some() && self.callbacks.insert(realm) {
                    let queue = QueueId::Callbacks(realm);
                    let head = change.head(realm);
                    let (outbox, batch) = change.outbox();
                    outbox.begin(batch, queue, head);
                    begun.push(queue);
                }
                change.add(realm, cursor, &stored);
                told += 1;
            }
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
        self.store.outbox().sweep(now.before(self.options.attempt_retention))?;
        Ok(())
    }
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
        callback_url: None,
        personal: None,
        data: order_event_data(order),
    };
    change.add(realm, cursor, &stored);
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
                callback_url: None,
                personal: None,
                data: endpoint_event_data(endpoint),
            };
            change.add(realm, cursor, &stored);
            told += 1;
        }
    }
    Ok(told)
}
