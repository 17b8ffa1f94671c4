use std::{collections::HashSet, fs::File, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::{metrics::Metrics, secrets::Secrets};

/// So few that a test uses them up.
const SUPPLY: Supply = Supply { batch: 4, few: 2 };

struct Stage {
    directory: TempDir,
    secrets: KeyStoreSecrets,
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(directory.path()).unwrap().key_store();
        let stage = Self { directory, secrets };
        KeyFile::create(&stage.path(), [9; 16], &stage.secrets).unwrap();
        stage
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("keys/keys.store")
    }

    fn open(&self) -> KeyStore {
        let metrics = Metrics::new().vault.clone();
        let (secrets, refuse) = (self.secrets.clone(), DamagedKeys::Refuse);
        KeyStore::open(&self.path(), secrets, refuse, SUPPLY, metrics).unwrap()
    }

    /// The slots as the next start will find them.
    fn slots(&self) -> Vec<Slot> {
        let mut slots = Vec::new();
        KeyFile::open(&self.path(), &self.secrets, DamagedKeys::Refuse, |_number, slot| {
            slots.push(slot);
            Ok(())
        })
        .unwrap();
        slots
    }

    /// The thread's side without a thread, on a file that cannot be written.
    fn broken(&self, file: File) -> Keeper {
        let mut ready = VecDeque::new();
        let mut opened =
            KeyFile::open(&self.path(), &self.secrets, DamagedKeys::Refuse, |number, slot| {
                if let Slot::Ready(key) = slot {
                    ready.push_back((number, key));
                }
                Ok(())
            })
            .unwrap();
        opened.replace(file);
        let metrics = Metrics::new().vault.clone();
        let (keys, secrets) = (Arc::new(Keys::default()), self.secrets.clone());
        Keeper { keys, file: opened, ready, secrets, supply: SUPPLY, metrics }
    }
}

fn owner(name: u128) -> OwnerTag {
    OwnerTag(name.to_be_bytes())
}

async fn key_of(store: &KeyStore, name: u128) -> Arc<SealKey> {
    match store.of_owner(owner(name)) {
        Some(key) => key,
        None => store.assign(owner(name)).unwrap().key().await.unwrap(),
    }
}

#[tokio::test]
async fn each_owner_has_one_key_through_restarts() {
    let stage = Stage::new();
    let store = stage.open();
    let mut ids = Vec::new();
    for name in 0..20 {
        let key = key_of(&store, name).await;
        assert_eq!(key_of(&store, name).await.id, key.id);
        ids.push(key.id);
    }
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 20);
    store.close();
    let again = stage.open();
    for (name, id) in (0..).zip(&ids) {
        let (key, same) = (again.of_owner(owner(name)).unwrap(), again.with_id(*id).unwrap());
        assert_eq!((key.id, &key.key), (*id, &same.key));
    }
}

/// Many first payments of a few customers at once, from many threads: one key each, all durable
/// when they are given.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_payments_at_once_get_one_key() {
    let stage = Stage::new();
    let store = Arc::new(stage.open());
    let asking: Vec<_> = (0..300_u128)
        .map(|turn| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { (turn % 30, key_of(&store, turn % 30).await.id) })
        })
        .collect();
    let mut ids: FxHashMap<u128, HashSet<SealKeyId>> = FxHashMap::default();
    for asked in asking {
        let (name, id) = asked.await.unwrap();
        ids.entry(name).or_default().insert(id);
    }
    assert!(ids.len() == 30 && ids.values().all(|ids| ids.len() == 1));
    store.close();
    let assigned = stage.slots().into_iter().filter(|slot| matches!(slot, Slot::Assigned(..)));
    assert_eq!(assigned.count(), 30);
}

