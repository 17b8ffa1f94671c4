//! Providers, on either surface.

use utoipa::ToSchema;

use super::{
    payment::{ListObject, PaymentMethod},
    values::{AttemptId, ParkedCallbackId, PaymentId, ProviderId, Time},
};

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
    /// Whether one authorization may be captured in several parts.
    multiple_captures: bool,
    /// Whether what is left can be let go after a partial capture.
    partial_void: bool,
    /// Whether less than what was captured can be refunded, in several parts.
    partial_refunds: bool,
    /// Whether a payment can be undone as a whole before settlement.
    reversal: bool,
}

/// What a provider tells of its own accord: of an attempt, or of an operation on its funds.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ProviderCallback {
    /// Stable over retries.
    id: String,
    payment_id: PaymentId,
    attempt_id: Option<AttemptId>,
    operation_id: Option<String>,
    answer: CallbackAnswer,
    /// RFC 3339.
    created_at: String,
}

#[derive(ToSchema)]
struct CallbackAnswer {
    outcome: CallbackOutcome,
    /// With `approved` and `succeeded`.
    receipt: Option<CallbackProof>,
    /// With `declined`.
    code: Option<String>,
    /// With `failed`.
    reason: Option<String>,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum CallbackOutcome {
    Approved,
    Declined,
    Succeeded,
    Failed,
    Pending,
}

#[derive(ToSchema)]
struct CallbackProof {
    external_id: String,
    rrn: String,
    approval_code: String,
}

/// The callback is durable, and need not be sent again.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct CallbackReceipt {
    received: bool,
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
    multiple_captures: bool,
    partial_void: bool,
    partial_refunds: bool,
    reversal: bool,
}

/// A page of callbacks that wait.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ParkedCallbackList {
    object: ListObject,
    data: Vec<ParkedCallback>,
    has_more: bool,
    url: String,
}

/// A callback that is about nothing that is known, and waits for it.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ParkedCallback {
    id: ParkedCallbackId,
    object: ParkedCallbackObject,
    provider: ProviderId,
    /// The provider's own id of it.
    callback_id: String,
    payment_id: PaymentId,
    #[schema(required = true)]
    attempt_id: Option<AttemptId>,
    #[schema(required = true)]
    operation_id: Option<String>,
    /// What it says.
    outcome: CallbackOutcome,
    received_at: Time,
}

/// A callback that was let go.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct DismissedCallback {
    id: ParkedCallbackId,
    object: ParkedCallbackObject,
    /// Always true.
    deleted: bool,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum ParkedCallbackObject {
    ParkedCallback,
}
