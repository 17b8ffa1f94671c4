//! What a run came to, for people and for programs.
//!
//! [`LoadReport`] is the JSON report as it stands: its shape is described in
//! `docs/load-testing.md`, and [`FORMAT`] changes with it.

mod html;
mod plot;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::Serialize;

use super::environment::Environment;
use super::recorder::{Measured, OperationMeasure, SecondMeasure};
use super::verdict::{Verdict, verdicts};
use super::{Audited, RunOptions};
use crate::auditor::Auditor;
use crate::scenario::{Arrivals, Pace, Scenario};
use crate::violation::{Violation, ViolationKind};

/// Names the shape of the JSON. A field that is added leaves it, one that changes or goes raises it.
pub const FORMAT: &str = "tollgate-loadtest/load/1";

/// Steps of the latency curve for each nine.
const STEPS_PER_NINE: u32 = 20;

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    pub format: &'static str,
    /// Every expectation was met, and the audit found nothing.
    pub passed: bool,
    pub scenario: String,
    pub about: String,
    pub command: String,
    /// Repeats what is asked for and when.
    pub seed: u64,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Someone ended the load before its time.
    pub stopped_early: bool,
    pub environment: Environment,
    pub load: LoadFacts,
    pub totals: Totals,
    pub latency: Latencies,
    pub operations: Vec<OperationReport>,
    pub failures: Vec<FailureCount>,
    pub expectations: Vec<Verdict>,
    pub audit: AuditReport,
    pub curve: Curve,
    pub seconds: Vec<Second>,
}

/// What was played.
#[derive(Debug, Clone, Serialize)]
pub struct LoadFacts {
    /// `open` or `closed`.
    pub kind: &'static str,
    /// Of an open loop: requests a second at level 1.
    pub rate: Option<f64>,
    pub arrivals: Option<&'static str>,
    /// At most so many requests wait for an answer at once.
    pub outstanding: Option<u32>,
    pub send_within_s: Option<f64>,
    /// Of a closed loop: connections at level 1.
    pub concurrency: Option<u32>,
    pub timeout_s: f64,
    pub merchants: u32,
    pub hot_share: f64,
    pub phases: Vec<PhaseFacts>,
    pub mix: BTreeMap<&'static str, f64>,
}

/// A phase and when it was.
#[derive(Debug, Clone, Serialize)]
pub struct PhaseFacts {
    pub name: String,
    pub begins_s: f64,
    pub ends_s: f64,
    /// What was due in it is in all figures but `seconds`.
    pub counted: bool,
}

/// Counts over all phases that count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Totals {
    /// How long those phases lasted, in seconds.
    pub seconds: f64,
    pub due: u64,
    pub succeeded: u64,
    /// All that is no success, those not sent among them.
    pub failed: u64,
    /// Due, but no place became free in time.
    pub not_sent: u64,
    pub error_ratio: f64,
    /// Sent, as a share of due.
    pub achieved_ratio: f64,
    pub due_per_second: f64,
    pub succeeded_per_second: f64,
}

/// Latencies over all operations.
#[derive(Debug, Clone, Serialize)]
pub struct Latencies {
    /// From the moment a request was due: corrected for coordinated omission.
    pub corrected: Latency,
    /// From the moment it was sent.
    pub service: Latency,
    /// From due to sent: the harness's own delay and the wait for a free place.
    pub dispatch: Latency,
}

/// A histogram in figures, in milliseconds. Zero where nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    pub count: u64,
    pub min_ms: f64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub p9999_ms: f64,
    pub max_ms: f64,
}

/// One operation.
#[derive(Debug, Clone, Serialize)]
pub struct OperationReport {
    pub operation: &'static str,
    pub about: &'static str,
    pub due: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub not_sent: u64,
    pub corrected: Latency,
    pub service: Latency,
}

/// How often one operation failed in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureCount {
    pub operation: &'static str,
    pub kind: String,
    pub count: u64,
}

/// Latency by quantile: `[quantile, corrected in ms, service time in ms]`.
#[derive(Debug, Clone, Serialize)]
pub struct Curve(pub Vec<[f64; 3]>);

/// One second of the run, warm-up included. Requests stand where they ended, `due` where they were
/// due. Latencies are corrected, save in a closed loop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Second {
    pub at_s: u64,
    pub due: u64,
    pub ended: u64,
    pub failed: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// What the audit found.
