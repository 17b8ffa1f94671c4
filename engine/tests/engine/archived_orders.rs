//! Orders that leave memory of a running engine, and what is asked of them and of their payments later.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, ops::Bound, sync::Arc};

use tollgate_domain::{
    Amount, ArchiveRules, CreateOrder, CreatePayment, MerchantId, Millis, Mode, Order, OrderId,
    OrderStatus, OutcomeSource, Payment, PaymentStatus, Policy, ProviderOutcome,
    RecordProviderOutcome, RefundPayment, Rejection, ReversePayment, ShardId, ShardState, Subject,
    Timestamp,
};
use tollgate_engine::{
    Absent, Caller, CommandError, Find, Finding, Found, Moment, OrderPlace, OrderRange, OrderStep,
    PaymentCommand, ProviderReport, Request, Shard, Submission, Wanted, verify,
};

use super::{
    PATIENT,
    stage::{Script, Stage, payment, target},
};

/// An order of so many minor units of INR, with a key of its own.
fn order(key: &str, minor_units: i64) -> CreateOrder {
    let template = payment(key);
    CreateOrder {
        merchant: template.merchant,
        mode: template.mode,
        money: template.money.with_amount(Amount::from_minor_units(minor_units).unwrap()),
        receipt: Some(key.into()),
        notes: Vec::new(),
        idempotency: template.idempotency,
    }
}

/// A payment of 100.00 INR for an order.
fn payment_for(order: OrderId, key: &str) -> CreatePayment {
    CreatePayment { order: Some(order), ..payment(key) }
}

fn refund(paid: &Payment, key: &str) -> PaymentCommand {
    PaymentCommand::Refund(RefundPayment {
        target: target(paid, key),
        amount: Some(Amount::from_minor_units(300).unwrap()),
        reason: None,
        metadata: Vec::new(),
    })
}

async fn create(stage: &Stage, command: CreateOrder) -> Order {
    stage.engine.create_order(command).await.unwrap().order
}

async fn read(stage: &Stage, order: &Order) -> Order {
    stage.engine.order(OrderPlace::of(order)).await.unwrap().unwrap()
}

fn stands(order: &Order) -> (OrderStatus, u32, i64) {
    (order.status(), order.attempts(), order.paid().minor_units())
}

/// Waits until nobody is in memory, after so many orders and payments have left, and so many payments
/// have been back: what is told is as of a shard's last tick, and has to differ from what it was before.
async fn until_left(stage: &Stage, orders: u64, payments: u64, recalls: u64) {
    stage
        .until_health(|health| {
            (health.archived_orders, health.archived) == (orders, payments)
                && (health.orders, health.payments, health.recalls) == (0, 0, recalls)
        })
        .await;
}

