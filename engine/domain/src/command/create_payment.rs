//! Creates a payment and its first attempt.

use std::sync::Arc;

use super::target::{KeyedRequest, accept, replayed};
use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::Event,
    id::{MerchantId, OrderId, TransactionId},
    idempotency::Subject,
    merchant::Mode,
    money::Money,
    order::Order,
    payment::{CaptureMode, EmiPlan, PaymentIntent, PaymentMethod},
    provider::ProviderId,
    rejection::Rejection,
    sealed::Sealed,
    shard_state::ShardState,
    timestamp::Timestamp,
};

/// A payment to create: parsed, validated and without the method's secrets.
#[derive(Clone, Debug)]
pub struct CreatePayment {
    /// Who is paid.
    pub merchant: MerchantId,
    /// In which world.
    pub mode: Mode,
    /// How much.
    pub money: Money,
    /// When the funds are taken.
    pub capture: CaptureMode,
    /// How the customer pays.
    pub method: PaymentMethod,
    /// The end of the card's last month, from when on a new payment is refused. A repeat of an
    /// earlier one gets its first answer all the same.
    pub card_expires_at: Option<Timestamp>,
    /// Whether nothing new is begun, and only a repeat of an earlier payment answered: what it asks
    /// for is not offered any more, say.
    pub repeats_only: bool,
    /// Whether it is held for a reviewer once it is authorized.
    pub hold_for_review: bool,
    /// The instalments that the customer pays the issuer in.
    pub emi: Option<EmiPlan>,
    /// The order of ours that it pays.
    pub order: Option<OrderId>,
    /// Whether the merchant takes no second payment for an order of his that is paid.
    pub one_payment_per_order: bool,
    /// The merchant's order, in his own words.
    pub order_id: Option<Box<str>>,
    /// The merchant's own id of the customer.
    pub customer_id: Option<Box<str>>,
    /// Who the customer is and how he pays, sealed.
    pub personal: Option<Sealed>,
    /// The merchant's words.
    pub description: Option<Box<str>>,
    /// Where this payment's events are sent besides the merchant's endpoints.
    pub callback_url: Option<Box<str>>,
    /// Where the customer goes once he has acted.
    pub return_url: Option<Box<str>>,
    /// The merchant's own keys and values, in the order of the keys.
    pub metadata: Vec<(Box<str>, Box<str>)>,
    /// Which provider to try.
    pub provider: ProviderId,
    /// Which version of merchants, keys and providers the gateway had read.
    pub control_version: u64,
    /// The client's key and the request it came with.
    pub idempotency: Option<KeyedRequest>,
}

impl CreatePayment {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        if let Some(decision) = replayed(state, self.idempotency)? {
            return Ok(decision);
        }
        if self.repeats_only {
            return Err(Rejection::NothingToRepeat);
        }
        if self.card_expires_at.is_some_and(|expires_at| expires_at <= env.now) {
            return Err(Rejection::CardExpired);
        }
        self.check_order(state)?;
        let (payment, attempt) = (env.mint(0), env.mint(1));
        let intent = PaymentIntent {
            id: payment,
            transaction: TransactionId::of_payment(payment),
            merchant: self.merchant,
            mode: self.mode,
            money: self.money,
            capture: self.capture,
            method: self.method,
            hold_for_review: self.hold_for_review,
            emi: self.emi,
            order_id: self.order_id,
            order: self.order,
            one_payment_per_order: self.one_payment_per_order,
            customer_id: self.customer_id,
            personal: self.personal,
            description: self.description,
            callback_url: self.callback_url,
            return_url: self.return_url,
            metadata: self.metadata,
            control_version: self.control_version,
            created_at: env.now,
        };
        let events = vec![
            Event::PaymentCreated(Arc::new(intent)),
            Event::AttemptStarted { payment, attempt, provider: self.provider },
        ];
        let effects = vec![Effect::Authorize { payment, attempt }];
        Ok(accept(events, effects, Subject::Payment(payment), self.idempotency, env))
    }

    /// No order is paid twice: neither one of ours nor, where the merchant wants it so, one of his.
    fn check_order(&self, state: &ShardState) -> Result<(), Rejection> {
        if let Some(id) = self.order {
            let owned = |order: &&Order| {
                order.intent().merchant == self.merchant && order.intent().mode == self.mode
            };
            let order = state.order(id).filter(owned).ok_or(Rejection::OrderNotFound(id))?;
            let asked = order.intent().money;
            if asked.currency != self.money.currency {
                return Err(Rejection::OrderCurrencyDiffers(asked.currency));
            }
            if self.money.amount > order.open() {
                let open = asked.with_amount(order.open());
                return Err(Rejection::OrderAmountExceeded { open });
            }
        }
        if let (true, Some(order_id)) = (self.one_payment_per_order, &self.order_id)
            && let Some(paid) = state.paid_for(self.merchant, self.mode, order_id)
        {
            return Err(Rejection::OrderPaid(paid));
        }
        Ok(())
    }
}
