//! The simulator as a provider of its own, over HTTP; see `protocol.rs`.
//!
//! Losses happen on the wire: what the simulator would lose on the way back is a connection that
//! breaks off without an answer, and an outage is 503 for whoever asks.
//!
//! Invariant: an authorization that arrives after the time its sender gave it is not decided. An
//! inquiry may have been answered "not found" by then, and have been believed.
//!
//! Not here: authentication. It is for tests, listens on the machine itself by default, and is sent
//! no card of anybody's.

use std::{
    io,
    pin::Pin,
    str::FromStr,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use hyper::{
    Request, StatusCode, Uri,
    body::{Body as HttpBody, Frame},
};
use serde::Deserialize;
use tollgate_domain::{
    Amount, AttemptId, CaptureMode, CardBrand, CardFacts, CardFingerprint, Currency, MerchantId,
    Mode, Money, NetBankingFacts, PaymentId, PaymentIntent, PaymentMethod, Timestamp,
    TransactionId, UpiFacts, VpaFingerprint, WalletFacts, WalletFingerprint,
};
use zeroize::Zeroizing;

use super::{
    Simulator,
    fault::KEY,
    protocol::{
        AnswerBody, AuthorizeBody, CaptureName, InquireBody, MethodBody, ModeName, PaymentPart,
        Rail,
    },
};
use crate::{
    http::{self, BodyLimits, LedgerPageBody},
    provider::{Authorize, CardData, Inquire, Instrument, SecretText},
};

#[derive(Clone)]
struct Service {
    simulator: Simulator,
    limits: BodyLimits,
}

/// An answer, or the status that says why there is none.
type Served = Result<Response, StatusCode>;

/// The paths of `protocol.rs`, over that simulator.
pub(crate) fn router(simulator: Simulator, limits: BodyLimits) -> Router {
    Router::new()
        .route("/v1/attempts/{attempt}/authorize", post(authorize))
        .route("/v1/attempts/{attempt}/inquire", post(inquire))
        .route("/ledger", get(ledger))
        .route("/health", get(health))
        .with_state(Service { simulator, limits })
}

async fn health() -> Response {
    http::json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

async fn ledger(State(service): State<Service>, uri: Uri) -> Served {
    let (after, limit) = http::ledger_parameters(uri.query().unwrap_or_default())
        .map_err(|problem| problem.code().status())?;
    let page = tokio::task::spawn_blocking(move || service.simulator.ledger_page(after, limit));
    match page.await {
        Ok(Ok(page)) => Ok(http::json(StatusCode::OK, &LedgerPageBody::of(&page))),
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the ledger cannot be read");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
        Err(_panic) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn authorize(
    State(service): State<Service>,
    Path(attempt): Path<String>,
    request: Request<Body>,
) -> Served {
    let Service { simulator, limits } = service;
    if simulator.is_down() {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let attempt: AttemptId = parsed(&attempt)?;
    let bytes = read(request, limits).await?;
    let body: AuthorizeBody<'_> = from_json(&bytes)?;
    let not_after = Timestamp::from_millis(body.not_after_ms);
    let (method, instrument) = opened(body.method);
    let intent = intent(body.payment, method)?;
    http::wipe(bytes);
    if simulator.now() >= not_after {
        tracing::warn!(%attempt, "an authorization came after its time; it is not decided");
        return Ok(http::json(StatusCode::OK, &AnswerBody::NotSent {}));
    }
    let outcome = simulator.decide(Authorize { intent, attempt, instrument }).wait().await;
    Ok(answered(AnswerBody::of_outcome(outcome)))
}

async fn inquire(
    State(service): State<Service>,
    Path(attempt): Path<String>,
    request: Request<Body>,
) -> Served {
    let Service { simulator, limits } = service;
    if simulator.is_down() {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let attempt: AttemptId = parsed(&attempt)?;
    let bytes = read(request, limits).await?;
    let body: InquireBody<'_> = from_json(&bytes)?;
    let intent = intent(body.payment, facts(body.rail))?;
    let standing = simulator.look_up(Inquire { intent, attempt }).wait().await;
    Ok(answered(AnswerBody::of_standing(standing)))
}

/// The answer, or where there is none to give, a connection that breaks off.
fn answered(answer: Option<AnswerBody>) -> Response {
    match answer {
        Some(answer) => http::json(StatusCode::OK, &answer),
        None => Response::new(Body::new(Lost)),
    }
}

async fn read(request: Request<Body>, limits: BodyLimits) -> Result<Bytes, StatusCode> {
    http::read_json(request, limits).await.map_err(|problem| problem.code().status())
}

fn parsed<T: FromStr>(text: &str) -> Result<T, StatusCode> {
    text.parse().map_err(|_not_one| StatusCode::BAD_REQUEST)
}

fn from_json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StatusCode> {
    // The parser's own words may quote what stands there, which may be a card number.
    serde_json::from_slice(bytes).map_err(|_fault| StatusCode::BAD_REQUEST)
}

/// The payment as far as the simulator looks at it; the rest stays empty.
fn intent(part: PaymentPart<'_>, method: PaymentMethod) -> Result<Arc<PaymentIntent>, StatusCode> {
    let payment: PaymentId = parsed(&part.id)?;
    let merchant: MerchantId = parsed(&part.merchant)?;
    let amount = Amount::from_minor_units(part.amount_minor)
        .map_err(|_out_of_range| StatusCode::BAD_REQUEST)?;
    let currency =
        Currency::from_code(&part.currency).map_err(|_unknown| StatusCode::BAD_REQUEST)?;
    let faults = part.faults.map(|faults| (KEY.into(), Box::from(&*faults)));
    Ok(Arc::new(PaymentIntent {
        id: payment,
        transaction: TransactionId::from_u128(payment.to_u128()),
        merchant,
        mode: match part.mode {
            ModeName::Test => Mode::Test,
            ModeName::Live => Mode::Live,
        },
        money: Money { amount, currency },
        capture: match part.capture {
            CaptureName::Automatic => CaptureMode::Automatic,
            CaptureName::Manual => CaptureMode::Manual,
        },
        method,
        hold_for_review: false,
        emi: None,
        order_id: None,
        order: None,
        one_payment_per_order: false,
        customer_id: None,
        personal: None,
        description: None,
        callback_url: None,
        return_url: None,
        metadata: faults.into_iter().collect(),
        control_version: 0,
        created_at: payment.time(),
    }))
}

/// A method of that rail, of which nothing else is known.
fn facts(rail: Rail) -> PaymentMethod {
    match rail {
        Rail::Card => PaymentMethod::Card(CardFacts {
            brand: CardBrand::Other,
            bin: 0,
            last4: 0,
            expiry_month: 1,
            expiry_year: 1970,
            fingerprint: CardFingerprint([0; 16]),
            funding: None,
            issuer_country: None,
        }),
        Rail::Upi => PaymentMethod::Upi(UpiFacts {
            handle: "".into(),
            fingerprint: VpaFingerprint([0; 16]),
            payee_name: "".into(),
        }),
        Rail::Netbanking => PaymentMethod::NetBanking(NetBankingFacts { bank: "".into() }),
        Rail::Wallet => PaymentMethod::Wallet(WalletFacts {
            provider: "".into(),
            fingerprint: WalletFingerprint([0; 16]),
        }),
    }
}

fn opened(method: MethodBody<'_>) -> (PaymentMethod, Instrument) {
    let secret = |text: &str| Zeroizing::new(text.to_owned());
    match method {
        MethodBody::Card { number, expiry_month, expiry_year, cvv, holder_name } => {
            let (number, cvv) = (secret(&number), cvv.as_deref().map(secret));
            let holder_name = holder_name.as_deref().map(secret);
            let card = CardData::new(number, expiry_month, expiry_year, cvv, holder_name);
            (facts(Rail::Card), Instrument::Card(card))
        }
        MethodBody::Upi { vpa } => (facts(Rail::Upi), Instrument::Upi(SecretText::new(&vpa))),
        MethodBody::Netbanking { bank } => {
            let bank = Box::from(&*bank);
            (PaymentMethod::NetBanking(NetBankingFacts { bank }), Instrument::NetBanking)
        }
        MethodBody::Wallet { provider: _, id } => {
            (facts(Rail::Wallet), Instrument::Wallet(SecretText::new(&id)))
        }
    }
}

/// A body that never comes: the connection breaks off, and its other end has no answer.
struct Lost;

impl HttpBody for Lost {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::Error::other("the answer is lost, as was asked for"))))
    }
}
