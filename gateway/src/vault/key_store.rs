//! Whose key is which: in memory for those who ask, in a file for the next start.
//!
//! ```text
//!   by owner ──▶ known: the key, at once
//!            └─▶ new: ask ─▶ thread `tollgate-keys` ─▶ slots written ─▶ one sync ─▶ all who asked
//! ```
//!
//! The thread takes all that waits and makes it durable with one sync, like the log does. Keys are
//! made ahead of need, in batches, and become durable with a sync that others wait for already; so
//! who asks waits for a sync, and never for two unless the keys ran out.
//!
//! Invariant: a key is given out only once its owner is durable, so that an erasure after a crash
//! finds it. After a write or sync that failed nothing is given out or erased any more: what the file
//! holds then, only the next start can tell.

use std::{
    collections::VecDeque,
    hash::Hash,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread::JoinHandle,
    time::Instant,
};

use dashmap::DashMap;
use parking_lot::Mutex;
use rustc_hash::{FxBuildHasher, FxHashMap};
use tokio::sync::oneshot;
use tollgate_domain::SealKeyId;
use zeroize::Zeroizing;

use super::{
    error::{Damage, Error, OpenError},
    key_file::{DamagedKeys, KeyFile, StoreId},
    sealing::Key,
    slot::{OwnerTag, Slot, StoredKey},
};
use crate::{metrics::VaultMetrics, secrets::KeyStoreSecrets};

/// How many keys are made at once: 128 KiB.
pub(super) const BATCH: usize = 1_024;

/// Below this many keys that nobody has, a batch is made.
pub(super) const FEW: usize = 1_024;

/// How many may wait for the thread; it holds some bytes for each, and they hold their requests.
const MOST_WAITING: usize = 16_384;

/// The maps' hash is cheap, because their keys are digests and random bytes, which nobody chooses.
type Map<K> = DashMap<K, Arc<SealKey>, FxBuildHasher>;

/// The store, as those see it who seal and open.
pub(super) struct KeyStore {
    id: StoreId,
    keys: Arc<Keys>,
    jobs: SyncSender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A key that somebody has.
pub(super) struct SealKey {
    pub(super) id: SealKeyId,
    pub(super) key: Key,
    slot: u32,
}

/// How many keys are made, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Supply {
    pub(super) batch: usize,
    pub(super) few: usize,
}

#[derive(Default)]
struct Keys {
    by_owner: Map<OwnerTag>,
    by_id: Map<SealKeyId>,
    failed: AtomicBool,
}

enum Job {
    Assign(Ask),
    Erase(Erasure),
    Close,
}

struct Ask {
    owner: OwnerTag,
    since: Instant,
    reply: oneshot::Sender<Result<Arc<SealKey>, Error>>,
}

struct Erasure {
    owner: OwnerTag,
    reply: oneshot::Sender<Result<bool, Error>>,
}

/// A key that will come, or why it will not.
pub(super) struct Awaited(oneshot::Receiver<Result<Arc<SealKey>, Error>>);

impl KeyStore {
    /// Opens the file and starts the thread.
    pub(super) fn open(
        path: &Path,
        secrets: KeyStoreSecrets,
        damaged_keys: DamagedKeys,
        supply: Supply,
        metrics: VaultMetrics,
    ) -> Result<Self, OpenError> {
        let keys = Arc::new(Keys::default());
        let mut ready = VecDeque::new();
        let mut erased = 0_u32;
        let file = KeyFile::open(path, &secrets, damaged_keys, |number, slot| {
            match slot {
                Slot::Ready(key) => ready.push_back((number, key)),
                Slot::Erased => erased += 1,
                Slot::Assigned(stored, owner) => {
                    let key = Arc::new(SealKey::of(number, &stored, &secrets));
                    // Two keys of one owner: an erasure would miss one of them.
                    if keys.by_owner.insert(owner, Arc::clone(&key)).is_some() {
                        return Err(Damage::Key(number));
                    }
                    keys.by_id.insert(key.id, key);
                }
            }
            Ok(())
        })?;
        let id = file.id();
        let (jobs, waiting) = mpsc::sync_channel(MOST_WAITING);
        let mut keeper = Keeper { keys: Arc::clone(&keys), file, ready, secrets, supply, metrics };
        keeper.make_ahead();
        keeper.show();
        tracing::debug!(
            keys = keys.by_owner.len(),
            ahead = keeper.ready.len(),
            erased,
            "the key store is open"
        );
        let thread = std::thread::Builder::new()
            .name("tollgate-keys".to_owned())
            .spawn(move || keeper.run(&waiting))
            .map_err(OpenError::Thread)?;
        Ok(Self { id, keys, jobs, thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn id(&self) -> StoreId {
        self.id
    }

    /// The key of an owner who has one.
    pub(super) fn of_owner(&self, owner: OwnerTag) -> Option<Arc<SealKey>> {
        self.keys.by_owner.get(&owner).map(|key| Arc::clone(&key))
    }

    /// The key with this id, unless it was erased.
    pub(super) fn with_id(&self, id: SealKeyId) -> Option<Arc<SealKey>> {
        self.keys.by_id.get(&id).map(|key| Arc::clone(&key))
    }

    /// Asks for a key for an owner who has none; if one was given meanwhile, it is that.
    pub(super) fn assign(&self, owner: OwnerTag) -> Result<Awaited, Error> {
        let (reply, awaited) = oneshot::channel();
        self.submit(Job::Assign(Ask { owner, since: Instant::now(), reply }))?;
        Ok(Awaited(awaited))
    }

    /// Erases the owner's key, once that is durable; tells whether there was one.
    pub(super) async fn erase(&self, owner: OwnerTag) -> Result<bool, Error> {
        let (reply, erased) = oneshot::channel();
        self.submit(Job::Erase(Erasure { owner, reply }))?;
        erased.await.unwrap_or(Err(Error::Unavailable))
    }

    fn submit(&self, job: Job) -> Result<(), Error> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::Overloaded,
            TrySendError::Disconnected(_) => Error::Unavailable,
        })
    }

