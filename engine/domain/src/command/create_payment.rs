//! Creates a payment and its first attempt.

use std::sync::Arc;

use crate::{
    decision::Decision,
    effect::Effect,
    env::Env,
    event::{Event, Record},
    id::MerchantId,
    idempotency::{Fingerprint, IdempotencyEntry, IdempotencyKey},
    merchant::Mode,
    money::Money,
    payment::{CaptureMode, PaymentIntent, PaymentMethod},
    planted_fault::{PlantedFault, is_planted},
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
    /// The merchant's order.
    pub order_id: Option<Box<str>>,
    /// The merchant's own id of the customer.
    pub customer_id: Option<Box<str>>,
    /// Who the customer is and how he pays, sealed.
    pub personal: Option<Sealed>,
    /// The merchant's words.
    pub description: Option<Box<str>>,
    /// Where this payment's events are sent besides the merchant's endpoints.
    pub callback_url: Option<Box<str>>,
    /// The merchant's own keys and values, in the order of the keys.
    pub metadata: Vec<(Box<str>, Box<str>)>,
    /// Which provider to try.
    pub provider: ProviderId,
    /// Which version of merchants, keys and providers the gateway had read.
    pub control_version: u64,
    /// The client's key and the request it came with.
    pub idempotency: Option<(IdempotencyKey, Fingerprint)>,
}

impl CreatePayment {
    pub(super) fn decide(self, state: &ShardState, env: &Env<'_>) -> Result<Decision, Rejection> {
        if let Some((key, fingerprint)) = self.idempotency
            && let Some((remembered, payment)) = state.idempotency().get(key)
        {
            let same =
                remembered == fingerprint || is_planted(PlantedFault::FingerprintNotCompared);
            return if same {
                Ok(Decision::Replayed { payment })
            } else {
                Err(Rejection::IdempotencyKeyReused)
            };
        }
        if self.card_expires_at.is_some_and(|expires_at| expires_at <= env.now) {
            return Err(Rejection::CardExpired);
        }
        let (payment, attempt) = (env.mint(0), env.mint(1));
        let intent = PaymentIntent {
            id: payment,
            transaction: env.mint(2),
            merchant: self.merchant,
            mode: self.mode,
            money: self.money,
            capture: self.capture,
            method: self.method,
            order_id: self.order_id,
            customer_id: self.customer_id,
            personal: self.personal,
            description: self.description,
            callback_url: self.callback_url,
            metadata: self.metadata,
            control_version: self.control_version,
            created_at: env.now,
        };
        let record = Record {
            at: env.now,
            events: vec![
                Event::PaymentCreated(Arc::new(intent)),
                Event::AttemptStarted { payment, attempt, provider: self.provider },
            ],
            idempotency: self.idempotency.map(|(key, fingerprint)| IdempotencyEntry {
                key,
                fingerprint,
                payment,
            }),
            effects: vec![Effect::Authorize { payment, attempt }],
        };
        Ok(Decision::Accepted { record, payment: Some(payment) })
    }
}
