//! What an operation is drawn from: chance, the merchants, and what was answered earlier.

use std::sync::Arc;

use parking_lot::Mutex;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::auditor::RecordId;
use crate::order::{
    AMOUNTS, Capture, Card, Currency, Customer, Fault, Method, OrderNumber, PaymentOrder,
};
use crate::scenario::{Merchants, Weights};

/// So many earlier payments are within reach; older ones are let go in turn.
const REMEMBERED: usize = 4_096;

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
        self.history.at(drawn)
    }
}

/// A payment that has its final answer.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) id: RecordId,
    pub(crate) order: PaymentOrder,
    pub(crate) payment: Arc<str>,
}

/// The payments that later operations come back to.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    payments: Vec<Past>,
    next: usize,
}

impl History {
    pub(crate) fn push(&self, past: Past) {
        let mut ring = self.0.lock();
        if ring.payments.len() < REMEMBERED {
            ring.payments.push(past);
            return;
        }
        let place = ring.next;
        ring.payments[place] = past;
        ring.next = (place + 1) % REMEMBERED;
    }

    fn at(&self, drawn: u64) -> Option<Past> {
        let ring = self.0.lock();
        let place = drawn.checked_rem(ring.payments.len() as u64)?;
        ring.payments.get(usize::try_from(place).ok()?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Operation, Subject};
    use crate::randomness::{Purpose, randomness};
    use crate::scenario::Weights;

    fn draw<'a>(sequence: u32, faults: &'a Weights<Fault>, history: &'a History) -> Draw<'a> {
        let number = OrderNumber { round: 0, connection: 0, sequence };
        let random = randomness(7, 0, Purpose::Request(sequence));
        Draw::new(random, number, Merchants { count: 3, hot_share: 0.0 }, faults, history)
    }

    fn past(sequence: u32) -> Past {
        let (faults, history) = (Weights::equal(&Fault::ALL), History::default());
        let order = draw(sequence, &faults, &history).order();
        let payment = Arc::from(format!("pay_{sequence}"));
        Past { id: sequence as usize, order, payment }
    }

    #[test]
    fn a_seed_and_a_number_repeat_the_request_whatever_was_answered() {
        let faults = Weights::equal(&Fault::ALL);
        let (empty, full) = (History::default(), History::default());
        full.push(past(0));
        for &operation in Operation::ALL {
            let one = operation.draw(&mut draw(9, &faults, &full));
            let again = operation.draw(&mut draw(9, &faults, &full));
            assert_eq!(one.request, again.request, "{}", operation.name());
            let before = operation.draw(&mut draw(9, &faults, &empty));
            match one.subject {
                Subject::Order { .. } | Subject::Refusal { .. } => {
                    assert_eq!(one.request, before.request);
                }
                Subject::Repeat(_) | Subject::Reuse(_) | Subject::Read(_) => {
                    assert_eq!(before.operation, Operation::CardPayment);
                }
            }
        }
    }

    #[test]
    fn history_lets_the_oldest_go() {
        let history = History::default();
        for sequence in 0..u32::try_from(REMEMBERED).unwrap() + 1 {
            history.push(past(sequence));
        }
        let held: Vec<usize> =
            (0..REMEMBERED as u64).map(|drawn| history.at(drawn).unwrap().id).collect();
        assert_eq!(held.len(), REMEMBERED);
        assert!(!held.contains(&0) && held.contains(&REMEMBERED));
    }
}
