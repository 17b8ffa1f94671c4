//! The simulator as a provider of its own, over HTTP; see `protocol.rs`.
//!
//! Losses happen on the wire: what the simulator would lose on the way back is a connection that
//! breaks off without an answer, and an outage is 503 for whoever asks.
//!
//! Invariant: an authorization or an operation that arrives after the time its sender gave it is not
//! decided. An inquiry may have been answered "not found" by then, and have been believed.
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
use serde::{Deserialize, Serialize};
use tollgate_domain::{
    Amount, AttemptId, Currency, NetBankingFacts, OperationId, PaymentIntent, PaymentMethod,
    Timestamp,
};
use zeroize::Zeroizing;

use super::{
    Asked, Instruction, Simulator, asked_payment, page,
    protocol::{
        AnswerBody, AuthorizeBody, BalanceBody, HolderBody, InquireBody, InstructionBody,
        KnownBody, LinkBody, MethodBody, OperateBody, OperationAnswerBody, PaymentPart, Rail,
        VpaBody, WalletBody,
    },
};
use crate::{
    http::{self, BodyLimits, LedgerPageBody},
    provider::{
        Authorize, CallFailure, CardData, Inquire, InquireOperation, Instrument, Provider as _,
        SecretText,
        customer_account::{AskBalance, Known, LinkWallet, LookUpVpa, Wallet},
    },
    wallet_providers::wallet_provider,
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
        .route("/v1/attempts/{attempt}/operations/{operation}", post(operate))
        .route("/v1/attempts/{attempt}/operations/{operation}/inquire", post(inquire_operation))
        .route("/v1/vpas/look-up", post(look_up_vpa))
        .route("/v1/wallets/balance", post(balance))
        .route("/v1/wallets/link", post(link_wallet))
        .route("/actions/{attempt}", get(show_action).post(decide_action))
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
    let intent = intent(body.payment, asked_payment::method(body.rail))?;
    let standing = simulator.look_up(Inquire { intent, attempt }).wait().await;
    Ok(answered(AnswerBody::of_standing(standing)))
}