#[tokio::test]
async fn keys_are_made_ahead_of_need() {
    let stage = Stage::new();
    let store = stage.open();
    for name in 0..50 {
        key_of(&store, name).await;
    }
    store.close();
    let slots = stage.slots();
    let ready = slots.iter().filter(|slot| matches!(slot, Slot::Ready(_))).count();
    let expected = SUPPLY.few..SUPPLY.few + SUPPLY.batch;
    assert!(expected.contains(&ready), "{ready}");
    assert_eq!(slots.len(), 50 + ready);
}

#[tokio::test]
async fn an_erased_key_is_gone_and_its_owner_gets_another() {
    let stage = Stage::new();
    let store = stage.open();
    let (old, others) = (key_of(&store, 1).await.id, key_of(&store, 2).await.id);
    assert_eq!(store.erase(owner(1)).await, Ok(true));
    assert_eq!(store.erase(owner(1)).await, Ok(false), "there is none any more");
    assert_eq!(store.erase(owner(3)).await, Ok(false), "there never was one");
    assert!(store.with_id(old).is_none() && store.of_owner(owner(1)).is_none());
    let new = key_of(&store, 1).await.id;
    assert_ne!(new, old);
    store.close();
    let store = stage.open();
    assert!(store.with_id(old).is_none());
    assert_eq!(store.of_owner(owner(1)).unwrap().id, new);
    assert_eq!(store.of_owner(owner(2)).unwrap().id, others);
}

#[tokio::test]
async fn a_closed_store_serves_those_it_knows() {
    let stage = Stage::new();
    let store = stage.open();
    let id = key_of(&store, 1).await.id;
    store.close();
    store.close();
    assert_eq!(store.of_owner(owner(1)).unwrap().id, id);
    assert!(store.has_failed());
    let asked = store.assign(owner(2)).err();
    assert_eq!(asked, Some(Error::Unavailable));
    assert_eq!(store.erase(owner(1)).await, Err(Error::Unavailable));
}

/// Nobody gets a key whose owner is not durable, and nobody is told that he was erased.
#[tokio::test]
async fn a_file_that_cannot_be_written_gives_no_keys() {
    let stage = Stage::new();
    stage.open().close();
    let read_only = File::open(stage.path()).unwrap();
    let mut keeper = stage.broken(read_only);
    let keys = Arc::clone(&keeper.keys);
    let known = Arc::new(SealKey { id: SealKeyId([1; 16]), key: Zeroizing::new([1; 32]), slot: 0 });
    keys.by_owner.insert(owner(1), Arc::clone(&known));
    keys.by_id.insert(known.id, known);
    let (reply, given) = oneshot::channel();
    keeper.assign_all(vec![Ask { owner: owner(2), since: Instant::now(), reply }]);
    assert_eq!(given.await.unwrap().err(), Some(Error::Unavailable));
    assert!(keys.by_owner.get(&owner(2)).is_none() && keeper.has_failed());
    let (reply, erased) = oneshot::channel();
    keeper.erase_all(vec![Erasure { owner: owner(1), reply }]);
    assert_eq!(erased.await.unwrap(), Err(Error::Unavailable));
    assert!(keys.by_owner.get(&owner(1)).is_some(), "not erased, and not pretended to be");
}

/// A full disk costs the newcomers their key and is no failure: when there is room, they get it.
#[tokio::test]
async fn a_full_disk_is_no_failure() {
    let stage = Stage::new();
    let full = File::options().read(true).write(true).open("/dev/full").unwrap();
    let mut keeper = stage.broken(full);
    let (reply, given) = oneshot::channel();
    keeper.assign_all(vec![Ask { owner: owner(1), since: Instant::now(), reply }]);
    assert_eq!(given.await.unwrap().err(), Some(Error::Unavailable));
    assert!(!keeper.has_failed());
    let room = File::options().read(true).write(true).open(stage.path()).unwrap();
    keeper.file.replace(room);
    let (reply, given) = oneshot::channel();
    keeper.assign_all(vec![Ask { owner: owner(1), since: Instant::now(), reply }]);
    assert!(given.await.unwrap().is_ok());
}
