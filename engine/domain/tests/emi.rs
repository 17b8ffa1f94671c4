//! Instalments: known schedules, and what holds of every one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::arithmetic_side_effects, reason = "sums of a test overflow in no case")]

use proptest::prelude::*;
use tollgate_domain::{Amount, EmiPlan, EmiSchedule};

fn amount(minor_units: i64) -> Amount {
    Amount::from_minor_units(minor_units).unwrap()
}

fn plan(months: u8, annual_rate: u16, no_cost: bool) -> EmiPlan {
    EmiPlan { months, annual_rate, no_cost }
}

/// Month by month: principal and interest.
fn parts(schedule: &EmiSchedule) -> Vec<(i64, i64)> {
    let of = |part: Amount| part.minor_units();
    schedule.instalments.iter().map(|part| (of(part.principal), of(part.interest))).collect()
}

/// 100,000.00 at 12 % a year: 1 % a month, so that the figures can be checked by hand.
#[test]
fn interest_runs_on_what_is_still_owed() {
    let schedule = plan(3, 1_200, false).schedule(amount(10_000_000)).unwrap();
    assert_eq!(parts(&schedule), [(3_300_221, 100_000), (3_333_223, 66_998), (3_366_556, 33_666)],);
    assert_eq!(schedule.financed, amount(10_000_000));
    assert_eq!(schedule.total, amount(10_200_664));
    assert_eq!(schedule.total_interest, amount(200_664));
    assert_eq!(schedule.discount, Amount::ZERO);
}

#[test]
fn without_cost_the_customer_pays_the_price() {
    let schedule = plan(3, 1_200, true).schedule(amount(10_000_000)).unwrap();
    let paid: Vec<i64> =
        schedule.instalments.iter().map(|part| part.amount().minor_units()).collect();
    assert_eq!(paid, [3_333_333, 3_333_333, 3_333_334]);
    assert_eq!(schedule.total, amount(10_000_000));
    // What three payments of 33,333.33 and a paisa are worth at 1 % a month.
    assert_eq!(schedule.financed, amount(9_803_284));
    assert_eq!(schedule.discount, amount(196_716));
    assert_eq!(schedule.total_interest, schedule.discount);
}

#[test]
fn without_interest_the_price_is_divided_and_the_last_month_pays_the_rest() {
    for no_cost in [false, true] {
        let schedule = plan(3, 0, no_cost).schedule(amount(100)).unwrap();
        assert_eq!(parts(&schedule), [(33, 0), (33, 0), (34, 0)]);
    }
}

#[test]
fn more_than_an_amount_can_be_is_no_schedule() {
    assert_eq!(plan(12, 1_200, false).schedule(Amount::MAX), None);
    assert!(plan(12, 1_200, true).schedule(Amount::MAX).is_some());
}

proptest! {
    #[test]
    fn schedules_are_exact(
        price in 1..=100_000_000_000_i64,
        months in 1..=60_u8,
        annual_rate in 0..=10_000_u16,
        no_cost: bool,
    ) {
        check(price, plan(months, annual_rate, no_cost))?;
    }

    /// Where roundings are as large as the amounts.
    #[test]
    fn schedules_of_a_few_minor_units_are_exact(
        price in 1..=200_i64,
        months in 1..=60_u8,
        annual_rate in 0..=u16::MAX,
        no_cost: bool,
    ) {
        check(price, plan(months, annual_rate, no_cost))?;
    }

    /// No rounding makes two months differ by more than a minor unit for each month there is.
    #[test]
    fn months_are_alike(
        price in 100_000..=100_000_000_000_i64,
        months in 2..=24_u8,
        annual_rate in 0..=4_000_u16,
        no_cost: bool,
    ) {
        let schedule = plan(months, annual_rate, no_cost).schedule(amount(price)).unwrap();
        let paid: Vec<i64> =
            schedule.instalments.iter().map(|part| part.amount().minor_units()).collect();
        let (last, others) = paid.split_last().unwrap();
        prop_assert!(others.iter().all(|payment| payment == &others[0]), "{paid:?}");
        prop_assert!((last - others[0]).abs() <= i64::from(months) * 2, "{paid:?}");
        let debts = schedule.instalments.iter().map(|part| part.interest);
        let debts: Vec<Amount> = debts.collect();
        prop_assert!(debts.windows(2).all(|pair| pair[0] >= pair[1]), "{debts:?}");
    }
}

fn check(price: i64, plan: EmiPlan) -> Result<(), TestCaseError> {
    let schedule = plan.schedule(amount(price)).unwrap();
    let parts = parts(&schedule);
    prop_assert_eq!(parts.len(), usize::from(plan.months));
    let principals: i64 = parts.iter().map(|(principal, _interest)| principal).sum();
    let interest: i64 = parts.iter().map(|(_principal, interest)| interest).sum();
    prop_assert_eq!(principals, schedule.financed.minor_units());
    prop_assert_eq!(interest, schedule.total_interest.minor_units());
    prop_assert_eq!(principals + interest, schedule.total.minor_units());
    prop_assert_eq!(schedule.financed.minor_units() + schedule.discount.minor_units(), price);
    if plan.no_cost {
        prop_assert_eq!(schedule.total.minor_units(), price);
        prop_assert_eq!(schedule.discount, schedule.total_interest);
    } else {
        prop_assert_eq!(schedule.financed.minor_units(), price);
    }
    if plan.annual_rate == 0 {
        prop_assert_eq!(interest, 0);
    }
    Ok(())
}
