//! A request to send, and what its answer has to be.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Failure, Operation, Past};
use crate::answer::{Answer, Outcome, PaymentAnswer, PaymentView};
use crate::auditor::{Auditor, Moment, RecordId, Standing};
use crate::connection::Silence;
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

impl Task {
    pub(super) fn order(operation: Operation, order: PaymentOrder, expected: Expected) -> Self {
        Self { operation, request: order.request(), subject: Subject::Order { order, expected } }
    }

    /// Tells the auditor what is about to be sent; gives the number under which to judge.
    pub(crate) fn intend(&self, auditor: &Mutex<Auditor>) -> Option<RecordId> {
        match &self.subject {
            Subject::Order { order, .. } => Some(auditor.lock().intend(*order)),
            Subject::Repeat(past) | Subject::Reuse(past) | Subject::Read(past) => Some(past.id),
            Subject::Refusal { .. } => None,
        }
    }

    /// Tells the auditor what came, and says whether that is a success; gives the payment if it is
    /// new and has its final answer.
    pub(crate) fn judge(
        &self,
        id: Option<RecordId>,
        answer: Result<Answer, Silence>,
        auditor: &Mutex<Auditor>,
    ) -> Result<Option<Past>, Failure> {
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
                    Standing::Settled | Standing::Open if is_final => Ok(None),
                    Standing::Settled | Standing::Open if refused => Err(Failure::Refused(status)),
                    Standing::Settled | Standing::Open => Err(Failure::Status(status)),
                }
            }
            (Subject::Reuse(_), Some(id)) => {
                let meaning = PaymentAnswer::of(&answer);
                auditor.lock().observe_reuse(id, &answer, &meaning);
                match meaning {
                    PaymentAnswer::KeyReused => Ok(None),
                    PaymentAnswer::Refused => Err(Failure::Refused(answer.status)),
                    PaymentAnswer::Final { .. }
                    | PaymentAnswer::Accepted { .. }
                    | PaymentAnswer::InUse
                    | PaymentAnswer::Unexpected(_) => Err(Failure::Broken),
                }
            }
            (Subject::Read(_), Some(id)) => match auditor.lock().observe_read(id, &answer) {
                Standing::Broken => Err(Failure::Broken),
                Standing::Open => Err(Failure::Refused(answer.status)),
                Standing::Settled => Ok(None),
            },
            (Subject::Refusal { status, why }, _) => {
                let mut auditor = auditor.lock();
                match answer.status {
                    given if given == *status => Ok(None),
                    given @ (429 | 503) => Err(Failure::Refused(given)),
                    200..=299 | 402 => {
                        auditor.observe_invalid_accepted(why, &answer);
                        Err(Failure::Broken)
                    }
                    given => Err(Failure::Status(given)),
                }
            }
            (
                Subject::Order { .. } | Subject::Repeat(_) | Subject::Reuse(_) | Subject::Read(_),
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
) -> Result<Option<Past>, Failure> {
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
            (judged, Some(past(id, order, payment)))
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
        Standing::Settled | Standing::Open => judged.map(|()| past),
    }
}

fn past(id: RecordId, order: PaymentOrder, payment: &PaymentView) -> Past {
    Past { id, order, payment: Arc::from(payment.id.as_str()) }
}
