//! The shards' clock: wall time that is not trusted blindly.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tollgate_domain::Timestamp;

/// How far wall time may stray from the monotonic clock before it counts as a jump. Slewing by NTP
/// moves at most 0.5 ms a second; a leap second is one second; a minute is somebody's hand.
const JUMP: Duration = Duration::from_secs(60);

/// Wall time beside the monotonic clock. One for all shards.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    began_wall: Duration,
    jumped: AtomicBool,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now(), began_wall: wall(), jumped: AtomicBool::new(false) }
    }

    /// The time of a shard whose last record was at `last`: never goes back.
    pub(crate) fn now(last: Timestamp) -> Timestamp {
        to_timestamp(wall()).max(last)
    }

    /// Whether wall time has jumped since the start, against the monotonic clock. Expiries are held
    /// back while it has: a wrong clock must not end anybody's payment.
    pub(crate) fn has_jumped(&self) -> bool {
        let expected = self.began_wall + self.began.elapsed();
        let stray = expected.abs_diff(wall());
        let jumped = stray > JUMP;
        if self.jumped.swap(jumped, Ordering::Relaxed) != jumped {
            let stray_seconds = stray.as_secs();
            if jumped {
                tracing::error!(stray_seconds, "wall clock has jumped; expiries are held back");
            } else {
                tracing::warn!(stray_seconds, "wall clock agrees again; expiries go on");
            }
        }
        jumped
    }
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn to_timestamp(wall: Duration) -> Timestamp {
    Timestamp::from_millis(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back() {
        assert_eq!(Clock::now(Timestamp::MAX), Timestamp::MAX);
        assert!(Clock::now(Timestamp::default()) > Timestamp::default());
    }

    #[test]
    fn a_jump_is_noticed_and_forgiven() {
        let mut clock = Clock::start();
        assert!(!clock.has_jumped());
        let true_start = clock.began_wall;
        clock.began_wall = true_start - Duration::from_secs(61);
        assert!(clock.has_jumped(), "wall time ran ahead");
        clock.began_wall = true_start + Duration::from_secs(61);
        assert!(clock.has_jumped(), "wall time went back");
        clock.began_wall = true_start;
        assert!(!clock.has_jumped());
    }
}
