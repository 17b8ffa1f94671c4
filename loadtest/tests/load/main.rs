//! Load runs against a small gateway: an honest one passes, each planted fault is named, a stall is
//! seen, and the reports have the shape that is documented.
#![expect(clippy::unwrap_used, reason = "the gateway of the tests is a test as well")]

mod gateway;
#[path = "../shared/model.rs"]
mod model;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use expect_test::expect;
use serde_json::Value;
use tokio::task::JoinSet;
use tollgate_loadtest::run::{self, LoadReport, RunOptions, Server, Stop};
use tollgate_loadtest::scenario::{Overrides, Scenario};
use tollgate_loadtest::violation::ViolationKind;

use gateway::Fault;
use model::Lie;

/// A little of everything, for half a second.
const MIXED: &str = "about = \"a test\"\naudit = true\n[load]\nrate = 700\n[merchants]\ncount = 3\n\
    [[phase]]\nname = \"warm-up\"\nseconds = 0.1\ncounted = false\n\
    [[phase]]\nname = \"steady\"\nseconds = 0.4\n\
    [mix]\ncard_payment = 25\nmanual_authorization = 15\nasync_payment = 5\nthree_d_secure = 12\n\
    customer_action = 9\nconfirmation = 6\ncancellation = 10\ndecline = 5\nreview_payment = 8\n\
    review_approval = 6\nreview_rejection = 6\nshop_order = 6\norder_payment = 9\norder_excess = 4\ncapture = 4\npartial_capture = 5\nvoid = 3\nreversal = 4\nrefund = 4\n\
    partial_refund = 6\nrepeat = 7\nrepeat_deed = 5\nreuse = 7\nreuse_deed = 4\nread = 8\n\
    invalid = 7\nexcess = 4\nwrong_state = 4\n\
    [expect]\nerror_ratio = 0.0\np99_ms = 5000\n[expect.of.card_payment]\nmax_ms = 5000\n";

async fn play(scenario: Scenario, fault: Fault) -> LoadReport {
    let url = gateway::start(fault).await;
    let server = Server::Running { url, data_dir: PathBuf::new() };
    let options = RunOptions {
        seed: 7,
        operator_key: Some(gateway::OPERATOR.to_owned()),
        command: "tollgate-loadtest run test".to_owned(),
        resolve_within: Duration::from_millis(300),
        ..RunOptions::new(scenario, server)
    };
    run::run(options, Stop::default()).await.unwrap()
}

/// Customers who have to act, and little else.
const ACTING: &str = "about = \"a test\"\naudit = true\n[load]\nrate = 500\n[merchants]\ncount = 3\n\
    [[phase]]\nname = \"steady\"\nseconds = 0.4\n\
    [mix]\ncard_payment = 5\nthree_d_secure = 30\ncustomer_action = 25\nconfirmation = 10\n\
    cancellation = 30\n";

/// Orders and reviews, and little else.
const ORDERING: &str = "about = \"a test\"\naudit = true\n[load]\nrate = 500\n[merchants]\ncount = 3\n\
    [[phase]]\nname = \"steady\"\nseconds = 0.4\n\
    [mix]\ncard_payment = 5\nreview_payment = 15\nreview_approval = 7\nreview_rejection = 7\n\
    shop_order = 20\norder_payment = 40\norder_excess = 10\n";

fn ordering() -> Scenario {
    Scenario::parse("ordering-test", "test.toml", ORDERING).unwrap()
}

/// What a lie is told about.
fn about(fault: Fault) -> Scenario {
    match fault {
        Fault::Lies(Lie::ForgetsApprovals | Lie::ConfirmsNobody | Lie::KeepsCalledOff) => acting(),
        Fault::Lies(
            Lie::RejectsNothing | Lie::LosesOrders | Lie::OrdersOffByOne | Lie::OverpaysOrders,
        ) => ordering(),
        _ => mixed(),
    }
}

fn acting() -> Scenario {
    Scenario::parse("acting-test", "test.toml", ACTING).unwrap()
}

fn mixed() -> Scenario {
    Scenario::parse("mixed-test", "test.toml", MIXED).unwrap()
}

