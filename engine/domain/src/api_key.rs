//! API keys, of which only the digest is known here.

use crate::{id::MerchantId, merchant::Mode, timestamp::Timestamp};

/// SHA-256 of a key's text. The text holds 256 random bits, so that a plain hash cannot be
/// guessed back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiKeyHash(pub [u8; 32]);

/// A merchant's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKey {
    /// Recognizes the key.
    pub hash: ApiKeyHash,
    /// Whose it is.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// When it was issued.
    pub created_at: Timestamp,
}
