//! What was answered earlier, for the operations that come back to it.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::answer::Outcome;
use crate::auditor::RecordId;
use crate::deed::{Deed, DeedKind};
use crate::order::{Capture, Currency, PaymentOrder};
use crate::shop_order::ShopOrderName;

/// So many of each kind are within reach; older ones are let go in turn.
pub(super) const REMEMBERED: usize = 4_096;

/// A payment that has its final answer, and what was done to it since.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) id: RecordId,
    pub(crate) order: PaymentOrder,
    pub(crate) payment: Arc<str>,
    pub(crate) funds: Funds,
    /// Whom it waits for, as far as is known.
    pub(crate) wait: Option<Wait>,
}

/// Whom a payment waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    Customer(Action),
    /// It is held for a review.
    Reviewer,
}

/// An order of which something is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) id: RecordId,
    pub(crate) name: ShopOrderName,
    pub(crate) merchant: u32,
    pub(crate) currency: Currency,
    pub(crate) open: i64,
}

/// What a customer has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    /// The attempt whose page he goes to.
    pub(crate) attempt: Arc<str>,
    /// Whether he has approved, once he has decided.
    pub(crate) decided: Option<bool>,
}

/// Something done to a payment that has its final answer.
#[derive(Debug, Clone)]
pub(crate) struct PastDeed {
    pub(crate) id: RecordId,
    pub(crate) deed: Deed,
}

/// Where a payment's money is, by its answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Funds {
    /// Reserved and not taken.
    pub(crate) held: i64,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
}

/// What an answer leaves for later operations.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// A new payment.
    pub(crate) fresh: Option<Past>,
    /// A payment to which something can be done from now on, or again.
    pub(crate) free: Option<Past>,
    pub(crate) deed: Option<PastDeed>,
    /// An order that can be paid from now on, or further.
    pub(crate) bill: Option<Bill>,
}

/// The payments and deeds that later operations come back to.
///
/// Invariant: a payment is in at most one of the pools, and in none while something is done to it.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<Shelves>);

#[derive(Debug, Default)]
struct Shelves {
    payments: Ring<Past>,
    deeds: Ring<PastDeed>,
    /// The customer has to act.
    waiting: Ring<Past>,
    /// He has, and the merchant has not been told.
    acted: Ring<Past>,
    /// A reviewer has to decide.
    in_review: Ring<Past>,
    /// Something is open of it.
    bills: Ring<Bill>,
    /// Something is reserved.
    held: Ring<Past>,
    /// All is taken, and nothing was given back. What pays an order is not among them: a reversal
    /// would open the order again, and what is open of it is to be known.
    untouched: Ring<Past>,
    /// Something was given back, or pays an order, and something is left.
    taken: Ring<Past>,
}

#[derive(Debug)]
struct Ring<T> {
    kept: Vec<T>,
    next: usize,
}

impl Funds {
    pub(crate) fn of(order: &PaymentOrder, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self { captured: order.amount_minor, ..Self::default() },
            Outcome::Authorized => Self { held: order.amount_minor, ..Self::default() },
            Outcome::Review => Self { held: order.amount_minor, ..Self::default() },
            Outcome::ActionRequired | Outcome::Failed => Self::default(),
        }
    }

    /// After the deed was done.
    pub(crate) fn after(self, kind: DeedKind, order: &PaymentOrder) -> Self {
        match kind {
            DeedKind::Approval => match order.capture {
                Capture::Automatic => Self { held: 0, captured: self.held, ..self },
                Capture::Manual => self,
            },
            DeedKind::Capture { amount_minor, is_final } => Self {
                held: if is_final { 0 } else { self.held - amount_minor },
                captured: self.captured + amount_minor,
                ..self
            },
            DeedKind::Void | DeedKind::Rejection => Self { held: 0, ..self },
            // What came of it is told by the payment.
            DeedKind::Confirmation | DeedKind::Cancellation => self,
            DeedKind::Reversal => Self::default(),
            DeedKind::Refund { amount_minor } => {
                Self { refunded: self.refunded + amount_minor, ..self }
            }
        }
    }

    /// What may yet be given back.
    pub(crate) fn refundable(self) -> i64 {
        self.captured - self.refunded
    }
}

