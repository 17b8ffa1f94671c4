//! A payment, or what is done to it, as the views keep it: as much as lists filter by.
//!
//! ```text
//!    0   1  kind
//!    1   1  status, as the object itself shows it
//!    2   1  standing: what became of it as a transaction
//!    3   1  method
//!    4   1  what follows: 1 was held for review, 2 order, 4 customer
//!    5   2  currency, its ISO 4217 number
//!    7   8  amount, in minor units
//!   15  16  payment, where the row is of what is done to one
//!       16  digest of the order, where it has one
//!       16  digest of the customer, where it has one
//! ```
//!
//! Numbers are big-endian. A payment's own row has the payment's id. Invariant: it follows from the
//! payment alone, but for whether that was ever held for review; nothing in it tells who a customer is.

use std::ops::Deref;

use tollgate_domain::{
    Currency, Operation, OperationId, OperationKind, Payment, PaymentId, PaymentMethod,
    PaymentStatus,
};

use crate::{http::TransactionBody, secrets::ViewSecrets, vault::Realm};

/// What a row is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum RowKind {
    Payment,
    Confirmation,
    Capture,
    Void,
    Reversal,
    Refund,
}

/// What became of an attempt to move money.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Standing {
    Pending,
    Unknown,
    Succeeded,
    Failed,
}

/// Where a payment, or something done to it, stands by its own account. A refund that came back is
/// no success of its own, while the transaction that it is has succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum RowStatus {
    Payment(PaymentStatus),
    Operation(Standing),
}

/// How a payment is paid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum MethodKind {
    Card,
    Upi,
    NetBanking,
    Wallet,
}

/// Sixteen bytes that stand for a text, made under a key that lies outside the log.
pub(crate) type TextDigest = [u8; 16];

/// What one row says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) kind: RowKind,
    pub(crate) status: RowStatus,
    pub(crate) standing: Standing,
    pub(crate) method: MethodKind,
    /// Whether a reviewer had to decide, or has to.
    pub(crate) was_held: bool,
    pub(crate) currency: Currency,
    pub(crate) amount: i64,
    pub(crate) payment: PaymentId,
    pub(crate) order: Option<TextDigest>,
    pub(crate) customer: Option<TextDigest>,
}

/// What a row needs of its payment that takes a digest to tell.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Digests {
    pub(crate) order: Option<TextDigest>,
    pub(crate) customer: Option<TextDigest>,
}

impl Digests {
    /// Those of a payment.
    pub(super) fn of(realm: Realm, payment: &Payment, secrets: &ViewSecrets) -> Self {
        let intent = payment.intent();
        let order = intent.order_id.as_deref().map(|id| secrets.order(realm, id));
        let customer = intent.customer_id.as_deref().map(|id| secrets.customer(realm, id));
        Self { order, customer }
    }
}

const WAS_HELD: u8 = 1;
const HAS_ORDER: u8 = 2;
const HAS_CUSTOMER: u8 = 4;

/// Of an operation that has both digests: 15 bytes and three times 16.
const LONGEST: usize = 63;

/// The bytes of a row.
pub(super) struct RowBytes {
    bytes: [u8; LONGEST],
    length: usize,
}

impl RowBytes {
    fn push(&mut self, part: &[u8]) {
        self.bytes[self.length..][..part.len()].copy_from_slice(part);
        self.length += part.len();
    }
}

impl Deref for RowBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl RowKind {
    /// All, in the order of their stored numbers.
    pub(crate) const ALL: [Self; 6] = [
        Self::Payment,
        Self::Confirmation,
        Self::Capture,
        Self::Void,
        Self::Reversal,
        Self::Refund,
    ];

    /// The name on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Confirmation => "confirmation",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Reversal => "reversal",
            Self::Refund => "refund",
        }
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Payment => 0,
            Self::Confirmation => 1,
            Self::Capture => 2,
            Self::Void => 3,
            Self::Reversal => 4,
            Self::Refund => 5,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }

    fn of(kind: &OperationKind) -> Self {
        match kind {
            OperationKind::Confirmation => Self::Confirmation,
            OperationKind::Capture { .. } => Self::Capture,
            OperationKind::Void => Self::Void,
            OperationKind::Reversal => Self::Reversal,
            OperationKind::Refund { .. } => Self::Refund,
        }
    }
}

impl Standing {
    /// All, in the order of their stored numbers.
    pub(crate) const ALL: [Self; 4] = [Self::Pending, Self::Unknown, Self::Succeeded, Self::Failed];

    /// The name on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Unknown => 1,
            Self::Succeeded => 2,
            Self::Failed => 3,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

impl MethodKind {
    /// All, in the order of their stored numbers.
    pub(crate) const ALL: [Self; 4] = [Self::Card, Self::Upi, Self::NetBanking, Self::Wallet];

