//! A request to send, and what its answer has to be.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Action, Bill, Failure, Funds, Left, Operation, Past, PastDeed, Wait, shop_order};
use crate::answer::{Answer, Outcome, PaymentAnswer, PaymentView};
use crate::auditor::{Auditor, Moment, Reading, RecordId, Standing, outcome_of};
use crate::connection::Silence;
use crate::customer_act::{CustomerAct, PAGES};
use crate::deed::{Deed, DeedKind};
use crate::deed_answer::{DeedAnswer, DeedEnd, Shown};
use crate::meaning::Meaning;
use crate::order::PaymentOrder;
use crate::request::Request;
use crate::shop_order::{ShopOrder, ShopOrderAnswer, ShopOrderName};

/// One request of a load.
#[derive(Debug)]
pub(crate) struct Task {
    /// What it counts as.
    pub(crate) operation: Operation,
    pub(crate) request: Request,
    pub(crate) subject: Subject,
    /// The order that it is for, for this request alone.
    pub(crate) bill: Option<Bill>,
}

/// What the request is about.
#[derive(Debug)]
pub(crate) enum Subject {
    /// A new payment.
    Order {
        order: PaymentOrder,
        expected: Expected,
    },
    /// A new order.
    ShopOrder(ShopOrder),
    Repeat(Past),
    Reuse(Past),
    Read(Past),
    /// A customer's decision.
    Act {
        past: Past,
        act: CustomerAct,
    },
    /// Something done to a payment.
    Deed {
        past: Past,
        deed: Deed,
        expected: ExpectedDeed,
    },
    RepeatDeed(PastDeed),
    ReuseDeed(PastDeed),
    /// To be refused with this status.
    Refusal {
        status: u16,
        why: &'static str,
    },
}

/// The answer that a new payment counts as a success with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Outcome(Outcome),
    /// 202, or already more.
    Accepted,
    /// Whatever the contract allows.
    Anything,
}

/// The answer that a deed counts as a success with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpectedDeed {
    Done,
    /// What a customer's decision allows, approval or not, or that there is none yet.
    Decided(Option<bool>),
    /// Refused by the rules with this status.
    Rejected(u16),
    /// Whatever the contract allows.
    Anything,
}

/// A request that the auditor was told of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intent {
    /// The number under which to judge; none for what has to be refused whatever it names.
    id: Option<RecordId>,
    /// Of a read.
    reading: Option<Reading>,
}

impl Task {
    pub(super) fn order(operation: Operation, order: PaymentOrder, expected: Expected) -> Self {
        let subject = Subject::Order { order, expected };
        Self { operation, request: order.request(), subject, bill: None }
    }

    pub(super) fn shop_order(order: ShopOrder) -> Self {
        let (operation, subject) = (shop_order::OPERATION, Subject::ShopOrder(order));
        Self { operation, request: order.request(), subject, bill: None }
    }

    pub(super) fn act(operation: Operation, past: Past, action: Action, approves: bool) -> Self {
        let act = CustomerAct { attempt: action.attempt, approves };
        let request = act.request(PAGES);
        Self { operation, request, subject: Subject::Act { past, act }, bill: None }
    }

    /// Tells the auditor what is about to be sent.
    pub(crate) fn intend(&self, auditor: &Mutex<Auditor>) -> Intent {
        let mut auditor = auditor.lock();
        let (id, reading) = match &self.subject {
            Subject::Order { order, .. } => (Some(auditor.intend(*order)), None),
            Subject::ShopOrder(order) => (Some(auditor.intend_shop_order(*order)), None),
            Subject::Repeat(past) | Subject::Reuse(past) => (Some(past.id), None),
            Subject::Read(past) => (Some(past.id), Some(auditor.begin_reading(past.id))),
            Subject::Act { past, act } => {
                auditor.begin_act(past.id, act);
                (Some(past.id), None)
            }
            Subject::Deed { past, deed, .. } => {
                (Some(auditor.intend_deed(past.id, deed.clone())), None)
            }
            Subject::RepeatDeed(past) | Subject::ReuseDeed(past) => (Some(past.id), None),
            Subject::Refusal { .. } => (None, None),
        };
        Intent { id, reading }
    }

