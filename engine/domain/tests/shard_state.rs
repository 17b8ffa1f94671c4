//! What a shard's state promises beyond its transitions. The timers it promises to keep are an
//! invariant, checked after every command of every test.

#[path = "stage/stage.rs"]
mod stage;

use std::sync::Arc;

use stage::{
    HOUR, MINUTE, SHARD, Stage, approved, create_payment, effects, idempotency, last_attempt,
    last_operation, money,
};
use tollgate_domain::{
    CaptureMode, Cause, Command, CreatePayment, Decision, Effect, Env, Event, Millis, NextAction,
    OperationKind, OutcomeSource, PaymentId, PaymentMethod, PaymentStatus, Policy, ProviderId,
    ProviderOutcome, Rejection, SealKeyId, Sealed, ShardId, ShardState, Subject, Timestamp, codec,
};

#[test]
fn a_new_shard_is_empty_and_waits_for_nothing() {
    let stage = Stage::new(Policy::default());
    let state = stage.state();
    assert_eq!((state.shard(), state.payment_count()), (SHARD, 0));
    assert_eq!(state.next_due(stage.policy()), None);
    assert_eq!(state.last_time(), Timestamp::default());
    assert_ne!(state.hash(), ShardState::new(ShardId(4)).hash(), "a shard is not another");
}

#[test]
fn deciding_changes_nothing() {
    let mut stage = Stage::new(Policy::default());
    let payment = create(&mut stage, CaptureMode::Automatic);
    let before = stage.state().hash();
    let request = create_payment(money("1.00", "INR"), CaptureMode::Automatic);
    let (now, policy) = (stage.now().after(HOUR), Policy::default());
    let env = Env { now, shard: SHARD, entropy: [1, 2, 3], policy: &policy };
    for command in [
        Command::CreatePayment(Box::new(request)),
        Command::ResolveUnsettled(vec![payment]),
        Command::Tick,
    ] {
        let twice = [(); 2].map(|()| stage.state().decide(command.clone(), &env));
        assert_eq!(twice[0], twice[1], "equal commands in equal surroundings come to the same");
    }
    assert_eq!(stage.state().hash(), before);
}

#[test]
fn the_hash_tells_every_record_apart() {
    let mut stage = Stage::new(Policy::default());
    let mut hashes = vec![stage.state().hash()];
    let payment = create(&mut stage, CaptureMode::Manual);
    hashes.push(stage.state().hash());
    for outcome in [ProviderOutcome::Pending, approved(), stage::declined()] {
        stage.wait(Millis(1));
        stage.answer(payment, OutcomeSource::Call, outcome).unwrap();
        hashes.push(stage.state().hash());
    }
    let count = hashes.len();
    hashes.sort_unstable_by_key(ToString::to_string);
    hashes.dedup();
    assert_eq!(hashes.len(), count);
}

/// Snapshot and tail: what is replayed from any record on is what was lived.
#[test]
fn replay_agrees_with_life_after_every_record() {
    let mut stage = Stage::new(Policy::default());
    let mut lived = Vec::new();
    for outcome in [approved(), stage::declined(), stage::action_required(&stage::card())] {
        let payment = create(&mut stage, CaptureMode::Automatic);
        lived.push(stage.state().hash());
        stage.wait(Millis(700));
        stage.answer(payment, OutcomeSource::Call, outcome).unwrap();
        lived.push(stage.state().hash());
    }
    let mut replayed = ShardState::new(SHARD);
    for (bytes, lived) in stage.log().iter().zip(&lived) {
        replayed.apply(&codec::decode(bytes).unwrap());
        assert_eq!(replayed.hash(), *lived);
    }
    assert_eq!(stage.log().len(), lived.len());
}

#[test]
fn payments_and_the_unresolved_come_in_the_order_of_their_ids() {
    let mut stage = Stage::new(Policy::default());
    let mut created: Vec<PaymentId> =
        (0..50).map(|_| create(&mut stage, CaptureMode::Automatic)).collect();
    assert!(!created.is_sorted(), "chance made them in another order");
    created.sort_unstable();
    let sorted: Vec<PaymentId> =
        stage.state().payments_sorted().iter().map(|payment| payment.id()).collect();
    assert_eq!(sorted, created);
    for paid in created.iter().step_by(2) {
        stage.answer(*paid, OutcomeSource::Call, approved()).unwrap();
    }
    let left: Vec<PaymentId> = created.into_iter().skip(1).step_by(2).collect();
    assert_eq!(stage.state().unresolved(), left);
}

