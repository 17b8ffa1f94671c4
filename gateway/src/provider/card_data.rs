//! A card's secrets, on their one way from the request to the provider.
//!
//! Invariant: they exist once, are wiped when dropped, and cannot be printed, copied or stored:
//! the type has no `Clone`, no `Serialize` and a `Debug` that shows nothing.

use std::fmt;

use zeroize::Zeroizing;

/// What a provider needs to charge a card.
pub(crate) struct CardData {
    number: Zeroizing<String>,
    expiry_month: u8,
    expiry_year: u16,
    cvv: Option<Zeroizing<String>>,
    holder_name: Option<Zeroizing<String>>,
}

impl CardData {
    /// Takes what a request was parsed into: a number of digits alone, a month of 1 to 12, a year
    /// of four digits, a security code of digits alone.
    #[must_use]
    pub(crate) fn new(
        number: impl Into<Zeroizing<String>>,
        expiry_month: u8,
        expiry_year: u16,
        cvv: Option<Zeroizing<String>>,
        holder_name: Option<Zeroizing<String>>,
    ) -> Self {
        Self { number: number.into(), expiry_month, expiry_year, cvv, holder_name }
    }

    /// The digits of its number.
    #[must_use]
    pub(crate) fn number(&self) -> &str {
        &self.number
    }
}

impl CardData {
    /// 1 to 12.
    #[must_use]
    pub(crate) fn expiry_month(&self) -> u8 {
        self.expiry_month
    }

    /// Four digits.
    #[must_use]
    pub(crate) fn expiry_year(&self) -> u16 {
        self.expiry_year
    }

    /// The security code, where the customer gave one.
    #[must_use]
    pub(crate) fn cvv(&self) -> Option<&str> {
        self.cvv.as_ref().map(|cvv| cvv.as_str())
    }

    /// The name on the card, where the customer gave it.
    #[must_use]
    pub(crate) fn holder_name(&self) -> Option<&str> {
        self.holder_name.as_ref().map(|name| name.as_str())
    }
}

impl fmt::Debug for CardData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CardData(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_printed() {
        let cvv = Some(Zeroizing::new("737".to_owned()));
        let holder = Some(Zeroizing::new("A Holder".to_owned()));
        let card = CardData::new("4242424242424242".to_owned(), 12, 2030, cvv, holder);
        assert_eq!(format!("{card:?} {card:#?}"), "CardData(redacted) CardData(redacted)");
        assert_eq!(card.number(), "4242424242424242");
        assert_eq!((card.expiry_month(), card.expiry_year()), (12, 2030));
        assert_eq!((card.cvv(), card.holder_name()), (Some("737"), Some("A Holder")));
    }
}
