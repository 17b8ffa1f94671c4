use std::{fs, path::Path};

use tempfile::TempDir;
use tollgate_domain::{MerchantId, Mode};

use super::*;
use crate::{metrics::Metrics, secrets::Secrets};

const DAY: u64 = MILLIS_PER_DAY;

struct Stage(TempDir);

impl Stage {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> Result<Vault, OpenError> {
        self.open_at(&self.path("keys"))
    }

    fn open_at(&self, directory: &Path) -> Result<Vault, OpenError> {
        let options = VaultOptions {
            directory: directory.to_owned(),
            data_dir: self.0.path().to_owned(),
            damaged_keys: DamagedKeys::Refuse,
        };
        let secrets = Secrets::open(self.0.path()).unwrap().key_store();
        let supply = Supply { batch: 4, few: 2 };
        Vault::open_with(supply, &options, secrets, Metrics::new().vault.clone())
    }
}

fn realm(merchant: u128) -> Realm {
    Realm { merchant: MerchantId::from_u128(merchant), mode: Mode::Test }
}

fn person(email: &str) -> PersonalData<'_> {
    PersonalData::default().with(PersonalField::Email, Some(email))
}

async fn sealed(vault: &Vault, realm: Realm, owner: Owner<'_>, email: &str) -> Sealed {
    match vault.seal(realm, owner, &person(email)).unwrap() {
        Sealing::Sealed(sealed) => sealed,
        Sealing::Waiting(waiting) => waiting.finish().await.unwrap(),
    }
}

fn email(vault: &Vault, realm: Realm, sealed: &Sealed) -> Option<String> {
    let opened = vault.open_sealed(realm, sealed)?;
    opened.get(PersonalField::Email).map(str::to_owned)
}

#[tokio::test]
async fn a_customer_is_sealed_opened_and_erased() {
    let stage = Stage::new();
    let vault = stage.open().unwrap();
    let (ann, bob) = (Owner::Customer("ann"), Owner::Customer("bob"));
    assert!(matches!(vault.seal(realm(1), ann, &person("a@b.co")), Ok(Sealing::Waiting(_))));
    let first = sealed(&vault, realm(1), ann, "a@b.co").await;
    // Who is known waits for nothing.
    let Ok(Sealing::Sealed(second)) = vault.seal(realm(1), ann, &person("a@c.co")) else {
        panic!("she has a key")
    };
    assert_eq!(first.key(), second.key());
    let others = sealed(&vault, realm(1), bob, "bob@b.co").await;
    let elsewhere = sealed(&vault, realm(2), ann, "a@d.co").await;
    assert!(first.key() != others.key() && first.key() != elsewhere.key());
    assert_eq!(email(&vault, realm(1), &first).as_deref(), Some("a@b.co"));
    assert_eq!(email(&vault, realm(2), &first), None, "another merchant's");

    assert_eq!(vault.erase(realm(1), "ann").await, Ok(true));
    assert_eq!(vault.erase(realm(1), "ann").await, Ok(false));
    let again = sealed(&vault, realm(1), ann, "a@e.co").await;
    vault.close();
    drop(vault);
    let vault = stage.open().unwrap();
    for gone in [&first, &second] {
        assert_eq!(email(&vault, realm(1), gone), None);
    }
    assert_eq!(email(&vault, realm(1), &others).as_deref(), Some("bob@b.co"));
    assert_eq!(email(&vault, realm(2), &elsewhere).as_deref(), Some("a@d.co"));
    assert_eq!(email(&vault, realm(1), &again).as_deref(), Some("a@e.co"));
    vault.close();
}

#[tokio::test]
async fn guests_share_a_key_for_a_merchant_and_a_day() {
    let stage = Stage::new();
    let vault = stage.open().unwrap();
    let key = async |merchant, millis| {
        let at = Owner::GuestsAt(Timestamp::from_millis(millis));
        sealed(&vault, realm(merchant), at, "g@b.co").await.key()
    };
    let first = key(1, 0).await;
    assert_eq!(key(1, DAY - 1).await, first);
    assert_ne!(key(1, DAY).await, first);
    assert_ne!(key(2, 0).await, first);
    vault.close();
}

#[tokio::test]
async fn what_does_not_fit_into_a_record_is_refused() {
    let stage = Stage::new();
    let vault = stage.open().unwrap();
    let (long, ann) = ("x".repeat(70_000), Owner::Customer("ann"));
    assert_eq!(vault.seal(realm(1), ann, &person(&long)).err(), Some(Error::TooLarge));
    sealed(&vault, realm(1), ann, "a@b.co").await;
    let most = "x".repeat(Sealed::MAX_BYTES);
    assert_eq!(vault.seal(realm(1), ann, &person(&most)).err(), Some(Error::TooLarge));
    vault.close();
}

/// Without its keys a data directory would take everybody for erased.
#[tokio::test]
async fn a_key_store_that_is_gone_is_told() {
    let stage = Stage::new();
    let vault = stage.open().unwrap();
    let ann = sealed(&vault, realm(1), Owner::Customer("ann"), "a@b.co").await;
    vault.close();
    drop(vault);
    fs::rename(stage.path("keys"), stage.path("moved")).unwrap();
    let told = stage.open().err().unwrap().to_string();
    assert!(told.contains("keys.store is missing; put it back, or remove"), "{told}");
    assert_eq!(told.lines().count(), 1);
    assert!(!stage.path("keys").exists(), "nothing is made in its place");

    let vault = stage.open_at(&stage.path("moved")).unwrap();
    assert_eq!(email(&vault, realm(1), &ann).as_deref(), Some("a@b.co"));
    vault.close();
    drop(vault);

    // The operator gives it up.
    fs::remove_file(stage.path("secrets/key-store.id")).unwrap();
    let vault = stage.open().unwrap();
    assert_eq!(email(&vault, realm(1), &ann), None);
    vault.close();
    drop(vault);
    // The old one has no place here any more.
    let refused = stage.open_at(&stage.path("moved")).err().unwrap();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
}

/// A crash after the store was made, and before that was noted.
#[tokio::test]
async fn a_store_without_its_note_is_taken() {
    let stage = Stage::new();
    let vault = stage.open().unwrap();
    let ann = sealed(&vault, realm(1), Owner::Customer("ann"), "a@b.co").await;
    vault.close();
    drop(vault);
    fs::remove_file(stage.path("secrets/key-store.id")).unwrap();
    let vault = stage.open().unwrap();
    assert_eq!(email(&vault, realm(1), &ann).as_deref(), Some("a@b.co"));
    assert!(stage.path("secrets/key-store.id").exists());
    vault.close();
}
