use std::{fs, ops::Range};

use tempfile::TempDir;
use tollgate_domain::SealKeyId;

use super::*;
use crate::{
    secrets::Secrets,
    vault::slot::{OwnerTag, StoredKey},
};

const ID: StoreId = [9; 16];

/// A store in a directory of its own.
struct Stage {
    directory: TempDir,
    secrets: KeyStoreSecrets,
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(directory.path()).unwrap().key_store();
        let stage = Self { directory, secrets };
        KeyFile::create(&stage.path(), ID, &stage.secrets).unwrap();
        stage
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("keys/keys.store")
    }

    fn open(&self) -> Result<(KeyFile, Vec<Slot>), OpenError> {
        self.open_with(DamagedKeys::Refuse)
    }

    fn open_with(&self, damaged: DamagedKeys) -> Result<(KeyFile, Vec<Slot>), OpenError> {
        let mut slots = Vec::new();
        let file = KeyFile::open(&self.path(), &self.secrets, damaged, |number, slot| {
            assert_eq!(usize::try_from(number).unwrap(), slots.len());
            slots.push(slot);
            Ok(())
        })?;
        Ok((file, slots))
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// What an opening of these bytes gives, which a second opening has to give as well.
    fn open_bytes(&self, bytes: &[u8]) -> Result<Vec<Slot>, OpenError> {
        fs::write(self.path(), bytes).unwrap();
        let (file, slots) = self.open()?;
        drop(file);
        let again = loop {
            match self.open() {
                // Another test of this process starts a program: until that runs it holds what we held.
                Err(OpenError::InUse { .. }) => std::thread::yield_now(),
                opened => break opened.unwrap().1,
            }
        };
        assert_eq!(slots, again, "what was healed stays so");
        Ok(slots)
    }
}

fn key(name: u8) -> StoredKey {
    StoredKey { id: SealKeyId([name; 16]), seed: Zeroizing::new([name ^ 0xff; 32]) }
}

fn ready(names: Range<u8>) -> Vec<Slot> {
    names.map(|name| Slot::Ready(key(name))).collect()
}

fn assigned(name: u8) -> Slot {
    Slot::Assigned(key(name), OwnerTag([name; 16]))
}

/// A store with a key that was erased, one that somebody has, and two that nobody has.
fn used_store() -> (Stage, Vec<Slot>) {
    let stage = Stage::new();
    let (mut file, _none) = stage.open().unwrap();
    file.append(&ready(1..5)).unwrap();
    file.sync().unwrap();
    file.write(0, &assigned(1)).unwrap();
    file.write(1, &assigned(2)).unwrap();
    file.sync().unwrap();
    file.write(0, &Slot::Erased).unwrap();
    file.sync().unwrap();
    let slots = [vec![Slot::Erased, assigned(2)], ready(3..5)].concat();
    (stage, slots)
}

#[test]
fn what_is_written_is_there_at_the_next_opening() {
    let (stage, slots) = used_store();
    let (file, found) = stage.open().unwrap();
    assert_eq!((file.slots(), file.id(), found), (4, ID, slots));
    let path = stage.path();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn an_erased_key_is_in_the_file_no_more() {
    let (stage, _slots) = used_store();
    let bytes = stage.bytes();
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(holds(&*key(2).seed) && holds(&[2; 16]));
    assert!(!holds(&*key(1).seed) && !holds(&[1; 16]));
}

/// The power fails while a batch is written: any part of it may be there.
#[test]
fn a_batch_cut_at_any_byte_is_healed() {
    let (stage, before) = used_store();
    let old = stage.bytes();
    let (mut file, _slots) = stage.open().unwrap();
    file.append(&ready(5..8)).unwrap();
    drop(file);
    let new = stage.bytes();
    let after = [before.clone(), ready(5..8)].concat();
    for cut in old.len()..=new.len() {
        let found = stage.open_bytes(&new[..cut]).unwrap();
        assert!(found.len() >= before.len() && after.starts_with(&found), "{cut}");
        assert_eq!(found.len(), 4 + (cut - old.len()) / SLOT_LENGTH, "{cut}");
        assert_eq!(stage.bytes().len(), SLOTS_AT + found.len() * SLOT_LENGTH);
    }
    // Its length was written and its first slot was not.
    let mut holed = new.clone();
    holed[old.len()..old.len() + SLOT_LENGTH].fill(0);
    assert_eq!(stage.open_bytes(&holed).unwrap(), before);
}

/// The power fails while a slot is written in its place, or before that was synced.
#[test]
fn a_slot_cut_at_any_byte_was_written_or_not() {
    for (number, after) in [(2, assigned(3)), (1, Slot::Erased)] {
        let (stage, before) = used_store();
        let old = stage.bytes();
        let (file, _slots) = stage.open().unwrap();
        file.write(number, &after).unwrap();
        drop(file);
        let new = stage.bytes();
        let place = usize::try_from(offset(number)).unwrap();
        let mut written = before.clone();
        written[usize::try_from(number).unwrap()] = after;
        for cut in 0..=SLOT_LENGTH {
            let bytes = [&new[..place + cut], &old[place + cut..]].concat();
            let found = stage.open_bytes(&bytes).unwrap();
            assert!(found == before || found == written, "{cut}");
        }
        assert_eq!(stage.open_bytes(&new).unwrap(), written);
    }
}

/// The power fails while a copy of the head is written.
#[test]
fn a_head_cut_at_any_byte_costs_nothing() {
    let (stage, slots) = used_store();
    let whole = stage.bytes();
    let head = Head { durable: 2, id: ID, check: stage.secrets.key_store_check(&ID) }.encode();
    for copy in COPIES {
        for cut in 0..=head.len() {
            let mut bytes = whole.clone();
            bytes[copy..copy + cut].copy_from_slice(&head[..cut]);
            assert_eq!(stage.open_bytes(&bytes).unwrap(), slots, "{copy} {cut}");
        }
    }
}

/// A count behind the file, as a crash leaves it, loses nothing that was used.
#[test]
fn keys_past_the_count_are_found() {
    let (stage, slots) = used_store();
    let head = Head { durable: 0, id: ID, check: stage.secrets.key_store_check(&ID) }.encode();
    let mut bytes = stage.bytes();
    for copy in COPIES {
        bytes[copy..copy + head.len()].copy_from_slice(&head);
    }
    assert_eq!(stage.open_bytes(&bytes).unwrap(), slots);
    for copy in COPIES {
        bytes[copy..copy + head.len()].copy_from_slice(&head);
    }
    // Damage before a key that somebody has is damage, wherever the count stands.
    bytes[SLOTS_AT + 8] ^= 1;
    bytes[SLOTS_AT + 5] = b'R';
    let refused = stage.open_bytes(&bytes).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { damage: Damage::Key(0), .. }), "{refused}");
}

