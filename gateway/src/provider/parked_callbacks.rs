//! Callbacks for payments, attempts or operations that are not known, kept until they are.
//!
//! Such a callback may be about a payment that a restored backup lacks, or that another house of the
//! same provider has; what it tells has happened, so it is neither refused nor forgotten. Each is a
//! file of its own, for there are few:
//!
//! ```text
//!   callbacks/cbk_….json   {"provider":"simulator","received_at":1800000000000,"callback":{…}}
//! ```
//!
//! It is told to the engine again, more and more rarely, until it finds what it is about or an operator
//! dismisses it.
//!
//! Invariants: what is parked is durable before that is said; of one callback there is one file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use metrics::Gauge;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;
use tollgate_domain::{ParkedCallbackId, ProviderId, ShardId, Timestamp};

use super::callback::{Callback, CallbackDigest};
use crate::durable_file;

/// How many there may be. Who has more to tell has to keep it.
const MOST: usize = 10_000;

/// How long until the first next try, and the longest between two.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(3_600);

/// All that are parked.
pub(crate) struct ParkedCallbacks {
    directory: PathBuf,
    lot: Mutex<Lot>,
    /// Held while a file is written or removed: the same callback may come twice at once.
    writing: Mutex<()>,
    count: Gauge,
}

/// A callback that waits for what it is about.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ParkedCallback {
    /// Its place in the lot; tells when it came.
    pub(crate) id: ParkedCallbackId,
    /// Who told it.
    pub(crate) provider: ProviderId,
    /// When it came first.
    pub(crate) received_at: Timestamp,
    /// What it says.
    pub(crate) callback: Callback,
}

/// Whether a callback could be parked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Parking {
    /// It is, and has been made durable now or before.
    Parked,
    /// There is no room.
    Full,
}

#[derive(Default)]
struct Lot {
    places: BTreeMap<ParkedCallbackId, Place>,
    by_digest: FxHashMap<CallbackDigest, ParkedCallbackId>,
}

struct Place {
    parked: ParkedCallback,
    next_try: Instant,
    delay: Duration,
}

/// A file.
#[derive(Serialize, Deserialize)]
struct ParkedFile<'a> {
    provider: &'a str,
    received_at: u64,
    #[serde(borrow)]
    callback: &'a RawValue,
}

impl ParkedCallbacks {
    /// Reads what was parked before.
    ///
    /// # Errors
    /// Where the directory cannot be read. A file that is none of ours stays where it is, and is
    /// complained about.
    pub(crate) fn open(directory: PathBuf, count: Gauge) -> io::Result<Self> {
        let mut lot = Lot::default();
        match fs::read_dir(&directory) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry?.path();
                    if path.extension().is_none_or(|extension| extension != "json") {
                        continue;
                    }
                    match read(&path)? {
                        Some(parked) => lot.take_in(parked),
                        None => tracing::error!(path = %path.display(), "not a parked callback"),
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let parked = Self { directory, lot: Mutex::new(lot), writing: Mutex::default(), count };
        parked.tell_count();
        Ok(parked)
    }

    /// Parks a callback, or finds that it is. Blocks until it is durable.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn park(
        &self,
        provider: ProviderId,
        callback: &Callback,
        now: Timestamp,
    ) -> io::Result<Parking> {
        let digest = callback.digest(provider);
        let _writing = self.writing.lock();
        {
            let lot = self.lot.lock();
            if lot.by_digest.contains_key(&digest) {
                return Ok(Parking::Parked);
            }
            if lot.places.len() >= MOST {
                return Ok(Parking::Full);
            }
        }
        // Not under the lot's lock, which others take who must not wait for a disk.
        let id = ParkedCallbackId::new(now, ShardId::CONTROL, digest.low_bits());
        let body = callback.write(now).ok_or(io::ErrorKind::InvalidInput)?;
        let raw: &RawValue = serde_json::from_slice(&body).expect("a callback is JSON");
        let name = provider.to_string();
        let file = ParkedFile { provider: &name, received_at: now.as_millis(), callback: raw };
        let text = to_raw_value(&file).expect("its keys are strings");
        durable_file::write(&self.path(id), text.get().as_bytes())?;
        self.lot.lock().take_in(ParkedCallback {
            id,
            provider,
            received_at: now,
            callback: callback.clone(),
        });
        self.tell_count();
        Ok(Parking::Parked)
    }

    /// All of them, the oldest first.
    pub(crate) fn all(&self) -> Vec<ParkedCallback> {
        self.lot.lock().places.values().map(|place| place.parked.clone()).collect()
    }

    /// Lets one go; `false` where there is none. Blocks until that is durable.
    ///
    /// # Errors
    /// Where its file cannot be removed.
    pub(crate) fn remove(&self, id: ParkedCallbackId) -> io::Result<bool> {
        let _writing = self.writing.lock();
        if !self.lot.lock().places.contains_key(&id) {
            return Ok(false);
        }
        durable_file::remove(&self.path(id))?;
        let mut lot = self.lot.lock();
        let removed = lot.places.remove(&id);
        if let Some(place) = &removed {
            let digest = place.parked.callback.digest(place.parked.provider);
            lot.by_digest.remove(&digest);
        }
        drop(lot);
        self.tell_count();
        Ok(removed.is_some())
    }