    /// Tells the auditor what came, and says whether that is a success; gives what it leaves for
    /// later operations.
    pub(crate) fn judge(
        &self,
        intent: Intent,
        answer: Result<Answer, Silence>,
        auditor: &Mutex<Auditor>,
    ) -> Result<Left, Failure> {
        let Intent { id, reading } = intent;
        let answer = match answer {
            Ok(answer) => answer,
            Err(silence) => {
                auditor.lock().observe_silence();
                return Err(Failure::of_silence(&silence));
            }
        };
        match (&self.subject, id) {
            (Subject::Order { order, expected }, Some(id)) => {
                let left = judge_order(*order, *expected, id, answer, auditor)?;
                let bill = self.bill.map(|bill| bill.less(order.amount_minor));
                Ok(Left { bill, ..left })
            }
            (Subject::ShopOrder(order), Some(id)) => judge_shop_order(*order, id, answer, auditor),
            (Subject::Repeat(_), Some(id)) => {
                let (status, meaning) = (answer.status, PaymentAnswer::of(&answer));
                let right = as_repeat(status, &meaning);
                unbroken(auditor.lock().observe(id, answer, meaning, Moment::Load))?;
                right
            }
            (Subject::Reuse(_), Some(id)) => {
                let meaning = PaymentAnswer::of(&answer);
                auditor.lock().observe_reuse(id, &answer, &meaning);
                as_reuse(answer.status, &meaning)
            }
            (Subject::Read(_), Some(_)) => {
                let reading = reading.expect("a read was begun");
                match auditor.lock().observe_read(reading, &answer) {
                    Standing::Broken => Err(Failure::Broken),
                    Standing::Open => Err(Failure::Refused(answer.status)),
                    Standing::Settled => Ok(Left::default()),
                }
            }
            (Subject::Act { past, act }, Some(id)) => judge_act(past, act, id, &answer, auditor),
            (Subject::Deed { past, deed, expected }, Some(id)) => {
                judge_deed(past, deed, *expected, id, answer, auditor)
            }
            (Subject::RepeatDeed(past), Some(id)) => {
                let (status, meaning) = (answer.status, DeedAnswer::of(past.deed.kind, &answer));
                let right = as_repeat(status, &meaning);
                unbroken(auditor.lock().observe_deed(id, answer, meaning, Moment::Load))?;
                right
            }
            (Subject::ReuseDeed(past), Some(id)) => {
                let meaning = DeedAnswer::of(past.deed.kind, &answer);
                auditor.lock().observe_reuse(id, &answer, &meaning);
                as_reuse(answer.status, &meaning)
            }
            (Subject::Refusal { status, why }, _) => {
                let mut auditor = auditor.lock();
                match answer.status {
                    given if given == *status => Ok(Left { bill: self.bill, ..Left::default() }),
                    given @ (429 | 503) => Err(Failure::Refused(given)),
                    200..=299 | 402 => {
                        auditor.observe_invalid_accepted(why, &answer);
                        Err(Failure::Broken)
                    }
                    given => Err(Failure::Status(given)),
                }
            }
            (
                Subject::Order { .. }
                | Subject::ShopOrder(_)
                | Subject::Repeat(_)
                | Subject::Reuse(_)
                | Subject::Read(_)
                | Subject::Act { .. }
                | Subject::Deed { .. }
                | Subject::RepeatDeed(_)
                | Subject::ReuseDeed(_),
                None,
            ) => unreachable!("every key that is sent was intended"),
        }
    }
}

/// A key that has its final answer gives it again.
fn as_repeat<F, A>(status: u16, meaning: &Meaning<F, A>) -> Result<Left, Failure> {
    if meaning.is_final() {
        Ok(Left::default())
    } else if meaning.is_refused() {
        Err(Failure::Refused(status))
    } else {
        Err(Failure::Status(status))
    }
}

/// Another request under its key is refused.
fn as_reuse<F, A>(status: u16, meaning: &Meaning<F, A>) -> Result<Left, Failure> {
    if meaning.is_reused() {
        Ok(Left::default())
    } else if meaning.is_refused() {
        Err(Failure::Refused(status))
    } else {
        Err(Failure::Broken)
    }
}

fn unbroken(standing: Standing) -> Result<(), Failure> {
    match standing {
        Standing::Broken => Err(Failure::Broken),
        Standing::Settled | Standing::Open => Ok(()),
    }
}

