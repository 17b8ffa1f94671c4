//! What may be remembered of a payment by UPI: never the payer's virtual payment address.

/// A keyed digest of a virtual payment address (VPA), the same for the same address; the key lies
/// outside the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct VpaFingerprint(pub [u8; 16]);

/// The parts of a UPI payment that receipts, rules and look-ups need.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct UpiFacts {
    /// What stands behind the `@` of the payer's address: names a bank or an app, and no person.
    pub handle: Box<str>,
    /// Tells the same address again.
    pub fingerprint: VpaFingerprint,
    /// Whom the payer's app shows as the payee: the merchant's name when the payment was made, so
    /// that an answer that is rendered again says the same.
    pub payee_name: Box<str>,
}
