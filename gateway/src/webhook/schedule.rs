//! When an event that was not taken is tried again.

use std::time::Duration;

use tollgate_domain::Millis;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The wait before each try, in seconds; the first is made at once.
const WAITS: [u64; 10] =
    [0, 5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

/// After how many tries later events of the same payment may overtake one that fails: with the one
/// after five minutes.
pub(super) const TRIES_IN_ORDER: u8 = 3;

/// The longest wait that a receiver can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * HOUR);

/// How long an endpoint that takes nothing is borne with.
pub(super) const BORNE_WITH: Millis = Millis::from_seconds(5 * 24 * HOUR);

/// The wait after so many tries; `None` where it is given up. `chance`, any number, spreads tries
/// over a fifth of the wait in either direction, so that those who failed together do not come back
/// together. A receiver may ask for more with `Retry-After`.
pub(super) fn wait_after(tries: u8, chance: u64, asked: Option<Duration>) -> Option<Millis> {
    let wait = Duration::from_secs(*WAITS.get(usize::from(tries))?);
    let fifths = u128::from(chance) * (wait.as_millis() * 2 / 5) / u128::from(u64::MAX);
    let spread = wait.as_millis() * 4 / 5 + fifths;
    let asked = asked.unwrap_or_default().min(LONGEST_ASKED).as_millis();
    Some(Millis(u64::try_from(spread.max(asked)).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_spread_by_a_fifth_and_end() {
        let seconds = |tries, chance| wait_after(tries, chance, None).map(|wait| wait.0 / 1_000);
        assert_eq!((seconds(1, 0), seconds(1, u64::MAX)), (Some(4), Some(6)));
        assert_eq!((seconds(2, 0), seconds(2, u64::MAX)), (Some(240), Some(360)));
        assert_eq!(seconds(9, u64::MAX / 2), Some(86_399), "a day, or just about");
        assert_eq!(seconds(10, 0), None);
        let middle: u64 = (0..10).map(|tries| WAITS[tries]).sum();
        assert_eq!(middle / 3_600, 75, "more than three days in all");
    }

    #[test]
    fn a_receiver_may_ask_for_more_within_a_day() {
        let asked = |seconds| wait_after(1, 0, Some(Duration::from_secs(seconds))).unwrap().0;
        assert_eq!(asked(1), 4_000, "no less than the schedule");
        assert_eq!(asked(90), 90_000);
        assert_eq!(asked(1_000_000), 86_400_000);
    }
}