#[derive(Debug, Clone, Serialize)]
pub struct AuditReport {
    /// No promise was found broken, during the load or afterwards.
    pub passed: bool,
    /// The keys were asked again, the provider's books and our own compared, and the feed read.
    pub carried_out: bool,
    /// Keys sent.
    pub keys: u64,
    /// Keys that were remembered for the audit: one in `one_in`.
    pub remembered: u64,
    pub one_in: u64,
    /// Keys asked again after the load.
    pub asked_again: u64,
    /// Final answers that came again and were compared, under load or afterwards.
    pub replays_checked: u64,
    pub reuses_checked: u64,
    pub reads_checked: u64,
    /// Keys that had their final answer only afterwards.
    pub resolved_afterwards: u64,
    pub completed: u64,
    pub authorized: u64,
    /// Payments that were held for a review.
    pub held: u64,
    pub action_required: u64,
    pub failed: u64,
    /// Customers whose decision the provider told.
    pub decisions: u64,
    /// What was done to payments, by the first final answer.
    pub confirmations: u64,
    /// Payments called off while their customers had to act.
    pub cancellations: u64,
    /// Reviews that were approved, and that were rejected.
    pub approvals: u64,
    pub rejections: u64,
    /// Orders that were created.
    pub orders: u64,
    pub captures: u64,
    pub voids: u64,
    pub reversals: u64,
    pub refunds: u64,
    /// Operations that the provider did not do, as it was answered.
    pub undone: u64,
    /// Operations that the rules forbade.
    pub rejected: u64,
    /// Postings of our own books, read and compared.
    pub postings_checked: u64,
    /// Events of the feed, read and compared.
    pub events_heard: u64,
    /// Entries in the provider's books since the run began.
    pub ledger_entries: u64,
    /// Payments approved there that no remembered key names.
    pub unnamed_charges: u64,
    pub violations_by_kind: BTreeMap<ViolationKind, u64>,
    /// The first violations in full.
    pub violations: Vec<Violation>,
    /// Data and error output of a server that was started for the run, where anything was found.
    pub kept_directory: Option<PathBuf>,
}

/// What a report is made from.
pub(super) struct Facts<'a> {
    pub(super) started_at: SystemTime,
    pub(super) environment: Environment,
    pub(super) options: &'a RunOptions,
    pub(super) stopped_early: bool,
    pub(super) measured: Measured,
    pub(super) audit: AuditReport,
}

impl LoadReport {
    pub(super) fn of(facts: Facts<'_>) -> Self {
        let Facts { started_at, environment, options, stopped_early, measured, audit } = facts;
        let scenario = &options.scenario;
        let totals = Totals::of(&measured);
        let expectations = verdicts(&scenario.expectations, &measured, &totals);
        Self {
            format: FORMAT,
            passed: audit.passed && expectations.iter().all(|verdict| verdict.passed),
            scenario: scenario.name.clone(),
            about: scenario.about.clone(),
            command: options.command.clone(),
            seed: options.seed,
            started_at: rfc3339(started_at),
            stopped_early,
            environment,
            load: LoadFacts::of(scenario),
            totals,
            latency: Latencies {
                corrected: Latency::of(&measured.corrected),
                service: Latency::of(&measured.service),
                dispatch: Latency::of(&measured.dispatch),
            },
            operations: measured.operations.iter().map(OperationReport::of).collect(),
            failures: measured
                .failures
                .iter()
                .map(|(operation, kind, count)| FailureCount {
                    operation: operation.name(),
                    kind: kind.clone().into_owned(),
                    count: *count,
                })
                .collect(),
            expectations,
            audit,
            curve: Curve::of(&measured),
            seconds: (0..)
                .zip(&measured.seconds)
                .map(|(at, second)| Second::of(at, second))
                .collect(),
        }
    }

    /// Writes the report as JSON.
    pub fn write_json(&self, path: &Path) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self).context("cannot render the report")?;
        json.push(b'\n');
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes the report as one page that needs nothing else.
    pub fn write_html(&self, path: &Path) -> Result<()> {
        std::fs::write(path, self.html())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// The page.
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// Prints the report to standard output.
    #[expect(clippy::print_stdout, reason = "the report is what the command is run for")]
    pub fn print(&self) {
        println!("{}", text::table(self));
    }

    /// Prints the verdict and little more to standard output.
    #[expect(clippy::print_stdout, reason = "the verdict is what the command is run for")]
    pub fn print_verdict(&self) {
        println!("{}", text::verdict(self));
    }
}

impl LoadFacts {
    fn of(scenario: &Scenario) -> Self {
        let mut begins = Duration::ZERO;
        let phases = scenario
            .phases
            .iter()
            .map(|phase| {
                let ends = begins + phase.duration;
                let facts = PhaseFacts {
                    name: phase.name.clone(),
                    begins_s: begins.as_secs_f64(),
                    ends_s: ends.as_secs_f64(),
                    counted: phase.counted,
                };
                begins = ends;
                facts
            })
            .collect();
        let facts = Self {
            kind: "closed",
            rate: None,
            arrivals: None,
            outstanding: None,
            send_within_s: None,
            concurrency: None,
            timeout_s: scenario.patience.as_secs_f64(),
            merchants: scenario.merchants.count,
            hot_share: scenario.merchants.hot_share,
            phases,
            mix: scenario.mix.shares().map(|(one, share)| (one.name(), share)).collect(),
        };
        match scenario.pace {
            Pace::Closed { concurrency } => Self { concurrency: Some(concurrency), ..facts },
            Pace::Open { rate, arrivals, outstanding, send_within } => Self {
                kind: "open",
                rate: Some(rate),
                arrivals: Some(match arrivals {
                    Arrivals::Poisson => "poisson",
                    Arrivals::Uniform => "uniform",
                }),
                outstanding: Some(outstanding),
                send_within_s: Some(send_within.as_secs_f64()),
                ..facts
            },
        }
    }
}

