//! How a play ends: all faults cease, everything comes to rest, and two ledgers are compared.

use tollgate_wal::{FreeSpace, store::faulty::Kept};

use super::{Life, Play, expectation::compare};
use crate::{
    model::{Act, Deed, Doing, Expected, Heard},
    provider::{Booking, JobStands, Stands, Word},
    step::{Crash, Fate},
};

/// How often everything is let run its course at the end. Inquiries settle in two rounds and expiries
/// in another two; the longest span of time is a week.
const ROUNDS_OF_REST: u32 = 40;

impl Play<'_> {
    /// Everything works at last, everybody tells the truth, and time runs on. Then nothing may be
    /// left open, and the provider's ledger must be ours.
    pub(super) fn come_to_rest(&mut self, life: Life) {
        self.disk.set_space(FreeSpace { available: u64::MAX, minimum: 0 });
        let mut life = self.crash(life, Crash::default());
        for round in 0..ROUNDS_OF_REST {
            self.let_everything_happen(&mut life);
            if round > 0 {
                self.decide_everything();
                self.hear_owed_words(&mut life);
            }
            let due =
                life.shards.iter().any(|shard| shard.state().next_due(&self.policy).is_some());
            if round > 1 && !due && life.log.queue_depth() == 0 {
                break;
            }
            self.wait(if round < 4 { 130_000 } else { 12 * 3_600_000 });
            (0..self.shards.get()).for_each(|shard| self.tick(&mut life, shard));
            (0..self.shards.get()).for_each(|shard| self.archive(&mut life, shard));
        }
        self.let_everything_happen(&mut life);
        let nothing = (Kept::Nothing, Kept::Nothing);
        let life = self.crash(life, Crash { power: Some(nothing), ..Crash::default() });
        for (shard, model) in life.shards.iter().zip(&self.models) {
            assert_eq!(shard.state().next_due(&self.policy), None, "nothing is ever left open");
            assert!(shard.state().idempotency().is_empty(), "every key is forgotten in the end");
            assert_eq!(model.unresolved(), [], "everything is known in the end");
        }
        self.reconcile(&life);
    }

    pub(super) fn let_everything_happen(&mut self, life: &mut Life) {
        for _turn in 0..6 {
            assert!(!self.group(life), "a sound disk takes every group");
            while !life.groups.borrow().is_empty() {
                self.release(life);
            }
            while self.provider.delayed() > 0 {
                self.arrive(life, 0, Fate::Approve);
            }
            while !life.calls.is_empty() {
                self.call(life, 0, Fate::Approve);
            }
            while !life.answers.is_empty() {
                self.answer(life, 0, false);
            }
            while !life.found.is_empty() {
                self.find(life, 0);
            }
        }
    }

    /// The provider and its customers make up their minds.
    fn decide_everything(&mut self) {
        for (_payment, attempt) in self.provider.attempts() {
            let fate = self.chance.pick(&[Fate::Approve, Fate::Decline]);
            if self.provider.booking(attempt).is_some_and(|found| !found.stands.is_decided()) {
                self.provider.settle(attempt, fate);
            }
        }
        for (_payment, operation) in self.provider.jobs() {
            let fate = self.chance.pick(&[Fate::Approve, Fate::Decline]);
            if let Some((_job, JobStands::Pending)) = self.provider.job(operation) {
                self.provider.settle_job(operation, fate);
            }
        }
    }

    /// The provider corrects what it told, and tells what it changed. Everything else we have to ask
    /// for.
    fn hear_owed_words(&mut self, life: &mut Life) {
        for word in self.provider.owed_words() {
            match word {
                Word::Attempt(payment, attempt) => {
                    let outcome = self.provider.truth(attempt);
                    self.call_back(life, payment, attempt, outcome);
                }
                Word::Operation(payment, operation) => {
                    let outcome = self.provider.truth_of_job(operation);
                    self.call_back_job(life, payment, operation, outcome);
                }
            }
        }
    }

    /// The provider's books beside ours, payment by payment.
    pub(super) fn reconcile(&mut self, life: &Life) {
        for model in &self.models {
            for (id, expected) in &model.payments {
                if self.beyond_compare.contains(id) {
                    continue;
                }
                let booking = self.provider.booking(expected.attempt);
                let agree = attempts_agree(booking, expected);
                assert!(agree, "{id} stands {booking:?} at the provider, and here {expected:?}");
                for deed in &expected.deeds {
                    let job = self.provider.job(deed.id).map(|(_job, stands)| *stands);
                    let agree = operations_agree(job, deed);
                    assert!(agree, "{deed:?} stands {job:?} at the provider: {expected:?}");
                }
                let (theirs, ours) = (self.held_for(expected), held_here(expected));
                assert_eq!(theirs, ours, "what the provider has of {id}: {expected:?}");
                let payment = self.payment_of_ours(life, *id).expect("a payment of ours");
                compare(payment, expected);
                self.coverage.saw("rest: the provider's books are ours");
            }
        }
    }

    /// What the provider has of a payment by its own books. What it denies to have done is for the
    /// operators: there it is reckoned as we believe it.
    fn held_for(&self, expected: &Expected) -> i64 {
        let mut taken = self.provider.taken(expected.attempt);
        let stands = self.provider.booking(expected.attempt).map(|booking| booking.stands);
        if stands == Some(Stands::TakenBack) && !believed(expected) {
            taken.captured = 0;
        }
        // Apart, for what is reversed as a whole leaves nothing of refunds that are denied.
        let mut denied_refunds = 0;
        for deed in &expected.deeds {
            let denied = matches!(self.provider.job(deed.id), Some((_, JobStands::TakenBack)));
            if !denied {
                continue;
            }
            let stands = matches!(deed.doing, Doing::Done(_) | Doing::TooLate);
            match deed.act {
                Act::Capture { minor_units, .. } if !stands => taken.captured -= minor_units,
                Act::Reverse if !stands => taken.reversed = false,
                Act::Refund { minor_units } if stands => denied_refunds += minor_units,
                Act::Confirm
                | Act::Void
                | Act::Capture { .. }
                | Act::Reverse
                | Act::Refund { .. } => {}
            }
        }
        taken.net() - denied_refunds
    }
}

