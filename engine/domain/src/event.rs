//! What has happened. Events are the only thing the log knows of a shard, and the only thing that
//! changes its state.

use std::sync::Arc;

use crate::{
    api_key::ApiKey,
    effect::Effect,
    history::History,
    id::{
        ApiKeyId, AttemptId, CaseId, MerchantId, OperationId, OrderId, PaymentId, WebhookEndpointId,
    },
    idempotency::IdempotencyEntry,
    merchant::{Merchant, Mode},
    money::Amount,
    order::{Order, OrderIntent},
    payment::{
        Booked, FailureReason, Matter, NextAction, OperationFailure, OperationIntent,
        PaymentIntent, Resolution,
    },
    provider::{DeclineCode, OutcomeSource, ProviderId, ProviderReceipt},
    timestamp::Timestamp,
    webhook_endpoint::{DisableReason, SealedSecret, WebhookEndpoint, WebhookSettings},
};

/// Everything one command did: state change, idempotent answer and outbox are one record, so that
/// none is ever without the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<E> {
    /// The shard's time when it was decided.
    pub at: Timestamp,
    /// What happened, in order. Never empty.
    pub events: Vec<E>,
    /// The key that stands for this command from now on.
    pub idempotency: Option<IdempotencyEntry>,
    /// What is owed to the world outside.
    pub effects: Vec<Effect>,
}

