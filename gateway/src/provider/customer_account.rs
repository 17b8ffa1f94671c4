//! What a provider tells of a customer's account before he pays with it: whom a UPI address belongs
//! to, what a wallet holds, and that the customer lets a wallet be charged without asking him each time.
//!
//! Nothing is moved and nothing is promised by any of it: a payment may be declined all the same.

use tollgate_domain::{Amount, Currency};

use super::SecretText;

/// Asks whom a virtual payment address belongs to.
#[derive(Debug)]
pub(crate) struct LookUpVpa {
    pub(crate) vpa: SecretText,
}

/// Names a customer's wallet.
#[derive(Debug)]
pub(crate) struct Wallet {
    /// One of those in `wallet_providers.rs`.
    pub(crate) provider: &'static str,
    /// Its id, or a link token.
    pub(crate) id: SecretText,
}

/// Asks what a wallet holds in a currency.
#[derive(Debug)]
pub(crate) struct AskBalance {
    pub(crate) wallet: Wallet,
    pub(crate) currency: Currency,
}

/// Asks for a link to a wallet: a token that stands for its id, and with which a payment needs no page.
#[derive(Debug)]
pub(crate) struct LinkWallet {
    pub(crate) wallet: Wallet,
}

/// What is known of an account.
#[derive(Debug)]
pub(crate) enum Known<T> {
    /// It is there.
    Found(T),
    /// There is none.
    NotFound,
    /// The provider could not be asked, or could not tell.
    Unknown,
}

/// The name under which a bank knows the holder of a UPI address.
pub(crate) type HolderName = Box<str>;

/// What a wallet holds.
pub(crate) type Balance = Amount;

/// What stands for a wallet's id.
pub(crate) type LinkToken = SecretText;