    /// The name on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Upi => "upi",
            Self::NetBanking => "netbanking",
            Self::Wallet => "wallet",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Card => 0,
            Self::Upi => 1,
            Self::NetBanking => 2,
            Self::Wallet => 3,
        }
    }

    const fn of(method: &PaymentMethod) -> Self {
        match method {
            PaymentMethod::Card(_) => Self::Card,
            PaymentMethod::Upi(_) => Self::Upi,
            PaymentMethod::NetBanking(_) => Self::NetBanking,
            PaymentMethod::Wallet(_) => Self::Wallet,
        }
    }
}

/// All statuses of payments.
pub(crate) const STATUSES: [PaymentStatus; 11] = [
    PaymentStatus::Processing,
    PaymentStatus::RequiresAction,
    PaymentStatus::Review,
    PaymentStatus::Authorized,
    PaymentStatus::PartiallyCaptured,
    PaymentStatus::Completed,
    PaymentStatus::Failed,
    PaymentStatus::Voided,
    PaymentStatus::Reversed,
    PaymentStatus::Expired,
    PaymentStatus::Unknown,
];

impl RowStatus {
    /// All that rows of a kind may have.
    pub(super) fn all_of(kind: RowKind) -> Vec<Self> {
        match kind {
            RowKind::Payment => STATUSES.into_iter().map(Self::Payment).collect(),
            RowKind::Confirmation
            | RowKind::Capture
            | RowKind::Void
            | RowKind::Reversal
            | RowKind::Refund => Standing::ALL.into_iter().map(Self::Operation).collect(),
        }
    }

    /// The stored number.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Operation(standing) => standing.code(),
            Self::Payment(PaymentStatus::Processing) => 11,
            Self::Payment(PaymentStatus::RequiresAction) => 12,
            Self::Payment(PaymentStatus::Review) => 13,
            Self::Payment(PaymentStatus::Authorized) => 14,
            Self::Payment(PaymentStatus::PartiallyCaptured) => 15,
            Self::Payment(PaymentStatus::Completed) => 16,
            Self::Payment(PaymentStatus::Failed) => 17,
            Self::Payment(PaymentStatus::Voided) => 18,
            Self::Payment(PaymentStatus::Reversed) => 19,
            Self::Payment(PaymentStatus::Expired) => 20,
            Self::Payment(PaymentStatus::Unknown) => 21,
        }
    }

    /// The status of a row's stored numbers.
    pub(super) fn from_code(kind: RowKind, code: u8) -> Option<Self> {
        Self::all_of(kind).into_iter().find(|known| known.code() == code)
    }

    /// Whether a transaction that stands so may have it.
    pub(super) fn may_stand(self, standing: Standing) -> bool {
        match self {
            Self::Payment(_) => true,
            Self::Operation(Standing::Failed) => {
                matches!(standing, Standing::Failed | Standing::Succeeded)
            }
            Self::Operation(shown) => shown == standing,
        }
    }
}

impl Row {
    /// A payment's own; `before` is what it was until now.
    pub(super) fn of_payment(payment: &Payment, digests: Digests, before: Option<&Self>) -> Self {
        let intent = payment.intent();
        let status = payment.state().status();
        let body = TransactionBody { payment, operation: None };
        Self {
            kind: RowKind::Payment,
            status: RowStatus::Payment(status),
            standing: standing(&body),
            method: MethodKind::of(&intent.method),
            was_held: status == PaymentStatus::Review || before.is_some_and(|row| row.was_held),
            currency: intent.money.currency,
            amount: intent.money.amount.minor_units(),
            payment: payment.id(),
            order: digests.order,
            customer: digests.customer,
        }
    }

    /// That of something done to a payment.
    pub(super) fn of_operation(payment: &Payment, operation: &Operation, digests: Digests) -> Self {
        let body = TransactionBody { payment, operation: Some(operation) };
        Self {
            kind: RowKind::of(&operation.intent.kind),
            status: RowStatus::Operation(standing_named(operation.state.as_str())),
            standing: standing(&body),
            method: MethodKind::of(&payment.intent().method),
            was_held: false,
            currency: payment.intent().money.currency,
            amount: body.amount().minor_units(),
            payment: payment.id(),
            order: digests.order,
            customer: digests.customer,
        }
    }