    /// Those that are to be tried again now. Each is put off, until it is removed.
    pub(crate) fn take_due(&self, now: Instant) -> Vec<ParkedCallback> {
        let mut lot = self.lot.lock();
        let due = lot.places.values_mut().filter(|place| place.next_try <= now);
        due.map(|place| {
            place.delay = (place.delay * 2).min(LONGEST_DELAY);
            place.next_try = now + place.delay;
            place.parked.clone()
        })
        .collect()
    }

    fn path(&self, id: ParkedCallbackId) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }

    fn tell_count(&self) {
        let count = self.lot.lock().places.len();
        self.count.set(u32::try_from(count).unwrap_or(u32::MAX));
    }
}

impl Lot {
    fn take_in(&mut self, parked: ParkedCallback) {
        let (id, digest) = (parked.id, parked.callback.digest(parked.provider));
        if let Some(earlier) = self.by_digest.insert(digest, id) {
            self.places.remove(&earlier);
        }
        let next_try = Instant::now() + FIRST_DELAY;
        self.places.insert(id, Place { parked, next_try, delay: FIRST_DELAY });
    }
}

/// `None` if the file is none of the form above.
fn read(path: &Path) -> io::Result<Option<ParkedCallback>> {
    let text = fs::read(path)?;
    Ok((|| {
        let id = path.file_stem()?.to_str()?.parse().ok()?;
        let file: ParkedFile<'_> = serde_json::from_slice(&text).ok()?;
        Some(ParkedCallback {
            id,
            provider: ProviderId::new(file.provider)?,
            received_at: Timestamp::from_millis(file.received_at),
            callback: Callback::read(file.callback.get().as_bytes())?,
        })
    })())
}

#[cfg(test)]
mod tests {
    use tollgate_domain::{AttemptId, PaymentId, ProviderOutcome};

    use super::{super::callback::News, *};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn callback(id: &str) -> Callback {
        let news = News::Attempt(AttemptId::from_u128(2), ProviderOutcome::Pending);
        Callback { id: id.into(), payment: PaymentId::from_u128(1), news }
    }

    fn open(directory: &Path) -> ParkedCallbacks {
        ParkedCallbacks::open(directory.join("callbacks"), Gauge::noop()).unwrap()
    }

    #[test]
    fn what_is_parked_outlives_the_process_and_is_there_once() {
        let directory = tempfile::tempdir().unwrap();
        let parked = open(directory.path());
        for _time in 0..2 {
            let parking = parked.park(ProviderId::SIMULATOR, &callback("cb_1"), NOW);
            assert_eq!(parking.unwrap(), Parking::Parked);
        }
        parked.park(ProviderId::SIMULATOR, &callback("cb_2"), NOW.after(NOW.since(NOW))).unwrap();
        let all = parked.all();
        assert_eq!(all.len(), 2, "{all:?}");
        drop(parked);
        fs::write(directory.path().join("callbacks/cbk_1.json"), "{}").unwrap();
        fs::write(directory.path().join("callbacks/cbk_1.draft"), "{").unwrap();
        let parked = open(directory.path());
        assert_eq!(parked.all(), all);
        parked.park(ProviderId::SIMULATOR, &callback("cb_1"), NOW).unwrap();
        assert_eq!(parked.all(), all, "it is known by what it says, also after a restart");
        for parking in &all {
            assert!(parked.remove(parking.id).unwrap());
            assert!(!parked.remove(parking.id).unwrap());
        }
        drop(parked);
        assert_eq!(open(directory.path()).all(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn tries_become_rarer() {
        let directory = tempfile::tempdir().unwrap();
        let parked = open(directory.path());
        parked.park(ProviderId::SIMULATOR, &callback("cb_1"), NOW).unwrap();
        let began = Instant::now();
        let mut tries = Vec::new();
        for second in 0..10_000 {
            let now = began + Duration::from_secs(second);
            tries.extend(parked.take_due(now).iter().map(|_due| second));
        }
        assert_eq!(tries, [1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 7695]);
    }

    #[test]
    fn the_same_callback_at_once_is_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let parked = open(directory.path());
        std::thread::scope(|scope| {
            for number in 0..16 {
                let (parked, now) = (&parked, NOW.after(tollgate_domain::Millis(number / 4)));
                scope.spawn(move || {
                    let parking = parked.park(ProviderId::SIMULATOR, &callback("cb_1"), now);
                    assert_eq!(parking.unwrap(), Parking::Parked);
                });
            }
        });
        let files = fs::read_dir(directory.path().join("callbacks")).unwrap().count();
        assert_eq!((files, parked.all().len()), (1, 1));
        assert_eq!(open(directory.path()).all(), parked.all());
    }

    #[test]
    fn there_is_an_end_of_room() {
        let directory = tempfile::tempdir().unwrap();
        let parked = open(directory.path());
        {
            let mut lot = parked.lot.lock();
            for number in 0..MOST {
                let callback = callback(&format!("cb_{number}"));
                let id = ParkedCallbackId::new(NOW, ShardId::CONTROL, number as u64);
                let provider = ProviderId::SIMULATOR;
                lot.take_in(ParkedCallback { id, provider, received_at: NOW, callback });
            }
        }
        let parking = parked.park(ProviderId::SIMULATOR, &callback("another"), NOW).unwrap();
        assert_eq!(parking, Parking::Full);
        let known = parked.park(ProviderId::SIMULATOR, &callback("cb_7"), NOW).unwrap();
        assert_eq!(known, Parking::Parked);
    }
}
