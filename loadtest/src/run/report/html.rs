//! The report as one page: style, plots and tables in one file, so that it opens without network
//! and can be sent to somebody.

use std::fmt::Write;

use super::plot::{Axis, MOST_POINTS, Plot, Scale, escape};
use super::text::{count, expectation, ms, outcome};
use super::{LoadReport, OperationReport, Second};

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(super) fn page(report: &LoadReport) -> String {
    let mut page = String::with_capacity(64 << 10);
    write_page(report, &mut page).expect("writing into a string cannot fail");
    page
}

fn write_page(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    let name = escape(&report.scenario);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        outcome(report.passed)
    )?;
    header(report, out)?;
    figures(report, out)?;
    if !report.expectations.is_empty() {
        expectations(report, out)?;
    }
    section(
        out,
        "Latency by percentile",
        &percentiles(report),
        &[
            ("corrected", "corrected: from when a request was due"),
            ("service", "service time: from when it was sent"),
        ],
    )?;
    section(
        out,
        "Latency over time",
        &latency_over_time(report),
        &[("p50", "p50"), ("p99", "p99"), ("max", "maximum")],
    )?;
    section(out, "Throughput over time", &throughput(report), &throughput_legend(report))?;
    operations(report, out)?;
    failures(report, out)?;
    audit(report, out)?;
    facts(report, out)?;
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn header(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    let class = if report.passed { "good" } else { "bad" };
    writeln!(
        out,
        "<header><p class=\"kind\">Tollgate load test</p>\
         <h1>{} <span class=\"badge {class}\">{}</span></h1>\
         <p class=\"about\">{}</p><p class=\"quiet\">{} · seed {}{}</p></header>",
        escape(&report.scenario),
        outcome(report.passed),
        escape(&report.about),
        report.started_at,
        report.seed,
        if report.stopped_early { " · stopped early" } else { "" },
    )
}

fn figures(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    let (totals, corrected) = (&report.totals, &report.latency.corrected);
    out.push_str("<section class=\"figures\">");
    for (label, figure, more) in [
        (
            "good requests",
            count(totals.succeeded),
            format!("{:.1}/s of {:.1}/s due", totals.succeeded_per_second, totals.due_per_second),
        ),
        ("p50", ms(corrected.p50_ms), format!("p90 {}", ms(corrected.p90_ms))),
        ("p99", ms(corrected.p99_ms), format!("p99.9 {}", ms(corrected.p999_ms))),
        ("maximum", ms(corrected.max_ms), format!("mean {}", ms(corrected.mean_ms))),
        (
            "failed",
            count(totals.failed),
            format!("{:.4} %, {} not sent", totals.error_ratio * 100.0, count(totals.not_sent)),
        ),
        (
            "promises broken",
            count(report.audit.violations_by_kind.values().sum()),
            if report.audit.carried_out {
                format!("{} keys asked again", count(report.audit.asked_again))
            } else {
                "no audit afterwards".to_owned()
            },
        ),
    ] {
        write!(
            out,
            "<div><p class=\"label\">{label}</p><p class=\"figure\">{figure}</p><p class=\"quiet\">{more}</p></div>"
        )?;
    }
    out.push_str("</section>\n");
    Ok(())
}

fn expectations(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    out.push_str("<section><h2>Expectations</h2><ul class=\"checks\">");
    for verdict in &report.expectations {
        let (class, mark) = if verdict.passed { ("good", "met") } else { ("bad", "missed") };
        write!(
            out,
            "<li><span class=\"badge {class}\">{mark}</span> {}</li>",
            expectation(verdict)
        )?;
    }
    out.push_str("</ul></section>\n");
    Ok(())
}

fn section(out: &mut String, title: &str, plot: &str, legend: &[(&str, &str)]) -> std::fmt::Result {
    write!(out, "<section><h2>{title}</h2><p class=\"legend\">")?;
    for (class, label) in legend {
        write!(out, "<span class=\"{class}\">{label}</span>")?;
    }
    writeln!(out, "</p><div class=\"plot\">{plot}</div></section>")
}

