//! What is done to payments and orders, from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{sync::Arc, time::Duration};

use tollgate_domain::{
    Amount, CaptureMode, CapturePayment, CreateOrder, Mode, OperationOutcome, OperationState,
    OutcomeSource, Payment, PaymentStatus, ProviderOutcome, RecordProviderOutcome, RefundPayment,
    Rejection,
};
use tollgate_engine::{
    Answer, CommandError, DurableContent, Patience, PaymentCommand, ProviderReport,
};
use tollgate_wal::store::faulty::{Disk, Fault, Kept};

use crate::{
    PATIENT,
    stage::{Notes, Script, Stage, payment, receipt, target},
};

fn amount(minor_units: i64) -> Amount {
    Amount::from_minor_units(minor_units).unwrap()
}

fn refund(paid: &Payment, key: &str, minor_units: i64) -> PaymentCommand {
    PaymentCommand::Refund(RefundPayment {
        target: target(paid, key),
        amount: Some(amount(minor_units)),
        reason: None,
        metadata: Vec::new(),
    })
}

fn capture(held: &Payment, key: &str) -> PaymentCommand {
    let target = target(held, key);
    PaymentCommand::Capture(CapturePayment { target, amount: None, release_rest: true })
}

async fn paid(stage: &Stage) -> Payment {
    stage.create(payment("p"), PATIENT).await.unwrap().payment
}

async fn authorized(stage: &Stage) -> Payment {
    let mut command = payment("p");
    command.capture = CaptureMode::Manual;
    stage.create(command, PATIENT).await.unwrap().payment
}