impl History {
    pub(crate) fn keep(&self, left: Left) {
        let Left { fresh, free, deed, bill } = left;
        let mut shelves = self.0.lock();
        if let Some(fresh) = fresh {
            shelves.payments.push(fresh);
        }
        if let Some(deed) = deed {
            shelves.deeds.push(deed);
        }
        if let Some(bill) = bill.filter(|bill| bill.open > 0) {
            shelves.bills.push(bill);
        }
        if let Some(past) = free {
            match (&past.wait, past.funds) {
                (Some(Wait::Customer(Action { decided: None, .. })), _) => {
                    shelves.waiting.push(past);
                }
                (Some(Wait::Customer(_)), _) => shelves.acted.push(past),
                (Some(Wait::Reviewer), _) => shelves.in_review.push(past),
                (None, Funds { held: 1.., .. }) => shelves.held.push(past),
                (None, Funds { captured: 1.., refunded: 0, .. }) if past.order.pays.is_none() => {
                    shelves.untouched.push(past);
                }
                (None, funds) if funds.refundable() > 0 => shelves.taken.push(past),
                (None, _) => {}
            }
        }
    }

    pub(crate) fn payment(&self, drawn: u64) -> Option<Past> {
        self.0.lock().payments.at(drawn).cloned()
    }

    pub(crate) fn deed(&self, drawn: u64) -> Option<PastDeed> {
        self.0.lock().deeds.at(drawn).cloned()
    }

    /// A payment whose customer has to act; nobody else gets it until it is kept again. So are those
    /// below.
    pub(crate) fn take_waiting(&self, drawn: u64) -> Option<Past> {
        self.0.lock().waiting.take(drawn)
    }

    /// One whose customer has decided, which the merchant may not know.
    pub(crate) fn take_acted(&self, drawn: u64) -> Option<Past> {
        self.0.lock().acted.take(drawn)
    }

    /// One that is held for a review.
    pub(crate) fn take_in_review(&self, drawn: u64) -> Option<Past> {
        self.0.lock().in_review.take(drawn)
    }

    /// An order of which something is open; nobody else gets it until it is kept again.
    pub(crate) fn take_bill(&self, drawn: u64) -> Option<Bill> {
        self.0.lock().bills.take(drawn)
    }

    /// One of which something is reserved.
    pub(crate) fn take_held(&self, drawn: u64) -> Option<Past> {
        self.0.lock().held.take(drawn)
    }

    /// A payment that is completed, and of which nothing was given back.
    pub(crate) fn take_untouched(&self, drawn: u64) -> Option<Past> {
        self.0.lock().untouched.take(drawn)
    }

    /// A payment of which something can be given back.
    pub(crate) fn take_taken(&self, drawn: u64) -> Option<Past> {
        let mut shelves = self.0.lock();
        let (touched, drawn) = (drawn & 1 == 0, drawn >> 1);
        let first = if touched { shelves.taken.take(drawn) } else { None };
        first.or_else(|| shelves.untouched.take(drawn)).or_else(|| shelves.taken.take(drawn))
    }
}

impl<T> Ring<T> {
    fn push(&mut self, one: T) {
        if self.kept.len() < REMEMBERED {
            self.kept.push(one);
            return;
        }
        let place = self.next % REMEMBERED;
        self.kept[place] = one;
        self.next = place + 1;
    }

    fn place(&self, drawn: u64) -> Option<usize> {
        usize::try_from(drawn.checked_rem(self.kept.len() as u64)?).ok()
    }

    fn at(&self, drawn: u64) -> Option<&T> {
        self.kept.get(self.place(drawn)?)
    }

