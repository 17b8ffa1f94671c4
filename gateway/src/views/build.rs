//! Views built from nothing, of a log that is shown from its beginning: while a start waits for them.
//!
//! ```text
//!   records ─▶ rows, as they were left last ─▶ runs in a file ─▶ merged ─▶ rows     ─▶ store
//!              (as many as fit in memory)                          ├─────▶ facets ─▶ runs ─▶ store
//!                                                                  └─────▶ tallies
//! ```
//!
//! Nobody reads them yet, so that nothing is written before it is known what became of it: each row,
//! with what it is found by, once, and sorted, into tables that need not be merged any more. A batch at a
//! time, as live, would write each row as often as its payment moved, and every table several times.
//!
//! In memory is what [`Room`] allows, however long the log is. On the disk lies about as much aside as
//! the views themselves will take.
//!
//! Invariant: until all of it is there the store says that it is not whole, and whoever opens it begins
//! anew.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustc_hash::FxHashMap;
use tollgate_domain::{Event, Payment, Record, ShardId};
use tollgate_engine::{DurableContent, DurableRecord};

use super::{
    ViewError,
    crash_point::{self, CrashPoint},
    facet,
    happened::Happened,
    row::{Digests, Row},
    sorted_runs::{MergedRuns, SortedRuns},
    store::{FacetKey, RowKey, ViewStore, facet_key, place_of, row_key},
    tally::DailyTallies,
};
use crate::{secrets::ViewSecrets, vault::Realm};

/// How much of what is being built is in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Rows that are gathered; some 300 bytes each, with what it takes to sort them.
    pub(super) rows: usize,
    /// Facets that are gathered behind them; 51 bytes each.
    pub(super) facets: usize,
    /// Bytes of runs that are being merged, of rows and then of facets.
    pub(super) merged: usize,
}

/// Below 100 MiB. A payment is in most cases finished before so many others have begun.
pub(super) const ROOM: Room = Room { rows: 200_000, facets: 1 << 20, merged: 8 << 20 };

/// What lies aside, in the views' directory.
const ASIDE: &str = "building";

/// Views that are being built.
pub(super) struct Build {
    store: Arc<ViewStore>,
    secrets: ViewSecrets,
    room: Room,
    aside: Aside,
    gathered: FxHashMap<(Realm, u128), Row>,
    rows: SortedRuns,
    positions: HashMap<ShardId, u64>,
}

/// The directory of what lies aside; removed when this is dropped.
struct Aside(PathBuf);

impl Build {
    /// Begins, over a store that holds nothing.
    pub(super) fn begin(
        store: Arc<ViewStore>,
        secrets: ViewSecrets,
        room: Room,
    ) -> Result<Self, ViewError> {
        let aside = Aside::make(store.directory()).map_err(ViewError::Directory)?;
        let rows = aside.runs("rows").map_err(ViewError::Directory)?;
        let (gathered, positions) = (FxHashMap::default(), HashMap::new());
        Ok(Self { store, secrets, room, aside, gathered, rows, positions })
    }

    /// Takes records in.
    pub(super) fn take_in(&mut self, records: &[Arc<DurableRecord>]) -> Result<(), ViewError> {
        for record in records {
            let known = self.positions.get(&record.shard).copied();
            if record.sequence <= known.unwrap_or_else(|| self.store.position(record.shard)) {
                continue;
            }
            match &record.content {
                DurableContent::Payments { record: facts, payments, orders: _ } => {
                    for payment in payments {
                        self.touch(facts, payment);
                    }
                }
                DurableContent::Control { .. } => {}
            }
            self.positions.insert(record.shard, record.sequence);
        }
        if self.gathered.len() >= self.room.rows {
            self.set_rows_aside().map_err(ViewError::Directory)?;
        }
        Ok(())
    }

    /// Writes all of it into the store.
    pub(super) fn finish(mut self) -> Result<(), ViewError> {
        self.set_rows_aside().map_err(ViewError::Directory)?;
        let Self { store, secrets: _, room, aside, gathered, rows, positions } = self;
        drop(gathered);
        let mut facets = Facets::begin(&aside, room).map_err(ViewError::Directory)?;
        let mut tallies = aside.runs("tallies").map_err(ViewError::Directory)?;
        let mut tallied = tallies.begin();
        let mut days = DailyTallies::new();
        let mut rows = Rows { merged: merge(rows, room)?, next: None };
        crash_point::reach(CrashPoint::BuildGathered);
        store.begin_load()?;
        store.load_rows(|| {
            let Some((key, row)) = rows.next()? else { return Ok(None) };
            let (realm, id) = place_of(&key).ok_or(ViewError::Damaged("row's key"))?;
            let counted = days.count(realm, (id, &row), |key, rows| tallied.push(key, rows));
            counted.map_err(ViewError::Directory)?;
            facets.add(realm, id, &row).map_err(ViewError::Directory)?;
            Ok(Some((key, (&*row.encode()).into())))
        })?;
        days.finish(|key, rows| tallied.push(key, rows)).map_err(ViewError::Directory)?;
        tallied.finish().map_err(ViewError::Directory)?;
        crash_point::reach(CrashPoint::RowsBuilt);
        let mut facets = merge(facets.finish().map_err(ViewError::Directory)?, room)?;
        store.load_index(|| {
            let next = facets.next().map_err(ViewError::Directory)?;
            Ok(next.map(|(facet, _nothing)| facet.into()))
        })?;
        let mut tallies = merge(tallies, room)?;
        store.load_tallies(|| {
            let next = tallies.next().map_err(ViewError::Directory)?;
            Ok(next.map(|(key, rows)| (key.into(), rows.into())))
        })?;
        crash_point::reach(CrashPoint::AllBuilt);
        store.finish_load(positions)?;
        crash_point::reach(CrashPoint::BuildWritten);
        Ok(())
    }

