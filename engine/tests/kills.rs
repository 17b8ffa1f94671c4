//! `kill -9` at the places where files change their form: what was answered is there afterwards.
//!
//! Each test lets a process of its own die at a place, for the kernel to keep what it has and nothing
//! else, and then starts on what is left. A place that is never reached fails its test, for the
//! process then ends by itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "engine/stage.rs"]
#[expect(dead_code, reason = "the stage has more than is played here")]
mod stage;

use std::{
    env,
    fs::{self, File},
    io::Write,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::Command,
    time::Duration,
};

use stage::{Script, Stage, payment, target};
use tollgate_domain::{
    Amount, CreateOrder, CreatePayment, PaymentId, PaymentStatus, RefundPayment,
};
use tollgate_engine::{OrderPlace, Patience, PaymentCommand, verify};
use tollgate_wal::crash_point;

const PATIENT: Patience = Patience::UntilSettled(Duration::from_secs(30));

/// What the process that dies is told by: where its log lies, and where it dies.
const DIRECTORY: &str = "TOLLGATE_KILLS_DIRECTORY";
const PLACE: &str = "TOLLGATE_KILLS_PLACE";

/// Where it writes down what it was answered.
const ANSWERS: &str = "answers";

/// Rounds that it plays before it is to die, so that there is something to lose.
const SPARED_ROUNDS: u32 = 3;

/// Rounds within which it has to reach its place: seconds, for payments leave memory ten times in one.
const ROUNDS: u32 = 400;

const PAYMENTS_PER_ROUND: u32 = 6;

/// So small that a few payments fill a segment.
const SEGMENT_BYTES: u64 = 8 << 10;

const SIGKILL: i32 = 9;

#[test]
fn nothing_is_lost_while_a_snapshot_is_made() {
    for place in [
        "snapshot: the end is not written",
        "snapshot: it is whole, without its name",
        "snapshot: it is proved",
        "snapshot: it has its name",
        "snapshot: older ones are gone",
    ] {
        dies_without_loss(place);
    }
}

#[test]
fn nothing_is_lost_while_a_segment_is_sealed() {
    dies_without_loss("seal: sled is still open");
    dies_without_loss("seal: sled is closed");
}

#[test]
fn nothing_is_lost_while_segments_rotate() {
    dies_without_loss("rotation: the journal is begun");
    dies_without_loss("rotation: both copies are begun");
    dies_without_loss("rotation: a second copy is taken away");
}

#[test]
fn nothing_is_lost_while_the_log_lets_go_of_its_beginning() {
    dies_without_loss("retention: the log begins later");
    dies_without_loss("retention: a segment is gone");
}

#[test]
fn nothing_is_lost_while_segments_are_compressed() {
    dies_without_loss("compression: it is whole, without its name");
    dies_without_loss("compression: both forms are there");
}

#[test]
fn nothing_is_lost_while_payments_leave_memory() {
    dies_without_loss("archive: payments have left");
    dies_without_loss("archive: payments are written down");
    dies_without_loss("archive: what is written down outlives a power cut");
}

/// The process that dies: it pays, also for an order that has left memory, refunds what has, and makes a
/// snapshot in each round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other tests run it, as a process of its own"]
async fn is_killed() {
    let directory = env::var_os(DIRECTORY).expect("is told by the test that runs it");
    let directory = Path::new(&directory);
    let place = env::var(PLACE).unwrap();
    let mut answers = File::create(directory.join(ANSWERS)).unwrap();
    let log = directory.join("log");
    let stage = open(&log, &place);
    let mut oldest = None;
    let order = stage.engine.create_order(order()).await.unwrap().order;
    for round in 0..ROUNDS {
        if round == SPARED_ROUNDS {
            crash_point::arm(&place, 0);
        }
        for number in 0..PAYMENTS_PER_ROUND {
            let key = format!("{round}-{number}");
            let paid = stage.create(payment(&key), PATIENT).await.unwrap().payment;
            writeln!(answers, "{} 0 {key}", paid.id()).unwrap();
            oldest.get_or_insert(paid);
        }
        let key = format!("o{round}");
        let for_order = CreatePayment { order: Some(order.id()), ..payment(&key) };
        let paid = stage.create(for_order, PATIENT).await.unwrap().payment;
        writeln!(answers, "{} 0 {key}", paid.id()).unwrap();
        let command = PaymentCommand::Refund(RefundPayment {
            target: target(oldest.as_ref().unwrap(), &format!("r{round}")),
            amount: Some(Amount::from_minor_units(10).unwrap()),
            reason: None,
            metadata: Vec::new(),
        });
        let refunded = stage.engine.operate(command, PATIENT).await.unwrap().payment;
        let amount = refunded.amount_refunded().minor_units();
        writeln!(answers, "{} {amount} 0-0", refunded.id()).unwrap();
        stage.engine.take_snapshot().await.unwrap();
    }
}

