//! The thread that takes durable records into the views, behind everything else.
//!
//! A batch changes each row once, however often its payment moved meanwhile. What a row was before is
//! known from the batch, from the rows written last, or from the store.
//!
//! After an error nothing more is taken in, lists are refused, and payments go on: the next start
//! takes in what is missing, or builds all of it anew.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tollgate_domain::{Event, OperationId, Payment, Record};
use tollgate_engine::{DurableContent, DurableRecord};

use super::{
    ViewError,
    crash_point::{self, CrashPoint},
    facet,
    row::{Digests, Row},
    store::{Change, ViewStore},
    tally::Deltas,
};
use crate::{
    low_priority::lower_priority,
    record_queue::{Next, Pace, RecordQueue},
    secrets::ViewSecrets,
    vault::Realm,
};

/// The more records are written in one batch, the fewer times a row is written. Nobody waits for the
/// time of a batch: whoever reads a list hurries it.
pub(super) const PACE: Pace = Pace { most: 8_192, apart: Duration::from_millis(100) };

/// How often what was written is synced. A power cut may take as much from the views, and the log
/// gives it again.
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// Rows that are remembered after they were written, in each of two generations: a payment moves
/// most while it is young.
const REMEMBERED: usize = 32_768;

/// The running thread.
pub(super) struct ViewWriter {
    queue: Arc<RecordQueue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ViewWriter {
    pub(super) fn start(
        store: Arc<ViewStore>,
        queue: Arc<RecordQueue>,
        secrets: ViewSecrets,
    ) -> Result<Self, ViewError> {
        let (recent, batch) = (Recent::default(), Batch::default());
        let mut intake = Intake { store, queue: Arc::clone(&queue), secrets, recent, batch };
        let thread = std::thread::Builder::new()
            .name("tollgate-views".to_owned())
            .spawn(move || {
                lower_priority();
                if let Err(error) = intake.run() {
                    if error.is_damage() {
                        intake.store.condemn();
                    }
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "the views have failed; lists are refused");
                    intake.queue.fail();
                }
            })
            .map_err(ViewError::Thread)?;
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

/// Whose a row is, and its id.
type Place = (Realm, u128);

/// A row of a batch.
struct Touched {
    /// As it is in the store.
    stored: Option<Row>,
    now: Row,
}

type Batch = FxHashMap<Place, Touched>;

/// Rows written last, in two generations: when the younger is full it becomes the older.
#[derive(Default)]
struct Recent {
    younger: FxHashMap<Place, Row>,
    older: FxHashMap<Place, Row>,
}

impl Recent {
    fn get(&self, place: &Place) -> Option<&Row> {
        self.younger.get(place).or_else(|| self.older.get(place))
    }

    fn put(&mut self, place: Place, row: Row) {
        if self.younger.len() >= REMEMBERED {
            // The tables keep their room: to grow anew costs more than what is put into them.
            std::mem::swap(&mut self.younger, &mut self.older);
            self.younger.clear();
        }
        self.younger.insert(place, row);
    }
}

struct Intake {
    store: Arc<ViewStore>,
    queue: Arc<RecordQueue>,
    secrets: ViewSecrets,
    recent: Recent,
    /// Empty between batches.
    batch: Batch,
}

impl Intake {
    fn run(&mut self) -> Result<(), ViewError> {
        let (mut synced, mut last) = (Instant::now(), Instant::now());
        let mut written = false;
        loop {
            match self.queue.next(SYNC_EVERY, last) {
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
        }
    }

    fn take_in(&mut self, records: &[Arc<DurableRecord>]) -> Result<(), ViewError> {
        let store = Arc::clone(&self.store);
        let mut change = store.begin();
        let mut batch = std::mem::take(&mut self.batch);
        for record in records {
            // Shown twice, it would be nothing new.
            if record.sequence <= change.position(record.shard) {
                continue;
            }
            match &record.content {
                DurableContent::Payments { record: facts, payments, orders: _ } => {
                    for payment in payments {
                        let intent = payment.intent();
                        let realm = Realm { merchant: intent.merchant, mode: intent.mode };
                        self.touch(&mut batch, realm, facts, payment)?;
                    }
                }
                DurableContent::Control { .. } => {}
            }
            change.reach(record.shard, record.sequence);
        }
        let mut deltas = Deltas::default();
        // In the order of the keys, each of which is then found near the one before.
        let mut rows: Vec<_> = batch.drain().collect();
        self.batch = batch;
        rows.sort_unstable_by_key(|((_realm, id), _touched)| *id);
        for ((realm, id), touched) in rows {
            write(&mut change, &mut deltas, realm, id, &touched);
            self.recent.put((realm, id), touched.now);
        }
        deltas.write(&store, &mut change)?;
        crash_point::reach(CrashPoint::BatchGathered);
        change.commit()?;
        crash_point::reach(CrashPoint::BatchWritten);
        Ok(())
    }

    /// Notes what a record made of a payment.
    fn touch(
        &self,
        batch: &mut Batch,
        realm: Realm,
        record: &Record<Event>,
        payment: &Payment,
    ) -> Result<(), ViewError> {
        let Happened { created, moved } = Happened::to(payment, record);
        let place = (realm, payment.id().to_u128());
        let before = self.before(batch, place, created)?;
        let digests = match before {
            Some(row) => row.digests(),
            None => self.digests(realm, payment),
        };
        let now = Row::of_payment(payment, digests, before);
        self.note(batch, place, created, now)?;
        for (id, begun) in moved {
            let Some(operation) = payment.operation(id) else { continue };
            let now = Row::of_operation(payment, operation, digests);
            self.note(batch, (realm, id.to_u128()), begun, now)?;
        }
        Ok(())
    }

    fn digests(&self, realm: Realm, payment: &Payment) -> Digests {
        let intent = payment.intent();
        let order = intent.order_id.as_deref().map(|id| self.secrets.order(realm, id));
        let customer = intent.customer_id.as_deref().map(|id| self.secrets.customer(realm, id));
        Digests { order, customer }
    }

    /// The row at a place until now, which has none where `is_new`. It is in the batch afterwards, or
    /// there is none.
    fn before<'b>(
        &self,
        batch: &'b mut Batch,
        place: Place,
        is_new: bool,
    ) -> Result<Option<&'b Row>, ViewError> {
        if !is_new && !batch.contains_key(&place) {
            let known = self.recent.get(&place).cloned();
            let stored =
                known.map_or_else(|| self.store.row(place.0, place.1), |row| Ok(Some(row)));
            if let Some(row) = stored? {
                batch.insert(place, Touched { stored: Some(row.clone()), now: row });
            }
        }
        Ok(batch.get(&place).map(|touched| &touched.now))
    }

    fn note(
        &self,
        batch: &mut Batch,
        place: Place,
        is_new: bool,
        now: Row,
    ) -> Result<(), ViewError> {
        self.before(batch, place, is_new)?;
        match batch.get_mut(&place) {
            Some(touched) => touched.now = now,
            None => drop(batch.insert(place, Touched { stored: None, now })),
        }
        Ok(())
    }
}

/// What a record's events did to one payment.
struct Happened {
    created: bool,
    /// Operations that began or changed, each once, and whether it began.
    moved: Vec<(OperationId, bool)>,
}

impl Happened {
    fn to(payment: &Payment, record: &Record<Event>) -> Self {
        let mut happened = Self { created: false, moved: Vec::new() };
        for event in record.events.iter().filter(|event| event.payment() == Some(payment.id())) {
            happened.created |= matches!(event, Event::PaymentCreated(_));
            let Some(operation) = event.operation() else { continue };
            let began = matches!(event, Event::OperationStarted { .. });
            match happened.moved.iter_mut().find(|(known, _began)| *known == operation) {
                Some((_known, known)) => *known |= began,
                None => happened.moved.push((operation, began)),
            }
        }
        happened
    }
}

/// Writes a row with everything that it is found by and counted in.
fn write(
    change: &mut Change<'_>,
    deltas: &mut Deltas,
    realm: Realm,
    id: u128,
    Touched { stored, now }: &Touched,
) {
    if stored.as_ref() == Some(now) {
        return;
    }
    change.put_row(realm, id, now);
    deltas.change(realm, id, stored.as_ref(), now);
    let before = stored.as_ref().map_or([None; 5], |row| facet::all_of(realm, row));
    for (before, after) in before.iter().zip(&facet::all_of(realm, now)) {
        if before == after {
            continue;
        }
        if let Some(gone) = before {
            change.remove_facet(gone, id);
        }
        if let Some(new) = after {
            change.put_facet(new, id);
        }
    }
}
