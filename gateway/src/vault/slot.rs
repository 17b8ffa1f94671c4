//! A key's place in the key store: 128 bytes, which never cross a sector.
//!
//! ```text
//!    0   4  "TGKS"
//!    4   1  format, 1
//!    5   1  state: 'R' ready, 'A' assigned, 'X' erased
//!    6   2  zero
//!    8  16  the key's id
//!   24  32  the seed, from which the key is derived
//!   56   4  CRC32C of the slot's number and bytes 8..56, little-endian
//!   60  16  the owner; zero while ready
//!   76   4  CRC32C of the slot's number, the state and the owner, little-endian
//!   80  48  zero
//! ```
//!
//! An erased slot is zero from byte 6 on. The state stands before what it is about, and any two of
//! its values differ in two bits at least: a write that is cut short, or one bit that flips, never
//! makes one state of another.
//!
//! Invariant: [`Slot::decode`] takes every beginning of an assignment over a ready slot for ready,
//! and every beginning of an erasure that got as far as the state for erased. Anything else that is
//! not whole is damage.

use tollgate_domain::SealKeyId;
use zeroize::Zeroizing;

/// Of a slot, in bytes.
pub(super) const SLOT_LENGTH: usize = 128;

const MAGIC: &[u8; 4] = b"TGKS";
const FORMAT: u8 = 1;

const STATE: usize = 5;
const ID: usize = 8;
const SEED: usize = 24;
const KEY_CHECK: usize = 56;
const OWNER: usize = 60;
const OWNER_CHECK: usize = 76;
const PADDING: usize = 80;

const READY: u8 = b'R';
const ASSIGNED: u8 = b'A';
const ERASED: u8 = b'X';

/// Where a key comes from: as many bytes as the key has.
pub(super) type Seed = Zeroizing<[u8; 32]>;

/// A slot as bytes, wiped when dropped.
pub(super) type SlotImage = Zeroizing<[u8; SLOT_LENGTH]>;

/// Who has a key, as a keyed digest: the key store names nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct OwnerTag(pub(super) [u8; 16]);

/// A key's name and origin.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct StoredKey {
    pub(super) id: SealKeyId,
    pub(super) seed: Seed,
}

/// What a slot holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Slot {
    /// A key that nobody has.
    Ready(StoredKey),
    /// A key with its owner.
    Assigned(StoredKey, OwnerTag),
    /// Nothing any more.
    Erased,
}

/// A slot as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Decoded {
    pub(super) slot: Slot,
    /// Whether its last write was cut short, so that it has to be written again.
    pub(super) is_torn: bool,
}

impl Slot {
    /// The bytes of the slot with this number.
    pub(super) fn encode(&self, number: u32) -> SlotImage {
        let mut image = Zeroizing::new([0; SLOT_LENGTH]);
        image[..4].copy_from_slice(MAGIC);
        image[4] = FORMAT;
        let (state, key, owner) = match self {
            Self::Ready(key) => (READY, key, OwnerTag([0; 16])),
            Self::Assigned(key, owner) => (ASSIGNED, key, *owner),
            Self::Erased => {
                image[STATE] = ERASED;
                return image;
            }
        };
        image[STATE] = state;
        image[ID..SEED].copy_from_slice(&key.id.0);
        image[SEED..KEY_CHECK].copy_from_slice(&*key.seed);
        let check = key_check(number, &image);
        image[KEY_CHECK..OWNER].copy_from_slice(&check);
        image[OWNER..OWNER_CHECK].copy_from_slice(&owner.0);
        image[OWNER_CHECK..PADDING].copy_from_slice(&owner_check(number, state, owner));
        image
    }

    /// Reads the slot with this number; `None` where it is damaged.
    pub(super) fn decode(number: u32, image: &[u8; SLOT_LENGTH]) -> Option<Decoded> {
        if image[..4] != *MAGIC || image[4] != FORMAT {
            return None;
        }
        if image[STATE] == ERASED {
            let is_torn = *image != *Self::Erased.encode(number);
            return Some(Decoded { slot: Self::Erased, is_torn });
        }
        let is_padded = image[6..ID].iter().chain(&image[PADDING..]).all(|byte| *byte == 0);
        if !is_padded || image[KEY_CHECK..OWNER] != key_check(number, image) {
            return None;
        }
        let key = StoredKey {
            id: SealKeyId(array(&image[ID..SEED])),
            seed: Zeroizing::new(array(&image[SEED..KEY_CHECK])),
        };
        let owner = OwnerTag(array(&image[OWNER..OWNER_CHECK]));
        let found = &image[OWNER_CHECK..PADDING];
        let whole = |slot| Some(Decoded { slot, is_torn: false });
        match image[STATE] {
            READY if owner.0 == [0; 16] && found == owner_check(number, READY, owner) => {
                whole(Self::Ready(key))
            }
            ASSIGNED if found == owner_check(number, ASSIGNED, owner) => {
                whole(Self::Assigned(key, owner))
            }
            ASSIGNED if is_begun_assignment(number, owner, found) => {
                Some(Decoded { slot: Self::Ready(key), is_torn: true })
            }
            _damaged => None,
        }
    }
}

