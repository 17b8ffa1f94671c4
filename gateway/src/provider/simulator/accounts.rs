//! The customers' accounts as the simulator has them: of each magic address and wallet in `magic.rs`
//! it knows who holds it and what is in it.
//!
//! A link token is made of the wallet's fate and a digest of its id, so that nothing has to be kept
//! for it, and the same wallet has the same token.

use sha2::{Digest, Sha256};
use tollgate_domain::Amount;

use crate::provider::{
    SecretText,
    customer_account::{AskBalance, Balance, HolderName, Known, LinkToken, LinkWallet, LookUpVpa},
};

/// What a wallet holds, in minor units of whatever currency, unless it is a magic one.
const USUAL_BALANCE: i64 = 1_000_000;

/// What link tokens begin with.
const LINK: &str = "link_";

/// Whom an address belongs to.
pub(super) fn holder(request: &LookUpVpa) -> Known<HolderName> {
    match request.vpa.as_str().to_ascii_lowercase().as_str() {
        "success@sim" | "pending@sim" => Known::Found("Asha Rao".into()),
        "failure@sim" | "insufficient@sim" => Known::Found("Vikram Sen".into()),
        _ => Known::NotFound,
    }
}

/// What a wallet holds.
pub(super) fn balance(request: &AskBalance) -> Known<Balance> {
    match unlinked(request.wallet.id.as_str()) {
        "wallet_unknown" => Known::NotFound,
        "wallet_insufficient" => Known::Found(Amount::ZERO),
        _ => Known::Found(
            Amount::from_minor_units(USUAL_BALANCE).expect("a small number is an amount"),
        ),
    }
}

/// A link to a wallet. What is a link already stays one.
pub(super) fn link(request: &LinkWallet) -> Known<LinkToken> {
    let id = request.wallet.id.as_str();
    if id.starts_with(LINK) {
        return Known::Found(SecretText::new(id));
    }
    let fate = match id {
        "wallet_unknown" => return Known::NotFound,
        "wallet_insufficient" => "insufficient",
        "wallet_failure" => "failure",
        // The customer has agreed to the link, and need not go to a page any more.
        _ => "approved",
    };
    let digest = Sha256::new().chain_update(request.wallet.provider).chain_update([0]);
    let digest = digest.chain_update(id).finalize();
    let half = digest.first_chunk().expect("SHA-256 has 32 bytes");
    Known::Found(SecretText::new(&format!("{LINK}{fate}_{:032x}", u128::from_be_bytes(*half))))
}

/// The id of a wallet with the fate of the one that a token stands for; any other id as it is.
pub(super) fn unlinked(id: &str) -> &str {
    match id.strip_prefix(LINK).and_then(|rest| rest.split_once('_')) {
        Some(("insufficient", _digest)) => "wallet_insufficient",
        Some(("failure", _digest)) => "wallet_failure",
        Some(_) | None => id,
    }
}

#[cfg(test)]
mod tests {
    use tollgate_domain::Currency;

    use super::*;
    use crate::provider::customer_account::Wallet;

    fn wallet(id: &str) -> Wallet {
        Wallet { provider: "paytm", id: SecretText::new(id) }
    }

    fn linked(wallet: Wallet) -> Option<String> {
        match link(&LinkWallet { wallet }) {
            Known::Found(token) => Some(token.as_str().to_owned()),
            Known::NotFound => None,
            Known::Unknown => panic!("the simulator knows its wallets"),
        }
    }

    #[test]
    fn a_link_has_the_fate_of_its_wallet_and_tells_nothing_of_it() {
        for (id, fate) in [
            ("9876543210", None),
            ("wallet_redirect", None),
            ("wallet_failure", Some("wallet_failure")),
            ("wallet_insufficient", Some("wallet_insufficient")),
        ] {
            let token = linked(wallet(id)).unwrap();
            assert!(token.len() <= 64 && !token.contains(id), "{token}");
            assert_eq!(unlinked(&token), fate.unwrap_or(&token), "{id}");
            assert_eq!(linked(wallet(id)).unwrap(), token);
            assert_eq!(linked(wallet(&token)).unwrap(), token);
            let elsewhere = Wallet { provider: "phonepe", ..wallet(id) };
            assert_ne!(linked(elsewhere).unwrap(), token);
        }
        assert_eq!(linked(wallet("wallet_unknown")), None);
    }

    #[test]
    fn wallets_hold_what_their_payments_need() {
        let held = |id: &str| {
            let request =
                AskBalance { wallet: wallet(id), currency: Currency::from_code("INR").unwrap() };
            match balance(&request) {
                Known::Found(amount) => Some(amount.minor_units()),
                Known::NotFound | Known::Unknown => None,
            }
        };
        assert_eq!(held("9876543210"), Some(1_000_000));
        assert_eq!(held("wallet_insufficient"), Some(0));
        assert_eq!(held(&linked(wallet("wallet_insufficient")).unwrap()), Some(0));
        assert_eq!(held("wallet_unknown"), None);
    }
}