/// Each nine of the quantile takes the same width, so that the tail is seen.
fn percentiles(report: &LoadReport) -> String {
    let points = &report.curve.0;
    let Some(last) = points.last() else { return nothing() };
    let nines = |quantile: f64| -(1.0 - quantile).log10();
    let most = nines(last[0]).ceil().max(1.0);
    let mut ticks = vec![(0.0, "0 %".to_owned()), (nines(0.5), "50 %".to_owned())];
    for (at, label) in [
        (1.0, "90 %"),
        (2.0, "99 %"),
        (3.0, "99.9 %"),
        (4.0, "99.99 %"),
        (5.0, "99.999 %"),
        (6.0, "99.9999 %"),
        (7.0, "99.99999 %"),
    ] {
        if at <= most {
            ticks.push((at, label.to_owned()));
        }
    }
    let x = Axis { title: "percentile", scale: Scale::Linear, from: 0.0, to: most, ticks };
    let values = || points.iter().flat_map(|point| [point[1], point[2]]);
    let y = latency_axis(values());
    let mut plot = Plot::new(x, y);
    let line = |column: usize| -> Vec<(f64, f64)> {
        points.iter().map(|point| (nines(point[0]), point[column])).collect()
    };
    plot.line("service", &line(2));
    plot.line("corrected", &line(1));
    let corrected = &report.latency.corrected;
    plot.finish(&format!(
        "Latency by percentile: median {}, 99th {}, maximum {}",
        ms(corrected.p50_ms),
        ms(corrected.p99_ms),
        ms(corrected.max_ms)
    ))
}

fn latency_over_time(report: &LoadReport) -> String {
    let seconds = condensed(&report.seconds);
    if seconds.iter().all(|second| second.max_ms <= 0.0) {
        return nothing();
    }
    let y = latency_axis(seconds.iter().flat_map(|second| [second.p50_ms, second.max_ms]));
    let mut plot = Plot::new(time_axis(report), y);
    phases(report, &mut plot);
    let line = |value: fn(&Condensed) -> f64| -> Vec<(f64, f64)> {
        let there = seconds.iter().filter(|second| second.ended > 0.0);
        there.map(|second| (second.at, value(second))).collect()
    };
    plot.line("max", &line(|second| second.max_ms));
    plot.line("p99", &line(|second| second.p99_ms));
    plot.line("p50", &line(|second| second.p50_ms));
    plot.finish("Median, 99th percentile and maximum of the latency in each second")
}

fn throughput(report: &LoadReport) -> String {
    let seconds = condensed(&report.seconds);
    let most = seconds.iter().map(|second| second.due.max(second.ended)).fold(1.0, f64::max);
    let mut plot =
        Plot::new(time_axis(report), Axis::linear("requests a second", most, |at| format!("{at}")));
    phases(report, &mut plot);
    let line = |value: fn(&Condensed) -> f64| -> Vec<(f64, f64)> {
        seconds.iter().map(|second| (second.at, value(second))).collect()
    };
    plot.area("good", &line(|second| second.ended - second.failed));
    if has_failed(report) {
        plot.area("failed", &line(|second| second.failed));
    }
    if report.load.kind == "open" {
        plot.line("due", &line(|second| second.due));
    }
    plot.finish("Requests due and requests answered in each second")
}

fn throughput_legend(report: &LoadReport) -> Vec<(&'static str, &'static str)> {
    let mut legend = vec![("good", "good")];
    if report.load.kind == "open" {
        legend.insert(0, ("due", "due"));
    }
    if has_failed(report) {
        legend.push(("failed", "failed"));
    }
    legend
}

/// Also what failed in a warm-up.
fn has_failed(report: &LoadReport) -> bool {
    report.seconds.iter().any(|second| second.failed > 0)
}

