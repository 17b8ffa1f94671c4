//! The rate over time, made of straight lines.

use std::time::Duration;

use super::{Phase, Spikes};

/// A stretch over which the rate moves evenly, in requests a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Segment {
    /// In seconds.
    pub(crate) length: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// A whole run's rate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profile {
    segments: Vec<Segment>,
    /// Where each phase begins and whether it counts, in order.
    phases: Vec<(Duration, bool)>,
    end: Duration,
}

impl Profile {
    /// The phases at this base rate.
    pub(crate) fn of(phases: &[Phase], rate: f64) -> Self {
        let mut profile = Self { segments: Vec::new(), phases: Vec::new(), end: Duration::ZERO };
        for phase in phases {
            profile.phases.push((profile.end, phase.counted));
            profile.end += phase.duration;
            profile.segments.extend(segments(phase).map(|Segment { length, from, to }| Segment {
                length,
                from: from * rate,
                to: to * rate,
            }));
        }
        profile
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// When the last phase ends.
    pub(crate) fn end(&self) -> Duration {
        self.end
    }

    /// What is due at this time is measured.
    pub(crate) fn is_counted(&self, at: Duration) -> bool {
        self.phases
            .iter()
            .rev()
            .find(|(begin, _)| *begin <= at)
            .is_some_and(|(_, counted)| *counted)
    }

    /// How long all phases that count take together.
    pub(crate) fn counted(&self) -> Duration {
        let ends = self.phases.iter().skip(1).map(|(begin, _)| *begin).chain([self.end]);
        self.phases
            .iter()
            .zip(ends)
            .filter(|((_, counted), _)| *counted)
            .map(|((begin, _), end)| end - *begin)
            .sum()
    }

    /// The rate at this time.
    pub(crate) fn rate_at(&self, at: Duration) -> f64 {
        let mut left = at.as_secs_f64();
        for segment in &self.segments {
            if left < segment.length {
                return segment.from + segment.slope() * left;
            }
            left -= segment.length;
        }
        0.0
    }
}

impl Segment {
    /// How much the rate changes in a second.
    pub(crate) fn slope(&self) -> f64 {
        (self.to - self.from) / self.length
    }
}

/// A phase in straight lines, in multiples of the base rate.
fn segments(phase: &Phase) -> impl Iterator<Item = Segment> {
    let length = phase.duration.as_secs_f64();
    let level = |at: f64| phase.from + (phase.to - phase.from) * (at / length);
    let mut cuts = vec![(0.0, None)];
    if let Some(Spikes { level, duration, every }) = phase.spikes {
        let (duration, every) = (duration.as_secs_f64(), every.as_secs_f64());
        let mut begin = every;
        while begin < length {
            cuts.push((begin, Some(level)));
            cuts.push(((begin + duration).min(length), None));
            begin += every;
        }
    }
    cuts.push((length, None));
    let lines: Vec<Segment> = cuts
        .windows(2)
        .map(|pair| {
            let ((begin, spike), (end, _)) = (pair[0], pair[1]);
            Segment {
                length: end - begin,
                from: spike.unwrap_or_else(|| level(begin)),
                to: spike.unwrap_or_else(|| level(end)),
            }
        })
        .filter(|segment| segment.length > 0.0)
        .collect();
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(seconds: u64, counted: bool, from: f64, to: f64, spikes: Option<Spikes>) -> Phase {
        let duration = Duration::from_secs(seconds);
        Phase { name: "test".to_owned(), duration, counted, from, to, spikes }
    }

    #[test]
    fn phases_follow_each_other_at_multiples_of_the_base_rate() {
        let phases = [phase(2, false, 0.5, 0.5, None), phase(4, true, 1.0, 2.0, None)];
        let profile = Profile::of(&phases, 100.0);
        let rate = |seconds| profile.rate_at(Duration::from_secs_f64(seconds));
        assert_eq!(
            [rate(0.0), rate(1.9), rate(2.0), rate(4.0), rate(6.0)],
            [50.0, 50.0, 100.0, 150.0, 0.0]
        );
        assert!(!profile.is_counted(Duration::from_secs(1)));
        assert!(profile.is_counted(Duration::from_secs(2)));
        let seconds = Duration::from_secs;
        assert_eq!((profile.end(), profile.counted()), (seconds(6), seconds(4)));
    }

    #[test]
    fn spikes_stand_out_at_even_distances() {
        let spikes =
            Spikes { level: 5.0, duration: Duration::from_secs(1), every: Duration::from_secs(4) };
        let profile = Profile::of(&[phase(9, true, 1.0, 1.0, Some(spikes))], 10.0);
        let rates: Vec<f64> =
            (0..9).map(|at| profile.rate_at(Duration::from_millis(at * 1_000 + 500))).collect();
        assert_eq!(rates, [10.0, 10.0, 10.0, 10.0, 50.0, 10.0, 10.0, 10.0, 50.0]);
    }
}
