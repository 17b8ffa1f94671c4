//! What was done to payments, and whether the server stands by what it said of it.
//!
//! A deed is remembered with its payment and let go with it, so that what is known of a payment is
//! known whole.
//!
//! Invariant: a deed's refund never changes. What became of a refund may be learned after its key's
//! final answer.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::key_state::{Heard, Hearing, KeyState};
use super::{Auditor, Moment, RecordId, Standing};
use crate::answer::{Answer, PaymentView};
use crate::deed::{Deed, DeedKind};
use crate::deed_answer::{DeedAnswer, DeedEnd, RefundView, Shown};
use crate::meaning::Meaning;
use crate::order::PaymentOrder;
use crate::violation::ViolationKind;

/// One deed: what was asked for, and what is known of it.
#[derive(Debug)]
pub(super) struct DeedRecord {
    pub(super) deed: Deed,
    /// The key that its payment was created under.
    pub(super) of: RecordId,
    /// With the refund that the server named, and what became of it, as it was last heard.
    pub(super) state: KeyState<Option<Arc<str>>, DeedEnd>,
}

impl DeedRecord {
    /// What became of it; `None` where that is open.
    pub(super) fn end(&self) -> Option<DeedEnd> {
        if self.state.is_rejected() { Some(DeedEnd::Undone) } else { self.state.end() }
    }

    fn refund(&self) -> Option<&Arc<str>> {
        self.state.named()?.as_ref()
    }
}

impl Auditor {
    /// Notes a deed on the payment of that key before it is sent.
    pub(crate) fn intend_deed(&mut self, of: RecordId, deed: Deed) -> RecordId {
        let id = self.intended;
        self.intended += 1;
        if let Some(record) = self.records.get_mut(&of) {
            record.deeds.push(id);
            record.moves += 1;
            self.deeds.insert(id, DeedRecord { deed, of, state: KeyState::Unanswered });
        }
        id
    }

    /// What was to be done under a key that is remembered.
    pub(crate) fn deed(&self, id: RecordId) -> Option<Deed> {
        self.deeds.get(&id).map(|record| record.deed.clone())
    }

    /// The refund that the server named for this key.
    pub(crate) fn refund(&self, id: RecordId) -> Option<Arc<str>> {
        self.deeds.get(&id)?.refund().map(Arc::clone)
    }

    /// The rules forbade it; to ask again would be to ask for something new.
    pub(crate) fn is_rejected(&self, id: RecordId) -> bool {
        let deed = self.deeds.get(&id).map(|record| record.state.is_rejected());
        deed.or_else(|| Some(self.records.get(&id)?.state.is_rejected())).unwrap_or(false)
    }

    pub(super) fn deeds_of(&self, id: RecordId) -> impl Iterator<Item = &DeedRecord> {
        let ids = self.records.get(&id).map(|record| record.deeds.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.deeds.get(id))
    }

    /// An answer to the deed's own request, sent for the first time or again.
    pub(crate) fn observe_deed(
        &mut self,
        id: RecordId,
        answer: Answer,
        meaning: DeedAnswer,
        moment: Moment,
    ) -> Standing {
        self.tally.requests += 1;
        match meaning {
            Meaning::Final((shown, end)) => {
                self.observe_deed_final(id, answer, &shown, end, moment)
            }
            Meaning::Accepted(shown) => self.observe_deed_accepted(id, &answer, &shown, moment),
            Meaning::Rejected { .. } => self.observe_deed_rejected(id, &answer, moment),
            Meaning::Nothing(nothing) => self.observe_nothing(id, &answer, nothing),
        }
    }

