//! What makes frames one log: each group follows the one before it, by number and by hash.
//!
//! ```text
//!  group n            group n+1
//!  ┌───────┬───────┐  ┌─────────────┐
//!  │ FIRST │  LAST │  │ FIRST, LAST │   hash(n) = SHA-256(hash(n-1) ‖ every frame byte of n)
//!  │ prev  │  prev │  │    prev     │   prev of every frame in n = hash(n-1)
//!  └───────┴───────┘  └─────────────┘   hash(0) = 32 zero bytes
//! ```
//!
//! Invariant: frame sequences and group numbers rise by one, epochs never fall, and all frames
//! of one group share epoch and previous hash.
//!
//! Pure: bytes in, groups out. Where bytes come from, and what is done about damage, is
//! `recovery.rs`.

use sha2::{Digest, Sha256};

use crate::frame::{Frame, FrameFault, Header};

/// The end of the chain: what the next group must say of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tip {
    /// Lowest epoch the next frame may carry.
    pub(crate) epoch: u32,
    /// Sequence of the next frame.
    pub(crate) sequence: u64,
    /// Number of the next group.
    pub(crate) group: u64,
    /// Hash of the last group.
    pub(crate) hash: [u8; 32],
}

impl Tip {
    pub(crate) const GENESIS: Self = Self { epoch: 0, sequence: 1, group: 1, hash: [0; 32] };

    /// Whether an intact frame can belong to the group that comes next, at any place in it.
    pub(crate) fn admits(&self, header: &Header) -> bool {
        header.sequence >= self.sequence
            && header.group == self.group
            && header.epoch >= self.epoch
            && header.previous == self.hash
    }

    /// The tip after a group of `frames` frames, stored as `bytes`.
    pub(crate) fn after(&self, epoch: u32, frames: usize, bytes: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.hash);
        hash.update(bytes);
        Self {
            epoch,
            sequence: self.sequence + frames as u64,
            group: self.group + 1,
            hash: hash.finalize().into(),
        }
    }
}

/// A whole group at the head of some bytes.
pub(crate) struct GroupRef<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) next: Tip,
}

/// Reads the group that follows `tip` at the start of `bytes`, and leaves its frames in `frames`.
///
/// `Ok(None)` says that the bytes are at their end.
pub(crate) fn next_group<'a>(
    tip: &Tip,
    bytes: &'a [u8],
    frames: &mut Vec<Frame<'a>>,
) -> Result<Option<GroupRef<'a>>, FrameFault> {
    frames.clear();
    let mut at = 0;
    loop {
        if at == bytes.len() {
            return if at == 0 { Ok(None) } else { Err(FrameFault::Incomplete) };
        }
        let frame = Frame::parse(&bytes[at..])?;
        let header = &frame.header;
        let first = frames.first().map_or(header, |first| &first.header);
        let follows = tip.admits(header)
            && header.sequence == tip.sequence + frames.len() as u64
            && header.first == frames.is_empty()
            && header.epoch == first.epoch;
        if !follows {
            return Err(FrameFault::Chain);
        }
        at += frame.bytes.len();
        frames.push(frame);
        if frame.header.last {
            let bytes = &bytes[..at];
            let next = tip.after(frame.header.epoch, frames.len(), bytes);
            return Ok(Some(GroupRef { bytes, next }));
        }
    }
}
