//! The vault: personal data is sealed under its person's key before it enters a record.
//!
//! ```text
//!   request ─▶ PersonalData ─▶ sealed under the owner's key ─▶ PaymentIntent.personal ─▶ log
//!   answer  ◀─ OpenedData   ◀─ opened, or null once the key is erased ◀─────────────────┘
//!
//!   keys/keys.store          the keys, outside the log and in no backup of it
//!   secrets/key-store.id     that there is a key store, and which
//! ```
//!
//! The log is immutable, copied and kept, so nothing can be taken out of it. What has to be erased
//! stands in it sealed, and erasing the key erases it in every copy. A customer has one key for all
//! payments at a merchant in a mode; those who come without an id share one for each merchant and
//! day. Why it is so: `docs/adr/0013-sealed-personal-data.md`.
//!
//! Not here: card numbers and security codes, which are never kept, sealed or not.
//!
//! Invariant: a key in use is durable together with its owner. An erasure that was answered is too.

mod error;
mod key_file;
mod key_store;
mod personal_data;
mod sealing;
mod slot;

use std::path::{Path, PathBuf};

use metrics::Counter;
use tollgate_domain::{Payment, SealKeyId, Sealed, Timestamp};
use zeroize::Zeroizing;

pub(crate) use self::{
    error::{Error, OpenError},
    key_file::DamagedKeys,
    personal_data::{OpenedData, PersonalData, PersonalField},
    sealing::Realm,
};
use self::{
    key_file::{KeyFile, StoreId},
    key_store::{Awaited, BATCH, FEW, KeyStore, SealKey, Supply},
    slot::OwnerTag,
};
use crate::{
    metrics::VaultMetrics,
    secrets::{KeyStoreSecrets, read_secret_file, write_secret_file},
};

/// Seals and opens.
pub(crate) struct Vault {
    store: KeyStore,
    secrets: KeyStoreSecrets,
    unreadable: Counter,
}

/// Where and how the vault keeps its keys.
#[derive(Clone, Debug)]
pub(crate) struct VaultOptions {
    /// The directory of the keys, which is made where it is missing.
    pub(crate) directory: PathBuf,
    /// The data directory, whose payments are sealed.
    pub(crate) data_dir: PathBuf,
    pub(crate) damaged_keys: DamagedKeys,
}

/// Whose key something is sealed under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner<'c> {
    /// A customer, by the merchant's own id.
    Customer(&'c str),
    /// All who came without an id on the day of this time.
    GuestsAt(Timestamp),
}

/// Something sealed, or on its way: a customer's first payment waits for his key to be durable.
pub(crate) enum Sealing {
    Sealed(Sealed),
    Waiting(Waiting),
}

/// What waits for a new key.
pub(crate) struct Waiting {
    key: Awaited,
    realm: Realm,
    text: Zeroizing<Vec<u8>>,
}

/// The key store's file, in its directory.
const STORE: &str = "keys.store";

/// The file that says that there is a key store, below the data directory.
const MARKER: [&str; 2] = ["secrets", "key-store.id"];

const MILLIS_PER_DAY: u64 = 24 * 60 * 60 * 1_000;

impl Vault {
    /// Opens the key store, or makes one where there never was one.
    ///
    /// # Errors
    /// Where the file cannot be used, is damaged or belongs to other data, and where it is gone:
    /// without it, everybody whose data is sealed would silently count as erased.
    pub(crate) fn open(
        options: &VaultOptions,
        secrets: KeyStoreSecrets,
        metrics: VaultMetrics,
    ) -> Result<Self, OpenError> {
        Self::open_with(Supply { batch: BATCH, few: FEW }, options, secrets, metrics)
    }

    fn open_with(
        supply: Supply,
        options: &VaultOptions,
        secrets: KeyStoreSecrets,
        metrics: VaultMetrics,
    ) -> Result<Self, OpenError> {
        let path = options.directory.join(STORE);
        let marker = options.data_dir.join(MARKER[0]).join(MARKER[1]);
        let marked = read_marker(&marker)?;
        let exists = path.try_exists().map_err(OpenError::io("find", &path))?;
        if !exists {
            if marked.is_some() {
                return Err(OpenError::Missing { path, marker });
            }
            let mut id: StoreId = Default::default();
            getrandom::fill(&mut id).map_err(OpenError::Random)?;
            KeyFile::create(&path, id, &secrets)?;
        }
        let unreadable = metrics.unreadable.clone();
        let store = KeyStore::open(&path, secrets.clone(), options.damaged_keys, supply, metrics)?;
        match marked {
            None => write_secret_file(&marker, marker_text(store.id()).as_bytes())?,
            Some(text) if text == marker_text(store.id()) => {}
            Some(_other) => return Err(OpenError::Foreign { path }),
        }
        Ok(Self { store, secrets, unreadable })
    }

