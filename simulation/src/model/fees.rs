//! What should be charged for captures and given back with refunds, reckoned apart from the domain.

use tollgate_domain::{Currency, FeeRule, FeeSchedule, PaymentMethod};

/// By what a payment is charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tariff {
    Card,
    Upi,
    NetBanking,
    Wallet,
}

impl Tariff {
    pub(super) fn of(method: &PaymentMethod) -> Self {
        match method {
            PaymentMethod::Card(_) => Self::Card,
            PaymentMethod::Upi(_) => Self::Upi,
            PaymentMethod::NetBanking(_) => Self::NetBanking,
            PaymentMethod::Wallet(_) => Self::Wallet,
        }
    }

    /// For one capture, in minor units: a share, and a fixed sum with the first; never more than was
    /// taken.
    pub(super) fn charge(
        self,
        fees: &FeeSchedule,
        (minor_units, currency): (i64, Currency),
        first: bool,
    ) -> i64 {
        let rule = self.rule(fees);
        let fixed = rule.fixed.iter().find(|fixed| first && fixed.currency == currency);
        let fixed = fixed.map_or(0, |fixed| i128::from(fixed.amount.minor_units()));
        let share = rounded(i128::from(minor_units) * i128::from(rule.basis_points), 10_000);
        least(share + fixed, minor_units)
    }

    fn rule(self, fees: &FeeSchedule) -> &FeeRule {
        match self {
            Self::Card => &fees.card,
            Self::Upi => &fees.upi,
            Self::NetBanking => &fees.net_banking,
            Self::Wallet => &fees.wallet,
        }
    }
}

/// What of a fee has to be given back once so much of what was taken is refunded in all.
pub(super) fn due_back(fees: &FeeSchedule, charged: i64, refunded: i64, captured: i64) -> i64 {
    if !fees.returned_with_refunds || captured == 0 {
        return 0;
    }
    let product = i128::from(charged) * i128::from(refunded.min(captured));
    least(rounded(product, i128::from(captured)), charged)
}

/// Half up; nothing here is below zero.
fn rounded(number: i128, by: i128) -> i128 {
    let (whole, rest) = (number / by, number % by);
    if rest * 2 >= by { whole + 1 } else { whole }
}

fn least(number: i128, most: i64) -> i64 {
    i64::try_from(number).map_or(most, |number| number.min(most))
}
