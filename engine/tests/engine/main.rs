//! The engine from outside: a scripted provider, a real or a simulated log, no clock but the
//! shards' own.

mod archive;
mod archived_orders;
mod backups;
mod operations;
mod retention;
mod snapshots;
mod stage;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use stage::{Notes, Script, Stage, payment};
use tollgate_domain::{
    Amount, ApiKeyHash, ApiKeyKind, Asker, ControlRejection, IssueApiKey, KeyAuthority,
    KeyStanding, Millis, Mode, PaymentStatus, ProviderOutcome, Rejection, RevokeApiKey,
    RotateApiKey, Timestamp, UpdateMerchant,
};
use tollgate_engine::{CommandError, DurableContent, DurableRecord, Patience};
use tollgate_wal::store::faulty::{Disk, Fault, Kept};

const PATIENT: Patience = Patience::UntilSettled(Duration::from_secs(30));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_settles_and_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    let paid = stage.create(payment("a"), PATIENT).await.unwrap();
    assert_eq!(paid.payment.state().status(), PaymentStatus::Completed);
    assert_eq!(paid.payment.amount_captured(), Amount::from_minor_units(10_000).unwrap());
    assert_eq!(stage.script.saw_attachments(), ["secret of a"], "it rode along, once");
    stage.close().await;

    let stage = Stage::open(directory.path(), Script::approving());
    assert_eq!(stage.report.records, 2, "intent and outcome");
    let read = stage.engine.payment(paid.payment.id()).await.unwrap().unwrap();
    assert_eq!(*read, paid.payment);
    let again = stage.create(payment("a"), PATIENT).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.payment, paid.payment);
    assert_eq!(stage.script.calls(), 0);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_a_hundred_times_at_once_calls_the_provider_once() {
    let stage = Stage::in_memory(&Disk::new(), Script::approving());
    let tasks: Vec<_> = (0..100)
        .map(|_index| {
            let engine = stage.engine.clone();
            tokio::spawn(async move {
                engine.create_payment(payment("one"), "secret".to_owned(), PATIENT).await
            })
        })
        .collect();
    let mut answered = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(answer) => answered.push(answer.payment.id()),
            Err(error) => assert_eq!(error, CommandError::InProgress),
        }
    }
    answered.dedup();
    assert_eq!(answered.len(), 1);
    assert_eq!(stage.script.calls(), 1);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_another_request_is_refused() {
    let stage = Stage::in_memory(&Disk::new(), Script::approving());
    stage.create(payment("a"), PATIENT).await.unwrap();
    let mut other = payment("a");
    other.idempotency.as_mut().unwrap().1.0 += 1;
    let refused = stage.create(other, PATIENT).await.unwrap_err();
    assert_eq!(refused, CommandError::Rejected(Rejection::IdempotencyKeyReused));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impatience_gets_the_payment_as_it_stands_and_the_outcome_later() {
    let stage = Stage::in_memory(&Disk::new(), Script::holding());
    let brief = Patience::UntilSettled(Duration::from_millis(1));
    let early = stage.create(payment("a"), brief).await.unwrap();
    assert_eq!(early.payment.state().status(), PaymentStatus::Processing);
    stage.script.until_called(1).await;
    // Nobody waits any more, so the key answers with the current state instead of "in use".
    let again = stage.create(payment("a"), brief).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.payment.state().status(), PaymentStatus::Processing);
    stage.script.answer_all(ProviderOutcome::Approved(stage::receipt()));
    let settled = stage.settled(early.payment.id()).await;
    assert_eq!(settled.state().status(), PaymentStatus::Completed);
    assert_eq!(stage.script.calls(), 1);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_use_is_told_so() {
    let stage = Stage::in_memory(&Disk::new(), Script::holding());
    let engine = stage.engine.clone();
    let first = tokio::spawn(async move {
        engine.create_payment(payment("a"), "secret".to_owned(), PATIENT).await
    });
    stage.script.until_called(1).await;
    let second = stage.create(payment("a"), PATIENT).await.unwrap_err();
    assert_eq!(second, CommandError::InProgress);
    stage.script.answer_all(ProviderOutcome::Approved(stage::receipt()));
    assert_eq!(first.await.unwrap().unwrap().payment.state().status(), PaymentStatus::Completed);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_is_unknown_and_asked_about() {
    let stage = Stage::in_memory(&Disk::new(), Script::dropping());
    let early = stage.create(payment("a"), PATIENT).await.unwrap();
    // The script drops the first call; the inquiry that follows is approved.
    assert_eq!(early.payment.state().status(), PaymentStatus::Completed);
    assert_eq!(stage.script.saw_attachments().len(), 1, "authorized once");
    assert!(stage.script.calls() >= 2, "and inquired about");
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_without_outcome_is_asked_about_after_a_restart() {
    let disk = Disk::new();
    let stage = Stage::in_memory(&disk, Script::holding());
    let begun = stage.create(payment("a"), Patience::UntilRecorded).await.unwrap();
    let crashed = disk.snapshot();
    stage.script.until_called(1).await;
    stage.script.answer_all(ProviderOutcome::Unknown);
    stage.close().await;

    let stage = Stage::in_memory(&crashed, Script::approving());
    assert_eq!(stage.report.unresolved, 1);
    let settled = stage.settled(begun.payment.id()).await;
    assert_eq!(settled.state().status(), PaymentStatus::Completed);
    assert_eq!(stage.script.calls(), 1, "the inquiry, and no second authorization");
    let replayed = stage.create(payment("a"), PATIENT).await.unwrap();
    assert!(replayed.replayed);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_tells_what_is_unknown_and_that_the_books_balance() {
    let stage = Stage::in_memory(&Disk::new(), Script::holding());
    stage.create(payment("a"), Patience::UntilRecorded).await.unwrap();
    stage.script.until_called(1).await;
    stage.script.answer_all(ProviderOutcome::Unknown);
    stage.until_health(|health| health.unknown == 1).await;
    stage.until_health(|health| health.oldest_unknown.0 > 0).await;
    stage.script.until_called(2).await;
    stage.script.answer_all(ProviderOutcome::Approved(stage::receipt()));
    stage.until_health(|health| health.unknown == 0).await;
    let health = stage.engine.health();
    assert_eq!((health.payments, health.idempotency_keys, health.oldest_unknown.0), (1, 1, 0));
    stage.until_health(|health| health.mailbox_depth == 0).await;
    stage.until_health(|health| health.durable_lag == Duration::ZERO).await;
    assert!(stage.engine.ledger_imbalances().values().all(|difference| *difference == 0));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_fails_answers_unknown_and_calls_nobody() {
    for kept in [Kept::Nothing, Kept::All] {
        let disk = Disk::new();
        let stage = Stage::in_memory(&disk, Script::approving());
        stage.create(payment("before"), PATIENT).await.unwrap();
        disk.plan(Fault::fail(disk.commits() + 1, kept));
        let calls = stage.script.calls();
        let lost = stage.create(payment("during"), PATIENT).await.unwrap_err();
        assert_eq!(lost, CommandError::Unknown);
        assert_eq!(stage.script.calls(), calls, "no call whose intent is not durable");
        stage.engine.failed().await;
        assert!(stage.engine.health().poisoned);
        let after = stage.create(payment("after"), PATIENT).await.unwrap_err();
        assert_eq!(after, CommandError::Stopping);
        stage.close().await;

        let stage = Stage::in_memory(&disk, Script::approving());
        assert!(stage.create(payment("before"), PATIENT).await.unwrap().replayed);
        // Where its intent was kept after all, an inquiry is under way.
        let during = stage.create(payment("during"), PATIENT).await.unwrap();
        let during = stage.settled(during.payment.id()).await;
        assert_eq!(during.state().status(), PaymentStatus::Completed);
        assert_eq!(stage.script.calls(), 1, "one call, be it the first or an inquiry");
        stage.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_callers_are_answered_when_the_log_fails() {
    let disk = Disk::new();
    let stage = Stage::in_memory(&disk, Script::holding());
    let engine = stage.engine.clone();
    let waiting = tokio::spawn(async move {
        engine.create_payment(payment("a"), "secret".to_owned(), PATIENT).await
    });
    stage.script.until_called(1).await;
    disk.plan(Fault::fail(disk.commits() + 1, Kept::Nothing));
    let other = stage.create(payment("b"), PATIENT).await;
    assert_eq!(other.unwrap_err(), CommandError::Unknown);
    assert_eq!(waiting.await.unwrap().unwrap_err(), CommandError::Unknown);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_house_refuses_commands_and_takes_outcomes() {
    let stage = Stage::limited(Script::holding(), 2);
    for key in ["a", "b"] {
        stage.create(payment(key), Patience::UntilRecorded).await.unwrap();
    }
    stage.script.until_called(2).await;
    let refused = stage.create(payment("c"), PATIENT).await.unwrap_err();
    assert_eq!(refused, CommandError::Overloaded);
    stage.script.answer_all(ProviderOutcome::Approved(stage::receipt()));
    stage.until_idle().await;
    let admitted = stage.create(payment("c"), Patience::UntilRecorded).await.unwrap();
    assert!(!admitted.replayed);
    stage.script.until_called(3).await;
    stage.script.answer_all(ProviderOutcome::Approved(stage::receipt()));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_room_refuses_new_work_only() {
    let disk = Disk::new();
    let stage = Stage::in_memory(&disk, Script::holding());
    let begun = stage.create(payment("a"), Patience::UntilRecorded).await.unwrap();
    stage.script.until_called(1).await;
    disk.set_space(tollgate_wal::FreeSpace { available: 1 << 20, minimum: 2 << 20 });
    stage.until_room(false).await;
    let refused = stage.create(payment("b"), PATIENT).await.unwrap_err();
    assert_eq!(refused, CommandError::StorageFull);
    let known = stage.create(payment("a"), PATIENT).await.unwrap();
    assert!(known.replayed, "what is known is still told");
    stage.script.answer_all(ProviderOutcome::Approved(stage::receipt()));
    let settled = stage.settled(begun.payment.id()).await;
    assert_eq!(settled.state().status(), PaymentStatus::Completed);
    disk.set_space(tollgate_wal::FreeSpace { available: 3 << 20, minimum: 2 << 20 });
    stage.until_room(true).await;
    stage.create(payment("b"), Patience::UntilRecorded).await.unwrap();
    stage.script.until_called(2).await;
    stage.script.answer_all(ProviderOutcome::Approved(stage::receipt()));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observers_are_shown_each_durable_record_with_its_payments_live_and_after_a_restart() {
    let (disk, live) = (Disk::new(), Arc::new(Notes::default()));
    let stage = Stage::observed(&disk, Script::approving(), &live);
    stage.register(7).await;
    let paid = stage.create(payment("a"), PATIENT).await.unwrap().payment;
    stage.close().await;
    let shown = live.shown();
    let [merchant, intent, outcome] = &shown[..] else { panic!("three records: {shown:?}") };
    assert_eq!((merchant.shard.0, merchant.sequence), (0, 1));
    assert!(matches!(merchant.content, DurableContent::Control { .. }));
    assert_eq!((intent.shard, intent.sequence), (paid.id().shard(), 1));
    assert_eq!(status_in(intent), PaymentStatus::Processing, "as it stood after the record");
    assert_eq!((outcome.shard, outcome.sequence), (paid.id().shard(), 2));
    assert_eq!(status_in(outcome), PaymentStatus::Completed);

    let anew = Arc::new(Notes::default());
    Stage::observed(&disk, Script::approving(), &anew).close().await;
    assert_eq!(anew.shown(), shown, "who knows nothing is shown all of it, the same");

    let behind = Arc::new(Notes::default());
    behind.keep(BTreeMap::from([(merchant.shard, 1), (intent.shard, 1)]));
    let stage = Stage::observed(&disk, Script::approving(), &behind);
    assert_eq!(behind.shown(), shown[2..], "what it lacks, before anybody is served");
    stage.create(payment("b"), PATIENT).await.unwrap();
    stage.close().await;
    let sequences: Vec<u64> = behind.shown().iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, [2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observers_see_nothing_of_a_group_that_failed() {
    let (disk, notes) = (Disk::new(), Arc::new(Notes::default()));
    let stage = Stage::observed(&disk, Script::approving(), &notes);
    disk.plan(Fault::fail(disk.commits() + 1, Kept::All));
    stage.create(payment("a"), PATIENT).await.unwrap_err();
    stage.close().await;
    assert_eq!(notes.shown(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_shown_whole_and_in_order() {
    const PAYMENTS: u64 = 6_000;
    let (disk, live) = (Disk::new(), Arc::new(Notes::default()));
    let stage = Stage::observed(&disk, Script::approving(), &live);
    for number in 0..PAYMENTS {
        let mut large = payment(&number.to_string());
        large.metadata = vec![("k".into(), "v".repeat(500).into())];
        stage.create(large, Patience::UntilRecorded).await.unwrap();
    }
    stage.until_idle().await;
    stage.close().await;
    assert_eq!(live.shown().len() as u64, 2 * PAYMENTS);

    let anew = Arc::new(Notes::default());
    Stage::observed(&disk, Script::approving(), &anew).close().await;
    assert_eq!(anew.shown(), live.shown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_payment_is_begun_while_an_observer_has_fallen_behind() {
    let notes = Arc::new(Notes::default());
    let stage = Stage::observed(&Disk::new(), Script::approving(), &notes);
    notes.fall_behind(true);
    let refused = stage.create(payment("a"), PATIENT).await.unwrap_err();
    assert_eq!(refused, CommandError::Overloaded);
    notes.fall_behind(false);
    stage.create(payment("a"), PATIENT).await.unwrap();
    stage.close().await;
}

/// The status of the one payment that a record touched.
fn status_in(record: &DurableRecord) -> PaymentStatus {
    match &record.content {
        DurableContent::Payments { payments, .. } => payments[0].state().status(),
        DurableContent::Control { record, .. } => panic!("of a payment shard: {record:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merchants_and_keys_are_published_once_durable_and_verified_offline() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    let (merchant, hash) = stage.register(7).await;
    let key = stage.engine.control().find_key(&hash).unwrap();
    assert_eq!(key.kind, ApiKeyKind::Secret { merchant, mode: Mode::Test });
    assert_eq!(stage.engine.control().version(), 1);
    stage.create(payment("a"), PATIENT).await.unwrap();
    stage.close().await;

    let report = tollgate_engine::verify(directory.path()).unwrap();
    assert_eq!((report.merchants, report.payments, report.log.records), (1, 1, 3));
    let stage = Stage::open(directory.path(), Script::approving());
    assert_eq!(stage.engine.control().find_key(&hash).unwrap(), key);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_worth_what_the_last_answer_said_before_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    let (merchant, first) = stage.register(7).await;
    let authority = KeyAuthority::over_merchant(Asker::Process, merchant);
    let pass = |stage: &Stage, hash: ApiKeyHash| stage.engine.control().find_key(&hash).unwrap();
    let standing = |stage: &Stage, hash: ApiKeyHash| pass(stage, hash).standing(|| Timestamp::MAX);
    let key = pass(&stage, first).id;
    let rotate = RotateApiKey {
        authority,
        key,
        imprint: stage::imprint(8),
        overlap: Millis(1_000),
        expires_at: None,
    };
    let second = stage.engine.control_command(rotate.clone()).await.unwrap();
    assert_eq!(standing(&stage, first), KeyStanding::Expired, "once its overlap is over");
    assert_eq!(pass(&stage, first).standing(|| second.created_at), KeyStanding::Usable);
    assert_eq!(standing(&stage, second.hash), KeyStanding::Usable);
    let again = stage.engine.control_command(rotate).await.unwrap_err();
    let rotated = ControlRejection::ApiKeyRotated { key, successor: second.id };
    assert_eq!(again, CommandError::ControlRejected(rotated));

    let revoke = RevokeApiKey { authority, key: second.id };
    stage.engine.control_command(revoke.clone()).await.unwrap();
    assert_eq!(standing(&stage, second.hash), KeyStanding::Revoked);
    let version = stage.engine.control().version();
    stage.engine.control_command(revoke).await.unwrap();
    assert_eq!(stage.engine.control().version(), version, "it was revoked already");

    let suspend = UpdateMerchant {
        asker: Asker::Process,
        merchant,
        name: None,
        email: None,
        suspended: Some(true),
        one_payment_per_order: None,
    };
    let suspended = stage.engine.control_command(suspend).await.unwrap();
    assert!(suspended.suspended_at.is_some());
    assert!(pass(&stage, first).suspended && pass(&stage, second.hash).suspended);
    let before = [first, second.hash].map(|hash| pass(&stage, hash));
    stage.close().await;

    let stage = Stage::open(directory.path(), Script::approving());
    assert_eq!([first, second.hash].map(|hash| pass(&stage, hash)), before);
    assert_eq!(stage.engine.control().version(), version + 1);
    assert_eq!(stage.engine.control().merchant(merchant), Some(suspended));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_record_is_lost_opens_nothing() {
    let disk = Disk::new();
    let stage = Stage::in_memory(&disk, Script::approving());
    let (merchant, _hash) = stage.register(7).await;
    disk.plan(Fault::fail(disk.commits() + 1, Kept::Nothing));
    let imprint = stage::imprint(8);
    let issue = IssueApiKey {
        authority: KeyAuthority::over_merchant(Asker::Process, merchant),
        kind: ApiKeyKind::Secret { merchant, mode: Mode::Test },
        imprint,
        name: None,
        scopes: None,
        expires_at: None,
    };
    let lost = stage.engine.control_command(issue).await.unwrap_err();
    assert_eq!(lost, CommandError::Unknown);
    assert_eq!(stage.engine.control().find_key(&imprint.hash), None);
    stage.close().await;
}
