//! What the customer pays with, whole: the secrets of a payment's method, on their one way from the
//! request to the provider.
//!
//! Invariant: they exist once, are wiped when dropped, and cannot be printed, copied or stored:
//! the types have no `Clone`, no `Serialize` and a `Debug` that shows nothing.
//!
//! Not here: what may be remembered of a method, which is `PaymentMethod` of the domain.

use std::fmt;

use zeroize::Zeroizing;

use super::CardData;

/// The secrets of a payment's method.
pub(crate) enum Instrument {
    /// A card.
    Card(CardData),
    /// The payer's virtual payment address, `name@handle`.
    Upi(SecretText),
    /// Nothing: the bank stands in the payment, and the customer tells the rest to nobody but it.
    NetBanking,
    /// The id of the customer's wallet.
    Wallet(SecretText),
}

/// A text that is wiped when it is dropped.
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes a copy of what a request was parsed into.
    #[must_use]
    pub(crate) fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Instrument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Card(_) => "Card(redacted)",
            Self::Upi(_) => "Upi(redacted)",
            Self::NetBanking => "NetBanking",
            Self::Wallet(_) => "Wallet(redacted)",
        })
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_printed() {
        let card = CardData::new("4242424242424242".to_owned(), 12, 2030, None, None);
        for (instrument, shown) in [
            (Instrument::Card(card), "Card(redacted)"),
            (Instrument::Upi(SecretText::new("asha@okbank")), "Upi(redacted)"),
            (Instrument::NetBanking, "NetBanking"),
            (Instrument::Wallet(SecretText::new("9876543210")), "Wallet(redacted)"),
        ] {
            assert_eq!(format!("{instrument:?}"), shown);
        }
        let text = SecretText::new("asha@okbank");
        assert_eq!(
            (text.as_str(), format!("{text:?}")),
            ("asha@okbank", "SecretText(redacted)".into())
        );
    }
}
