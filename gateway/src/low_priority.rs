//! Threads that work behind everything that somebody waits for: what derives something from the log.
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

/// Opens something, and lowers the priority of those threads that were started meanwhile and whose name
/// begins so. What is done to open it has the priority of the caller: a start waits for it.
pub(crate) fn with_low_priority_threads<T>(name: &str, open: impl FnOnce() -> T) -> T {
    let before = threads(name);
    let opened = open();
    let lowered = before.and_then(|before| {
        for thread in threads(name)?.difference(&before) {
            // It may have ended since.
            let _ =
                Pid::from_raw(*thread).map(|thread| setpriority_process(Some(thread), NICENESS));
        }
        Ok(())
    });
    if let Err(error) = lowered {
        warn(&error);
    }
    opened
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
    fn what_is_opened_works_behind_and_opening_does_not() {
        let usual = getpriority_process(None).unwrap();
        let (_older, before) = start();
        let (_newer, opened) = with_low_priority_threads(NAME, || {
            assert_eq!(getpriority_process(None).unwrap(), usual);
            start()
        });
        assert_eq!(getpriority_process(Some(opened)).unwrap(), NICENESS.max(usual));
        assert_eq!(getpriority_process(Some(before)).unwrap(), usual);
        assert_eq!(getpriority_process(None).unwrap(), usual);
    }
}