fn operations(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    out.push_str(
        "<section><h2>Operations</h2><div class=\"wide\"><table><thead><tr><th>operation</th>\
         <th>due</th><th>failed</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th>\
         <th>service p99</th></tr></thead><tbody>",
    );
    for OperationReport { operation, about, due, failed, corrected, service, .. } in
        &report.operations
    {
        write!(
            out,
            "<tr><th>{operation}<span>{}</span></th><td>{}</td><td>{}</td>",
            escape(about),
            count(*due),
            count(*failed)
        )?;
        for value in [
            corrected.p50_ms,
            corrected.p90_ms,
            corrected.p99_ms,
            corrected.p999_ms,
            corrected.max_ms,
            service.p99_ms,
        ] {
            write!(out, "<td>{}</td>", ms(value))?;
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div></section>\n");
    Ok(())
}

fn failures(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    out.push_str("<section><h2>Failures</h2>");
    if report.failures.is_empty() {
        out.push_str("<p class=\"quiet\">Every request was a success.</p></section>\n");
        return Ok(());
    }
    out.push_str(
        "<div class=\"wide\"><table><thead><tr><th>operation</th><th class=\"text\">kind</th>\
         <th>count</th></tr></thead><tbody>",
    );
    for failure in &report.failures {
        write!(
            out,
            "<tr><th>{}</th><td class=\"text\">{}</td><td>{}</td></tr>",
            failure.operation,
            escape(&failure.kind),
            count(failure.count)
        )?;
    }
    out.push_str("</tbody></table></div></section>\n");
    Ok(())
}

fn audit(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    let audit = &report.audit;
    out.push_str("<section><h2>Audit</h2>");
    let (class, words) = match (audit.passed, audit.carried_out) {
        (false, _) => ("bad", "promises were broken"),
        (true, true) => ("good", "nothing lost, changed or done twice"),
        (true, false) => {
            ("plain", "answers under load were compared; nothing was asked afterwards")
        }
    };
    write!(out, "<p><span class=\"badge {class}\">{}</span> {words}</p>", outcome(audit.passed))?;
    if !audit.violations.is_empty() {
        out.push_str("<ul class=\"violations\">");
        for violation in &audit.violations {
            write!(out, "<li>{}</li>", escape(&violation.to_string()))?;
        }
        out.push_str("</ul>");
    }
    let remembered = match audit.one_in {
        1 => "all".to_owned(),
        one_in => format!("one in {one_in}, {}", count(audit.remembered)),
    };
    list(
        out,
        &[
            ("idempotency keys sent", count(audit.keys)),
            ("remembered", remembered),
            ("asked again after the load", count(audit.asked_again)),
            ("settled only then", count(audit.resolved_afterwards)),
            ("repeated answers compared byte for byte", count(audit.replays_checked)),
            ("reused keys refused", count(audit.reuses_checked)),
            ("payments read and compared", count(audit.reads_checked)),
            (
                "outcomes",
                format!(
                    "{} completed, {} authorized, {} waiting for an action, {} failed",
                    count(audit.completed),
                    count(audit.authorized),
                    count(audit.action_required),
                    count(audit.failed)
                ),
            ),
            (
                "customers who had to act",
                format!(
                    "{} decided, {} confirmations, {} called off",
                    count(audit.decisions),
                    count(audit.confirmations),
                    count(audit.cancellations)
                ),
            ),
            (
                "reviews and orders",
                format!(
                    "{} held, {} approved, {} rejected; {} orders",
                    count(audit.held),
                    count(audit.approvals),
                    count(audit.rejections),
                    count(audit.orders)
                ),
            ),
            (
                "done to payments",
                format!(
                    "{} captures, {} voids, {} reversals, {} refunds; {} undone, {} forbidden",
                    count(audit.captures),
                    count(audit.voids),
                    count(audit.reversals),
                    count(audit.refunds),
                    count(audit.undone),
                    count(audit.rejected)
                ),
            ),
            ("postings of our own books compared", count(audit.postings_checked)),
            ("events of the feed compared", count(audit.events_heard)),
            ("entries in the provider's books", count(audit.ledger_entries)),
            ("payments there that no key names", count(audit.unnamed_charges)),
        ],
    )?;
    out.push_str("</section>\n");
    Ok(())
}

fn facts(report: &LoadReport, out: &mut String) -> std::fmt::Result {
    let (load, machine) = (&report.load, &report.environment);
    out.push_str("<section><h2>How it was measured</h2>");
    write!(out, "<pre class=\"command\">{}</pre>", escape(&report.command))?;
    let pace = match (load.rate, load.concurrency) {
        (Some(rate), _) => format!(
            "open loop at {rate}/s, {} arrivals, at most {} outstanding, given up after {} s unsent",
            load.arrivals.unwrap_or_default(),
            load.outstanding.unwrap_or_default(),
            load.send_within_s.unwrap_or_default(),
        ),
        (None, connections) => {
            format!("closed loop over {} connections", connections.unwrap_or_default())
        }
    };
    let mix: Vec<String> =
        load.mix.iter().map(|(name, share)| format!("{name} {:.1} %", share * 100.0)).collect();
    let phases: Vec<String> = load
        .phases
        .iter()
        .map(|phase| {
            let counted = if phase.counted { "" } else { ", not counted" };
            format!("{} {:.0} to {:.0} s{counted}", phase.name, phase.begins_s, phase.ends_s)
        })
        .collect();
    let merchants = match load.hot_share {
        share if share > 0.0 => {
            format!("{}, {:.0} % of the payments at one", load.merchants, share * 100.0)
        }
        _ => load.merchants.to_string(),
    };
    let dispatch = &report.latency.dispatch;
    let known = |fact: Option<String>| fact.unwrap_or_else(|| "not known".to_owned());
    list(
        out,
        &[
            ("load", pace),
            ("phases", phases.join("; ")),
            ("mix", mix.join(", ")),
            ("merchants", merchants),
            ("a request times out after", format!("{} s", load.timeout_s)),
            (
                "from due to sent",
                format!(
                    "p50 {}, p99 {}, max {}",
                    ms(dispatch.p50_ms),
                    ms(dispatch.p99_ms),
                    ms(dispatch.max_ms)
                ),
            ),
            ("processor", known(machine.processor.clone())),
            ("cores", known(machine.cores.map(|cores| cores.to_string()))),
            ("memory", known(machine.memory_mib.map(|mib| format!("{} MiB", count(mib))))),
            ("system", known(machine.system.clone())),
            (
                "load average at the beginning",
                known(machine.load_average.map(|load| load.to_string())),
            ),
            ("harness", machine.harness.to_owned()),
        ],
    )?;
    out.push_str("</section>\n");
    Ok(())
}

fn list(out: &mut String, facts: &[(&str, String)]) -> std::fmt::Result {
    out.push_str("<dl>");
    for (name, fact) in facts {
        write!(out, "<dt>{name}</dt><dd>{}</dd>", escape(fact))?;
    }
    out.push_str("</dl>");
    Ok(())
}

fn nothing() -> String {
    "<p class=\"quiet\">Nothing was measured.</p>".to_owned()
}

/// Where phases begin, and those that do not count as bands.
fn phases(report: &LoadReport, plot: &mut Plot) {
    for phase in &report.load.phases {
        if !phase.counted {
            plot.band(phase.begins_s, phase.ends_s, &phase.name);
        } else if phase.begins_s > 0.0 && report.load.phases.len() > 1 {
            plot.mark(phase.begins_s, &phase.name);
        }
    }
}

fn time_axis(report: &LoadReport) -> Axis {
    let phases = report.load.phases.last().map_or(0.0, |phase| phase.ends_s);
    let seconds = report.seconds.last().map_or(0.0, |second| super::float(second.at_s + 1));
    Axis::exact("seconds since the beginning", phases.max(seconds).max(1.0), |at| format!("{at}"))
}

fn latency_axis(values: impl Iterator<Item = f64> + Clone) -> Axis {
    // A hundredth of a millisecond is below anything that crosses a socket.
    let least = values.clone().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min).max(0.01);
    let most = values.fold(least * 10.0, f64::max);
    Axis::logarithmic("latency", least.min(most), most, |at| match at {
        at if at >= 1_000.0 => format!("{} s", at / 1_000.0),
        at => format!("{at} ms"),
    })
}

/// Some seconds in one point: the rates are means, of latencies the worst is kept.
struct Condensed {
    at: f64,
    due: f64,
    ended: f64,
    failed: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

fn condensed(seconds: &[Second]) -> Vec<Condensed> {
    let together = seconds.len().div_ceil(MOST_POINTS).max(1);
    seconds
        .chunks(together)
        .map(|chunk| {
            let count = super::float(chunk.len() as u64);
            let mean =
                |value: fn(&Second) -> u64| super::float(chunk.iter().map(value).sum()) / count;
            let worst = |value: fn(&Second) -> f64| chunk.iter().map(value).fold(0.0, f64::max);
            Condensed {
                at: chunk.first().map_or(0.0, |first| super::float(first.at_s)) + count / 2.0,
                due: mean(|second| second.due),
                ended: mean(|second| second.ended),
                failed: mean(|second| second.failed),
                p50_ms: worst(|second| second.p50_ms),
                p99_ms: worst(|second| second.p99_ms),
                max_ms: worst(|second| second.max_ms),
            }
        })
        .collect()
}
