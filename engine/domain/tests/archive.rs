//! Payments that leave memory and come back: which do, what stays of them, and that nothing is lost.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

#[path = "stage/stage.rs"]
mod stage;

use std::sync::Arc;

use stage::{
    HOUR, MINUTE, SHARD, Stage, approved, balances, create_payment, declined, idempotency,
    last_operation, money, receipt, target,
};
use tollgate_domain::{
    Amount, ArchiveRules, CaptureMode, Command, CreateOrder, CreatePayment, Decision, Event,
    History, Mode, Moment, OperationOutcome, OrderId, OutcomeSource, PaymentId, Policy,
    ProviderOutcome, RefundPayment, Rejection, ShardState, Subject, codec,
    image::{Restoration, Restored},
    invariant,
};

fn rules(after_minutes: u64, most: usize) -> Policy {
    let after = tollgate_domain::Millis(after_minutes * MINUTE.0);
    Policy { archive: ArchiveRules { after, most }, ..Policy::default() }
}

fn create(stage: &mut Stage, request: CreatePayment) -> PaymentId {
    match stage.send(Command::CreatePayment(Box::new(request))).unwrap() {
        Decision::Accepted { subject: Some(Subject::Payment(payment)), .. } => payment,
        other => panic!("{other:?}"),
    }
}

fn completed(stage: &mut Stage) -> PaymentId {
    let payment = create(stage, create_payment(money("12.34", "INR"), CaptureMode::Automatic));
    stage.answer(payment, OutcomeSource::Call, approved()).unwrap();
    payment
}

fn refund(stage: &mut Stage, payment: PaymentId, reason: &str) -> Result<Decision, Rejection> {
    let target = target(stage.payment(payment), None);
    let amount = Some(Amount::from_minor_units(1).unwrap());
    let reason = Some(reason.into());
    stage.send(Command::RefundPayment(RefundPayment {
        target,
        amount,
        reason,
        metadata: Vec::new(),
    }))
}

/// Lets leave what has to, and keeps it as an archive would: as bytes.
fn leave(stage: &mut Stage) -> Vec<(PaymentId, Vec<u8>)> {
    let kept: Vec<_> = stage
        .state()
        .payments_sorted()
        .iter()
        .filter_map(|payment| {
            let history = stage.state().history(payment.id())?;
            Some((payment.id(), codec::encode_history(history).ok()?))
        })
        .collect();
    let Decision::Accepted { record, .. } = stage.send(Command::ArchiveFinished).unwrap() else {
        return Vec::new();
    };
    let left: Vec<_> = record.events.iter().filter_map(Event::payment).collect();
    kept.into_iter().filter(|(id, _bytes)| left.contains(id)).collect()
}

fn recall(stage: &mut Stage, bytes: &[u8]) {
    let history = Arc::new(codec::decode_history(bytes).unwrap());
    let decision = stage.send(Command::RecallPayment(history)).unwrap();
    assert!(matches!(decision, Decision::Accepted { .. }));
}

/// The state as its pieces alone tell it.
fn restored(state: &ShardState) -> ShardState {
    let mut restoration = Restoration::new(SHARD);
    for piece in state.pieces(7) {
        let piece = codec::decode_piece(&codec::encode_piece(&piece).unwrap()).unwrap();
        match restoration.take(piece) {
            Restored::InPart(further) => restoration = further,
            Restored::Whole(state, end) => {
                assert_eq!(state.hash(), end.hash);
                return *state;
            }
        }
    }
    panic!("the last piece is the end");
}

#[test]
fn a_finished_payment_leaves_and_comes_back_as_it_was() {
    let mut stage = Stage::new(rules(60, 100));
    let payment = completed(&mut stage);
    stage.wait(MINUTE);
    refund(&mut stage, payment, "too cold").unwrap();
    let done = OperationOutcome::Succeeded(receipt());
    stage.answer_operation(payment, OutcomeSource::Call, done).unwrap();
    let (before, books) = (stage.payment(payment).clone(), balances(stage.state()));
    let operation = last_operation(&before).id();

    assert_eq!(leave(&mut stage), [], "it was changed just now");
    stage.wait(HOUR);
    let left = leave(&mut stage);
    assert_eq!(left.iter().map(|(id, _bytes)| *id).collect::<Vec<_>>(), [payment]);
    assert_eq!(stage.state().payment(payment), None);
    assert!(stage.state().payment_of(operation).is_none());
    assert_eq!((stage.state().payment_count(), stage.state().departed_count()), (0, 1));
    assert_eq!(balances(stage.state()), books, "what was booked stays booked");
    assert_eq!(restored(stage.state()).hash(), stage.state().hash());

    recall(&mut stage, &left[0].1);
    assert_eq!(*stage.payment(payment), before);
    assert_eq!(stage.state().payment_of(operation), Some(&before));
    assert_eq!(balances(stage.state()), books);
    assert_eq!((stage.state().departed_count(), stage.state().departures()), (0, 1));
    refund(&mut stage, payment, "still cold").unwrap();
    assert_eq!(stage.replayed().hash(), stage.state().hash());
    assert_eq!(restored(stage.state()).hash(), stage.state().hash());
}

