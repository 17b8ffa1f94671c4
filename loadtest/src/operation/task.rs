//! A request to send, and what its answer has to be.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Failure, Funds, Left, Operation, Past, PastDeed};
use crate::answer::{Answer, Outcome, PaymentAnswer, PaymentView};
use crate::auditor::{Auditor, Moment, Reading, RecordId, Standing};
use crate::connection::Silence;
use crate::deed::Deed;
use crate::deed_answer::{DeedAnswer, DeedEnd};
use crate::order::PaymentOrder;
use crate::request::Request;

/// One request of a load.
#[derive(Debug)]
pub(crate) struct Task {
    /// What it counts as.
    pub(crate) operation: Operation,
    pub(crate) request: Request,
    pub(crate) subject: Subject,
}

/// What the request is about.
#[derive(Debug)]
pub(crate) enum Subject {
    /// A new payment.
    Order {
        order: PaymentOrder,
        expected: Expected,
    },
    Repeat(Past),
    Reuse(Past),
    Read(Past),
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
        Self { operation, request: order.request(), subject: Subject::Order { order, expected } }
    }

    /// Tells the auditor what is about to be sent.
    pub(crate) fn intend(&self, auditor: &Mutex<Auditor>) -> Intent {
        let mut auditor = auditor.lock();
        let (id, reading) = match &self.subject {
            Subject::Order { order, .. } => (Some(auditor.intend(*order)), None),
            Subject::Repeat(past) | Subject::Reuse(past) => (Some(past.id), None),
            Subject::Read(past) => (Some(past.id), Some(auditor.begin_reading(past.id))),
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
                judge_order(*order, *expected, id, answer, auditor)
            }
            (Subject::Repeat(_), Some(id)) => {
                let (status, meaning) = (answer.status, PaymentAnswer::of(&answer));
                let refused = meaning == PaymentAnswer::Refused;
                let is_final = matches!(meaning, PaymentAnswer::Final { .. });
                let standing = auditor.lock().observe(id, answer, meaning, Moment::Load);
                match standing {
                    Standing::Broken => Err(Failure::Broken),
                    Standing::Settled | Standing::Open if is_final => Ok(Left::default()),
                    Standing::Settled | Standing::Open if refused => Err(Failure::Refused(status)),
                    Standing::Settled | Standing::Open => Err(Failure::Status(status)),
                }
            }
            (Subject::Reuse(_), Some(id)) => {
                let meaning = PaymentAnswer::of(&answer);
                auditor.lock().observe_reuse(id, &answer, &meaning);
                match meaning {
                    PaymentAnswer::KeyReused => Ok(Left::default()),
                    PaymentAnswer::Refused => Err(Failure::Refused(answer.status)),
                    PaymentAnswer::Final { .. }
                    | PaymentAnswer::Accepted { .. }
                    | PaymentAnswer::InUse
                    | PaymentAnswer::Unexpected(_) => Err(Failure::Broken),
                }
            }
            (Subject::Read(_), Some(_)) => {
                let reading = reading.expect("a read was begun");
                match auditor.lock().observe_read(reading, &answer) {
                    Standing::Broken => Err(Failure::Broken),
                    Standing::Open => Err(Failure::Refused(answer.status)),
                    Standing::Settled => Ok(Left::default()),
                }
            }
            (Subject::Deed { past, deed, expected }, Some(id)) => {
                judge_deed(past, deed, *expected, id, answer, auditor)
            }
            (Subject::RepeatDeed(past), Some(id)) => {
                let (status, meaning) = (answer.status, DeedAnswer::of(past.deed.kind, &answer));
                let refused = meaning == DeedAnswer::Refused;
                let is_final = matches!(meaning, DeedAnswer::Final { .. });
                let standing = auditor.lock().observe_deed(id, answer, meaning, Moment::Load);
                match standing {
                    Standing::Broken => Err(Failure::Broken),
                    Standing::Settled | Standing::Open if is_final => Ok(Left::default()),
                    Standing::Settled | Standing::Open if refused => Err(Failure::Refused(status)),
                    Standing::Settled | Standing::Open => Err(Failure::Status(status)),
                }
            }
            (Subject::ReuseDeed(past), Some(id)) => {
                let meaning = DeedAnswer::of(past.deed.kind, &answer);
                auditor.lock().observe_deed_reuse(id, &answer, &meaning);
                match meaning {
                    DeedAnswer::KeyReused => Ok(Left::default()),
                    DeedAnswer::Refused => Err(Failure::Refused(answer.status)),
                    DeedAnswer::Final { .. }
                    | DeedAnswer::Accepted { .. }
                    | DeedAnswer::Rejected { .. }
                    | DeedAnswer::InUse
                    | DeedAnswer::Unexpected(_) => Err(Failure::Broken),
                }
            }
            (Subject::Refusal { status, why }, _) => {
                let mut auditor = auditor.lock();
                match answer.status {
                    given if given == *status => Ok(Left::default()),
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
                | Subject::Repeat(_)
                | Subject::Reuse(_)
                | Subject::Read(_)
                | Subject::Deed { .. }
                | Subject::RepeatDeed(_)
                | Subject::ReuseDeed(_),
                None,
            ) => unreachable!("every key that is sent was intended"),
        }
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
        PaymentAnswer::Final { payment, outcome } => {
            let judged = match expected {
                Expected::Outcome(wanted) if wanted != *outcome => {
                    Err(Failure::Outcome(outcome.name()))
                }
                Expected::Outcome(_) | Expected::Accepted | Expected::Anything => Ok(()),
            };
            (judged, Some(past(id, order, payment, *outcome)))
        }
        PaymentAnswer::Accepted { .. } => match expected {
            Expected::Outcome(_) => (Err(Failure::StillProcessing), None),
            Expected::Accepted | Expected::Anything => (Ok(()), None),
        },
        PaymentAnswer::Refused => (Err(Failure::Refused(status)), None),
        PaymentAnswer::InUse | PaymentAnswer::KeyReused | PaymentAnswer::Unexpected(_) => {
            (Err(Failure::Status(status)), None)
        }
    };
    match auditor.lock().observe(id, answer, meaning, Moment::Load) {
        Standing::Broken => Err(Failure::Broken),
        Standing::Settled | Standing::Open => {
            judged.map(|()| Left { fresh: past.clone(), free: past, deed: None })
        }
    }
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
    let anything = expected == ExpectedDeed::Anything;
    let kept = |funds: Funds| Some(Past { funds, ..past.clone() });
    let known = PastDeed { id, deed: deed.clone() };
    let (judged, left) = match &meaning {
        DeedAnswer::Final { end, .. } => {
            let (fits, name, free) = match end {
                DeedEnd::Done => {
                    let fits = !matches!(expected, ExpectedDeed::Rejected(_));
                    (fits, "done", kept(past.funds.after(deed.kind)))
                }
                DeedEnd::Undone => (anything, "undone", kept(past.funds)),
                DeedEnd::Pending => (anything, "pending", None),
            };
            let judged = if fits { Ok(()) } else { Err(Failure::Outcome(name)) };
            (judged, Left { fresh: None, free, deed: Some(known) })
        }
        DeedAnswer::Accepted { .. } => {
            let judged = if anything { Ok(()) } else { Err(Failure::StillProcessing) };
            (judged, Left::default())
        }
        DeedAnswer::Rejected { status } => {
            let fits = expected == ExpectedDeed::Rejected(*status);
            let judged = if fits { Ok(()) } else { Err(Failure::Status(*status)) };
            (judged, Left { free: kept(past.funds), ..Left::default() })
        }
        DeedAnswer::Refused => {
            (Err(Failure::Refused(status)), Left { free: kept(past.funds), ..Left::default() })
        }
        DeedAnswer::InUse | DeedAnswer::KeyReused | DeedAnswer::Unexpected(_) => {
            (Err(Failure::Status(status)), Left::default())
        }
    };
    let accepted = matches!(meaning, DeedAnswer::Final { .. } | DeedAnswer::Accepted { .. });
    let mut auditor = auditor.lock();
    if accepted && matches!(expected, ExpectedDeed::Rejected(_)) {
        let request = format!("{} of {:?}", deed.kind.name(), past.funds);
        auditor.observe_invalid_accepted(&request, &answer);
    }
    match auditor.observe_deed(id, answer, meaning, Moment::Load) {
        Standing::Broken => Err(Failure::Broken),
        Standing::Settled | Standing::Open => judged.map(|()| left),
    }
}

fn past(id: RecordId, order: PaymentOrder, payment: &PaymentView, outcome: Outcome) -> Past {
    let funds = Funds::of(&order, outcome);
    Past { id, order, payment: Arc::from(payment.id.as_str()), funds }
}
