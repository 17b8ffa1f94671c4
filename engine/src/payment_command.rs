//! What can be asked for a payment that exists, by those who have a permit and are told the outcome.
//!
//! Not here: creating payments and orders, and what providers report.

use tollgate_domain::{
    CapturePayment, Command, ConfirmPayment, DecideReview, PaymentId, RefundPayment, ResolveCase,
    ReversePayment, Target, VoidPayment,
};

/// A command on a payment.
#[derive(Clone, Debug)]
pub enum PaymentCommand {
    /// The customer has acted.
    Confirm(ConfirmPayment),
    /// Take reserved funds.
    Capture(CapturePayment),
    /// Let go of them.
    Void(VoidPayment),
    /// Undo the payment.
    Reverse(ReversePayment),
    /// Return taken funds.
    Refund(RefundPayment),
    /// A reviewer's decision.
    DecideReview(DecideReview),
    /// An operator's decision.
    ResolveCase(ResolveCase),
}

impl PaymentCommand {
    /// The payment that it is for.
    #[must_use]
    pub fn payment(&self) -> PaymentId {
        match self {
            Self::Confirm(command) => command.target.payment,
            Self::Capture(command) => command.target.payment,
            Self::Void(command) => command.target.payment,
            Self::Reverse(command) => command.target.payment,
            Self::Refund(command) => command.target.payment,
            Self::DecideReview(command) => command.target.payment,
            Self::ResolveCase(command) => command.payment,
        }
    }

    /// Whose payment it has to be; none for an operator's command, which may be for anybody's.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Confirm(command) => Some(&command.target),
            Self::Capture(command) => Some(&command.target),
            Self::Void(command) => Some(&command.target),
            Self::Reverse(command) => Some(&command.target),
            Self::Refund(command) => Some(&command.target),
            Self::DecideReview(command) => Some(&command.target),
            Self::ResolveCase(_) => None,
        }
    }
}

impl From<PaymentCommand> for Command {
    fn from(command: PaymentCommand) -> Self {
        match command {
            PaymentCommand::Confirm(command) => Self::ConfirmPayment(command),
            PaymentCommand::Capture(command) => Self::CapturePayment(command),
            PaymentCommand::Void(command) => Self::VoidPayment(command),
            PaymentCommand::Reverse(command) => Self::ReversePayment(command),
            PaymentCommand::Refund(command) => Self::RefundPayment(command),
            PaymentCommand::DecideReview(command) => Self::DecideReview(command),
            PaymentCommand::ResolveCase(command) => Self::ResolveCase(command),
        }
    }
}