#[test]
fn a_first_answer_survives_the_journey() {
    let mut stage = Stage::new(rules(60, 0));
    let payment = create(&mut stage, create_payment(money("5.00", "INR"), CaptureMode::Automatic));
    stage.answer(payment, OutcomeSource::Call, declined()).unwrap();
    // Approved after all, and undone: the first answer is kept beside what it has become.
    stage.answer(payment, OutcomeSource::Callback, approved()).unwrap();
    let done = OperationOutcome::Succeeded(receipt());
    stage.answer_operation(payment, OutcomeSource::Call, done).unwrap();
    let before = stage.payment(payment).clone();
    assert_ne!(before.as_first_answered().attempts(), before.attempts());
    let left = leave(&mut stage);
    assert_eq!(codec::decode_history(&left[0].1).unwrap().payment(), before);
    recall(&mut stage, &left[0].1);
    assert_eq!(*stage.payment(payment), before);
}

#[test]
fn what_is_not_finished_stays() {
    let mut stage = Stage::new(rules(0, 0));
    let manual = create_payment(money("1.00", "INR"), CaptureMode::Manual);
    let authorized = create(&mut stage, manual);
    stage.answer(authorized, OutcomeSource::Call, approved()).unwrap();
    let unknown = create(&mut stage, create_payment(money("1.00", "INR"), CaptureMode::Automatic));
    stage.answer(unknown, OutcomeSource::Call, ProviderOutcome::Unknown).unwrap();
    let refunding = completed(&mut stage);
    refund(&mut stage, refunding, "too late").unwrap();
    create(&mut stage, create_payment(money("1.00", "INR"), CaptureMode::Automatic));
    stage.wait(HOUR);
    assert_eq!(leave(&mut stage), []);
    assert_eq!(stage.state().payment_count(), 4);
}

#[test]
fn those_leave_first_that_were_touched_first() {
    let mut stage = Stage::new(rules(60, 2));
    let mut payments = Vec::new();
    for _payment in 0..5 {
        payments.push(completed(&mut stage));
        stage.wait(MINUTE);
    }
    refund(&mut stage, payments[0], "touched again").unwrap();
    let done = OperationOutcome::Succeeded(receipt());
    stage.answer_operation(payments[0], OutcomeSource::Call, done).unwrap();
    let left = leave(&mut stage);
    assert_eq!(left.iter().map(|(id, _)| *id).collect::<Vec<_>>(), payments[1..4]);
    assert_eq!(stage.state().next_departure(&stage.policy().archive).unwrap(), {
        stage.payment(payments[4]).updated_at().after(HOUR)
    });
}

#[test]
fn a_payment_whose_history_fits_no_record_stays() {
    let mut stage = Stage::new(rules(0, 0));
    let payment =
        create(&mut stage, create_payment(money("900.00", "INR"), CaptureMode::Automatic));
    stage.answer(payment, OutcomeSource::Call, approved()).unwrap();
    for _refund in 0..70 {
        refund(&mut stage, payment, &"x".repeat(900)).unwrap();
        let done = OperationOutcome::Succeeded(receipt());
        stage.answer_operation(payment, OutcomeSource::Call, done).unwrap();
    }
    assert!(!stage.payment(payment).is_unsettled());
    stage.wait(HOUR);
    assert_eq!(leave(&mut stage), []);
    assert_eq!(stage.state().next_departure(&stage.policy().archive), None, "nobody waits for it");
    assert_eq!(restored(stage.state()).hash(), stage.state().hash(), "a snapshot takes it");
}

#[test]
fn orders_stay_paid_when_their_payments_leave() {
    let mut stage = Stage::new(rules(0, 0));
    let order = CreateOrder {
        merchant: stage::merchant(1),
        mode: Mode::Test,
        money: money("20.00", "INR"),
        receipt: None,
        notes: Vec::new(),
        idempotency: None,
    };
    let decision = stage.send(Command::CreateOrder(Box::new(order))).unwrap();
    let Decision::Accepted { subject: Some(Subject::Order(order)), .. } = decision else {
        panic!("{decision:?}")
    };
    let pay = |stage: &mut Stage, order: OrderId| {
        let mut request = create_payment(money("12.00", "INR"), CaptureMode::Automatic);
        request.order = Some(order);
        stage.send(Command::CreatePayment(Box::new(request)))
    };
    let decision = pay(&mut stage, order).unwrap();
    let Decision::Accepted { subject: Some(Subject::Payment(payment)), .. } = decision else {
        panic!("{decision:?}")
    };
    stage.answer(payment, OutcomeSource::Call, approved()).unwrap();
    let before = stage.state().order(order).unwrap().clone();
    let left = leave(&mut stage);
    let after = stage.state().order(order).unwrap();
    assert_eq!((after.attempts(), after.paid()), (before.attempts(), before.paid()));
    assert!(matches!(pay(&mut stage, order), Err(Rejection::OrderAmountExceeded { .. })));
    assert_eq!(restored(stage.state()).hash(), stage.state().hash());
    recall(&mut stage, &left[0].1);
    assert_eq!(*stage.state().order(order).unwrap(), before);
}

