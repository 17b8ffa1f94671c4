//! A shard's steps on their way through the log, and what leaves behind them.

use std::{collections::VecDeque, sync::Arc};

use tollgate_domain::{ControlEvent, Record, ShardId, Timestamp, codec, invariant};
use tollgate_engine::{
    Archive as _, Completion, Departures, DurableRecord, Find, Finding, LogError, NewRecord,
    Outlet, PreparedCall, RecordObserver, Shard, Step as Decided, Wanted, release,
};
use tollgate_wal::{
    FreeSpace, Released,
    store::faulty::{Fault, Kept},
};

use super::{
    Card, Client, Handed, Life, MINIMUM_SPACE, Play, Reply, Ticket, Told,
    archive::{Vault, note_away},
    diary::Diary,
    index_of,
};
use crate::{coverage::Coverage, coverage::happened, model::Entry};

impl Play<'_> {
    /// Hands a step's record to the log, with all that rests on it.
    pub(super) fn carry_out(
        &mut self,
        life: &mut Life,
        shard: ShardId,
        step: Decided<Client, Card>,
        now: Timestamp,
    ) {
        let Decided { record, begun: _, replies, calls } = step;
        let reply = (!replies.is_empty()).then_some(Reply::Payments(replies));
        let completion = Completion { reply, calls, ..Completion::quiet(None) };
        self.hand_in(life, shard, record, completion, now);
    }

    /// Hands a record to the log, if there is one, with all that rests on it.
    pub(super) fn hand_in(
        &mut self,
        life: &mut Life,
        shard: ShardId,
        record: Option<NewRecord>,
        mut completion: Completion<Card, Reply>,
        now: Timestamp,
    ) {
        let Some(NewRecord { record, bytes, departures }) = record else {
            self.after_durable(life, shard, completion);
            return;
        };
        assert_eq!(record.at, now, "a record bears the shard's time");
        assert!(!record.events.is_empty(), "a record holds an event");
        assert_eq!(codec::decode(&bytes).as_ref().ok(), Some(&record), "bytes tell all");
        let index = index_of(shard);
        record.events.iter().for_each(|event| self.coverage.saw(happened(event)));
        let state = life.shards[index].state();
        assert_eq!(invariant::shard(state), Ok(()), "after {record:?}");
        assert_eq!(invariant::histories(state), Ok(()), "after {record:?}");
        note_away(&mut self.away, departures.as_ref());
        let lane = &mut life.lanes[index];
        let sequence = lane.sequence() + 1;
        let observation = DurableRecord::of_payments(state, sequence, record);
        completion.observation = Some(observation.clone());
        completion.departures = departures.clone();
        lane.append(bytes, Ticket { shard, rests_on: sequence, completion });
        let entry = Entry { shard, sequence, model: self.models[index].clone() };
        self.history.push(Handed { entry, hash: state.hash(), observation, departures });
        self.note_standings(index);
    }

    /// Lets go of what needs no record once everything before it is durable; tells whether it was.
    pub(super) fn after_durable(
        &mut self,
        life: &mut Life,
        shard: ShardId,
        completion: Completion<Card, Reply>,
    ) -> bool {
        let lane = &life.lanes[index_of(shard)];
        let ticket = Ticket { shard, rests_on: lane.sequence(), completion };
        let Some(ticket) = lane.after_durable(ticket) else { return false };
        self.let_go(life, ticket);
        true
    }

    pub(super) fn let_go(&mut self, life: &mut Life, ticket: Ticket) {
        let Ticket { shard, rests_on, completion } = ticket;
        let mut world = self.world(life, shard, rests_on);
        release(Released::Durable(vec![completion]), &mut world);
    }

    fn world<'w>(&'w mut self, life: &'w mut Life, shard: ShardId, rests_on: u64) -> World<'w> {
        World {
            shard,
            rests_on,
            told: &mut self.told,
            diary: &self.diary,
            vault: &self.vault,
            found: &mut life.found,
            calls: &mut life.calls,
            coverage: &mut self.coverage,
        }
    }

    /// The log writer takes its turn; tells whether that is where the log failed.
    pub(super) fn group(&mut self, life: &mut Life) -> bool {
        let waiting = life.log.queue_depth();
        if waiting == 0 {
            return false;
        }
        if waiting >= 8 {
            self.coverage.saw("disk: slow, many records in a group");
        }
        let (commits, poisoned) = (self.disk.commits(), life.log.is_poisoned());
        let (segment, length) = self.newest_journal();
        assert!(life.writer.take_turn(), "something waits");
        life.writer.look_at_space();
        if life.log.is_poisoned() {
            return !poisoned;
        }
        if self.disk.commits() > commits {
            let (written, _length) = self.newest_journal();
            self.last_group = (written, if written == segment { length } else { 0 });
        }
        false
    }

    pub(super) fn newest_journal(&self) -> (u64, usize) {
        let newest = *self.disk.segments().last().expect("an open log has a segment");
        let mut length = 0;
        self.disk.damage_journal(newest, |journal| length = journal.len());
        (newest, length)
    }

    pub(super) fn release(&mut self, life: &mut Life) {
        let group = life.groups.borrow_mut().pop_front();
        match group {
            None => {}
            Some(Released::Durable(tickets)) => {
                tickets.into_iter().for_each(|ticket| self.let_go(life, ticket));
            }
            Some(Released::Unknown { completions, cause }) => {
                assert!(life.log.is_poisoned(), "only a log that failed knows nothing");
                for ticket in completions {
                    let Ticket { shard, rests_on, completion } = ticket;
                    let mut world = self.world(life, shard, rests_on);
                    let completions = vec![completion];
                    release(
                        Released::Unknown { completions, cause: Arc::clone(&cause) },
                        &mut world,
                    );
                }
                life.failed = true;
                for client in life.shards.iter_mut().flat_map(Shard::stop) {
                    client.waits.set(false);
                    self.coverage.saw("reply: unknown");
                }
                life.waiting.clear();
                life.absent.clear();
            }
        }
    }

    pub(super) fn set_space(&mut self, life: &mut Life, bytes: Option<u64>) {
        let available = bytes.unwrap_or(u64::MAX);
        self.disk.set_space(FreeSpace { available, minimum: MINIMUM_SPACE });
        life.writer.look_at_space();
        if !life.log.has_room() {
            self.coverage.saw("disk: no room for new work");
        }
    }

    pub(super) fn fail(&mut self, life: &mut Life, journal: Kept, sled: Kept) {
        if life.log.queue_depth() == 0 || life.log.is_poisoned() {
            return;
        }
        let commit = self.disk.commits() + 1;
        self.disk.plan(Fault { journal, sled, ..Fault::fail(commit, Kept::Nothing) });
        if self.group(life) {
            self.coverage.saw("disk: commit fails by plan");
        } else {
            // Only reads and refusals waited: nothing was written.
            self.disk.forget_faults();
        }
    }
}