    /// The same row as it is by now; `None` where the payment does not have it.
    pub(crate) fn as_of(&self, id: u128, payment: &Payment) -> Option<Self> {
        match self.kind {
            RowKind::Payment => Some(Self::of_payment(payment, self.digests(), Some(self))),
            RowKind::Confirmation
            | RowKind::Capture
            | RowKind::Void
            | RowKind::Reversal
            | RowKind::Refund => {
                let operation = payment.operation(OperationId::from_u128(id))?;
                Some(Self::of_operation(payment, operation, self.digests()))
            }
        }
    }

    /// The same row, which an earlier one was written of before.
    pub(super) fn behind(self, earlier: &Self) -> Self {
        Self { was_held: self.was_held || earlier.was_held, ..self }
    }

    /// The digests that it holds.
    pub(super) const fn digests(&self) -> Digests {
        Digests { order: self.order, customer: self.customer }
    }

    /// The bytes that are stored.
    pub(super) fn encode(&self) -> RowBytes {
        let mut bytes = RowBytes { bytes: [0; LONGEST], length: 0 };
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        bytes.push(&[
            self.kind.code(),
            self.status.code(),
            self.standing.code(),
            self.method.code(),
            flag(self.was_held, WAS_HELD)
                | flag(self.order.is_some(), HAS_ORDER)
                | flag(self.customer.is_some(), HAS_CUSTOMER),
        ]);
        bytes.push(&self.currency.numeric().to_be_bytes());
        bytes.push(&self.amount.to_be_bytes());
        if self.kind != RowKind::Payment {
            bytes.push(&self.payment.to_u128().to_be_bytes());
        }
        for digest in [self.order, self.customer].iter().flatten() {
            bytes.push(digest);
        }
        bytes
    }

    /// The row of stored bytes, which has this id; `None` where they are none.
    pub(super) fn decode(id: u128, bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let [kind, status, standing, method, flags] = *reader.array()?;
        let currency = Currency::from_numeric(u16::from_be_bytes(*reader.array()?)).ok()?;
        let amount = i64::from_be_bytes(*reader.array()?);
        let kind = RowKind::from_code(kind)?;
        let payment = match kind {
            RowKind::Payment => id,
            RowKind::Confirmation
            | RowKind::Capture
            | RowKind::Void
            | RowKind::Reversal
            | RowKind::Refund => u128::from_be_bytes(*reader.array()?),
        };
        let payment = PaymentId::from_u128(payment);
        let mut digest = |flag: u8| match flags & flag {
            0 => Some(None),
            _set => reader.array().map(|bytes| Some(*bytes)),
        };
        let (order, customer) = (digest(HAS_ORDER)?, digest(HAS_CUSTOMER)?);
        if !reader.0.is_empty() {
            return None;
        }
        Some(Self {
            kind,
            status: RowStatus::from_code(kind, status)?,
            standing: Standing::from_code(standing)?,
            method: MethodKind::ALL.into_iter().find(|known| known.code() == method)?,
            was_held: flags & WAS_HELD != 0,
            currency,
            amount,
            payment,
            order,
            customer,
        })
    }
}

fn standing(body: &TransactionBody<'_>) -> Standing {
    standing_named(body.status())
}

fn standing_named(name: &str) -> Standing {
    let known = Standing::ALL.into_iter().find(|standing| standing.as_str() == name);
    known.expect("what is done to a payment stands in one of four ways")
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn array<const N: usize>(&mut self) -> Option<&'b [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_cut_ones_do_not() {
        let row = Row {
            kind: RowKind::Refund,
            status: RowStatus::Operation(Standing::Unknown),
            standing: Standing::Unknown,
            method: MethodKind::Wallet,
            was_held: true,
            currency: Currency::INR,
            amount: i64::MAX,
            payment: PaymentId::from_u128(7),
            order: Some([4; 16]),
            customer: Some([5; 16]),
        };
        assert_eq!(Row::decode(8, &row.encode()), Some(row.clone()));
        let bare = Row { order: None, customer: None, ..row };
        let status = RowStatus::Payment(PaymentStatus::Failed);
        let own = Row { kind: RowKind::Payment, status, payment: PaymentId::from_u128(8), ..bare };
        for row in [bare, own] {
            let bytes = row.encode();
            assert_eq!(Row::decode(8, &bytes), Some(row));
            for length in 0..bytes.len() {
                assert_eq!(Row::decode(8, &bytes[..length]), None, "of {length} bytes");
            }
        }
    }

    #[test]
    fn numbers_are_told_apart() {
        for kind in RowKind::ALL {
            assert_eq!(RowKind::from_code(kind.code()), Some(kind));
            for status in RowStatus::all_of(kind) {
                assert_eq!(RowStatus::from_code(kind, status.code()), Some(status));
                assert!(Standing::ALL.iter().any(|standing| status.may_stand(*standing)));
            }
        }
    }
}
