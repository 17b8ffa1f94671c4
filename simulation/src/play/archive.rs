//! The archive of a play: what has left memory, what waits until it is found there, and what it loses
//! when the process dies.
//!
//! Invariant: it is given departures in order and each once, and nothing that the log may still lose.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tollgate_domain::{
    CreateOrder, CreatePayment, History, OperationId, Order, OrderId, Payment, PaymentId, ShardId,
    Timestamp, codec,
};
use tollgate_engine::{
    Absent, Archive, ArchiveError, CommandError, Completion, Departures, Find, Finding, Found,
    OrderPlace, OrderRange, PaymentCommand, ProviderReport, Request as Asking, Step as Decided,
    Submission, Wanted, find, find_order,
};

use super::{
    Card, Client, Life, Play, Reply, Ticket, clients::refused, expectation::expect_error, index_of,
    pick,
};
use crate::{chance::Chance, model::Request, step::Pay};

/// The archive.
#[derive(Default)]
pub(super) struct Vault(Mutex<Shelves>);

#[derive(Default)]
struct Shelves {
    given: Vec<Departures>,
    /// How many of them outlive a power cut.
    persisted: usize,
}

impl Vault {
    /// The process dies: what was given last is lost, or all of it.
    pub(super) fn lose(&self, chance: &mut Chance, all: bool) {
        let mut shelves = self.shelves();
        let kept = if all { 0 } else { shelves.persisted };
        let lost = chance.below(4).min((shelves.given.len() - kept) as u64);
        let left = shelves.given.len() - usize::try_from(lost).expect("few");
        shelves.given.truncate(if all { 0 } else { left });
        shelves.persisted = kept;
    }

    fn put(&self, departures: Departures) {
        let position = self.position(departures.shard);
        assert!(departures.position() > position, "nothing is given twice: {departures:?}");
        assert!(departures.before <= position, "nothing is left out: {departures:?}");
        self.shelves().given.push(departures);
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive for Vault {
    fn position(&self, shard: ShardId) -> u64 {
        let shelves = self.shelves();
        let last = shelves.given.iter().rev().find(|given| given.shard == shard);
        last.map_or(0, Departures::position)
    }

    fn take(&self, departures: Departures) {
        self.put(departures);
    }

    fn replay(&self, departures: Departures) {
        self.put(departures);
    }

    fn has_room(&self) -> bool {
        true
    }

    fn history(&self, payment: PaymentId) -> Result<Option<Vec<u8>>, ArchiveError> {
        let shelves = self.shelves();
        let mut departed = shelves.given.iter().rev().flat_map(|given| &given.payments);
        let found = departed.find(|departed| departed.payment == payment);
        Ok(found.map(|departed| departed.history.clone()))
    }

    fn payment_of(&self, operation: OperationId) -> Result<Option<PaymentId>, ArchiveError> {
        let shelves = self.shelves();
        let mut departed = shelves.given.iter().rev().flat_map(|given| &given.payments);
        let found = departed.find(|departed| departed.operations.contains(&operation));
        Ok(found.map(|departed| departed.payment))
    }

    fn order(&self, place: OrderPlace) -> Result<Option<Vec<u8>>, ArchiveError> {
        let shelves = self.shelves();
        let mut departed = shelves.given.iter().rev().flat_map(|given| &given.orders);
        let found = departed.find(|departed| departed.place == place);
        Ok(found.map(|departed| departed.order.clone()))
    }

    fn orders(&self, _range: OrderRange) -> Result<Vec<Vec<u8>>, ArchiveError> {
        unreachable!("no play lists orders")
    }

    fn persist(&self) -> Result<(), ArchiveError> {
        let mut shelves = self.shelves();
        shelves.persisted = shelves.given.len();
        Ok(())
    }
}

/// A payment as it left memory the last time.
#[derive(Clone)]
pub(super) struct Away {
    pub(super) history: Arc<History>,
    pub(super) payment: Payment,
}

/// Everything that ever left memory.
#[derive(Default)]
pub(super) struct AllAway {
    payments: BTreeMap<PaymentId, Away>,
    orders: BTreeMap<OrderId, Order>,
}

impl AllAway {
    /// Nothing has left, as far as the log knows.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.payments.is_empty() && self.orders.is_empty()
    }

    pub(super) fn payment(&self, id: PaymentId) -> Option<&Away> {
        self.payments.get(&id)
    }

    pub(super) fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(&id)
    }
}

