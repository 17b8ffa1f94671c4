//! The report as text.

use std::fmt::Write;

use super::{AuditReport, Latency, LoadReport, Verdict};

/// The text shows so many violations; the JSON has more.
const SHOWN: usize = 20;

/// Everything but the curves.
pub(super) fn table(report: &LoadReport) -> String {
    let mut text = String::new();
    write_table(report, &mut text).expect("writing into a string cannot fail");
    text
}

/// A verdict of a few lines.
pub(super) fn verdict(report: &LoadReport) -> String {
    let mut text = String::new();
    write_verdict(report, &mut text).expect("writing into a string cannot fail");
    text
}

fn write_verdict(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    let LoadReport { totals, latency, audit, .. } = report;
    writeln!(out, "{} {}, seed {}", report.scenario, outcome(report.passed), report.seed)?;
    writeln!(
        out,
        "  {} requests in {:.0} s, {} failed; p50 {}, p99 {}, max {}",
        count(totals.due),
        totals.seconds,
        count(totals.failed),
        ms(latency.corrected.p50_ms),
        ms(latency.corrected.p99_ms),
        ms(latency.corrected.max_ms),
    )?;
    if audit.carried_out {
        writeln!(
            out,
            "  audit: {} keys asked again, {} replays and {} reads compared, {} entries of the provider's books, {} postings of ours, {} events: {}",
            count(audit.asked_again),
            count(audit.replays_checked),
            count(audit.reads_checked),
            count(audit.ledger_entries),
            count(audit.postings_checked),
            count(audit.events_heard),
            if audit.passed { "nothing lost, changed or done twice" } else { "PROMISES BROKEN" },
        )?;
    }
    for failure in &report.failures {
        writeln!(out, "  failed: {} {} x {}", failure.operation, failure.kind, failure.count)?;
    }
    for verdict in report.expectations.iter().filter(|verdict| !verdict.passed) {
        writeln!(out, "  missed: {}", expectation(verdict))?;
    }
    write_violations(audit, out)?;
    out.truncate(out.trim_end().len());
    Ok(())
}

fn write_table(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    let LoadReport { totals, latency, load, audit, .. } = report;
    writeln!(out, "{} {}, seed {}", report.scenario, outcome(report.passed), report.seed)?;
    if report.stopped_early {
        writeln!(out, "  stopped early; the figures are of what was played")?;
    }
    let pace = match (load.rate, load.concurrency) {
        (Some(rate), _) => format!("open loop, {rate}/s, {}", load.arrivals.unwrap_or_default()),
        (None, concurrency) => {
            format!("closed loop over {} connections", concurrency.unwrap_or_default())
        }
    };
    writeln!(
        out,
        "  load        {pace}; {:.1} s counted, {} merchants",
        totals.seconds, load.merchants
    )?;
    writeln!(
        out,
        "  requests    {} due, {} good, {} failed ({:.4} %), {} not sent in time",
        count(totals.due),
        count(totals.succeeded),
        count(totals.failed),
        totals.error_ratio * 100.0,
        count(totals.not_sent),
    )?;
    writeln!(
        out,
        "  rate        {:.1}/s due, {:.1}/s good",
        totals.due_per_second, totals.succeeded_per_second
    )?;
    writeln!(out)?;
    writeln!(
        out,
        "  {:<22}{:>10}{:>8}{:>11}{:>11}{:>11}{:>11}{:>11}",
        "latency", "due", "failed", "p50", "p90", "p99", "p99.9", "max"
    )?;
    row(out, "corrected", totals.due, totals.failed, &latency.corrected)?;
    row(out, "service time", totals.due - totals.not_sent, totals.failed, &latency.service)?;
    row(out, "dispatch delay", latency.dispatch.count, 0, &latency.dispatch)?;
    for one in &report.operations {
        row(out, &format!("  {}", one.operation), one.due, one.failed, &one.corrected)?;
    }
    if !report.failures.is_empty() {
        writeln!(out, "\n  failures")?;
        for failure in &report.failures {
            writeln!(
                out,
                "    {:<22}{:<28}{:>10}",
                failure.operation,
                failure.kind,
                count(failure.count)
            )?;
        }
    }
    if !report.expectations.is_empty() {
        writeln!(out, "\n  expectations")?;
        for verdict in &report.expectations {
            let mark = if verdict.passed { "met   " } else { "MISSED" };
            writeln!(out, "    {mark}  {}", expectation(verdict))?;
        }
    }
    writeln!(out)?;
    write_audit(audit, out)?;
    out.truncate(out.trim_end().len());
    Ok(())
}

