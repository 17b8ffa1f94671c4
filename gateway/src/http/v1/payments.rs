//! `POST /api/v1/payments` and `GET /api/v1/payments/{id}`.

use std::{borrow::Cow, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode};
use tollgate_domain::{
    ApiKey, CardFacts, CreatePayment, Fingerprint, IdempotencyKey, Payment, PaymentMethod,
    PaymentState, ProviderId,
};
use tollgate_engine::{ControlView, Patience};

use crate::{
    http::{
        authentication,
        body::{self, read_json},
        error::{ErrorCode, Problem},
        idempotency::{agreed_key, key_in_header, mark_replayed},
        prefer::prefers_async,
        respond,
        router::Route,
        state::{Gateway, Serving},
        wire::{self, DeclinedBody, PaymentBody, PaymentRequest, ValidPayment},
    },
    routing,
    secrets::Secrets,
};

/// Creates a payment, and waits for its outcome as long as is configured.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let begun = Instant::now();
    let serving = gateway.serving()?;
    let control = serving.engine.control();
    let key = authentication::merchant_key(request.headers(), control, &serving.operator)?;
    let key_in_header = key_in_header(request.headers())?.map(Cow::into_owned);
    let patience = if prefers_async(request.headers()) {
        Patience::UntilRecorded
    } else {
        Patience::UntilSettled(gateway.wait)
    };
    let body = read_json(request, gateway.body_limits).await?;
    let (command, card) = {
        let request: PaymentRequest<'_> = wire::parse(&body)?;
        if request.names_another_merchant(key.merchant) {
            return Err(Problem::of(ErrorCode::MerchantMismatch));
        }
        let key_in_body = request.idempotency_key.as_ref().map(|key| key.as_str());
        let idempotency_key = agreed_key(key_in_header.as_deref(), key_in_body)?;
        let payment = request.validate(idempotency_key, (gateway.clock)())?;
        let provider = routing::provider_for(key.mode)
            .ok_or_else(|| Problem::of(ErrorCode::ProviderNotConfigured))?;
        let idempotency =
            idempotency_key.map(|text| idempotency(&serving.secrets, &key, text, &payment));
        let card = payment.card.to_card_data();
        (command(&payment, provider, &key, control, &serving.secrets, idempotency), card)
    };
    body::wipe(body);
    let answer = serving.engine.create_payment(command, card, patience).await?;
    if answer.replayed {
        gateway.metrics.replay();
    } else {
        gateway.metrics.payment(&answer.payment, begun.elapsed());
    }
    let mut response = created(&answer.payment);
    if answer.replayed {
        mark_replayed(&mut response);
    }
    Ok(response)
}

/// Shows a payment of the key's merchant and mode; any other does not exist.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant_key(&headers, serving.engine.control(), &serving.operator)?;
    match own_payment(serving, &key, &id).await? {
        Some(payment) => Ok(respond::json(StatusCode::OK, &PaymentBody(&payment))),
        None => Err(Problem::of(ErrorCode::PaymentNotFound)),
    }
}

async fn own_payment(
    serving: &Serving,
    key: &ApiKey,
    id: &str,
) -> Result<Option<Box<Payment>>, Problem> {
    let Ok(id) = id.parse() else { return Ok(None) };
    let payment = serving.engine.payment(id).await?;
    Ok(payment.filter(|payment| {
        payment.intent().merchant == key.merchant && payment.intent().mode == key.mode
    }))
}

/// Invariant: the answer follows from the payment alone, so that a replay is the same.
fn created(payment: &Payment) -> Response {
    match payment.state() {
        PaymentState::Processing | PaymentState::Unknown { .. } => {
            respond::json(StatusCode::ACCEPTED, &PaymentBody(payment))
        }
        PaymentState::Failed { reason, .. } => {
            let body = DeclinedBody { payment, reason: *reason };
            respond::problem_json(body.code().status(), &body)
        }
        PaymentState::RequiresAction { .. }
        | PaymentState::Review { .. }
        | PaymentState::Authorized { .. }
        | PaymentState::PartiallyCaptured { .. }
        | PaymentState::Completed { .. }
        | PaymentState::Voided { .. }
        | PaymentState::Reversed { .. }
        | PaymentState::Expired { .. } => respond::json(StatusCode::CREATED, &PaymentBody(payment)),
    }
}

fn command(
    payment: &ValidPayment<'_>,
    provider: ProviderId,
    key: &ApiKey,
    control: &ControlView,
    secrets: &Secrets,
    idempotency: Option<(IdempotencyKey, Fingerprint)>,
) -> CreatePayment {
    let facts = CardFacts {
        brand: payment.card.brand(),
        bin: payment.card.bin(),
        last4: payment.card.last4(),
        expiry_month: payment.card.expiry_month,
        expiry_year: payment.card.expiry_year,
        fingerprint: secrets.card_fingerprint(payment.card.number),
    };
    let boxed = |text: Option<&str>| text.map(Box::from);
    CreatePayment {
        merchant: key.merchant,
        mode: key.mode,
        money: payment.money,
        capture: payment.capture,
        method: PaymentMethod::Card(facts),
        order_id: boxed(payment.order_id),
        customer_id: boxed(payment.customer_id),
        description: boxed(payment.description),
        callback_url: boxed(payment.callback_url),
        metadata: payment.metadata().map(|(key, value)| (key.into(), value.into())).collect(),
        provider,
        control_version: control.version(),
        idempotency,
    }
}

/// The key's digest, and that of the request: its path and all that it says.
fn idempotency(
    secrets: &Secrets,
    key: &ApiKey,
    text: &str,
    payment: &ValidPayment<'_>,
) -> (IdempotencyKey, Fingerprint) {
    let mut digest = secrets.request_digest("POST", Route::Payments.template());
    payment.digest_into(&mut digest);
    (secrets.idempotency_key(key.merchant, key.mode, text), digest.finish())
}