    /// Notes what a record made of a payment.
    fn touch(&mut self, record: &Record<Event>, payment: &Payment) {
        let intent = payment.intent();
        let realm = Realm { merchant: intent.merchant, mode: intent.mode };
        let place = (realm, payment.id().to_u128());
        let before = self.gathered.get(&place);
        let digests = match before {
            Some(row) => row.digests(),
            None => Digests::of(realm, payment, &self.secrets),
        };
        let now = Row::of_payment(payment, digests, before);
        self.gathered.insert(place, now);
        for (id, _began) in Happened::to(payment, record).moved {
            let Some(operation) = payment.operation(id) else { continue };
            let now = Row::of_operation(payment, operation, digests);
            self.gathered.insert((realm, id.to_u128()), now);
        }
    }

    fn set_rows_aside(&mut self) -> io::Result<()> {
        let keyed = |((realm, id), row)| (row_key(realm, id), row);
        let mut rows: Vec<(RowKey, Row)> = self.gathered.drain().map(keyed).collect();
        rows.sort_unstable_by_key(|(key, _row)| *key);
        let mut run = self.rows.begin();
        for (key, row) in &rows {
            run.push(key, &row.encode())?;
        }
        run.finish()
    }
}

/// Each row as it was left last, in the order of their keys.
struct Rows {
    merged: MergedRuns,
    next: Option<(RowKey, Row)>,
}

impl Rows {
    fn next(&mut self) -> Result<Option<(RowKey, Row)>, ViewError> {
        while let Some((key, bytes)) = self.merged.next().map_err(ViewError::Directory)? {
            let key: RowKey = key.try_into().map_err(|_length| ViewError::Damaged("row's key"))?;
            let (_realm, id) = place_of(&key).ok_or(ViewError::Damaged("row's key"))?;
            let row = Row::decode(id, bytes).ok_or(ViewError::Damaged("row"))?;
            match self.next.take() {
                Some((before, earlier)) if before == key => {
                    self.next = Some((key, row.behind(&earlier)));
                }
                whole => {
                    self.next = Some((key, row));
                    if whole.is_some() {
                        return Ok(whole);
                    }
                }
            }
        }
        Ok(self.next.take())
    }
}

/// What rows are found by, on its way into the index.
struct Facets {
    room: Room,
    gathered: Vec<FacetKey>,
    runs: SortedRuns,
}

impl Facets {
    fn begin(aside: &Aside, room: Room) -> io::Result<Self> {
        Ok(Self { room, gathered: Vec::with_capacity(room.facets), runs: aside.runs("facets")? })
    }

    fn add(&mut self, realm: Realm, id: u128, row: &Row) -> io::Result<()> {
        let facets = facet::all_of(realm, row);
        if self.gathered.len() + facets.len() > self.room.facets {
            self.set_aside()?;
        }
        self.gathered.extend(facets.iter().flatten().map(|facet| facet_key(facet, id)));
        Ok(())
    }

    fn finish(mut self) -> io::Result<SortedRuns> {
        self.set_aside()?;
        Ok(self.runs)
    }

    fn set_aside(&mut self) -> io::Result<()> {
        self.gathered.sort_unstable();
        let mut run = self.runs.begin();
        for facet in self.gathered.drain(..) {
            run.push(facet.as_bytes(), &[])?;
        }
        run.finish()
    }
}

impl Aside {
    /// An empty directory: what a build before this one left is of no use.
    fn make(directory: &Path) -> io::Result<Self> {
        let aside = Self(directory.join(ASIDE));
        aside.remove()?;
        fs::create_dir_all(&aside.0)?;
        Ok(aside)
    }

    fn runs(&self, name: &str) -> io::Result<SortedRuns> {
        SortedRuns::create(&self.0.join(name))
    }

    fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "what the views were built of stays on the disk");
        }
    }
}

fn merge(runs: SortedRuns, room: Room) -> Result<MergedRuns, ViewError> {
    runs.merge(room.merged).map_err(ViewError::Directory)
}
