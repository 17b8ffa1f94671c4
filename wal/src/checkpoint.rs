//! A place between two segments: what the log has come to there, and enough to read on from it.
//!
//! ```text
//!  offset  size  field (integers are little-endian)
//!       0     4  epoch             lowest that the next frame may carry
//!       4     8  sequence          of the next frame, which names its segment
//!      12     8  group             of the next frame
//!      20    32  hash              of the last group before
//!      52     2  streams
//!      54     …  positions         the last record of each stream, u64 each
//! ```
//!
//! Invariant: what is read on from a checkpoint continues the very log that it was made of, or is
//! refused: hash and numbers of the next group have to fit.
//!
//! Not here: what the records before it come to. Whoever keeps a checkpoint keeps that beside it.

use crate::{chain::Tip, frame::field, group::Positions};

/// Everything before one segment of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    pub(crate) tip: Tip,
    pub(crate) positions: Positions,
}

const HEAD: usize = 54;

impl Checkpoint {
    /// Before the first record.
    pub fn genesis(streams: u16) -> Self {
        Self { tip: Tip::GENESIS, positions: Positions::new(streams) }
    }

    /// Sequence of the frame that comes next.
    pub fn frame(&self) -> u64 {
        self.tip.sequence
    }

    /// The last record of every stream; 0 for one without records.
    pub fn positions(&self) -> &[u64] {
        self.positions.as_slice()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let positions = self.positions.as_slice();
        let streams = u16::try_from(positions.len()).expect("a geometry counts streams in 16 bits");
        let mut bytes = Vec::with_capacity(HEAD + 8 * positions.len());
        bytes.extend(self.tip.epoch.to_le_bytes());
        bytes.extend(self.tip.sequence.to_le_bytes());
        bytes.extend(self.tip.group.to_le_bytes());
        bytes.extend(self.tip.hash);
        bytes.extend(streams.to_le_bytes());
        positions.iter().for_each(|position| bytes.extend(position.to_le_bytes()));
        bytes
    }

    /// `None` where these are no checkpoint's bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, positions) = bytes.split_first_chunk::<HEAD>()?;
        let tip = Tip {
            epoch: u32::from_le_bytes(field(head, 0)),
            sequence: u64::from_le_bytes(field(head, 4)),
            group: u64::from_le_bytes(field(head, 12)),
            hash: field(head, 20),
        };
        let streams = usize::from(u16::from_le_bytes(field(head, 52)));
        let (positions, rest) = positions.as_chunks::<8>();
        if positions.len() != streams || !rest.is_empty() {
            return None;
        }
        let positions = positions.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        Some(Self { tip, positions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_cut_ones_do_not() {
        let tip = Tip { epoch: 3, sequence: 70, group: 9, hash: [7; 32] };
        let checkpoint = Checkpoint { tip, positions: [4, 0, 6].into_iter().collect() };
        let bytes = checkpoint.to_bytes();
        assert_eq!(Checkpoint::parse(&bytes), Some(checkpoint));
        for length in 0..bytes.len() {
            assert_eq!(Checkpoint::parse(&bytes[..length]), None, "of {length} bytes");
        }
        assert_eq!(Checkpoint::parse(&[bytes, vec![0]].concat()), None);
    }
}
