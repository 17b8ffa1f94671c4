//! What a payment may read, by its first answer and by what was done to it since.
//!
//! What is open makes a range of what is exact otherwise: an operation without its last word may
//! have been done or not, and a refund that is to come back may have come back or not.

use super::KeyRecord;
use super::customers::{Certainty, Customer};
use super::deeds::{DeedRecord, returns_refunds};
use crate::answer::{Outcome, PaymentView};
use crate::deed::DeedKind;
use crate::deed_answer::DeedEnd;
use crate::order::Capture;
use crate::violation::ViolationKind;

/// Least and most, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) least: i64,
    pub(super) most: i64,
}

/// How a payment may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    /// Of one whose customer has acted, what it was seen to be since.
    outcome: Outcome,
    capture: Capture,
    /// The provider first reserves what it takes.
    reserves: bool,
    /// Held for a review once it is authorized.
    held: bool,
    amount: i64,
    /// The provider holds an approval, or held one.
    approval: Certainty,
    captured: Span,
    refunded: Span,
    void: Certainty,
    reversal: Certainty,
    /// A capture let go of the rest.
    released: bool,
    /// A capture has no last word.
    capturing: bool,
    /// A reviewer has approved, whatever became of the capture that follows.
    approved_by_reviewer: bool,
    action: Option<Action>,
    /// A callback may have contradicted a decline, so that there may be no approval although we
    /// were told of one.
    doubtful: bool,
    /// What our own books may have beyond the provider's because of that.
    contradicted: i64,
}

/// What may come of a payment whose customer had to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Action {
    decline: Certainty,
    /// The decision was told.
    decided: bool,
    called_off: CalledOff,
    /// An approval was seen to be undone.
    undone: bool,
}

/// What became of a request to call a payment off while its customer had to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CalledOff {
    /// There was none, or the rules forbade it.
    No,
    /// It has no last word.
    Perhaps,
    Yes,
    /// The provider did not do it: if the customer has approved, that has to be undone.
    InVain,
}

impl Span {
    pub(super) const fn exactly(minor: i64) -> Self {
        Self { least: minor, most: minor }
    }

    pub(super) fn contains(self, minor: i64) -> bool {
        (self.least..=self.most).contains(&minor)
    }
}

