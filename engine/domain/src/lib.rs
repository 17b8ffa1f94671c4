//! The pure, deterministic core of Tollgate.
//!
//! Commands go in, events come out: [`ShardState::decide`] reads the state and returns a
//! [`Decision`] or a typed [`Rejection`]; [`ShardState::apply`] writes an event into the state and
//! cannot fail. Live traffic and replay share `apply`, so what is replayed is what was lived.
//!
//! ```text
//!   CreatePayment ──► decide(&state, command, &env) ──► Record { events, idempotency, effects }
//!                                                          │
//!            live: after encoding ──┐                      ▼
//!            replay: after decoding ┴──► apply(&mut state, &record)
//! ```
//!
//! Not here: input and output, clocks, randomness, threads, async, floating point. Time, identity
//! and configuration arrive in [`Env`]; what was decided from them stands in the events.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::iter_over_hash_type
)]

mod money;
mod timestamp;

mod id;

mod callback_secret;
mod card;
mod country;
mod fees;
mod net_banking;
mod order;
mod payment;
mod provider;
mod sealed;
mod upi;
mod wallet;

mod api_key;
mod control_state;
mod merchant;
mod webhook_endpoint;

mod command;
mod control_rejection;
mod decision;
mod effect;
mod env;
mod event;
mod history;
mod idempotency;
mod rejection;
mod shard_state;
mod state_hash;

pub mod codec;
pub mod image;
pub mod invariant;
pub mod ledger;
pub mod planted_fault;

pub use api_key::{
    ApiKey, ApiKeyHash, ApiKeyKind, Asker, KeyAuthority, KeyImprint, KeyOwner, KeyStanding,
    KeyTail, Scope, ScopeSet,
};
pub use callback_secret::CallbackSecret;
pub use card::{CardBrand, CardFacts, CardFingerprint, CardFunding};
pub use command::{
    CapturePayment, Command, ConfirmPayment, ControlCommand, ControlDecision, ControlSubject,
    CreateMerchant, CreateOrder, CreatePayment, CreateWebhookEndpoint, DecideReview,
    DeleteWebhookEndpoint, DisableWebhookEndpoint, IssueApiKey, KeyedRequest, PAYMENTS_PER_RECORD,
    RecordOperationOutcome, RecordProviderOutcome, RefundPayment, ResolveCase, ReversePayment,
    ReviewVerdict, RevokeApiKey, RotateApiKey, RotateCallbackSecret, RotateWebhookSecret, Target,
    UpdateMerchant, UpdateWebhookEndpoint, VoidPayment,
};
pub use control_rejection::ControlRejection;
pub use control_state::ControlState;
pub use country::Country;
pub use decision::Decision;
pub use effect::{Effect, OperationCall, ProviderCall};
pub use env::{ArchiveRules, Env, LateApprovals, Policy};
pub use event::{ControlEvent, Event, Record};
pub use fees::{FeeRule, FeeSchedule};
pub use history::{Chapter, History, Moment};
pub use id::{
    ApiKeyId, AttemptId, CaseId, DeliveryId, FeedEventId, Id, IdKind, MerchantId, OperationId,
    OrderId, ParkedCallbackId, ParseIdError, PaymentId, RefundId, ShardId, TransactionId,
    WebhookEndpointId,
};
pub use idempotency::{Fingerprint, IdempotencyEntry, IdempotencyKey, IdempotencyTable, Subject};
pub use merchant::{Merchant, Mode};
pub use money::{Amount, AmountError, Currency, Money, UnknownCurrency};
pub use net_banking::NetBankingFacts;
pub use order::{Order, OrderIntent, OrderStatus};
pub use payment::{
    Attempt, AttemptState, Booked, CaptureMode, Case, Cause, Contradiction, EmiPlan, EmiSchedule,
    FailureReason, Instalment, Matter, NextAction, Operation, OperationFailure, OperationIntent,
    OperationKind, OperationState, Payment, PaymentIntent, PaymentMethod, PaymentState,
    PaymentStatus, Resolution, Schedule,
};
pub use provider::{
    DeclineCode, OperationOutcome, OutcomeSource, ProviderId, ProviderOutcome, ProviderReceipt,
};
pub use rejection::{MAX_OPERATIONS, Rejection};
pub use sealed::{SealKeyId, Sealed};
pub use shard_state::{PaidOrder, ShardState};
pub use state_hash::StateHash;
pub use timestamp::{Millis, Timestamp};
pub use upi::{UpiFacts, VpaFingerprint};
pub use wallet::{WalletFacts, WalletFingerprint};
pub use webhook_endpoint::{
    DisableReason, Disablement, EventFilter, PreviousSecret, SealedSecret, WebhookEndpoint,
    WebhookSettings,
};
