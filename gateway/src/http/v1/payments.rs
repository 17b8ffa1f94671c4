//! `POST /api/v1/payments` and `GET /api/v1/payments/{id}`.

use std::{borrow::Cow, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use bytes::Bytes;
use hyper::{
    HeaderMap, Request, StatusCode,
    header::{HeaderName, HeaderValue},
};
use tollgate_domain::{
    ApiKey, CardFacts, CreatePayment, Fingerprint, IdempotencyKey, Mode, Payment, PaymentMethod,
    PaymentState, ProviderId,
};
use tollgate_engine::{ControlView, Patience};
use zeroize::Zeroize;

use crate::{
    http::{
        authentication,
        body::read_json,
        error::{ErrorCode, Fault, Problem},
        respond,
        state::{Gateway, Serving},
        wire::{self, CardNumberSearch, DeclinedBody, PaymentBody, PaymentRequest, ValidPayment},
    },
    secrets::Secrets,
};

/// The path, which is part of a request's fingerprint.
pub(in crate::http) const PATH: &str = "/api/v1/payments";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Longest idempotency key, in characters.
const LONGEST_IDEMPOTENCY_KEY: usize = 255;

/// Creates a payment, and waits for its outcome as long as is configured.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let begun = Instant::now();
    let serving = gateway.serving()?;
    let control = serving.engine.control();
    let key = authentication::merchant_key(request.headers(), control, &serving.operator)?;
    let key_in_header = idempotency_header(request.headers())?.map(Cow::into_owned);
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
        let idempotency_key = agreed_key(key_in_header.as_deref(), &request)?;
        let payment = request.validate((gateway.clock)())?;
        keep_card_number_out(idempotency_key, &payment)?;
        check_provider(&key)?;
        let idempotency =
            idempotency_key.map(|text| idempotency(&serving.secrets, &key, text, &payment));
        let card = payment.card.to_card_data();
        (command(&payment, &key, control, &serving.secrets, idempotency), card)
    };
    wipe(body);
    let answer = serving.engine.create_payment(command, card, patience).await?;
    if answer.replayed {
        gateway.metrics.replay();
    } else {
        gateway.metrics.payment(&answer.payment, begun.elapsed());
    }
    let mut response = created(&answer.payment);
    if answer.replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
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
        provider: ProviderId::SIMULATOR,
        control_version: control.version(),
        idempotency,
    }
}

/// Overwrites the request, which holds the card's number. Where the connection still shares the
/// buffer that is not ours to do, and the next request overwrites it.
fn wipe(body: Bytes) {
    if let Ok(mut bytes) = body.try_into_mut() {
        bytes.as_mut().zeroize();
    }
}

/// Live money never goes to the simulator, and there is no other provider.
fn check_provider(key: &ApiKey) -> Result<(), Problem> {
    match key.mode {
        Mode::Test => Ok(()),
        Mode::Live => Err(Problem::of(ErrorCode::ProviderNotConfigured)),
    }
}

fn idempotency(
    secrets: &Secrets,
    key: &ApiKey,
    text: &str,
    payment: &ValidPayment<'_>,
) -> (IdempotencyKey, Fingerprint) {
    let mut digest = secrets.request_digest("POST", PATH);
    payment.digest_into(&mut digest);
    (secrets.idempotency_key(key.merchant, key.mode, text), digest.finish())
}

/// The header's idempotency key, bare or quoted.
fn idempotency_header(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refused = || Problem::of(ErrorCode::IdempotencyKeyInvalid);
    let text = value.to_str().map_err(|_not_ascii| refused())?.trim();
    let key = unquoted(text);
    if values.next().is_some() || !is_idempotency_key(&key) {
        return Err(refused());
    }
    Ok(Some(key))
}

/// The content of a quoted string (RFC 9110, section 5.6.4); any other text as it is.
fn unquoted(text: &str) -> Cow<'_, str> {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        None => Cow::Borrowed(text),
        Some(content) if !content.contains('\\') => Cow::Borrowed(content),
        Some(content) => {
            let mut letters = content.chars();
            let mut plain = String::with_capacity(content.len());
            while let Some(letter) = letters.next() {
                plain.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
            }
            Cow::Owned(plain)
        }
    }
}

fn is_idempotency_key(key: &str) -> bool {
    (1..=LONGEST_IDEMPOTENCY_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
}

/// The key of header and body, which must not differ.
fn agreed_key<'k>(
    header: Option<&'k str>,
    request: &'k PaymentRequest<'_>,
) -> Result<Option<&'k str>, Problem> {
    let refused = |detail: &'static str| {
        let code = ErrorCode::IdempotencyKeyInvalid;
        Err(Problem::of_faults(vec![Fault::new("/idempotencyKey", code, detail)]))
    };
    match (header, request.idempotency_key.as_ref().map(|key| key.as_str())) {
        (key, None) => Ok(key),
        (_, Some(body)) if !is_idempotency_key(body) => {
            refused("An idempotency key is 1 to 255 visible ASCII characters.")
        }
        (Some(header), Some(body)) if header != body => {
            refused("Header and body give different idempotency keys.")
        }
        (_, Some(body)) => Ok(Some(body)),
    }
}

/// Refuses an idempotency key that holds the card's number: clients and proxies log keys.
fn keep_card_number_out(key: Option<&str>, payment: &ValidPayment<'_>) -> Result<(), Problem> {
    let search = CardNumberSearch::new(payment.card.number);
    match (search, key) {
        (Some(search), Some(key)) if search.finds_in(key) => {
            let detail = "The idempotency key may not hold the card's number.";
            Err(Problem::new(ErrorCode::CardNumberInText, detail))
        }
        _none => Ok(()),
    }
}

/// Whether the client prefers an answer at once (RFC 7240).
fn prefers_async(headers: &HeaderMap) -> bool {
    headers
        .get_all(PREFER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| {
            let name = preference.split([';', '=']).next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case("respond-async")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_keys_are_bare_or_quoted() {
        let header = |value: &'static str| {
            let headers =
                HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_static(value))]);
            idempotency_header(&headers)
                .map(|key| key.unwrap_or_default().into_owned())
                .map_err(|problem| problem.code())
        };
        assert_eq!(header("abc-1"), Ok("abc-1".to_owned()));
        assert_eq!(header("\"abc-1\""), Ok("abc-1".to_owned()));
        assert_eq!(header("\"a\\\"b\""), Ok("a\"b".to_owned()));
        for refused in ["", "\"\"", "a b"] {
            assert_eq!(header(refused), Err(ErrorCode::IdempotencyKeyInvalid), "{refused}");
        }
    }

    #[test]
    fn the_preference_is_found_among_others() {
        for (value, found) in [
            ("respond-async", true),
            ("Respond-Async, wait=10", true),
            ("wait=10,respond-async;x=1", true),
            ("return=minimal", false),
        ] {
            let headers = HeaderMap::from_iter([(PREFER, HeaderValue::from_static(value))]);
            assert_eq!(prefers_async(&headers), found, "{value}");
        }
    }
}
