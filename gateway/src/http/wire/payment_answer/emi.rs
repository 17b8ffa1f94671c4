//! Instalments as answers show them, on either surface.
//!
//! The schedule follows from plan, price and day, which stand in the record, so that it is the same
//! whenever it is asked for.

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use tollgate_domain::{Amount, Instalment, PaymentIntent};

use super::{Major, MajorNumber, classic::exact_number};
use crate::http::wire::time::CivilDate;

/// A plan and all its months, to be serialized.
#[derive(Serialize)]
pub(super) struct EmiBody {
    months: u8,
    annual_rate: Percent,
    no_cost: bool,
    financed: Major,
    discount: Major,
    /// What each month but the last one pays.
    instalment: Major,
    total: Major,
    total_interest: Major,
    schedule: Vec<InstalmentBody>,
}

#[derive(Serialize)]
struct InstalmentBody {
    number: u8,
    due_date: CivilDate,
    principal: Major,
    interest: Major,
    amount: Major,
}

/// The same as clients of the older API are shown it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClassicEmi {
    months: u8,
    annual_rate: PercentNumber,
    no_cost: bool,
    financed: MajorNumber,
    discount: MajorNumber,
    instalment: MajorNumber,
    total: MajorNumber,
    total_interest: MajorNumber,
    schedule: Vec<ClassicInstalment>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClassicInstalment {
    number: u8,
    due_date: CivilDate,
    principal: MajorNumber,
    interest: MajorNumber,
    amount: MajorNumber,
}

impl EmiBody {
    /// What there is to say of a payment's instalments. Each is due on the day of the month on which
    /// the payment was made, or on the last day of a shorter month; days are those of UTC.
    pub(super) fn of(intent: &PaymentIntent) -> Option<Self> {
        let plan = intent.emi?;
        let schedule = plan.schedule(intent.money.amount)?;
        let major = |amount: Amount| Major(intent.money.with_amount(amount));
        let first = CivilDate::of(intent.created_at);
        let months = (1..).zip(&schedule.instalments).map(|(number, part)| InstalmentBody {
            number,
            due_date: first.months_later(u64::from(number)),
            principal: major(part.principal),
            interest: major(part.interest),
            amount: major(part.amount()),
        });
        Some(Self {
            months: plan.months,
            annual_rate: Percent(plan.annual_rate),
            no_cost: plan.no_cost,
            financed: major(schedule.financed),
            discount: major(schedule.discount),
            instalment: major(
                schedule.instalments.first().map_or(Amount::ZERO, Instalment::amount),
            ),
            total: major(schedule.total),
            total_interest: major(schedule.total_interest),
            schedule: months.collect(),
        })
    }
}

impl From<EmiBody> for ClassicEmi {
    fn from(emi: EmiBody) -> Self {
        let number = |amount: &Major| MajorNumber::of(amount);
        Self {
            months: emi.months,
            annual_rate: PercentNumber(emi.annual_rate),
            no_cost: emi.no_cost,
            financed: number(&emi.financed),
            discount: number(&emi.discount),
            instalment: number(&emi.instalment),
            total: number(&emi.total),
            total_interest: number(&emi.total_interest),
            schedule: emi
                .schedule
                .iter()
                .map(|part| ClassicInstalment {
                    number: part.number,
                    due_date: part.due_date,
                    principal: number(&part.principal),
                    interest: number(&part.interest),
                    amount: number(&part.amount),
                })
                .collect(),
        }
    }
}

/// Hundredths of a per cent, shown in per cent as a string: `14.00`.
#[derive(Clone, Copy)]
pub(in super::super) struct Percent(pub(in super::super) u16);

impl Percent {
    fn to_decimal(self) -> Decimal {
        Decimal::new(i64::from(self.0), 2)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.to_decimal())
    }
}

/// The same as a number.
struct PercentNumber(Percent);

impl Serialize for PercentNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        exact_number(self.0.to_decimal(), serializer)
    }
}