#[tokio::test]
async fn an_honest_gateway_passes() {
    let report = play(mixed(), Fault::None).await;
    assert!(report.passed, "{report:#?}");
    assert_eq!(report.totals.failed, 0);
    assert!(report.totals.due > 100, "{:?}", report.totals);
    let audit = &report.audit;
    for (what, count) in [
        ("replays", audit.replays_checked),
        ("reuses", audit.reuses_checked),
        ("reads", audit.reads_checked),
        ("completed", audit.completed),
        ("authorized", audit.authorized),
        ("held", audit.held),
        ("waiting", audit.action_required),
        ("approvals", audit.approvals),
        ("rejections", audit.rejections),
        ("orders", audit.orders),
        ("failed", audit.failed),
        ("settled afterwards", audit.resolved_afterwards),
        ("ledger", audit.ledger_entries),
        ("decisions", audit.decisions),
        ("confirmations", audit.confirmations),
        ("cancellations", audit.cancellations),
        ("captures", audit.captures),
        ("voids", audit.voids),
        ("reversals", audit.reversals),
        ("refunds", audit.refunds),
        ("forbidden", audit.rejected),
        ("postings", audit.postings_checked),
        ("events", audit.events_heard),
    ] {
        assert!(count > 0, "no {what}: {audit:?}");
    }
    assert_eq!((audit.one_in, audit.unnamed_charges), (1, 0));
    assert_eq!(
        audit.keys,
        audit.completed
            + audit.authorized
            + audit.held
            + audit.action_required
            + audit.orders
            + audit.approvals
            + audit.rejections
            + audit.failed
            + audit.confirmations
            + audit.cancellations
            + audit.undone
            + audit.captures
            + audit.voids
            + audit.reversals
            + audit.refunds
            + audit.rejected
    );
}

#[tokio::test]
async fn each_lie_is_named() {
    let lies = [
        (Fault::AnswersDifferently, ViolationKind::AnswerChanged),
        (Fault::ForgetsKeys, ViolationKind::KeyNamesTwoPayments),
        (Fault::LosesPayments, ViolationKind::PaymentLost),
        (Fault::ChargesTwice, ViolationKind::ChargedTwice),
        (Fault::ChargesMore, ViolationKind::ChargeDiffers),
        (Fault::ChargesDeclined, ViolationKind::FailedButCharged),
        (Fault::AcceptsReuse, ViolationKind::ReuseNotRefused),
        (Fault::TakesInvalid, ViolationKind::InvalidAccepted),
        (Fault::NeverSettles, ViolationKind::Unresolved),
        (Fault::DoesTheForbidden, ViolationKind::InvalidAccepted),
        (Fault::Lies(Lie::RefundsTwice), ViolationKind::DoneTwice),
        (Fault::Lies(Lie::RefundsNothing), ViolationKind::NotDone),
        (Fault::Lies(Lie::LosesRefunds), ViolationKind::OperationLost),
        (Fault::Lies(Lie::CapturesMore), ViolationKind::PaymentDiffers),
        (Fault::Lies(Lie::ForgetsApprovals), ViolationKind::Unresolved),
        (Fault::Lies(Lie::ConfirmsNobody), ViolationKind::StatusChanged),
        (Fault::Lies(Lie::KeepsCalledOff), ViolationKind::Unresolved),
        (Fault::Lies(Lie::RejectsNothing), ViolationKind::NotDone),
        (Fault::Lies(Lie::LosesOrders), ViolationKind::OrderLost),
        (Fault::Lies(Lie::OrdersOffByOne), ViolationKind::OrderDiffers),
        (Fault::Lies(Lie::OverpaysOrders), ViolationKind::InvalidAccepted),
        (Fault::Lies(Lie::BooksOffByOne), ViolationKind::BooksDiffer),
        (Fault::Lies(Lie::PostsTwice), ViolationKind::PostedTwice),
        (Fault::Lies(Lie::LosesEvents), ViolationKind::EventMissing),
        (Fault::Lies(Lie::RepeatsEvents), ViolationKind::EventRepeated),
    ];
    // Too many at once would answer so late that there is nothing to come back to.
    for wave in lies.chunks(4) {
        let mut runs = JoinSet::new();
        for &(fault, expected) in wave {
            runs.spawn(async move { (fault, expected, play(about(fault), fault).await) });
        }
        while let Some(played) = runs.join_next().await {
            let (fault, expected, report) = played.unwrap();
            let found = &report.audit.violations_by_kind;
            assert!(found.contains_key(&expected), "{fault:?}: {found:?}");
            assert!(!report.passed, "{fault:?}");
        }
    }
}

