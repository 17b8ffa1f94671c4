//! A digest of a state, to compare replay with life.

use std::{fmt, hash::Hasher};

use sha2::{Digest, Sha256};

/// SHA-256 over a state's parts in a fixed order.
///
/// Comparable between runs of the same build: it follows the order of fields and variants.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateHash([u8; 32]);

/// Feeds `#[derive(Hash)]` into SHA-256, all integers as little-endian bytes.
pub(crate) struct StateHasher(Sha256);

impl StateHash {
    pub(crate) fn of(feed: impl FnOnce(&mut StateHasher)) -> Self {
        let mut hasher = StateHasher(Sha256::new());
        feed(&mut hasher);
        Self(hasher.0.finalize().into())
    }

    /// The digest.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Takes what [`StateHash::to_bytes`] gave.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

macro_rules! write_little_endian {
    ($($method:ident($integer:ty);)*) => {
        $(fn $method(&mut self, value: $integer) {
            self.write(&value.to_le_bytes());
        })*
    };
}

impl Hasher for StateHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    write_little_endian! {
        write_u16(u16); write_u32(u32); write_u64(u64); write_u128(u128); write_usize(usize);
        write_i16(i16); write_i32(i32); write_i64(i64); write_i128(i128); write_isize(isize);
    }

    /// Not here: [`StateHash::of`] takes the whole digest instead.
    fn finish(&self) -> u64 {
        unreachable!("the digest is taken whole")
    }
}
