//! The log-writer thread: takes what is waiting, makes it durable as one group, gives the
//! callers' tokens back.
//!
//! Invariant: tokens come back in the order in which they were handed in, and as
//! [`Released::Durable`] only once their record, and every one before it, is durable. After an
//! error every token comes back as [`Released::Unknown`]: the log cannot say whether its record
//! survives the restart, so nobody may say that it failed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use crate::{
    abort_guard::AbortOnPanic,
    error::Error,
    group::RECORD_HEADER,
    planted_fault::{PlantedFault, is_planted},
    record::{Record, Stream},
    store::{Committed, FreeSpace, LogStore, Syncs},
};

/// Starts the writer of a log.
pub struct GroupWriter;

/// How the writer works.
pub struct WriterOptions {
    /// Payload in bytes after which a group is closed and the rest waits for the next one.
    pub group_bytes: usize,
    /// How often the free space is looked at, busy or idle.
    pub space_interval: Duration,
    /// Called by the writer thread after each durable group, before its tokens are released;
    /// for metrics.
    pub observe: Option<Box<dyn FnMut(GroupObservation) + Send>>,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            // Some 3,400 records of 300 bytes: far beyond where a sync's cost is spread thin,
            // and still written within a few milliseconds.
            group_bytes: 1 << 20,
            // At a gigabyte per second, the fastest that is plausible, the default minimum of
            // 1 GiB is five intervals away from a full disk.
            space_interval: Duration::from_millis(200),
            observe: None,
        }
    }
}

/// One durable group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupObservation {
    /// Records in it.
    pub records: u64,
    /// Frames in it.
    pub frames: u64,
    /// Bytes of its frames, per copy.
    pub bytes: u64,
    /// From the start of the commit to both copies being on disk.
    pub elapsed: Duration,
    /// The part of it that each copy's sync took.
    pub syncs: Syncs,
}

/// Tokens that come back.
#[derive(Debug)]
pub enum Released<C> {
    /// Their records are durable, and so is every record handed in before.
    Durable(Vec<C>),
    /// The log failed; whether their records are durable is not known.
    Unknown {
        /// The tokens.
        completions: Vec<C>,
        /// Why the log failed; the same for all.
        cause: Arc<Error>,
    },
}

/// A way into the log; cheap to clone. The writer ends once every handle is gone.
pub struct LogHandle<C> {
    entries: Sender<Entry<C>>,
    shared: Arc<Shared>,
}

impl<C> LogHandle<C> {
    /// Hands a record in, never waiting: the queue's bound is how much work the caller admits.
    /// `completion` comes back once the record, and everything handed in before, is durable.
    ///
    /// The streams' order must hold over all handles. A record that is not the next of its
    /// stream fails the log, as the ones behind it could never be written.
    ///
    /// # Panics
    ///
    /// On a record above [`MAX_RECORD`](crate::MAX_RECORD). It took a number of its stream, so
    /// that no later record could follow it: a bug, which must not be acknowledged.
    pub fn append(&self, record: Record, completion: C) {
        assert!(record.check_size().is_ok(), "a record's size is checked before it is numbered");
        self.enter(Entry::Append(record, completion));
    }

    /// Gives `completion` back once everything handed in before is durable; writes nothing.
    pub fn barrier(&self, completion: C) {
        self.enter(Entry::Barrier(completion));
    }

    /// Gives `completion` back once everything handed in before is durable and sealed: the log goes
    /// on in a new segment.
    pub fn seal(&self, completion: C) {
        self.enter(Entry::Seal(completion));
    }

    fn enter(&self, entry: Entry<C>) {
        // The writer outlives its handles or aborts the process, so that somebody receives.
        let entered = self.entries.send(entry);
        assert!(entered.is_ok(), "the log writer outlives its handles");
    }

    /// The last durable sequence of the stream.
    ///
    /// # Panics
    ///
    /// On a stream that the log does not have.
    pub fn durable(&self, stream: Stream) -> u64 {
        self.shared.durable[stream.index()].load(Ordering::Acquire)
    }

    /// Whether the log failed; it stays so.
    pub fn is_poisoned(&self) -> bool {
        self.shared.poisoned.load(Ordering::Acquire)
    }

    /// Whether new work should be admitted. False once free space falls below the store's
    /// minimum, true again a quarter above it, so that admission does not flutter at the edge.
    pub fn has_room(&self) -> bool {
        self.shared.room.load(Ordering::Acquire)
    }