    /// Whether nothing can be given out or erased any more.
    pub(super) fn has_failed(&self) -> bool {
        self.keys.failed.load(Ordering::Acquire)
    }

    /// Lets the file go. Blocks for as long as the thread has work.
    pub(super) fn close(&self) {
        let Some(thread) = self.thread.lock().take() else { return };
        // Where this fails the thread is gone already; how it ended was told by its panic.
        let _gone = self.jobs.send(Job::Close);
        let _panicked = thread.join();
    }
}

impl Awaited {
    pub(super) async fn key(self) -> Result<Arc<SealKey>, Error> {
        self.0.await.unwrap_or(Err(Error::Unavailable))
    }
}

impl SealKey {
    fn of(slot: u32, stored: &StoredKey, secrets: &KeyStoreSecrets) -> Self {
        Self { id: stored.id, key: secrets.seal_key(&stored.id.0, &stored.seed), slot }
    }
}

/// The thread's side.
struct Keeper {
    keys: Arc<Keys>,
    file: KeyFile,
    /// Durable keys that nobody has, with their slots.
    ready: VecDeque<(u32, StoredKey)>,
    secrets: KeyStoreSecrets,
    supply: Supply,
    metrics: VaultMetrics,
}

impl Keeper {
    fn run(mut self, jobs: &Receiver<Job>) {
        let mut next = jobs.recv().ok();
        while let Some(job) = next {
            next = match job {
                Job::Assign(ask) => {
                    let (asks, next) = gather(ask, jobs, |job| match job {
                        Job::Assign(ask) => Ok(ask),
                        other @ (Job::Erase(_) | Job::Close) => Err(other),
                    });
                    self.assign_all(asks);
                    next
                }
                Job::Erase(erasure) => {
                    let (erasures, next) = gather(erasure, jobs, |job| match job {
                        Job::Erase(erasure) => Ok(erasure),
                        other @ (Job::Assign(_) | Job::Close) => Err(other),
                    });
                    self.erase_all(erasures);
                    next
                }
                Job::Close => return,
            };
            self.show();
            next = next.or_else(|| jobs.recv().ok());
        }
    }

    /// Gives each who asks a key: one for each owner, all durable with one sync.
    fn assign_all(&mut self, asks: Vec<Ask>) {
        let mut owners: FxHashMap<OwnerTag, Result<Arc<SealKey>, Error>> = FxHashMap::default();
        let mut without = Vec::new();
        for ask in &asks {
            owners.entry(ask.owner).or_insert_with(|| {
                let known = self.keys.by_owner.get(&ask.owner).map(|key| Arc::clone(&key));
                if known.is_none() {
                    without.push(ask.owner);
                }
                known.ok_or(Error::Unavailable)
            });
        }
        for (owner, key) in self.assign_durably(&without) {
            owners.insert(owner, Ok(key));
        }
        for Ask { owner, since, reply } in asks {
            self.metrics.assignment.record(since.elapsed());
            // Who does not wait any more has the key at his next payment.
            let _left = reply.send(owners[&owner].clone());
        }
    }

    /// Gives keys to owners without one; those who get none are left out.
    fn assign_durably(&mut self, owners: &[OwnerTag]) -> Vec<(OwnerTag, Arc<SealKey>)> {
        if owners.is_empty() || self.has_failed() {
            return Vec::new();
        }
        // Only a rush of newcomers comes this far ahead of the batches.
        if self.ready.len() < owners.len() {
            let made = self.append(owners.len() - self.ready.len());
            if !made.is_empty() && !self.sync_and_keep(made) {
                return Vec::new();
            }
        }
        let mut given = Vec::with_capacity(owners.len());
        let ready = self.ready.drain(..owners.len().min(self.ready.len()));
        for (owner, (slot, stored)) in owners.iter().zip(ready) {
            let key = Arc::new(SealKey::of(slot, &stored, &self.secrets));
            if let Err(error) = self.file.write(slot, &Slot::Assigned(stored, *owner)) {
                fail(&self.keys, &error);
                return Vec::new();
            }
            given.push((*owner, key));
        }
        let made = if self.ready.len() < self.supply.few { self.append(0) } else { Vec::new() };
        if (given.is_empty() && made.is_empty()) || !self.sync_and_keep(made) {
            return Vec::new();
        }
        for (owner, key) in &given {
            self.keys.by_id.insert(key.id, Arc::clone(key));
            self.keys.by_owner.insert(*owner, Arc::clone(key));
        }
        given
    }

