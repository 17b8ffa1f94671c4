//! The key store's file: a page that says what it is, then slots, back to back.
//!
//! ```text
//!       0   8  "TGKEYSTO"          a copy of the head at 0, another at 512
//!       8   4  format, 1, little-endian
//!      12   4  how many slots are durable at the least, little-endian
//!      16  16  the store's id
//!      32  32  a digest of the id under `digest.key`
//!      64   4  CRC32C of bytes 0..64, little-endian
//!    4096      slots, 128 bytes each; see slot.rs
//! ```
//!
//! Slots are appended in batches and written in place. The head's count runs after them: it is
//! written with the next sync that is needed anyhow, to one copy at a time.
//!
//! Healed at opening: slots that were appended and not whole, and writes that were cut short. Both
//! are from before a sync, so nobody was told of them. Anything else that is not what was written is
//! damage.
//!
//! Invariant: whoever reads a slot here may rely on it, because opening ends with a sync.

use std::{
    fs::{File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    error::{Damage, OpenError},
    slot::{Decoded, SLOT_LENGTH, Slot},
};
use crate::secrets::{KeyStoreSecrets, write_secret_file};

const MAGIC: &[u8; 8] = b"TGKEYSTO";
const FORMAT: u32 = 1;

/// What the head says, without its check.
const HEAD_LENGTH: usize = 64;

/// The copies of the head: in different sectors, so that no write can spoil both.
const COPIES: [usize; 2] = [0, 512];

/// Where the slots begin: past a page, so that none of them crosses a sector.
const SLOTS_AT: usize = 4_096;

/// How many slots are read at once: 128 KiB, where a system call no longer shows.
const CHUNK: usize = 1_024;

/// Tells a key store from any other.
pub(super) type StoreId = [u8; 16];

/// What is done with a key that is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DamagedKeys {
    /// The store is not opened.
    Refuse,
    /// The key is erased, and with it what was sealed under it.
    Erase,
}

/// The file, open and locked.
#[derive(Debug)]
pub(super) struct KeyFile {
    file: File,
    path: PathBuf,
    head: Head,
    /// Slots in the file.
    slots: u32,
    /// Of those, how many have been synced.
    synced: u32,
    /// Which copy of the head is written next.
    next_copy: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    durable: u32,
    id: StoreId,
    check: [u8; 32],
}

impl KeyFile {
    /// Makes an empty store, whole or not at all.
    pub(super) fn create(
        path: &Path,
        id: StoreId,
        secrets: &KeyStoreSecrets,
    ) -> Result<(), OpenError> {
        let head = Head { durable: 0, id, check: secrets.key_store_check(&id) }.encode();
        let mut page = vec![0; SLOTS_AT];
        for copy in COPIES {
            page[copy..copy + head.len()].copy_from_slice(&head);
        }
        Ok(write_secret_file(path, &page)?)
    }