#[test]
fn a_flipped_bit_is_told_or_does_no_harm() {
    let (stage, slots) = used_store();
    let whole = stage.bytes();
    let heads = COPIES.into_iter().flat_map(|copy| copy..copy + HEAD_LENGTH + 4);
    let mut refused = 0;
    for byte in heads.chain(SLOTS_AT..whole.len()) {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        match stage.open_bytes(&bytes) {
            Ok(found) => assert_eq!(found, slots, "byte {byte}"),
            Err(OpenError::Damaged { damage: Damage::Key(number), .. }) => {
                refused += 1;
                assert_eq!(offset(number), (byte - byte % SLOT_LENGTH) as u64, "byte {byte}");
            }
            Err(other) => panic!("byte {byte}: {other}"),
        }
    }
    // Every byte of the three keys; and of the erased slot the first six, its name and state.
    assert_eq!(refused, 3 * SLOT_LENGTH + 6);
}

#[test]
fn a_damaged_key_is_given_up_where_that_is_asked_for() {
    let (stage, slots) = used_store();
    let mut bytes = stage.bytes();
    bytes[SLOTS_AT + SLOT_LENGTH + 30] ^= 0x10;
    let told = stage.open_bytes(&bytes).unwrap_err().to_string();
    assert!(told.contains("is damaged: key 1 is not what was written"), "{told}");
    assert_eq!(told.lines().count(), 1);
    let (_file, found) = stage.open_with(DamagedKeys::Erase).unwrap();
    let expected = [vec![Slot::Erased, Slot::Erased], slots[2..].to_vec()].concat();
    assert_eq!(found, expected);
    drop(_file);
    assert_eq!(stage.open().unwrap().1, expected);
}

#[test]
fn a_file_that_is_no_store_or_another_is_refused() {
    let (stage, _slots) = used_store();
    let whole = stage.bytes();
    let refused = |bytes: &[u8]| stage.open_bytes(bytes).unwrap_err();
    for length in [0, 7, 4_095, SLOTS_AT, SLOTS_AT + 4 * SLOT_LENGTH - 1] {
        let OpenError::Damaged { damage, .. } = refused(&whole[..length]) else {
            panic!("{length} bytes are enough")
        };
        let found = u32::try_from(length.saturating_sub(SLOTS_AT) / SLOT_LENGTH).unwrap();
        let short = Damage::Short { found, expected: 4 };
        assert_eq!(damage, if length < 68 { Damage::Head } else { short }, "{length}");
    }
    assert!(matches!(
        refused(&vec![7; whole.len()]),
        OpenError::Damaged { damage: Damage::Head, .. }
    ));
    fs::write(stage.path(), &whole).unwrap();
    let others = Stage::new().secrets;
    let foreign =
        KeyFile::open(&stage.path(), &others, DamagedKeys::Refuse, |_number, _slot| Ok(()));
    assert!(matches!(foreign.unwrap_err(), OpenError::Foreign { .. }));
}

#[test]
fn one_process_has_it_open() {
    let (stage, _slots) = used_store();
    let (_file, _slots) = stage.open().unwrap();
    assert!(matches!(stage.open().unwrap_err(), OpenError::InUse { .. }));
}
