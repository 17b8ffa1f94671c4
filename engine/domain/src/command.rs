//! What can be asked of a shard. One command, one file: its data, and how it is decided.

mod archive_finished;
mod capture_payment;
mod confirm_payment;
mod control;
mod create_merchant;
mod create_order;
mod create_payment;
mod create_webhook_endpoint;
mod decide_review;
mod delete_webhook_endpoint;
mod disable_webhook_endpoint;
mod inquiry;
mod issue_api_key;
mod recall_order;
mod recall_payment;
mod record_operation_outcome;
mod record_provider_outcome;
mod refund_payment;
mod resolve_case;
mod resolve_unsettled;
mod reverse_payment;
mod revoke_api_key;
mod rotate_api_key;
mod rotate_callback_secret;
mod rotate_webhook_secret;
mod target;
mod tick;
mod update_merchant;
mod update_webhook_endpoint;
mod void_payment;

pub use capture_payment::CapturePayment;
pub use confirm_payment::ConfirmPayment;
pub use control::{ControlCommand, ControlDecision, ControlSubject};
pub use create_merchant::CreateMerchant;
pub use create_order::CreateOrder;
pub use create_payment::CreatePayment;
pub use create_webhook_endpoint::CreateWebhookEndpoint;
pub use decide_review::{DecideReview, ReviewVerdict};
pub use delete_webhook_endpoint::DeleteWebhookEndpoint;
pub use disable_webhook_endpoint::DisableWebhookEndpoint;
pub use issue_api_key::IssueApiKey;
pub use record_operation_outcome::RecordOperationOutcome;
pub use record_provider_outcome::RecordProviderOutcome;
pub use refund_payment::RefundPayment;
pub use resolve_case::ResolveCase;
pub use reverse_payment::ReversePayment;
pub use revoke_api_key::RevokeApiKey;
pub use rotate_api_key::RotateApiKey;
pub use rotate_callback_secret::RotateCallbackSecret;
pub use rotate_webhook_secret::RotateWebhookSecret;
pub use target::{KeyedRequest, Target};
pub use update_merchant::UpdateMerchant;
pub use update_webhook_endpoint::UpdateWebhookEndpoint;
pub use void_payment::VoidPayment;

use std::sync::Arc;

use resolve_unsettled::Calls;

use crate::{
    decision::Decision, env::Env, history::History, id::PaymentId, order::Order,
    rejection::Rejection, shard_state::ShardState,
};

/// Payments that one record deals with at the most, at a tick and after a restart: at some 200
/// bytes each it stays far below the log's limit of 64 KiB.
pub const PAYMENTS_PER_RECORD: usize = 128;

/// Events after which a tick's record takes no further payment: at some 100 bytes each it stays
/// below the log's limit, however many operations one payment has.
const EVENTS_PER_RECORD: usize = 256;

/// A command to a payment shard.
#[derive(Clone, Debug)]
pub enum Command {
    /// A merchant asks for a payment.
    CreatePayment(Box<CreatePayment>),
    /// The customer has acted.
    ConfirmPayment(ConfirmPayment),
    /// A merchant takes reserved funds.
    CapturePayment(CapturePayment),
    /// A merchant lets go of them.
    VoidPayment(VoidPayment),
    /// A merchant undoes a payment.
    ReversePayment(ReversePayment),
    /// A merchant returns taken funds.
    RefundPayment(RefundPayment),
    /// A reviewer has decided.
    DecideReview(DecideReview),
    /// A merchant wants to be paid for an order.
    CreateOrder(Box<CreateOrder>),
    /// A provider has answered about an attempt.
    RecordProviderOutcome(RecordProviderOutcome),
    /// A provider has answered about an operation.
    RecordOperationOutcome(RecordOperationOutcome),
    /// An operator decides a case.
    ResolveCase(ResolveCase),
    /// After a restart: ask what became of these payments' attempts and operations. Callers cut long
    /// lists into pieces of [`PAYMENTS_PER_RECORD`].
    ResolveUnsettled(Vec<PaymentId>),
    /// The same of those calls alone whose fate is still open: one record had no room for all.
    ResolveOpenCalls(Vec<PaymentId>),
    /// Time has passed.
    Tick,
    /// Payments of which nothing is left to do leave memory, and orders behind them.
    ArchiveFinished,
    /// A payment that has left comes back, as the archive has it. Its order is in memory.
    RecallPayment(Arc<History>),
    /// An order that has left comes back, as the archive has it.
    RecallOrder(Arc<Order>),
}

impl Command {
    pub(crate) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        match self {
            Self::CreatePayment(command) => command.decide(state, env),
            Self::ConfirmPayment(command) => command.decide(state, env),
            Self::CapturePayment(command) => command.decide(state, env),
            Self::VoidPayment(command) => command.decide(state, env),
            Self::ReversePayment(command) => command.decide(state, env),
            Self::RefundPayment(command) => command.decide(state, env),
            Self::DecideReview(command) => command.decide(state, env),
            Self::CreateOrder(command) => command.decide(state, env),
            Self::RecordProviderOutcome(command) => command.decide(state, env),
            Self::RecordOperationOutcome(command) => command.decide(state, env),
            Self::ResolveCase(command) => command.decide(state, env),
            Self::ResolveUnsettled(payments) => {
                Ok(resolve_unsettled::decide(&payments, Calls::All, state, env))
            }
            Self::ResolveOpenCalls(payments) => {
                Ok(resolve_unsettled::decide(&payments, Calls::Open, state, env))
            }
            Self::Tick => Ok(tick::decide(state, env)),
            Self::ArchiveFinished => Ok(archive_finished::decide(state, env)),
            Self::RecallPayment(history) => Ok(recall_payment::decide(history, state, env)),
            Self::RecallOrder(order) => Ok(recall_order::decide(order, state, env)),
        }
    }
}
