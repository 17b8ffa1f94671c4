//! What is shown while a run goes on: a bar on a terminal, else plain lines, on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::recorder::Glimpse;
use crate::scenario::{Pace, Scenario};

/// Without a terminal a line is written so often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How a run shows its progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A bar that redraws itself.
    Bar,
    /// A line from time to time.
    Lines,
    Silent,
}

/// A moment of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick {
    pub(super) now: Duration,
    pub(super) glimpse: Glimpse,
    pub(super) outstanding: usize,
    /// What is due in a second; of a closed loop, the connections that send.
    pub(super) rate: f64,
}

/// Progress on its way.
pub(super) enum Display {
    Bar(ProgressBar, Facts),
    Lines { facts: Facts, next: Duration },
    Silent,
}

/// What does not change on the way.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    scenario: String,
    end: Duration,
    open: bool,
    phases: Vec<(String, Duration)>,
}

impl Progress {
    /// A bar where standard error is a terminal, else lines.
    pub fn of_terminal() -> Self {
        use std::io::IsTerminal;
        if std::io::stderr().is_terminal() { Self::Bar } else { Self::Lines }
    }

    /// Says that the next part begins.
    pub(super) fn say(self, what: &str) {
        match self {
            Self::Bar | Self::Lines => eprintln!("{what}"),
            Self::Silent => {}
        }
    }

    pub(super) fn begin(self, scenario: &Scenario, end: Duration) -> Display {
        let facts = Facts::of(scenario, end);
        match self {
            Self::Silent => Display::Silent,
            Self::Lines => Display::Lines { facts, next: LINE_EVERY },
            Self::Bar => {
                let bar = ProgressBar::new(millis(end));
                let style = ProgressStyle::with_template("{prefix:.bold} {bar:24.cyan/blue} {msg}");
                bar.set_style(style.expect("the template is well-formed"));
                bar.set_prefix(facts.scenario.clone());
                Display::Bar(bar, facts)
            }
        }
    }
}

impl Display {
    pub(super) fn show(&mut self, tick: &Tick) {
        match self {
            Self::Silent => {}
            Self::Bar(bar, facts) => {
                bar.set_position(millis(tick.now.min(facts.end)));
                bar.set_message(facts.line(tick));
            }
            Self::Lines { facts, next } => {
                if tick.now >= *next {
                    *next += LINE_EVERY;
                    eprintln!("{}: {}", facts.scenario, facts.line(tick));
                }
            }
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        match self {
            Self::Bar(bar, _) => bar.finish_and_clear(),
            Self::Lines { .. } | Self::Silent => {}
        }
    }
}

impl Facts {
    fn of(scenario: &Scenario, end: Duration) -> Self {
        let mut begin = Duration::ZERO;
        let phases = scenario
            .phases
            .iter()
            .map(|phase| {
                begin += phase.duration;
                (phase.name.clone(), begin)
            })
            .collect();
        let open = matches!(scenario.pace, Pace::Open { .. });
        Self { scenario: scenario.name.clone(), end, open, phases }
    }

    fn line(&self, tick: &Tick) -> String {
        let Tick { now, glimpse, outstanding, rate } = tick;
        let second = glimpse.second;
        let asked = if self.open {
            format!("{}/s of {rate:.0}/s", second.ended)
        } else {
            format!("{}/s over {:.0}", second.ended, rate.ceil())
        };
        let phase =
            self.phases.iter().find(|(_, end)| now < end).map_or("last answers", |(name, _)| name);
        format!(
            "{phase}, {asked}, p50 {}, p99 {}, {} failed, {outstanding} outstanding, {} s left",
            short(second.p50_us),
            short(second.p99_us),
            glimpse.failed_total,
            self.end.saturating_sub(*now).as_secs(),
        )
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Microseconds for people.
fn short(micros: u64) -> String {
    let span = Duration::from_micros(micros).as_secs_f64();
    if span < 1.0 { format!("{:.1} ms", span * 1e3) } else { format!("{span:.2} s") }
}

#[cfg(test)]
mod tests {
    use super::super::recorder::SecondMeasure;
    use super::*;

    #[test]
    fn a_line_says_what_matters() {
        let scenario = Scenario::load("smoke").unwrap();
        let end = scenario.duration();
        let facts = Facts::of(&scenario, end);
        let second =
            SecondMeasure { ended: 299, p50_us: 900, p99_us: 1_250_000, ..Default::default() };
        let tick = Tick {
            now: Duration::from_secs(3),
            glimpse: Glimpse { second, failed_total: 2 },
            outstanding: 4,
            rate: 300.0,
        };
        assert_eq!(
            facts.line(&tick),
            "steady, 299/s of 300/s, p50 0.9 ms, p99 1.25 s, 2 failed, 4 outstanding, 7 s left"
        );
    }
}
