//! A scenario: what is asked for, how fast and for how long, and what has to come of it.
//!
//! Scenarios are TOML files (`docs/load-testing.md` describes every key); some are compiled in and
//! known by name. Rates are multiples of one base rate, so that the same profile can be played
//! faster or slower.
//!
//! Invariant: a scenario that was parsed can be played. What cannot be meant is refused with file
//! and line.

mod document;
mod library;
mod profile;
mod weights;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::operation::Operation;
use crate::order::Fault;

pub use library::LIBRARY;
pub(crate) use profile::{Profile, Segment};
pub(crate) use weights::Weights;

/// The most that a harness on one machine can mean, in requests a second.
const HIGHEST_RATE: f64 = 200_000.0;

/// The most connections, and the most merchants.
const MOST: u32 = 20_000;

/// The longest run: a week.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is to be played.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    pub about: String,
    pub(crate) pace: Pace,
    /// A request has so long to be answered.
    pub(crate) patience: Duration,
    pub(crate) merchants: Merchants,
    pub(crate) phases: Vec<Phase>,
    pub(crate) mix: Weights<Operation>,
    pub(crate) faults: Weights<Fault>,
    pub(crate) expectations: Expectations,
    /// The money is checked afterwards.
    pub(crate) audit: bool,
}

impl Scenario {
    /// Without what a server has to be configured for: its payments that are held for a review.
    #[must_use]
    pub fn for_any_server(mut self) -> Self {
        let needs = |operation: Operation| {
            matches!(
                operation,
                Operation::ReviewPayment | Operation::ReviewApproval | Operation::ReviewRejection
            )
        };
        if let Some(rest) = self.mix.only(|operation| !needs(operation)) {
            self.mix = rest;
        }
        self
    }
}

/// A scenario that is compiled in.
#[derive(Debug, Clone, Copy)]
pub struct NamedScenario {
    pub name: &'static str,
    pub text: &'static str,
}

/// When the next request is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// At its time, whatever became of those before.
    Open { rate: f64, arrivals: Arrivals, outstanding: u32, send_within: Duration },
    /// When an earlier one was answered.
    Closed { concurrency: u32 },
}

/// How requests of an open loop follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrivals {
    /// As independent customers come.
    Poisson,
    /// Evenly.
    Uniform,
}

/// Who is paid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Merchants {
    pub(crate) count: u32,
    /// This share of all payments is the first merchant's.
    pub(crate) hot_share: f64,
}

/// A stretch of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) duration: Duration,
    /// What is sent in it is measured; a warm-up is not.
    pub(crate) counted: bool,
    /// Times the base rate, from its beginning to its end.
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) spikes: Option<Spikes>,
}

/// Short stretches of another rate, at even distances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spikes {
    /// Times the base rate.
    pub(crate) level: f64,
    pub(crate) duration: Duration,
    /// From the beginning of one to that of the next; the first comes after one such distance.
    pub(crate) every: Duration,
}

/// What has to come of a run for it to pass.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Expectations {
    /// Requests sent in time, as a share of those that were due.
    pub(crate) achieved_ratio: Option<f64>,
    pub(crate) overall: Limits,
    pub(crate) of: Vec<(Operation, Limits)>,
}

/// Upper limits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Limits {
    /// Corrected latencies.
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) p999: Option<Duration>,
    pub(crate) max: Option<Duration>,
    /// Requests that are no success, as a share of those that were due.
    pub(crate) error_ratio: Option<f64>,
}

/// What the command line says otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides {
    /// The base rate of an open loop, in requests a second.
    pub rate: Option<f64>,
    /// A closed loop over so many connections.
    pub concurrency: Option<u32>,
    /// How long all phases that count take together.
    pub duration: Option<Duration>,
    pub audit: Option<bool>,
}

