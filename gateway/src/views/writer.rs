//! The thread that takes durable records into the views: what a start reads in the log with the priority
//! of whoever waits for it, and from then on behind everything else. Where there are no views yet, they
//! are built of what a start reads: see `build.rs`.
//!
//! A batch changes each row once, however often its payment moved meanwhile. What a row was before is
//! known from the batch, from the rows written last, or from the store.
//!
//! After an error nothing more is taken in, lists are refused, and payments go on: the next start
//! takes in what is missing, or builds all of it anew.

use std::{
    collections::hash_map::Entry,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tollgate_domain::{Event, Payment, Record};
use tollgate_engine::{DurableContent, DurableRecord};

use super::{
    ViewError,
    build::{Build, Room},
    crash_point::{self, CrashPoint},
    facet,
    happened::Happened,
    row::{Digests, Row, Standing},
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
pub(super) const PACE: Pace = Pace { most: 8_192, apart: Duration::from_millis(200) };

/// About what a record makes an entry of in the store: of a payment's two a row, its status, its order and
/// its customer, and some that were there before.
const ENTRIES: usize = 3;

/// How often what was written is synced. A power cut may take as much from the views, and the log
/// gives it again.
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// Rows that are remembered after they were written without having come to an end, in each of two
/// generations: a payment moves most while it is young.
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
        room: Room,
    ) -> Result<Self, ViewError> {
        let mut intake = Intake {
            store,
            queue: Arc::clone(&queue),
            secrets,
            room,
            replay: Replay::NotBegun,
            recent: Recent::default(),
            batch: Batch::default(),
            sorted: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("tollgate-views".to_owned())
            .spawn(move || {
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
    /// As the batch leaves it; `None` where neither the store nor the batch has one.
    now: Option<Row>,
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

    /// Notes how a row was written. One that has come to an end is not remembered: few of those ever
    /// move again.
    fn written(&mut self, place: Place, Touched { stored, now }: Touched) {
        let Some(row) = now else { return };
        match row.standing {
            Standing::Pending | Standing::Unknown => self.put(place, row),
            // What was not stored is not remembered either.
            Standing::Succeeded | Standing::Failed if stored.is_none() => {}
            Standing::Succeeded | Standing::Failed => {
                self.younger.remove(&place);
                self.older.remove(&place);
            }
        }
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

/// What becomes of records that a start reads.
enum Replay {
    NotBegun,
    /// The views are built of them.
    Builds(Box<Build>),
    /// The views have others already.
    CatchesUp,
}

struct Intake {
    store: Arc<ViewStore>,
    queue: Arc<RecordQueue>,
    secrets: ViewSecrets,
    room: Room,
    replay: Replay,
    recent: Recent,
    /// Empty between batches, as is the next: what has room once needs none anew.
    batch: Batch,
    sorted: Vec<(Place, Touched)>,
}

impl Intake {
    fn run(&mut self) -> Result<(), ViewError> {
        let (mut synced, mut last) = (Instant::now(), Instant::now());
        let mut written = false;
        loop {
            match self.queue.next(SYNC_EVERY, last) {
                Next::Replayed(records) => {
                    written |= self.replay(&records)?;
                    self.queue.taken(records.len());
                }
                Next::GoesLive => {
                    self.go_live()?;
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
        }
    }

    /// Takes in what a start has read; tells whether it is in the store now.
    fn replay(&mut self, records: &[Arc<DurableRecord>]) -> Result<bool, ViewError> {
        if let Replay::NotBegun = self.replay {
            self.replay = if self.store.is_empty()? {
                let (store, secrets) = (Arc::clone(&self.store), self.secrets.clone());
                Replay::Builds(Box::new(Build::begin(store, secrets, self.room)?))
            } else {
                Replay::CatchesUp
            };
        }
        match &mut self.replay {
            Replay::Builds(build) => build.take_in(records).map(|()| false),
            Replay::NotBegun | Replay::CatchesUp => self.take_in(records).map(|()| true),
        }
    }

    /// The log has been read to its end: from now on nobody waits for this thread but readers.
    fn go_live(&mut self) -> Result<(), ViewError> {
        if let Replay::Builds(build) = std::mem::replace(&mut self.replay, Replay::CatchesUp) {
            build.finish()?;
        }
        lower_priority();
        self.store.lower_priority();
        Ok(())
    }

    fn take_in(&mut self, records: &[Arc<DurableRecord>]) -> Result<(), ViewError> {
        let store = Arc::clone(&self.store);
        let mut change = store.begin(records.len() * ENTRIES);
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
        self.sorted.extend(batch.drain());
        self.batch = batch;
        self.sorted.sort_unstable_by_key(|((_realm, id), _touched)| *id);
        for ((realm, id), touched) in self.sorted.drain(..) {
            write(&mut change, &mut deltas, realm, id, &touched);
            self.recent.written((realm, id), touched);
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
        let own = self.row_of(batch, (realm, payment.id().to_u128()), created)?;
        let digests = match own {
            Some(row) => row.digests(),
            None => Digests::of(realm, payment, &self.secrets),
        };
        *own = Some(Row::of_payment(payment, digests, own.as_ref()));
        for (id, begun) in moved {
            let Some(operation) = payment.operation(id) else { continue };
            let row = self.row_of(batch, (realm, id.to_u128()), begun)?;
            *row = Some(Row::of_operation(payment, operation, digests));
        }
        Ok(())
    }

    /// The row at a place until now, which has none before the batch where `is_new`.
    fn row_of<'b>(
        &self,
        batch: &'b mut Batch,
        place: Place,
        is_new: bool,
    ) -> Result<&'b mut Option<Row>, ViewError> {
        let touched = match batch.entry(place) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                let stored = if is_new {
                    None
                } else if let Some(row) = self.recent.get(&place) {
                    Some(row.clone())
                } else {
                    self.store.row(place.0, place.1)?
                };
                vacant.insert(Touched { now: stored.clone(), stored })
            }
        };
        Ok(&mut touched.now)
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
    let Some(now) = now.as_ref().filter(|now| stored.as_ref() != Some(now)) else { return };
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