fn write_audit(audit: &AuditReport, out: &mut String) -> std::fmt::Result {
    if audit.carried_out {
        writeln!(
            out,
            "  audit       {} keys, {} remembered, {} asked again; {} replays, {} reuses, {} reads compared",
            count(audit.keys),
            if audit.one_in == 1 { "all".to_owned() } else { format!("one in {}", audit.one_in) },
            count(audit.asked_again),
            count(audit.replays_checked),
            count(audit.reuses_checked),
            count(audit.reads_checked),
        )?;
        writeln!(
            out,
            "              {} completed, {} authorized, {} waiting for an action, {} failed; {} settled afterwards",
            count(audit.completed),
            count(audit.authorized),
            count(audit.action_required),
            count(audit.failed),
            count(audit.resolved_afterwards),
        )?;
        writeln!(
            out,
            "              {} customers decided, {} confirmations, {} called off; {} held for review, {} approved, {} rejected; {} orders",
            count(audit.decisions),
            count(audit.confirmations),
            count(audit.cancellations),
            count(audit.held),
            count(audit.approvals),
            count(audit.rejections),
            count(audit.orders),
        )?;
        writeln!(
            out,
            "              {} captures, {} voids, {} reversals, {} refunds; {} undone, {} forbidden",
            count(audit.captures),
            count(audit.voids),
            count(audit.reversals),
            count(audit.refunds),
            count(audit.undone),
            count(audit.rejected),
        )?;
        writeln!(
            out,
            "              {} entries in the provider's books, {} payments there that no key names",
            count(audit.ledger_entries),
            count(audit.unnamed_charges),
        )?;
        writeln!(
            out,
            "              {} postings of our own books, {} events of the feed",
            count(audit.postings_checked),
            count(audit.events_heard),
        )?;
    } else {
        writeln!(out, "  audit       not carried out; answers under load were compared")?;
    }
    let violations: u64 = audit.violations_by_kind.values().sum();
    writeln!(out, "  violations  {violations}")?;
    write_violations(audit, out)
}

fn write_violations(audit: &AuditReport, out: &mut String) -> std::fmt::Result {
    for (kind, count) in &audit.violations_by_kind {
        writeln!(out, "    {} x {count}", kind.name())?;
    }
    for violation in audit.violations.iter().take(SHOWN) {
        writeln!(out, "    {violation}")?;
    }
    if let Some(directory) = &audit.kept_directory {
        writeln!(out, "  kept        {}", directory.display())?;
    }
    Ok(())
}

fn row(out: &mut String, name: &str, due: u64, failed: u64, latency: &Latency) -> std::fmt::Result {
    writeln!(
        out,
        "  {name:<22}{:>10}{:>8}{:>11}{:>11}{:>11}{:>11}{:>11}",
        count(due),
        count(failed),
        ms(latency.p50_ms),
        ms(latency.p90_ms),
        ms(latency.p99_ms),
        ms(latency.p999_ms),
        ms(latency.max_ms),
    )
}

pub(super) fn outcome(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

pub(super) fn expectation(verdict: &Verdict) -> String {
    let Verdict { of, what, limit, measured, .. } = verdict;
    let sign = if *what == "achieved_ratio" { "≥" } else { "≤" };
    format!("{of}: {what} {} {sign} {}", figure(*measured), figure(*limit))
}

fn figure(number: f64) -> String {
    if !number.is_finite() {
        return "nothing".to_owned();
    }
    let text = format!("{number:.5}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Milliseconds for people.
pub(super) fn ms(number: f64) -> String {
    match number {
        number if number >= 10_000.0 => format!("{:.1} s", number / 1e3),
        number if number >= 100.0 => format!("{number:.0} ms"),
        number if number >= 10.0 => format!("{number:.1} ms"),
        number => format!("{number:.2} ms"),
    }
}

/// A count with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            [count(0), count(999), count(1_000), count(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [ms(0.123), ms(12.34), ms(1_234.5), ms(12_345.0)],
            ["0.12 ms", "12.3 ms", "1234 ms", "12.3 s"]
        );
        assert_eq!(
            [figure(2000.0), figure(0.0001), figure(f64::INFINITY)],
            ["2000", "0.0001", "nothing"]
        );
    }
}
