//! What may be remembered of a card: never its number, never its security code.
//!
//! Not here: which network, funding and country a number's first digits stand for. That is a table,
//! and tables change; what one said when a payment was made is recorded with it.

use crate::country::Country;

/// The network that issued the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CardBrand {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// American Express.
    Amex,
    /// Discover.
    Discover,
    /// RuPay.
    Rupay,
    /// Diners Club.
    Diners,
    /// JCB.
    Jcb,
    /// China UnionPay.
    UnionPay,
    /// Maestro.
    Maestro,
    /// Any other network.
    Other,
}

/// Whose money a card spends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CardFunding {
    /// The issuer's, which the holder pays back.
    Credit,
    /// The holder's, on an account.
    Debit,
    /// The holder's, on the card.
    Prepaid,
}

/// A keyed digest of the card number, the same for the same card; the key lies outside the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CardFingerprint(pub [u8; 16]);

/// The parts of a card that receipts, rules and look-ups need.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CardFacts {
    /// The network.
    pub brand: CardBrand,
    /// The first six digits.
    pub bin: u32,
    /// The last four digits.
    pub last4: u16,
    /// 1 to 12.
    pub expiry_month: u8,
    /// Four digits.
    pub expiry_year: u16,
    /// Tells the same card again.
    pub fingerprint: CardFingerprint,
    /// Whose money it spends, as far as it was known when the payment was made.
    pub funding: Option<CardFunding>,
    /// Where its issuer is, as far as that was known.
    pub issuer_country: Option<Country>,
}

impl CardBrand {
    /// Every brand, in the order of [`CardBrand::code`].
    pub const ALL: [Self; 10] = [
        Self::Other,
        Self::Visa,
        Self::Mastercard,
        Self::Amex,
        Self::Discover,
        Self::Rupay,
        Self::Diners,
        Self::Jcb,
        Self::UnionPay,
        Self::Maestro,
    ];

    /// The brand's number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Other => 0,
            Self::Visa => 1,
            Self::Mastercard => 2,
            Self::Amex => 3,
            Self::Discover => 4,
            Self::Rupay => 5,
            Self::Diners => 6,
            Self::Jcb => 7,
            Self::UnionPay => 8,
            Self::Maestro => 9,
        }
    }

    /// The brand of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|brand| brand.code() == code)
    }

    /// The brand of that name, as it is on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|brand| brand.as_str() == name)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
            Self::Discover => "discover",
            Self::Rupay => "rupay",
            Self::Diners => "diners",
            Self::Jcb => "jcb",
            Self::UnionPay => "unionpay",
            Self::Maestro => "maestro",
            Self::Other => "unknown",
        }
    }
}

impl CardFunding {
    /// Every one, in the order of [`CardFunding::code`].
    pub const ALL: [Self; 3] = [Self::Credit, Self::Debit, Self::Prepaid];

    /// The number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Credit => 0,
            Self::Debit => 1,
            Self::Prepaid => 2,
        }
    }

    /// The funding of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|funding| funding.code() == code)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Debit => "debit",
            Self::Prepaid => "prepaid",
        }
    }

    /// The funding of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|funding| funding.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_back() {
        for brand in CardBrand::ALL {
            assert_eq!(CardBrand::from_code(brand.code()), Some(brand));
            assert_eq!(CardBrand::from_name(brand.as_str()), Some(brand));
        }
        for funding in CardFunding::ALL {
            assert_eq!(CardFunding::from_code(funding.code()), Some(funding));
            assert_eq!(CardFunding::from_name(funding.as_str()), Some(funding));
        }
        assert_eq!(CardBrand::from_name("Visa"), None);
    }
}
