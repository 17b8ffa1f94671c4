//! A part of a record that only the holder of its key can read.
//!
//! Personal data enters the log sealed or not at all: the log is immutable, and what was written
//! plainly could never be erased. Deleting the key erases what is sealed under it, in every copy.
//!
//! Not here: what is inside, and how it is sealed. To the domain these are bytes.

use std::fmt;

/// Names a key, which lies outside the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SealKeyId(pub [u8; 16]);

/// Sealed bytes and the name of their key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed {
    key: SealKeyId,
    bytes: Box<[u8]>,
}

impl Sealed {
    /// The most bytes that are taken, so that a record with every text at its longest stays below
    /// [`crate::codec::MAX_RECORD`]. A customer's name, address, contacts and device have some
    /// hundreds; at their longest, in letters of one byte, they need 3,700.
    pub const MAX_BYTES: usize = 4_096;

    /// Takes sealed bytes; `None` above [`Sealed::MAX_BYTES`].
    #[must_use]
    pub fn new(key: SealKeyId, bytes: impl Into<Box<[u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        (bytes.len() <= Self::MAX_BYTES).then_some(Self { key, bytes })
    }

    /// Under which key.
    #[must_use]
    pub fn key(&self) -> SealKeyId {
        self.key
    }

    /// The sealed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sealed({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_bounded_and_not_printed() {
        let key = SealKeyId([7; 16]);
        let longest = Sealed::new(key, vec![42; Sealed::MAX_BYTES]).unwrap();
        assert_eq!((longest.key(), longest.bytes().len()), (key, Sealed::MAX_BYTES));
        assert_eq!(format!("{longest:?}"), "Sealed(4096 bytes)");
        assert_eq!(Sealed::new(key, vec![42; Sealed::MAX_BYTES + 1]), None);
    }
}
