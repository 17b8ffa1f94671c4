//! What an operation is drawn from: chance, the merchants, and what was answered earlier.

use std::sync::Arc;

use rand::RngExt;
use rand::rngs::StdRng;

use super::task::ExpectedDeed;
use super::{Action, Bill, History, Operation, Past, PastDeed, Subject, Task, Wait};
use crate::deed::{Deed, DeedKind};
use crate::order::{
    AMOUNTS, Capture, Card, Currency, Customer, Fault, HELD_AMOUNTS, Method, OrderNumber,
    PaymentOrder,
};
use crate::scenario::{Merchants, Weights};

/// One request about to be drawn.
///
/// Invariant: what is drawn of a new payment depends on the seed and the request's number alone,
/// however fast the server is.
pub(crate) struct Draw<'a> {
    pub(super) random: StdRng,
    pub(super) number: OrderNumber,
    pub(super) merchants: Merchants,
    pub(super) faults: &'a Weights<Fault>,
    pub(super) history: &'a History,
}

impl<'a> Draw<'a> {
    pub(crate) fn new(
        random: StdRng,
        number: OrderNumber,
        merchants: Merchants,
        faults: &'a Weights<Fault>,
        history: &'a History,
    ) -> Self {
        Self { random, number, merchants, faults, history }
    }

    /// A card payment that is approved; operations change what they need to.
    pub(super) fn order(&mut self) -> PaymentOrder {
        let currency = match self.random.random_range(0..10) {
            0..=6 => Currency::Inr,
            7 | 8 => Currency::Usd,
            _ => Currency::Jpy,
        };
        PaymentOrder {
            number: self.number,
            merchant: self.merchants.draw(&mut self.random),
            amount_minor: self.random.random_range(AMOUNTS),
            currency,
            method: Method::Card(Card::Approved),
            capture: Capture::Automatic,
            fault: None,
            pays: None,
            respond_async: false,
        }
    }

    /// Eight of ten pay; the others are declined or have to act, alike.
    pub(super) fn customer(&mut self) -> Customer {
        match self.random.random_range(0..10) {
            0..=7 => Customer::Pays,
            8 => Customer::IsDeclined,
            _ => Customer::HasToAct,
        }
    }

    pub(super) fn fault(&mut self) -> Fault {
        self.faults.draw(&mut self.random)
    }

    pub(super) fn one_of<'t, T>(&mut self, choices: &'t [T]) -> &'t T {
        &choices[self.random.random_range(0..choices.len())]
    }

    /// An earlier payment that has its final answer, where there is one.
    pub(super) fn past(&mut self) -> Option<Past> {
        let drawn = self.random.random::<u64>();
        self.history.payment(drawn)
    }

    /// One whose customer has to act, for this request alone.
    pub(super) fn past_waiting(&mut self) -> Option<(Past, Action)> {
        let drawn = self.random.random();
        self.history.take_waiting(drawn).and_then(with_action)
    }

    /// One whose customer has decided, for this request alone.
    pub(super) fn past_acted(&mut self) -> Option<(Past, Action)> {
        let drawn = self.random.random();
        self.history.take_acted(drawn).and_then(with_action)
    }

    /// One that is held for a review, for this request alone.
    pub(super) fn past_in_review(&mut self) -> Option<Past> {
        let drawn = self.random.random();
        self.history.take_in_review(drawn)
    }

    /// An order of which something is open, for this request alone.
    pub(super) fn bill(&mut self) -> Option<Bill> {
        let drawn = self.random.random();
        self.history.take_bill(drawn)
    }

    /// An amount that is held for a review.
    pub(super) fn held_amount(&mut self) -> i64 {
        self.random.random_range(HELD_AMOUNTS)
    }

    /// One of which something is reserved, for this request alone.
    pub(super) fn past_held(&mut self) -> Option<Past> {
        let drawn = self.random.random();
        self.history.take_held(drawn)
    }

    /// One that is completed and of which nothing was given back, for this request alone.
    pub(super) fn past_untouched(&mut self) -> Option<Past> {
        let drawn = self.random.random();
        self.history.take_untouched(drawn)
    }

    /// One of which something can be given back, for this request alone.
    pub(super) fn past_taken(&mut self) -> Option<Past> {
        let drawn = self.random.random();
        self.history.take_taken(drawn)
    }

    /// Something that was done to a payment.
    pub(super) fn past_deed(&mut self) -> Option<PastDeed> {
        let drawn = self.random.random();
        self.history.deed(drawn)
    }

    /// An amount of at least one minor unit and less than all, where there is less.
    pub(super) fn part_of(&mut self, all: i64) -> i64 {
        self.random.random_range(1..=(all - 1).max(1))
    }

    pub(super) fn one_in(&mut self, count: u32) -> bool {
        self.random.random_range(0..count) == 0
    }

    /// Something to do to that payment, and right if it is done; if the payment asks the provider to
    /// fail, whatever the contract allows is right.
    pub(super) fn deed(&self, operation: Operation, past: Past, kind: DeedKind) -> Task {
        let expected = match past.order.fault {
            None => ExpectedDeed::Done,
            Some(_) => ExpectedDeed::Anything,
        };
        self.task(operation, past, kind, expected)
    }

    /// Something to do to a payment that waits for its customer, or did: right is what his decision
    /// allows.
    pub(super) fn deed_on_action(&self, operation: Operation, past: Past, kind: DeedKind) -> Task {
        let decided = match &past.wait {
            Some(Wait::Customer(action)) => action.decided,
            Some(Wait::Reviewer) | None => None,
        };
        let expected = match past.order.fault {
            None => ExpectedDeed::Decided(decided),
            Some(_) => ExpectedDeed::Anything,
        };
        self.task(operation, past, kind, expected)
    }

    /// Something that has to be refused with that status.
    pub(super) fn refused_deed(
        &self,
        operation: Operation,
        past: Past,
        kind: DeedKind,
        status: u16,
    ) -> Task {
        self.task(operation, past, kind, ExpectedDeed::Rejected(status))
    }

    fn task(
        &self,
        operation: Operation,
        past: Past,
        kind: DeedKind,
        expected: ExpectedDeed,
    ) -> Task {
        let (merchant, payment) = (past.order.merchant, Arc::clone(&past.payment));
        let deed = Deed { number: self.number, merchant, payment, kind };
        let request = deed.request();
        Task { operation, request, subject: Subject::Deed { past, deed, expected }, bill: None }
    }
}