/// What we believe the provider to have of a payment.
fn held_here(expected: &Expected) -> i64 {
    let (exceptional, assigned) = expected.exceptional();
    expected.captured - expected.refunded() + exceptional + assigned
}

fn believed(expected: &Expected) -> bool {
    matches!(expected.heard, Heard::Yes(_) | Heard::TooLateYes)
}

fn attempts_agree(booking: Option<&Booking>, expected: &Expected) -> bool {
    let Some(booking) = booking else { return expected.heard == Heard::No };
    match (booking.stands, expected.heard) {
        (Stands::Approved, Heard::Yes(_) | Heard::TooLateYes) => true,
        // A void has reached an approval of which we had not heard.
        (Stands::Approved, Heard::CalledOff) => booking.gone,
        // We may have heard the yes, the no, or both, in any order.
        (Stands::TakenBack, Heard::Yes(_) | Heard::No | Heard::TooLateYes | Heard::CalledOff) => {
            true
        }
        (Stands::Declined, Heard::No) => true,
        (Stands::CalledOff, Heard::CalledOff | Heard::No) => true,
        (Stands::Approved, Heard::No)
        | (Stands::Declined, Heard::CalledOff | Heard::Yes(_) | Heard::TooLateYes)
        | (Stands::CalledOff, Heard::Yes(_) | Heard::TooLateYes)
        | (_, Heard::Nothing | Heard::Later(_) | Heard::NothingCertain(_) | Heard::Act(_))
        | (Stands::ActionRequired | Stands::Pending, _) => false,
    }
}

fn operations_agree(job: Option<JobStands>, deed: &Deed) -> bool {
    match (job, deed.doing) {
        // A confirmation leaves no trace but in the attempt.
        (None, Doing::Done(_)) => deed.act == Act::Confirm,
        (None | Some(JobStands::Refused(_)), Doing::Failed(_)) => true,
        (Some(JobStands::Done), Doing::Done(_) | Doing::TooLate) => true,
        (
            Some(JobStands::TakenBack),
            Doing::Done(_) | Doing::Returned | Doing::Failed(_) | Doing::TooLate,
        ) => true,
        (None | Some(JobStands::Refused(_) | JobStands::Done | JobStands::Pending), _)
        | (Some(JobStands::TakenBack), _) => false,
    }
}