/// Notes what leaves.
pub(super) fn note_away(away: &mut AllAway, departures: Option<&Departures>) {
    for departed in departures.into_iter().flat_map(|left| &left.payments) {
        let history = codec::decode_history(&departed.history).expect("a history");
        let operations: Vec<_> = history.operations().collect();
        assert_eq!(operations, departed.operations, "each is found by its id");
        let payment = history.payment();
        away.payments.insert(departed.payment, Away { history: Arc::new(history), payment });
    }
    for departed in departures.into_iter().flat_map(|left| &left.orders) {
        let order = codec::decode_order(&departed.order).expect("an order");
        assert_eq!(departed.place, OrderPlace::of(&order), "each is found where it belongs");
        away.orders.insert(order.id(), order);
    }
}

/// What waits until its payment or its order has been looked for.
pub(super) enum Waits {
    Pay(Absent<Submission<Client, Card>>, Pay, Card),
    Ask(Absent<Asking<Client>>, PaymentCommand, Client, bool),
    Report(Absent<ProviderReport>),
    Order(Absent<CreateOrder>),
}

impl Waits {
    fn wanted(&self) -> Wanted {
        match self {
            Self::Pay(absent, ..) => absent.wanted(),
            Self::Ask(absent, ..) => absent.wanted(),
            Self::Report(absent) => absent.wanted(),
            Self::Order(absent) => absent.wanted(),
        }
    }

    /// Whether that order is looked for.
    pub(super) fn is_for(&self, order: OrderId) -> bool {
        matches!(self.wanted(), Wanted::Order(place) if place.order == order)
    }

    /// Whether it goes on with that payment once it is found.
    pub(super) fn is_about(&self, payment: PaymentId) -> bool {
        match self {
            Self::Pay(absent, ..) => absent.wanted() == Wanted::Payment(payment),
            Self::Ask(_absent, command, ..) => command.payment() == payment,
            Self::Report(absent) => absent.asked.payment() == payment,
            Self::Order(_) => false,
        }
    }
}

