//! `[emi]`: the instalments that customers are offered by card.

use std::{fmt, ops::RangeInclusive};

use serde::{Deserialize, Deserializer, de};

use crate::{
    error::Error,
    methods::is_country,
    money::{Money, is_one_per_currency},
};

/// The instalments that customers are offered by card.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emi {
    /// For how many months, and at which interest.
    pub plans: Vec<Plan>,
    /// For how many of them the merchant may bear the interest.
    pub no_cost_months: Vec<u8>,
    /// From which amount on, by currency; in no other currency.
    pub minimum: Vec<Money>,
    /// By cards of which networks.
    pub brands: Vec<String>,
    /// By cards of issuers in which countries; empty for all.
    pub issuer_countries: Vec<String>,
}

/// A number of months with its interest, written as `"6:1400"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How many months.
    pub months: u8,
    /// The issuer's interest a year, in hundredths of a per cent.
    pub annual_rate: u16,
}

/// The months that requests can ask for.
const MONTHS: [u8; 6] = [3, 6, 9, 12, 18, 24];

/// No interest, to all of what is lent each year.
const RATES: RangeInclusive<u16> = 0..=10_000;

impl Emi {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refused = |key, fault| Err(Error::Value { key, fault });
        let offers = |months: u8| self.plans.iter().filter(|plan| plan.months == months).count();
        if self.plans.iter().any(|plan| offers(plan.months) > 1) {
            return refused("emi.plans", "must have each number of months once");
        }
        if self.no_cost_months.iter().any(|months| offers(*months) == 0) {
            return Err(Error::Contradiction {
                key: "emi.no_cost_months",
                beside: "emi.plans",
                fault: "must hold months that emi.plans has",
            });
        }
        if !is_one_per_currency(&self.minimum) {
            return refused("emi.minimum", "must have a currency once");
        }
        if !self.issuer_countries.iter().all(|code| is_country(code)) {
            let fault = "must hold ISO 3166-1 alpha-2 codes such as \"IN\"";
            return refused("emi.issuer_countries", fault);
        }
        Ok(())
    }
}

impl Plan {
    fn parse(text: &str) -> Option<Self> {
        let (months, annual_rate) = text.split_once(':')?;
        let plan = Self { months: months.parse().ok()?, annual_rate: annual_rate.parse().ok()? };
        (MONTHS.contains(&plan.months) && RATES.contains(&plan.annual_rate)).then_some(plan)
    }
}

impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Plan;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("months and interest")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Plan, E> {
                Plan::parse(text).ok_or_else(|| {
                    E::custom(format!(
                        "\"{text}\" must be 3, 6, 9, 12, 18 or 24 months, a colon, and 0 to 10000 \
                         basis points a year"
                    ))
                })
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}
