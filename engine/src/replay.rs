//! A log that nobody has open, replayed up to a place or a time, and what it came to there.
//!
//! It is the replay of a start, with every invariant checked. Both copies are read, as far as that
//! place, so that a log which is damaged behind it can still be replayed up to it.
//!
//! A time is each shard's own: its records up to that time are replayed, and no others. Shards stand
//! for themselves, so that this is what the gateway knew then.
//!
//! Not here: whether snapshots say the same (`verify.rs`).

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use tollgate_domain::{
    Event, PaymentId, PaymentStatus, Record, ShardId, ShardState, StateHash, Timestamp,
    ledger::{AccountKey, Balance},
};
use tollgate_wal::{VisitError, verify};

use crate::{
    archive::ArchiveFeed,
    error::Error,
    record_observer::{RecordObservers, ReplayFeed},
    recovery::{Replayed, Watcher, before_the_log},
};

/// How far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// To the end.
    End,
    /// To the record with this number in the log, included.
    Record(u64),
    /// To this time, included.
    Time(Timestamp),
}

/// What a log came to.
#[derive(Clone, Debug)]
pub struct ReplayReport {
    /// The number of the last record that was replayed, or let go of.
    pub records: u64,
    /// When the last of them was decided; `None` where there is none.
    pub last_at: Option<Timestamp>,
    /// By shard, the control shard first: its last record, and the hash of its state.
    pub shards: Vec<(ShardId, u64, StateHash)>,
    /// Merchants.
    pub merchants: usize,
    /// How many payments stood how, in memory or not.
    pub payments: BTreeMap<PaymentStatus, u64>,
    /// How many had left memory before the log begins: it does not tell how they stood.
    pub departed_before: u64,
    /// Every account of every shard, as the books stood.
    pub accounts: Vec<(AccountKey, Balance)>,
}

/// Replays a log from its beginning.
///
/// # Errors
/// Where the log is damaged before that place, in use, or breaks an invariant; and where it ends
/// before the record that is asked for.
pub fn replay(directory: &Path, until: Until) -> Result<ReplayReport, Error> {
    let mut replayed = before_the_log(directory)?;
    let let_go: u64 = replayed.sequences.iter().sum();
    let is_behind = match until {
        Until::End => false,
        Until::Record(last) => last < let_go,
        Until::Time(time) => replayed.shards.iter().any(|state| state.last_time() > time),
    };
    if is_behind {
        return Err(Error::BeginsBehind { records: let_go });
    }
    let feed = ReplayFeed::new(&RecordObservers::none(), replayed.sequences.len());
    let last = if let Until::Record(last) = until { last } else { u64::MAX };
    let up_to = if let Until::Time(time) = until { Some(time) } else { None };
    let mut watch = Watch {
        up_to,
        records: let_go,
        last_at: None,
        departed: BTreeMap::new(),
        departed_before: replayed.shards.iter().map(ShardState::departed_count).sum(),
        departed_since: (let_go > 0).then(HashSet::new),
    };
    let (mut number, mut is_enough) = (let_go, false);
    replayed.replay_with(feed, &mut ArchiveFeed::none(), &mut watch, |visit| {
        let read = verify::verify(directory, &mut |record| {
            if number == last {
                is_enough = true;
                return Err(VisitError::from("far enough"));
            }
            number += 1;
            visit(record)
        });
        match read {
            Err(tollgate_wal::Error::Visit { .. }) if is_enough => Ok(()),
            other => other.map(|_report| ()),
        }
    })?;
    if number < last && last != u64::MAX {
        return Err(Error::EndsBefore { records: number });
    }
    Ok(watch.report(&replayed))
}

/// Notes what is replayed.
struct Watch {
    up_to: Option<Timestamp>,
    records: u64,
    last_at: Option<Timestamp>,
    /// How many payments that have left memory stood how.
    departed: BTreeMap<PaymentStatus, u64>,
    /// How many left before the log begins, and are still away.
    departed_before: u64,
    /// Those that have left since, where others had before.
    departed_since: Option<HashSet<PaymentId>>,
}

impl Watcher for Watch {
    fn takes(&mut self, at: Timestamp) -> bool {
        let takes = self.up_to.is_none_or(|up_to| at <= up_to);
        if takes {
            self.records += 1;
            self.last_at = self.last_at.max(Some(at));
        }
        takes
    }

    fn about_to_apply(&mut self, state: &ShardState, record: &Record<Event>) {
        for event in record.events.iter().filter(|event| event.is_of_archive()) {
            if let Event::PaymentRecalled { payment, history } = event {
                if self.departed_since.as_mut().is_some_and(|since| !since.remove(payment)) {
                    self.departed_before -= 1;
                    continue;
                }
                let status = history.payment().state().status();
                *self.departed.get_mut(&status).expect("it left in this state") -= 1;
            } else if let Some(payment) = event.payment().and_then(|id| state.payment(id)) {
                *self.departed.entry(payment.state().status()).or_default() += 1;
                if let Some(since) = &mut self.departed_since {
                    since.insert(payment.id());
                }
            }
        }
    }
}

impl Watch {
    fn report(self, replayed: &Replayed) -> ReplayReport {
        let in_memory = replayed.shards.iter().flat_map(ShardState::payments_sorted);
        let in_memory = in_memory.map(|payment| payment.state().status());
        let mut payments = self.departed;
        in_memory.for_each(|status| *payments.entry(status).or_default() += 1);
        payments.retain(|_status, count| *count > 0);
        let shards = (0..=u16::MAX).map(ShardId).zip(&replayed.sequences);
        ReplayReport {
            records: self.records,
            last_at: self.last_at,
            shards: shards.map(|(id, last)| (id, *last, replayed.hash_of(id))).collect(),
            merchants: replayed.control.merchants().count(),
            payments,
            departed_before: self.departed_before,
            accounts: replayed.shards.iter().flat_map(|state| state.ledger().sorted()).collect(),
        }
    }
}
