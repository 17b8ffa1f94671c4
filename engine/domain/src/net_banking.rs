//! What is remembered of a payment by net banking. Nothing in it is personal.

/// The parts of a net banking payment.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct NetBankingFacts {
    /// The bank's code, such as `SBIN`: the first four letters of its IFSC.
    pub bank: Box<str>,
}
