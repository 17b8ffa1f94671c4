//! What has happened. Events are the only thing the log knows of a shard, and the only thing that
//! changes its state.

use std::sync::Arc;

use crate::{
    api_key::ApiKey,
    effect::Effect,
    id::{ApiKeyId, AttemptId, MerchantId, PaymentId, WebhookEndpointId},
    idempotency::IdempotencyEntry,
    merchant::Merchant,
    money::Amount,
    payment::{FailureReason, NextAction, PaymentIntent},
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
    /// The provider denies an attempt that it approved before. The approval stands.
    AttemptContradicted { payment: PaymentId, attempt: AttemptId, source: OutcomeSource },
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
}

impl Event {
    /// The payment that it happens to; keys that are forgotten are no payment's.
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
            | Self::PaymentAuthorized { payment, .. }
            | Self::PaymentCaptured { payment, .. }
            | Self::PaymentFailed { payment, .. }
            | Self::PaymentExpired { payment } => Some(*payment),
            Self::IdempotencyKeysForgotten { .. } => None,
        }
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
            | Self::ApiKeyRevoked { .. } => None,
        }
    }
}
