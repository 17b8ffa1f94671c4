//! Payments as version 1 answers them. Fields without a value are `null`, and always there.

use utoipa::ToSchema;

use super::{
    problem::Problem,
    values::{
        AttemptId, Currency, InstrumentDigest, MajorAmount, Metadata, PaymentId, Time,
        TransactionId,
    },
};

/// A payment.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Payment {
    id: PaymentId,
    object: PaymentObject,
    payment_id: PaymentId,
    status: PaymentStatus,
    amount: MajorAmount,
    amount_minor: i64,
    /// The amount in paisa, where the currency is INR.
    #[schema(required = true)]
    amount_paisa: Option<i64>,
    currency: Currency,
    amount_authorized: MajorAmount,
    amount_captured: MajorAmount,
    amount_refunded: MajorAmount,
    amount_disputed: MajorAmount,
    fees_minor: i64,
    #[schema(required = true)]
    fees_paisa: Option<i64>,
    payment_method: PaymentMethod,
    #[schema(required = true)]
    card: Option<Card>,
    #[schema(required = true)]
    upi: Option<Upi>,
    #[schema(required = true)]
    netbanking: Option<NetBanking>,
    #[schema(required = true)]
    wallet: Option<Wallet>,
    customer: Customer,
    #[schema(required = true)]
    order_id: Option<String>,
    /// The instalments that the customer pays his issuer in.
    #[schema(required = true)]
    emi: Option<Emi>,
    /// Where the customer goes once he has acted.
    #[schema(required = true)]
    return_url: Option<String>,
    transaction_id: TransactionId,
    /// The provider's name of the payment.
    #[schema(required = true)]
    external_txn_id: Option<String>,
    /// Who moves the money.
    #[schema(required = true)]
    provider: Option<String>,
    #[schema(required = true)]
    gateway_response: Option<GatewayResponse>,
    /// 0 is no sign of fraud.
    #[schema(required = true, minimum = 0, maximum = 100)]
    fraud_score: Option<i32>,
    #[schema(required = true)]
    decline_code: Option<DeclineCode>,
    #[schema(required = true)]
    failure_reason: Option<FailureReason>,
    #[schema(required = true)]
    next_action: Option<NextAction>,
    /// The link by which the customer pays in a UPI app.
    #[schema(required = true)]
    payment_url: Option<String>,
    /// The same link as a picture: a PNG in a data URI.
    #[schema(required = true)]
    qr_code: Option<String>,
    /// The tries, each at one provider, in their order.
    attempts: Vec<Attempt>,
    metadata: Metadata,
    /// Counts what happened to the payment.
    #[schema(minimum = 1)]
    sequence: i64,
    /// Whether real money moves.
    livemode: bool,
    created_at: Time,
    updated_at: Time,
    #[schema(required = true)]
    processed_at: Option<Time>,
    #[schema(required = true)]
    expires_at: Option<Time>,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum PaymentObject {
    Payment,
}

/// A page of payments.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct PaymentList {
    object: ListObject,
    data: Vec<Payment>,
    has_more: bool,
    url: String,
}

/// Everything that a payment has gone through.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Timeline {
    object: ListObject,
    data: Vec<PaymentEvent>,
    /// Always false: it is shown whole.
    has_more: bool,
    url: String,
}

#[derive(ToSchema)]
struct PaymentEvent {
    /// Always `payment_event`.
    object: String,
    /// Counts the payment's events from 1, without a gap.
    #[schema(minimum = 1)]
    sequence: i64,
    #[schema(examples("attempt_approved"))]
    r#type: String,
    created_at: Time,
    /// `merchant`, `review`, `cancellation`, `expiry` or `late_approval` for what is done to it;
    /// `call`, `inquiry`, `callback` or `operator` for what was learnt so; `schedule` for what
    /// happens because its time has come.
    #[schema(examples("merchant", "call"))]
    cause: String,
    record: RecordPlace,
    /// What else there is to tell; which members there are depends on the type.
    #[schema(value_type = Object)]
    data: String,
}

/// The record of the log that holds an event.
#[derive(ToSchema)]
struct RecordPlace {
    #[schema(minimum = 1)]
    shard: i32,
    /// Its place among the shard's records.
    #[schema(minimum = 1)]
    sequence: i64,
}

/// Where a payment stands.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PaymentStatus {
    Processing,
    RequiresAction,
    Review,
    Authorized,
    PartiallyCaptured,
    Completed,
    Failed,
    Voided,
    Reversed,
    Expired,
    Unknown,
}

/// How the customer pays.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PaymentMethod {
    Card,
    Upi,
    NetBanking,
    Wallet,
}

/// Why the issuer declined.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeclineCode {
    GenericDecline,
    InsufficientFunds,
    DoNotHonor,
    LostCard,
    StolenCard,
    ExpiredCard,
    IncorrectCvc,
    ProcessingError,
    Fraudulent,
    CardVelocityExceeded,
}

/// Why a payment failed.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FailureReason {
    Declined,
    ProviderUnavailable,
}