    /// An answer to a read of the deed's refund. Open until the provider has decided, and until one
    /// has come back that has to.
    pub(crate) fn observe_refund_read(&mut self, id: RecordId, answer: &Answer) -> Standing {
        let refund = match self.shown(id, answer, ViolationKind::OperationLost, RefundView::parse) {
            Ok(refund) => refund,
            Err(standing) => return standing,
        };
        if let Some(standing) = self.claim_refund(id, &refund) {
            return standing;
        }
        self.tally.reads_checked += 1;
        let returns = self.refund_comes_back(id);
        let Some(record) = self.deeds.get_mut(&id) else { return Standing::Settled };
        let KeyState::Final { end, .. } = &mut record.state else { return Standing::Settled };
        let (before, now) = (*end, refund.end());
        match (before, now) {
            (DeedEnd::Done, Some(DeedEnd::Undone)) if !returns => {
                let details = format!("succeeded, now {}", answer.quote());
                return self.broken(ViolationKind::StatusChanged, id, details);
            }
            (DeedEnd::Undone, Some(DeedEnd::Done | DeedEnd::Pending) | None)
            | (DeedEnd::Done, Some(DeedEnd::Pending) | None) => {
                let details = format!("had been decided, now {}", answer.quote());
                return self.broken(ViolationKind::StatusChanged, id, details);
            }
            (_, Some(heard)) => *end = heard,
            (DeedEnd::Pending, None) => {}
        }
        let moved = before != *end;
        let open = match *end {
            DeedEnd::Pending => true,
            // A provider that was killed meanwhile has forgotten that it was to come back.
            DeedEnd::Done => returns && !self.interrupted,
            DeedEnd::Undone => false,
        };
        let of = record.of;
        if let Some(record) = self.records.get_mut(&of).filter(|_| moved) {
            record.moves += 1;
        }
        if open { Standing::Open } else { Standing::Settled }
    }

    fn refund_comes_back(&self, id: RecordId) -> bool {
        let Some(record) = self.deeds.get(&id) else { return false };
        self.order(record.of).is_some_and(|order| returns_refunds(&order))
    }

    /// What became of a deed, as it was last heard; `None` while that is open.
    pub(crate) fn deed_end(&self, id: RecordId) -> Option<DeedEnd> {
        self.deeds.get(&id)?.end()
    }

    fn observe_deed_final(
        &mut self,
        id: RecordId,
        answer: Answer,
        shown: &Shown,
        end: DeedEnd,
        moment: Moment,
    ) -> Standing {
        if let Some(standing) = self.claim_shown(id, shown) {
            return standing;
        }
        let Some(record) = self.deeds.get_mut(&id) else { return Standing::Settled };
        let hearing = Hearing::new(moment, &self.sample, &mut self.tally);
        match record.state.hear_final(answer, (refund_of(shown), end), hearing) {
            Heard::Again => return Standing::Settled,
            Heard::Broken(kind, details) => return self.broken(kind, id, details),
            Heard::First => {}
        }
        let tally = &mut self.tally;
        match (end, record.deed.kind) {
            (DeedEnd::Undone, _) => tally.undone += 1,
            (_, DeedKind::Confirmation) => tally.confirmations += 1,
            (_, DeedKind::Cancellation) => tally.cancellations += 1,
            (_, DeedKind::Approval) => tally.approvals += 1,
            (_, DeedKind::Rejection) => tally.rejections += 1,
            (_, DeedKind::Capture { .. }) => tally.captures += 1,
            (_, DeedKind::Void) => tally.voids += 1,
            (_, DeedKind::Reversal) => tally.reversals += 1,
            (_, DeedKind::Refund { .. }) => tally.refunds += 1,
        }
        self.move_payment_of(id);
        match shown {
            Shown::Payment(payment) => self.observe_shown(id, payment),
            Shown::Refund(_) => Standing::Settled,
        }
    }

    /// What an answer shows of a payment whose customer had to act: it has to be what it may be.
    fn observe_shown(&mut self, id: RecordId, payment: &PaymentView) -> Standing {
        let Some(record) = self.deeds.get(&id) else { return Standing::Settled };
        let of = record.of;
        let acts = matches!(record.deed.kind, DeedKind::Confirmation | DeedKind::Cancellation);
        if !acts {
            return Standing::Settled;
        }
        let found = self.expected(of).and_then(|expected| expected.against(payment, true));
        match found {
            Some((kind, details)) => self.broken(kind, id, details),
            None => {
                self.see(of, payment);
                Standing::Settled
            }
        }
    }

