//! The archive of a play: what has left memory, what waits until it is found there, and what it loses
//! when the process dies.
//!
//! Invariant: it is given departures in order and each once, and nothing that the log may still lose.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tollgate_domain::{
    CreatePayment, History, OperationId, Payment, PaymentId, ShardId, Timestamp, codec,
};
use tollgate_engine::{
    Absent, Archive, ArchiveError, Completion, Departures, Finding, Found, PaymentCommand,
    ProviderReport, Request as Asking, Step as Decided, Submission, find,
};

use super::{Card, Client, Life, Play, Reply, Ticket, index_of, pick};
use crate::{chance::Chance, model::Request, step::Pay};

/// The archive.
#[derive(Default)]
pub(super) struct Vault(Mutex<Shelves>);

#[derive(Default)]
struct Shelves {
    given: Vec<Departures>,
    /// How many of them outlive a power cut.
    persisted: usize,
}

impl Vault {
    /// The process dies: what was given last is lost, or all of it.
    pub(super) fn lose(&self, chance: &mut Chance, all: bool) {
        let mut shelves = self.shelves();
        let kept = if all { 0 } else { shelves.persisted };
        let lost = chance.below(4).min((shelves.given.len() - kept) as u64);
        let left = shelves.given.len() - usize::try_from(lost).expect("few");
        shelves.given.truncate(if all { 0 } else { left });
        shelves.persisted = kept;
    }

