//! Instalments that customers are offered by card.

use tollgate_config::{Emi, Plan};
use tollgate_domain::{Amount, CardBrand, CardFunding, Country, Currency, EmiPlan, Money};

use super::{OfferError, amounts};
use crate::card_bins::CardBin;

/// The instalments that are offered.
#[derive(Clone, Debug)]
pub(crate) struct EmiOffer {
    /// In the order of the configuration.
    pub(crate) plans: Vec<Plan>,
    pub(crate) no_cost_months: Vec<u8>,
    minimum: Vec<Money>,
    pub(crate) brands: Vec<CardBrand>,
    /// Empty for all.
    issuer_countries: Vec<Country>,
}

/// Why instalments are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EmiRefusal {
    /// Not for so many months.
    Months,
    /// Not without cost for so many months.
    NoCost,
    /// Not in that currency.
    Currency,
    /// Only from an amount on.
    BelowMinimum(Money),
    /// With their interest they are more than an amount can be.
    TooLarge,
    /// Not by that card.
    Card,
}

impl EmiOffer {
    pub(super) fn new(configured: &Emi) -> Result<Self, OfferError> {
        let (mut brands, mut unknown) = (Vec::new(), Vec::new());
        for name in &configured.brands {
            match CardBrand::from_name(name) {
                Some(brand) => brands.push(brand),
                None => unknown.push(name.clone()),
            }
        }
        if !unknown.is_empty() {
            return Err(OfferError::Brands(unknown));
        }
        Ok(Self {
            plans: configured.plans.clone(),
            no_cost_months: configured.no_cost_months.clone(),
            minimum: amounts(&configured.minimum).collect(),
            brands,
            issuer_countries: configured
                .issuer_countries
                .iter()
                .filter_map(|code| Country::from_code(code))
                .collect(),
        })
    }

    /// The plan of so many months for that much by that card.
    ///
    /// # Errors
    /// The first reason why it is not offered.
    pub(crate) fn plan(
        &self,
        months: u32,
        no_cost: bool,
        money: Money,
        card: CardBin,
    ) -> Result<EmiPlan, EmiRefusal> {
        let plan = self.plans.iter().find(|plan| u32::from(plan.months) == months);
        let Plan { months, annual_rate } = *plan.ok_or(EmiRefusal::Months)?;
        if no_cost && !self.no_cost_months.contains(&months) {
            return Err(EmiRefusal::NoCost);
        }
        let minimum = self.minimum(money.currency).ok_or(EmiRefusal::Currency)?;
        if money.amount < minimum {
            return Err(EmiRefusal::BelowMinimum(money.with_amount(minimum)));
        }
        let is_served = self.issuer_countries.is_empty()
            || card.issuer_country.is_some_and(|country| self.issuer_countries.contains(&country));
        let is_credit = card.funding == Some(CardFunding::Credit);
        if !is_credit || !is_served || !self.brands.contains(&card.brand) {
            return Err(EmiRefusal::Card);
        }
        let plan = EmiPlan { months, annual_rate, no_cost };
        match plan.schedule(money.amount) {
            Some(_schedule) => Ok(plan),
            None => Err(EmiRefusal::TooLarge),
        }
    }

    /// From which amount on they are offered in that currency.
    pub(crate) fn minimum(&self, currency: Currency) -> Option<Amount> {
        self.minimums().find(|least| least.currency == currency).map(|least| least.amount)
    }

    /// The same for every currency in which they are offered.
    pub(crate) fn minimums(&self) -> impl Iterator<Item = Money> {
        self.minimum.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use tollgate_config::Config;

    use super::*;
    use crate::card_bins::CardBins;

    const CREDIT: &str = "4242424242424242";
    const DEBIT: &str = "4000056655665556";
    const DISCOVER: &str = "6011111111111117";

    fn inr(minor_units: i64) -> Money {
        Money { amount: Amount::from_minor_units(minor_units).unwrap(), currency: Currency::INR }
    }

    #[test]
    fn plans_are_offered_by_months_amount_and_card() {
        let offer = EmiOffer::new(&Config::defaults().emi).unwrap();
        let bins = CardBins::built_in();
        let dollars = Money { currency: Currency::from_code("USD").unwrap(), ..inr(500_000) };
        let six = EmiPlan { months: 6, annual_rate: 1_400, no_cost: false };
        for (months, no_cost, money, number, expected) in [
            (6, false, inr(300_000), CREDIT, Ok(six)),
            (6, true, inr(300_000), CREDIT, Ok(EmiPlan { no_cost: true, ..six })),
            (5, false, inr(300_000), CREDIT, Err(EmiRefusal::Months)),
            (9, true, inr(300_000), CREDIT, Err(EmiRefusal::NoCost)),
            (6, false, dollars, CREDIT, Err(EmiRefusal::Currency)),
            (6, false, inr(299_999), CREDIT, Err(EmiRefusal::BelowMinimum(inr(300_000)))),
            (6, false, inr(300_000), DEBIT, Err(EmiRefusal::Card)),
            (6, false, inr(300_000), DISCOVER, Err(EmiRefusal::Card)),
            (6, false, inr(999_999_999_999), CREDIT, Err(EmiRefusal::TooLarge)),
        ] {
            let plan = offer.plan(months, no_cost, money, bins.find(number));
            assert_eq!(plan, expected, "{months} {no_cost} {money} {number}");
        }
    }

    #[test]
    fn plans_may_be_for_issuers_of_some_countries() {
        let mut config = Config::defaults().emi;
        config.issuer_countries = vec!["IN".into()];
        let offer = EmiOffer::new(&config).unwrap();
        let plan = |number| offer.plan(6, false, inr(300_000), CardBins::built_in().find(number));
        assert_eq!(plan(CREDIT), Err(EmiRefusal::Card));
        assert!(plan("4000003560000008").is_ok());
    }
}
