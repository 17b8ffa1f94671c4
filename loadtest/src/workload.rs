//! The load of a kill audit: which payments are asked for, in which order, drawn from a seed.
//!
//! One [`Workload`] is one connection of one round. It draws operations, refers to its own earlier
//! orders by number, and says of what is done to payments which of those it would do. It does not
//! know HTTP, the clock, or what was answered.
//!
//! Not here: the mixes of scenarios, which are drawn operation by operation.
//!
//! Invariant: the same seed, round and connection give the same operations.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::order::{
    AMOUNTS, Capture, Card, Currency, Customer, Fault, HELD_AMOUNTS, Method, OrderNumber,
    PaymentOrder,
};
use crate::randomness::{Purpose, randomness};
use crate::shop_order::ShopOrder;

/// Every connection whose number is divisible by this also sends timeouts that it waits for. Such a
/// request may hold its connection for two seconds, longer than most rounds, so the other
/// connections ask for an asynchronous answer and keep the load up until the kill.
const PATIENT_EVERY: u32 = 8;

/// What one connection does next. `earlier` counts that connection's own orders from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A new payment.
    Pay(PaymentOrder),
    /// A new payment sent twice at the same moment, as an impatient client does.
    PayTwice(PaymentOrder),
    /// A new order, to be paid later.
    Order(ShopOrder),
    /// Payments for one of the orders that are open: of so many hundredths of what is open each, and
    /// at the same moment where there are two. The draft has all but that.
    PayOrder { drafts: [Option<PaymentOrder>; 2], drawn: u64, share: u8 },
    /// The same request again.
    Repeat { earlier: usize },
    /// The same key with another request.
    Reuse { earlier: usize },
    /// Look at the payment.
    Read { earlier: usize },
    /// Something new done to one of the payments that it can be done to; sent twice at the same
    /// moment, or once.
    Do { number: OrderNumber, doing: Doing, drawn: u64, twice: bool },
    /// Something to a payment whose customer has to act, perhaps while he decides.
    Act { number: OrderNumber, acting: Acting, drawn: u64, meanwhile: bool },
    /// The same again, with its key.
    RepeatDeed { drawn: u64 },
    /// Its key with another request.
    ReuseDeed { drawn: u64 },
}

/// What is done while a customer has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acting {
    /// He decides.
    Decide { approves: bool },
    /// The merchant asks what he has decided.
    Confirm,
    /// The merchant calls the payment off.
    CallOff,
}

/// What is done to a payment; `share` is of what there is, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Capture {
        share: u8,
        is_final: bool,
    },
    Void,
    Reversal,
    /// A payment that is held for a review goes on.
    Approval,
    /// It is let go.
    Rejection,
    Refund {
        share: u8,
    },
    /// A refund of more than there is.
    Excess,
}

/// The operations of one connection in one round.
#[derive(Debug)]
pub(crate) struct Workload {
    random: StdRng,
    round: u32,
    connection: u32,
    ordered: usize,
    /// Keys that were used.
    sequence: u32,
    done: usize,
    /// After so many new orders, and as many deeds, only repeats and reads follow: memory and the
    /// last audit are bounded, and the kill still comes in the middle of load.
    most_orders: usize,
}

impl Workload {
    pub(crate) fn new(seed: u64, round: u32, connection: u32, most_orders: usize) -> Self {
        let random = randomness(seed, round, Purpose::Connection(connection));
        let most_orders = most_orders.max(1);
        Self { random, round, connection, ordered: 0, sequence: 0, done: 0, most_orders }
    }

    pub(crate) fn next_step(&mut self) -> Step {
        let drawn = self.random.random_range(0..100);
        if self.ordered == 0 || (self.ordered < self.most_orders && drawn < 48) {
            match drawn {
                4 | 5 if self.ordered > 0 => return Step::Order(self.next_shop_order()),
                6..=9 if self.ordered > 0 => return self.next_order_payment(),
                _ => {}
            }
            let order = self.next_order();
            return if drawn < 4 { Step::PayTwice(order) } else { Step::Pay(order) };
        }
        if (48..80).contains(&drawn) && self.done < self.most_orders {
            self.done += 1;
            return self.next_deed();
        }
        let earlier = self.random.random_range(0..self.ordered);
        match drawn % 8 {
            0 | 1 => Step::Repeat { earlier },
            2 => Step::Reuse { earlier },
            3 => Step::RepeatDeed { drawn: self.random.random() },
            4 => Step::ReuseDeed { drawn: self.random.random() },
            _ => Step::Read { earlier },
        }
    }

