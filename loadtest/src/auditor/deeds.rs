//! What was done to payments, and whether the server stands by what it said of it.
//!
//! A deed is remembered with its payment and let go with it, so that what is known of a payment is
//! known whole.
//!
//! Invariant: a deed's key only moves from unanswered over accepted to final or to rejected, and its
//! refund never changes. A final answer stands; what became of a refund may yet be learned.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::{Auditor, HeldBody, Moment, RecordId, Standing};
use crate::answer::Answer;
use crate::deed::{Deed, DeedKind};
use crate::deed_answer::{DeedAnswer, DeedEnd, RefundView, Shown};
use crate::order::PaymentOrder;
use crate::violation::ViolationKind;

/// One deed: what was asked for, and what is known of it.
#[derive(Debug)]
pub(super) struct DeedRecord {
    pub(super) deed: Deed,
    /// The key that its payment was created under.
    pub(super) of: RecordId,
    pub(super) state: DeedState,
}

#[derive(Debug, Clone)]
pub(super) enum DeedState {
    /// Sent, perhaps received; no answer arrived whole.
    Unanswered,
    /// 202 arrived: it was begun, its end is open.
    Accepted { refund: Option<Arc<str>> },
    /// Refused by the rules: nothing was begun.
    Rejected,
    /// The answer that must never change again.
    Final {
        status: u16,
        body: HeldBody,
        refund: Option<Arc<str>>,
        /// As it was last heard.
        end: DeedEnd,
    },
}

impl DeedState {
    fn refund(&self) -> Option<&Arc<str>> {
        match self {
            Self::Unanswered | Self::Rejected => None,
            Self::Accepted { refund } | Self::Final { refund, .. } => refund.as_ref(),
        }
    }

