//! Creating a payment, alike on every surface: from a request's body to the engine's answer.
//!
//! Not here: what that answer looks like, which each surface says for itself.
//!
//! Invariant: a fingerprint covers the path, so that an idempotency key which is repeated on another
//! surface is another request, and an answer is rendered again as it was rendered first. A repeat gets
//! that answer whatever has been withdrawn since, so that what speaks against new payments alone waits
//! for the engine, which knows the repeats.

use std::{borrow::Cow, time::Instant};

use hyper::HeaderMap;
use tollgate_domain::{
    CreatePayment, Fingerprint, IdempotencyKey, Payment, ProviderId, Rejection, Scope, Sealed,
};
use tollgate_engine::{Answer, CommandError, ControlView, Patience};

use super::{
    authentication::{self, MerchantCaller},
    error::{ErrorCode, Fault, Problem},
    idempotency::agreed_key,
    prefer::prefers_async,
    router::Route,
    state::{Gateway, Serving},
    surface::Surface,
    wire::{self, Circumstances, Field as _, PaymentRequest, ValidPayment},
};
use crate::{
    provider::Instrument,
    routing,
    secrets::Secrets,
    vault::{OpenedData, Owner, Realm, Sealing, Waiting},
};

/// Creates payments for whoever asked, as they prefer it.
pub(super) struct PaymentCreation<'g> {
    gateway: &'g Gateway,
    serving: &'g Serving,
    key: MerchantCaller,
    patience: Patience,
    /// Where the request came in; part of its fingerprint.
    route: Route,
    begun: Instant,
}

/// A payment without a fault, ready for the engine.
pub(super) struct PreparedPayment {
    command: CreatePayment,
    instrument: Instrument,
    /// Where it is told that the card has expired.
    expiry_pointer: Option<Cow<'static, str>>,
    /// Personal data that waits for its person's first key.
    unsealed: Option<Box<Waiting>>,
    /// Why it is refused, unless it repeats an earlier one.
    withheld: Option<Problem>,
}

impl<'g> PaymentCreation<'g> {
    /// Begins with the request's head.
    ///
    /// # Errors
    /// While the gateway is not ready, and without the key of a merchant with that scope.
    pub(super) fn begin(
        gateway: &'g Gateway,
        route: Route,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let begun = Instant::now();
        let serving = gateway.serving()?;
        let key = authentication::merchant(gateway, headers, Scope::PaymentsWrite)?;
        let patience = if prefers_async(headers) {
            Patience::UntilRecorded
        } else {
            Patience::UntilSettled(gateway.wait)
        };
        Ok(Self { gateway, serving, key, patience, route, begun })
    }

    /// Parses and checks a payment. Nothing of `body` is borrowed by what comes out, so that it can
    /// be wiped.
    ///
    /// # Errors
    /// All faults at once; another merchant's payment; a mode without a provider; without an
    /// idempotency key also a suspended merchant.
    pub(super) fn prepare(
        &self,
        body: &[u8],
        key_in_header: Option<&str>,
    ) -> Result<PreparedPayment, Problem> {
        let mut request: PaymentRequest<'_> = wire::parse(body)?;
        request.unfold_method();
        match Surface::of_path(self.route.template()) {
            Surface::V1 => {}
            Surface::Classic => {
                request.forget_unknown();
                request.forget_other_methods();
            }
        }
        if request.names_another_merchant(self.key.merchant) {
            return Err(Problem::of(ErrorCode::MerchantMismatch));
        }
        let key_in_body = request.idempotency_key.as_ref().map(|key| key.as_str());
        let as_written =
            |problem: Problem| problem.map_pointers(|pointer| Some(request.spelled(pointer)));
        let idempotency_key = agreed_key(key_in_header, key_in_body).map_err(as_written)?;
        let suspension = self.key.suspension();
        if let (Some(problem), None) = (&suspension, idempotency_key) {
            return Err(problem.clone());
        }
        let circumstances = Circumstances {
            now: (self.gateway.clock)(),
            mode: self.key.mode,
            offer: &self.gateway.offer,
        };
        let mut payment = request.validate(idempotency_key, circumstances).map_err(as_written)?;
        let withheld = suspension.or(payment.not_offered.take().map(as_written));
        let provider = routing::provider_for(self.key.mode)
            .ok_or_else(|| Problem::of(ErrorCode::ProviderNotConfigured))?;
        let (personal, unsealed) =
            if withheld.is_some() { (None, None) } else { self.seal(&payment)? };
        let idempotency = idempotency_key.map(|text| self.idempotency(text, &payment));
        let Serving { engine, secrets, .. } = self.serving;
        let command = CreatePayment {
            personal,
            repeats_only: withheld.is_some(),
            hold_for_review: self.gateway.offer.holds_for_review(payment.money),
            ..command(&payment, provider, &self.key, engine.control(), secrets, idempotency)
        };
        let instrument = payment.method.to_instrument();
        let expiry_pointer = payment.method.expiry().map(|(_expires_at, pointer)| {
            // Hardly any request needs it, so that the usual one pays nothing for it.
            if request.is_renamed() { request.spelled(pointer).into() } else { pointer.into() }
        });
        Ok(PreparedPayment { command, instrument, expiry_pointer, unsealed, withheld })
    }

