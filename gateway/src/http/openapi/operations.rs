//! Every operation's description, one file for each kind of object.

mod callbacks;
mod classic;
mod classic_operations;
mod customer_accounts;
mod customers;
mod documentation;
mod events;
mod exceptions;
mod exports;
mod keys;
mod ledger;
mod lists;
mod merchants;
mod orders;
mod parked_callbacks;
mod payment_methods;
mod payment_operations;
mod payments;
mod probes;
mod providers;
mod refunds;
mod simulator;
mod storage;
mod transactions;
mod webhooks;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        path::Parameter,
        schema::{ObjectBuilder, Type},
    },
};

use super::operation::{Description, header, query_id, query_number};
use crate::http::error::ErrorCode;

/// All of them, in the order of the documentation.
pub(super) fn descriptions() -> Vec<Description> {
    let mut all = Vec::new();
    all.extend(payments::descriptions());
    all.extend(payment_operations::descriptions());
    all.extend(refunds::descriptions());
    all.extend(orders::descriptions());
    all.extend(transactions::descriptions());
    all.extend(lists::descriptions());
    all.extend(exports::descriptions());
    all.extend(ledger::descriptions());
    all.extend(exceptions::descriptions());
    all.extend(parked_callbacks::descriptions());
    all.extend(customers::descriptions());
    all.extend(payment_methods::descriptions());
    all.extend(customer_accounts::descriptions());
    all.extend(providers::descriptions());
    all.extend(callbacks::descriptions());
    all.extend(merchants::descriptions());
    all.extend(keys::descriptions());
    all.extend(events::descriptions());
    all.extend(webhooks::descriptions());
    all.extend(classic::descriptions());
    all.extend(classic_operations::descriptions());
    all.extend(storage::descriptions());
    all.extend(simulator::descriptions());
    all.extend(probes::descriptions());
    all.extend(documentation::descriptions());
    all
}

/// What any operation may be refused with.
const ANY: &[ErrorCode] = &[
    ErrorCode::RequestInvalid,
    ErrorCode::UriTooLong,
    ErrorCode::HeadersTooLarge,
    ErrorCode::InternalError,
];

/// Where a key is needed.
const KEYED: &[ErrorCode] = &[
    ErrorCode::ApiKeyMissing,
    ErrorCode::ApiKeyInvalid,
    ErrorCode::ApiKeyExpired,
    ErrorCode::ApiKeyRevoked,
    ErrorCode::SecretKeyRequired,
    ErrorCode::ScopeMissing,
    ErrorCode::RateLimitExceeded,
    ErrorCode::NotReady,
];

/// Where the key has to be a merchant's.
const MERCHANT: &[ErrorCode] = &[ErrorCode::MerchantKeyRequired];

/// Where the key has to be the operator's.
const OPERATOR: &[ErrorCode] = &[ErrorCode::OperatorKeyRequired];

/// Where there is a body.
const BODY: &[ErrorCode] = &[
    ErrorCode::BodyInvalid,
    ErrorCode::ParameterUnknown,
    ErrorCode::ParameterMissing,
    ErrorCode::ParameterInvalid,
    ErrorCode::BodyTooLarge,
    ErrorCode::ContentTypeUnsupported,
    ErrorCode::RequestTimeout,
];

/// Where the engine is asked to do something.
const COMMAND: &[ErrorCode] = &[
    ErrorCode::TooManyRequests,
    ErrorCode::OutcomeUnknown,
    ErrorCode::Overloaded,
    ErrorCode::StorageFull,
    ErrorCode::ArchiveUnreadable,
];

/// Where the engine is asked for something.
const READ: &[ErrorCode] = &[ErrorCode::OutcomeUnknown, ErrorCode::ArchiveUnreadable];

/// What may be wrong with a payment.
const PAYMENT: &[ErrorCode] = &[
    ErrorCode::ParameterConflict,
    ErrorCode::AmountInvalid,
    ErrorCode::AmountTooSmall,
    ErrorCode::AmountTooLarge,
    ErrorCode::CurrencyInvalid,
    ErrorCode::CurrencyUnsupported,
    ErrorCode::EmiUnavailable,
    ErrorCode::CardNumberInvalid,
    ErrorCode::CardNumberInText,
    ErrorCode::CardExpired,
    ErrorCode::CardCvvInvalid,
    ErrorCode::VpaInvalid,
    ErrorCode::BankInvalid,
    ErrorCode::WalletProviderInvalid,
    ErrorCode::PaymentMethodUnsupported,
    ErrorCode::IdempotencyKeyInvalid,
    ErrorCode::IdempotencyKeyInUse,
    ErrorCode::IdempotencyKeyReused,
    ErrorCode::MerchantMismatch,
    ErrorCode::MerchantSuspended,
    ErrorCode::ProviderNotConfigured,
    ErrorCode::KeyStoreUnavailable,
    ErrorCode::OrderNotFound,
    ErrorCode::OrderAmountExceeded,
    ErrorCode::OrderCurrencyDiffers,
    ErrorCode::OrderPaid,
];

/// What may be wrong with an operation on a payment.
const ON_PAYMENT: &[ErrorCode] = &[
    ErrorCode::PaymentNotFound,
    ErrorCode::PaymentUnexpectedState,
    ErrorCode::OperationInProgress,
    ErrorCode::OperationLimitReached,
    ErrorCode::IdempotencyKeyInvalid,
    ErrorCode::IdempotencyKeyInUse,
    ErrorCode::IdempotencyKeyReused,
    ErrorCode::MerchantMismatch,
];

/// What may be wrong with its amount.
const AMOUNT: &[ErrorCode] = &[
    ErrorCode::ParameterConflict,
    ErrorCode::AmountInvalid,
    ErrorCode::AmountTooSmall,
    ErrorCode::AmountTooLarge,
];

/// Where a page of a list is asked for.
const LIST: &[ErrorCode] =
    &[ErrorCode::ParameterUnknown, ErrorCode::ParameterInvalid, ErrorCode::ParameterConflict];

fn refusals(parts: &[&[ErrorCode]]) -> Vec<ErrorCode> {
    parts.concat()
}

struct IdempotencyKeyHeader;

impl PartialSchema for IdempotencyKeyHeader {
    fn schema() -> RefOr<Schema> {
        // A quoted key may be longer by its quotes and escapes.
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[!-~]{1,255}$"))
            .examples(["order-456-first-try"])
            .into()
    }
}

struct PreferHeader;

impl PartialSchema for PreferHeader {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).examples(["respond-async"]).into()
    }
}

/// What a request that creates a payment may say in its head.
fn idempotency_key() -> Parameter {
    header::<IdempotencyKeyHeader>(
        "Idempotency-Key",
        "Makes a repeat safe: the same key with the same request has one effect and one answer, for \
         a day at least; with another request it is refused. Bare or quoted.",
    )
}

fn prefer() -> Parameter {
    header::<PreferHeader>(
        "Prefer",
        "`respond-async` (RFC 7240) asks for an answer at once, 202, without the outcome.",
    )
}

/// Which page of a list, by ids of that form.
fn page<I: ToSchema>() -> [Parameter; 3] {
    [
        query_number("limit", "The most rows of the page.", 1, Some(100), 10),
        query_id::<I>("starting_after", "Shows what is older than this row."),
        query_id::<I>("ending_before", "Shows what is newer than this row."),
    ]
}