/// What happens on a payment shard.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "fields are described once, in docs/glossary.md and their types")]
pub enum Event {
    /// A merchant asked for a payment.
    PaymentCreated(Arc<PaymentIntent>),
    /// The intent to call a provider; the call follows only once this is durable.
    AttemptStarted { payment: PaymentId, attempt: AttemptId, provider: ProviderId },
    /// The provider approved while the payment waited.
    AttemptApproved {
        payment: PaymentId,
        attempt: AttemptId,
        source: OutcomeSource,
        receipt: Arc<ProviderReceipt>,
    },
    /// The issuer declined.
    AttemptDeclined {
        payment: PaymentId,
        attempt: AttemptId,
        source: OutcomeSource,
        code: DeclineCode,
    },
    /// The customer has to act.
    AttemptActionRequired {
        payment: PaymentId,
        attempt: AttemptId,
        source: OutcomeSource,
        action: NextAction,
        expires_at: Timestamp,
    },
    /// The provider will answer later.
    AttemptPending {
        payment: PaymentId,
        attempt: AttemptId,
        source: OutcomeSource,
        inquire_at: Timestamp,
    },
    /// The attempt certainly never reached the provider.
    AttemptNotSent { payment: PaymentId, attempt: AttemptId, source: OutcomeSource },
    /// What became of the attempt is not known.
    AttemptUnknown {
        payment: PaymentId,
        attempt: AttemptId,
        source: OutcomeSource,
        inquire_at: Timestamp,
    },
    /// The provider is asked what became of the attempt; the next inquiry is due at `inquire_at`.
    InquiryStarted { payment: PaymentId, attempt: AttemptId, inquire_at: Timestamp },
    /// The provider approved after the payment had given the attempt up. What it took, `taken`,
    /// stands on the exceptions account until someone decides.
    AttemptApprovedLate {
        payment: PaymentId,
        attempt: AttemptId,
        source: OutcomeSource,
        receipt: Arc<ProviderReceipt>,
        taken: Amount,
    },
    /// The provider denies an attempt that it approved before. The approval stands, and the provider
    /// is asked.
    AttemptContradicted {
        payment: PaymentId,
        attempt: AttemptId,
        source: OutcomeSource,
        inquire_at: Timestamp,
    },
    /// Funds are reserved until `expires_at`.
    PaymentAuthorized { payment: PaymentId, expires_at: Timestamp },
    /// Funds are taken, less our fee.
    PaymentCaptured { payment: PaymentId, captured: Amount, fee: Amount },
    /// The payment ends unpaid.
    PaymentFailed { payment: PaymentId, reason: FailureReason },
    /// Nobody acted, or captured, in time.
    PaymentExpired { payment: PaymentId },
    /// Idempotency keys older than this are forgotten.
    IdempotencyKeysForgotten { created_before: Timestamp },
    /// The provider stands by its approval after all.
    AttemptReaffirmed { payment: PaymentId, attempt: AttemptId, source: OutcomeSource },
    /// The attempt was called off at the provider before it was approved.
    AttemptCancelled { payment: PaymentId, attempt: AttemptId, source: OutcomeSource },
    /// Funds are reserved, and a reviewer has to decide.
    PaymentHeldForReview { payment: PaymentId, expires_at: Timestamp },
    /// A reviewer lets the payment go on.
    ReviewApproved { payment: PaymentId },
    /// A part of the funds is taken, less our fee; the rest stays reserved.
    PaymentPartlyCaptured { payment: PaymentId, captured: Amount, fee: Amount },
    /// What was still reserved is let go; what was taken stays taken.
    RemainderReleased { payment: PaymentId },
    /// The funds are let go before any was taken.
    PaymentVoided { payment: PaymentId },
    /// The payment is undone.
    PaymentReversed { payment: PaymentId },
    /// The intent to do something to the payment; the call follows only once this is durable.
    OperationStarted { payment: PaymentId, intent: Arc<OperationIntent> },
    /// It is done. A refund may give back a part of our fee.
    OperationSucceeded {
        payment: PaymentId,
        operation: OperationId,
        source: OutcomeSource,
        receipt: Arc<ProviderReceipt>,
        fee_returned: Amount,
    },
    /// It is not done, and will not be.
    OperationFailed {
        payment: PaymentId,
        operation: OperationId,
        source: OutcomeSource,
        reason: OperationFailure,
    },
    /// The provider will answer later.
    OperationPending {
        payment: PaymentId,
        operation: OperationId,
        source: OutcomeSource,
        inquire_at: Timestamp,
    },
    /// What became of it is not known.
    OperationUnknown {
        payment: PaymentId,
        operation: OperationId,
        source: OutcomeSource,
        inquire_at: Timestamp,
    },
    /// It certainly never reached the provider, and is sent again at `retry_at`.
    OperationDelayed {
        payment: PaymentId,
        operation: OperationId,
        source: OutcomeSource,
        retry_at: Timestamp,
    },
    /// It is sent again; the call follows only once this is durable.
    OperationResent { payment: PaymentId, operation: OperationId },
    /// The provider is asked what became of it; the next inquiry is due at `inquire_at`.
    OperationInquiryStarted { payment: PaymentId, operation: OperationId, inquire_at: Timestamp },
    /// The provider denies what it said it had done. It stands, and the provider is asked.
    OperationContradicted {
        payment: PaymentId,
        operation: OperationId,
        source: OutcomeSource,
        inquire_at: Timestamp,
    },
    /// The provider stands by what it said first.
    OperationReaffirmed { payment: PaymentId, operation: OperationId, source: OutcomeSource },
    /// A refund that had succeeded came back: the merchant has the money again.
    RefundReturned {
        payment: PaymentId,
        operation: OperationId,
        source: OutcomeSource,
        reason: OperationFailure,
    },
    /// The provider did what had failed before, beyond what is left of the payment. What it took or
    /// paid out stands on the exceptions account until someone decides.
    OperationSucceededLate {
        payment: PaymentId,
        operation: OperationId,
        source: OutcomeSource,
        receipt: Arc<ProviderReceipt>,
        booked: Booked,
    },
    /// An operator has to decide. What `booked` says has been posted by the event before.
    CaseOpened { payment: PaymentId, case: CaseId, matter: Matter, booked: Booked },
    /// It is decided, and the exceptions account is cleared of it.
    CaseResolved { payment: PaymentId, case: CaseId, resolution: Resolution },
    /// A merchant wants to be paid for an order.
    OrderCreated(Arc<OrderIntent>),
    /// A payment of which nothing is left to do leaves memory: the archive has it from now on.
    PaymentArchived { payment: PaymentId },
    /// It is back, as it left, because something is to be done to it.
    PaymentRecalled { payment: PaymentId, history: Arc<History> },
    /// An order none of whose payments is in memory leaves it: the archive has it from now on.
    OrderArchived { order: OrderId },
    /// It is back, as it left, because it is to be paid, or a payment of it is to come back.
    OrderRecalled { order: Arc<Order> },
}

