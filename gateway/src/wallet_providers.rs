//! The wallets that are offered, by the names of their providers.
//!
//! Not here: what a wallet holds, which is the provider's to tell.

/// All of them.
pub(crate) const WALLET_PROVIDERS: &[&str] = &[
    "paytm",
    "phonepe",
    "mobikwik",
    "amazonpay",
    "freecharge",
    "jiomoney",
    "olamoney",
    "airtelmoney",
];

/// The wallet provider of that name; capitals, spaces, `-` and `_` make no difference, so that
/// `Amazon Pay` is `amazonpay`.
pub(crate) fn wallet_provider(name: &str) -> Option<&'static str> {
    let letters = || name.chars().filter(|letter| !matches!(letter, ' ' | '-' | '_'));
    WALLET_PROVIDERS
        .iter()
        .copied()
        .find(|known| known.chars().eq(letters().map(|letter| letter.to_ascii_lowercase())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wallets_are_known_however_they_are_written() {
        for (name, known) in [
            ("paytm", Some("paytm")),
            ("Amazon Pay", Some("amazonpay")),
            ("PHONE_PE", Some("phonepe")),
            ("", None),
            ("paytm2", None),
            ("purse", None),
        ] {
            assert_eq!(wallet_provider(name), known, "{name}");
        }
    }
}
