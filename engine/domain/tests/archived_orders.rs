//! Orders that leave memory and come back: which do, that none is paid twice, and that nothing is other
//! than where they stay.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

#[path = "stage/stage.rs"]
mod stage;

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use proptest::prelude::*;
use stage::{
    Chance, HOUR, MINUTE, SHARD, Stage, approved, create_payment, declined, idempotency,
    last_attempt, money, receipt, target,
};
use tollgate_domain::{
    Amount, ArchiveRules, CaptureMode, Command, CreateOrder, CreatePayment, Decision, Env, Event,
    LateApprovals, Millis, Mode, OperationOutcome, Order, OrderId, OrderStatus, OutcomeSource,
    PaymentId, Policy, RefundPayment, Rejection, ShardState, Subject, codec,
    image::{Restoration, Restored},
    invariant,
};

/// What an archive would keep, as bytes.
#[derive(Default)]
struct Kept {
    payments: BTreeMap<PaymentId, Vec<u8>>,
    orders: BTreeMap<OrderId, Vec<u8>>,
}

fn rules(after_minutes: u64, most: usize) -> Policy {
    let after = Millis(after_minutes * MINUTE.0);
    Policy { archive: ArchiveRules { after, most }, ..Policy::default() }
}

fn order(amount: &str) -> CreateOrder {
    CreateOrder {
        merchant: stage::merchant(1),
        mode: Mode::Test,
        money: money(amount, "INR"),
        receipt: Some("receipt 7".into()),
        notes: vec![("table".into(), "12".into())],
        idempotency: None,
    }
}

fn create(stage: &mut Stage, order: CreateOrder) -> OrderId {
    match stage.send(Command::CreateOrder(Box::new(order))).unwrap() {
        Decision::Accepted { subject: Some(Subject::Order(order)), .. } => order,
        other => panic!("{other:?}"),
    }
}

fn payment_for(order: OrderId, amount: &str) -> CreatePayment {
    CreatePayment {
        order: Some(order),
        ..create_payment(money(amount, "INR"), CaptureMode::Automatic)
    }
}

fn pay(stage: &mut Stage, order: OrderId, amount: &str) -> Result<PaymentId, Rejection> {
    match stage.send(Command::CreatePayment(Box::new(payment_for(order, amount))))? {
        Decision::Accepted { subject: Some(Subject::Payment(payment)), .. } => Ok(payment),
        other => panic!("{other:?}"),
    }
}

/// Lets leave what has to, all of it, and keeps it; gives the orders.
fn leave(stage: &mut Stage, kept: &mut Kept) -> Vec<OrderId> {
    let mut left = Vec::new();
    loop {
        let histories: BTreeMap<_, _> = stage
            .state()
            .payments_sorted()
            .into_iter()
            .map(|payment| (payment.id(), stage.state().history(payment.id()).unwrap().clone()))
            .collect();
        let all = (Bound::Unbounded, Bound::Unbounded);
        let orders = stage.state().orders_in(stage::merchant(1), Mode::Test, all);
        let orders: BTreeMap<_, _> = orders.map(|order| (order.id(), order.clone())).collect();
        let decision = stage.send(Command::ArchiveFinished).unwrap();
        let Decision::Accepted { record, .. } = decision else { return left };
        for event in &record.events {
            if let Event::OrderArchived { order } = event {
                kept.orders.insert(*order, codec::encode_order(&orders[order]).unwrap());
                left.push(*order);
            } else {
                let payment = event.payment().unwrap();
                let bytes = codec::encode_history(&histories[&payment]).unwrap();
                kept.payments.insert(payment, bytes);
            }
        }
    }
}

fn bring_order(stage: &mut Stage, kept: &Kept, order: OrderId) {
    if stage.state().order(order).is_none() {
        let order = Arc::new(codec::decode_order(&kept.orders[&order]).unwrap());
        let decision = stage.send(Command::RecallOrder(order)).unwrap();
        assert!(matches!(decision, Decision::Accepted { .. }));
    }
}

