//! What may be remembered of a card: never its number, never its security code.

/// The network that issued the number, told by its first digits.
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
    /// Any other network.
    Other,
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
}

impl CardBrand {
    /// Every brand, in the order of [`CardBrand::code`].
    pub const ALL: [Self; 6] =
        [Self::Other, Self::Visa, Self::Mastercard, Self::Amex, Self::Discover, Self::Rupay];

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
        }
    }

    /// The brand of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|brand| brand.code() == code)
    }

    /// The brand of a number with these first six digits.
    ///
    /// Ranges as the networks publish them (ISO/IEC 7812 issuer identification numbers): 4 Visa,
    /// 51–55 and 2221–2720 Mastercard, 34 and 37 American Express, 6011, 644–649 and 65 Discover,
    /// 60, 81, 82 and 508 RuPay where Discover does not claim them.
    #[must_use]
    pub const fn from_bin(bin: u32) -> Self {
        match bin {
            400_000..=499_999 => Self::Visa,
            510_000..=559_999 | 222_100..=272_099 => Self::Mastercard,
            340_000..=349_999 | 370_000..=379_999 => Self::Amex,
            601_100..=601_199 | 644_000..=659_999 => Self::Discover,
            508_000..=508_999 | 600_000..=609_999 | 810_000..=829_999 => Self::Rupay,
            _ => Self::Other,
        }
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
            Self::Other => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_follow_the_issuer_ranges() {
        for (bin, brand) in [
            (424_242, CardBrand::Visa),
            (555_555, CardBrand::Mastercard),
            (222_100, CardBrand::Mastercard),
            (272_100, CardBrand::Other),
            (378_282, CardBrand::Amex),
            (601_111, CardBrand::Discover),
            (608_000, CardBrand::Rupay),
            (352_800, CardBrand::Other),
        ] {
            assert_eq!(CardBrand::from_bin(bin), brand, "{bin}");
        }
        for brand in CardBrand::ALL {
            assert_eq!(CardBrand::from_code(brand.code()), Some(brand));
        }
    }
}
