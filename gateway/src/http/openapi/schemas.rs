//! What crosses the wire, as types that exist for the document alone.
//!
//! Requests are read by parsers that borrow, and answers are written by serializers without a type
//! for each shape, so that neither can derive a schema. The types here can, and tests hold them to
//! the truth: names against those that the parsers know, shapes against what a server answers.

#![expect(dead_code, reason = "types of the document are described and never made")]

mod account;
mod classic;
mod customer;
mod customer_account;
mod exception;
mod health;
mod key;
mod ledger;
mod merchant;
mod operation;
mod order;
mod payment;
mod payment_method;
mod payment_request;
mod problem;
mod provider;
mod storage;
mod transaction;
mod values;
mod webhook;

pub(super) use account::{AccountList, Balances, EntryList};
pub(super) use classic::{ClassicCreatedAnswer, ClassicPaymentAnswer, ClassicStatusAnswer};
pub(super) use customer::ErasedCustomer;
pub(super) use customer_account::{
    VpaRequest, VpaValidation, WalletBalance, WalletBalanceRequest, WalletLink, WalletLinkRequest,
};
pub(super) use exception::{Exception, ExceptionList, ResolutionRequest, UnknownList};
pub(super) use health::{Health, Ready};
pub(super) use key::{
    ApiKey, ApiKeyList, IssuedApiKey, KeyRequest, OperatorKeyRequest, RotationRequest,
};
pub(super) use ledger::LedgerPage;
pub(super) use merchant::{
    Merchant, MerchantChange, MerchantList, MerchantRequest, PublicMerchant, RegisteredMerchant,
};
pub(super) use operation::{
    CaptureRequest, ClassicRefundAnswer, ClassicRefundStatusAnswer, PlainOperationRequest, Refund,
    RefundList, RefundRequest,
};
pub(super) use order::{Order, OrderList, OrderRequest};
pub(super) use payment::{Batch, Payment, PaymentList, Timeline};
pub(super) use payment_method::PaymentMethodList;
pub(super) use payment_request::{BatchRequest, ClassicPaymentForm, PaymentRequest};
pub(super) use problem::{ClassicProblem, FailedPaymentProblem, Problem};
pub(super) use provider::{
    CallbackReceipt, ClassicProvidersAnswer, DismissedCallback, ParkedCallback, ParkedCallbackList,
    Provider, ProviderCallback, ProviderList,
};
pub(super) use storage::{BackupArchive, Snapshot};
pub(super) use transaction::{
    ClassicTransactionAnswer, ClassicTransactionList, OutcomeRequest, Transaction, TransactionList,
};
pub(super) use values::{
    ApiKeyId, AttemptId, CountryCode, CsvText, Currency, CustomerId, DeliveryId, ErrorPage,
    EventId, EventStreamText, ExceptionId, JsonLinesText, MerchantId, OrderId, ParkedCallbackId,
    PaymentId, ProviderId, RefundId, TransactionId, WebhookEndpointId, WebhookReceiver,
};
pub(super) use webhook::{
    CallbackSecret, ClassicEventPageAnswer, DeadLetter, DeadLetterList, DeletedWebhookEndpoint,
    Event, EventPage, EventResendRequest, QueueStatus, RecoverRequest, SecretRequest, TestRequest,
    WebhookAttempt, WebhookAttemptList, WebhookEndpoint, WebhookEndpointList, WebhookRedelivery,
    WebhookRequest,
};
