//! An order: a sum that a merchant wants to be paid, by one payment or several, and never more.
//!
//! Invariant: what its payments have taken, or may yet take, is never more than the order's amount,
//! as far as it is for us to say. What a provider reports is booked whatever it is.

use std::sync::Arc;

use crate::{
    codec,
    id::{MerchantId, OrderId},
    merchant::Mode,
    money::{Amount, Money},
    payment::{Payment, PaymentState},
    timestamp::Timestamp,
};

/// An order and how far it is paid.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Order {
    intent: Arc<OrderIntent>,
    /// How many payments were tried.
    attempts: u32,
    /// What its payments have taken.
    paid: Amount,
    /// What its payments may yet take.
    reserved: Amount,
    updated_at: Timestamp,
    /// What of this is of payments that have left memory.
    departed: Departed,
}

/// What payments that have left memory are to their order. They reserve nothing: they are finished.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Departed {
    /// How many they are.
    pub attempts: u32,
    /// What they have taken.
    pub paid: Amount,
}

/// An order as a snapshot keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderImage {
    /// What was ordered.
    pub intent: Arc<OrderIntent>,
    /// How many payments were tried.
    pub attempts: u32,
    /// What they have taken.
    pub paid: Amount,
    /// What they may yet take.
    pub reserved: Amount,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What of this is of payments that have left memory.
    pub departed: Departed,
}

/// The facts an order is created with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OrderIntent {
    /// Its id.
    pub id: OrderId,
    /// Who is to be paid.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// How much.
    pub money: Money,
    /// The merchant's own number of it.
    pub receipt: Option<Box<str>>,
    /// The merchant's own keys and values, in the order of the keys.
    pub notes: Vec<(Box<str>, Box<str>)>,
    /// When.
    pub created_at: Timestamp,
}

/// How far an order is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OrderStatus {
    /// Nobody has tried to pay.
    Created,
    /// Somebody has, and nothing is taken yet.
    Attempted,
    /// A part is taken.
    PartiallyPaid,
    /// All of it is taken.
    Paid,
}

/// What one payment is to its order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Share {
    paid: Amount,
    reserved: Amount,
}

/// What a note takes in a record beside its key and value: their lengths.
const NOTE_BYTES: usize = 16;

/// The most that receipt and notes take, in bytes, of an order that may leave memory: it has to come
/// back in one record, which holds little else.
const MOST_BYTES: usize = codec::MAX_RECORD - 1_024;

impl Order {
    pub(crate) fn new(intent: Arc<OrderIntent>) -> Self {
        let updated_at = intent.created_at;
        Self {
            intent,
            attempts: 0,
            paid: Amount::ZERO,
            reserved: Amount::ZERO,
            updated_at,
            departed: Departed::default(),
        }
    }

    /// Since when none of its payments is in memory, where that is so and it may leave as well.
    pub(crate) fn at_rest_since(&self) -> Option<Timestamp> {
        let is_alone = self.attempts == self.departed.attempts;
        (is_alone && self.intent.fits()).then_some(self.updated_at)
    }

    /// The order as it stood.
    pub(crate) fn of_image(image: OrderImage) -> Self {
        let OrderImage { intent, attempts, paid, reserved, updated_at, departed } = image;
        Self { intent, attempts, paid, reserved, updated_at, departed }
    }

    pub(crate) fn image(&self) -> OrderImage {
        let Self { intent, attempts, paid, reserved, updated_at, departed } = self.clone();
        OrderImage { intent, attempts, paid, reserved, updated_at, departed }
    }