fn bring_payment(stage: &mut Stage, kept: &Kept, payment: PaymentId) {
    if stage.state().payment(payment).is_none() {
        let history = codec::decode_history(&kept.payments[&payment]).unwrap();
        bring_order(stage, kept, history.intent().order.unwrap());
        let decision = stage.send(Command::RecallPayment(Arc::new(history))).unwrap();
        assert!(matches!(decision, Decision::Accepted { .. }));
    }
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
fn an_order_leaves_behind_its_last_payment_and_comes_back_before_it() {
    let (mut stage, mut kept) = (Stage::new(rules(60, 100)), Kept::default());
    let order = create(&mut stage, order("20.00"));
    let payment = pay(&mut stage, order, "12.00").unwrap();
    stage.wait(HOUR);
    assert_eq!(leave(&mut stage, &mut kept), [], "its payment is under way");
    stage.answer(payment, OutcomeSource::Call, approved()).unwrap();
    let before = stage.state().order(order).unwrap().clone();
    assert_eq!(before.status(), OrderStatus::PartiallyPaid);
    stage.wait(HOUR);
    assert_eq!(leave(&mut stage, &mut kept), [order]);
    assert_eq!((stage.state().order_count(), stage.state().departed_orders()), (0, 1));
    assert_eq!(stage.state().departures(), 2, "of the payment, and of the order");
    let away = codec::decode_order(&kept.orders[&order]).unwrap();
    let stands = |order: &Order| (order.attempts(), order.paid(), order.updated_at());
    assert_eq!(stands(&away), stands(&before));
    let again = restored(&restored(stage.state()));
    assert_eq!(again.hash(), stage.state().hash());
    assert_eq!((again.departed_orders(), again.departures()), (1, 2));
    assert_eq!(stage.replayed().hash(), stage.state().hash());

    bring_payment(&mut stage, &kept, payment);
    assert_eq!(*stage.state().order(order).unwrap(), before);
    assert_eq!(stage.state().departed_orders(), 0);
    assert_eq!(leave(&mut stage, &mut kept), [order], "nothing was done to either");
    bring_payment(&mut stage, &kept, payment);
    let amount = Some(Amount::from_minor_units(1).unwrap());
    let (target, metadata) = (target(stage.payment(payment), None), Vec::new());
    let refund = RefundPayment { target, amount, reason: None, metadata };
    stage.send(Command::RefundPayment(refund)).unwrap();
    assert_eq!(leave(&mut stage, &mut kept), []);
    assert_eq!(stage.replayed().hash(), stage.state().hash());
    assert_eq!(restored(stage.state()).hash(), stage.state().hash());
}

#[test]
fn an_order_that_is_away_is_not_found_and_what_is_asked_is_judged_by_it() {
    let (mut stage, mut kept) = (Stage::new(rules(0, 0)), Kept::default());
    let order = create(&mut stage, order("20.00"));
    let payment = pay(&mut stage, order, "12.00").unwrap();
    stage.answer(payment, OutcomeSource::Call, approved()).unwrap();
    assert_eq!(leave(&mut stage, &mut kept), [order]);
    assert_eq!(pay(&mut stage, order, "8.00"), Err(Rejection::OrderNotFound(order)));

    let away = codec::decode_order(&kept.orders[&order]).unwrap();
    let policy = stage.policy().clone();
    let env = Env { now: stage.now(), shard: SHARD, entropy: [1, 2, 3], policy: &policy };
    let refused = |command: CreatePayment| {
        stage.state().refused_if_order_back(&away, Box::new(command), &env)
    };
    assert_eq!(refused(payment_for(order, "8.00")), None);
    let open = money("8.00", "INR");
    assert_eq!(refused(payment_for(order, "8.01")), Some(Rejection::OrderAmountExceeded { open }));
    let foreign = CreatePayment { merchant: stage::merchant(2), ..payment_for(order, "8.00") };
    assert_eq!(refused(foreign), Some(Rejection::OrderNotFound(order)));

    bring_order(&mut stage, &kept, order);
    let rest = pay(&mut stage, order, "8.00").unwrap();
    stage.answer(rest, OutcomeSource::Call, approved()).unwrap();
    assert_eq!(leave(&mut stage, &mut kept), [order]);
    let away = codec::decode_order(&kept.orders[&order]).unwrap();
    assert_eq!((away.status(), away.attempts()), (OrderStatus::Paid, 2));
}

#[test]
fn those_leave_first_that_changed_first() {
    let mut stage = Stage::new(rules(60, 2));
    let mut orders = Vec::new();
    for _order in 0..5 {
        orders.push(create(&mut stage, order("20.00")));
        stage.wait(MINUTE);
    }
    let payment = pay(&mut stage, orders[0], "12.00").unwrap();
    stage.answer(payment, OutcomeSource::Call, declined()).unwrap();
    let left = leave(&mut stage, &mut Kept::default());
    assert_eq!(left, orders[1..3], "the first one's payment is in memory");
    let since = stage.state().order(orders[3]).unwrap().updated_at();
    assert_eq!(stage.state().next_departure(&stage.policy().archive), Some(since.after(HOUR)));
}

#[test]
fn an_order_that_fits_no_record_stays() {
    let mut stage = Stage::new(rules(0, 0));
    let note = |number: usize| (format!("note {number}").into(), "x".repeat(900).into());
    let notes = (0..70).map(note).collect();
    let large = create(&mut stage, CreateOrder { notes, ..order("20.00") });
    stage.wait(HOUR);
    assert_eq!(leave(&mut stage, &mut Kept::default()), []);
    assert_eq!(stage.state().next_departure(&stage.policy().archive), None, "nobody waits for it");
    assert!(stage.state().order(large).is_some());
}

#[test]
fn a_key_stands_for_its_order_wherever_that_is() {
    let (mut stage, mut kept) = (Stage::new(rules(0, 0)), Kept::default());
    let keyed =
        || CreateOrder { idempotency: Some(idempotency("order 7", "request")), ..order("20.00") };
    let first = create(&mut stage, keyed());
    assert_eq!(leave(&mut stage, &mut kept), [first]);
    let repeated = stage.send(Command::CreateOrder(Box::new(keyed())));
    assert_eq!(repeated, Ok(Decision::Replayed { subject: Subject::Order(first) }));
    assert_eq!(invariant::shard(stage.state()), Ok(()));
}

/// A play of orders and payments on a stage from which nothing leaves, and on one from which everything
/// does that can: whatever is asked, both answer the same.
struct Pair {
    staying: Stage,
    leaving: Stage,
    kept: Kept,
    orders: Vec<(OrderId, OrderId)>,
    payments: Vec<(PaymentId, PaymentId)>,
}

impl Pair {
    fn new(late_approvals: LateApprovals) -> Self {
        let never = rules(u64::from(u32::MAX), usize::MAX);
        let policies = [never, rules(0, 0)].map(|policy| Policy { late_approvals, ..policy });
        let [staying, leaving] = policies.map(Stage::new);
        let (orders, payments) = (Vec::new(), Vec::new());
        Self { staying, leaving, kept: Kept::default(), orders, payments }
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.below(8) {
            0 => {
                let ids = (
                    create(&mut self.staying, order("20.00")),
                    create(&mut self.leaving, order("20.00")),
                );
                self.orders.push(ids);
            }
            1 | 2 if !self.orders.is_empty() => {
                let (one, other) = chance.pick(&self.orders);
                let amount = chance.pick(&["5.00", "12.00", "20.00"]);
                bring_order(&mut self.leaving, &self.kept, other);
                match (pay(&mut self.staying, one, amount), pay(&mut self.leaving, other, amount)) {
                    (Ok(one), Ok(other)) => self.payments.push((one, other)),
                    (Err(Rejection::OrderAmountExceeded { open }), Err(found)) => {
                        assert_eq!(found, Rejection::OrderAmountExceeded { open });
                    }
                    (one, other) => panic!("{other:?} instead of {one:?}"),
                }
            }
            3 | 4 if !self.payments.is_empty() => {
                let (one, other) = chance.pick(&self.payments);
                bring_payment(&mut self.leaving, &self.kept, other);
                let outcome = chance.pick(&[approved(), declined()]);
                let source = OutcomeSource::Callback;
                let one = self.staying.answer(one, source, outcome.clone());
                let other = self.leaving.answer(other, source, outcome);
                assert_eq!(one.is_ok(), other.is_ok());
            }
            5 if !self.payments.is_empty() => {
                let (one, other) = chance.pick(&self.payments);
                bring_payment(&mut self.leaving, &self.kept, other);
                if self.staying.payment(one).operations().is_empty() {
                    return;
                }
                let done = OperationOutcome::Succeeded(receipt());
                let source = OutcomeSource::Call;
                self.staying.answer_operation(one, source, done.clone()).unwrap();
                self.leaving.answer_operation(other, source, done).unwrap();
            }
            6 => {
                self.staying.wait(MINUTE);
                self.leaving.wait(MINUTE);
            }
            _other => {
                leave(&mut self.leaving, &mut self.kept);
            }
        }
    }

    fn compare(&self) {
        for (one, other) in &self.orders {
            let one = self.staying.state().order(*one).unwrap();
            let other = self
                .leaving
                .state()
                .order(*other)
                .cloned()
                .unwrap_or_else(|| codec::decode_order(&self.kept.orders[other]).unwrap());
            let stands = |order: &Order| {
                (order.attempts(), order.paid(), order.reserved(), order.open(), order.updated_at())
            };
            assert_eq!(stands(&other), stands(one));
        }
        for (one, other) in &self.payments {
            let Some(other) = self.leaving.state().payment(*other) else { continue };
            let one = self.staying.payment(*one);
            assert_eq!(other.state().status(), one.state().status());
            assert_eq!(
                std::mem::discriminant(&last_attempt(other).state),
                std::mem::discriminant(&last_attempt(one).state)
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn orders_that_come_and_go_are_those_that_stay(seed: u64, accept: bool) {
        let late_approvals = if accept { LateApprovals::Accept } else { LateApprovals::Reverse };
        let (mut pair, mut chance) = (Pair::new(late_approvals), Chance::new(seed));
        for _step in 0..120 {
            pair.step(&mut chance);
            pair.compare();
        }
        let state = pair.leaving.state();
        prop_assert_eq!(stage::balances(state), stage::balances(pair.staying.state()));
        prop_assert_eq!(pair.leaving.replayed().hash(), state.hash());
        prop_assert_eq!(restored(state).hash(), state.hash());
    }
}