fn with_action(past: Past) -> Option<(Past, Action)> {
    match past.wait.clone() {
        Some(Wait::Customer(action)) => Some((past, action)),
        Some(Wait::Reviewer) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Funds, Left};
    use crate::randomness::{Purpose, randomness};
    use crate::shop_order::ShopOrderName;

    fn draw<'a>(sequence: u32, faults: &'a Weights<Fault>, history: &'a History) -> Draw<'a> {
        let number = OrderNumber { round: 0, connection: 0, sequence };
        let random = randomness(7, 0, Purpose::Request(sequence));
        Draw::new(random, number, Merchants { count: 3, hot_share: 0.0 }, faults, history)
    }

    /// With a payment of each kind, and something that was done.
    fn full() -> History {
        let (faults, empty) = (Weights::equal(&Fault::ALL), History::default());
        let history = History::default();
        let funds = [
            Funds { held: 500, ..Funds::default() },
            Funds { captured: 500, ..Funds::default() },
            Funds { captured: 500, refunded: 1, ..Funds::default() },
        ];
        for (sequence, funds) in (0..).zip(funds) {
            let order = draw(sequence, &faults, &empty).order();
            let payment = Arc::from(format!("pay_{sequence}"));
            let past = Past { id: sequence as usize, order, payment, funds, wait: None };
            let kind = DeedKind::Refund { amount_minor: 1 };
            let number = OrderNumber { sequence: 100 + sequence, ..order.number };
            let (merchant, payment) = (order.merchant, Arc::clone(&past.payment));
            let deed = PastDeed { id: 100, deed: Deed { number, merchant, payment, kind } };
            let (fresh, free) = (Some(past.clone()), Some(past));
            history.keep(Left { fresh, free, deed: Some(deed), bill: None });
        }
        let act = |decided| Wait::Customer(Action { attempt: "att_1".into(), decided });
        for (sequence, wait) in (3..).zip([act(None), act(Some(true)), Wait::Reviewer]) {
            let order = draw(sequence, &faults, &empty).order();
            let payment = Arc::from(format!("pay_{sequence}"));
            let (funds, wait) = (Funds::default(), Some(wait));
            let past = Past { id: sequence as usize, order, payment, funds, wait };
            history.keep(Left { free: Some(past), ..Left::default() });
        }
        let name = ShopOrderName::of("ord_1").unwrap();
        let bill = Bill { id: 200, name, merchant: 0, currency: Currency::Inr, open: 900 };
        history.keep(Left { bill: Some(bill), ..Left::default() });
        history
    }

    #[test]
    fn a_seed_and_a_number_repeat_the_request_whatever_was_answered() {
        let faults = Weights::equal(&Fault::ALL);
        for &operation in Operation::ALL {
            let one = operation.draw(&mut draw(9, &faults, &full()));
            let again = operation.draw(&mut draw(9, &faults, &full()));
            assert_eq!(one.request, again.request, "{}", operation.name());
            assert_eq!(one.operation, operation);
            let before = operation.draw(&mut draw(9, &faults, &History::default()));
            match one.subject {
                // What of an order is open depends on what was answered.
                _ if one.bill.is_some() => assert_eq!(before.operation, Operation::ShopOrder),
                Subject::Order { .. } | Subject::ShopOrder(_) | Subject::Refusal { .. } => {
                    assert_eq!(one.request, before.request);
                }
                Subject::Repeat(_)
                | Subject::Reuse(_)
                | Subject::Read(_)
                | Subject::Act { .. }
                | Subject::Deed { .. }
                | Subject::RepeatDeed(_)
                | Subject::ReuseDeed(_) => {
                    let payments = [
                        Operation::CardPayment,
                        Operation::ManualAuthorization,
                        Operation::ThreeDSecure,
                        Operation::ReviewPayment,
                    ];
                    assert!(payments.contains(&before.operation));
                }
            }
        }
    }
}