    fn take(&mut self, drawn: u64) -> Option<T> {
        let place = self.place(drawn)?;
        Some(self.kept.swap_remove(place))
    }
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), next: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Card, Method, OrderNumber};

    fn past(sequence: u32, funds: Funds) -> Past {
        let order = PaymentOrder {
            number: OrderNumber { round: 0, connection: 0, sequence },
            merchant: 0,
            amount_minor: 100,
            currency: Currency::Inr,
            method: Method::Card(Card::Approved),
            capture: Capture::Automatic,
            fault: None,
            pays: None,
            respond_async: false,
        };
        let payment = Arc::from(format!("pay_{sequence}"));
        Past { id: sequence as usize, order, payment, funds, wait: None }
    }

    fn free(history: &History, past: Past) {
        history.keep(Left { free: Some(past), ..Left::default() });
    }

    #[test]
    fn the_oldest_is_let_go() {
        let history = History::default();
        for sequence in 0..u32::try_from(REMEMBERED).unwrap() + 1 {
            let fresh = Some(past(sequence, Funds::default()));
            history.keep(Left { fresh, ..Left::default() });
        }
        let held: Vec<usize> =
            (0..REMEMBERED as u64).map(|drawn| history.payment(drawn).unwrap().id).collect();
        assert_eq!(held.len(), REMEMBERED);
        assert!(!held.contains(&0) && held.contains(&REMEMBERED));
    }

    #[test]
    fn a_payment_waits_for_its_customer_and_then_for_its_merchant() {
        let history = History::default();
        let wait = |decided| Some(Wait::Customer(Action { attempt: "att_0".into(), decided }));
        free(&history, Past { wait: wait(None), ..past(0, Funds::default()) });
        assert!(history.take_acted(0).is_none());
        let taken = history.take_waiting(3).unwrap();
        assert!(history.take_waiting(3).is_none());
        free(&history, Past { wait: wait(Some(true)), ..taken });
        assert!(history.take_waiting(0).is_none() && history.take_held(0).is_none());
        let taken = history.take_acted(0).unwrap();
        let funds = Funds::of(&taken.order, Outcome::Completed);
        free(&history, Past { wait: None, funds, ..taken });
        assert!(history.take_untouched(0).is_some());
    }

    #[test]
    fn an_order_is_open_until_it_is_paid() {
        let history = History::default();
        let name = ShopOrderName::of("ord_1").unwrap();
        let bill = Bill { id: 1, name, merchant: 0, currency: Currency::Inr, open: 50 };
        history.keep(Left { bill: Some(bill), ..Left::default() });
        assert_eq!(history.take_bill(7), Some(bill));
        assert_eq!(history.take_bill(7), None);
        history.keep(Left { bill: Some(Bill { open: 0, ..bill }), ..Left::default() });
        assert_eq!(history.take_bill(0), None);
    }

    #[test]
    fn what_something_is_done_to_is_nobody_elses() {
        let history = History::default();
        free(&history, past(0, Funds { held: 100, ..Funds::default() }));
        let taken = history.take_held(5).unwrap();
        assert!(history.take_held(5).is_none());
        let capture = DeedKind::Capture { amount_minor: 60, is_final: false };
        let funds = taken.funds.after(capture, &taken.order);
        assert_eq!(funds, Funds { held: 40, captured: 60, refunded: 0 });
        free(&history, Past { funds, ..taken });
        let taken = history.take_held(9).unwrap();
        let funds = taken.funds.after(DeedKind::Void, &taken.order);
        free(&history, Past { funds, ..taken });
        assert!(history.take_held(0).is_none());
        let taken = history.take_taken(0).unwrap();
        let funds = taken.funds.after(DeedKind::Refund { amount_minor: 10 }, &taken.order);
        assert_eq!(funds.refundable(), 50);
        free(&history, Past { funds, ..taken });
        assert!(history.take_untouched(0).is_none());
        let taken = history.take_taken(1).unwrap();
        let funds = taken.funds.after(DeedKind::Refund { amount_minor: 50 }, &taken.order);
        free(&history, Past { funds, ..taken });
        assert!(history.take_taken(0).is_none());
    }
}