    fn next_deed(&mut self) -> Step {
        let number = self.next_number();
        let random = &mut self.random;
        let share = random.random_range(1..=100);
        let drawn = random.random_range(0..100);
        let acting = match drawn {
            0..=9 => Some(Acting::Decide { approves: share <= 75 }),
            10..=17 => Some(Acting::Confirm),
            18..=23 => Some(Acting::CallOff),
            _ => None,
        };
        if let Some(acting) = acting {
            let (drawn, meanwhile) = (random.random(), random.random_range(0..4) == 0);
            return Step::Act { number, acting, drawn, meanwhile };
        }
        let doing = match drawn {
            ..=35 => Doing::Capture { share: 100, is_final: true },
            36..=47 => Doing::Capture { share, is_final: random.random() },
            48..=55 => Doing::Void,
            56..=61 => Doing::Reversal,
            62..=64 => Doing::Approval,
            65..=66 => Doing::Rejection,
            67..=73 => Doing::Refund { share: 100 },
            74..=94 => Doing::Refund { share },
            _ => Doing::Excess,
        };
        let twice = random.random_range(0..100) < 8;
        Step::Do { number, doing, drawn: random.random(), twice }
    }

    fn next_shop_order(&mut self) -> ShopOrder {
        let PaymentOrder { number, merchant, amount_minor, currency, .. } = self.next_order();
        ShopOrder { number, merchant, amount_minor, currency }
    }

    /// A part of what is open; or all of it, as often twice, of which one may be done at the most.
    fn next_order_payment(&mut self) -> Step {
        let first = self.next_order();
        let (share, twice) = match self.random.random_range(0..4) {
            0 => (100, true),
            1 => (100, false),
            _ => (self.random.random_range(20..80), false),
        };
        let second = twice.then(|| self.next_order());
        Step::PayOrder { drafts: [Some(first), second], drawn: self.random.random(), share }
    }

    fn next_number(&mut self) -> OrderNumber {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        OrderNumber { round: self.round, connection: self.connection, sequence }
    }

