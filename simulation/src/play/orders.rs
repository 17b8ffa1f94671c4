//! What merchants do with orders: create them, and have them paid.

use tollgate_domain::{
    Amount, CreateOrder, Fingerprint, MerchantId, Mode, Money, OrderId, ShardId, Subject, Timestamp,
};
use tollgate_engine::{CommandError, Completion, OrderStep};

use super::{
    Life, Play, Reply, START,
    archive::Waits,
    clients::{currency, key_of, mode_of, refused},
    index_of, pick,
};
use crate::{
    model::{ExpectedOrder, Request},
    step::NewOrder,
};

/// What sets the requests for orders apart from those for payments: their path.
const PATH: u64 = 1 << 16;

impl Play<'_> {
    pub(super) fn order(&mut self, life: &mut Life, order: NewOrder) {
        let merchant = MerchantId::new(START, ShardId::CONTROL, u64::from(order.merchant));
        let amount = Amount::from_minor_units(order.minor_units).expect("stories have amounts");
        let money = Money { amount, currency: currency(order.currency) };
        let mode = mode_of(order.merchant);
        let idempotency = order
            .key
            .map(|(key, body)| (key_of(merchant, key), Fingerprint(PATH + u64::from(body))));
        let shard = ShardId::of_merchant(merchant, self.shards);
        let index = index_of(shard);
        if life.shards[index].has_stopped() {
            return;
        }
        let room = life.lanes[index].has_room();
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let receipt = Some("receipt 7".into());
        let notes = vec![("table".into(), "12".into())];
        let command = Box::new(CreateOrder { merchant, mode, money, receipt, notes, idempotency });
        if command.idempotency.is_some() {
            self.ordered.push(CreateOrder::clone(&command));
        }
        let asked = CreateOrder::clone(&command);
        let step = life.shards[index].create_order(command, room, moment);
        self.answer_order(life, &asked, step, (room, now));
        self.order_again(life);
    }

    /// Requests for orders that have left memory come again.
    fn order_again(&mut self, life: &mut Life) {
        let is_away = |command: &&CreateOrder| {
            let index = index_of(ShardId::of_merchant(command.merchant, self.shards));
            let known = self.models[index].known::<()>(command.idempotency);
            let Some(Request::Known(Subject::Order(id))) = known else { return false };
            !life.shards[index].has_stopped() && life.shards[index].may_order_be_away(id)
        };
        let again: Vec<CreateOrder> = self.ordered.iter().filter(is_away).cloned().collect();
        for command in again {
            let index = index_of(ShardId::of_merchant(command.merchant, self.shards));
            let room = life.lanes[index].has_room();
            let moment = self.moment(life);
            let now = moment.time.max(life.shards[index].state().last_time());
            let asked = command.clone();
            let step = life.shards[index].create_order(Box::new(command), room, moment);
            self.answer_order(life, &asked, step, (room, now));
        }
    }

    /// A request for an order is answered, refused, or waits for the order that its key stands for.
    pub(super) fn answer_order(
        &mut self,
        life: &mut Life,
        asked: &CreateOrder,
        step: OrderStep,
        (room, now): (bool, Timestamp),
    ) {
        let CreateOrder { merchant, mode, money, idempotency, .. } = *asked;
        let shard = ShardId::of_merchant(merchant, self.shards);
        let index = index_of(shard);
        let known = self.models[index].known(idempotency).unwrap_or(Request::New(()));
        let (record, answer) = match (known, step) {
            (Request::New(()), OrderStep::Refused(CommandError::StorageFull)) if !room => return,
            (Request::New(()), OrderStep::Answered(Some(record), answer)) => {
                assert!(room && !answer.replayed, "an order is created");
                let id = answer.order.id();
                let model = &mut self.models[index];
                model.orders.insert(id, ExpectedOrder { merchant, mode, money });
                model.remember(idempotency, Subject::Order(id), now);
                if idempotency.is_some_and(|(key, _fingerprint)| !self.keys.insert(key)) {
                    self.coverage.saw("keys: taken again");
                }
                self.coverage.saw("reply: new order");
                (Some(record), answer)
            }
            (Request::Known(Subject::Order(id)), OrderStep::Answered(None, answer)) => {
                assert!(answer.replayed && answer.order.id() == id, "the same order again");
                let ours = self.order_of_ours(life, id).expect("a key stands for what there is");
                assert_eq!(answer.order, *ours, "as it stands");
                self.coverage.saw("reply: same order");
                (None, answer)
            }
            (Request::Known(Subject::Order(id)), OrderStep::Absent(absent)) => {
                assert!(life.shards[index].may_order_be_away(id), "it has left memory");
                return self.look_up(life, Waits::Order(absent));
            }
            (Request::Refused(rejection), OrderStep::Refused(CommandError::Rejected(found))) => {
                assert_eq!(found, rejection);
                return self.coverage.saw(refused(rejection));
            }
            (expected, OrderStep::Answered(_, answer)) => {
                panic!("{answer:?} instead of {expected:?}")
            }
            (expected, OrderStep::Refused(error)) => panic!("{error:?} instead of {expected:?}"),
            (expected, OrderStep::Absent(_)) => panic!("it waits instead of {expected:?}"),
        };
        let completion = Completion::reply(Reply::Order(answer), None);
        self.hand_in(life, shard, record, completion, now);
        self.compare_shard(life, index);
    }

    /// Which order a payment is for: one of the merchant's own, another's, or none that exists.
    pub(super) fn order_to_pay(&mut self, which: u16, merchant: MerchantId, mode: Mode) -> OrderId {
        let index = index_of(ShardId::of_merchant(merchant, self.shards));
        let orders = self.models[index].orders.iter();
        let known: Vec<OrderId> = orders
            .filter(|(_id, order)| {
                which % 10 == 9 || (order.merchant, order.mode) == (merchant, mode)
            })
            .map(|(id, _order)| *id)
            .collect();
        match pick(which, known.len()) {
            Some(index) => known[index],
            None => OrderId::new(START, ShardId(1), self.chance.word()),
        }
    }

    /// Any order, to be paid as it wants to be; often one that somebody looks for already, so that two
    /// find the same.
    pub(super) fn order_that_suits(
        &self,
        life: &Life,
        which: u16,
    ) -> Option<(OrderId, ExpectedOrder)> {
        let orders = self.models.iter().flat_map(|model| &model.orders);
        let mut orders: Vec<_> = orders.map(|(id, order)| (*id, *order)).collect();
        let is_sought = |(id, _order): &(OrderId, ExpectedOrder)| {
            life.absent.values().any(|waits| waits.is_for(*id))
        };
        if !which.is_multiple_of(3) && orders.iter().any(is_sought) {
            orders.retain(is_sought);
        }
        pick(which / 4, orders.len()).map(|which| orders[which])
    }
}
