//! Threads that work behind everything that somebody waits for: what derives something from the log.
//!
//! Not here: deliveries and snapshots, which may wait for longer than what is derived. Too much of
//! that must not wait, or payments are refused.

use std::{io, thread};

/// Niceness of these threads. Where all processors are busy, a thread at ten still gets about a tenth
/// of what another gets: several times what it needs to keep up, so that its backlog stays short.
const NICENESS: i32 = 10;

/// Lowers the priority of the calling thread and of all that it starts from now on. On Linux; where it
/// is refused, they work as fast as the others.
pub(crate) fn lower_priority() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "work behind the log has the priority of everything else");
    }
}

/// Does something that starts threads, so that those are of low priority.
///
/// # Errors
/// Where there is no thread to be had.
pub(crate) fn at_low_priority<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, || {
            lower_priority();
            work()
        })?;
        Ok(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