/// What is kept of a card: nothing that it could be charged by.
#[derive(ToSchema)]
pub(super) struct Card {
    #[schema(examples("visa"))]
    brand: CardBrand,
    #[schema(pattern = "^[0-9]{6}$", examples("411111"))]
    bin: String,
    #[schema(pattern = "^[0-9]{4}$", examples("1111"))]
    last4: String,
    #[schema(minimum = 1, maximum = 12)]
    expiry_month: i32,
    expiry_year: i32,
    fingerprint: InstrumentDigest,
    /// Whose money it spends, as far as its first digits tell.
    #[schema(required = true)]
    funding: Option<CardFunding>,
    /// Where its issuer is, as far as its first digits tell: ISO 3166-1 alpha-2.
    #[schema(required = true, pattern = "^[A-Z]{2}$", examples("IN"))]
    issuer_country: Option<String>,
}

/// Whose money a card spends: the issuer's, the holder's on an account, or the holder's on the card.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CardFunding {
    Credit,
    Debit,
    Prepaid,
}

/// Equated monthly instalments. The principals add up to `financed`, the amounts to `total`.
#[derive(ToSchema)]
pub(super) struct Emi {
    #[schema(minimum = 1)]
    months: i32,
    /// The issuer's interest a year, in per cent.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2}$", examples("14.00"))]
    annual_rate: String,
    /// Whether the merchant bears the interest, so that the customer pays the price alone.
    no_cost: bool,
    /// What the issuer lends: the price without the discount.
    financed: MajorAmount,
    /// What the merchant takes off the price to bear the interest.
    discount: MajorAmount,
    /// What each month but the last one pays.
    instalment: MajorAmount,
    total: MajorAmount,
    total_interest: MajorAmount,
    schedule: Vec<Instalment>,
}

/// One month's payment.
#[derive(ToSchema)]
pub(super) struct Instalment {
    /// Counts from 1.
    #[schema(minimum = 1)]
    number: i32,
    #[schema(format = "date", examples("2026-02-15"))]
    due_date: String,
    principal: MajorAmount,
    interest: MajorAmount,
    amount: MajorAmount,
}

#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CardBrand {
    Visa,
    Mastercard,
    Amex,
    Discover,
    Rupay,
    Diners,
    Jcb,
    UnionPay,
    Maestro,
    Unknown,
}

/// What is kept of a UPI address.
#[derive(ToSchema)]
pub(super) struct Upi {
    /// Kept only sealed; `null` where it is not kept or is erased.
    #[schema(required = true)]
    vpa: Option<String>,
    /// What stands behind the `@`.
    handle: String,
    fingerprint: InstrumentDigest,
}

/// A bank.
#[derive(ToSchema)]
pub(super) struct NetBanking {
    /// The bank's code.
    bank: String,
}

/// What is kept of a wallet.
#[derive(ToSchema)]
pub(super) struct Wallet {
    provider: String,
    /// Kept only sealed; `null` where it is not kept or is erased.
    #[schema(required = true)]
    wallet_id: Option<String>,
    fingerprint: InstrumentDigest,
}

/// Who pays. Personal data that is not kept or is erased is `null`.
#[derive(ToSchema)]
pub(super) struct Customer {
    #[schema(required = true)]
    id: Option<String>,
    #[schema(required = true)]
    email: Option<String>,
    #[schema(required = true)]
    phone: Option<String>,
}

/// What the provider gave for its books.
#[derive(ToSchema)]
pub(super) struct GatewayResponse {
    /// The retrieval reference number.
    rrn: String,
    approval_code: String,
}

/// What the customer has to do.
#[derive(ToSchema)]
pub(super) struct NextAction {
    r#type: NextActionKind,
    /// Where the customer is sent.
    url: String,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NextActionKind {
    RedirectToUrl,
    ApproveUpi,
}

/// One try at one provider.
#[derive(ToSchema)]
pub(super) struct Attempt {
    id: AttemptId,
    provider: String,
    status: AttemptStatus,
    created_at: Time,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AttemptStatus {
    Processing,
    Unknown,
    RequiresAction,
    Approved,
    Declined,
    NotSent,
    ApprovedLate,
}

/// What became of a batch: one answer each, in the order of the request.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Batch {
    object: ListObject,
    data: Vec<BatchItem>,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ListObject {
    List,
}

/// What became of one payment: either `payment` or `error` is there.
#[derive(ToSchema)]
struct BatchItem {
    /// Its place in the request, from 0 on.
    #[schema(minimum = 0, maximum = 499)]
    index: i32,
    /// The status that the payment alone would have been answered with.
    #[schema(minimum = 200, maximum = 599)]
    status: i32,
    /// There, and true, where the answer is that of an earlier request with the same key.
    #[schema(nullable = false)]
    idempotent_replayed: Option<bool>,
    #[schema(nullable = false)]
    payment: Option<Payment>,
    #[schema(nullable = false)]
    error: Option<Problem>,
}
