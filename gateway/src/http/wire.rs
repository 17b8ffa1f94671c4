//! JSON as it crosses the wire: requests into checked types, what there is into answers.
//!
//! A request is parsed once, with strings borrowed from the body. What does not parse is refused
//! with the first fault's position; what parses is checked whole, and all its faults are told at
//! once.
//!
//! Not here: statuses and headers, which belong to the operations and to `http/error.rs`.

mod account_answer;
mod amount;
mod batch;
mod callback_answer;
mod card_number_search;
mod case_answer;
mod classic_event;
mod customer_account;
mod customer_answer;
mod form;
mod id_text;
mod key_answer;
mod key_request;
mod ledger_answer;
mod merchant_answer;
mod merchant_request;
mod number;
mod object;
mod operation_request;
mod operator_request;
mod order_answer;
mod order_request;
mod payment_answer;
mod payment_methods;
mod payment_request;
mod provider_answer;
mod refund_answer;
mod snapshot_answer;
mod text;
mod time;
mod timeline_answer;
mod transaction_answer;
mod unknown_answer;
mod validation;
mod webhook_answer;
mod webhook_request;

pub(crate) use account_answer::{
    AccountBody, AccountLine, AccountLines, BalancesBody, EntryBody, WholeListBody,
};
pub(crate) use batch::{BatchBody, BatchItem, BatchOutcome, BatchRequest};
pub(crate) use callback_answer::{CallbackReceipt, DismissedCallbackBody, ParkedCallbackBody};
pub(crate) use case_answer::CaseBody;
pub(crate) use classic_event::{ClassicEvent, ClassicEventPage};
pub(crate) use customer_account::{
    VpaBody, VpaRequest, WalletBalanceBody, WalletBalanceRequest, WalletLinkBody, WalletLinkRequest,
};
pub(crate) use customer_answer::ErasedCustomerBody;
pub(crate) use form::{FormBody, decode};
pub(crate) use id_text::IdText;
pub(crate) use key_answer::KeyBody;
pub(crate) use key_request::{KeyRequest, NewKey, NewMerchantKey, RotationRequest};
pub(crate) use ledger_answer::LedgerPageBody;
pub(crate) use merchant_answer::{MerchantBody, PublicMerchantBody};
pub(crate) use merchant_request::{MerchantChange, MerchantRequest, NewMerchant};
pub(crate) use object::{Field, Names};
pub(crate) use operation_request::{
    CaptureRequest, OperationBody, PlainOperationRequest, RefundRequest, ValidCapture, ValidRefund,
    operation_request_names,
};
pub(crate) use operator_request::{OutcomeRequest, ResolutionRequest};
pub(crate) use order_answer::{OrderBody, OwnedOrderBody};
pub(crate) use order_request::{OrderRequest, ValidOrder};
pub(crate) use payment_answer::{
    ClassicCreated, ClassicPayment, ClassicStatus, ClassicSuccess, DeclinedBody, PaymentBody,
    UndoneBody, complete,
};
pub(crate) use payment_methods::{PaymentMethodListBody, PaymentMethodQuery};
pub(crate) use payment_request::{
    Circumstances, PaymentRequest, ValidPayment, payment_request_names,
};
pub(crate) use provider_answer::{ClassicProvider, ProviderBody, ProviderListBody};
pub(crate) use refund_answer::{ClassicRefund, ClassicRefundStatus, RefundBody};
pub(crate) use snapshot_answer::SnapshotBody;
pub(crate) use time::{Offset, Rfc3339, parse_rfc3339};
pub(crate) use timeline_answer::TimelineBody;
pub(crate) use transaction_answer::{ClassicTransaction, ClassicTransactionPage, TransactionBody};
pub(crate) use unknown_answer::UnknownBody;
pub(crate) use webhook_answer::{
    AttemptBody, CallbackSecretBody, DeadLetterBody, DeletedEndpointBody, EndpointBody,
    EventPageBody, QueueBody, QueueStatusBody, RedeliveryBody,
};
pub(crate) use webhook_request::{
    CALLBACKS, EndpointWishes, EventResendRequest, NamedReceiver, RecoverRequest, RecoverySpan,
    SecretRequest, TestRequest, WebhookRequest,
};

use serde::Deserialize;

use super::error::{ErrorCode, Problem};

/// Parses a body.
///
/// # Errors
/// [`ErrorCode::BodyInvalid`] with the first fault's line and column.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    // The parser's own message ends with line and column, and quotes nothing but field names and
    // the kind of what it found; a number or string found in the wrong place is cut out below.
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "The body ends early",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
                "The body is not JSON"
            }
            serde_json::error::Category::Data => "The body is not of the documented form",
        };
        let message = error.to_string();
        // Duplicate fields are told by name, because names are no secret; a value might be a card
        // number in the wrong place, and is not repeated.
        let which = message
            .strip_prefix("duplicate field `")
            .and_then(|rest| rest.split_once('`'))
            .map(|(field, _rest)| format!(": `{field}` is given twice"))
            .unwrap_or_default();
        Problem::new(
            ErrorCode::BodyInvalid,
            format!("{what}{which} (line {}, column {}).", error.line(), error.column()),
        )
    })
}
