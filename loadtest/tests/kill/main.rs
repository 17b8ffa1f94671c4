//! The whole audit against a small gateway: an honest one passes, each planted fault is found.
//!
//! This program is both sides. Started with `serve` it is the gateway, so that the audit has a real
//! process to start, kill and stop; otherwise it runs the audits.
#![expect(clippy::unwrap_used, reason = "a test, though it has no harness to be known by")]
#![expect(clippy::print_stdout, reason = "the gateway says where it listens")]

mod gateway;
#[path = "../shared/model.rs"]
#[expect(dead_code, reason = "here the gateway itself lies, and not its books")]
mod model;

use std::time::Duration;

use tollgate_loadtest::{
    chaos::{self, ChaosOptions, ChaosReport},
    violation::ViolationKind,
};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => gateway::serve(&arguments[1..]).await,
        // Asked for the names of its tests, as test runners do, it has none to choose from.
        Some("--list") => {}
        _ => run_all().await,
    }
}

async fn run_all() {
    an_honest_gateway_passes().await;
    for (fault, expected) in [
        ("buffers_its_log", ViolationKind::PaymentLost),
        ("changes_bytes", ViolationKind::AnswerChanged),
        ("charges_again", ViolationKind::ChargedTwice),
        ("guesses_failed", ViolationKind::FailedButCharged),
        ("never_resolves", ViolationKind::Unresolved),
        ("accepts_reuse", ViolationKind::ReuseNotRefused),
        ("refunds_again", ViolationKind::OperationDiffers),
        ("stays_down", ViolationKind::NotReadyAgain),
        ("dies_by_itself", ViolationKind::ServerDied),
        ("exits_badly", ViolationKind::UncleanStop),
    ] {
        a_planted_fault_is_found(fault, expected).await;
    }
    a_gateway_that_never_starts_is_an_error().await;
}

fn options(fault: Option<&str>) -> ChaosOptions {
    let server = std::env::current_exe().unwrap();
    let server_arguments = fault.map(|name| vec!["--fault".to_owned(), name.to_owned()]);
    ChaosOptions {
        rounds: 3,
        seed: 7,
        connections: 16,
        load: Duration::from_millis(100)..=Duration::from_millis(200),
        resolve_within: Duration::from_secs(10),
        server_arguments: server_arguments.unwrap_or_default(),
        ..ChaosOptions::new(server)
    }
}

async fn audit(options: ChaosOptions) -> ChaosReport {
    chaos::run(options).await.unwrap()
}

async fn an_honest_gateway_passes() {
    let report = audit(options(None)).await;
    assert!(report.passed(), "{report}");
    assert_eq!((report.rounds_done, report.exit_code), (3, Some(0)));
    assert_eq!(report.time_to_ready.unwrap().starts, 4);
    assert_eq!(report.kept_directory, None);
    let payments = report.completed + report.authorized + report.held + report.failed;
    let decided = report.approvals + report.rejections;
    let deeds = decided + report.captures + report.voids + report.reversals + report.refunds;
    assert_eq!(payments + deeds + report.orders + report.rejected, report.keys);
    for (what, count) in [
        ("acknowledged", report.acknowledged),
        ("replays", report.replays_checked),
        ("reuses", report.reuses_checked),
        ("reads", report.reads_checked),
        ("unanswered at a kill", report.unanswered_resolved),
        ("accepted at a kill", report.accepted_resolved),
        ("completed", report.completed),
        ("failed", report.failed),
        ("charges", report.ledger_entries),
        ("authorized", report.authorized),
        ("captures", report.captures),
        ("voids", report.voids),
        ("reversals", report.reversals),
        ("refunds", report.refunds),
        ("orders", report.orders),
        ("forbidden", report.rejected),
        ("postings", report.postings_checked),
        ("events", report.events_heard),
    ] {
        assert!(count > 0, "no {what} in {report}");
    }
}

async fn a_planted_fault_is_found(fault: &str, expected: ViolationKind) {
    let mut options = options(Some(fault));
    // What is missing stays missing, however long it is waited for.
    options.resolve_within = Duration::from_millis(1_500);
    if expected == ViolationKind::Unresolved {
        options.resolve_within = Duration::from_millis(100);
        options.rounds = 1;
    }
    let report = audit(options).await;
    assert!(report.violations_by_kind.contains_key(&expected), "{fault}: {report}");
    let kept = report.kept_directory.expect("violations keep the data");
    assert!(kept.join("data").join("demo.key").exists());
    std::fs::remove_dir_all(kept).unwrap();
}

async fn a_gateway_that_never_starts_is_an_error() {
    let cause = chaos::run(options(Some("does_not_start"))).await.unwrap_err();
    let text = format!("{cause:#}");
    assert!(text.contains("told not to start"), "{text}");
    let kept = text.strip_prefix("kept ").and_then(|text| text.split(':').next()).unwrap();
    std::fs::remove_dir_all(kept).unwrap();
}
