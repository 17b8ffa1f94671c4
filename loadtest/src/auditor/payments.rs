//! Payments: their keys, and what they read.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::customers::Customer;
use super::key_state::{Heard, Hearing};
use super::{Auditor, Moment, Reading, RecordId, Standing};
use crate::answer::{Answer, Outcome, PaymentAnswer, PaymentView};
use crate::meaning::Meaning;
use crate::violation::ViolationKind;

impl Auditor {
    /// An answer to the key's own request, sent for the first time or again.
    pub(crate) fn observe(
        &mut self,
        id: RecordId,
        answer: Answer,
        meaning: PaymentAnswer,
        moment: Moment,
    ) -> Standing {
        self.tally.requests += 1;
        match meaning {
            Meaning::Final((payment, outcome)) => {
                self.observe_final(id, answer, &payment, outcome, moment)
            }
            Meaning::Accepted(payment) => self.observe_accepted(id, &answer, &payment, moment),
            Meaning::Rejected { .. } => self.observe_rejected(id, &answer, moment),
            Meaning::Nothing(nothing) => self.observe_nothing(id, &answer, nothing),
        }
    }

    /// Notes that the key's payment is about to be read.
    pub(crate) fn begin_reading(&self, id: RecordId) -> Reading {
        Reading { id, moves: self.records.get(&id).map_or(0, |record| record.moves) }
    }

    /// An answer to a read of the key's payment.
    pub(crate) fn observe_read(&mut self, reading: Reading, answer: &Answer) -> Standing {
        match self.shown(reading.id, answer, ViolationKind::PaymentLost, PaymentView::parse) {
            Ok(view) => self.observe_view(reading, &view),
            Err(standing) => standing,
        }
    }

    /// Of a key that is not remembered there is nothing to say.
    fn observe_final(
        &mut self,
        id: RecordId,
        answer: Answer,
        payment: &PaymentView,
        outcome: Outcome,
        moment: Moment,
    ) -> Standing {
        if let Some(standing) = self.claim(id, payment) {
            return standing;
        }
        if let Some(details) = payment.amounts_against(outcome) {
            return self.broken(ViolationKind::PaymentDiffers, id, details);
        }
        let Some(record) = self.records.get_mut(&id) else { return Standing::Settled };
        let named = Arc::from(payment.id.as_str());
        let hearing = Hearing::new(moment, &self.sample, &mut self.tally);
        match record.state.hear_final(answer, (named, outcome), hearing) {
            Heard::Again => return Standing::Settled,
            Heard::Broken(kind, details) => return self.broken(kind, id, details),
            Heard::First => {}
        }
        match outcome {
            Outcome::Completed => self.tally.completed += 1,
            Outcome::Authorized => self.tally.authorized += 1,
            Outcome::Review => self.tally.held += 1,
            Outcome::ActionRequired => {
                self.tally.action_required += 1;
                record.customer = Some(Box::new(Customer::of(payment)));
            }
            Outcome::Failed => self.tally.failed += 1,
        }
        Standing::Settled
    }

    fn observe_accepted(
        &mut self,
        id: RecordId,
        answer: &Answer,
        payment: &PaymentView,
        moment: Moment,
    ) -> Standing {
        if let Some(standing) = self.claim(id, payment) {
            return standing;
        }
        let Some(record) = self.records.get_mut(&id) else { return Standing::Settled };
        let named = Arc::from(payment.id.as_str());
        let hearing = Hearing::new(moment, &self.sample, &mut self.tally);
        match record.state.hear_accepted(answer, named, hearing) {
            Heard::First | Heard::Again => Standing::Open,
            Heard::Broken(kind, details) => self.broken(kind, id, details),
        }
    }

    fn observe_rejected(&mut self, id: RecordId, answer: &Answer, moment: Moment) -> Standing {
        let Some(record) = self.records.get_mut(&id) else { return Standing::Settled };
        if record.order.pays.is_none() {
            let details = format!("it pays no order: {}", answer.quote());
            return self.broken(ViolationKind::UnexpectedAnswer, id, details);
        }
        let hearing = Hearing::new(moment, &self.sample, &mut self.tally);
        match record.state.hear_rejected(answer, hearing) {
            Heard::First | Heard::Again => Standing::Settled,
            Heard::Broken(kind, details) => self.broken(kind, id, details),
        }
    }

    fn observe_view(&mut self, reading: Reading, view: &PaymentView) -> Standing {
        self.tally.reads_checked += 1;
        let id = reading.id;
        if let Some(standing) = self.claim(id, view) {
            return standing;
        }
        let Some(record) = self.records.get(&id) else { return Standing::Settled };
        let still = record.moves == reading.moves;
        let found = self.expected(id).and_then(|expected| expected.against(view, still));
        match found {
            Some((kind, details)) => self.broken(kind, id, details),
            None => {
                self.see(id, view);
                Standing::Settled
            }
        }
    }

    /// Holds that this payment is the key's: the only one, of no other key, and as asked for. Gives
    /// where the key stands if that is the end of it: broken, or not remembered.
    fn claim(&mut self, id: RecordId, view: &PaymentView) -> Option<Standing> {
        let Some(record) = self.records.get(&id) else { return Some(Standing::Settled) };
        let order = record.order;
        if let Some(known) = record.payment()
            && **known != *view.id
        {
            let details = format!("first {known}, now {}", view.id);
            return Some(self.broken(ViolationKind::KeyNamesTwoPayments, id, details));
        }
        match self.owners.entry(Arc::from(view.id.as_str())) {
            Entry::Vacant(free) => {
                free.insert(id);
            }
            Entry::Occupied(owner) if *owner.get() == id => {}
            Entry::Occupied(owner) => {
                let other = self.records.get(owner.get()).map(|record| record.order.key());
                let other = other.unwrap_or_default();
                let details = format!("{} was also answered to {other}", view.id);
                return Some(self.broken(ViolationKind::PaymentOfTwoKeys, id, details));
            }
        }
        if view.amount_minor != order.amount_minor || view.currency != order.currency.code() {
            let details = format!(
                "asked for {} {}, answered {} {}",
                order.amount_minor,
                order.currency.code(),
                view.amount_minor,
                view.currency
            );
            return Some(self.broken(ViolationKind::PaymentDiffers, id, details));
        }
        None
    }
}
