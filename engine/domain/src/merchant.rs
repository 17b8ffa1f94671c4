//! Merchants, and the two worlds their payments live in.

use crate::{id::MerchantId, timestamp::Timestamp};

/// Whether money is real. The two never meet: not in keys, idempotency, ledger or look-ups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// Pretended money; always the simulator.
    Test,
    /// Real money.
    Live,
}

/// One who takes payments.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Merchant {
    /// Its id, minted by the control shard.
    pub id: MerchantId,
    /// Its name, as customers know it.
    pub name: Box<str>,
    /// Where the business is written to. It is no customer's address, so it may stand in the log.
    pub email: Option<Box<str>>,
    /// Since when it has been suspended: it may take no new payments, and all else goes on.
    pub suspended_at: Option<Timestamp>,
    /// Whether it takes no second payment for an order of its own words that is paid.
    pub one_payment_per_order: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Mode {
    /// Both, in the order of [`Mode::code`].
    pub const ALL: [Self; 2] = [Self::Test, Self::Live];

    /// The mode's number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Test => 0,
            Self::Live => 1,
        }
    }

    /// The mode of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.code() == code)
    }
}