    fn next_order(&mut self) -> PaymentOrder {
        let number = self.next_number();
        self.ordered += 1;
        let random = &mut self.random;
        let currency = match random.random_range(0..10) {
            0..=6 => Currency::Inr,
            7 | 8 => Currency::Usd,
            _ => Currency::Jpy,
        };
        let method = match random.random_range(0..100) {
            0..=66 => Method::Card(Card::Approved),
            67..=76 => Method::Card(Card::Challenged),
            77..=80 if currency == Currency::Inr => Method::Upi(Customer::HasToAct),
            77..=91 => Method::Card(Card::Declined),
            _ => Method::Card(Card::InsufficientFunds),
        };
        let fault = match random.random_range(0..100) {
            0 | 1 => Some(Fault::NotSent),
            2 => Some(Fault::TimeoutBeforeApproval),
            3 | 4 => Some(Fault::TimeoutAfterApproval),
            5 | 6 => Some(Fault::Latency),
            7 => Some(Fault::CaptureTimeoutBefore),
            8 => Some(Fault::CaptureTimeoutAfter),
            9 => Some(Fault::VoidTimeoutAfter),
            10 => Some(Fault::ReversalTimeoutAfter),
            11 => Some(Fault::RefundTimeoutBefore),
            12 => Some(Fault::RefundTimeoutAfter),
            13 => Some(Fault::RefundPending),
            14 => Some(Fault::RefundRefused),
            15 | 16 => Some(Fault::RefundFailsLater),
            17 => Some(Fault::CallbackTwice),
            18 => Some(Fault::CallbackLate),
            19 => Some(Fault::CallbackContradicts),
            20 => Some(Fault::RefundCallbackTwice),
            _ => None,
        };
        let capture = match fault {
            Some(fault) => fault.capture(),
            None if random.random_range(0..100) < 30 => Capture::Manual,
            None => Capture::Automatic,
        };
        // Others than cards are not reserved first.
        let method = match (method, capture) {
            (Method::Upi(_), Capture::Manual) => Method::Card(Card::Challenged),
            (method, _) => method,
        };
        let prefers_async = random.random_range(0..100) < 8;
        let patient = self.connection.is_multiple_of(PATIENT_EVERY);
        let respond_async = prefers_async || (fault.is_some_and(Fault::times_out) && !patient);
        let amount_minor = match random.random_range(0..100) {
            0..=4 => random.random_range(HELD_AMOUNTS),
            _ => random.random_range(AMOUNTS),
        };
        PaymentOrder {
            number,
            merchant: 0,
            amount_minor,
            currency,
            method,
            capture,
            fault,
            pays: None,
            respond_async,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn operations(seed: u64, round: u32, connection: u32) -> Vec<Step> {
        let mut workload = Workload::new(seed, round, connection, 10_000);
        (0..3_000).map(|_| workload.next_step()).collect()
    }

    fn orders(operations: &[Step]) -> Vec<PaymentOrder> {
        operations
            .iter()
            .filter_map(|operation| match operation {
                Step::Pay(order) | Step::PayTwice(order) => Some(*order),
                Step::Order(_)
                | Step::PayOrder { .. }
                | Step::Repeat { .. }
                | Step::Reuse { .. }
                | Step::Read { .. }
                | Step::Do { .. }
                | Step::Act { .. }
                | Step::RepeatDeed { .. }
                | Step::ReuseDeed { .. } => None,
            })
            .collect()
    }

    #[test]
    fn a_seed_repeats_its_operations() {
        assert_eq!(operations(7, 3, 5), operations(7, 3, 5));
    }

    #[test]
    fn seed_round_and_connection_each_change_the_operations() {
        let amounts = |operations: &[Step]| -> Vec<i64> {
            orders(operations).iter().map(|order| order.amount_minor).collect()
        };
        let base = amounts(&operations(7, 3, 5));
        assert_ne!(base, amounts(&operations(8, 3, 5)));
        assert_ne!(base, amounts(&operations(7, 4, 5)));
        assert_ne!(base, amounts(&operations(7, 3, 6)));
    }

    #[test]
    fn keys_are_unique_in_a_run() {
        let mut keys = HashSet::new();
        for (round, connection) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for step in operations(7, round, connection) {
                let key = match step {
                    Step::Pay(order) | Step::PayTwice(order) => order.key(),
                    Step::Do { number, .. } | Step::Act { number, .. } => number.key(),
                    Step::Order(order) => order.key(),
                    Step::PayOrder { drafts: [Some(draft), second], .. } => {
                        if let Some(second) = second {
                            assert!(keys.insert(second.key()));
                        }
                        draft.key()
                    }
                    _ => continue,
                };
                assert!(keys.insert(key.clone()), "{key} was drawn twice");
            }
        }
    }

    #[test]
    fn every_kind_of_request_is_drawn() {
        let drawn = operations(7, 0, 0);
        let has = |wanted: fn(&Step) -> bool| drawn.iter().any(wanted);
        assert!(has(|operation| matches!(operation, Step::PayTwice(_))));
        assert!(has(|operation| matches!(operation, Step::Repeat { .. })));
        assert!(has(|operation| matches!(operation, Step::Reuse { .. })));
        assert!(has(|operation| matches!(operation, Step::Read { .. })));
        assert!(has(|operation| matches!(operation, Step::RepeatDeed { .. })));
        assert!(has(|operation| matches!(operation, Step::ReuseDeed { .. })));
        assert!(has(|operation| matches!(operation, Step::Do { twice: true, .. })));
        let does = |wanted: fn(Doing) -> bool| {
            drawn.iter().any(|step| matches!(step, Step::Do { doing, .. } if wanted(*doing)))
        };
        assert!(does(|doing| matches!(doing, Doing::Capture { is_final: false, .. })));
        assert!(does(|doing| matches!(doing, Doing::Refund { share: 100 })));
        assert!(has(|operation| matches!(operation, Step::Order(_))));
        let pays = |count, share: fn(u8) -> bool| {
            drawn.iter().any(|step| {
                matches!(step, Step::PayOrder { drafts, share: of, .. }
                    if drafts.iter().flatten().count() == count && share(*of))
            })
        };
        assert!(pays(1, |share| share < 100) && pays(1, |share| share == 100));
        assert!(pays(2, |share| share == 100));
        for doing in
            [Doing::Void, Doing::Reversal, Doing::Approval, Doing::Rejection, Doing::Excess]
        {
            assert!(
                drawn
                    .iter()
                    .any(|step| matches!(step, Step::Do { doing: found, .. } if *found == doing))
            );
        }
        let acts = |wanted: fn(Acting) -> bool| {
            drawn.iter().any(|step| matches!(step, Step::Act { acting, .. } if wanted(*acting)))
        };
        assert!(acts(|acting| acting == Acting::Decide { approves: true }));
        assert!(acts(|acting| acting == Acting::Decide { approves: false }));
        assert!(acts(|acting| acting == Acting::Confirm));
        assert!(acts(|acting| acting == Acting::CallOff));
        assert!(has(|operation| matches!(operation, Step::Act { meanwhile: true, .. })));
        let orders = orders(&drawn);
        assert!(orders.iter().any(|order| order.method == Method::Upi(Customer::HasToAct)));
        for card in [Card::Approved, Card::Challenged, Card::Declined, Card::InsufficientFunds] {
            assert!(orders.iter().any(|order| order.method == Method::Card(card)));
        }
        for fault in [
            None,
            Some(Fault::NotSent),
            Some(Fault::TimeoutBeforeApproval),
            Some(Fault::TimeoutAfterApproval),
            Some(Fault::Latency),
            Some(Fault::CaptureTimeoutAfter),
            Some(Fault::RefundFailsLater),
            Some(Fault::CallbackContradicts),
        ] {
            assert!(orders.iter().any(|order| order.fault == fault));
        }
        for currency in [Currency::Inr, Currency::Usd, Currency::Jpy] {
            assert!(orders.iter().any(|order| order.currency == currency));
        }
        assert!(orders.iter().any(|order| HELD_AMOUNTS.contains(&order.amount_minor)));
        let contradicted = |order: &PaymentOrder, card| {
            order.fault == Some(Fault::CallbackContradicts) && order.method == Method::Card(card)
        };
        for card in [Card::Approved, Card::Declined] {
            let many = (0..20).flat_map(|connection| self::orders(&operations(7, 0, connection)));
            assert!(many.into_iter().any(|order| contradicted(&order, card)));
        }
        assert!(orders.iter().any(|order| order.respond_async));
        assert!(orders.iter().any(|order| order.capture == Capture::Manual));
    }

    #[test]
    fn only_patient_connections_wait_for_timeouts() {
        let waits = |order: &PaymentOrder| {
            order.fault.is_some_and(Fault::times_out) && !order.respond_async
        };
        assert!(orders(&operations(7, 0, PATIENT_EVERY)).iter().any(waits));
        assert!(!orders(&operations(7, 0, 1)).iter().any(waits));
    }

    #[test]
    fn new_orders_are_bounded() {
        let mut workload = Workload::new(7, 0, 0, 5);
        let drawn: Vec<_> = (0..500).map(|_| workload.next_step()).collect();
        let begun = |step: &Step| match step {
            Step::Pay(_) | Step::PayTwice(_) | Step::Order(_) => 1,
            Step::PayOrder { drafts, .. } => drafts.iter().flatten().count(),
            _ => 0,
        };
        // What is begun twice at once may be one too many.
        assert!((5..=6).contains(&drawn.iter().map(begun).sum::<usize>()));
    }
}
