//! Requests for payments.
//!
//! Each field is named once here, by its first name. What else the parser calls it, and which names
//! the classic surface documents, is added by `other_names.rs` from the parser's own list.

use utoipa::ToSchema;

use super::values::{
    Currency, ExpiryMonth, ExpiryYear, IdempotencyKey, MerchantId, Metadata, WrittenAmount,
};

/// A payment to create. Exactly one of `amount`, `amount_minor` and `amount_paisa` is given. The
/// method's own fields stand in the object of its name, or beside it, or in `payment_details`, each
/// of them once. `null` and the empty text count as absent.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct PaymentRequest {
    amount: Option<WrittenAmount>,
    /// The amount in minor units, such as cents.
    #[schema(minimum = 1)]
    amount_minor: Option<i64>,
    /// The amount in paisa, for INR alone.
    #[schema(minimum = 1)]
    amount_paisa: Option<i64>,
    currency: Currency,
    payment_method: MethodRequest,
    card: Option<CardRequest>,
    upi: Option<UpiRequest>,
    netbanking: Option<NetBankingRequest>,
    wallet: Option<WalletRequest>,
    /// The same as `vpa` in `upi`.
    vpa: Option<String>,
    /// The same as `bank` in `netbanking`.
    bank: Option<String>,
    /// The same as `provider` in `wallet`.
    provider: Option<String>,
    /// The same as `wallet_id` in `wallet`.
    #[schema(max_length = 64)]
    wallet_id: Option<String>,
    payment_details: Option<PaymentDetails>,
    customer: Option<CustomerRequest>,
    /// An older name of the `id` in `customer`.
    #[schema(max_length = 64)]
    user_id: Option<String>,
    /// The key's own merchant; any other is refused.
    merchant_id: Option<MerchantId>,
    billing_address: Option<AddressRequest>,
    /// The merchant's own name of the order, or the id of one of ours, which the payment then pays.
    #[schema(max_length = 64, examples("order_456"))]
    order_id: Option<String>,
    /// What the payment is for.
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// Where the merchant wants to be told: an `http` or `https` address without user and password.
    #[schema(format = "uri", max_length = 2048)]
    callback_url: Option<String>,
    /// Where the customer goes once he has acted: an `https` address; in test mode, it may be one of
    /// `http` on `localhost` or `127.0.0.1`.
    #[schema(format = "uri", max_length = 2048, examples("https://shop.example/thanks"))]
    return_url: Option<String>,
    /// The instalments that the customer pays his issuer in; for credit cards alone.
    emi: Option<EmiRequest>,
    metadata: Option<Metadata>,
    device: Option<DeviceRequest>,
    capture: Option<Capture>,
    /// The same as the header `Idempotency-Key`; where both are given they are alike.
    #[serde(rename = "idempotencyKey")]
    idempotency_key: Option<IdempotencyKey>,
}

/// How the customer pays: the method's name, or an object of older clients with the instrument in it.
#[derive(ToSchema)]
#[serde(untagged)]
enum MethodRequest {
    Name(MethodName),
    Object(MethodObject),
}

/// The method's name beside the fields of its instrument.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct MethodObject {
    r#type: MethodName,
}

/// How the customer pays. Capitals make no difference.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum MethodName {
    Card,
    CreditCard,
    DebitCard,
    Upi,
    #[serde(rename = "netbanking")]
    NetBanking,
    Wallet,
}

/// Whether funds are taken at once or by an operation of their own. Only payments by card have the
/// choice.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(default = "automatic")]
enum Capture {
    Automatic,
    Manual,
}

/// A card.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct CardRequest {
    /// 13 to 19 digits with a correct check digit, and nothing between them.
    #[schema(pattern = "^[0-9]{13,19}$", examples("4111111111111111"))]
    number: String,
    expiry_month: ExpiryMonth,
    expiry_year: ExpiryYear,
    /// The security code; it is given to the provider and kept nowhere.
    #[schema(pattern = "^([0-9]{3,4})?$", examples("123"))]
    cvv: Option<String>,
    #[schema(max_length = 128)]
    holder_name: Option<String>,
}

/// A payer by UPI.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct UpiRequest {
    /// The UPI address, `name@handle`.
    #[schema(
        pattern = "^[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}$",
        examples("success@sim")
    )]
    vpa: String,
}