#[test]
fn the_clock_of_a_shard_never_goes_back() {
    let mut stage = Stage::new(Policy::default());
    create(&mut stage, CaptureMode::Automatic);
    let mut early = codec::decode(&stage.log()[0]).unwrap();
    let mut state = stage.replayed();
    early.at = early.at.before(HOUR);
    early.events = vec![Event::IdempotencyKeysForgotten { created_before: early.at }];
    early.effects.clear();
    state.apply(&early);
    assert_eq!(state.last_time(), stage.now());
}

#[test]
fn what_is_due_first_is_next() {
    let mut stage = Stage::new(Policy::default());
    let start = stage.now();
    let due_in = |stage: &Stage| stage.state().next_due(stage.policy()).map(|due| due.since(start));
    let acting = create(&mut stage, CaptureMode::Automatic);
    assert_eq!(due_in(&stage), None, "an open attempt waits for the answer to its call");
    stage.answer(acting, OutcomeSource::Call, stage::action_required(&stage::card())).unwrap();
    assert_eq!(due_in(&stage), Some(Millis(15 * MINUTE.0)));
    let unknown = create(&mut stage, CaptureMode::Automatic);
    stage.answer(unknown, OutcomeSource::Call, ProviderOutcome::Unknown).unwrap();
    assert_eq!(due_in(&stage), Some(Millis(500)));
    stage.answer(unknown, OutcomeSource::Inquiry, approved()).unwrap();
    assert_eq!(due_in(&stage), Some(Millis(15 * MINUTE.0)), "settled payments keep no timer");
    stage.answer(acting, OutcomeSource::Callback, approved()).unwrap();
    assert_eq!(due_in(&stage), None);
}

/// A customer has as long as what is asked of him is given.
#[test]
fn each_action_has_a_span_of_its_own() {
    let (upi_validity, action_validity) = (MINUTE, HOUR);
    let mut stage = Stage::new(Policy { upi_validity, action_validity, ..Policy::default() });
    for method in stage::methods() {
        let by_upi = matches!(method, PaymentMethod::Upi(_));
        let asked = stage::action_required(&method);
        let request = create_payment(money("5.00", "INR"), CaptureMode::Automatic);
        let request = CreatePayment { method, ..request };
        let accepted = stage.send(Command::CreatePayment(Box::new(request))).unwrap();
        let payment = created(&accepted);
        stage.answer(payment, OutcomeSource::Call, asked).unwrap();
        let due_at = stage.payment(payment).due_at().map(|due| due.since(stage.now()));
        assert_eq!(due_at, Some(if by_upi { upi_validity } else { action_validity }));
    }
}

/// What does not fit an answer to the customer is not cut: it is asked about.
#[test]
fn an_action_that_cannot_be_told_whole_is_unknown() {
    let long = |length: usize| Box::<str>::from("x".repeat(length));
    let approve = |vpa, reference| NextAction::ApproveUpi {
        payee_vpa: long(vpa),
        reference: long(reference),
    };
    let redirect = |length| NextAction::Redirect { url: long(length) };
    for (method, action, status) in [
        (stage::card(), redirect(NextAction::MAX_URL), PaymentStatus::RequiresAction),
        (stage::card(), redirect(NextAction::MAX_URL + 1), PaymentStatus::Unknown),
        (stage::upi(), approve(255, 35), PaymentStatus::RequiresAction),
        (stage::upi(), approve(256, 35), PaymentStatus::Unknown),
        (stage::upi(), approve(255, 36), PaymentStatus::Unknown),
        (stage::wallet(), approve(9, 9), PaymentStatus::Unknown),
    ] {
        let mut stage = Stage::new(Policy::default());
        let request = create_payment(money("5.00", "INR"), CaptureMode::Automatic);
        let request = CreatePayment { method, ..request };
        let accepted = stage.send(Command::CreatePayment(Box::new(request))).unwrap();
        let payment = created(&accepted);
        let asked = ProviderOutcome::ActionRequired { action };
        stage.answer(payment, OutcomeSource::Call, asked).unwrap();
        assert_eq!(stage.payment(payment).state().status(), status);
    }
}

