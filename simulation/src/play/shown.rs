//! What an answer shows for ever under one key.

use std::sync::Arc;

use tollgate_domain::{
    Attempt, Case, OperationFailure, OperationId, OperationKind, OperationState, Payment,
    PaymentState, ProviderReceipt, Subject, Timestamp,
};
use tollgate_engine::{Answer, PaymentReply};

use super::{Client, Told};

/// A final answer, as far as a client sees it.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Shown {
    /// A refund, which is shown by itself.
    Refund {
        word: &'static str,
        failure: Option<OperationFailure>,
        receipt: Option<Arc<ProviderReceipt>>,
        updated_at: Timestamp,
    },
    /// A payment, with what was done to it.
    Payment {
        state: PaymentState,
        sequence: u32,
        updated_at: Timestamp,
        attempts: Vec<Attempt>,
        operations: Vec<(OperationId, OperationState, Timestamp)>,
        cases: Vec<Case>,
    },
}

impl Told {
    /// A client is answered, and has his answer in his hands.
    pub(super) fn answer(&mut self, client: &Client, reply: PaymentReply) {
        client.waits.set(false);
        let (Some(key), Ok(answer)) = (client.key, reply) else { return };
        let Some((subject, shown)) = shown(&answer) else { return };
        match self.answers.get(&key) {
            Some((known, told)) if *known == subject => {
                assert_eq!(*told, shown, "one key, one answer, whenever it is asked");
            }
            // The key was forgotten meanwhile, and stands for something else.
            Some(_) | None => drop(self.answers.insert(key, (subject, shown))),
        }
    }
}

/// What an answer shows, if it is final.
fn shown(answer: &Answer) -> Option<(Subject, Shown)> {
    let payment = &answer.payment;
    let Some(id) = answer.operation else {
        let subject = Subject::Payment(payment.id());
        return payment.state().is_final_answer().then(|| (subject, of_payment(payment)));
    };
    let operation = payment.operation(id).expect("an answer tells of its operation");
    if !operation.is_final_answer() {
        return None;
    }
    let shown = match operation.intent.kind {
        OperationKind::Refund { .. } => Shown::Refund {
            word: operation.state.as_str(),
            failure: operation.state.failure(),
            receipt: operation.receipt().cloned(),
            updated_at: operation.updated_at,
        },
        OperationKind::Confirmation
        | OperationKind::Capture { .. }
        | OperationKind::Void
        | OperationKind::Reversal => of_payment(payment),
    };
    Some((Subject::Operation(id), shown))
}

fn of_payment(payment: &Payment) -> Shown {
    let operations = payment.operations().iter();
    Shown::Payment {
        state: payment.state().clone(),
        sequence: payment.sequence(),
        updated_at: payment.updated_at(),
        attempts: payment.attempts().to_vec(),
        operations: operations
            .map(|operation| (operation.id(), operation.state.clone(), operation.updated_at))
            .collect(),
        cases: payment.cases().to_vec(),
    }
}
