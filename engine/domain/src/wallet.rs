//! What may be remembered of a payment by wallet: never the wallet's id, which often is a phone
//! number.

/// A keyed digest of wallet provider and id, the same for the same wallet; the key lies outside the
/// log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WalletFingerprint(pub [u8; 16]);

/// The parts of a wallet payment that receipts, rules and look-ups need.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WalletFacts {
    /// Whose wallet it is, such as `paytm`.
    pub provider: Box<str>,
    /// Tells the same wallet again.
    pub fingerprint: WalletFingerprint,
}
