//! What callers ask for payments that exist, and for orders; and what providers report unasked.

use std::sync::{Arc, OnceLock};

use tokio::{sync::oneshot, time::timeout};
use tollgate_domain::{CreateOrder, PaymentId, Subject};

use super::{Answer, Engine, OrderAnswer, Patience};
use crate::{
    effects::Attachment,
    error::CommandError,
    payment_command::PaymentCommand,
    provider_report::ProviderReport,
    shard_actor::{Mail, ReportOutcome, SubmitOperation, SubmitOrder},
};

impl<A: Attachment> Engine<A> {
    /// Does something to a payment, or answers as before where the idempotency key was used.
    ///
    /// # Errors
    /// Where it is refused; with [`CommandError::Unknown`] it may be recorded all the same.
    pub async fn operate(
        &self,
        command: PaymentCommand,
        patience: Patience,
    ) -> Result<Box<Answer>, CommandError> {
        self.check_open()?;
        let shard = command.payment().shard();
        if !self.0.router.has_shard(shard) {
            let rejection = tollgate_domain::Rejection::PaymentNotFound(command.payment());
            return Err(CommandError::Rejected(rejection));
        }
        let permit = self.0.admission.admit(shard)?;
        let payment = command.payment();
        let (reply, mut answer) = oneshot::channel();
        let slot = Arc::new(OnceLock::new());
        let until_settled = match patience {
            Patience::UntilRecorded => None,
            Patience::UntilSettled(_) => Some(Arc::clone(&slot)),
        };
        let submission = SubmitOperation { command, until_settled, reply, permit };
        self.0.router.send(shard, Mail::Operation(submission));
        let Patience::UntilSettled(wait) = patience else {
            return answer.await.unwrap_or(Err(CommandError::Unknown));
        };
        loop {
            if let Ok(settled) = timeout(wait, &mut answer).await {
                return settled.unwrap_or(Err(CommandError::Unknown));
            }
            // Out of patience: as it stands. Without a subject the command still waits for its turn.
            if let Some(subject) = slot.get() {
                return self.as_it_stands(payment, *subject).await;
            }
        }
    }

    async fn as_it_stands(
        &self,
        payment: PaymentId,
        subject: Subject,
    ) -> Result<Box<Answer>, CommandError> {
        // Should it have settled just now, it may even have left memory.
        let payment = self.read(payment, None).await?.ok_or(CommandError::Unknown)?;
        match subject {
            Subject::Payment(_) => {
                let payment = payment.as_first_answered().clone();
                Ok(Box::new(Answer { payment, operation: None, replayed: false }))
            }
            Subject::Operation(id) => {
                // Should it have moved on since, its key tells the first.
                let payment = payment.as_answered_to(id);
                Ok(Box::new(Answer { payment, operation: Some(id), replayed: false }))
            }
            Subject::Review(_) => {
                let payment = payment.as_answered_to_approval().clone();
                Ok(Box::new(Answer { payment, operation: None, replayed: false }))
            }
            Subject::Order(_) => Err(CommandError::Unknown),
        }
    }

    /// Creates an order, or answers as before where its idempotency key was used.
    ///
    /// # Errors
    /// Where it is refused; with [`CommandError::Unknown`] it may be recorded all the same.
    pub async fn create_order(&self, command: CreateOrder) -> Result<OrderAnswer, CommandError> {
        self.check_open()?;
        let shard = self.0.router.shard_of(command.merchant);
        let permit = self.0.admission.admit(shard)?;
        let (reply, answer) = oneshot::channel();
        let command = Box::new(command);
        self.0.router.send(shard, Mail::Order(SubmitOrder { command, reply, permit }));
        answer.await.unwrap_or(Err(CommandError::Unknown))
    }

    /// Takes in what a provider reports unasked, or an operator has learnt elsewhere. Once this is
    /// answered it is durable. Never refused for want of room, for the money has moved already.
    ///
    /// # Errors
    /// [`CommandError::Rejected`] where there is no such payment, attempt or operation;
    /// [`CommandError::Unknown`] where the log has failed.
    pub async fn report(&self, report: ProviderReport) -> Result<(), CommandError> {
        let shard = report.payment().shard();
        if !self.0.router.has_shard(shard) {
            let rejection = tollgate_domain::Rejection::PaymentNotFound(report.payment());
            return Err(CommandError::Rejected(rejection));
        }
        self.check_open()?;
        let (reply, answer) = oneshot::channel();
        let outcome = ReportOutcome { report, reply: Some(reply), permit: None };
        self.0.router.send(shard, Mail::Outcome(outcome));
        answer.await.unwrap_or(Err(CommandError::Unknown))
    }
}
