//! The instalments that a request asks for, and whether they are offered.

use std::borrow::Cow;

use tollgate_domain::{EmiPlan, Money};

use super::{
    super::{number::Digits, object::object, validation::Faults},
    PaymentRequest,
    method::ValidMethod,
};
use crate::{
    http::error::ErrorCode,
    offer::{EmiOffer, EmiRefusal},
};

object! {
    /// Instalments.
    EmiRequest {
        months: "months" | "tenure" => Digits,
        no_cost: "no_cost" | "noCost" => bool,
    }
}

/// Instalments as they are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedEmi {
    pub(super) months: u32,
    pub(super) no_cost: bool,
    /// What is offered of it.
    pub(crate) plan: Option<EmiPlan>,
}

impl PaymentRequest<'_> {
    /// What is asked for, and the plan of it; what cannot be told without the money or the method is
    /// told once they are right.
    pub(super) fn emi_plan(
        &self,
        money: Option<Money>,
        method: Option<&ValidMethod<'_>>,
        offer: &EmiOffer,
        faults: &mut Faults,
    ) -> Option<AskedEmi> {
        let emi = self.emi.as_ref()?;
        faults.unknown("/emi", &emi.unknown);
        let Some(Digits(months)) = emi.months else {
            faults.missing("/emi/months");
            return None;
        };
        let card = match method? {
            ValidMethod::Card(card) => card.known(),
            ValidMethod::Upi { .. }
            | ValidMethod::NetBanking { .. }
            | ValidMethod::Wallet { .. } => {
                let detail = "Only payments by card are paid in instalments.";
                faults.add("/emi", ErrorCode::ParameterConflict, detail);
                return None;
            }
        };
        let no_cost = emi.no_cost.unwrap_or(false);
        let plan = offer.plan(months, no_cost, money?, card);
        let plan = plan.map_err(|refusal| refuse(refusal, faults)).ok();
        Some(AskedEmi { months, no_cost, plan })
    }
}

fn refuse(refusal: EmiRefusal, faults: &mut Faults) {
    let (pointer, detail): (_, Cow<'static, str>) = match refusal {
        EmiRefusal::Months => {
            ("/emi/months", "Instalments are not offered for so many months.".into())
        }
        EmiRefusal::NoCost => {
            ("/emi/no_cost", "For so many months the customer bears the interest.".into())
        }
        EmiRefusal::Currency => ("/emi", "Instalments are not offered in this currency.".into()),
        EmiRefusal::BelowMinimum(least) => {
            ("/emi", format!("Instalments are offered from {least} on.").into())
        }
        EmiRefusal::TooLarge => {
            ("/emi", "With its interest this is more than an amount can be.".into())
        }
        EmiRefusal::Card => (
            "/emi",
            "Instalments are not offered by this card, if it is a credit card at all.".into(),
        ),
    };
    faults.not_offered(pointer, ErrorCode::EmiUnavailable, detail);
}
