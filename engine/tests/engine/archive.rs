//! Payments that leave memory of a running engine, and what is asked of them later.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path, sync::Arc, time::Duration};

use tokio::time::sleep;
use tollgate_domain::{
    Amount, ArchiveRules, MerchantId, Millis, OperationId, OutcomeSource, Payment, PaymentId,
    Policy, ProviderOutcome, RecordProviderOutcome, RefundPayment, Rejection, ShardId, ShardState,
    Subject, Timestamp, TransactionId,
};
use tollgate_engine::{
    Absent, ArchiveError, Caller, CommandError, Error, Find, Found, Moment, PaymentCommand,
    ProviderReport, Request, Shard, Submission, verify,
};

use super::{
    PATIENT,
    stage::{Script, Stage, payment, target},
};

fn refund(paid: &Payment, key: &str, minor_units: i64) -> PaymentCommand {
    PaymentCommand::Refund(RefundPayment {
        target: target(paid, key),
        amount: Some(Amount::from_minor_units(minor_units).unwrap()),
        reason: None,
        metadata: Vec::new(),
    })
}

async fn pay(stage: &Stage, key: &str) -> Payment {
    stage.create(payment(key), PATIENT).await.unwrap().payment
}

/// Waits until so many payments, and all that there are, have left memory.
async fn until_left(stage: &Stage, count: u64) {
    stage.until_health(|health| health.archived == count && health.payments == 0).await;
}

