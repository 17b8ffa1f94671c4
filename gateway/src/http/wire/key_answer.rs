//! A key as answers show it.

use serde::Serialize;
use tollgate_domain::{
    ApiKey, ApiKeyId, ApiKeyKind, KeyOwner, KeyStanding, KeyTail, MerchantId, Mode, Scope,
    Timestamp,
};

use super::{id_text::IdText, time::Rfc3339};

/// A key, to be serialized. What it does not have is `null`.
#[derive(Serialize)]
pub(crate) struct KeyBody<'k> {
    id: IdText<ApiKeyId>,
    object: &'static str,
    kind: &'static str,
    merchant_id: Option<IdText<MerchantId>>,
    mode: Option<&'static str>,
    livemode: Option<bool>,
    name: Option<&'k str>,
    scopes: Vec<&'static str>,
    last4: Option<&'k str>,
    status: &'static str,
    replaced_by: Option<IdText<ApiKeyId>>,
    created_at: Rfc3339,
    expires_at: Option<Rfc3339>,
    revoked_at: Option<Rfc3339>,
    /// Its text, which is shown once: in the answer to its issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'k str>,
}

impl<'k> KeyBody<'k> {
    /// The key as it is at `now`.
    pub(crate) fn new(key: &'k ApiKey, now: Timestamp) -> Self {
        let mode = key.kind.mode();
        Self {
            id: IdText(key.id),
            object: "api_key",
            kind: match key.kind {
                ApiKeyKind::Secret { .. } => "secret",
                ApiKeyKind::Publishable { .. } => "publishable",
                ApiKeyKind::Operator => "operator",
            },
            merchant_id: match key.owner() {
                KeyOwner::Merchant(merchant) => Some(IdText(merchant)),
                KeyOwner::Operators => None,
            },
            mode: mode.map(|mode| match mode {
                Mode::Test => "test",
                Mode::Live => "live",
            }),
            livemode: mode.map(|mode| mode == Mode::Live),
            name: key.name.as_deref(),
            scopes: key.allowed().map(Scope::as_str).collect(),
            last4: key.tail.as_ref().map(KeyTail::as_str),
            status: match key.standing(now) {
                KeyStanding::Usable => "active",
                KeyStanding::Expired => "expired",
                KeyStanding::Revoked => "revoked",
            },
            replaced_by: key.successor.map(IdText),
            created_at: Rfc3339(key.created_at),
            expires_at: key.expires_at.map(Rfc3339),
            revoked_at: key.revoked_at.map(Rfc3339),
            key: None,
        }
    }

    /// The key with its text.
    pub(crate) fn with_text(key: &'k ApiKey, now: Timestamp, text: &'k str) -> Self {
        Self { key: Some(text), ..Self::new(key, now) }
    }
}