/// An order that many payments may pay.
fn order() -> CreateOrder {
    let CreatePayment { merchant, mode, money, idempotency, .. } = payment("order");
    let money = money.with_amount(Amount::from_minor_units(10_000_000).unwrap());
    CreateOrder { merchant, mode, money, receipt: None, notes: Vec::new(), idempotency }
}

/// A log keeps everything as it was written, unless it is to die while it does not.
fn open(log: &Path, place: &str) -> Stage {
    let script = Script::approving();
    if place.starts_with("retention") {
        Stage::letting_go(log, script, &[]).unwrap()
    } else if place.starts_with("compression") {
        Stage::compressing(SEGMENT_BYTES, log, script)
    } else {
        Stage::archiving_in_segments(SEGMENT_BYTES, log, script)
    }
}

/// Lets a process die at a place, and sees that a start finds everything that was answered, that the
/// log verifies, and that it goes on.
fn dies_without_loss(place: &str) {
    let directory = tempfile::tempdir().unwrap();
    let died = Command::new(env::current_exe().unwrap())
        .args(["--exact", "is_killed", "--ignored"])
        .env(DIRECTORY, directory.path())
        .env(PLACE, place)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&died.stdout);
    assert_eq!(died.status.signal(), Some(SIGKILL), "{place:?} was not reached: {said}");
    let answers = fs::read_to_string(directory.path().join(ANSWERS)).unwrap();
    let answers: Vec<Answered> = answers.lines().map(Answered::read).collect();
    let log = directory.path().join("log");

    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let payments = (SPARED_ROUNDS * PAYMENTS_PER_ROUND) as usize;
    assert!(answers.len() > payments, "{place}: the rounds before were played");
    let found = verify(&log).unwrap();
    assert!(found.payments >= payments as u64, "{place}");
    assert!(found.snapshots.iter().all(|snapshot| snapshot.finding.is_ok()), "{place}: {found:?}");
    runtime.block_on(async {
        let stage = open(&log, place);
        assert!(stage.report.in_snapshot > 0, "{place}: the snapshots before are of use");
        for answered in &answers {
            answered.is_there(&stage, place).await;
        }
        let order = stage.engine.create_order(order()).await.unwrap();
        let paid = answers.iter().filter(|answered| answered.key.starts_with('o')).count() as i64;
        assert!(order.replayed, "{place}: the order is known");
        let order = stage.engine.order(OrderPlace::of(&order.order)).await.unwrap().unwrap();
        assert!(order.paid().minor_units() >= paid * 10_000, "{place}: {order:?}");
        assert!(stage.engine.ledger_imbalances().values().all(|difference| *difference == 0));
        stage.engine.take_snapshot().await.unwrap();
        stage.close().await;
    });
    let found = verify(&log).unwrap();
    assert!(found.snapshots.iter().all(|snapshot| snapshot.finding.is_ok()), "{place}: {found:?}");
}

/// What the process was answered before it died.
struct Answered {
    payment: PaymentId,
    refunded: i64,
    key: String,
}

impl Answered {
    fn read(line: &str) -> Self {
        let [payment, refunded, key] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line:?} is no answer")
        };
        let (payment, refunded) = (payment.parse().unwrap(), refunded.parse().unwrap());
        Self { payment, refunded, key: key.to_owned() }
    }

    async fn is_there(&self, stage: &Stage, place: &str) {
        let Self { payment: id, refunded, key } = self;
        let found = stage.engine.payment(*id).await.unwrap();
        let found = found.unwrap_or_else(|| panic!("{place}: {id} is lost"));
        assert_eq!(found.state().status(), PaymentStatus::Completed, "{place}: {id}");
        assert!(found.amount_refunded().minor_units() >= *refunded, "{place}: {id}");
        let again = stage.create(payment(key), PATIENT).await.unwrap();
        assert!(again.replayed && again.payment.id() == *id, "{place}: the key of {id} is known");
    }
}
