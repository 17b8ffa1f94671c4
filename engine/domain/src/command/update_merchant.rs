//! Changes what is known of a merchant, and whether it may take payments.

use super::control::ControlDecision;
use crate::{
    api_key::Asker, control_rejection::ControlRejection, control_state::ControlState, env::Env,
    event::ControlEvent, id::MerchantId,
};

/// What is to change; `None` leaves a thing as it is.
#[derive(Clone, Debug)]
pub struct UpdateMerchant {
    /// Who asks.
    pub asker: Asker,
    /// Which merchant.
    pub merchant: MerchantId,
    /// Its name.
    pub name: Option<Box<str>>,
    /// Where the business is written to; `Some(None)` is nowhere.
    pub email: Option<Option<Box<str>>>,
    /// Whether it is suspended.
    pub suspended: Option<bool>,
    /// Whether it takes no second payment for an order of its own words that is paid.
    pub one_payment_per_order: Option<bool>,
}

impl UpdateMerchant {
    pub(super) fn decide(
        self,
        state: &ControlState,
        env: &Env<'_>,
    ) -> Result<ControlDecision, ControlRejection> {
        let id = self.merchant;
        let merchant = state.merchant(id).ok_or(ControlRejection::MerchantNotFound(id))?;
        let name = self.name.filter(|name| *name != merchant.name);
        let email = self.email.filter(|email| *email != merchant.email);
        let suspended =
            self.suspended.filter(|suspended| *suspended != merchant.suspended_at.is_some());
        let one_payment_per_order =
            self.one_payment_per_order.filter(|rule| *rule != merchant.one_payment_per_order);
        let events = [
            name.map(|name| ControlEvent::MerchantRenamed { merchant: id, name }),
            email.map(|email| ControlEvent::MerchantEmailChanged { merchant: id, email }),
            suspended.map(|suspended| match suspended {
                true => ControlEvent::MerchantSuspended { merchant: id },
                false => ControlEvent::MerchantResumed { merchant: id },
            }),
            one_payment_per_order.map(|one_payment_per_order| {
                ControlEvent::MerchantOrderRuleChanged { merchant: id, one_payment_per_order }
            }),
        ];
        Ok(ControlDecision::of_merchant(id, env, events.into_iter().flatten().collect()))
    }
}