/// Where what is let go leaves to: clients' hands, and calls that wait to be made.
struct World<'a> {
    shard: ShardId,
    rests_on: u64,
    told: &'a mut Told,
    diary: &'a Diary,
    vault: &'a Vault,
    found: &'a mut Vec<(u64, Finding)>,
    calls: &'a mut VecDeque<PreparedCall<Card>>,
    coverage: &'a mut Coverage,
}

impl World<'_> {
    fn rely(&mut self) {
        let durable = self.told.durable.entry(self.shard).or_default();
        *durable = self.rests_on.max(*durable);
    }
}

impl Outlet<Card, Reply> for World<'_> {
    fn observe(&mut self, records: Vec<DurableRecord>) {
        self.rely();
        self.diary.observe(records.into_iter().map(Arc::new).collect());
    }

    fn archive(&mut self, departures: Departures) {
        self.rely();
        self.vault.take(departures);
    }

    fn publish(&mut self, record: Record<ControlEvent>) {
        unreachable!("payment shards publish nothing: {record:?}");
    }

    fn deliver(&mut self, reply: Reply) {
        self.rely();
        match reply {
            Reply::Read(id, payment) => {
                assert!(payment.is_none_or(|payment| payment.id() == id));
            }
            Reply::ReadAway(asked) => {
                let wanted = Wanted::Payment(asked.id());
                let Ok(Some(Find::Payment(found))) = Play::look(self.vault, wanted) else {
                    panic!("{} has left memory", asked.id())
                };
                // It may have been back meanwhile.
                assert!(found.chapters().starts_with(asked.chapters()), "it is read as it was");
                self.coverage.saw("archive: read from");
            }
            Reply::Look(number, wanted) => {
                self.found.push((number, Play::look(self.vault, wanted)));
            }
            Reply::Order(answer) => drop(answer),
            Reply::Payments(replies) => {
                replies.into_iter().for_each(|(client, reply)| self.told.answer(&client, reply));
            }
        }
    }

    fn run(&mut self, call: PreparedCall<Card>) {
        self.rely();
        self.calls.push_back(call);
    }

    fn log_failed(&mut self, _cause: &LogError) {}

    fn fail(&mut self, reply: Reply) {
        if let Reply::Payments(replies) = reply {
            replies.into_iter().for_each(|(client, _reply)| client.waits.set(false));
        }
        self.coverage.saw("reply: unknown");
    }
}
