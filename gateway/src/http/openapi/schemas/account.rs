//! The books: accounts, balances and postings.

use utoipa::ToSchema;

use super::{
    payment::ListObject,
    values::{
        Currency, MajorAmount, MerchantId, PaymentId, ProviderId, SignedAmount, Time, TransactionId,
    },
};

/// Accounts, all on one page.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct AccountList {
    object: ListObject,
    data: Vec<Account>,
    has_more: bool,
    url: String,
}

/// What was ever debited and credited to an account, in one mode and one currency.
#[derive(ToSchema)]
struct Account {
    /// Always `account`.
    object: String,
    account: AccountKind,
    /// Whose it is; `null` for the gateway's own, and where all merchants are taken together.
    #[schema(required = true)]
    merchant_id: Option<MerchantId>,
    #[schema(required = true)]
    provider: Option<ProviderId>,
    currency: Currency,
    normal_side: Side,
    debits: SignedAmount,
    debits_minor: i64,
    credits: SignedAmount,
    credits_minor: i64,
    /// What stands on it, positive on its normal side.
    balance: SignedAmount,
    balance_minor: i64,
    livemode: bool,
}

/// What the gateway owes a merchant, by currency, as of now. There is no settlement yet: nothing is
/// paid out, and nothing has to settle before it is available.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Balances {
    /// Always `balance`.
    object: String,
    livemode: bool,
    balances: Vec<Balance>,
}

#[derive(ToSchema)]
struct Balance {
    currency: Currency,
    /// What was captured, less fees, less what was refunded, reversed or lost, and less what is
    /// pending. Below zero the merchant owes the gateway.
    available: SignedAmount,
    available_minor: i64,
    /// What is set aside: it goes to the customer, or becomes available again.
    pending: SignedAmount,
    pending_minor: i64,
    /// The part of it that is set aside for refunds without an outcome.
    refunds_pending_minor: i64,
    /// The part of it that is held back while cardholders contest.
    disputes_held_minor: i64,
}

/// Postings in the order of their booking, all on one page.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct EntryList {
    object: ListObject,
    data: Vec<LedgerPosting>,
    has_more: bool,
    url: String,
}

/// One amount from one account to another. It is never changed.
#[derive(ToSchema)]
struct LedgerPosting {
    /// Always `ledger_entry`.
    object: String,
    payment_id: PaymentId,
    transaction_id: TransactionId,
    /// What moved, such as `capture` or `refund_succeeded`.
    r#type: String,
    debit: AccountName,
    credit: AccountName,
    amount: MajorAmount,
    #[schema(minimum = 1)]
    amount_minor: i64,
    currency: Currency,
    livemode: bool,
    created_at: Time,
}

#[derive(ToSchema)]
struct AccountName {
    account: AccountKind,
    #[schema(required = true)]
    merchant_id: Option<MerchantId>,
    #[schema(required = true)]
    provider: Option<ProviderId>,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum AccountKind {
    ProviderReceivable,
    Bank,
    MerchantPayable,
    RefundsPending,
    DisputesHeld,
    Fees,
    Exceptions,
}

/// The side on which an account grows.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum Side {
    Debit,
    Credit,
}
