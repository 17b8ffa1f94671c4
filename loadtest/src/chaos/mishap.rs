//! What befalls a server in the middle of load, besides the end of its process.

use rand::RngExt;
use rand::seq::SliceRandom;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

use crate::randomness::{Purpose, randomness};

/// One kind of mishap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// SIGKILL, and nothing before it.
    Kill,
    /// The process is stopped and continued, as a machine that stalls does it.
    Pause,
    /// The disk has less room left than the server wants to keep free.
    DiskLow,
    /// The disk has no room left at all.
    DiskFull,
    /// Every sync of the disk fails from a moment on.
    SyncFails,
    /// The provider's process is killed, and comes back.
    ProviderKilled,
    /// The provider's process is stopped and continued: its answers come late.
    ProviderPaused,
}

/// What happens in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) mishap: Mishap,
    /// Load before the mishap.
    pub(super) before: Duration,
    /// How long it lasts, where it lasts.
    pub(super) lasts: Duration,
    /// Load after it.
    pub(super) after: Duration,
    pub(super) ending: Ending,
}

/// How a server that still runs is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and exit code 0.
    Terminate,
}

impl Mishap {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Kill,
        Self::Pause,
        Self::DiskLow,
        Self::DiskFull,
        Self::SyncFails,
        Self::ProviderKilled,
        Self::ProviderPaused,
    ];

    /// The name used on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::DiskLow => "disk_low",
            Self::DiskFull => "disk_full",
            Self::SyncFails => "sync_fails",
            Self::ProviderKilled => "provider_killed",
            Self::ProviderPaused => "provider_paused",
        }
    }

    /// Whether it needs a small disk of the server's own.
    pub(super) fn needs_disk(self) -> bool {
        matches!(self, Self::DiskLow | Self::DiskFull)
    }

    /// Whether it needs the provider in a process of its own.
    pub(super) fn needs_provider(self) -> bool {
        matches!(self, Self::ProviderKilled | Self::ProviderPaused)
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Plan {
    /// The plan of a round: every kind gets its turn before one comes again, in an order that the
    /// seed shuffles anew each time.
    ///
    /// # Panics
    /// Without any kind.
    pub(super) fn of(
        kinds: &[Mishap],
        load: &std::ops::RangeInclusive<Duration>,
        seed: u64,
        round: u32,
    ) -> Self {
        let count = u32::try_from(kinds.len()).expect("there are seven kinds");
        let (cycle, place) = (round / count, (round % count) as usize);
        let mut order = kinds.to_vec();
        order.shuffle(&mut randomness(seed, cycle, Purpose::MishapOrder));
        let mishap = order[place];
        let mut random = randomness(seed, round, Purpose::KillMoment);
        let before = random.random_range(load.clone());
        let milliseconds = |range: std::ops::Range<u64>, random: &mut rand::rngs::StdRng| {
            Duration::from_millis(random.random_range(range))
        };
        let lasts = milliseconds(300..2_500, &mut random);
        let after = milliseconds(100..800, &mut random);
        let ending = match mishap {
            Mishap::Kill => Ending::Kill,
            _ if random.random_bool(0.5) => Ending::Kill,
            _ => Ending::Terminate,
        };
        Self { mishap, before, lasts, after, ending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: std::ops::RangeInclusive<Duration> =
        Duration::from_millis(10)..=Duration::from_millis(20);

    #[test]
    fn every_kind_gets_its_turn_and_the_seed_repeats_it() {
        let plans = |seed| (0..14).map(move |round| Plan::of(&Mishap::ALL, &LOAD, seed, round));
        for cycle in plans(7).collect::<Vec<_>>().chunks(7) {
            let mut kinds: Vec<Mishap> = cycle.iter().map(|plan| plan.mishap).collect();
            kinds.sort_unstable();
            assert_eq!(kinds, Mishap::ALL);
        }
        assert!(plans(7).eq(plans(7)));
        assert!(!plans(7).eq(plans(8)));
        assert!(plans(7).all(|plan| LOAD.contains(&plan.before)));
    }

    #[test]
    fn a_kill_is_a_kill() {
        for round in 0..20 {
            assert_eq!(Plan::of(&[Mishap::Kill], &LOAD, 1, round).ending, Ending::Kill);
        }
    }

    #[test]
    fn the_text_and_the_json_name_a_kind_alike() {
        for mishap in Mishap::ALL {
            assert_eq!(serde_json::to_value(mishap).unwrap(), mishap.name());
        }
    }
}
