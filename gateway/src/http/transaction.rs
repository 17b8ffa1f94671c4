//! Transactions, alike on every surface: looked up by their id, and told by an operator what has
//! become of them.
//!
//! Not here: what they look like, which each surface says for itself.

use bytes::Bytes;
use hyper::HeaderMap;
use tollgate_domain::{
    Operation, OperationId, OperationKind, OutcomeSource, Payment, RecordOperationOutcome,
    RecordProviderOutcome, Scope, TransactionId,
};
use tollgate_engine::ProviderReport;

use super::{
    authentication,
    error::{ErrorCode, Problem},
    state::{Gateway, Serving},
    surface::Surface,
    wire::{self, Field as _, OutcomeRequest, TransactionBody},
};

/// A transaction: a payment, and which of its operations, if it is one.
pub(super) struct Transaction {
    payment: Box<Payment>,
    operation: Option<OperationId>,
}

impl Transaction {
    /// The transaction of that id that is the key's merchant's, in the key's mode.
    ///
    /// # Errors
    /// Where there is none, for whoever asks; without a merchant's key.
    pub(super) async fn owned(
        gateway: &Gateway,
        headers: &HeaderMap,
        id: &str,
    ) -> Result<Self, Problem> {
        let serving = gateway.serving()?;
        let key = authentication::merchant(gateway, headers, Scope::PaymentsRead)?;
        let found = Self::find(serving, id).await?;
        let intent = found.payment.intent();
        if intent.merchant == key.merchant && intent.mode == key.mode {
            Ok(found)
        } else {
            Err(Problem::of(ErrorCode::TransactionNotFound))
        }
    }

    /// Takes in what an operator has learnt elsewhere, and gives the transaction as it is then.
    /// Whatever a provider's answer may bring about, this does: it is recorded as the operator's.
    ///
    /// # Errors
    /// Without an operator's key; all faults of the request; what the engine cannot tell.
    pub(super) async fn told(
        gateway: &Gateway,
        id: &str,
        body: &Bytes,
        surface: Surface,
    ) -> Result<Self, Problem> {
        let serving = gateway.serving()?;
        let mut request: OutcomeRequest<'_> = wire::parse(body)?;
        match surface {
            Surface::V1 => {}
            Surface::Classic => request.forget_unknown(),
        }
        let report = Self::find(serving, id).await?.report(&request)?;
        serving.engine.report(report).await?;
        Self::find(serving, id).await
    }

    /// What is to be shown of it.
    pub(super) fn body(&self) -> TransactionBody<'_> {
        TransactionBody { payment: &self.payment, operation: self.operation() }
    }

    async fn find(serving: &Serving, id: &str) -> Result<Self, Problem> {
        let not_found = || Problem::of(ErrorCode::TransactionNotFound);
        let id: TransactionId = id.parse().map_err(|_no_id| not_found())?;
        let (payment, operation) = serving.engine.transaction(id).await?.ok_or_else(not_found)?;
        Ok(Self { payment, operation })
    }

    fn report(&self, request: &OutcomeRequest<'_>) -> Result<ProviderReport, Problem> {
        let (payment, source) = (self.payment.id(), OutcomeSource::Operator);
        let attempt = self.payment.attempts().last().map(|attempt| attempt.id);
        match self.operation() {
            Some(operation) if operation.intent.kind != OperationKind::Confirmation => {
                let (operation, outcome) = (operation.id(), request.of_operation()?);
                let report = RecordOperationOutcome { payment, operation, source, outcome };
                Ok(ProviderReport::Operation(report))
            }
            // What is known of a confirmation is what is known of the attempt that it confirms.
            Some(_) | None => {
                let outcome = request.of_payment()?;
                let confirmed = self.operation().map(|operation| operation.intent.attempt);
                let attempt = confirmed
                    .or(attempt)
                    .ok_or_else(|| Problem::of(ErrorCode::TransactionNotFound))?;
                let report = RecordProviderOutcome { payment, attempt, source, outcome };
                Ok(ProviderReport::Attempt(report))
            }
        }
    }

    fn operation(&self) -> Option<&Operation> {
        self.operation.and_then(|id| self.payment.operation(id))
    }
}
