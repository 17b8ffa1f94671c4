//! A merchant as answers show it.

use serde::Serialize;
use tollgate_domain::{Merchant, MerchantId};

use super::{id_text::IdText, time::Rfc3339};

/// A merchant, to be serialized.
#[derive(Serialize)]
pub(crate) struct MerchantBody<'m> {
    id: IdText<MerchantId>,
    object: &'static str,
    name: &'m str,
    email: Option<&'m str>,
    status: &'static str,
    suspended_at: Option<Rfc3339>,
    one_payment_per_order: bool,
    /// Only in the answer to its registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_keys: Option<KeysBody<'m>>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

/// What customers may know of a merchant, to be serialized.
#[derive(Serialize)]
pub(crate) struct PublicMerchantBody<'m> {
    id: IdText<MerchantId>,
    object: &'static str,
    name: &'m str,
}

#[derive(Serialize)]
struct KeysBody<'m> {
    secret_test: &'m str,
    secret_live: &'m str,
}

impl<'m> MerchantBody<'m> {
    /// The merchant.
    pub(crate) fn new(merchant: &'m Merchant) -> Self {
        Self {
            id: IdText(merchant.id),
            object: "merchant",
            name: &merchant.name,
            email: merchant.email.as_deref(),
            status: if merchant.suspended_at.is_some() { "suspended" } else { "active" },
            suspended_at: merchant.suspended_at.map(Rfc3339),
            one_payment_per_order: merchant.one_payment_per_order,
            api_keys: None,
            created_at: Rfc3339(merchant.created_at),
            updated_at: Rfc3339(merchant.updated_at),
        }
    }

    /// The merchant with the texts of its first keys, which are shown this once.
    pub(crate) fn with_keys(
        merchant: &'m Merchant,
        secret_test: &'m str,
        secret_live: &'m str,
    ) -> Self {
        let api_keys = Some(KeysBody { secret_test, secret_live });
        Self { api_keys, ..Self::new(merchant) }
    }
}

impl<'m> PublicMerchantBody<'m> {
    /// What is public of the merchant.
    pub(crate) fn new(merchant: &'m Merchant) -> Self {
        Self { id: IdText(merchant.id), object: "merchant", name: &merchant.name }
    }
}
