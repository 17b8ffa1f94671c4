//! Plays seeds, as many at a time as there are processors, and tells of the first that fails.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    fmt,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use crate::{coverage::Coverage, play::Play, shrink::shrink, story::Story};

/// A play that found something wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The play, as short as it can be told.
    pub story: Story,
    /// What was wrong, and where.
    pub finding: String,
    /// What happened up to there.
    pub tale: Vec<String>,
}

/// Plays one story.
///
/// # Errors
/// What it found wrong, and where.
pub fn play(story: &Story) -> Result<Coverage, String> {
    quietly(|| Play::run(story, &mut |_line| {}))
}

/// Plays one story and keeps what happened, also where it fails.
pub fn play_aloud(story: &Story) -> (Vec<String>, Result<Coverage, String>) {
    let mut tale = Vec::new();
    let result = quietly(|| Play::run(story, &mut |line| tale.push(line)));
    (tale, result)
}

/// Plays the seeds from `first` on, `count` of them, on `threads` threads; `progress` hears now and
/// then how many are done. Which seed fails first does not depend on the number of threads.
///
/// # Errors
/// The failure of the lowest seed that fails, with its story shrunk.
pub fn play_seeds(
    first: u64,
    count: u64,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Coverage, Box<Failure>> {
    match find_failure(first, count, threads, progress) {
        Ok(coverage) => Ok(coverage),
        Err(seed) => {
            let story = shrink(&Story::of_seed(seed));
            let (tale, result) = play_aloud(&story);
            let finding = result.err().unwrap_or_else(|| "it did not fail again".to_owned());
            Err(Box::new(Failure { story, finding, tale }))
        }
    }
}

/// As [`play_seeds`], but a failure is told by its seed alone.
///
/// # Errors
/// The lowest seed that fails.
pub fn find_failure(
    first: u64,
    count: u64,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Coverage, u64> {
    let (next, done, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let failures = Mutex::new(None::<u64>);
    let coverage = Mutex::new(Coverage::default());
    let work = || {
        let mut own = Coverage::default();
        // Seeds are dealt in order, so that all below the first that fails are played as well.
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            let seed = first.wrapping_add(index);
            match play(&Story::of_seed(seed)) {
                Ok(covered) => own.add(&covered),
                Err(_finding) => {
                    failed.store(true, Ordering::Relaxed);
                    let mut lowest = failures.lock().unwrap_or_else(PoisonError::into_inner);
                    *lowest = Some(lowest.map_or(seed, |lowest| lowest.min(seed)));
                }
            }
            progress(1 + done.fetch_add(1, Ordering::Relaxed));
        }
        coverage.lock().unwrap_or_else(PoisonError::into_inner).add(&own);
    };
    thread::scope(|scope| {
        (1..threads).for_each(|_thread| drop(scope.spawn(work)));
        work();
    });
    match failures.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(seed) => Err(seed),
        None => Ok(coverage.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seed = self.story.seed;
        writeln!(f, "seed {seed} fails: {}\n\nThe shortest story that does:\n", self.finding)?;
        writeln!(f, "{}\nWhat happens in it:\n", self.story)?;
        self.tale.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(
            f,
            "\nPlay it again: cargo run -p tollgate-simulation --release -- --seed {seed} --verbose"
        )
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static LAST_WORDS: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Runs a play; a panic in it is a finding and is not printed.
fn quietly(play: impl FnOnce() -> Coverage) -> Result<Coverage, String> {
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                let place = info.location().map_or(String::new(), |place| format!(" ({place})"));
                let words = last_words(info.payload());
                LAST_WORDS.set(Some(format!("{words}{place}")));
            } else {
                loud(info);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(play));
    QUIET.set(false);
    result.map_err(|payload| LAST_WORDS.take().unwrap_or_else(|| last_words(&*payload)))
}

fn last_words(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic without words".to_owned())
}
