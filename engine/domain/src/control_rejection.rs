//! The control shard's no: expected, typed, and without any trace in the log.

use crate::id::{ApiKeyId, MerchantId, WebhookEndpointId};

/// Why a command on merchants or keys is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ControlRejection {
    /// The key of the one who asks has expired since he began to ask.
    #[error("key {0}, which asks, has expired")]
    AskerExpired(ApiKeyId),
    /// The key of the one who asks was revoked since he began to ask.
    #[error("key {0}, which asks, is revoked")]
    AskerRevoked(ApiKeyId),
    /// There is no such merchant.
    #[error("no merchant {0}")]
    MerchantNotFound(MerchantId),
    /// There is no such key, or none that the one who asks has a say over.
    #[error("no key {0}")]
    ApiKeyNotFound(ApiKeyId),
    /// The key has expired, and can only be issued anew.
    #[error("key {0} has expired")]
    ApiKeyExpired(ApiKeyId),
    /// The key was revoked, and can only be issued anew.
    #[error("key {0} is revoked")]
    ApiKeyRevoked(ApiKeyId),
    /// Another key has taken the key's place already.
    #[error("key {key} is replaced by {successor}")]
    ApiKeyRotated {
        /// The key.
        key: ApiKeyId,
        /// The one in its place.
        successor: ApiKeyId,
    },
    /// The text is a key's already.
    #[error("the text is that of key {0}")]
    ApiKeyTaken(ApiKeyId),
    /// The owner has as many usable keys as there may be.
    #[error("too many keys")]
    TooManyApiKeys,
    /// The key would be of another world than the one who asks for it.
    #[error("key of the other mode")]
    OtherMode,
    /// The key might do more than the one who asks for it.
    #[error("scopes exceed those of the key that asks")]
    ScopesExceedAuthority,
    /// A key of that kind cannot have such a scope.
    #[error("scopes are not of the key's kind")]
    ScopesNotOfKind,
    /// The key could do nothing.
    #[error("no scopes")]
    NoScopes,
    /// The key would expire before it is issued.
    #[error("expiry lies in the past")]
    ExpiryPast,
    /// There is no such endpoint, or it is another merchant's or of the other mode.
    #[error("no endpoint {0}")]
    WebhookEndpointNotFound(WebhookEndpointId),
    /// The merchant has as many endpoints as there may be.
    #[error("too many endpoints")]
    TooManyWebhookEndpoints,
}