    fn put(&self, departures: Departures) {
        let position = self.position(departures.shard);
        assert!(departures.position() > position, "nothing is given twice: {departures:?}");
        assert!(departures.before <= position, "nothing is left out: {departures:?}");
        self.shelves().given.push(departures);
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive for Vault {
    fn position(&self, shard: ShardId) -> u64 {
        let shelves = self.shelves();
        let last = shelves.given.iter().rev().find(|given| given.shard == shard);
        last.map_or(0, Departures::position)
    }

    fn take(&self, departures: Departures) {
        self.put(departures);
    }

    fn replay(&self, departures: Departures) {
        self.put(departures);
    }

    fn has_room(&self) -> bool {
        true
    }

    fn history(&self, payment: PaymentId) -> Result<Option<Vec<u8>>, ArchiveError> {
        let shelves = self.shelves();
        let mut departed = shelves.given.iter().rev().flat_map(|given| &given.payments);
        let found = departed.find(|departed| departed.payment == payment);
        Ok(found.map(|departed| departed.history.clone()))
    }

    fn payment_of(&self, operation: OperationId) -> Result<Option<PaymentId>, ArchiveError> {
        let shelves = self.shelves();
        let mut departed = shelves.given.iter().rev().flat_map(|given| &given.payments);
        let found = departed.find(|departed| departed.operations.contains(&operation));
        Ok(found.map(|departed| departed.payment))
    }

    fn persist(&self) -> Result<(), ArchiveError> {
        let mut shelves = self.shelves();
        shelves.persisted = shelves.given.len();
        Ok(())
    }
}

/// A payment as it left memory the last time.
#[derive(Clone)]
pub(super) struct Away {
    pub(super) history: Arc<History>,
    pub(super) payment: Payment,
}

/// Every payment that ever left memory.
pub(super) type AllAway = BTreeMap<PaymentId, Away>;

/// Notes what leaves.
pub(super) fn note_away(away: &mut AllAway, departures: Option<&Departures>) {
    for departed in departures.into_iter().flat_map(|left| &left.payments) {
        let history = codec::decode_history(&departed.history).expect("a history");
        let operations: Vec<_> = history.operations().collect();
        assert_eq!(operations, departed.operations, "each is found by its id");
        let payment = history.payment();
        away.insert(departed.payment, Away { history: Arc::new(history), payment });
    }
}

/// What waits until its payment has been looked for.
pub(super) enum Waits {
    Pay(Absent<Submission<Client, Card>>, Pay, Card),
    Ask(Absent<Asking<Client>>, PaymentCommand, Client, bool),
    Report(Absent<ProviderReport>),
}

impl Waits {
    pub(super) fn payment(&self) -> PaymentId {
        match self {
            Self::Pay(absent, ..) => absent.payment,
            Self::Ask(absent, ..) => absent.payment,
            Self::Report(absent) => absent.payment,
        }
    }
}

impl Play<'_> {
    /// A payment, in memory or away.
    pub(super) fn payment_of_ours<'p>(
        &'p self,
        life: &'p Life,
        id: PaymentId,
    ) -> Option<&'p Payment> {
        let state = life.shards[index_of(id.shard())].state();
        let away = || self.away.get(&id).map(|away| &away.payment);
        state.payment(id).or_else(away)
    }

    /// Payments leave memory, where some have to.
    pub(super) fn archive(&mut self, life: &mut Life, which: u16) {
        let shard = ShardId(1 + which % self.shards);
        let index = index_of(shard);
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let rules = self.policy.archive;
        let due = life.shards[index].state().next_departure(&rules);
        let Some(step) = life.shards[index].archive(moment) else {
            assert!(due.is_none_or(|due| due > now), "what has to leave leaves");
            return;
        };
        assert!(due.is_some_and(|due| due <= now), "nothing had to leave");
        assert!(step.replies.is_empty() && step.calls.is_empty(), "nobody hears of it");
        let departures = step.record.as_ref().and_then(|new| new.departures.as_ref());
        let departures = departures.expect("what leaves is handed over");
        for departed in &departures.payments {
            let expected = &self.models[index].payments[&departed.payment];
            assert!(expected.is_finished(), "{} is not finished", departed.payment);
        }
        (self.tell)(format!("  {} leave", departures.payments.len()));
        self.carry_out(life, shard, step, now);
        self.compare_shard(life, index);
    }

    /// Something waits until its payment is found, which is looked for once everything before is let
    /// go.
    pub(super) fn look_up(&mut self, life: &mut Life, waits: Waits) {
        let (payment, shard) = (waits.payment(), waits.payment().shard());
        let number = life.lookups;
        life.lookups += 1;
        life.absent.insert(number, waits);
        (self.tell)(format!("  {payment} is looked for"));
        let lane = &life.lanes[index_of(shard)];
        let completion = Completion::reply(Reply::Look(number, payment), None);
        lane.after_released(Ticket { shard, rests_on: lane.sequence(), completion });
    }

    /// What waited goes on with what was found.
    pub(super) fn find(&mut self, life: &mut Life, which: u16) {
        let Some(which) = pick(which, life.found.len()) else { return };
        let (number, found) = life.found.remove(which);
        // The log may have failed meanwhile: then nobody waits.
        let Some(waits) = life.absent.remove(&number) else { return };
        let (payment, shard) = (waits.payment(), waits.payment().shard());
        let index = index_of(shard);
        if life.shards[index].has_stopped() {
            return self.coverage.saw("reply: stopping");
        }
        // One that a crash took back was asked for as well.
        let is_ours = self.models[index].payments.contains_key(&payment);
        assert!(is_ours == matches!(found, Ok(Some(_))), "{payment} is found where it has left");
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let room = life.lanes[index].has_room();
        match waits {
            Waits::Pay(absent, pay, card) => {
                let asked = CreatePayment::clone(&absent.asked.command);
                match life.shards[index].found_for_payment(absent, &found, moment) {
                    Found::Back(recalled, submission) => {
                        self.bring_back(life, shard, recalled, now);
                        self.submit(life, submission, pay, card);
                    }
                    Found::Answered(step) => {
                        let Request::Known(subject) = self.models[index].request(&asked, now)
                        else {
                            panic!("only a repeated request is answered without {payment}");
                        };
                        self.expect_repeat(life, &step, subject);
                        self.coverage.saw("archive: answers a repeated payment");
                        self.carry_out(life, shard, step, now);
                    }
                    Found::Again(absent) => {
                        self.look_again(life, Waits::Pay(absent, pay, card));
                    }
                }
            }
            Waits::Ask(absent, command, client, waiting) => {
                match life.shards[index].found_for_operation(absent, &found, room, moment) {
                    Found::Back(recalled, request) => {
                        self.bring_back(life, shard, recalled, now);
                        drop(request);
                        self.carry_request_out(life, command, client, waiting);
                    }
                    Found::Answered(step) => {
                        self.answer_away(life, &command, step, room, now);
                    }
                    Found::Again(absent) => {
                        self.look_again(life, Waits::Ask(absent, command, client, waiting));
                    }
                }
            }
            Waits::Report(absent) => {
                match life.shards[index].found_for_report(absent, &found, moment) {
                    Ok(Found::Back(recalled, report)) => {
                        self.bring_back(life, shard, recalled, now);
                        self.hear(life, report);
                    }
                    Ok(Found::Again(absent)) => self.look_again(life, Waits::Report(absent)),
                    Ok(Found::Answered(_)) | Err(_) => {
                        panic!("what a provider reports of {payment} is always accepted")
                    }
                }
            }
        }
    }

    fn look_again(&mut self, life: &mut Life, waits: Waits) {
        self.coverage.saw("archive: looked into again");
        self.look_up(life, waits);
    }

    fn bring_back(
        &mut self,
        life: &mut Life,
        shard: ShardId,
        recalled: Option<Decided<Client, Card>>,
        now: Timestamp,
    ) {
        let index = index_of(shard);
        let Some(step) = recalled else { return self.coverage.saw("archive: back meanwhile") };
        assert!(step.replies.is_empty() && step.calls.is_empty(), "nobody hears of it");
        self.carry_out(life, shard, step, now);
        self.compare_shard(life, index);
    }

    /// What the archive has of a payment that somebody asked for.
    pub(super) fn look(vault: &Vault, payment: PaymentId) -> Finding {
        Ok(find(vault, payment).expect("a vault is never damaged"))
    }
}
