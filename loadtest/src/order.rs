//! A payment to ask for: everything that its request is made from.
//!
//! Not here: who draws it, and what was answered.
//!
//! Invariant: the same order gives the same request, byte for byte, at any time.

use crate::answer::Outcome;
use crate::request::{Key, Request};
use crate::shop_order::ShopOrderName;

/// A test card's expiry year: far enough to stay valid, near enough for an expiry check.
const EXPIRY_YEAR: u16 = 2035;

/// Amounts in minor units. The lowest is above usual minimum charges in every currency used, the
/// highest low enough to look like everyday shopping to fraud rules.
pub(crate) const AMOUNTS: std::ops::RangeInclusive<i64> = 100..=99_999;

/// From which amount on a server under load holds payments for a review, in minor units of every
/// currency: far above what is paid without one.
pub(crate) const HELD_FROM: i64 = 2_000_000;

/// Amounts of payments that are to be held.
pub(crate) const HELD_AMOUNTS: std::ops::RangeInclusive<i64> = HELD_FROM..=4_999_999;

/// The same as a server is configured, in its environment.
pub(crate) const HOLD_FROM: (&str, &str) =
    ("TOLLGATE__REVIEW__HOLD_FROM", "20000.00 INR, 20000.00 USD, 2000000 JPY");

/// One payment to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PaymentOrder {
    pub(crate) number: OrderNumber,
    /// Whose payment it is: a number among the credentials' merchants.
    pub(crate) merchant: u32,
    pub(crate) amount_minor: i64,
    pub(crate) currency: Currency,
    pub(crate) method: Method,
    pub(crate) capture: Capture,
    pub(crate) fault: Option<Fault>,
    /// The order that it pays.
    pub(crate) pays: Option<ShopOrderName>,
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

/// How the customer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Card(Card),
    Upi(Customer),
    NetBanking(Customer),
    Wallet(Customer),
}

/// What becomes of a payment that is not by card, as the provider simulator has it by the address,
/// the bank or the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Customer {
    Pays,
    IsDeclined,
    /// Approves in the app, or goes to the bank's or the wallet's page; nobody does.
    HasToAct,
}

/// Test cards of the provider simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Card {
    Approved,
    Declined,
    InsufficientFunds,
    /// The cardholder has to prove to be it first (3-D Secure).
    Challenged,
}

/// When an authorized amount is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capture {
    Automatic,
    Manual,
}

/// Faults of the provider simulator, asked for by metadata in test mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotSent,
    TimeoutBeforeApproval,
    TimeoutAfterApproval,
    Latency,
    Pending,
    /// The approval is told by callback as well: twice, late, and with its opposite after it.
    CallbackTwice,
    CallbackLate,
    CallbackContradicts,
    /// What is done to the payment later fails on its way.
    CaptureTimeoutBefore,
    CaptureTimeoutAfter,
    VoidTimeoutAfter,
    ReversalTimeoutAfter,
    RefundTimeoutBefore,
    RefundTimeoutAfter,
    RefundPending,
    /// Refunds are refused although the funds allow them.
    RefundRefused,
    /// Refunds succeed, and come back a while later.
    RefundFailsLater,
    /// What became of refunds is told twice.
    RefundCallbackTwice,
}

impl OrderNumber {
    /// The idempotency key that is made from it.
    pub(crate) fn key(self) -> String {
        let Self { round, connection, sequence } = self;
        format!("load-r{round}-c{connection}-n{sequence}")
    }
}

impl PaymentOrder {
    /// The idempotency key.
    pub(crate) fn key(&self) -> String {
        self.number.key()
    }

    pub(crate) fn request(&self) -> Request {
        self.request_with(self.body())
    }

    /// The order's key with a valid body that asks for something else.
    pub(crate) fn request_for_another_amount(&self) -> Request {
        self.request_with(self.body_with_amount(self.amount_minor + 1))
    }

    /// The provider first reserves what it takes: capturing it is an operation of its own.
    pub(crate) fn reserves(&self) -> bool {
        self.capture == Capture::Manual || self.is_held()
    }

    /// Held for a review once it is authorized.
    pub(crate) fn is_held(&self) -> bool {
        self.amount_minor >= HELD_FROM
    }

    /// A callback may tell us of an approval although the provider has declined.
    pub(crate) fn contradicts_decline(&self) -> bool {
        let approved = match self.method {
            Method::Card(card) => card == Card::Approved,
            Method::Upi(customer) | Method::NetBanking(customer) | Method::Wallet(customer) => {
                customer == Customer::Pays
            }
        };
        self.fault == Some(Fault::CallbackContradicts) && !approved
    }

    /// What such a callback may tell us as taken, in minor units.
    pub(crate) fn contradicted_minor(&self) -> i64 {
        if self.contradicts_decline() && !self.reserves() { self.amount_minor } else { 0 }
    }

    /// The request's body.
    pub(crate) fn body(&self) -> String {
        self.body_with_amount(self.amount_minor)
    }

    fn request_with(&self, body: String) -> Request {
        Request {
            idempotency_key: Some(self.key()),
            respond_async: self.respond_async,
            ..Request::post("/api/v1/payments", Key::Merchant(self.merchant), body)
        }
    }

