//! The instalments that a request asks for, and whether they are offered.

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

impl PaymentRequest<'_> {
    /// The plan that is asked for; what cannot be told without the money or the method is told once
    /// they are right.
    pub(super) fn emi_plan(
        &self,
        money: Option<Money>,
        method: Option<&ValidMethod<'_>>,
        offer: &EmiOffer,
        faults: &mut Faults,
    ) -> Option<EmiPlan> {
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
        offer.plan(months, no_cost, money?, card).map_err(|refusal| refuse(refusal, faults)).ok()
    }
}

fn refuse(refusal: EmiRefusal, faults: &mut Faults) {
    let (pointer, detail) = match refusal {
        EmiRefusal::Months => {
            ("/emi/months", "Instalments are not offered for so many months.".into())
        }
        EmiRefusal::NoCost => {
            ("/emi/no_cost", "For so many months the customer bears the interest.".into())
        }
        EmiRefusal::Currency => ("/emi", "Instalments are not offered in this currency.".into()),
        EmiRefusal::BelowMinimum(least) => {
            ("/emi", format!("Instalments are offered from {least} on."))
        }
        EmiRefusal::TooLarge => {
            ("/emi", "With its interest this is more than an amount can be.".into())
        }
        EmiRefusal::Card => (
            "/emi",
            "Instalments are not offered by this card, if it is a credit card at all.".into(),
        ),
    };
    faults.add(pointer, ErrorCode::EmiUnavailable, detail);
}
