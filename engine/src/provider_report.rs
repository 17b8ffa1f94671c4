//! What a provider says, of an attempt or of an operation. Never refused for want of room.

use tollgate_domain::{
    Command, OperationOutcome, PaymentId, ProviderOutcome, RecordOperationOutcome,
    RecordProviderOutcome,
};

/// A provider's answer on its way to the payment that it is about.
#[derive(Clone, Debug)]
pub enum ProviderReport {
    /// Of an attempt.
    Attempt(RecordProviderOutcome),
    /// Of an operation.
    Operation(RecordOperationOutcome),
}

/// How a call ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallOutcome {
    /// This has become of the attempt.
    Attempt(ProviderOutcome),
    /// This has become of the operation.
    Operation(OperationOutcome),
}

impl ProviderReport {
    /// The payment that it is about.
    #[must_use]
    pub fn payment(&self) -> PaymentId {
        match self {
            Self::Attempt(command) => command.payment,
            Self::Operation(command) => command.payment,
        }
    }
}

impl From<ProviderReport> for Command {
    fn from(report: ProviderReport) -> Self {
        match report {
            ProviderReport::Attempt(command) => Self::RecordProviderOutcome(command),
            ProviderReport::Operation(command) => Self::RecordOperationOutcome(command),
        }
    }
}