#[test]
fn a_merchants_own_order_is_not_paid_again_when_its_payment_has_left() {
    let mut stage = Stage::new(rules(0, 0));
    let request = || {
        let mut request = create_payment(money("12.00", "INR"), CaptureMode::Automatic);
        request.one_payment_per_order = true;
        request
    };
    let unpaid = create(&mut stage, request());
    stage.answer(unpaid, OutcomeSource::Call, declined()).unwrap();
    assert_eq!(leave(&mut stage).len(), 1);
    let paid = create(&mut stage, request());
    stage.answer(paid, OutcomeSource::Call, approved()).unwrap();
    assert_eq!(leave(&mut stage).len(), 1);
    let refused = Command::CreatePayment(Box::new(request()));
    assert_eq!(stage.send(refused), Err(Rejection::OrderPaid(paid)));
    let again = restored(&restored(stage.state()));
    assert_eq!(again.hash(), stage.state().hash());
    assert_eq!(invariant::shard(&again), Ok(()));
}

#[test]
fn a_key_stands_for_its_payment_wherever_that_is() {
    let mut stage = Stage::new(rules(0, 0));
    let request = || {
        let mut request = create_payment(money("12.00", "INR"), CaptureMode::Automatic);
        request.idempotency = Some(idempotency("order 7", "request"));
        request
    };
    let payment = create(&mut stage, request());
    stage.answer(payment, OutcomeSource::Call, approved()).unwrap();
    assert_eq!(leave(&mut stage).len(), 1);
    let repeated = stage.send(Command::CreatePayment(Box::new(request())));
    assert_eq!(repeated, Ok(Decision::Replayed { subject: Subject::Payment(payment) }));
    stage.wait(tollgate_domain::Millis(30 * HOUR.0));
    stage.send(Command::Tick).unwrap();
    assert!(stage.state().idempotency().is_empty(), "it is forgotten in its time");
}

#[test]
fn a_history_is_of_one_payment_from_its_beginning() {
    let mut stage = Stage::new(rules(0, 0));
    let (one, other) = (completed(&mut stage), completed(&mut stage));
    let chapters = |id| stage.state().history(id).unwrap().chapters().to_vec();
    assert!(History::of_chapters(chapters(one)).is_some());
    assert_eq!(History::of_chapters(chapters(one)[1..].to_vec()), None);
    assert_eq!(History::of_chapters(Vec::new()), None);
    let mixed = [chapters(one), chapters(other)[1..].to_vec()].concat();
    assert_eq!(History::of_chapters(mixed), None);
}

#[test]
fn a_payment_is_shown_as_it_was_at_each_of_its_events_and_times() {
    let mut stage = Stage::new(rules(60, 100));
    let mut stood: Vec<(tollgate_domain::Timestamp, tollgate_domain::Payment)> = Vec::new();
    let payment = create(&mut stage, create_payment(money("9.00", "INR"), CaptureMode::Automatic));
    let mut keep = |stage: &Stage| {
        let now = stage.payment(payment).clone();
        stood.push((now.updated_at(), now));
    };
    keep(&stage);
    stage.wait(MINUTE);
    stage.answer(payment, OutcomeSource::Call, approved()).unwrap();
    keep(&stage);
    stage.wait(MINUTE);
    refund(&mut stage, payment, "too cold").unwrap();
    keep(&stage);
    stage.wait(MINUTE);
    let done = OperationOutcome::Succeeded(receipt());
    stage.answer_operation(payment, OutcomeSource::Call, done).unwrap();
    keep(&stage);

    let history = stage.state().history(payment).unwrap();
    for (time, before) in &stood {
        assert_eq!(history.payment_at(Moment::Time(*time)).as_ref(), Some(before));
        let soon = tollgate_domain::Timestamp::from_millis(time.as_millis() + 1);
        assert_eq!(history.payment_at(Moment::Time(soon)).as_ref(), Some(before));
        let number = Moment::Event(before.sequence());
        assert_eq!(history.payment_at(number).as_ref(), Some(before));
    }
    let last = stage.payment(payment).sequence();
    for number in 1..=last {
        assert_eq!(history.payment_at(Moment::Event(number)).unwrap().sequence(), number);
    }
    assert_eq!(history.payment_at(Moment::Event(0)), None);
    assert_eq!(history.payment_at(Moment::Event(last + 1)), None);
    let created = history.created_at().as_millis();
    let before = tollgate_domain::Timestamp::from_millis(created - 1);
    assert_eq!(history.payment_at(Moment::Time(before)), None);
    let end = history.payment_at(Moment::Time(tollgate_domain::Timestamp::MAX));
    assert_eq!(end.as_ref(), Some(stage.payment(payment)));
}