    /// Erases the keys of owners: from memory first, so that nothing is sealed under them any more.
    fn erase_all(&mut self, erasures: Vec<Erasure>) {
        let mut answers = Vec::with_capacity(erasures.len());
        let mut result = if self.has_failed() { Err(Error::Unavailable) } else { Ok(()) };
        for Erasure { owner, reply } in erasures {
            let key = if result.is_ok() { remove(&self.keys.by_owner, &owner) } else { None };
            if let Some(key) = &key {
                remove(&self.keys.by_id, &key.id);
                if let Err(error) = self.file.write(key.slot, &Slot::Erased) {
                    fail(&self.keys, &error);
                    result = Err(Error::Unavailable);
                }
            }
            answers.push((key.is_some(), reply));
        }
        let is_any = answers.iter().any(|(is_erased, _reply)| *is_erased);
        if result.is_ok() && is_any && !self.sync_and_keep(Vec::new()) {
            result = Err(Error::Unavailable);
        }
        for (is_erased, reply) in answers {
            if is_erased && result.is_ok() {
                self.metrics.erasures.increment(1);
            }
            // Who does not wait any more has asked for it all the same.
            let _left = reply.send(result.map(|()| is_erased));
        }
    }

    /// Makes the first keys of all, before anybody can ask.
    fn make_ahead(&mut self) {
        if self.ready.len() < self.supply.few {
            let made = self.append(0);
            self.sync_and_keep(made);
        }
    }

    /// Appends a batch of new keys, and more where `needed` are more; none where the system has no
    /// room or no chance to give. They may be used once they are synced.
    fn append(&mut self, needed: usize) -> Vec<(u32, StoredKey)> {
        let made: Result<Vec<StoredKey>, getrandom::Error> =
            (0..needed.max(self.supply.batch)).map(|_key| draw()).collect();
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                tracing::error!(%error, "no keys can be drawn");
                return Vec::new();
            }
        };
        let first = self.file.slots();
        let slots: Vec<Slot> = made.iter().cloned().map(Slot::Ready).collect();
        if let Err(error) = self.file.append(&slots) {
            // A full disk, say: those who have keys go on, and the next newcomer tries again.
            tracing::error!(%error, "no keys can be made ahead");
            return Vec::new();
        }
        (first..).zip(made).collect()
    }

    /// Makes all that was written durable, and takes in new keys that were part of it.
    fn sync_and_keep(&mut self, made: Vec<(u32, StoredKey)>) -> bool {
        match self.file.sync() {
            Ok(()) => {
                self.ready.extend(made);
                true
            }
            Err(error) => {
                fail(&self.keys, &error);
                false
            }
        }
    }

    fn has_failed(&self) -> bool {
        self.keys.failed.load(Ordering::Acquire)
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floats; counts stay far below 2^52")]
    fn show(&self) {
        self.metrics.held.set(self.keys.by_owner.len() as f64);
        self.metrics.ahead.set(self.ready.len() as f64);
    }
}

impl Drop for Keeper {
    /// However the thread ends, nobody is served by it any more.
    fn drop(&mut self) {
        self.keys.failed.store(true, Ordering::Release);
    }
}

fn fail(keys: &Keys, error: &std::io::Error) {
    keys.failed.store(true, Ordering::Release);
    tracing::error!(%error, "the key store failed: nobody gets a key until a restart");
}

/// Takes what waits and is of the same kind as `first`; also tells what came after.
fn gather<T>(
    first: T,
    jobs: &Receiver<Job>,
    same: impl Fn(Job) -> Result<T, Job>,
) -> (Vec<T>, Option<Job>) {
    let mut gathered = vec![first];
    // As many as the channel holds: one who is always fed must answer some time.
    while gathered.len() < MOST_WAITING {
        match jobs.try_recv().ok().map(&same) {
            Some(Ok(another)) => gathered.push(another),
            Some(Err(other)) => return (gathered, Some(other)),
            None => break,
        }
    }
    (gathered, None)
}

fn remove<K: Eq + Hash>(map: &Map<K>, key: &K) -> Option<Arc<SealKey>> {
    map.remove(key).map(|(_key, value)| value)
}

fn draw() -> Result<StoredKey, getrandom::Error> {
    let mut key = StoredKey { id: SealKeyId([0; 16]), seed: Zeroizing::new([0; 32]) };
    getrandom::fill(&mut key.id.0)?;
    getrandom::fill(&mut *key.seed)?;
    Ok(key)
}

#[cfg(test)]
mod tests;