    /// The order as its creation was answered: before anybody had tried to pay.
    #[must_use]
    pub fn as_created(&self) -> Self {
        Self::new(Arc::clone(&self.intent))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> OrderId {
        self.intent.id
    }

    /// What was ordered; never changes.
    #[must_use]
    pub fn intent(&self) -> &Arc<OrderIntent> {
        &self.intent
    }

    /// How many payments were tried.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What its payments have taken. Refunds do not open an order again.
    #[must_use]
    pub fn paid(&self) -> Amount {
        self.paid
    }

    /// What its payments may yet take.
    #[must_use]
    pub fn reserved(&self) -> Amount {
        self.reserved
    }

    /// When it last changed.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// What a further payment may ask for.
    #[must_use]
    pub fn open(&self) -> Amount {
        let due = self.intent.money.amount.checked_sub(self.paid).unwrap_or(Amount::ZERO);
        due.checked_sub(self.reserved).unwrap_or(Amount::ZERO)
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> OrderStatus {
        if self.paid >= self.intent.money.amount {
            OrderStatus::Paid
        } else if !self.paid.is_zero() {
            OrderStatus::PartiallyPaid
        } else if self.attempts > 0 {
            OrderStatus::Attempted
        } else {
            OrderStatus::Created
        }
    }

    pub(crate) fn attempt(&mut self, share: Share, at: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        self.updated_at = at;
        self.change(Share::default(), share, at);
    }

    /// What of it is of payments that have left memory.
    pub(crate) const fn departed(&self) -> Departed {
        self.departed
    }

    /// One of its payments leaves memory, and stays what it is to it.
    pub(crate) fn let_depart(&mut self, share: Share) {
        let Departed { attempts, paid } = self.departed;
        let paid = replace(paid, Amount::ZERO, share.paid);
        self.departed = Departed { attempts: attempts.saturating_add(1), paid };
    }

    /// It is back.
    pub(crate) fn let_return(&mut self, share: Share) {
        let Departed { attempts, paid } = self.departed;
        let paid = replace(paid, share.paid, Amount::ZERO);
        self.departed = Departed { attempts: attempts.saturating_sub(1), paid };
    }

    /// One of its payments is now something else to it.
    pub(crate) fn change(&mut self, before: Share, after: Share, at: Timestamp) {
        if before == after {
            return;
        }
        self.paid = replace(self.paid, before.paid, after.paid);
        self.reserved = replace(self.reserved, before.reserved, after.reserved);
        self.updated_at = at;
    }
}

impl OrderIntent {
    /// Whether the order can leave memory and come back by one record.
    fn fits(&self) -> bool {
        let receipt = self.receipt.as_deref().map_or(0, str::len);
        let notes = self
            .notes
            .iter()
            .map(|(key, value)| key.len().saturating_add(value.len()).saturating_add(NOTE_BYTES));
        notes.fold(receipt, usize::saturating_add) <= MOST_BYTES
    }
}

impl Share {
    /// What a payment is to its order as it stands.
    pub(crate) fn of(payment: &Payment) -> Self {
        let asked = payment.intent().money.amount;
        let paid = payment.amount_captured();
        let reserved = match payment.state() {
            PaymentState::Processing
            | PaymentState::RequiresAction { .. }
            | PaymentState::Review { .. }
            | PaymentState::Authorized { .. }
            | PaymentState::Unknown { .. } => asked,
            PaymentState::PartiallyCaptured { held, .. } => *held,
            PaymentState::Completed { .. }
            | PaymentState::Failed { .. }
            | PaymentState::Voided { .. }
            | PaymentState::Reversed { .. }
            | PaymentState::Expired { .. } => Amount::ZERO,
        };
        Self { paid, reserved }
    }

    pub(crate) const fn paid(&self) -> Amount {
        self.paid
    }

    pub(crate) const fn reserved(&self) -> Amount {
        self.reserved
    }
}

impl OrderStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Attempted => "attempted",
            Self::PartiallyPaid => "partially_paid",
            Self::Paid => "paid",
        }
    }
}

/// A sum in which `before` becomes `after`. A late report may take it past the largest amount; it
/// then stays there, which is paid all the same.
fn replace(sum: Amount, before: Amount, after: Amount) -> Amount {
    let rest = sum.checked_sub(before).unwrap_or(Amount::ZERO);
    rest.checked_add(after).unwrap_or(Amount::MAX)
}