/// A card expires between a request and its repeat: the repeat is answered, a new request refused.
#[test]
fn an_expired_card_pays_nothing_new_and_repeats_are_answered() {
    let mut stage = Stage::new(Policy::default());
    let request = |key| {
        let request = create_payment(money("5.00", "INR"), CaptureMode::Automatic);
        Command::CreatePayment(Box::new(CreatePayment {
            card_expires_at: Some(stage::START.after(HOUR)),
            idempotency: Some(idempotency(key, "request")),
            ..request
        }))
    };
    stage.wait(Millis(HOUR.0 - 1));
    let first = created(&stage.send(request("a")).unwrap());
    stage.wait(Millis(1));
    let again = stage.send(request("a"));
    assert_eq!(again, Ok(Decision::Replayed { subject: Subject::Payment(first) }));
    let before = stage.state().hash();
    assert_eq!(stage.send(request("b")), Err(Rejection::CardExpired));
    assert_eq!(stage.state().hash(), before);
}

/// What is not offered any more begins nothing new, and a repeat is answered as it was.
#[test]
fn what_is_withdrawn_is_answered_to_whoever_repeats_it() {
    let mut stage = Stage::new(Policy::default());
    let request = |key, text, repeats_only| {
        let request = create_payment(money("5.00", "INR"), CaptureMode::Automatic);
        let idempotency = Some(idempotency(key, text));
        Command::CreatePayment(Box::new(CreatePayment { repeats_only, idempotency, ..request }))
    };
    let first = created(&stage.send(request("a", "request", false)).unwrap());
    let before = stage.state().hash();
    let again = stage.send(request("a", "request", true));
    assert_eq!(again, Ok(Decision::Replayed { subject: Subject::Payment(first) }));
    let reused = stage.send(request("a", "another", true));
    assert_eq!(reused, Err(Rejection::IdempotencyKeyReused));
    assert_eq!(stage.send(request("b", "request", true)), Err(Rejection::NothingToRepeat));
    assert_eq!(stage.state().hash(), before);
}

/// The domain keeps what is sealed as it is.
#[test]
fn the_sealed_part_stands_in_the_payment() {
    let mut stage = Stage::new(Policy::default());
    let sealed = Sealed::new(SealKeyId([3; 16]), *b"nobody reads this");
    let request = create_payment(money("5.00", "INR"), CaptureMode::Automatic);
    let request = CreatePayment { personal: sealed.clone(), ..request };
    let payment = created(&stage.send(Command::CreatePayment(Box::new(request))).unwrap());
    assert_eq!(stage.payment(payment).intent().personal, sealed);
    let replayed = stage.replayed();
    assert_eq!(replayed.payment(payment).unwrap().intent().personal, sealed);
}

/// A record must fit the log, however much falls due at once.
#[test]
fn ticks_take_what_is_due_in_small_records_the_longest_overdue_first() {
    let mut stage = Stage::new(Policy::default());
    let mut waiting = Vec::new();
    for _ in 0..300 {
        let payment = create(&mut stage, CaptureMode::Automatic);
        stage.answer(payment, OutcomeSource::Call, ProviderOutcome::Unknown).unwrap();
        waiting.push(payment);
        stage.wait(Millis(1));
    }
    stage.wait(HOUR);
    let mut asked = Vec::new();
    let mut ticks = 0;
    while stage.state().next_due(stage.policy()).is_some_and(|due| due <= stage.now()) {
        let decision = stage.send(Command::Tick).unwrap();
        asked.extend(effects(&decision).iter().map(|effect| match effect {
            Effect::Inquire { payment, .. }
            | Effect::Authorize { payment, .. }
            | Effect::Operate { payment, .. }
            | Effect::InquireOperation { payment, .. } => *payment,
        }));
        ticks += 1;
        assert!(stage.log().last().unwrap().len() < codec::MAX_RECORD / 4);
    }
    assert_eq!((asked, ticks), (waiting, 3));
}

