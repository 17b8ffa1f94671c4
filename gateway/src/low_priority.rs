//! Threads that work behind everything that somebody waits for: what derives something from the log,
//! once a start no longer waits for it.
//!
//! Not here: deliveries and snapshots, which may wait for longer than what is derived. Too much of
//! that must not wait, or payments are refused.

use std::{collections::BTreeSet, fs, io};

use rustix::process::{Pid, setpriority_process};

/// Niceness of these threads. Where all processors are busy, a thread at ten still gets about a tenth
/// of what another gets: several times what it needs to keep up, so that its backlog stays short.
const NICENESS: i32 = 10;

/// Lowers the priority of the calling thread and of all that it starts from now on. On Linux; where it
/// is refused, they work as fast as the others.
pub(crate) fn lower_priority() {
    if let Err(error) = setpriority_process(None, NICENESS) {
        warn(&error);
    }
}

/// Threads that were started by whoever opened something, and are to work behind once nobody waits for
/// what they do.
#[derive(Default)]
pub(crate) struct StartedThreads(Vec<i32>);

impl StartedThreads {
    /// Opens something; those threads are meant that are started meanwhile and whose name begins so. They
    /// have the priority of the caller.
    pub(crate) fn while_opening<T>(name: &str, open: impl FnOnce() -> T) -> (T, Self) {
        let before = threads(name);
        let opened = open();
        let started = before
            .and_then(|before| Ok(Self(threads(name)?.difference(&before).copied().collect())));
        let started = started.unwrap_or_else(|error| {
            warn(&error);
            Self::default()
        });
        (opened, started)
    }

    /// Lowers their priority.
    pub(crate) fn lower_priority(&self) {
        for thread in self.0.iter().filter_map(|thread| Pid::from_raw(*thread)) {
            // It may have ended since.
            let _ = setpriority_process(Some(thread), NICENESS);
        }
    }
}

/// The threads of this process whose name begins so, by the numbers that Linux gives them.
fn threads(name: &str) -> io::Result<BTreeSet<i32>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        // What cannot be read has ended since.
        let is_named = fs::read_to_string(entry.path().join("comm"))
            .is_ok_and(|its_name| its_name.starts_with(name));
        if is_named
            && let Some(number) = entry.file_name().to_str().and_then(|text| text.parse().ok())
        {
            found.insert(number);
        }
    }
    Ok(found)
}

fn warn(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "work behind the log has the priority of everything else");
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Sender, channel},
        thread,
    };

    use rustix::{process::getpriority_process, thread::gettid};

    use super::*;

    const NAME: &str = "works-behind";

    /// A thread of that name that lives until its sender is gone, and its number.
    fn start() -> (Sender<()>, Pid) {
        let (tell, told) = channel();
        let (end, ended) = channel::<()>();
        let thread = thread::Builder::new().name(format!("{NAME}-1"));
        thread
            .spawn(move || {
                tell.send(gettid()).unwrap();
                let _ = ended.recv();
            })
            .unwrap();
        (end, told.recv().unwrap())
    }

    #[test]
    fn what_is_opened_works_behind_once_that_is_asked_for() {
        let usual = getpriority_process(None).unwrap();
        let (_older, before) = start();
        let ((_newer, opened), threads) = StartedThreads::while_opening(NAME, start);
        assert_eq!(getpriority_process(Some(opened)).unwrap(), usual);
        threads.lower_priority();
        assert_eq!(getpriority_process(Some(opened)).unwrap(), NICENESS.max(usual));
        assert_eq!(getpriority_process(Some(before)).unwrap(), usual);
        assert_eq!(getpriority_process(None).unwrap(), usual);
    }
}