impl Totals {
    fn of(measured: &Measured) -> Self {
        let sum = |count: fn(&OperationMeasure) -> u64| measured.operations.iter().map(count).sum();
        let (succeeded, failed): (u64, u64) = (sum(|one| one.succeeded), sum(|one| one.failed));
        let not_sent: u64 = sum(|one| one.not_sent);
        let due = succeeded + failed;
        let seconds = measured.profile.counted().as_secs_f64();
        Self {
            seconds,
            due,
            succeeded,
            failed,
            not_sent,
            error_ratio: ratio(failed, due).unwrap_or(0.0),
            achieved_ratio: ratio(due - not_sent, due).unwrap_or(0.0),
            due_per_second: float(due) / seconds,
            succeeded_per_second: float(succeeded) / seconds,
        }
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let quantile = |quantile| millis(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            min_ms: millis(histogram.min()),
            mean_ms: histogram.mean() / 1e3,
            p50_ms: quantile(0.5),
            p90_ms: quantile(0.9),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            p9999_ms: quantile(0.9999),
            max_ms: millis(histogram.max()),
        }
    }
}

impl OperationReport {
    fn of(measure: &OperationMeasure) -> Self {
        Self {
            operation: measure.operation.name(),
            about: measure.operation.about(),
            due: measure.succeeded + measure.failed,
            succeeded: measure.succeeded,
            failed: measure.failed,
            not_sent: measure.not_sent,
            corrected: Latency::of(&measure.corrected),
            service: Latency::of(&measure.service),
        }
    }
}

impl Curve {
    /// As far as there are requests to tell quantiles apart.
    fn of(measured: &Measured) -> Self {
        let count = float(measured.corrected.len());
        let left = |step: u32| 10_f64.powf(-f64::from(step) / f64::from(STEPS_PER_NINE));
        // The first step that leaves less than one request is the last.
        let told = |step: &u32| *step == 0 || left(step - 1) * count >= 1.0;
        let points = (0..).take_while(|step| count > 0.0 && told(step)).map(|step| {
            let quantile = 1.0 - left(step);
            let at = |histogram: &Histogram<u64>| millis(histogram.value_at_quantile(quantile));
            [quantile, at(&measured.corrected), at(&measured.service)]
        });
        Self(points.collect())
    }
}

impl Second {
    fn of(at_s: u64, second: &SecondMeasure) -> Self {
        Self {
            at_s,
            due: second.due,
            ended: second.ended,
            failed: second.failed,
            p50_ms: millis(second.p50_us),
            p99_ms: millis(second.p99_us),
            max_ms: millis(second.max_us),
        }
    }
}

impl AuditReport {
    pub(super) fn of(
        auditor: &Auditor,
        audited: Option<Audited>,
        kept_directory: Option<PathBuf>,
    ) -> Self {
        let tally = auditor.tally();
        let (asked_again, ledger) =
            audited.map(|audited| (audited.asked_again, audited.ledger)).unwrap_or_default();
        Self {
            passed: auditor.violations().is_empty(),
            carried_out: audited.is_some(),
            keys: auditor.len() as u64,
            remembered: auditor.remembered_count() as u64,
            one_in: auditor.one_in(),
            asked_again: asked_again as u64,
            replays_checked: tally.replays_checked,
            reuses_checked: tally.reuses_checked,
            reads_checked: tally.reads_checked,
            resolved_afterwards: tally.unanswered_resolved + tally.accepted_resolved,
            completed: tally.completed,
            authorized: tally.authorized,
            held: tally.held,
            action_required: tally.action_required,
            failed: tally.failed,
            decisions: tally.decisions,
            confirmations: tally.confirmations,
            cancellations: tally.cancellations,
            approvals: tally.approvals,
            rejections: tally.rejections,
            orders: tally.orders,
            captures: tally.captures,
            voids: tally.voids,
            reversals: tally.reversals,
            refunds: tally.refunds,
            undone: tally.undone,
            rejected: tally.rejected,
            postings_checked: tally.postings_checked,
            events_heard: tally.events_heard,
            ledger_entries: ledger.entries,
            unnamed_charges: ledger.unnamed,
            violations_by_kind: auditor.violations().counts().clone(),
            violations: auditor.violations().first().to_vec(),
            kept_directory,
        }
    }
}

/// `None` of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

#[expect(clippy::cast_precision_loss, reason = "counts and microseconds here are far below 2⁵³")]
fn float(number: u64) -> f64 {
    number as f64
}

fn millis(micros: u64) -> f64 {
    float(micros) / 1e3
}

/// A moment as `2026-01-15T10:30:00Z`.
fn rfc3339(moment: SystemTime) -> String {
    let seconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a date of the Gregorian calendar, counted in eras of 400 years from 0000-03-01.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_dates() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_767_225_599), "2025-12-31T23:59:59Z");
    }
}