impl Scenario {
    /// Reads a file, or takes the compiled-in scenario of that name.
    pub fn load(source: &str) -> Result<Self> {
        if let Some(named) = LIBRARY.iter().find(|named| named.name == source) {
            return Self::parse(named.name, named.name, named.text);
        }
        let path = Path::new(source);
        let text = std::fs::read_to_string(path).with_context(|| {
            let names: Vec<&str> = LIBRARY.iter().map(|named| named.name).collect();
            format!("{source} is no scenario of that name ({}) and no file", names.join(", "))
        })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&name, source, &text)
    }

    /// `source` is what faults are placed in.
    pub fn parse(name: &str, source: &str, text: &str) -> Result<Self> {
        let scenario = document::parse(name, source, text)?;
        scenario.check().with_context(|| format!("{source} cannot be played"))?;
        Ok(scenario)
    }

    /// The scenario as the command line wants it.
    pub fn with(mut self, overrides: Overrides) -> Result<Self> {
        let Overrides { rate, concurrency, duration, audit } = overrides;
        self.pace = match (rate, concurrency, self.pace) {
            (Some(_), Some(_), _) => bail!("a rate and a concurrency exclude each other"),
            (None, None, pace) => pace,
            (None, Some(concurrency), _) => Pace::Closed { concurrency },
            (Some(rate), None, Pace::Open { arrivals, outstanding, send_within, .. }) => {
                Pace::Open { rate, arrivals, outstanding, send_within }
            }
            (Some(rate), None, Pace::Closed { .. }) => document::open_pace(rate),
        };
        if let Some(wanted) = duration {
            let counted: f64 = self
                .phases
                .iter()
                .filter(|phase| phase.counted)
                .map(|phase| phase.duration.as_secs_f64())
                .sum();
            let factor = wanted.as_secs_f64() / counted;
            for phase in self.phases.iter_mut().filter(|phase| phase.counted) {
                phase.stretch(factor);
            }
        }
        if let Some(audit) = audit {
            self.audit = audit;
        }
        self.check()?;
        Ok(self)
    }

    /// How long the load lasts.
    pub fn duration(&self) -> Duration {
        self.phases.iter().map(|phase| phase.duration).sum()
    }

    fn check(&self) -> Result<()> {
        match self.pace {
            Pace::Open { rate, outstanding, send_within, .. } => {
                ensure!(
                    rate > 0.0 && rate <= HIGHEST_RATE,
                    "a rate is above 0 and up to {HIGHEST_RATE}"
                );
                let bounded = (1..=MOST).contains(&outstanding);
                ensure!(bounded, "load.outstanding is from 1 to {MOST}");
                ensure!(!send_within.is_zero(), "load.send_within_s is above 0");
            }
            Pace::Closed { concurrency } => {
                let bounded = (1..=MOST).contains(&concurrency);
                ensure!(bounded, "a concurrency is from 1 to {MOST}");
            }
        }
        ensure!(!self.patience.is_zero(), "load.timeout_s is above 0");
        let Merchants { count, hot_share } = self.merchants;
        ensure!((1..=MOST).contains(&count), "merchants.count is from 1 to {MOST}");
        ensure!((0.0..=1.0).contains(&hot_share), "merchants.hot_share is from 0 to 1");
        ensure!(self.phases.iter().any(|phase| phase.counted), "no phase counts");
        ensure!(self.duration() <= LONGEST, "a run of more than a week");
        for phase in &self.phases {
            phase.check().with_context(|| format!("phase {}", phase.name))?;
        }
        Ok(())
    }
}

impl Phase {
    /// Takes so many times as long, its spikes as well.
    fn stretch(&mut self, factor: f64) {
        self.duration = self.duration.mul_f64(factor);
        if let Some(spikes) = &mut self.spikes {
            spikes.duration = spikes.duration.mul_f64(factor);
            spikes.every = spikes.every.mul_f64(factor);
        }
    }

    fn check(&self) -> Result<()> {
        ensure!(!self.duration.is_zero(), "seconds is above 0");
        let levels = [self.from, self.to];
        ensure!(levels.iter().all(|level| (0.0..=1_000.0).contains(level)), "a level is 0 to 1000");
        ensure!(levels.iter().any(|&level| level > 0.0), "a phase in which nothing is sent");
        if let Some(Spikes { level, duration, every }) = self.spikes {
            ensure!((0.0..=1_000.0).contains(&level), "a spike's level is 0 to 1000");
            ensure!(
                !duration.is_zero() && duration < every,
                "a spike is shorter than its distance"
            );
        }
        Ok(())
    }
}

