//! Places at which a test of the views lets the process die as `kill -9` would; in no other build.
//!
//! The log and the engine have theirs in `wal/src/crash_point.rs`.

/// Where the writer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CrashPoint {
    /// A batch is gathered, and not in the store.
    BatchGathered,
    /// A batch is in the store, and nobody has been told.
    BatchWritten,
    /// Everything is gathered that the views are built of, and nothing of it is in the store.
    BuildGathered,
    /// Rows are in the store that is being built, and they alone.
    RowsBuilt,
    /// All is in the store that is being built, but for that it is whole.
    AllBuilt,
    /// The store is built.
    BuildWritten,
}

#[cfg(test)]
static ARMED: parking_lot::Mutex<Option<CrashPoint>> = parking_lot::Mutex::new(None);

/// Lets the process die where it reaches this next.
#[cfg(test)]
pub(super) fn arm(point: CrashPoint) {
    *ARMED.lock() = Some(point);
}

/// The process is here, and goes on unless this is armed.
#[cfg(test)]
pub(super) fn reach(point: CrashPoint) {
    let armed = ARMED.lock();
    if *armed == Some(point) {
        let me = rustix::process::getpid();
        let killed = rustix::process::kill_process(me, rustix::process::Signal::KILL);
        unreachable!("a process that kills itself is gone: {killed:?}");
    }
}

/// Nothing.
#[cfg(not(test))]
#[inline]
pub(super) const fn reach(_point: CrashPoint) {}