#[test]
fn inquiries_and_expiries_and_forgetting_share_a_tick() {
    let mut stage = Stage::new(Policy::default());
    let request = create_payment(money("5.00", "INR"), CaptureMode::Manual);
    let request = CreatePayment { idempotency: Some(idempotency("key", "request")), ..request };
    let accepted = stage.send(Command::CreatePayment(Box::new(request))).unwrap();
    let held = created(&accepted);
    stage.answer(held, OutcomeSource::Call, approved()).unwrap();
    let unknown = create(&mut stage, CaptureMode::Automatic);
    stage.answer(unknown, OutcomeSource::Call, ProviderOutcome::Unknown).unwrap();
    stage.wait(stage.policy().authorization_validity);
    let now = stage.now();
    let Ok(Decision::Accepted { record, subject: None }) = stage.send(Command::Tick) else {
        panic!("all of it is due")
    };
    let attempt = last_attempt(stage.payment(unknown)).id;
    let intent = Arc::clone(&last_operation(stage.payment(held)).intent);
    assert_eq!((&intent.kind, intent.cause), (&OperationKind::Void, Cause::Expiry));
    assert_eq!(
        record.events,
        [
            Event::InquiryStarted {
                payment: unknown,
                attempt,
                inquire_at: now.after(Millis(1_000))
            },
            Event::OperationStarted { payment: held, intent },
            Event::IdempotencyKeysForgotten {
                created_before: now.before(stage.policy().idempotency_retention)
            },
        ]
    );
    assert_eq!(stage.send(Command::Tick), Ok(Decision::Unchanged), "once is enough");
}

#[test]
fn an_effect_leads_to_what_its_worker_needs() {
    let mut stage = Stage::new(Policy::default());
    let started_at = stage.now();
    let payment = create(&mut stage, CaptureMode::Automatic);
    let attempt = last_attempt(stage.payment(payment)).id;
    stage.wait(HOUR);
    for effect in [Effect::Authorize { payment, attempt }, Effect::Inquire { payment, attempt }] {
        let call = stage.state().provider_call(effect).unwrap();
        assert_eq!((call.effect, call.attempt, call.started_at), (effect, attempt, started_at));
        assert_eq!(call.provider, ProviderId::SIMULATOR);
        assert_eq!(call.intent, *stage.payment(payment).intent());
    }
    let stranger = PaymentId::from_u128(1);
    let effect = Effect::Inquire { payment: stranger, attempt };
    assert!(stage.state().provider_call(effect).is_none());
}

/// The ids of a payment carry its time and shard, so that an id alone finds its shard.
#[test]
fn ids_tell_time_and_shard() {
    let mut stage = Stage::new(Policy::default());
    stage.wait(HOUR);
    let payment = create(&mut stage, CaptureMode::Automatic);
    let transaction = stage.payment(payment).intent().transaction;
    let attempt = last_attempt(stage.payment(payment)).id;
    for (time, shard) in [
        (payment.time(), payment.shard()),
        (attempt.time(), attempt.shard()),
        (transaction.time(), transaction.shard()),
    ] {
        assert_eq!((time, shard), (stage.now(), SHARD));
    }
    assert_ne!(payment.to_u128(), attempt.to_u128());
    assert_eq!(payment.to_u128(), transaction.to_u128(), "each is found by the other");
    let found = stage.state().transaction(transaction);
    assert_eq!(found.map(|(payment, operation)| (payment.id(), operation)), Some((payment, None)));
}

fn create(stage: &mut Stage, capture: CaptureMode) -> PaymentId {
    let request = create_payment(money("100.00", "INR"), capture);
    let accepted = stage.send(Command::CreatePayment(Box::new(request))).expect("no key, no no");
    created(&accepted)
}

fn created(decision: &Decision) -> PaymentId {
    match decision {
        Decision::Accepted { subject: Some(Subject::Payment(payment)), .. } => *payment,
        Decision::Accepted { .. } | Decision::Replayed { .. } | Decision::Unchanged => {
            panic!("no payment was created: {decision:?}")
        }
    }
}
