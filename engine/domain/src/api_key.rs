//! API keys: whose they are, what they may do and for how long. Of their texts only a digest and the
//! last four characters are known here.

mod asker;
mod authority;
mod scope;

pub use asker::Asker;
pub use authority::KeyAuthority;
pub use scope::{Scope, ScopeSet};

use crate::{
    id::{ApiKeyId, MerchantId, ShardId},
    merchant::Mode,
    timestamp::Timestamp,
};

/// SHA-256 of a key's text. The text holds 256 random bits, so that a plain hash cannot be
/// guessed back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiKeyHash(pub [u8; 32]);

/// The last four characters of a key's text, by which people tell their keys apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyTail([u8; 4]);

/// What may be kept of a key's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyImprint {
    /// Recognizes the text.
    pub hash: ApiKeyHash,
    /// Shows its end.
    pub tail: KeyTail,
}

/// A key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ApiKey {
    /// Names the key without disclosing it.
    pub id: ApiKeyId,
    /// Recognizes the key.
    pub hash: ApiKeyHash,
    /// The end of its text; keys of the first format have none.
    pub tail: Option<KeyTail>,
    /// Whose it is, and for what.
    pub kind: ApiKeyKind,
    /// What it may do, as far as its kind may do it at all.
    pub scopes: ScopeSet,
    /// What its owner calls it.
    pub name: Option<Box<str>>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// From when on it is of no use any more.
    pub expires_at: Option<Timestamp>,
    /// Since when it has been revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key that took its place by rotation, which may be forgotten by now.
    pub successor: Option<ApiKeyId>,
}

/// Whose a key is, and for what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ApiKeyKind {
    /// A merchant's, for its servers.
    Secret {
        /// Whose.
        merchant: MerchantId,
        /// In which world.
        mode: Mode,
    },
    /// A merchant's, for what its customers can read: a page of checkout.
    Publishable {
        /// Whose.
        merchant: MerchantId,
        /// In which world.
        mode: Mode,
    },
    /// An operator's.
    Operator,
}

/// Whose keys belong together: they are listed and counted as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum KeyOwner {
    /// Those who run the gateway.
    Operators,
    /// A merchant.
    Merchant(MerchantId),
}

/// Whether a key opens anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyStanding {
    /// It does.
    Usable,
    /// Its time is over.
    Expired,
    /// It was revoked; whether it has expired as well does not matter any more.
    Revoked,
}

impl KeyTail {
    /// Takes four characters; `None` where one of them is not visible ASCII.
    #[must_use]
    pub fn new(text: [u8; 4]) -> Option<Self> {
        text.iter().all(u8::is_ascii_graphic).then_some(Self(text))
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The characters, for stored records.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0
    }
}

impl ApiKey {
    /// The id of a key that is issued at `created_at`: its random part is the beginning of the
    /// digest, which tells nothing of the text.
    ///
    /// Invariant: never changes, for records of the first format hold no id.
    #[must_use]
    pub fn id_of(hash: &ApiKeyHash, created_at: Timestamp) -> ApiKeyId {
        let leading = hash.0.first_chunk().copied().unwrap_or_default();
        ApiKeyId::new(created_at, ShardId::CONTROL, u64::from_be_bytes(leading))
    }

    /// Whose it is.
    #[must_use]
    pub fn owner(&self) -> KeyOwner {
        self.kind.owner()
    }

    /// Whether it opens anything at `now`.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> KeyStanding {
        if self.revoked_at.is_some() {
            KeyStanding::Revoked
        } else if self.expires_at.is_some_and(|end| now >= end) {
            KeyStanding::Expired
        } else {
            KeyStanding::Usable
        }
    }

    /// Since when it opens nothing any more, if it does not at `now`.
    #[must_use]
    pub fn dead_since(&self, now: Timestamp) -> Option<Timestamp> {
        let expired_at = self.expires_at.filter(|end| now >= *end);
        match (self.revoked_at, expired_at) {
            (Some(revoked), Some(expired)) => Some(revoked.min(expired)),
            (revoked, expired) => revoked.or(expired),
        }
    }

    /// What it may do: its scopes, as far as its kind goes.
    pub fn allowed(&self) -> impl Iterator<Item = Scope> {
        self.scopes.within(self.kind)
    }
}

impl ApiKeyKind {
    /// Whose such a key is.
    #[must_use]
    pub fn owner(self) -> KeyOwner {
        match self {
            Self::Secret { merchant, mode: _ } | Self::Publishable { merchant, mode: _ } => {
                KeyOwner::Merchant(merchant)
            }
            Self::Operator => KeyOwner::Operators,
        }
    }

    /// Its world; an operator's keys are for both.
    #[must_use]
    pub fn mode(self) -> Option<Mode> {
        match self {
            Self::Secret { merchant: _, mode } | Self::Publishable { merchant: _, mode } => {
                Some(mode)
            }
            Self::Operator => None,
        }
    }
}