/// The server stops for 0.7 s while 200 requests a second are due and two may be outstanding: only
/// those two wait for it, and the 140 that were due meanwhile could not even be sent.
#[tokio::test]
async fn a_stall_is_in_the_corrected_latency_and_not_in_the_service_time() {
    let text = "about = \"a test\"\n[load]\nrate = 200\narrivals = \"uniform\"\noutstanding = 2\n\
        [[phase]]\nname = \"steady\"\nseconds = 2\n[mix]\ncard_payment = 1\n";
    let scenario = Scenario::parse("stall", "test.toml", text).unwrap();
    let stall = Fault::Stalls(Duration::from_millis(300), Duration::from_millis(1_000));
    let report = play(scenario, stall).await;
    let (corrected, service) = (report.latency.corrected, report.latency.service);
    assert!(corrected.p99_ms > 500.0, "{corrected:?}");
    assert!(corrected.p90_ms > 300.0, "{corrected:?}");
    assert!(service.p99_ms < 300.0, "{service:?}");
    assert_eq!((report.totals.failed, report.totals.due), (0, report.totals.succeeded));
}

/// What cannot be sent in time is told, and fails the expectations that it should.
#[tokio::test]
async fn what_could_not_be_sent_is_counted() {
    let text = "about = \"a test\"\n[load]\nrate = 200\narrivals = \"uniform\"\noutstanding = 1\n\
        send_within_s = 0.1\n[[phase]]\nname = \"steady\"\nseconds = 1\n[mix]\ncard_payment = 1\n\
        [expect]\nachieved_ratio = 0.99\n";
    let scenario = Scenario::parse("stall", "test.toml", text).unwrap();
    let stall = Fault::Stalls(Duration::from_millis(200), Duration::from_millis(700));
    let report = play(scenario, stall).await;
    let totals = report.totals;
    assert!(totals.not_sent > 20, "{totals:?}");
    assert_eq!(totals.due, report.latency.corrected.count);
    assert_eq!(totals.due - totals.not_sent, report.latency.service.count);
    assert!(report.failures.iter().any(|failure| failure.kind == "not_sent_in_time"));
    assert!(!report.passed && !report.expectations[0].passed);
    assert_eq!(report.seconds.iter().map(|second| second.due).sum::<u64>(), totals.due);
}

#[tokio::test]
async fn a_closed_loop_keeps_its_connections_busy() {
    let closed = Overrides { concurrency: Some(4), ..Overrides::default() };
    let report = play(mixed().with(closed).unwrap(), Fault::None).await;
    assert!(report.passed, "{report:#?}");
    assert_eq!((report.load.kind, report.load.concurrency), ("closed", Some(4)));
    assert!(report.totals.due > 50, "{:?}", report.totals);
}