fn judge_order(
    order: PaymentOrder,
    expected: Expected,
    id: RecordId,
    answer: Answer,
    auditor: &Mutex<Auditor>,
) -> Result<Left, Failure> {
    let meaning = PaymentAnswer::of(&answer);
    let status = answer.status;
    let (judged, past) = match &meaning {
        Meaning::Final((payment, outcome)) => {
            let judged = match expected {
                Expected::Outcome(wanted) if wanted != *outcome => {
                    Err(Failure::Outcome(outcome.name()))
                }
                Expected::Outcome(_) | Expected::Accepted | Expected::Anything => Ok(()),
            };
            (judged, Some(past(id, order, payment, *outcome)))
        }
        Meaning::Accepted(_) => match expected {
            Expected::Outcome(_) => (Err(Failure::StillProcessing), None),
            Expected::Accepted | Expected::Anything => (Ok(()), None),
        },
        Meaning::Nothing(_) if meaning.is_refused() => (Err(Failure::Refused(status)), None),
        Meaning::Rejected { .. } | Meaning::Nothing(_) => (Err(Failure::Status(status)), None),
    };
    unbroken(auditor.lock().observe(id, answer, meaning, Moment::Load))?;
    judged.map(|()| Left { fresh: past.clone(), free: past, ..Left::default() })
}

fn judge_shop_order(
    order: ShopOrder,
    id: RecordId,
    answer: Answer,
    auditor: &Mutex<Auditor>,
) -> Result<Left, Failure> {
    let meaning = ShopOrderAnswer::of(&answer);
    let status = answer.status;
    let bill = match &meaning {
        Meaning::Final(view) => ShopOrderName::of(&view.id).map(|name| {
            let ShopOrder { merchant, currency, amount_minor: open, .. } = order;
            Bill { id, name, merchant, currency, open }
        }),
        Meaning::Accepted(never) => match *never {},
        Meaning::Rejected { .. } | Meaning::Nothing(_) => None,
    };
    let refused = meaning.is_refused();
    unbroken(auditor.lock().observe_shop_order(id, answer, meaning, Moment::Load))?;
    match bill {
        Some(bill) => Ok(Left { bill: Some(bill), ..Left::default() }),
        None if refused => Err(Failure::Refused(status)),
        None => Err(Failure::Status(status)),
    }
}

impl Bill {
    /// After a payment of so much.
    fn less(self, paid: i64) -> Self {
        Self { open: self.open - paid, ..self }
    }
}

/// Whether the page took the customer's decision; the payment is free again with it.
fn judge_act(
    past: &Past,
    act: &CustomerAct,
    id: RecordId,
    answer: &Answer,
    auditor: &Mutex<Auditor>,
) -> Result<Left, Failure> {
    let status = answer.status;
    let heard = auditor.lock().observe_act(id, answer);
    let Some((approved, standing)) = heard else {
        return Err(match status {
            429 | 503 => Failure::Refused(status),
            _ => Failure::Status(status),
        });
    };
    unbroken(standing)?;
    if approved != act.approves {
        return Err(Failure::Outcome(if approved { "approved" } else { "declined" }));
    }
    let action = Action { attempt: Arc::clone(&act.attempt), decided: Some(approved) };
    let free = Some(Past { wait: Some(Wait::Customer(action)), ..past.clone() });
    Ok(Left { free, ..Left::default() })
}

/// Whether a deed was answered as it should be. What it was done to is free again once where its
/// money is, is known.
fn judge_deed(
    past: &Past,
    deed: &Deed,
    expected: ExpectedDeed,
    id: RecordId,
    answer: Answer,
    auditor: &Mutex<Auditor>,
) -> Result<Left, Failure> {
    let meaning = DeedAnswer::of(deed.kind, &answer);
    let status = answer.status;
    let known = PastDeed { id, deed: deed.clone() };
    let unchanged = || Left { free: Some(past.clone()), ..Left::default() };
    let (judged, left) = match &meaning {
        Meaning::Final((shown, end)) => {
            let free = after(past, deed.kind, *end, shown);
            (
                expected.judge_end(deed.kind, *end, shown),
                Left { free, deed: Some(known), ..Left::default() },
            )
        }
        Meaning::Accepted(_) => {
            let anything = expected == ExpectedDeed::Anything;
            let judged = if anything { Ok(()) } else { Err(Failure::StillProcessing) };
            (judged, Left::default())
        }
        Meaning::Rejected { status } => {
            let judged = match expected {
                ExpectedDeed::Rejected(wanted) if wanted == *status => Ok(()),
                // A callback has told the decision before.
                ExpectedDeed::Decided(Some(_)) if *status == 409 => Ok(()),
                ExpectedDeed::Done
                | ExpectedDeed::Decided(_)
                | ExpectedDeed::Rejected(_)
                | ExpectedDeed::Anything => Err(Failure::Status(*status)),
            };
            (judged, Left { free: Some(as_decided(past)), ..Left::default() })
        }
        Meaning::Nothing(_) if meaning.is_refused() => (Err(Failure::Refused(status)), unchanged()),
        Meaning::Nothing(_) => (Err(Failure::Status(status)), Left::default()),
    };
    let begun = matches!(meaning, Meaning::Final(_) | Meaning::Accepted(_));
    let mut auditor = auditor.lock();
    if begun && matches!(expected, ExpectedDeed::Rejected(_)) {
        let request = format!("{} of {:?}", deed.kind.name(), past.funds);
        auditor.observe_invalid_accepted(&request, &answer);
    }
    unbroken(auditor.observe_deed(id, answer, meaning, Moment::Load))?;
    judged.map(|()| left)
}