async fn operate(
    State(service): State<Service>,
    Path((attempt, operation)): Path<(String, String)>,
    request: Request<Body>,
) -> Served {
    let Service { simulator, limits } = service;
    if simulator.is_down() {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let (attempt, operation): (AttemptId, OperationId) = (parsed(&attempt)?, parsed(&operation)?);
    let bytes = read(request, limits).await?;
    let body: OperateBody<'_> = from_json(&bytes)?;
    let is_late = simulator.now() >= Timestamp::from_millis(body.not_after_ms);
    let intent = intent(body.payment, asked_payment::method(body.rail))?;
    if is_late {
        tracing::warn!(%operation, "an operation came after its time; it is not carried out");
        return Ok(http::json(StatusCode::OK, &OperationAnswerBody::NotSent {}));
    }
    let amount =
        |minor| Amount::from_minor_units(minor).map_err(|_out_of_range| StatusCode::BAD_REQUEST);
    let (instruction, amount) = match body.instruction {
        InstructionBody::Confirm => {
            let answer = match simulator.hear_confirmation(intent, attempt).wait().await {
                Ok(standing) => AnswerBody::of_standing(standing),
                Err(CallFailure::NotSent) => Some(AnswerBody::NotSent {}),
                Err(CallFailure::Unknown) => None,
            };
            return Ok(answered(answer));
        }
        InstructionBody::Capture { amount_minor, release_rest: false } => {
            (Instruction::Capture, amount(amount_minor)?)
        }
        InstructionBody::Capture { amount_minor, release_rest: true } => {
            (Instruction::FinalCapture, amount(amount_minor)?)
        }
        InstructionBody::Void => (Instruction::Void, Amount::ZERO),
        InstructionBody::Reverse => (Instruction::Reverse, Amount::ZERO),
        InstructionBody::Refund { amount_minor } => (Instruction::Refund, amount(amount_minor)?),
    };
    let asked = Asked { intent, attempt, operation, instruction, amount };
    let outcome = simulator.operate(asked).wait().await;
    Ok(answered(OperationAnswerBody::of_outcome(outcome)))
}

async fn inquire_operation(
    State(service): State<Service>,
    Path((attempt, operation)): Path<(String, String)>,
    request: Request<Body>,
) -> Served {
    let Service { simulator, limits } = service;
    if simulator.is_down() {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let (attempt, operation) = (parsed(&attempt)?, parsed(&operation)?);
    let bytes = read(request, limits).await?;
    let body: InquireBody<'_> = from_json(&bytes)?;
    let intent = intent(body.payment, asked_payment::method(body.rail))?;
    let request = InquireOperation { intent, attempt, operation };
    let standing = simulator.look_up_operation(request).wait().await;
    Ok(answered(OperationAnswerBody::of_standing(standing)))
}

async fn look_up_vpa(State(service): State<Service>, request: Request<Body>) -> Served {
    let bytes = read(request, service.limits).await?;
    let VpaBody { vpa } = from_json(&bytes)?;
    let request = LookUpVpa { vpa: SecretText::new(&vpa) };
    known(service.simulator.look_up_vpa(request).wait().await, |name| HolderBody { name })
}

async fn balance(State(service): State<Service>, request: Request<Body>) -> Served {
    let bytes = read(request, service.limits).await?;
    let body: WalletBody<'_> = from_json(&bytes)?;
    let currency = body.currency.as_deref().ok_or(StatusCode::BAD_REQUEST)?;
    let currency = Currency::from_code(currency).map_err(|_unknown| StatusCode::BAD_REQUEST)?;
    let request = AskBalance { wallet: wallet(&body)?, currency };
    known(service.simulator.balance(request).wait().await, |amount| BalanceBody {
        amount_minor: amount.minor_units(),
    })
}

async fn link_wallet(State(service): State<Service>, request: Request<Body>) -> Served {
    let bytes = read(request, service.limits).await?;
    let body: WalletBody<'_> = from_json(&bytes)?;
    let request = LinkWallet { wallet: wallet(&body)? };
    known(service.simulator.link_wallet(request).wait().await, |token| LinkBody {
        token: token.as_str().to_owned(),
    })
}

fn wallet(body: &WalletBody<'_>) -> Result<Wallet, StatusCode> {
    let provider = wallet_provider(&body.provider).ok_or(StatusCode::BAD_REQUEST)?;
    Ok(Wallet { provider, id: SecretText::new(&body.id) })
}

/// What is known of an account, or 503 where the simulator is down.
fn known<T, B: Serialize>(found: Known<T>, body: impl FnOnce(T) -> B) -> Served {
    let found = match found {
        Known::Found(found) => KnownBody::Found(body(found)),
        Known::NotFound => KnownBody::NotFound,
        Known::Unknown => return Err(StatusCode::SERVICE_UNAVAILABLE),
    };
    Ok(http::json(StatusCode::OK, &found))
}

async fn show_action(State(service): State<Service>, Path(attempt): Path<String>) -> Response {
    page::show(&service.simulator, &attempt, &service.simulator)
}

async fn decide_action(
    State(service): State<Service>,
    Path(attempt): Path<String>,
    request: Request<Body>,
) -> Served {
    let Service { simulator, limits } = service;
    let form = http::read_form(request, limits).await;
    let form = form.map_err(|problem| problem.code().status())?;
    Ok(page::decide(&simulator, &attempt, &form, &simulator))
}

/// The answer, or where there is none to give, a connection that breaks off.
fn answered(answer: Option<impl Serialize>) -> Response {
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

fn intent(part: PaymentPart<'_>, method: PaymentMethod) -> Result<Arc<PaymentIntent>, StatusCode> {
    asked_payment::intent(part, method).ok_or(StatusCode::BAD_REQUEST)
}

fn opened(method: MethodBody<'_>) -> (PaymentMethod, Instrument) {
    let secret = |text: &str| Zeroizing::new(text.to_owned());
    match method {
        MethodBody::Card { number, expiry_month, expiry_year, cvv, holder_name } => {
            let (number, cvv) = (secret(&number), cvv.as_deref().map(secret));
            let holder_name = holder_name.as_deref().map(secret);
            let card = CardData::new(number, expiry_month, expiry_year, cvv, holder_name);
            (asked_payment::method(Rail::Card), Instrument::Card(card))
        }
        MethodBody::Upi { vpa } => {
            (asked_payment::method(Rail::Upi), Instrument::Upi(SecretText::new(&vpa)))
        }
        MethodBody::Netbanking { bank } => {
            let bank = Box::from(&*bank);
            (PaymentMethod::NetBanking(NetBankingFacts { bank }), Instrument::NetBanking)
        }
        MethodBody::Wallet { provider: _, id } => {
            (asked_payment::method(Rail::Wallet), Instrument::Wallet(SecretText::new(&id)))
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
