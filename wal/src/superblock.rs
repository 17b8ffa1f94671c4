//! What a log says of itself: its format, its geometry, its incarnation and how that ended.
//!
//! ```text
//!  offset  size  field (integers are little-endian)
//!       0     8  magic             FF "TGWAL" 00 FE
//!       8     2  format version    1
//!      10     2  streams           fixed at creation
//!      12     4  epoch             of the last open
//!      16     8  created           milliseconds since 1970, tells one log from another
//!      24     4  flags             bit 0: closed, see [`Ending`]
//!      28     4  CRC32C            over all bytes before it
//! ```
//!
//! The file is replaced whole, at every open and at a clean close, by rename: never half written.

use crate::{error::SuperblockFault, frame::field};

/// What is fixed when a log is created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Number of streams, at least 1.
    pub streams: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Superblock {
    pub(crate) geometry: Geometry,
    pub(crate) epoch: u32,
    pub(crate) created: u64,
    pub(crate) ending: Ending,
}

/// How the last life of the log ended, as far as its copies can be trusted.
///
/// A sync that failed can leave pages marked clean that never reached the disk. They read as
/// they should until the machine restarts, and no later sync finds anything to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// It was closed after its last sync had succeeded.
    Closed,
    /// It goes on, or was killed, or failed: its last sync may not have been true.
    Open,
}

const MAGIC: [u8; 8] = *b"\xFFTGWAL\0\xFE";
const VERSION: u16 = 1;
const CLOSED: u32 = 1;
const SIZE: usize = 32;
const BODY: usize = SIZE - 4;

impl Superblock {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, SuperblockFault> {
        // The version comes first: another one may have another length and checksum.
        let head = bytes.first_chunk::<10>().ok_or(SuperblockFault::Damaged)?;
        if head[..8] != MAGIC {
            return Err(SuperblockFault::Damaged);
        }
        let version = u16::from_le_bytes(field(head, 8));
        let sum_holds = bytes.len() == SIZE
            && crc32c::crc32c(&bytes[..BODY]) == u32::from_le_bytes(field(bytes, BODY));
        if version != VERSION {
            return Err(SuperblockFault::Version(version));
        }
        if !sum_holds {
            return Err(SuperblockFault::Damaged);
        }
        let ending = match u32::from_le_bytes(field(bytes, 24)) {
            0 => Ending::Open,
            CLOSED => Ending::Closed,
            _ => return Err(SuperblockFault::Damaged),
        };
        Ok(Self {
            geometry: Geometry { streams: u16::from_le_bytes(field(bytes, 10)) },
            epoch: u32::from_le_bytes(field(bytes, 12)),
            created: u64::from_le_bytes(field(bytes, 16)),
            ending,
        })
    }

    pub(crate) fn to_bytes(self) -> [u8; SIZE] {
        let flags = match self.ending {
            Ending::Open => 0,
            Ending::Closed => CLOSED,
        };
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.geometry.streams.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.created.to_le_bytes());
        bytes[24..28].copy_from_slice(&flags.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..BODY]);
        bytes[BODY..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Refuses a geometry other than the stored one; `None` takes what is there.
    pub(crate) fn agree(&self, asked: Option<Geometry>) -> Result<(), SuperblockFault> {
        let stored = self.geometry;
        match asked {
            Some(asked) if asked != stored => {
                Err(SuperblockFault::Streams { stored: stored.streams, asked: asked.streams })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Superblock = Superblock {
        geometry: Geometry { streams: 0x0102 },
        epoch: 0x0304_0506,
        created: 7,
        ending: Ending::Closed,
    };

    #[test]
    fn golden_bytes() {
        let mut golden = vec![0xFF, b'T', b'G', b'W', b'A', b'L', 0, 0xFE, 1, 0, 2, 1];
        golden.extend([6, 5, 4, 3, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        golden.extend(GOLDEN_SUM);
        assert_eq!(SAMPLE.to_bytes().to_vec(), golden);
        assert_eq!(Superblock::parse(&golden), Ok(SAMPLE));
        let open = Superblock { ending: Ending::Open, ..SAMPLE };
        assert_eq!(open.to_bytes()[24..28], [0; 4]);
        assert_eq!(Superblock::parse(&open.to_bytes()), Ok(open));
    }

    /// CRC32C of the golden bytes, worked out apart from this code.
    const GOLDEN_SUM: [u8; 4] = [0x7F, 0xEE, 0xBF, 0x24];

    #[test]
    fn every_flipped_bit_is_seen() {
        let bytes = SAMPLE.to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            Superblock::parse(&bytes).unwrap_err();
        }
        for cut in 0..bytes.len() {
            Superblock::parse(&bytes[..cut]).unwrap_err();
        }
    }

    #[test]
    fn unknown_flags_are_damage() {
        let mut bytes = SAMPLE.to_bytes();
        bytes[24] = 2;
        let sum = crc32c::crc32c(&bytes[..BODY]);
        bytes[BODY..].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Superblock::parse(&bytes), Err(SuperblockFault::Damaged));
    }

    #[test]
    fn another_version_is_named_and_another_geometry_refused() {
        let mut bytes = SAMPLE.to_bytes();
        bytes[8] = 2;
        assert_eq!(Superblock::parse(&bytes), Err(SuperblockFault::Version(2)));
        let asked = Some(Geometry { streams: 3 });
        let fault = SuperblockFault::Streams { stored: 0x0102, asked: 3 };
        assert_eq!(SAMPLE.agree(asked), Err(fault));
        assert_eq!(SAMPLE.agree(None), Ok(()));
    }
}