impl Expected {
    pub(super) fn of<'a>(
        record: &KeyRecord,
        outcome: Outcome,
        deeds: impl Iterator<Item = &'a DeedRecord>,
    ) -> Self {
        let (order, customer) = (&record.order, record.customer.as_deref());
        let amount = order.amount_minor;
        let outcome = customer.and_then(|customer| customer.outcome(order)).unwrap_or(outcome);
        let approval = match outcome {
            Outcome::Completed | Outcome::Authorized | Outcome::Review => Certainty::Yes,
            Outcome::ActionRequired => customer.map_or(Certainty::No, Customer::approval),
            Outcome::Failed => Certainty::No,
        };
        let doubtful = order.contradicts_decline();
        let approval = if doubtful { Certainty::Perhaps } else { approval };
        let may_take = !order.reserves() && approval != Certainty::No;
        let captured = match outcome {
            Outcome::Completed => Span::exactly(amount),
            Outcome::ActionRequired if may_take => Span { least: 0, most: amount },
            Outcome::Authorized | Outcome::Review | Outcome::ActionRequired | Outcome::Failed => {
                Span::exactly(0)
            }
        };
        let action = customer.map(|customer| Action {
            decline: customer.decline(),
            decided: customer.is_decided(),
            called_off: CalledOff::No,
            undone: customer.is_undone(),
        });
        let mut expected = Self {
            outcome,
            capture: order.capture,
            reserves: order.reserves(),
            held: order.is_held(),
            amount,
            approval,
            captured,
            refunded: Span::exactly(0),
            void: Certainty::No,
            reversal: Certainty::No,
            released: outcome == Outcome::Completed,
            doubtful,
            contradicted: order.contradicted_minor(),
            capturing: false,
            approved_by_reviewer: false,
            action,
        };
        for record in deeds {
            expected.add(record, returns_refunds(order));
        }
        if expected.reversal != Certainty::No || expected.may_be_called_off() {
            expected.captured.least = 0;
        }
        if expected.reversal == Certainty::Yes || expected.is_undone() {
            expected.captured = Span::exactly(0);
        }
        expected
    }

    fn add(&mut self, record: &DeedRecord, refunds_return: bool) {
        if record.deed.kind == DeedKind::Cancellation {
            return self.call_off(record);
        }
        if record.deed.kind == DeedKind::Approval {
            self.approved_by_reviewer |= record.state.is_final();
        }
        let certainty = match record.end() {
            Some(DeedEnd::Undone) => return,
            Some(DeedEnd::Done) => Certainty::Yes,
            Some(DeedEnd::Pending) | None => Certainty::Perhaps,
        };
        let is_done = certainty == Certainty::Yes;
        match record.deed.kind {
            DeedKind::Capture { amount_minor, is_final } => {
                self.captured.most += amount_minor;
                if is_done {
                    self.captured.least += amount_minor;
                    self.released |= is_final;
                } else {
                    self.capturing = true;
                }
            }
            DeedKind::Void | DeedKind::Rejection => self.void = self.void.max(certainty),
            DeedKind::Approval if self.capture == Capture::Manual => self.capturing |= !is_done,
            DeedKind::Approval => {
                self.captured.most += self.amount;
                if is_done {
                    self.captured.least += self.amount;
                    self.released = true;
                } else {
                    self.capturing = true;
                }
            }
            DeedKind::Reversal => self.reversal = self.reversal.max(certainty),
            DeedKind::Refund { amount_minor } => {
                self.refunded.most += amount_minor;
                if is_done && !refunds_return {
                    self.refunded.least += amount_minor;
                }
            }
            // What it asks about is told by the payment.
            DeedKind::Confirmation | DeedKind::Cancellation => {}
        }
    }

    fn call_off(&mut self, record: &DeedRecord) {
        let Some(action) = &mut self.action else { return };
        action.called_off = match (record.state.is_rejected(), record.end()) {
            (true, _) => return,
            (false, Some(DeedEnd::Done)) => CalledOff::Yes,
            (false, Some(DeedEnd::Undone)) => CalledOff::InVain,
            (false, Some(DeedEnd::Pending) | None) => CalledOff::Perhaps,
        };
    }

    fn called_off(&self) -> CalledOff {
        self.action.map_or(CalledOff::No, |action| action.called_off)
    }

    /// The provider may have undone an approval that came although the payment was called off.
    fn may_be_called_off(&self) -> bool {
        self.called_off() != CalledOff::No && self.approval != Certainty::No
    }

    fn is_undone(&self) -> bool {
        self.action.is_some_and(|action| action.undone)
    }

    /// The provider knows what becomes of the payment, and the payment does not show it yet; where
    /// it is `sure` that a void which was not done had reached the provider, that of it as well.
    pub(super) fn is_on_its_way(&self, sure: bool) -> bool {
        let Some(action) = self.action else { return false };
        let waits = self.outcome == Outcome::ActionRequired && action.called_off != CalledOff::Yes;
        let has_to_be_undone = self.approval == Certainty::Yes
            && action.called_off == CalledOff::InVain
            && !action.undone;
        (waits && action.decided) || (sure && has_to_be_undone)
    }

    /// What was taken, given back or not.
    pub(super) fn taken(&self) -> Span {
        self.captured
    }

    /// What the provider has taken from the customer in all.
    pub(super) fn moved(&self) -> Span {
        let taken = if self.doubtful { 0 } else { self.captured.least };
        let least = (taken - self.refunded.most).max(0);
        Span { least, most: (self.captured.most - self.refunded.least).max(least) }
    }

    /// What our own books may have of it.
    pub(super) fn booked(&self) -> Span {
        let Span { least, most } = self.moved();
        Span { least, most: most + self.contradicted }
    }

    /// What of that is not with the provider, at the most.
    pub(super) fn contradicted(&self) -> i64 {
        self.contradicted
    }

    /// The provider may have undone its approval at our word.
    pub(super) fn may_be_undone(&self) -> bool {
        self.void != Certainty::No || self.reversal != Certainty::No || self.may_be_called_off()
    }

    /// Whether the provider has to hold an approval, or to have held one.
    pub(super) fn approval(&self) -> Certainty {
        self.approval
    }

    /// The gateway itself undoes approvals that nobody waits for any more.
    pub(super) fn may_undo_itself(&self) -> bool {
        self.approval != Certainty::Yes || self.may_be_called_off()
    }

    fn is_voided(&self) -> bool {
        self.void == Certainty::Yes
    }

    fn is_reversed(&self) -> bool {
        self.reversal == Certainty::Yes
    }

    /// What is wrong with a payment that reads so. Something may have been done to it since it was
    /// asked for, unless it was `still`: then only what can never be is held against it.
    pub(super) fn against(
        &self,
        view: &PaymentView,
        still: bool,
    ) -> Option<(ViolationKind, String)> {
        if still && !self.may_read(&view.status) {
            let details = format!("answered {}, reads {}", self.words(), view.status);
            return Some((ViolationKind::StatusChanged, details));
        }
        let (captured, refunded) = view.moved_minor()?;
        let fits = match still {
            true => self.captured.contains(captured) && self.refunded.contains(refunded),
            false => captured <= self.captured.most && refunded <= self.refunded.most,
        };
        let bounded = captured <= self.amount && refunded <= captured;
        (!fits || !bounded).then(|| {
            let details =
                format!("captured {captured}, refunded {refunded}; answered {}", self.words());
            (ViolationKind::PaymentDiffers, details)
        })
    }

    /// What is reserved or waits for the customer expires by itself.
    fn may_read(&self, status: &str) -> bool {
        if self.may_read_of_action(status) {
            return true;
        }
        let undecided = self.capturing
            || self.void == Certainty::Perhaps
            || self.reversal == Certainty::Perhaps;
        if undecided {
            return STATUSES.contains(&status);
        }
        if self.is_reversed() {
            return status == "reversed";
        }
        match (self.outcome, self.captured.least) {
            (Outcome::Failed, _) => status == "failed",
            (Outcome::ActionRequired, _) => false,
            (Outcome::Authorized | Outcome::Review, 0) if self.is_voided() => status == "voided",
            (Outcome::Review, 0) if !self.approved_by_reviewer => {
                ["review", "expired"].contains(&status)
            }
            (Outcome::Authorized | Outcome::Review, 0) => {
                ["authorized", "expired"].contains(&status)
            }
            (Outcome::Completed | Outcome::Authorized | Outcome::Review, captured) => {
                let whole = self.released || self.is_voided() || captured == self.amount;
                status == "completed" || (!whole && status == "partially_captured")
            }
        }
    }

    /// What comes of the customer's decision, or of a request to call the payment off.
    fn may_read_of_action(&self, status: &str) -> bool {
        let Some(action) = self.action else { return false };
        let waits = self.outcome == Outcome::ActionRequired && action.called_off != CalledOff::Yes;
        let may_be_approved = self.approval != Certainty::No;
        match status {
            "requires_action" | "expired" => waits,
            "completed" => waits && may_be_approved && !self.reserves,
            "review" => waits && may_be_approved && self.held,
            "authorized" => waits && may_be_approved && self.reserves && !self.held,
            // It may have been heard of while the void was under way.
            "failed" => self.outcome == Outcome::ActionRequired && action.decline != Certainty::No,
            "voided" => match action.called_off {
                CalledOff::No => false,
                CalledOff::Perhaps | CalledOff::Yes => self.captured.least == 0,
                CalledOff::InVain => may_be_approved && self.reserves,
            },
            "reversed" => self.may_be_called_off() && !self.reserves,
            _ => false,
        }
    }

    fn words(&self) -> String {
        let Span { least, most } = self.captured;
        format!(
            "{}, captured {least} to {most}, refunded {} to {} of {}{}{}{}",
            self.outcome.name(),
            self.refunded.least,
            self.refunded.most,
            self.amount,
            if self.void == Certainty::No { "" } else { ", voided" },
            if self.reversal == Certainty::No { "" } else { ", reversed" },
            if self.called_off() == CalledOff::No { "" } else { ", called off" },
        )
    }
}

/// Where a payment can stand once it was authorized.
const STATUSES: [&str; 8] = [
    "review",
    "authorized",
    "partially_captured",
    "completed",
    "voided",
    "reversed",
    "expired",
    "requires_action",
];
