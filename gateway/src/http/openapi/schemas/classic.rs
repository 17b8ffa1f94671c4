//! Payments as the classic surface answers them: in an envelope, amounts as numbers.

use utoipa::ToSchema;

use super::{
    payment::{
        CardBrand, CardFunding, DeclineCode, FailureReason, NetBanking, NextAction, PaymentMethod,
        PaymentStatus, Upi,
    },
    values::{Currency, InstrumentDigest, Metadata, PaymentId, Time, TransactionId},
};

/// A payment that was created. A decline is a payment like any other: look at its status.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicCreatedAnswer {
    /// Always true.
    success: bool,
    data: ClassicCreated,
}

/// All of a payment.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicPaymentAnswer {
    /// Always true.
    success: bool,
    data: ClassicPayment,
}

/// A payment in short.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicStatusAnswer {
    /// Always true.
    success: bool,
    data: ClassicStatus,
}

/// The older answer to a payment; what comes after `fraudScore` is there only where it has a value.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicCreated {
    #[serde(rename = "paymentID")]
    payment_id: PaymentId,
    status: PaymentStatus,
    /// In major units.
    amount: f64,
    currency: Currency,
    #[serde(rename = "transactionID")]
    transaction_id: TransactionId,
    created_at: Time,
    #[schema(required = true)]
    provider: Option<String>,
    #[schema(required = true, minimum = 0, maximum = 1)]
    fraud_score: Option<f64>,
    #[schema(nullable = false)]
    decline_code: Option<DeclineCode>,
    #[schema(nullable = false)]
    failure_reason: Option<FailureReason>,
    #[schema(nullable = false)]
    next_action: Option<NextAction>,
    /// The link by which the customer pays in a UPI app.
    #[serde(rename = "paymentURL")]
    #[schema(nullable = false)]
    payment_url: Option<String>,
    /// The same link as a picture: a PNG in a data URI.
    #[schema(nullable = false)]
    qr_code: Option<String>,
    #[schema(nullable = false)]
    expires_at: Option<Time>,
}

/// All of a payment; fields without a value are `null`.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicPayment {
    #[serde(rename = "paymentID")]
    payment_id: PaymentId,
    status: PaymentStatus,
    /// In major units, as all amounts here.
    amount: f64,
    currency: Currency,
    #[serde(rename = "transactionID")]
    transaction_id: TransactionId,
    created_at: Time,
    #[schema(required = true)]
    provider: Option<String>,
    #[schema(required = true, minimum = 0, maximum = 1)]
    fraud_score: Option<f64>,
    amount_authorized: f64,
    amount_captured: f64,
    amount_refunded: f64,
    amount_disputed: f64,
    payment_method: PaymentMethod,
    #[schema(required = true)]
    card: Option<ClassicCard>,
    #[schema(required = true)]
    upi: Option<Upi>,
    #[schema(required = true)]
    netbanking: Option<NetBanking>,
    #[schema(required = true)]
    wallet: Option<ClassicWallet>,
    #[serde(rename = "customerID")]
    #[schema(required = true)]
    customer_id: Option<String>,
    #[serde(rename = "orderID")]
    #[schema(required = true)]
    order_id: Option<String>,
    /// The instalments that the customer pays his issuer in.
    #[schema(required = true)]
    emi: Option<ClassicEmi>,
    /// Where the customer goes once he has acted.
    #[serde(rename = "returnURL")]
    #[schema(required = true)]
    return_url: Option<String>,
    #[serde(rename = "externalTxnID")]
    #[schema(required = true)]
    external_txn_id: Option<String>,
    #[schema(required = true)]
    gateway_response: Option<ClassicGatewayResponse>,
    #[schema(required = true)]
    decline_code: Option<DeclineCode>,
    #[schema(required = true)]
    failure_reason: Option<FailureReason>,
    #[schema(required = true)]
    next_action: Option<NextAction>,
    #[serde(rename = "paymentURL")]
    #[schema(required = true)]
    payment_url: Option<String>,
    #[schema(required = true)]
    qr_code: Option<String>,
    metadata: Metadata,
    livemode: bool,
    updated_at: Time,
    #[schema(required = true)]
    processed_at: Option<Time>,
    #[schema(required = true)]
    expires_at: Option<Time>,
}

/// What is kept of a card.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicCard {
    brand: CardBrand,
    #[schema(pattern = "^[0-9]{6}$")]
    bin: String,
    #[schema(pattern = "^[0-9]{4}$")]
    last4: String,
    #[schema(minimum = 1, maximum = 12)]
    expiry_month: i32,
    expiry_year: i32,
    fingerprint: InstrumentDigest,
    /// Whose money it spends, as far as its first digits tell.
    #[schema(required = true)]
    funding: Option<CardFunding>,
    /// Where its issuer is, as far as its first digits tell: ISO 3166-1 alpha-2.
    #[schema(required = true, pattern = "^[A-Z]{2}$")]
    issuer_country: Option<String>,
}

/// Equated monthly instalments; amounts are in major units.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicEmi {
    #[schema(minimum = 1)]
    months: i32,
    /// The issuer's interest a year, in per cent.
    annual_rate: f64,
    no_cost: bool,
    financed: f64,
    discount: f64,
    instalment: f64,
    total: f64,
    total_interest: f64,
    schedule: Vec<ClassicInstalment>,
}

/// One month's payment.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicInstalment {
    #[schema(minimum = 1)]
    number: i32,
    #[schema(format = "date")]
    due_date: String,
    principal: f64,
    interest: f64,
    amount: f64,
}

/// What is kept of a wallet.
#[derive(ToSchema)]
struct ClassicWallet {
    provider: String,
    /// Kept only sealed; `null` where it is not kept or is erased.
    #[serde(rename = "walletID")]
    #[schema(required = true)]
    wallet_id: Option<String>,
    fingerprint: InstrumentDigest,
}

/// What the provider gave for its books.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicGatewayResponse {
    rrn: String,
    approval_code: String,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicStatus {
    #[serde(rename = "paymentID")]
    payment_id: PaymentId,
    status: PaymentStatus,
    #[serde(rename = "transactionID")]
    transaction_id: TransactionId,
    #[schema(nullable = false)]
    decline_code: Option<DeclineCode>,
    #[schema(nullable = false)]
    failure_reason: Option<FailureReason>,
    created_at: Time,
    updated_at: Time,
}