/// Whether an assignment was begun over a ready slot and cut short after its state: from some byte
/// on, everything is as in the ready slot. Nobody was ever told of such an assignment.
fn is_begun_assignment(number: u32, owner: OwnerTag, check: &[u8]) -> bool {
    let before = owner_check(number, READY, OwnerTag([0; 16]));
    let after = owner_check(number, ASSIGNED, owner);
    (0..4).any(|cut| check[..cut] == after[..cut] && check[cut..] == before[cut..])
}

fn key_check(number: u32, image: &[u8; SLOT_LENGTH]) -> [u8; 4] {
    let check = crc32c::crc32c(&number.to_le_bytes());
    crc32c::crc32c_append(check, &image[ID..KEY_CHECK]).to_le_bytes()
}

fn owner_check(number: u32, state: u8, owner: OwnerTag) -> [u8; 4] {
    let check = crc32c::crc32c(&number.to_le_bytes());
    let check = crc32c::crc32c_append(check, &[state]);
    crc32c::crc32c_append(check, &owner.0).to_le_bytes()
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("the slice has the field's length")
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "StoredKey({:02x?}, redacted)", self.id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> StoredKey {
        StoredKey { id: SealKeyId([0x11; 16]), seed: Zeroizing::new([0x22; 32]) }
    }

    const OWNER_OF_IT: OwnerTag = OwnerTag(*b"0123456789abcdef");

    fn slots() -> [Slot; 3] {
        [Slot::Ready(key()), Slot::Assigned(key(), OWNER_OF_IT), Slot::Erased]
    }

    #[test]
    fn what_is_written_is_read() {
        for slot in slots() {
            let read = Slot::decode(7, &slot.encode(7)).unwrap();
            assert_eq!(read, Decoded { slot, is_torn: false });
        }
        // In another place it is not the same slot.
        assert_eq!(Slot::decode(8, &slots()[1].encode(7)), None);
    }

    #[test]
    fn the_bytes_of_an_assigned_slot() {
        let image = Slot::Assigned(key(), OWNER_OF_IT).encode(7);
        let text: String = image.iter().map(|byte| format!("{byte:02x}")).collect();
        let golden = [
            "54474b5301410000",
            "11111111111111111111111111111111",
            "2222222222222222222222222222222222222222222222222222222222222222",
            "228e147a",
            "30313233343536373839616263646566",
            "3e7e5f0c",
            &"00".repeat(48),
        ];
        assert_eq!(text, golden.concat());
    }

    /// One bit that flips is noticed, and never turns a key over to somebody else.
    #[test]
    fn a_flipped_bit_is_damage() {
        for slot in slots() {
            let whole = slot.encode(7);
            for bit in 0..SLOT_LENGTH * 8 {
                let mut image = whole.clone();
                image[bit / 8] ^= 1 << (bit % 8);
                match Slot::decode(7, &image) {
                    None => {}
                    // An erased slot stays erased; what is odd about it is written over.
                    Some(read) => {
                        assert_eq!(
                            (&slot, read.slot, read.is_torn),
                            (&Slot::Erased, Slot::Erased, true)
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_write_that_is_cut_short_has_happened_or_not() {
        let steps = [
            (Slot::Ready(key()), Slot::Assigned(key(), OWNER_OF_IT)),
            (Slot::Assigned(key(), OWNER_OF_IT), Slot::Erased),
        ];
        for (before, after) in steps {
            let (old, new) = (before.encode(7), after.encode(7));
            for cut in 0..=SLOT_LENGTH {
                let mut image = old.clone();
                image[..cut].copy_from_slice(&new[..cut]);
                let read = Slot::decode(7, &image).unwrap_or_else(|| panic!("{cut} of {after:?}"));
                assert!(read.slot == before || read.slot == after, "{cut}: {read:?}");
                assert_eq!(read.is_torn, *image != *read.slot.encode(7), "{cut}");
            }
        }
    }
}
