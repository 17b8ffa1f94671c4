//! The frame: the unit both copies of the log store, at most 4 KiB.
//!
//! ```text
//!  offset  size  field (integers are little-endian)
//!       0     4  magic             FF 54 4C FE
//!       4     2  format version    1
//!       6     2  flags             bit 0: first of its group, bit 1: last of its group
//!       8     4  epoch             incarnation of the log that wrote it
//!      12     8  sequence          of the frame, from 1, one chain for the whole log
//!      20     8  group             of the group, from 1
//!      28     2  count             records that start in this frame
//!      30     2  length            of the payload, 1 to 4028
//!      32    32  previous hash     of the group before this one
//!      64     n  payload
//!    64+n     4  CRC32C            over all bytes before it
//! ```
//!
//! A frame vouches for itself by its checksum only. Whether it belongs where it stands is the
//! chain's to say (`chain.rs`).

/// Largest frame. sled keeps a value of this size inside its page; larger ones can be moved to
/// files of their own, which sled never syncs.
pub(crate) const MAX_FRAME: usize = 4096;
pub(crate) const HEADER: usize = 64;
pub(crate) const TRAILER: usize = 4;
pub(crate) const MAX_PAYLOAD: usize = MAX_FRAME - HEADER - TRAILER;

/// `FF` and `FE` occur in no UTF-8 text: a string that a client chose cannot be mistaken for the
/// start of a frame when a damaged journal is searched for the next one.
const MAGIC: [u8; 4] = [0xFF, b'T', b'L', 0xFE];
const VERSION: u16 = 1;
const FIRST: u16 = 1;
const LAST: u16 = 2;

/// What the header says, apart from its constants and the payload's length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) epoch: u32,
    pub(crate) sequence: u64,
    pub(crate) group: u64,
    pub(crate) count: u16,
    pub(crate) previous: [u8; 32],
}

/// A frame whose checksum holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) header: Header,
    /// The whole frame as stored.
    pub(crate) bytes: &'a [u8],
}

/// Why bytes are not a frame, or not the frame that belongs there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameFault {
    /// The bytes end before the frame does.
    #[error("the frame is cut short")]
    Short,
    /// The bytes do not begin with the frame's magic number.
    #[error("no frame begins here")]
    Magic,
    /// The format version, the flags or the length has no meaning.
    #[error("the header is invalid")]
    Header,
    /// The checksum does not match.
    #[error("the checksum does not match")]
    Checksum,
    /// An intact frame that does not follow the one before it: sequence, group, epoch or hash.
    #[error("the frame does not follow the one before it")]
    Chain,
    /// The bytes end inside a group.
    #[error("the group is incomplete")]
    Incomplete,
}

impl<'a> Frame<'a> {
    /// Reads the frame that begins where `bytes` begins.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, FrameFault> {
        let header = bytes.first_chunk::<HEADER>().ok_or(FrameFault::Short)?;
        if header[..4] != MAGIC {
            return Err(FrameFault::Magic);
        }
        let flags = u16::from_le_bytes(field(header, 6));
        let length = usize::from(u16::from_le_bytes(field(header, 30)));
        if u16::from_le_bytes(field(header, 4)) != VERSION
            || flags & !(FIRST | LAST) != 0
            || !(1..=MAX_PAYLOAD).contains(&length)
        {
            return Err(FrameFault::Header);
        }
        let end = HEADER + length;
        let sum = bytes.get(end..end + TRAILER).ok_or(FrameFault::Short)?;
        if crc32c::crc32c(&bytes[..end]).to_le_bytes() != *sum {
            return Err(FrameFault::Checksum);
        }
        Ok(Self {
            header: Header {
                first: flags & FIRST != 0,
                last: flags & LAST != 0,
                epoch: u32::from_le_bytes(field(header, 8)),
                sequence: u64::from_le_bytes(field(header, 12)),
                group: u64::from_le_bytes(field(header, 20)),
                count: u16::from_le_bytes(field(header, 28)),
                previous: field(header, 32),
            },
            bytes: &bytes[..end + TRAILER],
        })
    }

    pub(crate) fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER..self.bytes.len() - TRAILER]
    }
}

