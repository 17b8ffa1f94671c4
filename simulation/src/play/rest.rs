//! How a play ends: all faults cease, everything comes to rest, and two ledgers are compared.

use tollgate_domain::{CaptureMode, ProviderId, ledger::Account};
use tollgate_wal::{FreeSpace, store::faulty::Kept};

use super::{Life, Play};
use crate::{
    model::Heard,
    provider::Stands,
    step::{Claim, Crash, Fate},
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
            if round == 1 {
                for (_payment, attempt) in self.provider.attempts() {
                    let fate = self.chance.pick(&[Fate::Approve, Fate::Decline]);
                    if let Some(Stands::ActionRequired | Stands::Pending) =
                        self.provider.booking(attempt).map(|booking| booking.stands)
                    {
                        self.provider.settle(attempt, fate);
                    }
                }
                for which in 0..self.provider.attempts().len() {
                    let which = u16::try_from(which).expect("plays are small");
                    self.callback(&mut life, which, Claim::Truth);
                }
            }
            let due =
                life.shards.iter().any(|shard| shard.state().next_due(&self.policy).is_some());
            if round > 1 && !due && life.log.queue_depth() == 0 {
                break;
            }
            self.wait(if round < 4 { 130_000 } else { 12 * 3_600_000 });
            (0..self.shards.get()).for_each(|shard| self.tick(&mut life, shard));
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
        for _turn in 0..4 {
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
        }
    }

    /// The provider's ledger beside ours, attempt by attempt and in sum.
    pub(super) fn reconcile(&self, life: &Life) {
        let mut taken = 0;
        let payments = self.models.iter().flat_map(|model| &model.payments);
        for (id, expected) in payments {
            let stands = self.provider.booking(expected.attempt).map(|booking| booking.stands);
            let agree = match stands {
                Some(Stands::Approved) => {
                    matches!(expected.heard, Heard::Yes | Heard::YesThenNo | Heard::TooLateYes)
                }
                // We may have heard the yes, the no, or both, in any order.
                Some(Stands::TakenBack) => {
                    matches!(expected.heard, Heard::YesThenNo | Heard::No | Heard::TooLateYes)
                }
                Some(Stands::Declined) | None => expected.heard == Heard::No,
                Some(Stands::ActionRequired | Stands::Pending) => false,
            };
            assert!(agree, "{id} stands {stands:?} at the provider, and here {expected:?}");
            let stands_for_money = match stands {
                Some(Stands::Approved) => true,
                Some(Stands::TakenBack) => expected.heard != Heard::No,
                Some(Stands::Declined | Stands::ActionRequired | Stands::Pending) | None => false,
            };
            if let Some(booking) = self.provider.booking(expected.attempt)
                && stands_for_money
                && booking.charge.capture == CaptureMode::Automatic
            {
                taken += i128::from(booking.charge.minor_units);
            }
        }
        let receivable = Account::ProviderReceivable(ProviderId::SIMULATOR);
        let books = life.shards.iter().flat_map(|shard| shard.state().ledger().sorted());
        let owed: i128 = books
            .filter(|(key, _balance)| key.account == receivable)
            .map(|(_key, balance)| -balance.net_credit())
            .sum();
        assert_eq!(owed, taken, "the provider owes us what it took");
    }
}