impl ExpectedDeed {
    fn judge_end(self, kind: DeedKind, end: DeedEnd, shown: &Shown) -> Result<(), Failure> {
        let outcome = match shown {
            Shown::Payment(payment) => payment.outcome(),
            Shown::Refund(_) => None,
        };
        let (fits, name) = match (self, end) {
            (Self::Anything, _) => return Ok(()),
            (Self::Done, end) => (end == DeedEnd::Done, end.name()),
            (Self::Rejected(_), end) => (false, end.name()),
            (Self::Decided(decided), DeedEnd::Done) if kind == DeedKind::Confirmation => {
                let fits = match decided {
                    None => outcome == Some(Outcome::ActionRequired),
                    Some(true) => outcome.is_some_and(Outcome::is_approved),
                    Some(false) => outcome == Some(Outcome::Failed),
                };
                (fits, outcome.map_or("done", Outcome::name))
            }
            // Called off before the decision was known, or against an approval.
            (Self::Decided(decided), end) if kind == DeedKind::Cancellation => {
                (end == DeedEnd::Done || decided == Some(true), end.name())
            }
            (Self::Decided(_), end) => (false, end.name()),
        };
        if fits { Ok(()) } else { Err(Failure::Outcome(name)) }
    }
}

/// The payment once a deed has ended so, if more can be done to it.
fn after(past: &Past, kind: DeedKind, end: DeedEnd, shown: &Shown) -> Option<Past> {
    match (kind, end, shown) {
        // What becomes of it shows by itself.
        (_, DeedEnd::Pending, _) | (DeedKind::Cancellation, _, _) => None,
        (DeedKind::Confirmation, DeedEnd::Done, Shown::Payment(payment)) => {
            match payment.outcome()? {
                Outcome::ActionRequired => Some(past.clone()),
                outcome => {
                    let funds = Funds::of(&past.order, outcome);
                    Some(Past { funds, wait: None, ..past.clone() })
                }
            }
        }
        // The review is over, whatever became of the capture that follows.
        (DeedKind::Approval, DeedEnd::Undone, _) => Some(Past { wait: None, ..past.clone() }),
        (_, DeedEnd::Undone, _) => Some(past.clone()),
        (_, DeedEnd::Done, _) => {
            let funds = past.funds.after(kind, &past.order);
            Some(Past { funds, wait: None, ..past.clone() })
        }
    }
}

/// A payment to which the rules forbid something is no longer waiting, where its customer has decided.
fn as_decided(past: &Past) -> Past {
    let Some(Wait::Customer(Action { decided: Some(approved), .. })) = past.wait else {
        return past.clone();
    };
    let funds = Funds::of(&past.order, outcome_of(&past.order, approved));
    Past { funds, wait: None, ..past.clone() }
}

fn past(id: RecordId, order: PaymentOrder, payment: &PaymentView, outcome: Outcome) -> Past {
    let funds = Funds::of(&order, outcome);
    let wait = match outcome {
        Outcome::ActionRequired => payment
            .last_attempt()
            .map(|attempt| Wait::Customer(Action { attempt: Arc::from(attempt), decided: None })),
        Outcome::Review => Some(Wait::Reviewer),
        Outcome::Completed | Outcome::Authorized | Outcome::Failed => None,
    };
    Past { id, order, payment: Arc::from(payment.id.as_str()), funds, wait }
}