/// A payer by net banking.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct NetBankingRequest {
    /// The bank's code: the first four letters of its IFSC, or a short name that is in use.
    #[schema(examples("HDFC"))]
    bank: String,
}

/// A wallet.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct WalletRequest {
    /// Whose wallet it is; capitals, spaces, `-` and `_` make no difference.
    #[schema(examples("paytm"))]
    provider: String,
    /// The customer's name at the wallet, without spaces.
    #[schema(min_length = 1, max_length = 64, examples("9876543210"))]
    wallet_id: String,
}

/// The older place of any method's fields.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct PaymentDetails {
    /// As in `card`.
    #[schema(pattern = "^([0-9]{13,19})?$")]
    number: Option<String>,
    expiry_month: Option<ExpiryMonth>,
    expiry_year: Option<ExpiryYear>,
    /// As in `card`.
    #[schema(pattern = "^([0-9]{3,4})?$")]
    cvv: Option<String>,
    #[schema(max_length = 128)]
    holder_name: Option<String>,
    /// As in `upi`.
    vpa: Option<String>,
    /// As in `netbanking`.
    bank: Option<String>,
    /// As in `wallet`.
    provider: Option<String>,
    /// As in `wallet`.
    #[schema(max_length = 64)]
    wallet_id: Option<String>,
}

/// Who pays.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct CustomerRequest {
    /// The merchant's own name of the customer.
    #[schema(max_length = 64, examples("your-own-customer-7"))]
    id: Option<String>,
    #[schema(format = "email", max_length = 254, examples("customer@example.com"))]
    email: Option<String>,
    /// E.164: a plus sign, and 7 to 15 digits.
    #[schema(pattern = "^(\\+[1-9][0-9]{6,14})?$", examples("+919876543210"))]
    phone: Option<String>,
}

/// Where the card's statements go.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct AddressRequest {
    #[schema(max_length = 256)]
    street: Option<String>,
    #[schema(max_length = 256)]
    city: Option<String>,
    #[schema(max_length = 256)]
    state: Option<String>,
    #[schema(max_length = 64)]
    zip_code: Option<String>,
    /// ISO 3166-1 alpha-2, in upper case.
    #[schema(pattern = "^([A-Z]{2})?$", examples("IN"))]
    country: Option<String>,
}

/// What the customer pays with, technically.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct DeviceRequest {
    #[schema(max_length = 1024)]
    fingerprint: Option<String>,
    /// An address of IP version 4 or 6.
    #[schema(examples("203.0.113.7"))]
    ip: Option<String>,
    #[schema(max_length = 1024)]
    user_agent: Option<String>,
}

/// Instalments, as `GET /api/v1/payment-methods` offers them.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct EmiRequest {
    /// 3, 6, 9, 12, 18 or 24.
    #[schema(minimum = 3, maximum = 24, examples(6))]
    months: i32,
    /// Whether the merchant bears the interest.
    #[schema(default = false)]
    no_cost: Option<bool>,
}

/// Several payments at once. Each is answered as it would be alone, and none hides another.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::openapi) struct BatchRequest {
    #[schema(min_items = 1, max_items = 500)]
    payments: Vec<PaymentRequest>,
}

/// A payment as a form. Names in brackets nest, as in `card[number]`; any field of the JSON request
/// can be written so. The fields of the instrument may also stand flat.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicPaymentForm {
    /// In major units.
    #[schema(pattern = "^[0-9]+(\\.[0-9]+)?$", examples("100.00"))]
    amount: String,
    currency: Currency,
    payment_method: MethodName,
    #[serde(rename = "cardNumber")]
    card_number: Option<String>,
    #[serde(rename = "expiryMonth")]
    expiry_month: Option<String>,
    #[serde(rename = "expiryYear")]
    expiry_year: Option<String>,
    cvv: Option<String>,
    #[serde(rename = "holderName")]
    holder_name: Option<String>,
    vpa: Option<String>,
    bank: Option<String>,
    #[serde(rename = "wallet_id")]
    wallet_id: Option<String>,
    #[schema(max_length = 64)]
    order_id: Option<String>,
    #[schema(max_length = 1000)]
    description: Option<String>,
}