    /// Written by hand, because a load harness writes many: every text in it is one of ours, so
    /// nothing needs to be escaped.
    fn body_with_amount(&self, amount_minor: i64) -> String {
        let (currency, method, key) = (self.currency.code(), self.method.fields(), self.key());
        let capture = match self.capture {
            Capture::Automatic => "",
            Capture::Manual => r#","capture":"manual""#,
        };
        let order = match &self.pays {
            None => String::new(),
            Some(name) => format!(r#","order_id":"{}""#, name.as_str()),
        };
        let fault = match self.fault {
            None => String::new(),
            Some(fault) => format!(r#","simulator":"{}""#, fault.directive()),
        };
        format!(
            r#"{{"amount_minor":{amount_minor},"currency":"{currency}",{method}{capture}{order},"metadata":{{"order":"{key}"{fault}}}}}"#
        )
    }
}

impl Method {
    /// The same by card, where it is by something that serves one currency.
    pub(crate) fn by_card(self) -> Self {
        match self {
            Self::Card(card) => Self::Card(card),
            Self::Upi(_) | Self::NetBanking(_) | Self::Wallet(_) => Self::Card(Card::Challenged),
        }
    }

    /// Its fields of a payment's request.
    fn fields(self) -> String {
        match self {
            Self::Card(card) => {
                let number = card.number();
                format!(
                    r#""payment_method":"card","card":{{"number":"{number}","expiry_month":12,"expiry_year":{EXPIRY_YEAR},"cvv":"123","holder_name":"Load Test"}}"#
                )
            }
            Self::Upi(customer) => {
                let vpa = customer.of("success@sim", "failure@sim", "pending@sim");
                format!(r#""payment_method":"upi","upi":{{"vpa":"{vpa}"}}"#)
            }
            Self::NetBanking(customer) => {
                let bank = customer.of("HDFC", "SIMD", "SIMR");
                format!(r#""payment_method":"netbanking","bank":"{bank}""#)
            }
            Self::Wallet(customer) => {
                let wallet = customer.of("wallet_7", "wallet_failure", "wallet_redirect");
                format!(
                    r#""payment_method":"wallet","wallet":{{"provider":"paytm","wallet_id":"{wallet}"}}"#
                )
            }
        }
    }
}

impl Customer {
    fn of(
        self,
        pays: &'static str,
        is_declined: &'static str,
        has_to_act: &'static str,
    ) -> &'static str {
        match self {
            Self::Pays => pays,
            Self::IsDeclined => is_declined,
            Self::HasToAct => has_to_act,
        }
    }

    /// How the payment is answered.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Pays => Outcome::Completed,
            Self::IsDeclined => Outcome::Failed,
            Self::HasToAct => Outcome::ActionRequired,
        }
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

    pub(crate) fn named(code: &str) -> Option<Self> {
        [Self::Inr, Self::Usd, Self::Jpy].into_iter().find(|currency| currency.code() == code)
    }

    /// Decimals of its amounts in major units.
    pub(crate) fn decimals(self) -> usize {
        match self {
            Self::Inr | Self::Usd => 2,
            Self::Jpy => 0,
        }
    }
}

impl Card {
    fn number(self) -> &'static str {
        match self {
            Self::Approved => "4242424242424242",
            Self::Declined => "4000000000000002",
            Self::InsufficientFunds => "4000000000009995",
            Self::Challenged => "4000000000003220",
        }
    }
}

impl Fault {
    pub(crate) const ALL: [Self; 18] = [
        Self::NotSent,
        Self::TimeoutBeforeApproval,
        Self::TimeoutAfterApproval,
        Self::Latency,
        Self::Pending,
        Self::CallbackTwice,
        Self::CallbackLate,
        Self::CallbackContradicts,
        Self::CaptureTimeoutBefore,
        Self::CaptureTimeoutAfter,
        Self::VoidTimeoutAfter,
        Self::ReversalTimeoutAfter,
        Self::RefundTimeoutBefore,
        Self::RefundTimeoutAfter,
        Self::RefundPending,
        Self::RefundRefused,
        Self::RefundFailsLater,
        Self::RefundCallbackTwice,
    ];

    /// Its name in scenarios.
    pub(crate) fn name(self) -> &'static str {
        self.words().0
    }

