//! `[fees]`: what a capture costs the merchant.

use serde::Deserialize;

use crate::{
    error::Error,
    money::{Money, is_one_per_currency},
};

/// What a capture costs the merchant, by method.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fees {
    /// Whether a refund gives back its share of the fee.
    pub returned_with_refunds: bool,
    /// For cards.
    pub card: Fee,
    /// For UPI.
    pub upi: Fee,
    /// For net banking.
    pub netbanking: Fee,
    /// For wallets.
    pub wallet: Fee,
}

/// The fee of one method.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Hundredths of a per cent of what is captured.
    pub basis_points: u16,
    /// What is charged besides, once for each payment; one for each currency.
    pub fixed: Vec<Money>,
}

impl Fees {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let fees = [
            ("fees.card.basis_points", "fees.card.fixed", &self.card),
            ("fees.upi.basis_points", "fees.upi.fixed", &self.upi),
            ("fees.netbanking.basis_points", "fees.netbanking.fixed", &self.netbanking),
            ("fees.wallet.basis_points", "fees.wallet.fixed", &self.wallet),
        ];
        for (share, fixed, fee) in fees {
            if fee.basis_points > 10_000 {
                return Err(Error::Value {
                    key: share,
                    fault: "must be at most the whole (10000)",
                });
            }
            if !is_one_per_currency(&fee.fixed) {
                return Err(Error::Value { key: fixed, fault: "must have a currency once" });
            }
        }
        Ok(())
    }
}