fn state(answer: &Answer) -> &OperationState {
    let operation = answer.operation.expect("an operation was asked for");
    &answer.payment.operation(operation).expect("it is the payment's").state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_and_captures_at_once_never_exceed_what_there_is() {
    let stage = Stage::in_memory(&Disk::new(), Script::approving());
    let held = authorized(&stage).await;
    let captures = (0..100).map(|number| capture(&held, &format!("c{number}")));
    let refunds = (0..100).map(|number| refund(&held, &format!("r{number}"), 300));
    let tasks: Vec<_> = captures
        .zip(refunds)
        .flat_map(<[PaymentCommand; 2]>::from)
        .map(|command| {
            let engine = stage.engine.clone();
            tokio::spawn(async move { engine.operate(command, PATIENT).await })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_answer) => done += 1,
            Err(CommandError::Rejected(rejection)) => assert!(
                matches!(
                    rejection,
                    Rejection::UnexpectedState { .. }
                        | Rejection::OperationInProgress(_)
                        | Rejection::RefundExceedsCaptured { .. }
                ),
                "{rejection:?}"
            ),
            Err(other) => panic!("{other:?}"),
        }
    }
    let payment = stage.engine.payment(held.id()).await.unwrap().unwrap();
    assert_eq!(payment.amount_captured(), amount(10_000), "captured once");
    assert!(payment.amount_refunded() <= payment.amount_captured());
    assert_eq!(payment.operations().len(), done, "what was acknowledged, and nothing else");
    assert_eq!(payment.amount_refunding(), Amount::ZERO);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_survives_a_restart_and_its_key_answers_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    let payment = paid(&stage).await;
    let first = stage.engine.operate(refund(&payment, "r", 4_000), PATIENT).await.unwrap();
    assert!(matches!(state(&first), OperationState::Succeeded { .. }), "{first:?}");
    stage.engine.operate(refund(&payment, "s", 6_000), PATIENT).await.unwrap();
    stage.close().await;

    let stage = Stage::open(directory.path(), Script::approving());
    let again = stage.engine.operate(refund(&payment, "r", 4_000), PATIENT).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.operation, first.operation);
    assert_eq!(state(&again), state(&first));
    assert_eq!(stage.script.calls(), 0, "nothing is refunded twice");
    let more = stage.engine.operate(refund(&payment, "t", 1), PATIENT).await.unwrap_err();
    assert!(
        matches!(more, CommandError::Rejected(Rejection::RefundExceedsCaptured { .. })),
        "{more:?}"
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_whose_call_is_dropped_is_asked_about() {
    let stage = Stage::in_memory(&Disk::new(), Script::dropping());
    let payment = paid(&stage).await;
    let answer = stage.engine.operate(refund(&payment, "r", 10_000), PATIENT).await.unwrap();
    assert!(matches!(state(&answer), OperationState::Succeeded { .. }), "{answer:?}");
    assert_eq!(answer.payment.operations().len(), 1, "asked, not sent again");
    stage.close().await;
}

/// All at once they would not fit into a record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_refunds_as_a_payment_may_have_are_asked_about_after_a_crash() {
    let disk = Disk::new();
    let stage = Stage::in_memory(&disk, Script::holding());
    let command = payment("p");
    let begun = stage.create(command, Patience::UntilRecorded).await.unwrap().payment;
    stage.script.until_called(1).await;
    stage.script.answer_all(ProviderOutcome::Approved(receipt()));
    let paid = stage.settled(begun.id()).await;
    for number in 0..500 {
        let command = refund(&paid, &format!("r{number}"), 1);
        stage.engine.operate(command, Patience::UntilRecorded).await.unwrap();
    }
    let crashed = disk.snapshot();
    stage.close().await;

    let stage = Stage::in_memory(&crashed, Script::approving());
    loop {
        let payment = stage.engine.payment(paid.id()).await.unwrap().unwrap();
        if payment.amount_refunded() == amount(500) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stage.close().await;
}

/// What does not fit into one record is asked about by another, once, and each record is shown as it
/// left its payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_second_record_asks_about_is_asked_once_and_shown_as_it_stood() {
    let disk = Disk::new();
    let stage = Stage::in_memory(&disk, Script::holding());
    let begun = stage.create(payment("p"), Patience::UntilRecorded).await.unwrap().payment;
    stage.script.until_called(1).await;
    stage.script.answer_all(ProviderOutcome::Approved(receipt()));
    let paid = stage.settled(begun.id()).await;
    for number in 0..130 {
        let command = refund(&paid, &format!("r{number}"), 1);
        stage.engine.operate(command, Patience::UntilRecorded).await.unwrap();
    }
    let crashed = disk.snapshot();
    stage.close().await;

    let notes = Arc::<Notes>::default();
    let stage = Stage::observed(&crashed, Script::approving(), &notes);
    while stage.engine.payment(paid.id()).await.unwrap().unwrap().amount_refunded() != amount(130) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(stage.script.calls(), 130);
    stage.close().await;
    let mut events = 0;
    for shown in notes.shown() {
        let DurableContent::Payments { record, payments, .. } = &shown.content else { continue };
        events += record.events.iter().filter(|event| event.payment() == Some(paid.id())).count();
        for payment in payments.iter().filter(|payment| payment.id() == paid.id()) {
            assert_eq!(payment.sequence() as usize, events, "{:?}", record.events);
        }
    }
    assert!(events > 2 * 130, "{events}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impatience_gets_the_operation_as_it_stands() {
    let stage = Stage::in_memory(&Disk::new(), Script::holding());
    let engine = stage.engine.clone();
    let creation = tokio::spawn(async move {
        engine.create_payment(payment("p"), "secret".to_owned(), PATIENT).await
    });
    stage.script.until_called(1).await;
    stage.script.answer_all(ProviderOutcome::Approved(receipt()));
    let payment = creation.await.unwrap().unwrap().payment;

    let brief = Patience::UntilSettled(Duration::from_millis(1));
    let early = stage.engine.operate(refund(&payment, "r", 5_000), brief).await.unwrap();
    assert_eq!(state(&early), &OperationState::Open { tries: 0 });
    let engine = stage.engine.clone();
    let command = refund(&payment, "r", 5_000);
    let again = engine.operate(command, brief).await.unwrap();
    assert!(again.replayed, "nobody waits any more, so the key tells the current state");
    stage.script.until_called(2).await;
    stage.script.finish_all(OperationOutcome::Pending);
    let pending = loop {
        let command = refund(&payment, "r", 5_000);
        let answer = stage.engine.operate(command, PATIENT).await.unwrap();
        if state(&answer) != (&OperationState::Open { tries: 0 }) {
            break answer;
        }
    };
    assert!(matches!(state(&pending), OperationState::Pending(_)), "{pending:?}");
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_from_outside_are_answered_once_they_are_durable() {
    let disk = Disk::new();
    let stage = Stage::in_memory(&disk, Script::holding());
    let brief = Patience::UntilSettled(Duration::from_millis(1));
    let early = stage.create(payment("p"), brief).await.unwrap().payment;
    let report = |outcome| {
        ProviderReport::Attempt(RecordProviderOutcome {
            payment: early.id(),
            attempt: early.attempts()[0].id,
            source: OutcomeSource::Callback,
            outcome,
        })
    };
    stage.engine.report(report(ProviderOutcome::Approved(receipt()))).await.unwrap();
    let read = stage.engine.payment(early.id()).await.unwrap().unwrap();
    assert_eq!(read.state().status(), PaymentStatus::Completed);
    stage.engine.report(report(ProviderOutcome::Approved(receipt()))).await.unwrap();

    let nobody = ProviderReport::Attempt(RecordProviderOutcome {
        payment: tollgate_domain::PaymentId::from_u128(early.id().to_u128() ^ 1),
        attempt: early.attempts()[0].id,
        source: OutcomeSource::Callback,
        outcome: ProviderOutcome::Pending,
    });
    let refused = stage.engine.report(nobody).await.unwrap_err();
    assert!(
        matches!(refused, CommandError::Rejected(Rejection::PaymentNotFound(_))),
        "{refused:?}"
    );

    disk.plan(Fault::fail(disk.commits() + 1, Kept::Nothing));
    let declined = ProviderOutcome::Declined(tollgate_domain::DeclineCode::LostCard);
    let unknown = stage.engine.report(report(declined)).await.unwrap_err();
    assert_eq!(unknown, CommandError::Unknown, "it is not durable, and so not acknowledged");
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_never_paid_twice() {
    let stage = Stage::in_memory(&Disk::new(), Script::approving());
    let template = payment("a");
    let command = CreateOrder {
        merchant: template.merchant,
        mode: Mode::Test,
        money: template.money,
        receipt: Some("7".into()),
        notes: Vec::new(),
        idempotency: payment("o").idempotency,
    };
    let order = stage.engine.create_order(command.clone()).await.unwrap();
    assert!(!order.replayed);
    let again = stage.engine.create_order(command).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.order, order.order);

    let for_order = |key: &str| {
        let mut command = payment(key);
        command.order = Some(order.order.id());
        command
    };
    let tasks: Vec<_> = ["b", "c", "d", "e"]
        .into_iter()
        .map(|key| {
            let (engine, command) = (stage.engine.clone(), for_order(key));
            tokio::spawn(async move {
                engine.create_payment(command, "secret".to_owned(), PATIENT).await
            })
        })
        .collect();
    let mut paid = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_answer) => paid += 1,
            Err(CommandError::Rejected(Rejection::OrderAmountExceeded { .. })) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(paid, 1);
    let id = order.order.id();
    let found = stage.engine.query(id.shard(), move |state| state.order(id).cloned());
    let order = found.await.unwrap().unwrap().unwrap();
    assert_eq!((order.paid(), order.attempts()), (template.money.amount, 1));
    stage.close().await;
}