    /// How long the oldest record or barrier has waited that is not released yet, at most: it is
    /// counted from the moment from which it may have waited. Zero while nothing waits.
    pub fn lag(&self) -> Duration {
        let since = self.shared.waiting_since.load(Ordering::Acquire);
        since.checked_sub(1).map_or(Duration::ZERO, |nanos| {
            self.shared.began.elapsed().saturating_sub(Duration::from_nanos(nanos))
        })
    }

    /// Records and barriers that wait.
    pub fn queue_depth(&self) -> usize {
        self.entries.len()
    }
}

impl<C> Clone for LogHandle<C> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<C> fmt::Debug for LogHandle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHandle")
            .field("queue_depth", &self.queue_depth())
            .field("poisoned", &self.is_poisoned())
            .finish_non_exhaustive()
    }
}

/// The running thread.
#[must_use = "join it after the handles are dropped, so that the log is closed"]
#[derive(Debug)]
pub struct WriterThread(JoinHandle<()>);

impl WriterThread {
    /// Waits until every handle is gone, what they handed in is released, and the store closed.
    pub fn join(self) {
        // A panic in the thread has aborted the process, so that joining cannot fail.
        let _ = self.0.join();
    }
}

impl GroupWriter {
    /// Starts the thread that writes `store`. It calls `release` once per group, with the tokens
    /// in order; `release` must not block, for the log waits for it.
    ///
    /// A panic in that thread, also one in `release` or the observer, aborts the process.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread, or does not say how much space is free.
    pub fn spawn<C: Send + 'static>(
        store: Box<dyn LogStore>,
        options: WriterOptions,
        release: impl FnMut(Released<C>) + Send + 'static,
    ) -> Result<(LogHandle<C>, WriterThread), Error> {
        let (handle, InlineWriter { mut writer, inbox }) = Self::inline(store, options, release)?;
        let thread = thread::Builder::new()
            .name("wal-writer".to_owned())
            .spawn(move || {
                let _guard = AbortOnPanic;
                writer.run(&inbox);
            })
            .map_err(Error::io("start a thread for", "the log"))?;
        Ok((handle, WriterThread(thread)))
    }

    /// The writer without its thread: whoever holds it says when it takes its turn.
    ///
    /// # Errors
    ///
    /// Where the system does not say how much space is free.
    pub fn inline<C, R: FnMut(Released<C>)>(
        store: Box<dyn LogStore>,
        options: WriterOptions,
        release: R,
    ) -> Result<(LogHandle<C>, InlineWriter<C, R>), Error> {
        let space = store.free_space()?;
        let (entries, inbox) = unbounded();
        let shared = Arc::new(Shared {
            durable: store.positions().iter().map(|&position| AtomicU64::new(position)).collect(),
            poisoned: AtomicBool::new(false),
            room: AtomicBool::new(space.available >= space.minimum),
            began: Instant::now(),
            waiting_since: AtomicU64::new(0),
        });
        let writer = Writer {
            store,
            options,
            release,
            shared: Arc::clone(&shared),
            records: Vec::new(),
            completions: Vec::new(),
            seal: false,
            poison: None,
            space_due: Instant::now(),
        };
        Ok((LogHandle { entries, shared }, InlineWriter { writer, inbox }))
    }
}

/// A writer without a thread; see [`GroupWriter::inline`].
pub struct InlineWriter<C, R> {
    writer: Writer<C, R>,
    inbox: Receiver<Entry<C>>,
}

impl<C, R: FnMut(Released<C>)> InlineWriter<C, R> {
    /// Makes a group of what waits, up to a group's size, and releases it; false where nothing
    /// waits.
    pub fn take_turn(&mut self) -> bool {
        let Ok(entry) = self.inbox.try_recv() else { return false };
        self.writer.gather(entry, &self.inbox);
        self.writer.finish_group();
        true
    }

    /// Looks whether there is room, as the thread does now and then.
    pub fn look_at_space(&mut self) {
        self.writer.look_at_space();
    }
}

impl<C, R> fmt::Debug for InlineWriter<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineWriter").finish_non_exhaustive()
    }
}

enum Entry<C> {
    Append(Record, C),
    Barrier(C),
    Seal(C),
}

struct Shared {
    durable: Box<[AtomicU64]>,
    poisoned: AtomicBool,
    room: AtomicBool,
    began: Instant,
    /// Nanoseconds from `began`, and one more, since when something may wait; 0 while nothing does.
    waiting_since: AtomicU64,
}

