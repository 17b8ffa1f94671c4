//! When each request of an open loop is due, drawn from a seed before anything is sent.
//!
//! Invariant: the same profile, arrivals and seed give the same moments, whatever the server does.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::randomness::{Purpose, randomness};
use crate::scenario::{Arrivals, Profile, Segment};

/// The moments in order, from the beginning of the run.
///
/// The profile's rate is summed up over time; a request is due whenever the sum has grown by one
/// (uniform) or by an exponential number (Poisson), which makes the right process at any rate that
/// changes on the way.
#[derive(Debug)]
pub(crate) struct Schedule {
    segments: Vec<Segment>,
    arrivals: Arrivals,
    random: StdRng,
    segment: usize,
    /// Seconds into the segment, and seconds before it.
    within: f64,
    before: f64,
}

impl Schedule {
    pub(crate) fn new(profile: &Profile, arrivals: Arrivals, seed: u64) -> Self {
        Self {
            segments: profile.segments().to_vec(),
            arrivals,
            random: randomness(seed, 0, Purpose::Arrivals),
            segment: 0,
            within: 0.0,
            before: 0.0,
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let mut wanted = match self.arrivals {
            Arrivals::Uniform => 1.0,
            Arrivals::Poisson => -(1.0 - self.random.random::<f64>()).ln(),
        };
        loop {
            let segment = *self.segments.get(self.segment)?;
            let left = segment.length - self.within;
            let (rate, slope) = (segment.from + segment.slope() * self.within, segment.slope());
            let grows = (rate + slope * left / 2.0) * left;
            if wanted < grows {
                // The smaller root of slope/2 x² + rate x = wanted, in the form that loses no digits.
                let root = (rate * rate + 2.0 * slope * wanted).max(0.0).sqrt();
                self.within += 2.0 * wanted / (rate + root);
                return Some(Duration::from_secs_f64(self.before + self.within));
            }
            wanted -= grows;
            self.before += segment.length;
            self.within = 0.0;
            self.segment += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Phase;

    fn profile(phases: &[(u64, f64, f64)], rate: f64) -> Profile {
        let phases: Vec<Phase> = phases
            .iter()
            .map(|&(seconds, from, to)| Phase {
                name: "test".to_owned(),
                duration: Duration::from_secs(seconds),
                counted: true,
                from,
                to,
                spikes: None,
            })
            .collect();
        Profile::of(&phases, rate)
    }

    fn due(phases: &[(u64, f64, f64)], arrivals: Arrivals, seed: u64) -> Vec<Duration> {
        Schedule::new(&profile(phases, 1_000.0), arrivals, seed).collect()
    }

    #[test]
    fn a_seed_repeats_its_moments() {
        let phases = [(2, 1.0, 3.0)];
        assert_eq!(due(&phases, Arrivals::Poisson, 7), due(&phases, Arrivals::Poisson, 7));
        assert_ne!(due(&phases, Arrivals::Poisson, 7), due(&phases, Arrivals::Poisson, 8));
    }

    #[test]
    fn uniform_arrivals_are_evenly_spaced() {
        let moments = due(&[(2, 1.0, 1.0)], Arrivals::Uniform, 7);
        assert!((1_999..=2_000).contains(&moments.len()), "{}", moments.len());
        for pair in moments.windows(2) {
            assert!(
                (pair[1] - pair[0]).abs_diff(Duration::from_millis(1)) < Duration::from_micros(1)
            );
        }
    }

    #[test]
    fn a_ramp_brings_as_many_as_its_area_and_more_towards_its_end() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            let moments = due(&[(2, 0.0, 2.0), (1, 0.5, 0.5)], arrivals, 7);
            let between = |from: u64, to: u64| {
                let range = Duration::from_secs(from)..Duration::from_secs(to);
                moments.iter().filter(|moment| range.contains(moment)).count()
            };
            for (seconds, expected) in [((0, 1), 500_usize), ((1, 2), 1_500), ((2, 3), 500)] {
                let found = between(seconds.0, seconds.1);
                assert!(found.abs_diff(expected) < 120, "{arrivals:?} {seconds:?}: {found}");
            }
            assert!(moments.is_sorted());
        }
    }

    /// Gaps of a Poisson process: their standard deviation is their mean.
    #[test]
    fn poisson_arrivals_are_independent() {
        let moments = due(&[(20, 1.0, 1.0)], Arrivals::Poisson, 7);
        let gaps: Vec<f64> =
            moments.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let count = f64::from(u32::try_from(gaps.len()).unwrap());
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        assert!((mean * 1_000.0 - 1.0).abs() < 0.05, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{variance}");
    }
}
