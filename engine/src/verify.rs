//! Examines a log that nobody has open: its bytes, whether what they tell holds together, and whether
//! its snapshots say the same.

use std::path::Path;

use tollgate_domain::{ShardId, ShardState, StateHash};
use tollgate_wal::SnapshotStore;

use crate::{
    archive::ArchiveFeed,
    backup::StateClaim,
    error::Error,
    record_observer::{RecordObservers, ReplayFeed},
    recovery::{Replayed, Watcher, before_the_log},
    snapshot::snapshot_ends,
};

/// What a log holds.
#[derive(Debug)]
pub struct VerifyReport {
    /// The log's bytes.
    pub log: tollgate_wal::verify::VerifyReport,
    /// Merchants.
    pub merchants: usize,
    /// Payments, in memory or not.
    pub payments: u64,
    /// The hash of each shard's state after replay, the control shard first.
    pub hashes: Vec<(ShardId, StateHash)>,
    /// Each snapshot, the newest first.
    pub snapshots: Vec<SnapshotVerdict>,
    /// By payment shard: how many have left memory before the log begins, and by its end.
    pub departures: Vec<(ShardId, u64, u64)>,
    /// How many of the claims that were made beside the log hold; or why not all do.
    pub claimed: Result<usize, String>,
}

/// What there is to say of a snapshot.
#[derive(Debug)]
pub struct SnapshotVerdict {
    /// The frame that follows it, which names its file.
    pub frame: u64,
    /// The records that it stands for; or why it is of no use.
    pub finding: Result<u64, String>,
}

/// Reads, replays and checks a whole log with its snapshots, and changes nothing.
///
/// # Errors
/// Where the log is damaged, in use, or breaks an invariant. A snapshot that is of no use is no error:
/// the next start does without it.
pub fn verify(directory: &Path) -> Result<VerifyReport, Error> {
    verify_against(directory, &[])
}

/// The same, and whether the log comes to what is claimed of it.
///
/// # Errors
/// As [`verify`]. That a claim does not hold is no error: the report says so.
pub fn verify_against(directory: &Path, claims: &[StateClaim]) -> Result<VerifyReport, Error> {
    let mut replayed = before_the_log(directory)?;
    let feed = ReplayFeed::new(&RecordObservers::none(), replayed.sequences.len());
    let mut claims =
        Claims { of_snapshots: claims_of_snapshots(directory)?, other: Claim::of(claims) };
    claims.begin(&replayed);
    let before: Vec<u64> = replayed.shards.iter().map(ShardState::departures).collect();
    let log = replayed.replay_with(feed, &mut ArchiveFeed::none(), &mut claims, |visit| {
        tollgate_wal::verify::verify(directory, visit)
    })?;
    let Claims { of_snapshots: claims, other: claimed } = claims;
    let found = claimed.found;
    let control = (ShardId::CONTROL, replayed.control.hash());
    let payments = replayed.shards.iter().map(|state| (state.shard(), state.hash()));
    let departures = replayed.shards.iter().zip(before);
    let departures = departures.map(|(state, before)| (state.shard(), before, state.departures()));
    Ok(VerifyReport {
        log,
        merchants: replayed.control.merchants().count(),
        payments: replayed.shards.iter().map(payments_of).sum(),
        hashes: std::iter::once(control).chain(payments).collect(),
        departures: departures.collect(),
        snapshots: claims.into_iter().map(Claim::verdict).collect(),
        claimed: claimed.verdict().finding.map(|_records| found),
    })
}

fn payments_of(state: &ShardState) -> u64 {
    state.payment_count() as u64 + state.departed_count()
}

/// Everything that the log is held against.
struct Claims {
    of_snapshots: Vec<Claim>,
    other: Claim,
}

impl Claims {
    /// Of the one that the log begins at all is found before the first record is read.
    fn begin(&mut self, replayed: &Replayed) {
        let shards = (0..=u16::MAX).map(ShardId).zip(&replayed.sequences);
        for (shard, sequence) in shards.filter(|(_shard, sequence)| **sequence > 0) {
            self.applied(replayed, shard, *sequence);
        }
    }
}

impl Watcher for Claims {
    fn applied(&mut self, replayed: &Replayed, shard: ShardId, sequence: u64) {
        self.of_snapshots.iter_mut().for_each(|claim| claim.check(replayed, shard, sequence));
        self.other.check(replayed, shard, sequence);
    }
}

/// What a snapshot says the log comes to, and how far that has been found true.
struct Claim {
    frame: u64,
    /// By shard: its last record, and the hash that its state has there.
    ends: Result<Vec<(u64, StateHash)>, String>,
    found: usize,
    differs: Option<ShardId>,
}

impl Claim {
    fn of(claims: &[StateClaim]) -> Self {
        let shards = claims.iter().map(|claim| usize::from(claim.shard.0) + 1).max();
        let mut ends = vec![(0, StateHash::from_bytes([0; 32])); shards.unwrap_or_default()];
        for claim in claims {
            ends[usize::from(claim.shard.0)] = (claim.sequence, claim.hash);
        }
        Self { frame: 0, ends: Ok(ends), found: 0, differs: None }
    }

    /// A record has been replayed.
    fn check(&mut self, replayed: &Replayed, shard: ShardId, sequence: u64) {
        let Ok(ends) = &self.ends else { return };
        let Some((last, hash)) = ends.get(usize::from(shard.0)) else { return };
        if *last != sequence {
            return;
        }
        self.found += 1;
        if replayed.hash_of(shard) != *hash {
            self.differs = self.differs.or(Some(shard));
        }
    }

    fn verdict(self) -> SnapshotVerdict {
        let Self { frame, ends, found, differs } = self;
        let finding = ends.and_then(|ends| {
            let expected = ends.iter().filter(|(last, _hash)| *last > 0).count();
            match differs {
                Some(shard) => Err(format!("shard {} is not what the log comes to", shard.0)),
                None if found < expected => Err("the log ends before it".to_owned()),
                None => Ok(ends.iter().map(|(last, _hash)| last).sum()),
            }
        });
        SnapshotVerdict { frame, finding }
    }
}

fn claims_of_snapshots(directory: &Path) -> Result<Vec<Claim>, Error> {
    let store = SnapshotStore::look(directory);
    let claim = |frame: u64| {
        let read = store.read(frame).map_err(Into::into);
        let ends = read.and_then(|mut source| snapshot_ends(&mut source));
        let ends = ends.map(|ends| ends.iter().map(|end| (end.sequence, end.hash)).collect());
        let ends = ends.map_err(|error| with_causes(&error));
        Claim { frame, ends, found: 0, differs: None }
    };
    Ok(store.list()?.into_iter().map(claim).collect())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
