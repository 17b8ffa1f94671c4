//! What merchants do with orders: create them, and have them paid.

use tollgate_domain::{
    Amount, CreateOrder, Fingerprint, MerchantId, Mode, Money, OrderId, ShardId, Subject,
};
use tollgate_engine::{CommandError, Completion};

use super::{
    Life, Play, Reply, START,
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
        let known = self.models[index].known(idempotency).unwrap_or(Request::New(()));
        let receipt = Some("receipt 7".into());
        let notes = vec![("table".into(), "12".into())];
        let command = Box::new(CreateOrder { merchant, mode, money, receipt, notes, idempotency });
        let result = life.shards[index].create_order(command, room, moment);
        let (record, answer) = match (known, result) {
            (Request::New(()), Err(CommandError::StorageFull)) if !room => return,
            (Request::New(()), Ok((Some(record), answer))) => {
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
            (Request::Known(Subject::Order(id)), Ok((None, answer))) => {
                assert!(answer.replayed && answer.order.id() == id, "the same order again");
                self.coverage.saw("reply: same order");
                (None, answer)
            }
            (Request::Refused(rejection), Err(CommandError::Rejected(found))) => {
                assert_eq!(found, rejection);
                return self.coverage.saw(refused(rejection));
            }
            (expected, found) => panic!("{:?} instead of {expected:?}", found.map(|_ok| ())),
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
}
