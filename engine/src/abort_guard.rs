//! Turns a panic in a shard, or in a task that the engine cannot do without, into the end of the
//! process.

use tokio::runtime::Handle;

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

/// Runs a task whose panic aborts. Without the releaser, records would be written and nobody told;
/// without the courier, nothing would reach a shard.
///
/// The task's end is watched from another task: one that is merely dropped, with its runtime, has
/// not panicked, even if the thread that drops it has.
pub(crate) fn spawn_vital(runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
    let task = runtime.spawn(task);
    runtime.spawn(async move {
        if task.await.is_err_and(|error| error.is_panic()) {
            std::process::abort();
        }
    });
}