impl Event {
    /// The payment that it happens to, if it happens to one.
    #[must_use]
    pub fn payment(&self) -> Option<PaymentId> {
        match self {
            Self::PaymentCreated(intent) => Some(intent.id),
            Self::AttemptStarted { payment, .. }
            | Self::AttemptApproved { payment, .. }
            | Self::AttemptDeclined { payment, .. }
            | Self::AttemptActionRequired { payment, .. }
            | Self::AttemptPending { payment, .. }
            | Self::AttemptNotSent { payment, .. }
            | Self::AttemptUnknown { payment, .. }
            | Self::InquiryStarted { payment, .. }
            | Self::AttemptApprovedLate { payment, .. }
            | Self::AttemptContradicted { payment, .. }
            | Self::AttemptReaffirmed { payment, .. }
            | Self::AttemptCancelled { payment, .. }
            | Self::PaymentAuthorized { payment, .. }
            | Self::PaymentHeldForReview { payment, .. }
            | Self::ReviewApproved { payment }
            | Self::PaymentCaptured { payment, .. }
            | Self::PaymentPartlyCaptured { payment, .. }
            | Self::RemainderReleased { payment }
            | Self::PaymentVoided { payment }
            | Self::PaymentReversed { payment }
            | Self::PaymentFailed { payment, .. }
            | Self::PaymentExpired { payment }
            | Self::OperationStarted { payment, .. }
            | Self::OperationSucceeded { payment, .. }
            | Self::OperationFailed { payment, .. }
            | Self::OperationPending { payment, .. }
            | Self::OperationUnknown { payment, .. }
            | Self::OperationDelayed { payment, .. }
            | Self::OperationResent { payment, .. }
            | Self::OperationInquiryStarted { payment, .. }
            | Self::OperationContradicted { payment, .. }
            | Self::OperationReaffirmed { payment, .. }
            | Self::RefundReturned { payment, .. }
            | Self::OperationSucceededLate { payment, .. }
            | Self::CaseOpened { payment, .. }
            | Self::CaseResolved { payment, .. }
            | Self::PaymentArchived { payment }
            | Self::PaymentRecalled { payment, .. } => Some(*payment),
            Self::IdempotencyKeysForgotten { .. }
            | Self::OrderCreated(_)
            | Self::OrderArchived { .. }
            | Self::OrderRecalled { .. } => None,
        }
    }

    /// The operation that it happens to, if it happens to one.
    #[must_use]
    pub fn operation(&self) -> Option<OperationId> {
        match self {
            Self::OperationStarted { intent, .. } => Some(intent.id),
            Self::OperationSucceeded { operation, .. }
            | Self::OperationFailed { operation, .. }
            | Self::OperationPending { operation, .. }
            | Self::OperationUnknown { operation, .. }
            | Self::OperationDelayed { operation, .. }
            | Self::OperationResent { operation, .. }
            | Self::OperationInquiryStarted { operation, .. }
            | Self::OperationContradicted { operation, .. }
            | Self::OperationReaffirmed { operation, .. }
            | Self::RefundReturned { operation, .. }
            | Self::OperationSucceededLate { operation, .. } => Some(*operation),
            Self::PaymentCreated(_)
            | Self::AttemptStarted { .. }
            | Self::AttemptApproved { .. }
            | Self::AttemptDeclined { .. }
            | Self::AttemptActionRequired { .. }
            | Self::AttemptPending { .. }
            | Self::AttemptNotSent { .. }
            | Self::AttemptUnknown { .. }
            | Self::InquiryStarted { .. }
            | Self::AttemptApprovedLate { .. }
            | Self::AttemptContradicted { .. }
            | Self::AttemptReaffirmed { .. }
            | Self::AttemptCancelled { .. }
            | Self::PaymentAuthorized { .. }
            | Self::PaymentHeldForReview { .. }
            | Self::ReviewApproved { .. }
            | Self::PaymentCaptured { .. }
            | Self::PaymentPartlyCaptured { .. }
            | Self::RemainderReleased { .. }
            | Self::PaymentVoided { .. }
            | Self::PaymentReversed { .. }
            | Self::PaymentFailed { .. }
            | Self::PaymentExpired { .. }
            | Self::CaseOpened { .. }
            | Self::CaseResolved { .. }
            | Self::IdempotencyKeysForgotten { .. }
            | Self::OrderCreated(_)
            | Self::PaymentArchived { .. }
            | Self::PaymentRecalled { .. }
            | Self::OrderArchived { .. }
            | Self::OrderRecalled { .. } => None,
        }
    }

