//! Orders: their keys, and that they are paid what their payments have taken, and never more.

use std::sync::Arc;

use super::expected::Span;
use super::key_state::{Heard, Hearing, KeyState};
use super::{Auditor, Moment, RecordId, Standing};
use crate::answer::{Answer, Outcome};
use crate::meaning::Meaning;
use crate::shop_order::{ShopOrder, ShopOrderAnswer, ShopOrderName, ShopOrderView};
use crate::violation::ViolationKind;

/// One order: what was asked for, and what is known of it.
#[derive(Debug)]
pub(super) struct ShopOrderRecord {
    pub(super) order: ShopOrder,
    /// With the order that the server named.
    pub(super) state: KeyState<Arc<str>, ()>,
    /// Payments that were asked for to pay it, in order.
    payments: Vec<RecordId>,
    /// It was read as paid.
    paid: bool,
}

impl ShopOrderRecord {
    pub(super) fn paid_in_full(&self) -> bool {
        self.paid
    }
}

impl Auditor {
    /// Notes an order before it is sent.
    pub(crate) fn intend_shop_order(&mut self, order: ShopOrder) -> RecordId {
        let id = self.intended;
        self.intended += 1;
        if self.sample.takes(id as u64) {
            let (state, payments) = (KeyState::Unanswered, Vec::new());
            let record = ShopOrderRecord { order, state, payments, paid: false };
            self.shop_orders.insert(id, record);
        }
        id
    }

    /// What was ordered under a key that is remembered.
    pub(crate) fn shop_order(&self, id: RecordId) -> Option<ShopOrder> {
        self.shop_orders.get(&id).map(|record| record.order)
    }

    /// The order that the server named for this key.
    pub(crate) fn shop_order_name(&self, id: RecordId) -> Option<Arc<str>> {
        self.shop_orders.get(&id)?.state.named().map(Arc::clone)
    }

    /// What is open of an order, as far as that is known for sure.
    pub(crate) fn open_of_shop_order(&self, id: RecordId) -> Option<i64> {
        let record = self.shop_orders.get(&id)?;
        let mut open = record.order.amount_minor;
        for payment in &record.payments {
            let payment = self.records.get(payment)?;
            if payment.state.is_rejected() {
                continue;
            }
            let (_named, outcome) = self.outcome_of_record(payment)?;
            if outcome != Outcome::Failed {
                open -= payment.order.amount_minor;
            }
        }
        Some(open)
    }

    /// A payment was asked for that is to pay that order.
    pub(super) fn attach_to_shop_order(&mut self, name: &ShopOrderName, payment: RecordId) {
        let owner = self.shop_order_owners.get(name.as_str()).copied();
        if let Some(record) = owner.and_then(|owner| self.shop_orders.get_mut(&owner)) {
            record.payments.push(payment);
        }
    }

    /// An answer to the key's own request, sent for the first time or again: the order as it was
    /// before anybody had tried to pay.
    pub(crate) fn observe_shop_order(
        &mut self,
        id: RecordId,
        answer: Answer,
        meaning: ShopOrderAnswer,
        moment: Moment,
    ) -> Standing {
        self.tally.requests += 1;
        let view = match meaning {
            Meaning::Final(view) => view,
            Meaning::Accepted(never) => match never {},
            Meaning::Rejected { .. } => {
                return self.broken(ViolationKind::UnexpectedAnswer, id, answer.quote());
            }
            Meaning::Nothing(nothing) => return self.observe_nothing(id, &answer, nothing),
        };
        if let Some(standing) = self.claim_shop_order(id, &view) {
            return standing;
        }
        if view.status != "created" {
            let details = format!("created as {view:?}");
            return self.broken(ViolationKind::OrderDiffers, id, details);
        }
        let Some(record) = self.shop_orders.get_mut(&id) else { return Standing::Settled };
        let hearing = Hearing::new(moment, &self.sample, &mut self.tally);
        match record.state.hear_final(answer, (Arc::from(view.id.as_str()), ()), hearing) {
            Heard::First => self.tally.orders += 1,
            Heard::Again => {}
            Heard::Broken(kind, details) => return self.broken(kind, id, details),
        }
        Standing::Settled
    }

    /// An answer to a read of the key's order, when nothing is under way for its payments.
    pub(crate) fn observe_shop_order_read(&mut self, id: RecordId, answer: &Answer) -> Standing {
        let view = match self.shown(id, answer, ViolationKind::OrderLost, ShopOrderView::parse) {
            Ok(view) => view,
            Err(standing) => return standing,
        };
        if let Some(standing) = self.claim_shop_order(id, &view) {
            return standing;
        }
        self.tally.reads_checked += 1;
        if let Some(record) = self.shop_orders.get_mut(&id) {
            record.paid |= view.status == "paid";
        }
        match self.shop_order_complaint(id, &view) {
            Some(details) => self.broken(ViolationKind::OrderDiffers, id, details),
            None => Standing::Settled,
        }
    }

    /// In what an order differs from what its payments come to.
    fn shop_order_complaint(&self, id: RecordId, view: &ShopOrderView) -> Option<String> {
        // Of a sample, not every payment is known.
        if !self.sample.is_everything() {
            return None;
        }
        let record = self.shop_orders.get(&id)?;
        let mut paid = Span::exactly(0);
        let (mut least_attempts, mut most_attempts) = (0, 0);
        for payment in &record.payments {
            let Some(payment_record) = self.records.get(payment) else { continue };
            if payment_record.state.is_rejected() {
                continue;
            }
            most_attempts += 1;
            least_attempts += u32::from(payment_record.state.named().is_some());
            match self.expected(*payment) {
                Some(expected) => {
                    let taken = expected.taken();
                    paid.least += taken.least;
                    paid.most += taken.most;
                }
                None => paid.most += payment_record.order.amount_minor,
            }
        }
        let fits = paid.contains(view.amount_paid_minor)
            && (least_attempts..=most_attempts).contains(&view.attempts);
        (!fits).then(|| {
            format!(
                "paid {} by {} payments, answered {} to {} by {least_attempts} to {most_attempts}",
                view.amount_paid_minor, view.attempts, paid.least, paid.most
            )
        })
    }

    /// Holds that this order is the key's, as it was asked for, and in itself as it may be.
    fn claim_shop_order(&mut self, id: RecordId, view: &ShopOrderView) -> Option<Standing> {
        let Some(record) = self.shop_orders.get(&id) else { return Some(Standing::Settled) };
        let order = record.order;
        let known = record.state.named().is_none_or(|known| **known == *view.id);
        let owner = self.shop_order_owners.get(view.id.as_str()).copied();
        let same = view.amount_minor == order.amount_minor
            && view.currency == order.currency.code()
            && owner.is_none_or(|owner| owner == id);
        if !known || !same {
            let details = format!("asked for {order:?}, answered {view:?}");
            return Some(self.broken(ViolationKind::OrderDiffers, id, details));
        }
        self.shop_order_owners.entry(Arc::from(view.id.as_str())).or_insert(id);
        let contradiction = view.contradiction()?;
        let kind = match view.amount_paid_minor > view.amount_minor {
            true => ViolationKind::OrderOverpaid,
            false => ViolationKind::OrderDiffers,
        };
        Some(self.broken(kind, id, contradiction))
    }
}
