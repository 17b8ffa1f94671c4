//! A scenario's expectations against what was measured.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::recorder::Measured;
use super::report::Totals;
use crate::scenario::{Expectations, Limits};

/// One expectation, and whether it was met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// All operations, or the one of that name.
    pub of: &'static str,
    /// What is limited: `p99_ms`, `error_ratio` and so on.
    pub what: &'static str,
    pub limit: f64,
    pub measured: f64,
    pub passed: bool,
}

/// Every expectation; what was never asked for meets none.
pub(super) fn verdicts(
    expectations: &Expectations,
    measured: &Measured,
    totals: &Totals,
) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    if let Some(limit) = expectations.achieved_ratio {
        let measured = totals.achieved_ratio;
        let passed = measured >= limit;
        verdicts.push(Verdict { of: "all", what: "achieved_ratio", limit, measured, passed });
    }
    let (due, failed) = (totals.due, totals.failed);
    add(&mut verdicts, "all", &expectations.overall, Some(&measured.corrected), due, failed);
    for (operation, limits) in &expectations.of {
        let found = measured.operations.iter().find(|measure| measure.operation == *operation);
        let (histogram, due, failed) = match found {
            Some(one) => (Some(&one.corrected), one.succeeded + one.failed, one.failed),
            None => (None, 0, 0),
        };
        add(&mut verdicts, operation.name(), limits, histogram, due, failed);
    }
    verdicts
}

fn add(
    verdicts: &mut Vec<Verdict>,
    of: &'static str,
    limits: &Limits,
    histogram: Option<&Histogram<u64>>,
    due: u64,
    failed: u64,
) {
    let histogram = histogram.filter(|histogram| !histogram.is_empty());
    let mut at_most = |what, limit: f64, measured: f64| {
        verdicts.push(Verdict { of, what, limit, measured, passed: measured <= limit });
    };
    let quantile = |quantile| {
        histogram.map_or(f64::INFINITY, |found| millis(found.value_at_quantile(quantile)))
    };
    let limit = |limit: Duration| limit.as_secs_f64() * 1e3;
    if let Some(wanted) = limits.p50 {
        at_most("p50_ms", limit(wanted), quantile(0.5));
    }
    if let Some(wanted) = limits.p99 {
        at_most("p99_ms", limit(wanted), quantile(0.99));
    }
    if let Some(wanted) = limits.p999 {
        at_most("p999_ms", limit(wanted), quantile(0.999));
    }
    if let Some(wanted) = limits.max {
        at_most("max_ms", limit(wanted), quantile(1.0));
    }
    if let Some(wanted) = limits.error_ratio {
        at_most("error_ratio", wanted, super::report::ratio(failed, due).unwrap_or(f64::INFINITY));
    }
}

#[expect(clippy::cast_precision_loss, reason = "an hour of microseconds is far below 2⁵³")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}
