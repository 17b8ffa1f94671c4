//! A merchant's order, paid by one payment or several: everything that its request is made from, and
//! what an answer says of it.
//!
//! Not here: its payments, which name it (`order.rs`), and any judgement of it; that is the auditor's.
//!
//! Invariant: the same order gives the same request, byte for byte, at any time.

use std::convert::Infallible;

use serde::Deserialize;

use crate::answer::{Answer, is_plain};
use crate::meaning::Meaning;
use crate::order::{Currency, OrderNumber};
use crate::request::{Key, Request};

/// Longest name of an order that is understood.
const LONGEST_NAME: usize = 31;

/// One order to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShopOrder {
    /// From the same count as payments.
    pub(crate) number: OrderNumber,
    pub(crate) merchant: u32,
    pub(crate) amount_minor: i64,
    pub(crate) currency: Currency,
}

/// An order's id, small enough to be copied into each payment for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShopOrderName {
    bytes: [u8; LONGEST_NAME],
    length: u8,
}

/// What the audit compares of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ShopOrderView {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) amount_paid_minor: i64,
    pub(crate) amount_due_minor: i64,
    pub(crate) attempts: u32,
}

/// The meaning of an answer to `POST /api/v1/orders`: it is created at once, or not at all.
pub(crate) type ShopOrderAnswer = Meaning<ShopOrderView, Infallible>;

impl ShopOrder {
    /// The idempotency key.
    pub(crate) fn key(&self) -> String {
        self.number.key()
    }

    pub(crate) fn request(&self) -> Request {
        self.request_for(self.amount_minor)
    }

    /// The order's key with a valid request for something else.
    pub(crate) fn request_for_another_amount(&self) -> Request {
        self.request_for(self.amount_minor + 1)
    }

    fn request_for(&self, amount_minor: i64) -> Request {
        let (currency, key) = (self.currency.code(), self.key());
        let body = format!(
            r#"{{"amount_minor":{amount_minor},"currency":"{currency}","receipt":"{key}"}}"#
        );
        Request {
            idempotency_key: Some(key),
            ..Request::post("/api/v1/orders", Key::Merchant(self.merchant), body)
        }
    }
}

impl ShopOrderName {
    /// `None` where it is no order's id.
    pub(crate) fn of(id: &str) -> Option<Self> {
        let length = u8::try_from(id.len()).ok()?;
        let mut bytes = [0; LONGEST_NAME];
        bytes.get_mut(..id.len())?.copy_from_slice(id.as_bytes());
        is_plain("ord_", id).then_some(Self { bytes, length })
    }

    pub(crate) fn as_str(&self) -> &str {
        let bytes = &self.bytes[..usize::from(self.length)];
        std::str::from_utf8(bytes).expect("it was made of a text")
    }
}

impl ShopOrderView {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let order: Self =
            serde_json::from_slice(body).map_err(|why| format!("not an order: {why}"))?;
        let named = ShopOrderName::of(&order.id).is_some();
        if named { Ok(order) } else { Err("no order id".to_owned()) }
    }

    /// What is wrong with it by itself: it is never paid more than its amount.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let Self { amount_minor: amount, amount_paid_minor: paid, amount_due_minor: due, .. } =
            *self;
        let sums = (0..=amount).contains(&paid) && due == amount - paid;
        let status = match (paid, self.attempts) {
            (0, 0) => "created",
            (0, _) => "attempted",
            _ if paid < amount => "partially_paid",
            _ => "paid",
        };
        (!sums || self.status != status).then(|| format!("{self:?} contradicts itself"))
    }
}

impl ShopOrderAnswer {
    pub(crate) fn of(answer: &Answer) -> Self {
        match answer.status {
            201 => match ShopOrderView::parse(&answer.body) {
                Ok(order) => Self::Final(order),
                Err(why) => Self::unexpected(answer, &why),
            },
            _ => Self::of_nothing(answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> ShopOrder {
        let number = OrderNumber { round: 1, connection: 2, sequence: 3 };
        ShopOrder { number, merchant: 0, amount_minor: 500, currency: Currency::Usd }
    }

    #[test]
    fn a_request_says_what_is_ordered() {
        let request = order().request();
        assert_eq!(&*request.path, "/api/v1/orders");
        assert_eq!(
            request.body.as_deref(),
            Some(r#"{"amount_minor":500,"currency":"USD","receipt":"load-r1-c2-n3"}"#)
        );
        let other = order().request_for_another_amount();
        assert_eq!(request.idempotency_key, other.idempotency_key);
        assert_ne!(request.body, other.body);
    }

    #[test]
    fn a_name_is_an_orders_id_of_harmless_characters() {
        let id = "ord_06f1q8zr2w000c000000qr1c4t";
        assert_eq!(ShopOrderName::of(id).unwrap().as_str(), id);
        for wrong in ["pay_1", "ord_../1", "ord_06f1q8zr2w000c000000qr1c4t__"] {
            assert_eq!(ShopOrderName::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_order_is_never_paid_more_than_its_amount() {
        let view = |status: &str, paid, due, attempts| ShopOrderView {
            id: "ord_1".to_owned(),
            status: status.to_owned(),
            amount_minor: 500,
            currency: "USD".to_owned(),
            amount_paid_minor: paid,
            amount_due_minor: due,
            attempts,
        };
        for (status, paid, due, attempts) in [
            ("created", 0, 500, 0),
            ("attempted", 0, 500, 1),
            ("partially_paid", 200, 300, 1),
            ("paid", 500, 0, 2),
        ] {
            assert_eq!(view(status, paid, due, attempts).contradiction(), None, "{status}");
        }
        for (status, paid, due, attempts) in [
            ("paid", 501, 0, 2),
            ("paid", 501, -1, 2),
            ("partially_paid", 200, 301, 1),
            ("created", 0, 500, 1),
            ("paid", 200, 300, 1),
            ("partially_paid", 500, 0, 1),
        ] {
            assert!(view(status, paid, due, attempts).contradiction().is_some(), "{status} {paid}");
        }
    }
}