async fn read(stage: &Stage, id: PaymentId) -> Option<Payment> {
    stage.engine.payment(id).await.unwrap().map(|payment| *payment)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_has_left_is_read_repeated_and_refunded() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::archiving(directory.path(), Script::approving());
    let paid = pay(&stage, "a").await;
    until_left(&stage, 1).await;

    assert_eq!(read(&stage, paid.id()).await, Some(paid.clone()));
    let again = stage.create(payment("a"), PATIENT).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.payment, paid);
    let transaction = stage.engine.transaction(TransactionId::of_payment(paid.id())).await;
    assert_eq!(transaction.unwrap(), Some((Box::new(paid.clone()), None)));
    assert_eq!(stage.engine.health().recalls, 0, "nothing was done to it");

    let too_much = stage.engine.operate(refund(&paid, "much", 10_001), PATIENT).await;
    let refused = too_much.map(|_answer| ()).unwrap_err();
    let CommandError::Rejected(Rejection::RefundExceedsCaptured { .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(stage.engine.health().recalls, 0, "what is refused brings nothing back");

    let refunded = stage.engine.operate(refund(&paid, "r", 300), PATIENT).await.unwrap();
    let operation = refunded.operation.unwrap();
    assert_eq!(refunded.payment.amount_refunded().minor_units(), 300);
    stage.until_health(|health| health.recalls == 1 && health.payments == 0).await;
    let found = stage.engine.payment_of(operation).await.unwrap().unwrap();
    assert_eq!(found.amount_refunded().minor_units(), 300);
    let transaction = stage.engine.transaction(TransactionId::of_operation(operation)).await;
    assert_eq!(transaction.unwrap(), Some((found.clone(), Some(operation))));
    let repeated = stage.engine.operate(refund(&paid, "r", 300), PATIENT).await.unwrap();
    assert!(repeated.replayed);
    assert_eq!((repeated.operation, &repeated.payment), (Some(operation), &refunded.payment));
    assert_eq!(stage.engine.health().recalls, 1, "a repeated request brings nothing back");
    stage.close().await;

    let report = verify(directory.path()).unwrap();
    assert_eq!(report.payments, 1);
    let stage = Stage::archiving(directory.path(), Script::approving());
    assert_eq!(stage.engine.payment(paid.id()).await.unwrap(), Some(found));
    assert!(stage.create(payment("a"), PATIENT).await.unwrap().replayed);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_and_what_is_anothers_stays_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::archiving(directory.path(), Script::approving());
    let paid = pay(&stage, "a").await;
    until_left(&stage, 1).await;
    let nobody = PaymentId::new(paid.id().time(), paid.id().shard(), 7);
    assert_eq!(read(&stage, nobody).await, None);
    let none = OperationId::from_u128(nobody.to_u128());
    assert_eq!(stage.engine.payment_of(none).await.unwrap(), None);
    let not_found = |id| Err(CommandError::Rejected(Rejection::PaymentNotFound(id)));
    let mut foreign = target(&paid, "r");
    foreign.merchant = MerchantId::from_u128(8);
    let mut absent = target(&paid, "r");
    absent.payment = nobody;
    for target in [foreign, absent] {
        let id = target.payment;
        let (amount, reason, metadata) = (None, None, Vec::new());
        let command = PaymentCommand::Refund(RefundPayment { target, amount, reason, metadata });
        let refused = stage.engine.operate(command, PATIENT).await;
        assert_eq!(refused.map(|_answer| ()), not_found(id));
    }
    let (source, outcome) = (OutcomeSource::Callback, ProviderOutcome::Pending);
    let attempt = paid.attempts()[0].id;
    let report = RecordProviderOutcome { payment: nobody, attempt, source, outcome };
    let refused = stage.engine.report(ProviderReport::Attempt(report)).await;
    assert_eq!(refused, not_found(nobody));
    assert_eq!(stage.engine.health().recalls, 0);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_speaks_late_brings_its_payment_back() {
    let directory = tempfile::tempdir().unwrap();
    // It keeps the inquiry that follows.
    let script = Script::holding();
    let stage = Stage::archiving(directory.path(), std::sync::Arc::clone(&script));
    let command = payment("a");
    let paying = tokio::spawn({
        let engine = stage.engine.clone();
        async move { engine.create_payment(command, String::new(), PATIENT).await }
    });
    script.until_called(1).await;
    script.answer_all(ProviderOutcome::Approved(super::stage::receipt()));
    let paid = paying.await.unwrap().unwrap().payment;
    until_left(&stage, 1).await;
    let attempt = paid.attempts()[0].id;
    let outcome = ProviderOutcome::Declined(tollgate_domain::DeclineCode::DoNotHonor);
    let source = OutcomeSource::Callback;
    let report = RecordProviderOutcome { payment: paid.id(), attempt, source, outcome };
    stage.engine.report(ProviderReport::Attempt(report)).await.unwrap();
    stage.until_health(|health| health.archived == 0 && health.payments == 1).await;
    let now = read(&stage, paid.id()).await.unwrap();
    assert!(now.attempts()[0].contradiction().is_some(), "what it said is recorded");
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_at_once_of_a_payment_that_comes_and_goes_never_exceed_it() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::archiving(directory.path(), Script::approving());
    let paid = pay(&stage, "a").await;
    let mut accepted = 0;
    for wave in 0..4 {
        until_left(&stage, 1).await;
        let refunds: Vec<_> = (0..20)
            .map(|number| {
                let (engine, key) = (stage.engine.clone(), format!("r{wave}-{number}"));
                let command = refund(&paid, &key, 130);
                tokio::spawn(async move { engine.operate(command, PATIENT).await.is_ok() })
            })
            .collect();
        for refund in refunds {
            accepted += i64::from(refund.await.unwrap());
        }
    }
    assert_eq!(accepted, 10_000 / 130, "as many as there is money for, and no more");
    until_left(&stage, 1).await;
    let now = read(&stage, paid.id()).await.unwrap();
    assert_eq!(now.amount_refunded().minor_units(), accepted * 130);
    assert!(stage.engine.ledger_imbalances().values().all(|difference| *difference == 0));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_is_lost_or_behind_is_made_again_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("archive");
    let older = directory.path().join("older");
    let mut all = Vec::new();
    for round in 0..3_u64 {
        let stage = Stage::archiving(directory.path(), Script::approving());
        for number in 0..5 {
            all.push(pay(&stage, &format!("{round}-{number}")).await);
        }
        // Of these one comes back and leaves as something else.
        let again = stage.engine.operate(refund(&all[0], &format!("r{round}"), 10), PATIENT).await;
        all[0] = again.unwrap().payment;
        until_left(&stage, all.len() as u64).await;
        if round == 1 {
            stage.engine.take_snapshot().await.unwrap();
        }
        stage.close().await;
        match round {
            // As a process leaves it that dies before it has written down what left last.
            0 => copy(&archive, &older),
            1 => {
                fs::remove_dir_all(&archive).unwrap();
                copy(&older, &archive);
            }
            _ => fs::remove_dir_all(&archive).unwrap(),
        }
    }
    let stage = Stage::archiving(directory.path(), Script::approving());
    assert_eq!(stage.report.in_snapshot, 0, "the snapshot is of no use without an archive");
    for payment in &all {
        assert_eq!(read(&stage, payment.id()).await.as_ref(), Some(payment));
    }
    stage.close().await;
    let stage = Stage::archiving(directory.path(), Script::approving());
    assert!(stage.report.in_snapshot > 0, "with one it is");
    assert_eq!(read(&stage, all[1].id()).await.as_ref(), Some(&all[1]));
    stage.close().await;
}

/// Makes the archive's files others than they were.
fn damage(directory: &Path) {
    fs::write(directory.join("archive/version"), "none").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_is_damaged_is_put_aside_and_made_again_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let stage = Stage::archiving(directory, Script::approving());
    let paid = pay(&stage, "one").await;
    until_left(&stage, 1).await;
    stage.engine.take_snapshot().await.unwrap();
    stage.close().await;
    for _twice in 0..2 {
        damage(directory);
        let stage = Stage::archiving(directory, Script::approving());
        assert_eq!(read(&stage, paid.id()).await.as_ref(), Some(&paid));
        stage.close().await;
        assert!(directory.join("archive.damaged").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_the_log_could_not_make_again_stays() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let stage = Stage::letting_go(directory, Script::approving(), &[]).unwrap();
    for round in 1..=4 {
        pay(&stage, &round.to_string()).await;
        until_left(&stage, round).await;
        stage.engine.take_snapshot().await.unwrap();
    }
    stage.close().await;
    damage(directory);
    let refused = Stage::letting_go(directory, Script::approving(), &[]).err();
    let refused = refused.expect("the log was cut");
    assert!(matches!(refused, Error::Archive(ArchiveError::Irreplaceable { .. })), "{refused}");
    assert!(directory.join("archive/version").exists(), "it is left as it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_of_a_later_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let older = tempfile::tempdir().unwrap();
    let stage = Stage::archiving(directory.path(), Script::approving());
    pay(&stage, "a").await;
    until_left(&stage, 1).await;
    stage.close().await;
    copy(directory.path(), older.path());
    let stage = Stage::archiving(directory.path(), Script::approving());
    pay(&stage, "b").await;
    until_left(&stage, 2).await;
    stage.close().await;
    fs::remove_dir_all(older.path().join("archive")).unwrap();
    copy(&directory.path().join("archive"), &older.path().join("archive"));
    let refused = Stage::try_open(older.path(), Script::approving(), &[]).err();
    assert!(matches!(refused, Some(Error::Archive(ArchiveError::Ahead(_)))), "{refused:?}");
    fs::remove_dir_all(older.path().join("archive")).unwrap();
    Stage::open(older.path(), Script::approving()).close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_proves_itself_while_payments_leave() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::archiving(directory.path(), Script::approving());
    for round in 0..3 {
        for number in 0..8 {
            let paid = pay(&stage, &format!("{round}-{number}")).await;
            if number % 4 == 0 {
                until_left(&stage, 8 * round + number + 1).await;
                let command = refund(&paid, &format!("r{round}-{number}"), 10);
                stage.engine.operate(command, PATIENT).await.unwrap();
            }
        }
        stage.engine.take_snapshot().await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    stage.close().await;
    let report = verify(directory.path()).unwrap();
    assert_eq!(report.payments, 24);
    assert_eq!(report.snapshots.len(), 2);
    assert!(report.snapshots.iter().all(|snapshot| snapshot.finding.is_ok()), "{report:?}");
}

/// Who asks a shard that nobody drives.
struct Somebody;

impl Caller for Somebody {
    fn is_waiting(&self) -> bool {
        true
    }
}

/// A shard by itself, from which finished payments leave at once.
struct Alone {
    shard: Shard<Somebody>,
    now: u64,
}

impl Alone {
    fn new() -> Self {
        let archive = ArchiveRules { after: Millis(0), most: 0 };
        let policy = Arc::new(Policy { archive, ..Policy::default() });
        Self { shard: Shard::new(ShardState::new(ShardId(1)), policy), now: 1_768_473_000_000 }
    }

    fn moment(&mut self) -> Moment {
        self.now += 1;
        Moment { time: Timestamp::from_millis(self.now), entropy: [self.now, 1, 2] }
    }

    fn pay(&mut self, key: &str) -> Payment {
        let command = Box::new(payment(key));
        let asked = Submission { command, attachment: (), caller: Somebody, until_settled: false };
        let moment = self.moment();
        let Ok(step) = self.shard.create_payment(asked, true, moment) else { panic!("it is new") };
        let Some(Subject::Payment(id)) = step.begun else { panic!("it is begun") };
        let attempt = self.shard.state().payment(id).unwrap().attempts()[0].id;
        let outcome = ProviderOutcome::Approved(super::stage::receipt());
        let (payment, source) = (id, OutcomeSource::Call);
        let report = RecordProviderOutcome { payment, attempt, source, outcome };
        let moment = self.moment();
        let told = self.shard.record_outcome::<()>(ProviderReport::Attempt(report), moment);
        assert!(told.is_ok_and(|step| step.is_some()));
        self.shard.state().payment(id).unwrap().clone()
    }

    fn let_leave(&mut self) {
        let moment = self.moment();
        assert!(self.shard.archive::<()>(moment).is_some(), "somebody leaves");
    }

    /// Asks for a refund of a payment that is away.
    fn refund(&mut self, paid: &Payment, key: &str) -> Absent<Request<Somebody>> {
        let command = refund(paid, key, 10);
        let moment = self.moment();
        let request = Request { command, caller: Somebody, until_settled: false };
        let Err(absent) = self.shard.operate::<()>(request, true, moment) else {
            panic!("it is away")
        };
        absent
    }
}

/// Bug: every payment that came back made all look-ups of its shard look again.
#[test]
fn a_payment_that_comes_back_makes_nobody_look_again_for_another() {
    let mut alone = Alone::new();
    let [first, second] = ["a", "b"].map(|key| alone.pay(key));
    let [of_first, of_second] = [&first, &second]
        .map(|paid| alone.shard.state().history(paid.id()).unwrap().clone())
        .map(|history| Ok(Some(Find::Payment(Arc::new(history)))));
    alone.let_leave();
    let [one, other] = ["r1", "r2"].map(|key| alone.refund(&first, key));
    let of_another = alone.refund(&second, "r3");

    let moment = alone.moment();
    let found = alone.shard.found_for_operation::<()>(one, &of_first, true, moment);
    assert!(matches!(found, Found::Back(Some(_), _)), "the first comes back");
    let found = alone.shard.found_for_operation::<()>(of_another, &of_second, true, moment);
    assert!(matches!(found, Found::Back(Some(_), _)), "the second does without a second look");

    // Both leave once more. What was found of the first before it was back may be outdated.
    alone.let_leave();
    let moment = alone.moment();
    let found = alone.shard.found_for_operation::<()>(other, &of_first, true, moment);
    let Found::Again(other) = found else { panic!("it has been back") };
    let found = alone.shard.found_for_operation::<()>(other, &of_first, true, moment);
    assert!(matches!(found, Found::Back(Some(_), _)));
}
