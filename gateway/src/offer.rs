//! What is offered to customers, as the operator configures it: methods by currency and country,
//! instalments, and which payments wait for a reviewer.
//!
//! Not here: banks and wallets, which are the same everywhere: `banks.rs`, `wallet_providers.rs`.
//!
//! Invariant: whatever a payment takes from here is recorded with it, so that a changed
//! configuration changes no payment that is there.

mod emi;
mod served;

use std::collections::BTreeMap;

use tollgate_config::{Config, Money as ConfiguredMoney};
use tollgate_domain::{Amount, Currency, FeeRule, FeeSchedule, Money};

pub(crate) use emi::{EmiOffer, EmiRefusal};
pub(crate) use served::{Codes, Served};

use crate::card_bins::{CardBins, CardBinsError};

/// What is offered.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) bins: CardBins,
    pub(crate) card: Served,
    pub(crate) upi: Served,
    pub(crate) net_banking: Served,
    pub(crate) wallet: Served,
    pub(crate) emi: EmiOffer,
    hold_from: BTreeMap<Currency, Amount>,
}

/// Why an offer cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The table of cards cannot be had.
    #[error(transparent)]
    CardBins(#[from] CardBinsError),
    /// Networks that are not known.
    #[error("no card network is {}", .0.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or "))]
    Brands(Vec<String>),
}

impl Offer {
    /// What that configuration offers.
    ///
    /// # Errors
    /// Where it names a table that cannot be read, or a network that there is not.
    pub(crate) fn new(config: &Config) -> Result<Self, OfferError> {
        let methods = &config.methods;
        Ok(Self {
            bins: CardBins::open(&methods.card_bins)?,
            card: Served::new(&methods.card),
            upi: Served::new(&methods.upi),
            net_banking: Served::new(&methods.netbanking),
            wallet: Served::new(&methods.wallet),
            emi: EmiOffer::new(&config.emi)?,
            hold_from: amounts(&config.review.hold_from)
                .map(|at| (at.currency, at.amount))
                .collect(),
        })
    }

    /// Everything that [`Offer::new`] would refuse, of which it tells the first.
    pub(crate) fn refused(config: &Config) -> Vec<OfferError> {
        let bins = CardBins::open(&config.methods.card_bins).err().map(OfferError::CardBins);
        bins.into_iter().chain(EmiOffer::new(&config.emi).err()).collect()
    }

    /// Whether a payment of that much waits for a reviewer once it is authorized.
    pub(crate) fn holds_for_review(&self, money: Money) -> bool {
        self.hold_from.get(&money.currency).is_some_and(|least| money.amount >= *least)
    }
}

/// What the operator charges.
pub(crate) fn fee_schedule(fees: &tollgate_config::Fees) -> FeeSchedule {
    let rule = |fee: &tollgate_config::Fee| FeeRule {
        basis_points: fee.basis_points,
        fixed: amounts(&fee.fixed).collect(),
    };
    FeeSchedule {
        card: rule(&fees.card),
        upi: rule(&fees.upi),
        net_banking: rule(&fees.netbanking),
        wallet: rule(&fees.wallet),
        returned_with_refunds: fees.returned_with_refunds,
    }
}

/// Amounts as the domain has them.
fn amounts(configured: &[ConfiguredMoney]) -> impl Iterator<Item = Money> {
    configured.iter().map(|money| Money {
        amount: Amount::from_minor_units(money.minor_units)
            .expect("the configuration has checked it"),
        currency: Currency::from_numeric(money.currency).expect("the configuration has checked it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor_units: i64, code: &str) -> Money {
        let amount = Amount::from_minor_units(minor_units).unwrap();
        Money { amount, currency: Currency::from_code(code).unwrap() }
    }

    #[test]
    fn payments_are_held_from_an_amount_on() {
        let mut config = Config::defaults();
        assert!(!Offer::new(&config).unwrap().holds_for_review(money(999_999_999_999, "INR")));
        config.review.hold_from = vec![ConfiguredMoney { currency: 356, minor_units: 5_000_000 }];
        let offer = Offer::new(&config).unwrap();
        assert!(offer.holds_for_review(money(5_000_000, "INR")));
        assert!(!offer.holds_for_review(money(4_999_999, "INR")));
        assert!(!offer.holds_for_review(money(5_000_000, "USD")), "dollars are no rupees");
    }

    #[test]
    fn what_there_is_not_is_refused() {
        let mut config = Config::defaults();
        config.emi.brands = vec!["visa".into(), "Visa".into()];
        assert!(
            matches!(Offer::new(&config), Err(OfferError::Brands(brands)) if brands == ["Visa"])
        );
        let mut config = Config::defaults();
        config.methods.card_bins = "/nowhere/bins.csv".into();
        assert!(matches!(Offer::new(&config), Err(OfferError::CardBins(_))));
    }
}