    /// The operation that it begins, if it begins one.
    pub(crate) fn begun_operation(&self) -> Option<OperationId> {
        if let Self::OperationStarted { intent, .. } = self { Some(intent.id) } else { None }
    }

    /// Whether a payment or an order leaves memory or comes back by it.
    #[must_use]
    pub const fn is_of_archive(&self) -> bool {
        matches!(
            self,
            Self::PaymentArchived { .. }
                | Self::PaymentRecalled { .. }
                | Self::OrderArchived { .. }
                | Self::OrderRecalled { .. }
        )
    }
}

/// What happens on the control shard.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "fields are described once, in docs/glossary.md and their types")]
pub enum ControlEvent {
    /// A merchant was registered. Nothing has happened to it yet: it is not suspended, and was last
    /// changed when it was created.
    MerchantCreated(Merchant),
    /// A merchant is called otherwise.
    MerchantRenamed { merchant: MerchantId, name: Box<str> },
    /// A merchant is written to elsewhere, or nowhere.
    MerchantEmailChanged { merchant: MerchantId, email: Option<Box<str>> },
    /// A merchant may take no new payments.
    MerchantSuspended { merchant: MerchantId },
    /// A merchant may take payments again.
    MerchantResumed { merchant: MerchantId },
    /// A merchant or an operator got a key. Nothing has happened to it yet: it is neither revoked
    /// nor rotated.
    ApiKeyIssued(ApiKey),
    /// Another key takes a key's place, which opens nothing any more from `expires_at` on.
    ApiKeyRotated { key: ApiKeyId, successor: ApiKeyId, expires_at: Timestamp },
    /// A key opens nothing any more.
    ApiKeyRevoked { key: ApiKeyId },
    /// A merchant wants to be told what happens. The endpoint is neither disabled nor rotated.
    WebhookEndpointCreated(WebhookEndpoint),
    /// An endpoint's owner wants something else of it.
    WebhookEndpointChanged { endpoint: WebhookEndpointId, settings: WebhookSettings },
    /// An endpoint got another secret; the one before is good until `previous_until`.
    WebhookSecretRotated {
        endpoint: WebhookEndpointId,
        secret: SealedSecret,
        previous_until: Timestamp,
    },
    /// An endpoint gets what has happened since it was disabled, and what happens.
    WebhookEndpointEnabled { endpoint: WebhookEndpointId },
    /// An endpoint gets nothing any more.
    WebhookEndpointDisabled { endpoint: WebhookEndpointId, reason: DisableReason },
    /// There is no such endpoint any more.
    WebhookEndpointDeleted { endpoint: WebhookEndpointId },
    /// A merchant takes no second payment for an order of its own words that is paid, or takes them
    /// again.
    MerchantOrderRuleChanged { merchant: MerchantId, one_payment_per_order: bool },
    /// A key that has opened nothing for long is known no more.
    ApiKeyForgotten { key: ApiKeyId },
    /// A merchant's callbacks are signed with its next secret; the one before is good until
    /// `previous_until`.
    CallbackSecretRotated { merchant: MerchantId, mode: Mode, previous_until: Timestamp },
}

impl ControlEvent {
    /// The endpoint that it happens to, where it is one's.
    #[must_use]
    pub fn webhook_endpoint(&self) -> Option<WebhookEndpointId> {
        match self {
            Self::WebhookEndpointCreated(endpoint) => Some(endpoint.id),
            Self::WebhookEndpointChanged { endpoint, .. }
            | Self::WebhookSecretRotated { endpoint, .. }
            | Self::WebhookEndpointEnabled { endpoint }
            | Self::WebhookEndpointDisabled { endpoint, .. }
            | Self::WebhookEndpointDeleted { endpoint } => Some(*endpoint),
            Self::MerchantCreated(_)
            | Self::MerchantRenamed { .. }
            | Self::MerchantEmailChanged { .. }
            | Self::MerchantSuspended { .. }
            | Self::MerchantResumed { .. }
            | Self::ApiKeyIssued(_)
            | Self::ApiKeyRotated { .. }
            | Self::ApiKeyRevoked { .. }
            | Self::MerchantOrderRuleChanged { .. }
            | Self::ApiKeyForgotten { .. }
            | Self::CallbackSecretRotated { .. } => None,
        }
    }
}
