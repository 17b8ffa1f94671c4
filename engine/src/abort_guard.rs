//! Turns a panic in a shard into the end of the process.

/// While alive, a panic that unwinds past it aborts.
///
/// actix would drop the actor and go on without it: its merchants' payments would be gone until
/// somebody noticed, and a command half applied would look whole.
pub(crate) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
