//! The load: which payments are asked for, in which order, drawn from a seed.
//!
//! One [`Workload`] is one connection of one round. It draws operations and refers to its own
//! earlier orders by number. It does not know HTTP, the clock, or what was answered.
//!
//! Invariant: the same seed, round and connection give the same operations.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

/// Every connection whose number is divisible by this also sends timeouts that it waits for. Such a
/// request may hold its connection for two seconds, longer than most rounds, so the other
/// connections ask for an asynchronous answer and keep the load up until the kill.
const PATIENT_EVERY: u32 = 8;

/// Amounts in minor units. The lowest is above usual minimum charges in every currency used, the
/// highest low enough to look like everyday shopping to fraud rules.
const AMOUNTS: std::ops::RangeInclusive<i64> = 100..=99_999;

/// A test card's expiry year: far enough to stay valid, near enough for an expiry check.
const EXPIRY_YEAR: u16 = 2035;

/// What one connection does next. `earlier` counts that connection's own orders from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A new payment.
    Pay(PaymentOrder),
    /// A new payment sent twice at the same moment, as an impatient client does.
    PayTwice(PaymentOrder),
    /// The same request again.
    Repeat { earlier: usize },
    /// The same key with another request.
    Reuse { earlier: usize },
    /// Look at the payment.
    Read { earlier: usize },
}

/// One payment to ask for; the request can be made from it again at any time, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PaymentOrder {
    pub(crate) number: OrderNumber,
    pub(crate) amount_minor: i64,
    pub(crate) currency: Currency,
    pub(crate) card: Card,
    pub(crate) fault: Option<Fault>,
    /// Sent with `Prefer: respond-async`.
    pub(crate) respond_async: bool,
}

/// What makes an order unique in a run; the idempotency key is made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct OrderNumber {
    pub(crate) round: u32,
    pub(crate) connection: u32,
    pub(crate) sequence: u32,
}

/// Currencies with two decimals and with none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Currency {
    Inr,
    Usd,
    Jpy,
}

/// Test cards of the provider simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Card {
    Approved,
    Declined,
    InsufficientFunds,
}

/// Faults of the provider simulator, asked for by metadata in test mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotSent,
    TimeoutBeforeApproval,
    TimeoutAfterApproval,
    Latency,
}

/// The operations of one connection in one round.
#[derive(Debug)]
pub(crate) struct Workload {
    random: StdRng,
    round: u32,
    connection: u32,
    ordered: usize,
    /// After so many new orders only repeats and reads follow: memory and the last audit are
    /// bounded, and the kill still comes in the middle of load.
    most_orders: usize,
}

impl Workload {
    pub(crate) fn new(seed: u64, round: u32, connection: u32, most_orders: usize) -> Self {
        let random = randomness(seed, round, Purpose::Connection(connection));
        Self { random, round, connection, ordered: 0, most_orders: most_orders.max(1) }
    }

    pub(crate) fn next_operation(&mut self) -> Operation {
        let drawn = self.random.random_range(0..100);
        if self.ordered == 0 || (self.ordered < self.most_orders && drawn < 74) {
            let order = self.next_order();
            return if drawn < 4 { Operation::PayTwice(order) } else { Operation::Pay(order) };
        }
        let earlier = self.random.random_range(0..self.ordered);
        match drawn % 5 {
            0 | 1 => Operation::Repeat { earlier },
            2 => Operation::Reuse { earlier },
            _ => Operation::Read { earlier },
        }
    }

    fn next_order(&mut self) -> PaymentOrder {
        let sequence = u32::try_from(self.ordered).unwrap_or(u32::MAX);
        let number = OrderNumber { round: self.round, connection: self.connection, sequence };
        self.ordered += 1;
        let random = &mut self.random;
        let currency = match random.random_range(0..10) {
            0..=6 => Currency::Inr,
            7 | 8 => Currency::Usd,
            _ => Currency::Jpy,
        };
        let card = match random.random_range(0..100) {
            0..=79 => Card::Approved,
            80..=91 => Card::Declined,
            _ => Card::InsufficientFunds,
        };
        let fault = match random.random_range(0..100) {
            0 | 1 => Some(Fault::NotSent),
            2 => Some(Fault::TimeoutBeforeApproval),
            3 | 4 => Some(Fault::TimeoutAfterApproval),
            5 | 6 => Some(Fault::Latency),
            _ => None,
        };
        let prefers_async = random.random_range(0..100) < 8;
        let patient = self.connection.is_multiple_of(PATIENT_EVERY);
        let respond_async = prefers_async || (fault.is_some_and(Fault::times_out) && !patient);
        let amount_minor = random.random_range(AMOUNTS);
        PaymentOrder { number, amount_minor, currency, card, fault, respond_async }
    }
}

impl PaymentOrder {
    pub(crate) fn key(&self) -> String {
        let OrderNumber { round, connection, sequence } = self.number;
        format!("kill-r{round}-c{connection}-n{sequence}")
    }

    /// The request's body, the same bytes every time.
    pub(crate) fn body(&self) -> String {
        self.body_with_amount(self.amount_minor)
    }