    fn move_payment_of(&mut self, id: RecordId) {
        let of = self.deeds.get(&id).map(|record| record.of);
        if let Some(record) = of.and_then(|of| self.records.get_mut(&of)) {
            record.moves += 1;
        }
    }

    fn observe_deed_accepted(
        &mut self,
        id: RecordId,
        answer: &Answer,
        shown: &Shown,
        moment: Moment,
    ) -> Standing {
        if let Some(standing) = self.claim_shown(id, shown) {
            return standing;
        }
        let Some(record) = self.deeds.get_mut(&id) else { return Standing::Settled };
        let hearing = Hearing::new(moment, &self.sample, &mut self.tally);
        match record.state.hear_accepted(answer, refund_of(shown), hearing) {
            Heard::First | Heard::Again => Standing::Open,
            Heard::Broken(kind, details) => self.broken(kind, id, details),
        }
    }

    fn observe_deed_rejected(&mut self, id: RecordId, answer: &Answer, moment: Moment) -> Standing {
        let Some(record) = self.deeds.get_mut(&id) else { return Standing::Settled };
        let hearing = Hearing::new(moment, &self.sample, &mut self.tally);
        match record.state.hear_rejected(answer, hearing) {
            Heard::First => self.move_payment_of(id),
            Heard::Again => {}
            Heard::Broken(kind, details) => return self.broken(kind, id, details),
        }
        Standing::Settled
    }

    /// Holds that an answer speaks of the deed: its own payment, its own refund. Gives where the
    /// deed stands if that is the end of it.
    fn claim_shown(&mut self, id: RecordId, shown: &Shown) -> Option<Standing> {
        match shown {
            Shown::Refund(refund) => self.claim_refund(id, refund),
            Shown::Payment(payment) => {
                let Some(record) = self.deeds.get(&id) else { return Some(Standing::Settled) };
                let (deed, of) = (&record.deed, record.of);
                let order = self.order(of)?;
                let same = *deed.payment == *payment.id
                    && payment.amount_minor == order.amount_minor
                    && payment.currency == order.currency.code();
                if same {
                    return None;
                }
                let details = format!("of {}, answered {payment:?}", deed.payment);
                Some(self.broken(ViolationKind::OperationDiffers, id, details))
            }
        }
    }

    fn claim_refund(&mut self, id: RecordId, refund: &RefundView) -> Option<Standing> {
        let Some(record) = self.deeds.get(&id) else { return Some(Standing::Settled) };
        let (deed, of) = (&record.deed, record.of);
        let DeedKind::Refund { amount_minor } = deed.kind else { return None };
        let order = self.order(of)?;
        let known = record.refund().is_none_or(|known| **known == *refund.id);
        let same = *deed.payment == *refund.payment_id
            && refund.amount_minor == amount_minor
            && refund.currency == order.currency.code();
        if !known || !same {
            let details = format!("{amount_minor} of {}, answered {refund:?}", deed.payment);
            return Some(self.broken(ViolationKind::OperationDiffers, id, details));
        }
        match self.refund_owners.entry(Arc::from(refund.id.as_str())) {
            Entry::Vacant(free) => {
                free.insert(id);
                None
            }
            Entry::Occupied(owner) if *owner.get() == id => None,
            Entry::Occupied(_another) => {
                let details = format!("{} was also answered to another key", refund.id);
                Some(self.broken(ViolationKind::OperationOfTwoKeys, id, details))
            }
        }
    }
}

/// The order asks the provider to take back the refunds that have succeeded.
pub(super) fn returns_refunds(order: &PaymentOrder) -> bool {
    order.fault.is_some_and(crate::order::Fault::returns_refunds)
}

fn refund_of(shown: &Shown) -> Option<Arc<str>> {
    match shown {
        Shown::Payment(_) => None,
        Shown::Refund(refund) => Some(Arc::from(refund.id.as_str())),
    }
}
