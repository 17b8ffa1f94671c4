//! What was answered earlier, for the operations that come back to it.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::answer::Outcome;
use crate::auditor::RecordId;
use crate::deed::{Deed, DeedKind};
use crate::order::PaymentOrder;

/// So many of each kind are within reach; older ones are let go in turn.
pub(super) const REMEMBERED: usize = 4_096;

/// A payment that has its final answer, and what was done to it since.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) id: RecordId,
    pub(crate) order: PaymentOrder,
    pub(crate) payment: Arc<str>,
    pub(crate) funds: Funds,
    /// While it waits for its customer, as far as is known.
    pub(crate) action: Option<Action>,
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
    /// Something is reserved.
    held: Ring<Past>,
    /// All is taken, and nothing was given back.
    untouched: Ring<Past>,
    /// Something was given back, and something is left.
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
            Outcome::ActionRequired | Outcome::Failed => Self::default(),
        }
    }

    /// After the deed was done.
    pub(crate) fn after(self, kind: DeedKind) -> Self {
        match kind {
            DeedKind::Capture { amount_minor, is_final } => Self {
                held: if is_final { 0 } else { self.held - amount_minor },
                captured: self.captured + amount_minor,
                ..self
            },
            DeedKind::Void => Self { held: 0, ..self },
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
        let Left { fresh, free, deed } = left;
        let mut shelves = self.0.lock();
        if let Some(fresh) = fresh {
            shelves.payments.push(fresh);
        }
        if let Some(deed) = deed {
            shelves.deeds.push(deed);
        }
        if let Some(past) = free {
            match (&past.action, past.funds) {
                (Some(Action { decided: None, .. }), _) => shelves.waiting.push(past),
                (Some(Action { decided: Some(_), .. }), _) => shelves.acted.push(past),
                (None, Funds { held: 1.., .. }) => shelves.held.push(past),
                (None, Funds { captured: 1.., refunded: 0, .. }) => shelves.untouched.push(past),
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
    use crate::order::{Capture, Card, Currency, Method, OrderNumber};

    fn past(sequence: u32, funds: Funds) -> Past {
        let order = PaymentOrder {
            number: OrderNumber { round: 0, connection: 0, sequence },
            merchant: 0,
            amount_minor: 100,
            currency: Currency::Inr,
            method: Method::Card(Card::Approved),
            capture: Capture::Automatic,
            fault: None,
            respond_async: false,
        };
        let payment = Arc::from(format!("pay_{sequence}"));
        Past { id: sequence as usize, order, payment, funds, action: None }
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
        let action = Some(Action { attempt: "att_0".into(), decided: None });
        free(&history, Past { action, ..past(0, Funds::default()) });
        assert!(history.take_acted(0).is_none());
        let mut taken = history.take_waiting(3).unwrap();
        assert!(history.take_waiting(3).is_none());
        taken.action.as_mut().unwrap().decided = Some(true);
        free(&history, taken);
        assert!(history.take_waiting(0).is_none() && history.take_held(0).is_none());
        let taken = history.take_acted(0).unwrap();
        let funds = Funds::of(&taken.order, Outcome::Completed);
        free(&history, Past { action: None, funds, ..taken });
        assert!(history.take_untouched(0).is_some());
    }

    #[test]
    fn what_something_is_done_to_is_nobody_elses() {
        let history = History::default();
        free(&history, past(0, Funds { held: 100, ..Funds::default() }));
        let taken = history.take_held(5).unwrap();
        assert!(history.take_held(5).is_none());
        let capture = DeedKind::Capture { amount_minor: 60, is_final: false };
        let funds = taken.funds.after(capture);
        assert_eq!(funds, Funds { held: 40, captured: 60, refunded: 0 });
        free(&history, Past { funds, ..taken });
        let taken = history.take_held(9).unwrap();
        let funds = taken.funds.after(DeedKind::Void);
        free(&history, Past { funds, ..taken });
        assert!(history.take_held(0).is_none());
        let taken = history.take_taken(0).unwrap();
        let funds = taken.funds.after(DeedKind::Refund { amount_minor: 10 });
        assert_eq!(funds.refundable(), 50);
        free(&history, Past { funds, ..taken });
        assert!(history.take_untouched(0).is_none());
        let taken = history.take_taken(1).unwrap();
        free(
            &history,
            Past { funds: taken.funds.after(DeedKind::Refund { amount_minor: 50 }), ..taken },
        );
        assert!(history.take_taken(0).is_none());
    }
}
