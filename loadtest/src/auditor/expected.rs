//! What a payment may read, by its first answer and by what was done to it since.
//!
//! What is open makes a range of what is exact otherwise: an operation without its last word may
//! have been done or not, and a refund that is to come back may have come back or not.

use super::deeds::{DeedRecord, returns_refunds};
use crate::answer::{Outcome, PaymentView};
use crate::deed::DeedKind;
use crate::deed_answer::DeedEnd;
use crate::order::PaymentOrder;
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
    outcome: Outcome,
    amount: i64,
    captured: Span,
    refunded: Span,
    void: Certainty,
    reversal: Certainty,
    /// A capture let go of the rest.
    released: bool,
    /// A capture has no last word.
    capturing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    No,
    Perhaps,
    Yes,
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
        order: &PaymentOrder,
        outcome: Outcome,
        deeds: impl Iterator<Item = &'a DeedRecord>,
    ) -> Self {
        let amount = order.amount_minor;
        let captured = match outcome {
            Outcome::Completed => amount,
            Outcome::Authorized | Outcome::ActionRequired | Outcome::Failed => 0,
        };
        let mut expected = Self {
            outcome,
            amount,
            captured: Span::exactly(captured),
            refunded: Span::exactly(0),
            void: Certainty::No,
            reversal: Certainty::No,
            released: outcome == Outcome::Completed,
            capturing: false,
        };
        for record in deeds {
            expected.add(record, returns_refunds(order));
        }
        if expected.reversal != Certainty::No {
            expected.captured.least = 0;
        }
        if expected.reversal == Certainty::Yes {
            expected.captured.most = 0;
        }
        expected
    }

    fn add(&mut self, record: &DeedRecord, refunds_return: bool) {
        let certainty = match record.state.end() {
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
            DeedKind::Void => self.void = self.void.max(certainty),
            DeedKind::Reversal => self.reversal = self.reversal.max(certainty),
            DeedKind::Refund { amount_minor } => {
                self.refunded.most += amount_minor;
                if is_done && !refunds_return {
                    self.refunded.least += amount_minor;
                }
            }
        }
    }

    /// What the provider has taken from the customer in all.
    pub(super) fn moved(&self) -> Span {
        let least = (self.captured.least - self.refunded.most).max(0);
        Span { least, most: (self.captured.most - self.refunded.least).max(least) }
    }

    /// The provider may have undone its approval at our word.
    pub(super) fn may_be_undone(&self) -> bool {
        self.void != Certainty::No || self.reversal != Certainty::No
    }

    /// The provider has to hold an approval.
    pub(super) fn is_approved(&self) -> bool {
        self.outcome.is_approved()
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
            (Outcome::ActionRequired | Outcome::Authorized, 0) if self.is_voided() => {
                status == "voided"
            }
            (Outcome::ActionRequired, _) => ["requires_action", "expired"].contains(&status),
            (Outcome::Authorized, 0) => ["authorized", "expired"].contains(&status),
            (Outcome::Completed | Outcome::Authorized, captured) => {
                let whole = self.released || self.is_voided() || captured == self.amount;
                status == "completed" || (!whole && status == "partially_captured")
            }
        }
    }

    fn words(&self) -> String {
        let Span { least, most } = self.captured;
        format!(
            "{}, captured {least} to {most}, refunded {} to {} of {}{}{}",
            self.outcome.name(),
            self.refunded.least,
            self.refunded.most,
            self.amount,
            if self.void == Certainty::No { "" } else { ", voided" },
            if self.reversal == Certainty::No { "" } else { ", reversed" },
        )
    }
}

/// Where a payment can stand once it was authorized.
const STATUSES: [&str; 7] = [
    "authorized",
    "partially_captured",
    "completed",
    "voided",
    "reversed",
    "expired",
    "requires_action",
];