    /// What became of it; `None` where that is open.
    pub(super) fn end(&self) -> Option<DeedEnd> {
        match self {
            Self::Unanswered | Self::Accepted { .. } => None,
            Self::Rejected => Some(DeedEnd::Undone),
            Self::Final { end, .. } => Some(*end),
        }
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
            self.deeds.insert(id, DeedRecord { deed, of, state: DeedState::Unanswered });
        }
        id
    }

    /// What was to be done under a key that is remembered.
    pub(crate) fn deed(&self, id: RecordId) -> Option<Deed> {
        self.deeds.get(&id).map(|record| record.deed.clone())
    }

    /// The refund that the server named for this key.
    pub(crate) fn refund(&self, id: RecordId) -> Option<Arc<str>> {
        self.deeds.get(&id)?.state.refund().map(Arc::clone)
    }

    /// The rules forbade it; to ask again would be to ask for something new.
    pub(crate) fn is_rejected(&self, id: RecordId) -> bool {
        self.deeds.get(&id).is_some_and(|record| matches!(record.state, DeedState::Rejected))
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
            DeedAnswer::Final { shown, end } => {
                self.observe_deed_final(id, answer, &shown, end, moment)
            }
            DeedAnswer::Accepted { shown } => {
                self.observe_deed_accepted(id, &answer, &shown, moment)
            }
            DeedAnswer::Rejected { .. } => self.observe_deed_rejected(id, &answer),
            DeedAnswer::InUse => {
                self.tally.in_use += 1;
                if self.is_settled(id) {
                    let details = format!("after its final answer: {}", answer.quote());
                    return self.broken(ViolationKind::AnswerChanged, id, details);
                }
                Standing::Open
            }
            DeedAnswer::Refused => {
                self.tally.refused += 1;
                Standing::Open
            }
            DeedAnswer::KeyReused => {
                let details = format!("the key's own request: {}", answer.quote());
                self.broken(ViolationKind::UnexpectedAnswer, id, details)
            }
            DeedAnswer::Unexpected(details) => {
                self.broken(ViolationKind::UnexpectedAnswer, id, details)
            }
        }
    }

    /// An answer to another request under a deed's key whose final answer is known.
    pub(crate) fn observe_deed_reuse(
        &mut self,
        id: RecordId,
        answer: &Answer,
        meaning: &DeedAnswer,
    ) {
        self.tally.requests += 1;
        match meaning {
            DeedAnswer::KeyReused => self.tally.reuses_checked += 1,
            DeedAnswer::Refused => self.tally.refused += 1,
            DeedAnswer::Final { .. }
            | DeedAnswer::Accepted { .. }
            | DeedAnswer::Rejected { .. }
            | DeedAnswer::InUse
            | DeedAnswer::Unexpected(_) => {
                self.broken(ViolationKind::ReuseNotRefused, id, answer.quote());
            }
        }
    }

    /// An answer to a read of the deed's refund. Open until the provider has decided, and until one
    /// has come back that has to.
    pub(crate) fn observe_refund_read(&mut self, id: RecordId, answer: &Answer) -> Standing {
        self.tally.requests += 1;
        match answer.status {
            200 => {}
            404 => return self.broken(ViolationKind::OperationLost, id, answer.quote()),
            429 | 503 => {
                self.tally.refused += 1;
                return Standing::Open;
            }
            _ => {
                let details = format!("read: {}", answer.quote());
                return self.broken(ViolationKind::UnexpectedAnswer, id, details);
            }
        }
        let refund = match RefundView::parse(&answer.body) {
            Ok(refund) => refund,
            Err(why) => {
                let details = format!("{why}: {}", answer.quote());
                return self.broken(ViolationKind::UnexpectedAnswer, id, details);
            }
        };
        if let Some(standing) = self.claim_refund(id, &refund) {
            return standing;
        }
        self.tally.reads_checked += 1;
        let returns = self.refund_comes_back(id);
        let Some(record) = self.deeds.get_mut(&id) else { return Standing::Settled };
        let DeedState::Final { end, .. } = &mut record.state else { return Standing::Settled };
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
        self.deeds.get(&id)?.state.end()
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
        let bounded = self.sample.is_bounded();
        let Some(record) = self.deeds.get_mut(&id) else { return Standing::Settled };
        let tally = &mut self.tally;
        match &record.state {
            DeedState::Final { status, body, .. } => {
                let difference = if *status == answer.status {
                    body.difference(&answer.body)
                } else {
                    Some(format!("the status was {status}"))
                };
                tally.replays_checked += 1;
                if let Some(difference) = difference {
                    let details = format!("{difference}; now {}", answer.quote());
                    return self.broken(ViolationKind::AnswerChanged, id, details);
                }
                if !answer.replayed {
                    return self.broken(ViolationKind::ReplayNotMarked, id, answer.quote());
                }
                return Standing::Settled;
            }
            DeedState::Rejected => {
                let details = format!("was rejected, now {}", answer.quote());
                return self.broken(ViolationKind::AnswerChanged, id, details);
            }
            open @ (DeedState::Unanswered | DeedState::Accepted { .. }) => match (open, moment) {
                (DeedState::Unanswered, Moment::Load) => tally.acknowledged += 1,
                (DeedState::Unanswered, Moment::Audit) => tally.unanswered_resolved += 1,
                (DeedState::Accepted { .. }, Moment::Audit) => tally.accepted_resolved += 1,
                (DeedState::Accepted { .. } | DeedState::Rejected | DeedState::Final { .. }, _) => {
                }
            },
        }
        match (end, record.deed.kind) {
            (DeedEnd::Undone, _) => tally.undone += 1,
            (_, DeedKind::Capture { .. }) => tally.captures += 1,
            (_, DeedKind::Void) => tally.voids += 1,
            (_, DeedKind::Reversal) => tally.reversals += 1,
            (_, DeedKind::Refund { .. }) => tally.refunds += 1,
        }
        let mut body = HeldBody::whole(answer.body);
        if bounded {
            body.release();
        }
        let refund = refund_of(shown);
        record.state = DeedState::Final { status: answer.status, body, refund, end };
        let of = record.of;
        if let Some(record) = self.records.get_mut(&of) {
            record.moves += 1;
        }
        Standing::Settled
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
        match &record.state {
            DeedState::Final { .. } | DeedState::Rejected => {
                let details = format!("was final, now {}", answer.quote());
                self.broken(ViolationKind::AnswerChanged, id, details)
            }
            DeedState::Accepted { .. } => Standing::Open,
            DeedState::Unanswered => {
                if moment == Moment::Load {
                    self.tally.acknowledged += 1;
                }
                record.state = DeedState::Accepted { refund: refund_of(shown) };
                Standing::Open
            }
        }
    }

    fn observe_deed_rejected(&mut self, id: RecordId, answer: &Answer) -> Standing {
        let Some(record) = self.deeds.get_mut(&id) else { return Standing::Settled };
        match record.state {
            DeedState::Unanswered => {
                self.tally.rejected += 1;
                record.state = DeedState::Rejected;
                let of = record.of;
                if let Some(record) = self.records.get_mut(&of) {
                    record.moves += 1;
                }
                Standing::Settled
            }
            DeedState::Rejected => Standing::Settled,
            DeedState::Accepted { .. } | DeedState::Final { .. } => {
                let details = format!("was begun, now {}", answer.quote());
                self.broken(ViolationKind::AnswerChanged, id, details)
            }
        }
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
        let known = record.state.refund().is_none_or(|known| **known == *refund.id);
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
