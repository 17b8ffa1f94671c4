//! What crosses the wire, as types that exist for the document alone.
//!
//! Requests are read by parsers that borrow, and answers are written by serializers without a type
//! for each shape, so that neither can derive a schema. The types here can, and tests hold them to
//! the truth: names against those that the parsers know, shapes against what a server answers.

#![expect(dead_code, reason = "types of the document are described and never made")]

mod classic;
mod customer;
mod health;
mod key;
mod ledger;
mod merchant;
mod payment;
mod payment_request;
mod problem;
mod provider;
mod values;
mod webhook;

pub(super) use classic::{ClassicCreatedAnswer, ClassicPaymentAnswer, ClassicStatusAnswer};
pub(super) use customer::ErasedCustomer;
pub(super) use health::{Health, Ready};
pub(super) use key::{
    ApiKey, ApiKeyList, IssuedApiKey, KeyRequest, OperatorKeyRequest, RotationRequest,
};
pub(super) use ledger::LedgerPage;
pub(super) use merchant::{
    Merchant, MerchantChange, MerchantList, MerchantRequest, PublicMerchant, RegisteredMerchant,
};
pub(super) use payment::{Batch, Payment};
pub(super) use payment_request::{BatchRequest, ClassicPaymentForm, PaymentRequest};
pub(super) use problem::{ClassicProblem, FailedPaymentProblem, Problem};
pub(super) use provider::{ClassicProvidersAnswer, Provider, ProviderList};
pub(super) use values::{
    ApiKeyId, CustomerId, DeliveryId, ErrorPage, EventId, EventStreamText, MerchantId, PaymentId,
    ProviderId, WebhookEndpointId,
};
pub(super) use webhook::{
    CallbackSecret, DeletedWebhookEndpoint, Event, EventPage, EventResendRequest, QueueStatus,
    RecoverRequest, SecretRequest, TestRequest, WebhookAttempt, WebhookAttemptList,
    WebhookEndpoint, WebhookEndpointList, WebhookRedelivery, WebhookRequest,
};
