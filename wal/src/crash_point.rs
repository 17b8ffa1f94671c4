//! Places at which a test can let the process die as `kill -9` would, to see what the next one finds.
//!
//! A test arms one place in a process of its own, which then does what leads there. What the kernel
//! has by then stays, and nothing else does: no destructor runs and no buffer is written.
//!
//! Invariant: without the feature `crash-points` none can be armed, and to reach one is nothing.
//!
//! Not here: the places. Each is named where it stands, after what has just been done.

/// A place that is armed.
#[cfg(feature = "crash-points")]
static ARMED: std::sync::Mutex<Option<Armed>> = std::sync::Mutex::new(None);

#[cfg(feature = "crash-points")]
struct Armed {
    place: String,
    /// How often it is to be passed before.
    spared: u32,
}

/// Lets the process die at this place, when it is reached after so many times.
#[cfg(feature = "crash-points")]
pub fn arm(place: &str, spared: u32) {
    *armed() = Some(Armed { place: place.to_owned(), spared });
}

/// The process is at this place, and goes on from it unless it is armed.
#[cfg(feature = "crash-points")]
pub fn reach(place: &'static str) {
    let mut armed = armed();
    let Some(one) = armed.as_mut().filter(|one| one.place == place) else { return };
    if one.spared > 0 {
        one.spared -= 1;
        return;
    }
    let killed =
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    unreachable!("a process that kills itself is gone: {killed:?}");
}

/// Nothing.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub const fn reach(_place: &'static str) {}

#[cfg(feature = "crash-points")]
fn armed() -> std::sync::MutexGuard<'static, Option<Armed>> {
    ARMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
