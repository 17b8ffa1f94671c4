//! Payment methods, as they are offered.

use utoipa::ToSchema;

use super::{
    payment::{CardBrand, ListObject, PaymentMethod},
    values::{Currency, MajorAmount},
};

/// A method that is offered; what is not to be chosen of it is `null`.
#[derive(ToSchema)]
struct OfferedMethod {
    method: PaymentMethod,
    object: PaymentMethodObject,
    /// ISO 4217 codes, or `*` alone for all.
    currencies: Vec<String>,
    /// ISO 3166-1 alpha-2 codes, or `*` alone for all.
    countries: Vec<String>,
    /// Of net banking, by their codes.
    #[schema(required = true)]
    banks: Option<Vec<String>>,
    #[schema(required = true)]
    wallets: Option<Vec<String>>,
    /// The card networks that are known by name; others are taken as well.
    #[schema(required = true)]
    brands: Option<Vec<CardBrand>>,
    /// The instalments that are offered, for credit cards alone.
    #[schema(required = true)]
    emi: Option<EmiOffer>,
}

/// The methods that serve what is asked for.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct PaymentMethodList {
    object: ListObject,
    data: Vec<OfferedMethod>,
    has_more: bool,
    url: String,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum PaymentMethodObject {
    PaymentMethod,
}

/// The instalments that are offered.
#[derive(ToSchema)]
struct EmiOffer {
    plans: Vec<EmiOfferPlan>,
    /// From which amounts on; in no other currency.
    minimums: Vec<EmiMinimum>,
    /// By cards of these networks.
    brands: Vec<CardBrand>,
}

/// A number of months, and what it costs.
#[derive(ToSchema)]
struct EmiOfferPlan {
    #[schema(minimum = 3, maximum = 24)]
    months: i32,
    /// The issuer's interest a year, in per cent.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2}$", examples("14.00"))]
    annual_rate: String,
    /// Whether the merchant may bear the interest.
    no_cost: bool,
}

/// The least amount in a currency.
#[derive(ToSchema)]
struct EmiMinimum {
    currency: Currency,
    amount: MajorAmount,
    amount_minor: i64,
}