/// Finishes the frame that fills `buffer` from `start` on: a header's room, then the payload.
/// Writes the header and appends the checksum.
pub(crate) fn seal(buffer: &mut Vec<u8>, start: usize, header: &Header) {
    let length = u16::try_from(buffer.len() - start - HEADER).expect("a payload is below 64 KiB");
    let flags = if header.first { FIRST } else { 0 } | if header.last { LAST } else { 0 };
    let room = &mut buffer[start..start + HEADER];
    room[..4].copy_from_slice(&MAGIC);
    room[4..6].copy_from_slice(&VERSION.to_le_bytes());
    room[6..8].copy_from_slice(&flags.to_le_bytes());
    room[8..12].copy_from_slice(&header.epoch.to_le_bytes());
    room[12..20].copy_from_slice(&header.sequence.to_le_bytes());
    room[20..28].copy_from_slice(&header.group.to_le_bytes());
    room[28..30].copy_from_slice(&header.count.to_le_bytes());
    room[30..32].copy_from_slice(&length.to_le_bytes());
    room[32..64].copy_from_slice(&header.previous);
    let sum = crc32c::crc32c(&buffer[start..]);
    buffer.extend_from_slice(&sum.to_le_bytes());
}

/// Every intact frame in `bytes`, wherever it begins: damage in between is stepped over.
pub(crate) fn intact(bytes: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    intact_at(bytes).map(|(_at, frame)| frame)
}

/// The same, each with the place where it begins.
pub(crate) fn intact_at(bytes: &[u8]) -> impl Iterator<Item = (usize, Frame<'_>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &bytes[at..];
            match Frame::parse(rest) {
                Ok(frame) => {
                    let begins = at;
                    at += frame.bytes.len();
                    return Some((begins, frame));
                }
                Err(_) if rest.len() <= HEADER => return None,
                Err(_) => {
                    at += 1 + rest[1..].iter().position(|&byte| byte == MAGIC[0])?;
                }
            }
        }
    })
}

/// The `N` bytes at `at` of fixed-size `bytes`.
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has N bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            first: true,
            last: false,
            epoch: 0x0102_0304,
            sequence: 0x1112_1314_1516_1718,
            group: 0x2122_2324_2526_2728,
            count: 0x3132,
            previous: [0xAB; 32],
        }
    }

    fn sample(payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes.extend_from_slice(payload);
        seal(&mut bytes, 0, &header());
        bytes
    }

    #[test]
    fn golden_bytes() {
        let mut golden = vec![0xFF, 0x54, 0x4C, 0xFE, 1, 0, 1, 0];
        golden.extend([4, 3, 2, 1]);
        golden.extend([0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11]);
        golden.extend([0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21]);
        golden.extend([0x32, 0x31, 5, 0]);
        golden.extend([0xAB; 32]);
        golden.extend(b"hello");
        golden.extend(GOLDEN_SUM);
        assert_eq!(sample(b"hello"), golden);
    }

    /// CRC32C of the golden frame, worked out apart from this code.
    const GOLDEN_SUM: [u8; 4] = [0x1E, 0x8F, 0x96, 0xAF];

    #[test]
    fn round_trip_at_every_length() {
        for length in 1..=MAX_PAYLOAD {
            let bytes = sample(&vec![7; length]);
            assert!(bytes.len() <= MAX_FRAME);
            let frame = Frame::parse(&bytes).unwrap();
            assert_eq!(frame.header, header());
            assert_eq!(frame.payload().len(), length);
        }
        assert_eq!(Frame::parse(&sample(&[])).unwrap_err(), FrameFault::Header);
        assert_eq!(Frame::parse(&sample(&[0; MAX_PAYLOAD + 1])).unwrap_err(), FrameFault::Header);
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_seen() {
        let bytes = sample(b"some payload");
        for cut in 0..bytes.len() {
            assert!(Frame::parse(&bytes[..cut]).is_err());
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::parse(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn intact_frames_are_found_behind_damage() {
        let frame = sample(b"one");
        let mut bytes = vec![0xFF; 100];
        bytes.extend(&frame);
        bytes.extend(&frame);
        bytes.extend(&frame[..frame.len() - 1]);
        bytes.extend(&frame);
        bytes.extend(&frame[..HEADER + 1]);
        assert_eq!(intact(&bytes).count(), 3);
        assert_eq!(intact(&[]).count(), 0);
    }
}