struct Writer<C, R> {
    store: Box<dyn LogStore>,
    options: WriterOptions,
    release: R,
    shared: Arc<Shared>,
    /// The group that is being gathered, and the tokens that ride with it.
    records: Vec<Record>,
    completions: Vec<C>,
    /// Whether the group is the last of its segment.
    seal: bool,
    poison: Option<Arc<Error>>,
    space_due: Instant,
}

impl<C, R: FnMut(Released<C>)> Writer<C, R> {
    fn run(&mut self, inbox: &Receiver<Entry<C>>) {
        loop {
            self.watch_space();
            match inbox.recv_deadline(self.space_due) {
                Ok(entry) => {
                    let began = Instant::now();
                    if self.shared.waiting_since.load(Ordering::Relaxed) == 0 {
                        self.wait_from(began);
                    }
                    let took_all = self.gather(entry, inbox);
                    self.finish_group();
                    if inbox.is_empty() {
                        self.shared.waiting_since.store(0, Ordering::Release);
                    } else if took_all {
                        // What waits now came since the group was gathered. Where that left some
                        // behind, the earlier moment stays.
                        self.wait_from(began);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn wait_from(&self, instant: Instant) {
        let nanos = instant.saturating_duration_since(self.shared.began).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX - 1);
        self.shared.waiting_since.store(nanos + 1, Ordering::Release);
    }

    /// Takes everything that is waiting, up to a group's size; whether that was all.
    fn gather(&mut self, first: Entry<C>, inbox: &Receiver<Entry<C>>) -> bool {
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(entry) = next {
            match entry {
                Entry::Append(record, completion) => {
                    bytes += RECORD_HEADER + record.bytes.len();
                    self.records.push(record);
                    self.completions.push(completion);
                }
                Entry::Barrier(completion) => self.completions.push(completion),
                Entry::Seal(completion) => {
                    self.completions.push(completion);
                    self.seal = true;
                    return false;
                }
            }
            next = if bytes < self.options.group_bytes { inbox.try_recv().ok() } else { None };
        }
        bytes < self.options.group_bytes
    }

    fn finish_group(&mut self) {
        let seal = std::mem::take(&mut self.seal);
        if self.poison.is_none()
            && (seal || !self.records.is_empty())
            && let Err(error) = self.write(seal)
        {
            // Not logged here: whoever is given the tokens back is given the cause with them.
            self.poison = Some(Arc::new(error));
            self.shared.poisoned.store(true, Ordering::Release);
        }
        self.records.clear();
        let completions = Vec::with_capacity(self.completions.len());
        let completions = std::mem::replace(&mut self.completions, completions);
        let poison =
            self.poison.as_ref().filter(|_cause| !is_planted(PlantedFault::FailureReleased));
        (self.release)(match poison {
            None => Released::Durable(completions),
            Some(cause) => Released::Unknown { completions, cause: Arc::clone(cause) },
        });
    }

    fn write(&mut self, seal: bool) -> Result<(), Error> {
        if !self.records.is_empty() {
            self.commit()?;
        }
        if seal { self.store.seal() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        let Committed { frames, bytes, syncs } = self.store.commit(&self.records)?;
        let group = GroupObservation {
            records: self.records.len() as u64,
            frames,
            bytes,
            elapsed: began.elapsed(),
            syncs,
        };
        for record in &self.records {
            self.shared.durable[record.stream.index()].store(record.sequence, Ordering::Release);
        }
        if let Some(observe) = &mut self.options.observe {
            observe(group);
        }
        Ok(())
    }

    fn watch_space(&mut self) {
        let now = Instant::now();
        if now < self.space_due {
            return;
        }
        self.space_due = now + self.options.space_interval;
        self.look_at_space();
    }

    fn look_at_space(&mut self) {
        let had_room = self.shared.room.load(Ordering::Relaxed);
        let room = match self.store.free_space() {
            Ok(space) => still_room(space, had_room),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "free space not known");
                false
            }
        };
        if room != had_room {
            tracing::warn!(room, "admission by free space changed");
            self.shared.room.store(room, Ordering::Release);
        }
    }
}

/// Whether there is room, given whether there was. It reopens a quarter above the minimum.
fn still_room(space: FreeSpace, had_room: bool) -> bool {
    let margin = if had_room { 0 } else { space.minimum / 4 };
    space.available >= space.minimum.saturating_add(margin)
}