    /// Seals personal data under its owner's key.
    ///
    /// # Errors
    /// [`Error::Overloaded`] where a new key is needed and too many wait for theirs.
    pub(crate) fn seal(
        &self,
        realm: Realm,
        owner: Owner<'_>,
        data: &PersonalData<'_>,
    ) -> Result<Sealing, Error> {
        let tag = self.tag(realm, owner);
        if let Some(key) = self.store.of_owner(tag) {
            let write = |out: &mut Vec<u8>| data.encode_into(out);
            return seal_under(&key, realm, data.encoded_length(), write).map(Sealing::Sealed);
        }
        let mut text = Zeroizing::new(Vec::with_capacity(data.encoded_length()));
        data.encode_into(&mut text).ok_or(Error::TooLarge)?;
        Ok(Sealing::Waiting(Waiting { key: self.store.assign(tag)?, realm, text }))
    }

    /// What a payment knows of its person; `None` where it knows nothing, and once that is erased.
    pub(crate) fn open_payment(&self, payment: &Payment) -> Option<OpenedData> {
        let intent = payment.intent();
        let realm = Realm { merchant: intent.merchant, mode: intent.mode };
        self.open_sealed(realm, intent.personal.as_ref()?)
    }

    /// The same for what was sealed in that realm, wherever it is kept.
    pub(crate) fn open_sealed(&self, realm: Realm, sealed: &Sealed) -> Option<OpenedData> {
        let key = self.store.with_id(sealed.key())?;
        let opened = sealing::open(&key.key, realm, sealed.bytes()).and_then(OpenedData::decode);
        if opened.is_none() {
            // The key is there and does not fit: this is no erasure, but damage or a bug.
            self.unreadable.increment(1);
            tracing::error!(key = %KeyName(sealed.key()), "sealed data cannot be opened");
        }
        opened
    }

    /// Erases a customer: nothing that was sealed for him can be opened any more. Tells whether
    /// anything was.
    ///
    /// # Errors
    /// Where the key store cannot be written. Whether the customer is erased is then not known, and
    /// has to be asked for again.
    pub(crate) async fn erase(&self, realm: Realm, customer: &str) -> Result<bool, Error> {
        self.store.erase(self.tag(realm, Owner::Customer(customer))).await
    }

    /// Whether new customers can no longer be served, nor any be erased.
    pub(crate) fn has_failed(&self) -> bool {
        self.store.has_failed()
    }

    /// Lets the key store's file go. Blocks for a sync at the most.
    pub(crate) fn close(&self) {
        self.store.close();
    }

    fn tag(&self, realm: Realm, owner: Owner<'_>) -> OwnerTag {
        let Realm { merchant, mode } = realm;
        OwnerTag(match owner {
            Owner::Customer(id) => self.secrets.customer(merchant, mode, id),
            Owner::GuestsAt(time) => {
                self.secrets.guests(merchant, mode, time.as_millis() / MILLIS_PER_DAY)
            }
        })
    }
}

impl Waiting {
    /// Seals what waited, once the key is durable.
    pub(crate) async fn finish(self) -> Result<Sealed, Error> {
        let Self { key, realm, text } = self;
        let key = key.key().await?;
        seal_under(&key, realm, text.len(), |out| {
            out.extend_from_slice(&text);
            Some(())
        })
    }
}

fn seal_under(
    key: &SealKey,
    realm: Realm,
    length: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Option<()>,
) -> Result<Sealed, Error> {
    let bytes = sealing::seal(&key.key, realm, length, write)?;
    Sealed::new(key.id, bytes).ok_or(Error::TooLarge)
}

fn read_marker(marker: &Path) -> Result<Option<String>, OpenError> {
    let bytes = read_secret_file(marker)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn marker_text(id: StoreId) -> String {
    format!("{:032x}\n", u128::from_be_bytes(id))
}

struct KeyName(SealKeyId);

impl std::fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0.0))
    }
}

#[cfg(test)]
mod tests;
