//! A merchant as its registration's answer shows it.

use serde::Serialize;
use tollgate_domain::{Merchant, MerchantId};

use super::{id_text::IdText, time::Rfc3339};

/// A new merchant with its first keys, to be serialized.
#[derive(Serialize)]
pub(crate) struct MerchantBody<'m> {
    id: IdText<MerchantId>,
    object: &'static str,
    name: &'m str,
    /// Not kept: there is no sealed storage for it yet.
    email: Option<&'m str>,
    api_keys: KeysBody<'m>,
    created_at: Rfc3339,
}

#[derive(Serialize)]
struct KeysBody<'m> {
    secret_test: &'m str,
    secret_live: &'m str,
}

impl<'m> MerchantBody<'m> {
    /// The merchant with the texts of its keys, which are shown this once.
    pub(crate) fn new(merchant: &'m Merchant, secret_test: &'m str, secret_live: &'m str) -> Self {
        Self {
            id: IdText(merchant.id),
            object: "merchant",
            name: &merchant.name,
            email: None,
            api_keys: KeysBody { secret_test, secret_live },
            created_at: Rfc3339(merchant.created_at),
        }
    }
}