fn refusal<T>(result: Result<T, CommandError>) -> Rejection {
    match result {
        Err(CommandError::Rejected(rejection)) => rejection,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it is not refused"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_has_left_is_read_listed_repeated_and_paid() {
    let directory = tempfile::tempdir().unwrap();
    let mut stage = Stage::archiving(directory.path(), Script::approving());
    let first = create(&stage, order("o1", 20_000)).await;
    let mut all = vec![first.clone()];
    for key in ["o2", "o3", "o4"] {
        all.push(create(&stage, order(key, 10_000)).await);
    }
    all.sort_unstable_by_key(Order::id);
    stage.create(payment_for(first.id(), "a"), PATIENT).await.unwrap();
    until_left(&stage, 4, 1, 0).await;
    let recalls = stage.engine.health().order_recalls;
    assert!(recalls <= 1, "to be paid, where it had left by then");

    let half = (OrderStatus::PartiallyPaid, 1, 10_000);
    assert_eq!(stands(&read(&stage, &first).await), half);
    let again = stage.engine.create_order(order("o1", 20_000)).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.order.as_created(), first);
    let (other, mode) = (MerchantId::from_u128(8), Mode::Test);
    let foreign = OrderPlace { merchant: other, mode, order: first.id() };
    assert_eq!(stage.engine.order(foreign).await.unwrap(), None);
    let command = CreatePayment { merchant: other, ..payment_for(first.id(), "f") };
    let not_found = Rejection::OrderNotFound(first.id());
    assert_eq!(refusal(stage.create(command, PATIENT).await), not_found);
    let nobody = OrderId::new(first.id().time(), first.id().shard(), 7);
    let refused = stage.create(payment_for(nobody, "n"), PATIENT).await;
    assert_eq!(refusal(refused), Rejection::OrderNotFound(nobody));
    let mut too_much = payment_for(first.id(), "m");
    too_much.money.amount = Amount::from_minor_units(10_001).unwrap();
    let Rejection::OrderAmountExceeded { open } = refusal(stage.create(too_much, PATIENT).await)
    else {
        panic!("it is more than is open")
    };
    assert_eq!(open.amount.minor_units(), 10_000);
    assert_eq!(stage.engine.health().order_recalls, recalls, "nothing of this brings it back");

    let range = |ids, newest_first, most| OrderRange {
        merchant: first.intent().merchant,
        mode,
        ids,
        newest_first,
        most,
    };
    let everything = (Bound::Unbounded, Bound::Unbounded);
    for round in 0..2 {
        let ids: Vec<OrderId> = all.iter().map(Order::id).collect();
        for most in 1..=5 {
            let mut oldest = ids.clone();
            oldest.truncate(most);
            let mut newest: Vec<_> = ids.iter().rev().copied().collect();
            newest.truncate(most);
            for (newest_first, expected) in [(false, oldest), (true, newest)] {
                let found = stage.engine.orders(range(everything, newest_first, most)).await;
                let found: Vec<OrderId> = found.unwrap().iter().map(Order::id).collect();
                assert_eq!(found, expected, "round {round}");
            }
        }
        let behind = (Bound::Excluded(ids[0]), Bound::Excluded(ids[3]));
        let found = stage.engine.orders(range(behind, true, 9)).await.unwrap();
        let found: Vec<OrderId> = found.iter().map(Order::id).collect();
        assert_eq!(found, [ids[2], ids[1]]);
        // The second round is after a restart without an archive: it is made again of the log.
        if round == 0 {
            stage.close().await;
            fs::remove_dir_all(directory.path().join("archive")).unwrap();
            stage = Stage::archiving(directory.path(), Script::approving());
        }
    }
    assert_eq!(stands(&read(&stage, &first).await), half);

    let rest = stage.create(payment_for(first.id(), "b"), PATIENT).await.unwrap();
    assert_eq!(rest.payment.state().status(), PaymentStatus::Completed);
    stage.until_health(|health| health.order_recalls == 1).await;
    assert_eq!(stands(&read(&stage, &first).await), (OrderStatus::Paid, 2, 20_000));
    let found = stage.engine.orders(range(everything, true, 9)).await.unwrap();
    let shown = found.iter().find(|order| order.id() == first.id()).unwrap();
    assert_eq!(stands(shown), (OrderStatus::Paid, 2, 20_000), "as it is, not as it once left");
    until_left(&stage, 4, 2, 0).await;
    let refused = stage.create(payment_for(first.id(), "c"), PATIENT).await;
    assert!(matches!(refusal(refused), Rejection::OrderAmountExceeded { .. }));
    stage.close().await;
    assert_eq!(verify(directory.path()).unwrap().payments, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_brings_its_order_back_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::archiving(directory.path(), Script::approving());
    let bought = create(&stage, order("o", 10_000)).await;
    let paid = stage.create(payment_for(bought.id(), "a"), PATIENT).await.unwrap().payment;
    until_left(&stage, 1, 1, 0).await;
    let before = stage.engine.health().order_recalls;
    let refunded = stage.engine.operate(refund(&paid, "r"), PATIENT).await.unwrap();
    assert_eq!(refunded.payment.amount_refunded().minor_units(), 300);
    until_left(&stage, 1, 1, 1).await;
    assert_eq!(stage.engine.health().order_recalls, before + 1);
    assert_eq!(stands(&read(&stage, &bought).await), (OrderStatus::Paid, 1, 10_000));

    // What undoes a payment opens its order again, wherever both are.
    let other = create(&stage, order("p", 10_000)).await;
    let paid = stage.create(payment_for(other.id(), "b"), PATIENT).await.unwrap().payment;
    until_left(&stage, 2, 2, 1).await;
    let reverse = PaymentCommand::Reverse(ReversePayment { target: target(&paid, "v") });
    stage.engine.operate(reverse, PATIENT).await.unwrap();
    until_left(&stage, 2, 2, 2).await;
    assert_eq!(stands(&read(&stage, &other).await), (OrderStatus::Attempted, 1, 0));
    stage.create(payment_for(other.id(), "c"), PATIENT).await.unwrap();
    until_left(&stage, 2, 3, 2).await;
    stage.close().await;

    let stage = Stage::archiving(directory.path(), Script::approving());
    assert_eq!(stands(&read(&stage, &other).await), (OrderStatus::Paid, 2, 10_000));
    // A provider that speaks late brings both back as well.
    let outcome = ProviderOutcome::Declined(tollgate_domain::DeclineCode::DoNotHonor);
    let (payment, attempt) = (paid.id(), paid.attempts()[0].id);
    let source = OutcomeSource::Callback;
    let report = RecordProviderOutcome { payment, attempt, source, outcome };
    stage.engine.report(ProviderReport::Attempt(report)).await.unwrap();
    stage.until_health(|health| health.recalls == 1 && health.order_recalls == 1).await;
    assert!(stage.engine.ledger_imbalances().values().all(|difference| *difference == 0));
    stage.close().await;
    verify(directory.path()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_at_once_for_an_order_that_comes_and_goes_never_exceed_it() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::archiving(directory.path(), Script::approving());
    let bought = create(&stage, order("o", 70_000)).await;
    let mut accepted = 0;
    for wave in 0..4 {
        until_left(&stage, 1, accepted, 0).await;
        let mut tasks = Vec::new();
        for number in 0..3 {
            let command = payment_for(bought.id(), &format!("{wave}-{number}"));
            let engine = stage.engine.clone();
            tasks.push(tokio::spawn(async move {
                engine.create_payment(command, String::new(), PATIENT).await.is_ok()
            }));
        }
        for task in tasks {
            accepted += u64::from(task.await.unwrap());
        }
    }
    assert_eq!(accepted, 7, "as many as there is something open for, and no more");
    until_left(&stage, 1, 7, 0).await;
    assert_eq!(stands(&read(&stage, &bought).await), (OrderStatus::Paid, 7, 70_000));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_the_log_has_let_go_of_is_still_read_listed_and_paid() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let stage = Stage::letting_go(directory, Script::approving(), &[]).unwrap();
    let bought = create(&stage, order("o", 20_000)).await;
    stage.create(payment_for(bought.id(), "a"), PATIENT).await.unwrap();
    for round in 0..4 {
        let filling = create(&stage, order(&format!("f{round}"), 10_000)).await;
        stage.create(payment_for(filling.id(), &format!("p{round}")), PATIENT).await.unwrap();
        until_left(&stage, 2 + round, 2 + round, 0).await;
        stage.engine.take_snapshot().await.unwrap();
    }
    stage.close().await;
    let report = verify(directory).unwrap();
    assert!(report.log.begins_behind > 3, "its creation is gone: {report:?}");
    assert!(report.snapshots.iter().all(|snapshot| snapshot.finding.is_ok()), "{report:?}");

    let stage = Stage::letting_go(directory, Script::approving(), &[]).unwrap();
    assert_eq!(stands(&read(&stage, &bought).await), (OrderStatus::PartiallyPaid, 1, 10_000));
    assert!(stage.engine.create_order(order("o", 20_000)).await.unwrap().replayed);
    stage.create(payment_for(bought.id(), "b"), PATIENT).await.unwrap();
    until_left(&stage, 5, 6, 0).await;
    let refused = stage.create(payment_for(bought.id(), "c"), PATIENT).await;
    assert!(matches!(refusal(refused), Rejection::OrderAmountExceeded { .. }));
    stage.close().await;
    verify(directory).unwrap();
}

/// Who asks a shard that nobody drives.
struct Somebody;

impl Caller for Somebody {
    fn is_waiting(&self) -> bool {
        true
    }
}

/// A shard by itself, from which whatever can leaves at once.
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

    fn order(&mut self, key: &str) -> OrderId {
        let moment = self.moment();
        let step = self.shard.create_order(Box::new(order(key, 20_000)), true, moment);
        let OrderStep::Answered(Some(_), answer) = step else { panic!("it is new") };
        answer.order.id()
    }

    /// Asks for a payment that waits for its order.
    fn wait_to_pay(&mut self, order: OrderId, key: &str) -> Absent<Submission<Somebody, ()>> {
        let Err(absent) = self.ask(order, key) else { panic!("the order is away") };
        absent
    }

    fn ask(
        &mut self,
        order: OrderId,
        key: &str,
    ) -> Result<Option<Subject>, Absent<Submission<Somebody, ()>>> {
        let command = Box::new(payment_for(order, key));
        let asked = Submission { command, attachment: (), caller: Somebody, until_settled: false };
        let moment = self.moment();
        self.shard.create_payment(asked, true, moment).map(|step| step.begun)
    }

    /// A payment of 100.00 INR for an order that is there, approved.
    fn pay(&mut self, order: OrderId, key: &str) -> Payment {
        let Ok(Some(Subject::Payment(id))) = self.ask(order, key) else { panic!("it is begun") };
        let attempt = self.shard.state().payment(id).unwrap().attempts()[0].id;
        let outcome = ProviderOutcome::Approved(super::stage::receipt());
        let (payment, source) = (id, OutcomeSource::Call);
        let report = RecordProviderOutcome { payment, attempt, source, outcome };
        let moment = self.moment();
        let told = self.shard.record_outcome::<()>(ProviderReport::Attempt(report), moment);
        assert!(told.is_ok_and(|step| step.is_some()));
        self.shard.state().payment(id).unwrap().clone()
    }

    /// Lets everything leave, and gives what an archive would find of an order then.
    fn let_leave(&mut self, order: OrderId) -> Finding {
        let mut left = None;
        loop {
            let moment = self.moment();
            let Some(step) = self.shard.archive::<()>(moment) else {
                return Ok(left.map(Find::Order));
            };
            let departures = step.record.unwrap().departures.unwrap();
            let mut orders = departures.orders.into_iter();
            if let Some(found) = orders.find(|found| found.place.order == order) {
                let found = tollgate_domain::codec::decode_order(&found.order).unwrap();
                left = Some(Arc::new(found));
            }
        }
    }
}

#[test]
fn an_order_that_has_been_back_is_looked_for_again() {
    let mut alone = Alone::new();
    let order = alone.order("o");
    let unpaid = alone.let_leave(order);
    let [one, other] = ["a", "b"].map(|key| alone.wait_to_pay(order, key));
    assert!(matches!(one.wanted(), Wanted::Order(place) if place.order == order));

    let moment = alone.moment();
    let found = alone.shard.found_for_payment(one, &unpaid, true, moment);
    assert!(matches!(found, Found::Back(Some(_), _)), "it comes back");
    alone.pay(order, "a");
    alone.pay(order, "x");
    let paid = alone.let_leave(order);
    let moment = alone.moment();
    let found = alone.shard.found_for_payment(other, &unpaid, true, moment);
    let Found::Again(other) = found else { panic!("it has been back, and is paid") };
    let found = alone.shard.found_for_payment(other, &paid, true, moment);
    let Found::Answered(step) = found else { panic!("it is refused") };
    assert!(step.record.is_none(), "without bringing it back");
    let [(_, Err(CommandError::Rejected(Rejection::OrderAmountExceeded { .. })))] =
        &step.replies[..]
    else {
        panic!("nothing is open")
    };
}

/// That it is found at all: a shard that does not notice brings the order back as it once left, unpaid.
#[cfg(feature = "planted-faults")]
#[test]
fn an_order_that_has_been_back_unnoticed_is_found_out() {
    use tollgate_engine::planted_fault::{PlantedFault, plant};

    plant(Some(PlantedFault::OrderRecalledAsItOnceLeft));
    let found_out = std::panic::catch_unwind(an_order_that_has_been_back_is_looked_for_again);
    plant(None);
    let said = found_out.unwrap_err();
    assert_eq!(said.downcast_ref::<&str>(), Some(&"it has been back, and is paid"));
}

#[test]
fn a_payment_is_looked_for_again_that_has_been_back_while_its_order_was_looked_for() {
    let mut alone = Alone::new();
    let order = alone.order("o");
    let paid = alone.pay(order, "a");
    let history = |alone: &Alone| {
        let history = alone.shard.state().history(paid.id()).unwrap().clone();
        Ok(Some(Find::Payment(Arc::new(history))))
    };
    let found_payment = history(&alone);
    let found_order = alone.let_leave(order);
    let [one, other] = ["r1", "r2"].map(|key| {
        let command = refund(&paid, key);
        let request = Request { command, caller: Somebody, until_settled: false };
        let moment = alone.moment();
        match alone.shard.operate::<()>(request, true, moment) {
            Err(absent) => absent,
            Ok(_) => panic!("it is away"),
        }
    });
    let moment = alone.moment();
    let [one, other] = [one, other].map(|absent| {
        let found = alone.shard.found_for_operation::<()>(absent, &found_payment, true, moment);
        let Found::Again(absent) = found else { panic!("its order is away as well") };
        assert!(matches!(absent.wanted(), Wanted::Order(place) if place.order == order));
        absent
    });
    let found = alone.shard.found_for_operation::<()>(one, &found_order, true, moment);
    let Found::OrderBack(_, one, rest) = found else { panic!("the order comes back first") };
    assert!(alone.shard.state().order(order).is_some());
    let found = alone.shard.found_for_operation::<()>(one, &rest, true, moment);
    let Found::Back(Some(_), one) = found else { panic!("and then the payment") };
    let moment = alone.moment();
    assert!(alone.shard.operate::<()>(one, true, moment).is_ok());

    // Both were back: whoever waits still looks for the payment once more.
    let found = alone.shard.found_for_operation::<()>(other, &found_order, true, moment);
    assert!(matches!(found, Found::Back(None, _)), "it is there, with its refund under way");
}