    /// What the simulator understands.
    pub(crate) fn directive(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NotSent => ("not_sent", "not_sent"),
            Self::TimeoutBeforeApproval => ("timeout_before_approval", "timeout_before_approval"),
            Self::TimeoutAfterApproval => ("timeout_after_approval", "timeout_after_approval"),
            Self::Latency => ("latency", "latency:50"),
            Self::Pending => ("pending", "pending"),
            Self::CallbackTwice => ("callback_twice", "callback:duplicate"),
            Self::CallbackLate => ("callback_late", "callback:late:300"),
            Self::CallbackContradicts => ("callback_contradicts", "callback:contradicting"),
            Self::CaptureTimeoutBefore => ("capture_timeout_before", "capture:timeout_before"),
            Self::CaptureTimeoutAfter => ("capture_timeout_after", "capture:timeout_after"),
            Self::VoidTimeoutAfter => ("void_timeout_after", "void:timeout_after"),
            Self::ReversalTimeoutAfter => ("reversal_timeout_after", "reverse:timeout_after"),
            Self::RefundTimeoutBefore => ("refund_timeout_before", "refund:timeout_before"),
            Self::RefundTimeoutAfter => ("refund_timeout_after", "refund:timeout_after"),
            Self::RefundPending => ("refund_pending", "refund:pending:400"),
            Self::RefundRefused => ("refund_refused", "refund:refused"),
            Self::RefundFailsLater => ("refund_fails_later", "refund:fails_later:500"),
            Self::RefundCallbackTwice => ("refund_callback_twice", "refund:callback:duplicate"),
        }
    }

    /// The payment's outcome is not known for longer than a request is kept waiting.
    pub(crate) fn times_out(self) -> bool {
        matches!(self, Self::TimeoutBeforeApproval | Self::TimeoutAfterApproval)
    }

    /// When the payment has to be captured for the fault to be met.
    pub(crate) fn capture(self) -> Capture {
        match self {
            Self::CaptureTimeoutBefore | Self::CaptureTimeoutAfter | Self::VoidTimeoutAfter => {
                Capture::Manual
            }
            Self::NotSent
            | Self::TimeoutBeforeApproval
            | Self::TimeoutAfterApproval
            | Self::Latency
            | Self::Pending
            | Self::CallbackTwice
            | Self::CallbackLate
            | Self::CallbackContradicts
            | Self::ReversalTimeoutAfter
            | Self::RefundTimeoutBefore
            | Self::RefundTimeoutAfter
            | Self::RefundPending
            | Self::RefundRefused
            | Self::RefundFailsLater
            | Self::RefundCallbackTwice => Capture::Automatic,
        }
    }

    /// Refunds of the payment that have succeeded come back.
    pub(crate) fn returns_refunds(self) -> bool {
        self == Self::RefundFailsLater
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn order() -> PaymentOrder {
        PaymentOrder {
            number: OrderNumber { round: 1, connection: 2, sequence: 3 },
            merchant: 0,
            amount_minor: 1_234,
            currency: Currency::Usd,
            method: Method::Card(Card::Approved),
            capture: Capture::Automatic,
            fault: None,
            pays: None,
            respond_async: false,
        }
    }

    fn parsed(order: &PaymentOrder) -> Value {
        serde_json::from_str(&order.body()).unwrap()
    }

    #[test]
    fn a_body_says_what_the_order_does() {
        let expected = json!({
            "amount_minor": 1_234,
            "currency": "USD",
            "payment_method": "card",
            "card": {
                "number": "4242424242424242",
                "expiry_month": 12,
                "expiry_year": EXPIRY_YEAR,
                "cvv": "123",
                "holder_name": "Load Test",
            },
            "metadata": {"order": "load-r1-c2-n3"},
        });
        assert_eq!(parsed(&order()), expected);
    }

    #[test]
    fn faults_and_manual_capture_are_in_the_body() {
        for fault in Fault::ALL {
            let order = PaymentOrder { fault: Some(fault), ..order() };
            assert_eq!(parsed(&order)["metadata"]["simulator"], fault.directive());
        }
        let order = PaymentOrder { capture: Capture::Manual, ..order() };
        assert_eq!(parsed(&order)["capture"], "manual");
        let declined = PaymentOrder {
            fault: Some(Fault::CallbackContradicts),
            method: Method::Card(Card::Declined),
            capture: Capture::Automatic,
            ..order
        };
        assert_eq!(declined.contradicted_minor(), declined.amount_minor);
        let approved = PaymentOrder { method: Method::Card(Card::Approved), ..declined };
        assert!(!approved.contradicts_decline());
        let order = PaymentOrder { pays: ShopOrderName::of("ord_1"), ..order };
        assert_eq!(parsed(&order)["order_id"], "ord_1");
    }

    #[test]
    fn each_method_says_who_pays() {
        for (method, field, pays) in [
            (Method::Upi(Customer::Pays), "upi", json!({"vpa": "success@sim"})),
            (Method::NetBanking(Customer::IsDeclined), "bank", json!("SIMD")),
            (
                Method::Wallet(Customer::HasToAct),
                "wallet",
                json!({"provider": "paytm", "wallet_id": "wallet_redirect"}),
            ),
        ] {
            let parsed = parsed(&PaymentOrder { method, ..order() });
            assert_eq!((&parsed[field], &parsed["card"]), (&pays, &Value::Null));
        }
    }

    #[test]
    fn another_amount_is_the_only_difference_of_a_reused_key() {
        let order = order();
        let (first, other) = (order.request(), order.request_for_another_amount());
        assert_eq!(first.idempotency_key, other.idempotency_key);
        let mut same = parsed(&order);
        let other: Value = serde_json::from_str(&other.body.unwrap()).unwrap();
        assert_ne!(same, other);
        same["amount_minor"] = Value::from(order.amount_minor + 1);
        assert_eq!(same, other);
    }
}
