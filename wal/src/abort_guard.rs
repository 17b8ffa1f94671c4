//! A panic in a thread of the log ends the process.

/// Aborts if it is dropped by a panic. A log thread that is gone would leave callers waiting for
/// ever, or worse, a log that looks alive; a restart replays and is right.
pub(crate) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a log thread panicked, the process ends");
            std::process::abort();
        }
    }
}