    /// A valid body that asks for something else.
    pub(crate) fn body_with_another_amount(&self) -> String {
        self.body_with_amount(self.amount_minor + 1)
    }

    fn body_with_amount(&self, amount_minor: i64) -> String {
        let mut metadata = Map::new();
        metadata.insert("order".to_owned(), Value::from(self.key()));
        if let Some(fault) = self.fault {
            metadata.insert("simulator".to_owned(), Value::from(fault.name()));
        }
        json!({
            "amount_minor": amount_minor,
            "currency": self.currency.code(),
            "payment_method": "card",
            "card": {
                "number": self.card.number(),
                "expiry_month": 12,
                "expiry_year": EXPIRY_YEAR,
                "cvv": "123",
                "holder_name": "Kill Audit",
            },
            "metadata": metadata,
        })
        .to_string()
    }
}

impl Currency {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Inr => "INR",
            Self::Usd => "USD",
            Self::Jpy => "JPY",
        }
    }
}

impl Card {
    fn number(self) -> &'static str {
        match self {
            Self::Approved => "4242424242424242",
            Self::Declined => "4000000000000002",
            Self::InsufficientFunds => "4000000000009995",
        }
    }
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::TimeoutBeforeApproval => "timeout_before_approval",
            Self::TimeoutAfterApproval => "timeout_after_approval",
            Self::Latency => "latency:50",
        }
    }

    fn times_out(self) -> bool {
        match self {
            Self::TimeoutBeforeApproval | Self::TimeoutAfterApproval => true,
            Self::NotSent | Self::Latency => false,
        }
    }
}

/// What a stream of random numbers is for; streams do not disturb each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Connection(u32),
    /// The moment of the kill.
    KillMoment,
    /// The sample of older keys to check.
    Sample,
}

/// The stream of random numbers for one purpose in one round.
pub(crate) fn randomness(seed: u64, round: u32, purpose: Purpose) -> StdRng {
    let (kind, number) = match purpose {
        Purpose::Connection(number) => (1_u64, number),
        Purpose::KillMoment => (2, 0),
        Purpose::Sample => (3, 0),
    };
    let mut material = [0_u8; 32];
    for (part, value) in
        material.chunks_exact_mut(8).zip([seed, u64::from(round), kind, u64::from(number)])
    {
        part.copy_from_slice(&value.to_le_bytes());
    }
    StdRng::from_seed(material)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn operations(seed: u64, round: u32, connection: u32) -> Vec<Operation> {
        let mut workload = Workload::new(seed, round, connection, 10_000);
        (0..3_000).map(|_| workload.next_operation()).collect()
    }

    fn orders(operations: &[Operation]) -> Vec<PaymentOrder> {
        operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Pay(order) | Operation::PayTwice(order) => Some(*order),
                Operation::Repeat { .. } | Operation::Reuse { .. } | Operation::Read { .. } => None,
            })
            .collect()
    }

    #[test]
    fn a_seed_repeats_its_operations() {
        assert_eq!(operations(7, 3, 5), operations(7, 3, 5));
    }

    #[test]
    fn seed_round_and_connection_each_change_the_operations() {
        let amounts = |operations: &[Operation]| -> Vec<i64> {
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
            for order in orders(&operations(7, round, connection)) {
                assert!(keys.insert(order.key()), "{} was drawn twice", order.key());
            }
        }
    }

    #[test]
    fn every_kind_of_request_is_drawn() {
        let drawn = operations(7, 0, 0);
        let has = |wanted: fn(&Operation) -> bool| drawn.iter().any(wanted);
        assert!(has(|operation| matches!(operation, Operation::PayTwice(_))));
        assert!(has(|operation| matches!(operation, Operation::Repeat { .. })));
        assert!(has(|operation| matches!(operation, Operation::Reuse { .. })));
        assert!(has(|operation| matches!(operation, Operation::Read { .. })));
        let orders = orders(&drawn);
        for card in [Card::Approved, Card::Declined, Card::InsufficientFunds] {
            assert!(orders.iter().any(|order| order.card == card));
        }
        for fault in [
            None,
            Some(Fault::NotSent),
            Some(Fault::TimeoutBeforeApproval),
            Some(Fault::TimeoutAfterApproval),
            Some(Fault::Latency),
        ] {
            assert!(orders.iter().any(|order| order.fault == fault));
        }
        for currency in [Currency::Inr, Currency::Usd, Currency::Jpy] {
            assert!(orders.iter().any(|order| order.currency == currency));
        }
        assert!(orders.iter().any(|order| order.respond_async));
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
        let drawn: Vec<_> = (0..500).map(|_| workload.next_operation()).collect();
        assert_eq!(orders(&drawn).len(), 5);
    }

    #[test]
    fn another_amount_is_the_only_difference_of_a_reused_key() {
        let order = orders(&operations(7, 0, 0))[0];
        let mut same: Value = serde_json::from_str(&order.body()).unwrap();
        let other: Value = serde_json::from_str(&order.body_with_another_amount()).unwrap();
        assert_ne!(same, other);
        same["amount_minor"] = Value::from(order.amount_minor + 1);
        assert_eq!(same, other);
    }
}