    /// Opens the store, heals it, and shows every slot to `visit`, in order.
    pub(super) fn open(
        path: &Path,
        secrets: &KeyStoreSecrets,
        damaged_keys: DamagedKeys,
        mut visit: impl FnMut(u32, Slot) -> Result<(), Damage>,
    ) -> Result<Self, OpenError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(OpenError::io("open", path))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { path: path.to_owned() },
            TryLockError::Error(source) => OpenError::io("lock", path)(source),
        })?;
        // However it came here.
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(OpenError::io("protect", path))?;
        let length = file.metadata().map_err(OpenError::io("read", path))?.len();
        let head = read_head(&file, path, secrets)?;
        let in_file = length.saturating_sub(SLOTS_AT as u64) / SLOT_LENGTH as u64;
        let in_file = u32::try_from(in_file).unwrap_or(u32::MAX);
        if in_file < head.durable {
            let damage = Damage::Short { found: in_file, expected: head.durable };
            return Err(OpenError::Damaged { path: path.to_owned(), damage });
        }
        let mut this =
            Self { file, path: path.to_owned(), head, slots: in_file, synced: 0, next_copy: 0 };
        this.slots = this.read_slots(in_file, damaged_keys, &mut visit)?;
        this.settle(length).map_err(OpenError::io("heal", path))?;
        Ok(this)
    }

    /// Shows the slots that count to `visit`, heals them, and tells how many they are.
    fn read_slots(
        &self,
        in_file: u32,
        damaged_keys: DamagedKeys,
        visit: &mut impl FnMut(u32, Slot) -> Result<(), Damage>,
    ) -> Result<u32, OpenError> {
        let damaged =
            |number| OpenError::Damaged { path: self.path.clone(), damage: Damage::Key(number) };
        // A key is used only once it is durable: whatever stands before one that was used is so too.
        let mut settled = self.head.durable;
        self.read(self.head.durable, in_file, |number, image| {
            match Slot::decode(number, image).map(|read| read.slot) {
                Some(Slot::Assigned(..) | Slot::Erased) => settled = number + 1,
                Some(Slot::Ready(_)) | None => {}
            }
            Ok(())
        })?;
        let mut count = 0;
        let mut is_cut = false;
        self.read(0, in_file, |number, image| {
            let read = match Slot::decode(number, image) {
                _behind_the_cut if is_cut => return Ok(()),
                Some(read) => read,
                None if number >= settled => {
                    is_cut = true;
                    return Ok(());
                }
                None if damaged_keys == DamagedKeys::Refuse => return Err(damaged(number)),
                None => {
                    tracing::error!(key = number, "a damaged key is erased");
                    self.heal(number, &Slot::Erased)?;
                    Decoded { slot: Slot::Erased, is_torn: false }
                }
            };
            if read.is_torn {
                self.heal(number, &read.slot)?;
            }
            count = number + 1;
            visit(number, read.slot)
                .map_err(|damage| OpenError::Damaged { path: self.path.clone(), damage })
        })?;
        Ok(count)
    }

    fn heal(&self, number: u32, slot: &Slot) -> Result<(), OpenError> {
        self.write(number, slot).map_err(OpenError::io("heal", &self.path))
    }

    /// Cuts off what does not count, and makes durable what was read.
    fn settle(&mut self, length: u64) -> io::Result<()> {
        let end = offset(self.slots);
        if length != end {
            self.file.set_len(end)?;
        }
        self.file.sync_all()?;
        self.synced = self.slots;
        // Both copies: one of them may be the rest of a write that was cut short.
        for _copy in COPIES {
            self.head.durable = self.slots;
            self.write_head()?;
        }
        self.file.sync_data()
    }

    pub(super) fn id(&self) -> StoreId {
        self.head.id
    }

    /// How many slots there are; the next one gets this number.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// Appends slots; they count once [`KeyFile::sync`] has returned.
    ///
    /// # Errors
    /// Then none of them is there: the next ones take their place.
    pub(super) fn append(&mut self, slots: &[Slot]) -> io::Result<()> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(slots.len() * SLOT_LENGTH));
        let mut end = self.slots;
        for slot in slots {
            bytes.extend_from_slice(&*slot.encode(end));
            end = end.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        }
        if let Err(error) = self.file.write_all_at(&bytes, offset(self.slots)) {
            // Where this fails too, the slots lie past the count and are never read.
            let _cut = self.file.set_len(offset(self.slots));
            return Err(error);
        }
        self.slots = end;
        Ok(())
    }

    /// Writes a slot in its place.
    pub(super) fn write(&self, number: u32, slot: &Slot) -> io::Result<()> {
        self.file.write_all_at(&*slot.encode(number), offset(number))
    }

    /// Makes durable all that was written. After an error nothing is known of the file any more, and
    /// a second attempt would lie.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.head.durable != self.synced {
            self.head.durable = self.synced;
            self.write_head()?;
        }
        self.file.sync_data()?;
        self.synced = self.slots;
        Ok(())
    }

    fn write_head(&mut self) -> io::Result<()> {
        let copy = COPIES[self.next_copy];
        self.next_copy = (self.next_copy + 1) % COPIES.len();
        self.file.write_all_at(&self.head.encode(), copy as u64)
    }

    fn read(
        &self,
        first: u32,
        end: u32,
        mut visit: impl FnMut(u32, &[u8; SLOT_LENGTH]) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        let mut buffer: Zeroizing<Vec<u8>> = Zeroizing::new(vec![0; CHUNK * SLOT_LENGTH]);
        let mut number = first;
        while number < end {
            let count = usize::try_from(end - number).unwrap_or(usize::MAX).min(CHUNK);
            let bytes = &mut buffer[..count * SLOT_LENGTH];
            self.file
                .read_exact_at(bytes, offset(number))
                .map_err(OpenError::io("read", &self.path))?;
            let (images, _rest) = bytes.as_chunks::<SLOT_LENGTH>();
            for image in images {
                visit(number, image)?;
                number += 1;
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn replace(&mut self, file: File) {
        self.file = file;
    }
}

impl Head {
    fn encode(&self) -> [u8; HEAD_LENGTH + 4] {
        let mut bytes = [0; HEAD_LENGTH + 4];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.durable.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.id);
        bytes[32..HEAD_LENGTH].copy_from_slice(&self.check);
        let check = crc32c::crc32c(&bytes[..HEAD_LENGTH]);
        bytes[HEAD_LENGTH..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let head = Self {
            durable: u32::from_le_bytes(*bytes.get(12..)?.first_chunk()?),
            id: *bytes.get(16..)?.first_chunk()?,
            check: *bytes.get(32..)?.first_chunk()?,
        };
        (bytes.get(..HEAD_LENGTH + 4)? == head.encode()).then_some(head)
    }
}

/// The head, from the copy that counts more slots.
fn read_head(file: &File, path: &Path, secrets: &KeyStoreSecrets) -> Result<Head, OpenError> {
    let mut page = vec![0; SLOTS_AT];
    let mut read = 0;
    while read < page.len() {
        match file.read_at(&mut page[read..], read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) => return Err(OpenError::io("read", path)(error)),
        }
    }
    let head = COPIES
        .into_iter()
        .filter_map(|copy| Head::decode(page.get(copy..read)?))
        .max_by_key(|head| head.durable)
        .ok_or_else(|| OpenError::Damaged { path: path.to_owned(), damage: Damage::Head })?;
    if head.check != secrets.key_store_check(&head.id) {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    Ok(head)
}

fn offset(slot: u32) -> u64 {
    SLOTS_AT as u64 + u64::from(slot) * SLOT_LENGTH as u64
}

#[cfg(test)]
mod tests;
