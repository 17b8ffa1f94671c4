//! What we charge for a capture.
//!
//! A fee is a part of the captured amount, in basis points, rounded half up to the minor unit, and
//! a fixed sum with a payment's first capture. It is never more than what was captured.

use crate::{
    money::{Amount, Currency, Money},
    payment::PaymentMethod,
};

/// The operator's fees.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FeeSchedule {
    /// For cards.
    pub card: FeeRule,
    /// For UPI.
    pub upi: FeeRule,
    /// For net banking.
    pub net_banking: FeeRule,
    /// For wallets.
    pub wallet: FeeRule,
    /// Whether a refund gives back its share of the fee.
    pub returned_with_refunds: bool,
}

/// The fee of one method.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FeeRule {
    /// Hundredths of a per cent of what is captured.
    pub basis_points: u16,
    /// What is charged with a payment's first capture besides, by currency.
    pub fixed: Vec<Money>,
}

/// Basis points in the whole.
const WHOLE: i128 = 10_000;

impl FeeSchedule {
    /// The fee for capturing `captured` of a payment by `method`.
    #[must_use]
    pub fn fee(&self, method: &PaymentMethod, captured: Money, first: bool) -> Amount {
        let rule = match method {
            PaymentMethod::Card(_) => &self.card,
            PaymentMethod::Upi(_) => &self.upi,
            PaymentMethod::NetBanking(_) => &self.net_banking,
            PaymentMethod::Wallet(_) => &self.wallet,
        };
        let fixed = if first { rule.fixed(captured.currency) } else { Amount::ZERO };
        let share = share(captured.amount, i128::from(rule.basis_points), WHOLE);
        share.checked_add(fixed).unwrap_or(captured.amount).min(captured.amount)
    }

    /// The part of `fee` that goes back to the merchant once `refunded` of `captured` is refunded in
    /// all. The parts of several refunds add up to the whole, however they are rounded.
    #[must_use]
    pub fn returned(&self, fee: Amount, captured: Amount, refunded: Amount) -> Amount {
        if !self.returned_with_refunds || captured.is_zero() {
            return Amount::ZERO;
        }
        let refunded = i128::from(refunded.min(captured).minor_units());
        share(fee, refunded, i128::from(captured.minor_units()))
    }
}

impl FeeRule {
    fn fixed(&self, currency: Currency) -> Amount {
        let fixed = self.fixed.iter().find(|fixed| fixed.currency == currency);
        fixed.map_or(Amount::ZERO, |fixed| fixed.amount)
    }
}

/// `amount` × `part` ÷ `whole`, rounded half up. `whole` is above zero.
fn share(amount: Amount, part: i128, whole: i128) -> Amount {
    let product = i128::from(amount.minor_units()).saturating_mul(part).saturating_mul(2);
    let rounded = product
        .saturating_add(whole)
        .checked_div(whole.saturating_mul(2))
        .and_then(|units| i64::try_from(units).ok())
        .unwrap_or(0);
    Amount::from_minor_units(rounded).unwrap_or(Amount::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net_banking::NetBankingFacts;

    fn inr(minor_units: i64) -> Money {
        Money { amount: amount(minor_units), currency: Currency::INR }
    }

    fn amount(minor_units: i64) -> Amount {
        Amount::from_minor_units(minor_units).unwrap_or_default()
    }

    fn schedule(basis_points: u16, fixed: i64) -> FeeSchedule {
        let fixed = vec![inr(fixed)];
        FeeSchedule {
            net_banking: FeeRule { basis_points, fixed },
            returned_with_refunds: true,
            ..FeeSchedule::default()
        }
    }

    #[test]
    fn a_share_rounded_half_up_and_a_fixed_sum_once() {
        let bank = PaymentMethod::NetBanking(NetBankingFacts { bank: "SBIN".into() });
        for (basis_points, fixed, captured, first, expected) in [
            (200, 300, 10_000, true, 500),
            (200, 300, 10_000, false, 200),
            (250, 0, 20, true, 1),      // 0.5 rounds up
            (249, 0, 20, true, 0),      // 0.498 does not
            (200, 300, 100, true, 100), // never more than was captured
            (0, 0, 10_000, true, 0),
            (10_000, 0, 999_999_999_999, true, 999_999_999_999),
        ] {
            let fee = schedule(basis_points, fixed).fee(&bank, inr(captured), first);
            assert_eq!(fee.minor_units(), expected, "{basis_points} {fixed} {captured} {first}");
        }
        let yen = Money { amount: amount(10_000), currency: Currency::from_code("JPY").unwrap() };
        assert_eq!(schedule(0, 300).fee(&bank, yen, true), Amount::ZERO, "rupees are not yen");
    }

    #[test]
    fn refunds_return_the_whole_fee_and_no_more() {
        let schedule = schedule(0, 0);
        let (fee, captured) = (amount(7), amount(1_000));
        let mut before = Amount::ZERO;
        let mut sum = 0;
        for refunded in [333, 666, 999, 1_000] {
            let until_now = schedule.returned(fee, captured, amount(refunded));
            sum += until_now.checked_sub(before).unwrap().minor_units();
            before = until_now;
        }
        assert_eq!(sum, 7);
        let kept = FeeSchedule { returned_with_refunds: false, ..schedule };
        assert_eq!(kept.returned(fee, captured, captured), Amount::ZERO);
    }
}