impl Merchants {
    pub(crate) fn draw(self, random: &mut StdRng) -> u32 {
        if self.count == 1 || random.random::<f64>() < self.hot_share {
            return 0;
        }
        let coldest = u32::from(self.hot_share > 0.0);
        random.random_range(coldest..self.count)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const PLAIN: &str = "about = \"a test\"\n[load]\nrate = 10.0\n[[phase]]\nname = \"warm-up\"\n\
        seconds = 1.0\ncounted = false\n[[phase]]\nname = \"steady\"\nseconds = 2.0\n[mix]\n\
        card_payment = 1\n";

    fn refusal(text: &str) -> String {
        format!("{:#}", Scenario::parse("test", "test.toml", text).unwrap_err())
    }

    #[test]
    fn every_compiled_in_scenario_can_be_played() {
        for named in LIBRARY {
            let scenario = Scenario::load(named.name).unwrap();
            assert!(!scenario.about.is_empty(), "{}", named.name);
        }
        let names: std::collections::HashSet<_> = LIBRARY.iter().map(|named| named.name).collect();
        assert_eq!(names.len(), LIBRARY.len());
    }

    #[test]
    fn a_scenario_is_refused_with_file_and_line() {
        for (right, wrong, expected) in [
            (
                "card_payment = 1",
                "card_paiment = 1",
                "test.toml:12: there is no operation card_paiment",
            ),
            ("card_payment = 1", "card_payment = \"x\"", "test.toml:12: "),
            ("card_payment = 1", "card_payment = -1", "test.toml:12: "),
            ("rate = 10.0", "rat = 10.0", "test.toml:3: unknown field `rat`"),
            ("rate = 10.0", "rate = ", "test.toml:3: "),
            ("rate = 10.0", "rate = 0.0", "a rate is above 0"),
            ("rate = 10.0", "rate = 10.0\nconcurrency = 3", "load.rate and load.concurrency"),
            ("rate = 10.0", "arrivals = \"uniform\"", "load.rate or load.concurrency"),
            ("rate = 10.0", "rate = 10.0\narrivals = \"even\"", "test.toml:4: unknown variant"),
            ("seconds = 2.0", "seconds = -2.0", "test.toml:10: "),
            ("seconds = 2.0", "seconds = 0", "phase steady: seconds is above 0"),
            ("seconds = 2.0", "seconds = 2.0\ncounted = false", "no phase counts"),
            ("seconds = 2.0", "seconds = 2.0\nlevel = 0.0", "in which nothing is sent"),
            ("card_payment = 1", "", "nothing is in the mix"),
            (
                "[mix]",
                "[expect]\np99_ms = 1\n[expect.of.nothing]\np99_ms = 1\n[mix]",
                "test.toml:13: there is no operation nothing",
            ),
            (
                "[mix]",
                "[faults]\nlightning = 1\n[mix]",
                "test.toml:12: there is no fault lightning",
            ),
        ] {
            assert!(PLAIN.contains(right));
            let refused = refusal(&PLAIN.replacen(right, wrong, 1));
            assert!(refused.contains(expected), "{wrong}: {refused}");
        }
    }

    #[test]
    fn the_command_line_wins() {
        let plain = || Scenario::parse("test", "test.toml", PLAIN).unwrap();
        let overrides = Overrides {
            rate: Some(50.0),
            duration: Some(Duration::from_secs(8)),
            audit: Some(true),
            ..Overrides::default()
        };
        let scenario = plain().with(overrides).unwrap();
        assert!(matches!(scenario.pace, Pace::Open { rate: 50.0, .. }));
        assert_eq!(scenario.duration(), Duration::from_secs(9), "a warm-up keeps its length");
        assert!(scenario.audit);
        let spiked = PLAIN.replace(
            "seconds = 2.0",
            "seconds = 2.0\nspike = { level = 2.0, seconds = 0.5, every_s = 1.0 }",
        );
        let spiked =
            Scenario::parse("test", "test.toml", &spiked).unwrap().with(overrides).unwrap();
        let spikes = spiked.phases[1].spikes.unwrap();
        let seconds = Duration::from_secs;
        assert_eq!((spikes.duration, spikes.every), (seconds(2), seconds(4)));
        let closed = Overrides { concurrency: Some(8), ..Overrides::default() };
        let scenario = plain().with(closed).unwrap();
        assert_eq!(scenario.pace, Pace::Closed { concurrency: 8 });
        assert!(scenario.with(Overrides { rate: Some(5.0), ..closed }).is_err());
        assert!(plain().with(Overrides { rate: Some(-1.0), ..Overrides::default() }).is_err());
    }

    #[test]
    fn a_hot_merchant_gets_its_share() {
        let mut random = StdRng::seed_from_u64(7);
        let merchants = Merchants { count: 10, hot_share: 0.9 };
        let mut drawn = [0_u32; 10];
        for _ in 0..10_000 {
            drawn[merchants.draw(&mut random) as usize] += 1;
        }
        assert!((8_800..9_200).contains(&drawn[0]), "{drawn:?}");
        assert!(drawn.iter().all(|&count| count > 50), "{drawn:?}");
        let alone = Merchants { count: 1, hot_share: 0.0 };
        assert_eq!(alone.draw(&mut random), 0);
    }
}
