//! Customers who have to act: what they decided at the provider, and what the payment shows of it.
//!
//! Invariant: a decision stands, and so does what a payment was seen to have become by it.

use std::sync::Arc;

use super::{Auditor, KeyRecord, RecordId, Standing};
use crate::answer::{Answer, Outcome, PaymentView};
use crate::customer_act::{CustomerAct, decision_told};
use crate::deed::DeedKind;
use crate::order::{Capture, PaymentOrder};
use crate::violation::ViolationKind;

/// The customer of one payment that was answered as waiting for him.
#[derive(Debug)]
pub(super) struct Customer {
    /// Whose page he goes to; none where the server does not tell.
    attempt: Option<Arc<str>>,
    /// Decisions that were sent, whatever became of them.
    approving: bool,
    declining: bool,
    /// The decision that stands, as the provider told it.
    decision: Option<bool>,
    /// Whether the provider has approved, as the payment showed it.
    seen: Option<bool>,
    /// The payment was seen without anything taken or reserved after an approval.
    undone: bool,
}

/// How sure something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    No,
    Perhaps,
    Yes,
}

impl Customer {
    pub(super) fn of(payment: &PaymentView) -> Self {
        Self {
            attempt: payment.last_attempt().map(Arc::from),
            approving: false,
            declining: false,
            decision: None,
            seen: None,
            undone: false,
        }
    }

    /// Where the payment stands by what it showed; `None` while it was only seen to wait.
    pub(super) fn outcome(&self, order: &PaymentOrder) -> Option<Outcome> {
        self.seen.map(|approved| outcome_of(order, approved))
    }

    pub(super) fn approval(&self) -> Certainty {
        self.certainty(true, self.approving)
    }

    pub(super) fn decline(&self) -> Certainty {
        self.certainty(false, self.declining)
    }

    /// The payment has to go on by itself.
    pub(super) fn is_decided(&self) -> bool {
        self.decision.is_some()
    }

    pub(super) fn is_undone(&self) -> bool {
        self.undone
    }

    fn certainty(&self, approved: bool, sent: bool) -> Certainty {
        match self.seen.or(self.decision) {
            Some(decided) if decided == approved => Certainty::Yes,
            Some(_) => Certainty::No,
            None if sent => Certainty::Perhaps,
            None => Certainty::No,
        }
    }

    /// Takes what the payment shows, and says whether that is news.
    fn see(&mut self, status: &str) -> bool {
        let before = (self.seen, self.undone);
        match status {
            "completed" | "authorized" | "partially_captured" | "review" => {
                self.seen = Some(true);
            }
            "failed" => self.seen = Some(false),
            "reversed" => (self.seen, self.undone) = (Some(true), true),
            "voided" if self.approval() == Certainty::Yes => self.undone = true,
            _ => {}
        }
        before != (self.seen, self.undone)
    }
}

/// What a payment is once its customer has decided.
pub(crate) fn outcome_of(order: &PaymentOrder, approved: bool) -> Outcome {
    match (approved, order.capture) {
        (false, _) => Outcome::Failed,
        (true, _) if order.is_held() => Outcome::Review,
        (true, Capture::Automatic) => Outcome::Completed,
        (true, Capture::Manual) => Outcome::Authorized,
    }
}

impl KeyRecord {
    /// Its customer, if it has one, was never asked for a decision.
    pub(super) fn never_decided(&self) -> bool {
        self.customer.as_ref().is_none_or(|customer| {
            customer.approval() == Certainty::No && customer.decline() == Certainty::No
        })
    }
}

impl Auditor {
    /// The attempt whose customer has to act, and what he has decided as far as it was told.
    pub(crate) fn action(&self, id: RecordId) -> Option<(Arc<str>, Option<bool>)> {
        let customer = self.records.get(&id)?.customer.as_ref()?;
        if customer.seen.is_some() {
            return None;
        }
        Some((Arc::clone(customer.attempt.as_ref()?), customer.decision))
    }

    /// Notes that the key's customer is about to decide.
    pub(crate) fn begin_act(&mut self, id: RecordId, act: &CustomerAct) {
        let Some(record) = self.records.get_mut(&id) else { return };
        record.moves += 1;
        if let Some(customer) = &mut record.customer {
            match act.approves {
                true => customer.approving = true,
                false => customer.declining = true,
            }
        }
    }

    /// What the provider's page told after a decision; `None` where it told none.
    pub(crate) fn observe_act(
        &mut self,
        id: RecordId,
        answer: &Answer,
    ) -> Option<(bool, Standing)> {
        self.tally.requests += 1;
        let told = decision_told(answer)?;
        let called_off = self.deeds_of(id).any(|deed| deed.deed.kind == DeedKind::Cancellation);
        let Some(record) = self.records.get_mut(&id) else {
            return Some((told, Standing::Settled));
        };
        record.moves += 1;
        let Some(customer) = &mut record.customer else { return Some((told, Standing::Settled)) };
        let possible = if told { customer.approving } else { customer.declining || called_off };
        let before = customer.decision.replace(told);
        if before.is_none() {
            self.tally.decisions += 1;
        }
        let standing = if before.is_some_and(|before| before != told) || !possible {
            let details = format!("decided {before:?}, now {told}");
            self.broken(ViolationKind::DecisionChanged, id, details)
        } else {
            Standing::Settled
        };
        Some((told, standing))
    }

    /// The provider knows what became of the payment, and it does not show it yet.
    pub(crate) fn is_on_its_way(&self, id: RecordId) -> bool {
        let Some(record) = self.records.get(&id).filter(|record| record.customer.is_some()) else {
            return false;
        };
        let sure = !self.interrupted && record.order.fault.is_none();
        self.at_rest && self.expected(id).is_some_and(|expected| expected.is_on_its_way(sure))
    }

    /// Takes what an answer shows of a payment whose customer had to act.
    pub(super) fn see(&mut self, id: RecordId, payment: &PaymentView) {
        let Some(record) = self.records.get_mut(&id) else { return };
        let Some(customer) = &mut record.customer else { return };
        if customer.see(&payment.status) {
            record.moves += 1;
        }
    }
}