#[tokio::test]
async fn the_json_report_has_its_documented_shape() {
    let report = play(mixed(), Fault::LosesPayments).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.json");
    report.write_json(&path).unwrap();
    let json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(json["format"], run::FORMAT);
    let mut paths = BTreeSet::new();
    collect(&json, String::new(), &mut paths);
    let paths: Vec<String> = paths.into_iter().collect();
    expect![[r#"
        about
        audit.action_required
        audit.approvals
        audit.asked_again
        audit.authorized
        audit.cancellations
        audit.captures
        audit.carried_out
        audit.completed
        audit.confirmations
        audit.decisions
        audit.events_heard
        audit.failed
        audit.held
        audit.kept_directory
        audit.keys
        audit.ledger_entries
        audit.one_in
        audit.orders
        audit.passed
        audit.postings_checked
        audit.reads_checked
        audit.refunds
        audit.rejected
        audit.rejections
        audit.remembered
        audit.replays_checked
        audit.resolved_afterwards
        audit.reuses_checked
        audit.reversals
        audit.undone
        audit.unnamed_charges
        audit.violations[].details
        audit.violations[].key
        audit.violations[].kind
        audit.violations[].payment
        audit.violations_by_kind.payment_lost
        audit.voids
        command
        curve[][]
        environment.cores
        environment.harness
        environment.load_average
        environment.memory_mib
        environment.processor
        environment.system
        expectations[].limit
        expectations[].measured
        expectations[].of
        expectations[].passed
        expectations[].what
        failures[].count
        failures[].kind
        failures[].operation
        format
        latency.corrected.count
        latency.corrected.max_ms
        latency.corrected.mean_ms
        latency.corrected.min_ms
        latency.corrected.p50_ms
        latency.corrected.p90_ms
        latency.corrected.p95_ms
        latency.corrected.p9999_ms
        latency.corrected.p999_ms
        latency.corrected.p99_ms
        latency.dispatch.count
        latency.dispatch.max_ms
        latency.dispatch.mean_ms
        latency.dispatch.min_ms
        latency.dispatch.p50_ms
        latency.dispatch.p90_ms
        latency.dispatch.p95_ms
        latency.dispatch.p9999_ms
        latency.dispatch.p999_ms
        latency.dispatch.p99_ms
        latency.service.count
        latency.service.max_ms
        latency.service.mean_ms
        latency.service.min_ms
        latency.service.p50_ms
        latency.service.p90_ms
        latency.service.p95_ms
        latency.service.p9999_ms
        latency.service.p999_ms
        latency.service.p99_ms
        load.arrivals
        load.concurrency
        load.hot_share
        load.kind
        load.merchants
        load.mix.async_payment
        load.mix.cancellation
        load.mix.capture
        load.mix.card_payment
        load.mix.confirmation
        load.mix.customer_action
        load.mix.decline
        load.mix.excess
        load.mix.invalid
        load.mix.manual_authorization
        load.mix.order_excess
        load.mix.order_payment
        load.mix.partial_capture
        load.mix.partial_refund
        load.mix.read
        load.mix.refund
        load.mix.repeat
        load.mix.repeat_deed
        load.mix.reuse
        load.mix.reuse_deed
        load.mix.reversal
        load.mix.review_approval
        load.mix.review_payment
        load.mix.review_rejection
        load.mix.shop_order
        load.mix.three_d_secure
        load.mix.void
        load.mix.wrong_state
        load.outstanding
        load.phases[].begins_s
        load.phases[].counted
        load.phases[].ends_s
        load.phases[].name
        load.rate
        load.send_within_s
        load.timeout_s
        operations[].about
        operations[].corrected.count
        operations[].corrected.max_ms
        operations[].corrected.mean_ms
        operations[].corrected.min_ms
        operations[].corrected.p50_ms
        operations[].corrected.p90_ms
        operations[].corrected.p95_ms
        operations[].corrected.p9999_ms
        operations[].corrected.p999_ms
        operations[].corrected.p99_ms
        operations[].due
        operations[].failed
        operations[].not_sent
        operations[].operation
        operations[].service.count
        operations[].service.max_ms
        operations[].service.mean_ms
        operations[].service.min_ms
        operations[].service.p50_ms
        operations[].service.p90_ms
        operations[].service.p95_ms
        operations[].service.p9999_ms
        operations[].service.p999_ms
        operations[].service.p99_ms
        operations[].succeeded
        passed
        scenario
        seconds[].at_s
        seconds[].due
        seconds[].ended
        seconds[].failed
        seconds[].max_ms
        seconds[].p50_ms
        seconds[].p99_ms
        seed
        started_at
        stopped_early
        totals.achieved_ratio
        totals.due
        totals.due_per_second
        totals.error_ratio
        totals.failed
        totals.not_sent
        totals.seconds
        totals.succeeded
        totals.succeeded_per_second"#]]
    .assert_eq(&paths.join("\n"));
}

#[tokio::test]
async fn the_page_needs_nothing_but_itself() {
    let report = play(mixed(), Fault::ChargesTwice).await;
    let page = report.html();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for outside in ["http://", "https://", "src=", "href=", "@import", "url(", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("<svg").count(), 3);
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.contains("charged_twice") && page.contains("tollgate-loadtest run test"));
    for number in ["NaN", "inf"] {
        assert!(!page.contains(&format!("{number} ")) && !page.contains(&format!("\"{number}\"")));
    }
}

/// The paths of all values; elements of a list are alike.
fn collect(value: &Value, path: String, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                collect(field, format!("{path}{dot}{name}"), paths);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect(element, format!("{path}[]"), paths);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            paths.insert(path);
        }
    }
}
