//! What the merchant asked for.

use super::{EmiPlan, PaymentMethod};
use crate::{
    id::{MerchantId, OrderId, PaymentId, TransactionId},
    merchant::Mode,
    money::Money,
    sealed::Sealed,
    timestamp::Timestamp,
};

/// The facts a payment is created with; they never change, so they are shared, not copied.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PaymentIntent {
    /// The payment's id.
    pub id: PaymentId,
    /// The transaction that moves the money.
    pub transaction: TransactionId,
    /// Who is paid.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// How much.
    pub money: Money,
    /// When the funds are taken.
    pub capture: CaptureMode,
    /// How the customer pays.
    pub method: PaymentMethod,
    /// Whether it is held for a reviewer once it is authorized.
    pub hold_for_review: bool,
    /// The instalments that the customer pays the issuer in.
    pub emi: Option<EmiPlan>,
    /// The merchant's order, in his own words.
    pub order_id: Option<Box<str>>,
    /// The order of ours that it pays.
    pub order: Option<OrderId>,
    /// Whether the merchant takes no second payment for an order of his that is paid.
    pub one_payment_per_order: bool,
    /// The merchant's own id of the customer.
    pub customer_id: Option<Box<str>>,
    /// Who the customer is and how he pays, sealed.
    pub personal: Option<Sealed>,
    /// The merchant's words.
    pub description: Option<Box<str>>,
    /// Where this payment's events are sent besides the merchant's endpoints.
    pub callback_url: Option<Box<str>>,
    /// Where the customer goes once he has acted.
    pub return_url: Option<Box<str>>,
    /// The merchant's own keys and values, in the order of the keys.
    pub metadata: Vec<(Box<str>, Box<str>)>,
    /// Which version of merchants, keys and providers the gateway had read.
    pub control_version: u64,
    /// When.
    pub created_at: Timestamp,
}

/// When funds are taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CaptureMode {
    /// With the authorization.
    Automatic,
    /// By an operation of its own.
    Manual,
}

impl PaymentIntent {
    /// When the provider is asked to take the funds. Those of a payment that is held for review are
    /// reserved alone, whatever the merchant wants to become of them afterwards.
    #[must_use]
    pub const fn provider_capture(&self) -> CaptureMode {
        if self.hold_for_review { CaptureMode::Manual } else { self.capture }
    }

    /// The value of one of the merchant's keys.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|(name, _value)| **name == *key).map(|(_name, value)| &**value)
    }
}

impl CaptureMode {
    /// Both, in the order of [`CaptureMode::code`].
    pub const ALL: [Self; 2] = [Self::Automatic, Self::Manual];

    /// The number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Automatic => 0,
            Self::Manual => 1,
        }
    }

    /// The mode of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.code() == code)
    }
}
