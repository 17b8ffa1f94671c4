//! The shards' clock: wall time that is not trusted blindly.
//!
//! While wall time agrees with the monotonic clock it is the shards' time. Once it jumps, the
//! shards go on by the monotonic clock from where they were, and an alarm is raised: a wrong clock
//! must not end anybody's payment, nor let an idempotency key be forgotten early. Invariant: a time
//! that has jumped never enters a record, for a shard's time never goes back from one.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};
use tollgate_domain::Timestamp;

/// How far wall time may stray from the monotonic clock before it counts as a jump. Slewing by NTP
/// moves at most 0.5 ms a second; a leap second is one second; a minute is somebody's hand.
const JUMP: Duration = Duration::from_secs(60);

/// Wall time beside the monotonic clock. One for all shards.
#[derive(Debug)]
pub struct Clock {
    began: Duration,
    began_wall: Duration,
    strays: AtomicBool,
}

impl Clock {
    /// Starts at wall time, or at the last time in the log where wall time lies behind it.
    pub(crate) fn start(last: Timestamp) -> Self {
        Self::start_at(last, wall(), monotonic())
    }

    /// As a start at the last time in the log, where the two clocks show this.
    #[must_use]
    pub fn start_at(last: Timestamp, wall: Duration, monotonic: Duration) -> Self {
        let last = Duration::from_millis(last.as_millis());
        Self { began: monotonic, began_wall: wall.max(last), strays: AtomicBool::new(false) }
    }

    /// The time that is trusted.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time_at(wall(), monotonic())
    }

    /// The same, where wall time agrees with it; `None` while that has jumped.
    pub(crate) fn agreed_time(&self) -> Option<Timestamp> {
        self.agreed_time_at(wall(), monotonic())
    }

    /// The time of a shard whose last record was at `last`: never goes back.
    pub(crate) fn now(&self, last: Timestamp) -> Timestamp {
        self.time().max(last)
    }

    /// The time that is trusted where the two clocks show this.
    #[must_use]
    pub fn time_at(&self, wall: Duration, monotonic: Duration) -> Timestamp {
        self.agreed_time_at(wall, monotonic)
            .unwrap_or_else(|| to_timestamp(self.expected(monotonic)))
    }

    fn expected(&self, monotonic: Duration) -> Duration {
        self.began_wall + monotonic.saturating_sub(self.began)
    }

    fn agreed_time_at(&self, wall: Duration, monotonic: Duration) -> Option<Timestamp> {
        let stray = self.expected(monotonic).abs_diff(wall);
        let strays = stray > JUMP;
        if self.strays.load(Ordering::Relaxed) != strays {
            self.strays.store(strays, Ordering::Relaxed);
            let stray_seconds = stray.as_secs();
            if strays {
                tracing::error!(stray_seconds, "wall clock has jumped; time goes on without it");
            } else {
                tracing::warn!(stray_seconds, "wall clock agrees again");
            }
        }
        (!strays).then(|| to_timestamp(wall))
    }
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Runs on while the machine is suspended, unlike `std::time::Instant`: a suspended machine has no
/// wrong wall time when it wakes.
#[cfg(target_os = "linux")]
fn monotonic() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn monotonic() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

fn to_timestamp(wall: Duration) -> Timestamp {
    Timestamp::from_millis(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock {
            began: Duration::from_secs(10),
            began_wall: Duration::from_secs(1_000_000),
            strays: AtomicBool::new(false),
        }
    }

    fn seconds(clock: &Clock, wall: u64, monotonic: u64) -> u64 {
        clock.time_at(Duration::from_secs(wall), Duration::from_secs(monotonic)).as_seconds()
    }

    #[test]
    fn wall_time_is_followed_while_it_agrees() {
        assert_eq!(seconds(&clock(), 1_000_005, 15), 1_000_005);
        assert_eq!(seconds(&clock(), 1_000_060, 15), 1_000_060);
        assert_eq!(seconds(&clock(), 1_000_000, 15), 1_000_000);
    }

    #[test]
    fn a_jump_is_not_followed_and_its_end_is() {
        let clock = clock();
        assert_eq!(seconds(&clock, 1_000_000 + 2 * 86_400, 15), 1_000_005, "ahead");
        assert_eq!(seconds(&clock, 900_000, 25), 1_000_015, "back");
        assert_eq!(seconds(&clock, 1_000_036, 35), 1_000_036, "mended");
    }

    #[test]
    fn no_time_is_agreed_upon_while_wall_time_has_jumped() {
        let clock = clock();
        let agreed = |wall, monotonic| {
            let agreed =
                clock.agreed_time_at(Duration::from_secs(wall), Duration::from_secs(monotonic));
            agreed.map(Timestamp::as_seconds)
        };
        assert_eq!(agreed(1_000_005, 15), Some(1_000_005));
        assert_eq!(agreed(1_000_000 + 90 * 86_400, 15), None, "ahead");
        assert_eq!(agreed(900_000, 25), None, "back");
        assert_eq!(agreed(1_000_036, 35), Some(1_000_036), "mended");
    }

    #[test]
    fn time_never_goes_back_and_starts_no_earlier_than_the_log() {
        assert_eq!(clock().now(Timestamp::MAX), Timestamp::MAX);
        let ahead = Timestamp::from_millis(4_000_000_000_000);
        assert!(Clock::start(ahead).now(Timestamp::default()) >= ahead);
    }
}
