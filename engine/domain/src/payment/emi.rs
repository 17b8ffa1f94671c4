//! Equated monthly instalments: what a customer pays his issuer, month by month, to the last minor unit.
//!
//! Interest runs on what is still owed (reducing balance), a twelfth of the annual rate each month,
//! rounded half up to the minor unit.
//!
//! ```text
//!   regular   financed = price             each month pays the annuity P·r·(1+r)ⁿ ÷ ((1+r)ⁿ − 1),
//!                                          rounded half up; the last one pays what is left
//!   no-cost   financed = price − discount  each month pays price ÷ n, rounded down; the last one pays
//!                                          the rest of the price; financed is what these are worth
//! ```
//!
//! Invariant: the principals add up to what is financed, principals and interest to what is paid, and
//! a customer without cost pays the price and nothing else.
//!
//! Not here: on which day an instalment is due, because the domain knows no calendar; which plans are
//! offered, which the operator configures.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::money::Amount;

/// Equated monthly instalments: the customer pays the issuer back month by month, while the merchant
/// is paid at once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EmiPlan {
    /// How many months.
    pub months: u8,
    /// The issuer's interest a year, in hundredths of a per cent.
    pub annual_rate: u16,
    /// Whether the merchant bears the interest, as a discount, so that the customer pays the price
    /// alone.
    pub no_cost: bool,
}

/// What a plan comes to for one price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EmiSchedule {
    /// What the issuer lends: the price without the discount.
    pub financed: Amount,
    /// What the merchant takes off the price, so that the customer bears no interest.
    pub discount: Amount,
    /// All that the customer pays.
    pub total: Amount,
    /// All that the issuer earns.
    pub total_interest: Amount,
    /// In the order in which they are paid; as many as the plan has months.
    pub instalments: Vec<Instalment>,
}

/// One month's payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instalment {
    /// What it takes off the debt.
    pub principal: Amount,
    /// What the issuer earns.
    pub interest: Amount,
}

/// Hundredths of a per cent a year, as a part of a month: 12 months of 10,000 basis points.
const WHOLE: i128 = 120_000;

impl EmiPlan {
    /// What each month comes to for a price; `None` where price and interest together are beyond
    /// [`Amount::MAX`].
    #[must_use]
    pub fn schedule(&self, price: Amount) -> Option<EmiSchedule> {
        let (financed, instalments) =
            if self.no_cost { self.without_cost(price) } else { self.with_interest(price) };
        let mut total_interest = Amount::ZERO;
        for instalment in &instalments {
            total_interest = total_interest.checked_add(instalment.interest)?;
        }
        Some(EmiSchedule {
            financed,
            discount: price.checked_sub(financed)?,
            total: financed.checked_add(total_interest)?,
            total_interest,
            instalments,
        })
    }

    /// What is financed, and the months.
    fn with_interest(&self, price: Amount) -> (Amount, Vec<Instalment>) {
        let annuity = self.annuity(price);
        let mut owed = price;
        let mut instalments = Vec::with_capacity(usize::from(self.months));
        for month in 1..=self.months {
            let interest = self.interest(owed);
            let principal = if month == self.months {
                owed
            } else {
                // Rounded up, the annuity of a few minor units pays everything back too early.
                annuity.checked_sub(interest).unwrap_or(Amount::ZERO).min(owed)
            };
            owed = owed.checked_sub(principal).unwrap_or(Amount::ZERO);
            instalments.push(Instalment { principal, interest });
        }
        (price, instalments)
    }

    /// The same. Goes from the last month to the first: what was owed before a month is what that month's
    /// payment and all after it are worth.
    fn without_cost(&self, price: Amount) -> (Amount, Vec<Instalment>) {
        let months = i64::from(self.months).max(1);
        let usual = units(price.minor_units().checked_div(months).unwrap_or(0).into());
        let mut left = price;
        for _month in 1..self.months {
            left = left.checked_sub(usual).unwrap_or(Amount::ZERO);
        }
        let mut owed_after = Amount::ZERO;
        let mut payment = left;
        let mut instalments = Vec::with_capacity(usize::from(self.months));
        for _month in 0..self.months {
            // Where a month pays less than its interest, that of a few minor units, nothing is paid
            // back.
            let owed = self.worth(owed_after, payment).max(owed_after);
            let principal = owed.checked_sub(owed_after).unwrap_or(Amount::ZERO);
            let interest = payment.checked_sub(principal).unwrap_or(Amount::ZERO);
            instalments.push(Instalment { principal, interest });
            (owed_after, payment) = (owed, usual);
        }
        instalments.reverse();
        (owed_after, instalments)
    }

    /// The equal payment of every month; what a month's interest comes to where there are too many
    /// months to tell the two apart.
    fn annuity(&self, price: Amount) -> Amount {
        let exact = || {
            let rate = Decimal::from(self.annual_rate).checked_div(Decimal::from(120_000))?;
            let months = Decimal::from(self.months.max(1));
            let price = Decimal::from(price.minor_units());
            if rate.is_zero() {
                return price.checked_div(months);
            }
            let step = Decimal::ONE.checked_add(rate)?;
            let growth = (0..self.months)
                .try_fold(Decimal::ONE, |growth, _month| growth.checked_mul(step))?;
            let gain = growth.checked_sub(Decimal::ONE)?;
            price.checked_mul(rate)?.checked_mul(growth.checked_div(gain)?)
        };
        exact()
            .map(|exact| exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))
            .and_then(|rounded| i64::try_from(rounded).ok())
            .map_or_else(|| self.interest(price), |rounded| units(rounded.into()))
    }

    /// A month's interest on what is owed.
    fn interest(&self, owed: Amount) -> Amount {
        let product = i128::from(owed.minor_units()).saturating_mul(self.annual_rate.into());
        rounded(product, WHOLE)
    }

    /// What a payment in a month, and a debt that stays after it, are worth before that month's
    /// interest.
    fn worth(&self, owed_after: Amount, payment: Amount) -> Amount {
        let sum = i128::from(owed_after.minor_units()).saturating_add(payment.minor_units().into());
        rounded(sum.saturating_mul(WHOLE), WHOLE.saturating_add(self.annual_rate.into()))
    }
}

impl Instalment {
    /// What the customer pays in that month.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.principal.checked_add(self.interest).unwrap_or(Amount::MAX)
    }
}

/// `number` ÷ `whole`, rounded half up; both are at least zero, and `whole` above it.
fn rounded(number: i128, whole: i128) -> Amount {
    let doubled = number.saturating_mul(2).saturating_add(whole);
    units(doubled.checked_div(whole.saturating_mul(2)).unwrap_or(0))
}

/// Minor units that are no more than an amount has.
fn units(number: i128) -> Amount {
    let number = i64::try_from(number).unwrap_or(i64::MAX).min(Amount::MAX.minor_units());
    Amount::from_minor_units(number).unwrap_or(Amount::ZERO)
}