impl Play<'_> {
    /// A payment, in memory or away.
    pub(super) fn payment_of_ours<'p>(
        &'p self,
        life: &'p Life,
        id: PaymentId,
    ) -> Option<&'p Payment> {
        let state = life.shards[index_of(id.shard())].state();
        let away = || self.away.payment(id).map(|away| &away.payment);
        state.payment(id).or_else(away)
    }

    /// An order, in memory or away.
    pub(super) fn order_of_ours<'p>(&'p self, life: &'p Life, id: OrderId) -> Option<&'p Order> {
        let state = life.shards[index_of(id.shard())].state();
        state.order(id).or_else(|| self.away.order(id))
    }

    /// Payments and orders leave memory, where some have to: often orders behind their payments at once.
    pub(super) fn archive(&mut self, life: &mut Life, which: u16) {
        let shard = ShardId(1 + which % self.shards);
        for _round in 0..=which / self.shards % 3 {
            self.archive_some(life, shard);
        }
    }

    fn archive_some(&mut self, life: &mut Life, shard: ShardId) {
        let index = index_of(shard);
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let rules = self.policy.archive;
        let due = life.shards[index].state().next_departure(&rules);
        let Some(step) = life.shards[index].archive(moment) else {
            assert!(due.is_none_or(|due| due > now), "what has to leave leaves");
            return;
        };
        assert!(due.is_some_and(|due| due <= now), "nothing had to leave");
        assert!(step.replies.is_empty() && step.calls.is_empty(), "nobody hears of it");
        let departures = step.record.as_ref().and_then(|new| new.departures.as_ref());
        let departures = departures.expect("what leaves is handed over");
        for departed in &departures.payments {
            let expected = &self.models[index].payments[&departed.payment];
            assert!(expected.is_finished(), "{} is not finished", departed.payment);
        }
        for departed in &departures.orders {
            let order = departed.place.order;
            let mut payments = life.shards[index].state().payments_sorted().into_iter();
            let is_of = |payment: &Payment| payment.intent().order == Some(order);
            assert!(!payments.any(is_of), "{order} leaves before a payment of it");
        }
        let (payments, orders) = (departures.payments.len(), departures.orders.len());
        (self.tell)(format!("  {payments} payments and {orders} orders leave"));
        self.carry_out(life, shard, step, now);
        self.compare_shard(life, index);
    }

    /// Something waits until its payment or its order is found, which is looked for once everything
    /// before is let go.
    pub(super) fn look_up(&mut self, life: &mut Life, waits: Waits) {
        let wanted = waits.wanted();
        let shard = self.shard_of(wanted);
        let lane = &life.lanes[index_of(shard)];
        let number = life.lookups;
        life.lookups += 1;
        life.absent.insert(number, waits);
        (self.tell)(format!("  {wanted:?} is looked for"));
        let completion = Completion::reply(Reply::Look(number, wanted), None);
        lane.after_released(Ticket { shard, rests_on: lane.sequence(), completion });
    }

    /// What waited goes on with what was found.
    pub(super) fn find(&mut self, life: &mut Life, which: u16) {
        let Some(which) = pick(which, life.found.len()) else { return };
        let (number, found) = life.found.remove(which);
        // The log may have failed meanwhile: then nobody waits.
        let Some(waits) = life.absent.remove(&number) else { return };
        self.go_on(life, waits, &found);
    }

    fn go_on(&mut self, life: &mut Life, waits: Waits, found: &Finding) {
        let wanted = waits.wanted();
        let shard = self.shard_of(wanted);
        let index = index_of(shard);
        if life.shards[index].has_stopped() {
            return self.coverage.saw("reply: stopping");
        }
        // One that a crash took back was asked for as well.
        let is_ours = match wanted {
            Wanted::Payment(payment) => self.models[index].payments.contains_key(&payment),
            Wanted::Order(place) => {
                let order = self.models[index].orders.get(&place.order);
                order.is_some_and(|order| {
                    (order.merchant, order.mode) == (place.merchant, place.mode)
                })
            }
        };
        assert!(is_ours == matches!(found, Ok(Some(_))), "{wanted:?} is found where it has left");
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let room = life.lanes[index].has_room();
        match waits {
            Waits::Pay(absent, pay, card) => {
                let asked = CreatePayment::clone(&absent.asked.command);
                match life.shards[index].found_for_payment(absent, found, room, moment) {
                    Found::Back(recalled, submission) => {
                        self.bring_back(life, shard, recalled, now);
                        self.submit(life, submission, pay, card);
                    }
                    Found::Answered(step) => {
                        self.answer_payment_away(life, &asked, &step, (room, now));
                        self.carry_out(life, shard, step, now);
                    }
                    Found::OrderBack(..) => panic!("a new payment has no history"),
                    Found::Again(absent) => {
                        self.look_again(life, Waits::Pay(absent, pay, card));
                    }
                }
            }
            Waits::Ask(absent, command, client, waiting) => {
                match life.shards[index].found_for_operation(absent, found, room, moment) {
                    Found::Back(recalled, request) => {
                        self.bring_back(life, shard, recalled, now);
                        drop(request);
                        self.carry_request_out(life, command, client, waiting);
                    }
                    Found::Answered(step) => {
                        self.answer_away(life, &command, step, room, now);
                    }
                    Found::OrderBack(step, absent, found) => {
                        self.bring_order_back(life, shard, step, now);
                        self.go_on(life, Waits::Ask(absent, command, client, waiting), &found);
                    }
                    Found::Again(absent) => {
                        self.look_again(life, Waits::Ask(absent, command, client, waiting));
                    }
                }
            }
            Waits::Report(absent) => {
                match life.shards[index].found_for_report(absent, found, moment) {
                    Ok(Found::Back(recalled, report)) => {
                        self.bring_back(life, shard, recalled, now);
                        self.hear(life, report);
                    }
                    Ok(Found::OrderBack(step, absent, found)) => {
                        self.bring_order_back(life, shard, step, now);
                        self.go_on(life, Waits::Report(absent), &found);
                    }
                    Ok(Found::Again(absent)) => self.look_again(life, Waits::Report(absent)),
                    Ok(Found::Answered(_)) | Err(_) => {
                        panic!("what a provider reports is always accepted: {wanted:?}")
                    }
                }
            }
            Waits::Order(absent) => {
                let asked = CreateOrder::clone(&absent.asked);
                let step = life.shards[index].found_for_order(absent, found, room, moment);
                self.coverage.saw("archive: answers a repeated order");
                self.answer_order(life, &asked, step, (room, now));
            }
        }
    }

    /// A payment is answered whose key stands for one that is away, or whose order is away.
    fn answer_payment_away(
        &mut self,
        life: &Life,
        asked: &CreatePayment,
        step: &Decided<Client, Card>,
        (room, now): (bool, Timestamp),
    ) {
        let index = index_of(ShardId::of_merchant(asked.merchant, self.shards));
        match self.models[index].request(asked, now) {
            Request::Known(subject) => {
                self.expect_repeat(life, step, subject);
                self.coverage.saw("archive: answers a repeated payment");
            }
            Request::Refused(rejection) => {
                expect_error(step, CommandError::Rejected(rejection));
                self.coverage.saw(refused(rejection));
                self.coverage.saw("archive: refuses a payment for its order");
            }
            Request::New(()) => {
                assert!(!room, "an order comes back to be paid");
                expect_error(step, CommandError::StorageFull);
            }
            Request::Unexpected(status) => unreachable!("a new payment has no state: {status:?}"),
        }
    }

    fn look_again(&mut self, life: &mut Life, waits: Waits) {
        self.coverage.saw(match waits.wanted() {
            Wanted::Payment(_) => "archive: looked into again",
            Wanted::Order(_) => "archive: looked into for an order behind its payment",
        });
        self.look_up(life, waits);
    }

    fn bring_back(
        &mut self,
        life: &mut Life,
        shard: ShardId,
        recalled: Option<Decided<Client, Card>>,
        now: Timestamp,
    ) {
        let index = index_of(shard);
        let Some(step) = recalled else { return self.coverage.saw("archive: back meanwhile") };
        assert!(step.replies.is_empty() && step.calls.is_empty(), "nobody hears of it");
        self.carry_out(life, shard, step, now);
        self.compare_shard(life, index);
    }

    fn bring_order_back(
        &mut self,
        life: &mut Life,
        shard: ShardId,
        step: Decided<Client, Card>,
        now: Timestamp,
    ) {
        self.bring_back(life, shard, Some(step), now);
        self.coverage.saw("archive: an order comes back before its payment");
    }

    /// Whose shard looks for it. The id of an order that there is not may name any.
    fn shard_of(&self, wanted: Wanted) -> ShardId {
        match wanted {
            Wanted::Payment(payment) => payment.shard(),
            Wanted::Order(place) => ShardId::of_merchant(place.merchant, self.shards),
        }
    }

    /// What the archive has of what somebody asked for.
    pub(super) fn look(vault: &Vault, wanted: Wanted) -> Finding {
        Ok(match wanted {
            Wanted::Payment(payment) => {
                find(vault, payment).expect("a vault is never damaged").map(Find::Payment)
            }
            Wanted::Order(place) => {
                find_order(vault, place).expect("a vault is never damaged").map(Find::Order)
            }
        })
    }
}
