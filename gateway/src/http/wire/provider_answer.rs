//! Providers as answers show them, on either surface.
//!
//! Not here: figures of how a provider has fared, which metrics have.

use serde::Serialize;
use tollgate_domain::Mode;

use crate::{provider::Provider, routing};

/// A provider, to be serialized.
#[derive(Serialize)]
pub(crate) struct ProviderBody {
    id: String,
    object: &'static str,
    status: &'static str,
    modes: Vec<&'static str>,
    payment_methods: &'static [&'static str],
    capabilities: CapabilitiesBody,
}

#[derive(Serialize)]
struct CapabilitiesBody {
    /// How long after an attempt began "no such attempt" is no proof yet.
    inquiry_horizon_ms: u64,
    /// Whether one authorization may be captured in several parts.
    multiple_captures: bool,
    /// Whether what is left can be let go after a partial capture.
    partial_void: bool,
    /// Whether less than what was captured can be refunded, in several parts.
    partial_refunds: bool,
    /// Whether a payment can be undone before settlement.
    reversal: bool,
}

/// Providers in the list form, to be serialized.
#[derive(Serialize)]
pub(crate) struct ProviderListBody {
    object: &'static str,
    data: Vec<ProviderBody>,
    has_more: bool,
    url: &'static str,
}

/// A provider as clients of the older API are shown it, to be serialized.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClassicProvider {
    #[serde(rename = "providerID")]
    provider_id: String,
    status: &'static str,
    modes: Vec<&'static str>,
    payment_methods: &'static [&'static str],
    capabilities: ClassicCapabilities,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClassicCapabilities {
    inquiry_horizon_ms: u64,
    multiple_captures: bool,
    partial_void: bool,
    partial_refunds: bool,
    reversal: bool,
}

impl ProviderBody {
    pub(crate) fn of(provider: &dyn Provider) -> Self {
        let id = provider.id();
        let capabilities = provider.capabilities();
        let modes: Vec<&'static str> = Mode::ALL
            .into_iter()
            .filter(|mode| routing::provider_for(*mode) == Some(id))
            .map(|mode| match mode {
                Mode::Test => "test",
                Mode::Live => "live",
            })
            .collect();
        Self {
            id: id.to_string(),
            object: "provider",
            // A provider that no payment is routed to is there for its older payments alone.
            status: if modes.is_empty() { "inactive" } else { "active" },
            modes,
            payment_methods: capabilities.methods,
            capabilities: CapabilitiesBody {
                inquiry_horizon_ms: capabilities.inquiry_horizon.0,
                multiple_captures: capabilities.multiple_captures,
                partial_void: capabilities.partial_void,
                partial_refunds: capabilities.partial_refunds,
                reversal: capabilities.reversal,
            },
        }
    }
}

impl ProviderBody {
    /// Its name, under which it is asked for.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl ProviderListBody {
    /// All there are: too few for pages.
    pub(crate) fn of(data: Vec<ProviderBody>, url: &'static str) -> Self {
        Self { object: "list", data, has_more: false, url }
    }
}

impl From<ProviderBody> for ClassicProvider {
    fn from(body: ProviderBody) -> Self {
        let ProviderBody { id, object: _, status, modes, payment_methods, capabilities } = body;
        let CapabilitiesBody {
            inquiry_horizon_ms,
            multiple_captures,
            partial_void,
            partial_refunds,
            reversal,
        } = capabilities;
        let capabilities = ClassicCapabilities {
            inquiry_horizon_ms,
            multiple_captures,
            partial_void,
            partial_refunds,
            reversal,
        };
        Self { provider_id: id, status, modes, payment_methods, capabilities }
    }
}
