//! Providers, on either surface.

use utoipa::ToSchema;

use super::payment::{ListObject, PaymentMethod};

/// Who moves the money.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Provider {
    /// Its name, as payments show it.
    #[schema(examples("simulator"))]
    id: String,
    object: ProviderObject,
    status: ProviderStatus,
    modes: Vec<Mode>,
    payment_methods: Vec<PaymentMethod>,
    capabilities: Capabilities,
}

/// All providers.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ProviderList {
    object: ListObject,
    data: Vec<Provider>,
    has_more: bool,
    url: String,
}

/// All providers, as clients of the older API are shown them.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ClassicProvidersAnswer {
    /// Always true.
    success: bool,
    data: Vec<ClassicProvider>,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProviderObject {
    Provider,
}

/// Whether new payments go there.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProviderStatus {
    Active,
    Inactive,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    Test,
    Live,
}

#[derive(ToSchema)]
struct Capabilities {
    /// How long after an attempt began "no such attempt" is no proof yet.
    #[schema(minimum = 0)]
    inquiry_horizon_ms: i64,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicProvider {
    #[serde(rename = "providerID")]
    provider_id: String,
    status: ProviderStatus,
    modes: Vec<Mode>,
    payment_methods: Vec<PaymentMethod>,
    capabilities: ClassicCapabilities,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClassicCapabilities {
    #[schema(minimum = 0)]
    inquiry_horizon_ms: i64,
}