    /// Seals what the request tells of a person; for a person without a key, what waits for one.
    fn seal(
        &self,
        payment: &ValidPayment<'_>,
    ) -> Result<(Option<Sealed>, Option<Box<Waiting>>), Problem> {
        let data = payment.personal_data();
        if data.is_empty() {
            return Ok((None, None));
        }
        let realm = Realm { merchant: self.key.merchant, mode: self.key.mode };
        let owner = match payment.customer_id {
            Some(id) => Owner::Customer(id),
            None => Owner::GuestsAt((self.gateway.clock)()),
        };
        Ok(match self.serving.vault.seal(realm, owner, &data)? {
            Sealing::Sealed(sealed) => (Some(sealed), None),
            Sealing::Waiting(waiting) => (None, Some(Box::new(waiting))),
        })
    }

    /// Hands the payment to the engine, and waits for its outcome as long as was asked for.
    ///
    /// # Errors
    /// What the engine refuses, and what it cannot tell; a key store that gives no key.
    pub(super) async fn carry_out(&self, payment: PreparedPayment) -> Result<Box<Answer>, Problem> {
        let PreparedPayment { mut command, instrument, expiry_pointer, unsealed, withheld } =
            payment;
        if let Some(waiting) = unsealed {
            command.personal = Some(waiting.finish().await?);
        }
        let created = self.serving.engine.create_payment(command, instrument, self.patience).await;
        let answer = created.map_err(|error| match (error, withheld, expiry_pointer) {
            (CommandError::Rejected(Rejection::NothingToRepeat), Some(problem), _) => problem,
            (CommandError::Rejected(Rejection::CardExpired), None, Some(pointer)) => {
                expired(pointer)
            }
            (error, _withheld, _pointer) => Problem::from(error),
        })?;
        if answer.replayed {
            self.gateway.metrics.replay();
        } else {
            self.gateway.metrics.payment(&answer.payment, self.begun.elapsed());
        }
        Ok(answer)
    }

    /// What is sealed in a payment, to be shown; `None` once it is erased.
    pub(super) fn personal_data(&self, payment: &Payment) -> Option<OpenedData> {
        self.serving.vault.open_payment(payment)
    }

    /// The key's digest, and that of the request: its path and all that it says.
    fn idempotency(&self, text: &str, payment: &ValidPayment<'_>) -> (IdempotencyKey, Fingerprint) {
        let secrets = &self.serving.secrets;
        let mut digest = secrets.request_digest("POST", self.route.template());
        payment.digest_into(&mut digest);
        (secrets.idempotency_key(self.key.merchant, self.key.mode, text), digest.finish())
    }
}

/// Told by the engine, which knows the repeats that are answered all the same; shown like any other
/// fault of a request.
fn expired(pointer: Cow<'static, str>) -> Problem {
    let detail = "The card's expiry date is past.";
    Problem::of_faults(vec![Fault::new(pointer, ErrorCode::CardExpired, detail)])
}

fn command(
    payment: &ValidPayment<'_>,
    provider: ProviderId,
    key: &MerchantCaller,
    control: &ControlView,
    secrets: &Secrets,
    idempotency: Option<(IdempotencyKey, Fingerprint)>,
) -> CreatePayment {
    let payee_name = || control.merchant(key.merchant).map(|merchant| merchant.name);
    let method = payment.method.facts(secrets, || payee_name().unwrap_or_default());
    let boxed = |text: Option<&str>| text.map(Box::from);
    CreatePayment {
        merchant: key.merchant,
        mode: key.mode,
        money: payment.money,
        capture: payment.capture,
        method,
        card_expires_at: payment.method.expiry().map(|(expires_at, _pointer)| expires_at),
        repeats_only: false,
        hold_for_review: false,
        emi: payment.emi.and_then(|emi| emi.plan),
        order: payment.order,
        one_payment_per_order: key.one_payment_per_order,
        order_id: boxed(payment.order_id),
        customer_id: boxed(payment.customer_id),
        personal: None,
        description: boxed(payment.description),
        callback_url: boxed(payment.callback_url),
        return_url: boxed(payment.return_url),
        metadata: payment.metadata().map(|(key, value)| (key.into(), value.into())).collect(),
        provider,
        control_version: control.version(),
        idempotency,
    }
}
