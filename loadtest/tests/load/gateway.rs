//! A gateway in memory, small enough to be seen to be right, with faults to plant.
//!
//! Not here: a log, processes and restarts; those are the kill audit's.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::model::{Fact, Keyed, Lie, Model};

pub(crate) const OPERATOR: &str = "ak_test";

/// How the gateway misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Between these two times after its first payment it answers nobody.
    Stalls(Duration, Duration),
    /// A repeated key gets another answer each time.
    AnswersDifferently,
    /// A repeated key makes another payment.
    ForgetsKeys,
    /// Every tenth payment cannot be read.
    LosesPayments,
    /// Every tenth payment stands twice in the provider's books.
    ChargesTwice,
    /// The provider's books have another amount for every tenth payment.
    ChargesMore,
    /// A declined payment stands as approved in the provider's books.
    ChargesDeclined,
    /// Another request under a used key is answered like the first.
    AcceptsReuse,
    /// Whatever parses is paid.
    TakesInvalid,
    /// An asynchronous payment never ends.
    NeverSettles,
    /// The books lie, ours or the provider's, or the feed.
    Lies(Lie),
    /// What is more than there is, or forbidden, is done all the same.
    DoesTheForbidden,
}

struct Gateway {
    fault: Fault,
    first_payment: Option<Instant>,
    merchants: usize,
    payments: usize,
    model: Model,
    answers: u64,
}

type Shared = Arc<Mutex<Gateway>>;

/// Serves until the test's runtime ends; gives the address.
pub(crate) async fn start(fault: Fault) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let lie = if let Fault::Lies(lie) = fault { lie } else { Lie::None };
    let gateway = Arc::new(Mutex::new(Gateway {
        fault,
        first_payment: None,
        merchants: 0,
        payments: 0,
        model: Model::lying(lie),
        answers: 0,
    }));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let gateway = Arc::clone(&gateway);
            let service = hyper::service::service_fn(move |request| {
                let gateway = Arc::clone(&gateway);
                async move { Ok::<_, Infallible>(answer(&gateway, request).await) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    url
}

async fn answer(gateway: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        head.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let body = body.collect().await.unwrap().to_bytes();
    let key = header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let path = head.uri.path();
    match (&head.method, path) {
        (&Method::GET, "/ready") => respond(200, false, &Value::Null),
        (&Method::POST, "/api/v1/merchants") if key == OPERATOR => {
            let mut gateway = gateway.lock();
            gateway.merchants += 1;
            let secret = format!("sk_test_{}", gateway.merchants);
            respond(201, false, &json!({"id": "mer_1", "api_keys": {"secret_test": secret}}))
        }
        (&Method::POST, "/api/v1/payments") if key.starts_with("sk_test_") => {
            stall(gateway).await;
            let asynchronous = header("prefer") == "respond-async";
            pay(&mut gateway.lock(), key, header("idempotency-key"), &body, asynchronous)
        }
        (&Method::POST, "/api/v1/orders") if key.starts_with("sk_test_") => {
            order(&mut gateway.lock(), key, header("idempotency-key"), &body)
        }
        (&Method::POST, path) if path.starts_with("/simulator/actions/") => {
            let attempt = path.rsplit('/').next().unwrap();
            decide(&mut gateway.lock(), attempt, &body[..] == b"decision=approve")
        }
        (&Method::POST, path) if key.starts_with("sk_test_") => {
            let whose = path.strip_prefix("/api/v1/payments/");
            let path = whose.or(path.strip_prefix("/api/v1/reviews/")).unwrap();
            let (payment, kind) = path.split_once('/').unwrap();
            operate(&mut gateway.lock(), key, header("idempotency-key"), (payment, kind), &body)
        }
        (&Method::GET, path) if key.starts_with("sk_test_") || key == OPERATOR => {
            let mut gateway = gateway.lock();
            // A callback that took its time comes before anybody looks.
            let payment = path.rsplit('/').next().unwrap();
            if gateway.model.payments.contains_key(payment) {
                gateway.model.apply(Fact::Heard { payment: payment.to_owned() });
            }
            let merchant = (key != OPERATOR).then_some(key.as_str());
            let lost = gateway.fault == Fault::LosesPayments && path.ends_with("0");
            let (status, body) = match lost && path.contains("/payments/") {
                true => (404, json!({"code": "payment_not_found"})),
                false => gateway.model.read(merchant, path, head.uri.query().unwrap_or_default()),
            };
            respond(status, false, &body)
        }
        _ => respond(401, false, &json!({"code": "unauthorized"})),
    }
}

async fn stall(gateway: &Shared) {
    let until = {
        let mut gateway = gateway.lock();
        let first = *gateway.first_payment.get_or_insert_with(Instant::now);
        match gateway.fault {
            Fault::Stalls(from, to) if (from..to).contains(&first.elapsed()) => first + to,
            _ => return,
        }
    };
    tokio::time::sleep_until(until.into()).await;
}

fn pay(
    gateway: &mut Gateway,
    merchant: String,
    key: String,
    body: &[u8],
    asynchronous: bool,
) -> Response<Full<Bytes>> {
    let request = match serde_json::from_slice::<Value>(body) {
        Ok(request) if gateway.fault == Fault::TakesInvalid || is_valid(&request) => request,
        Ok(_) | Err(_) => return respond(400, false, &json!({"code": "parameter_invalid"})),
    };
    gateway.answers += 1;
    let slot = (merchant.clone(), key.clone());
    let known = gateway.model.keys.get(&slot).filter(|_| gateway.fault != Fault::ForgetsKeys);
    if let Some(Keyed::Payment(id)) = known {
        let id = id.clone();
        let payment = &gateway.model.payments[&id];
        if payment.request != request && gateway.fault != Fault::AcceptsReuse {
            return respond(422, false, &json!({"code": "idempotency_key_reused"}));
        }
        if payment.status == "processing" && gateway.fault != Fault::NeverSettles {
            charge_and_end(gateway, &id, "completed");
            return settled(gateway, &id, false);
        }
        return settled(gateway, &id, true);
    }
    if let Some((status, code)) = gateway.model.judge_payment(&request) {
        return respond(status, false, &json!({"code": code}));
    }
    let held = request["amount_minor"].as_i64().is_some_and(|amount| amount >= 2_000_000);
    let status = match (request["card"]["number"].as_str(), request["capture"].as_str()) {
        _ if held => "review",
        (Some("4000000000000002" | "4000000000009995"), _) => "failed",
        (Some("4000000000003220"), _) => "requires_action",
        (_, Some("manual")) => "authorized",
        _ if asynchronous => "processing",
        _ => "completed",
    };
    let payment = format!("pay_{}", gateway.payments);
    gateway.payments += 1;
    gateway.model.apply(Fact::Created { merchant, key, request, payment: payment.clone() });
    if status != "processing" {
        charge_and_end(gateway, &payment, status);
    }
    settled(gateway, &payment, false)
}

fn charge_and_end(gateway: &mut Gateway, id: &str, status: &str) {
    let payment = id.to_owned();
    let tenth = id.ends_with('0');
    let approved = match (status, gateway.fault) {
        ("completed" | "authorized" | "review", _) | ("failed", Fault::ChargesDeclined) => {
            Some(true)
        }
        ("failed", _) => Some(false),
        _ => None,
    };
    if let Some(approved) = approved {
        let times = 1 + usize::from(tenth && gateway.fault == Fault::ChargesTwice);
        for _ in 0..times {
            gateway.model.apply(Fact::Charged { payment: payment.clone(), approved });
        }
        if tenth && gateway.fault == Fault::ChargesMore {
            let entry = gateway.model.provider.last_mut().unwrap();
            entry["amount_minor"] = Value::from(entry["amount_minor"].as_i64().unwrap() + 1);
        }
    }
    gateway.model.apply(Fact::Ended { payment, status: status.to_owned() });
}

/// Does something to a payment.
fn operate(
    gateway: &mut Gateway,
    merchant: String,
    key: String,
    (payment, kind): (&str, &str),
    body: &[u8],
) -> Response<Full<Bytes>> {
    let request: Value = serde_json::from_slice(body).unwrap();
    gateway.answers += 1;
    if let Some(Keyed::Deed { request: known, status, body }) =
        gateway.model.keys.get(&(merchant.clone(), key.clone()))
    {
        let same = *known == json!([payment, kind, request]);
        if !same && gateway.fault != Fault::AcceptsReuse {
            return respond(422, false, &json!({"code": "idempotency_key_reused"}));
        }
        let (status, mut body) = (*status, body.clone());
        if gateway.fault == Fault::AnswersDifferently {
            body["answers"] = Value::from(gateway.answers);
        }
        return respond(status, true, &body);
    }
    let amount = match gateway.model.judge(&merchant, payment, kind, &request) {
        Err(_) if gateway.fault == Fault::DoesTheForbidden => {
            request["amount_minor"].as_i64().unwrap_or(0)
        }
        Err((status, code)) => return respond(status, false, &json!({"code": code})),
        Ok(amount) => amount,
    };
    let (payment, kind) = (payment.to_owned(), kind.to_owned());
    let slot = (merchant.clone(), key.clone());
    gateway.model.apply(Fact::Done { merchant, key, payment, kind, request, amount });
    match gateway.model.keys.get(&slot) {
        Some(Keyed::Deed { status, body, .. }) => respond(*status, false, body),
        Some(Keyed::Payment(_) | Keyed::Order(_)) | None => unreachable!("it was done"),
    }
}

fn order(
    gateway: &mut Gateway,
    merchant: String,
    key: String,
    body: &[u8],
) -> Response<Full<Bytes>> {
    let request: Value = serde_json::from_slice(body).unwrap();
    if let Some(Keyed::Order(id)) = gateway.model.keys.get(&(merchant.clone(), key.clone())) {
        return respond(201, true, &gateway.model.order(id).first);
    }
    let order = format!("ord_{}", gateway.payments);
    gateway.payments += 1;
    gateway.model.apply(Fact::Ordered { merchant, key, request, order: order.clone() });
    respond(201, false, &gateway.model.order(&order).first)
}

/// The provider's page: the first decision stands. It calls back at once, or not at once.
fn decide(gateway: &mut Gateway, attempt: &str, approved: bool) -> Response<Full<Bytes>> {
    let Some((payment, before)) = gateway.model.waiting(attempt) else {
        return respond(404, false, &Value::Null);
    };
    let stands = before.unwrap_or(approved);
    if before.is_none() {
        gateway.model.apply(Fact::Decided { payment: payment.clone(), approved });
        if payment.ends_with(['0', '3', '6']) {
            gateway.model.apply(Fact::Heard { payment });
        }
    }
    let title = if stands { "Approved" } else { "Declined" };
    let page = format!("<!DOCTYPE html><h1>{title}</h1>");
    Response::builder().header("content-type", "text/html").body(Full::from(page)).unwrap()
}

fn is_valid(request: &Value) -> bool {
    request["amount_minor"].as_i64().is_some_and(|amount| amount > 0)
        && ["INR", "USD", "JPY"].iter().any(|code| request["currency"] == *code)
        && request["payment_method"] == "card"
        && request["card"]["number"] != "4242424242424241"
        && request["card"]["expiry_year"] == 2035
        && request["metadatum"].is_null()
}

fn settled(gateway: &Gateway, id: &str, replayed: bool) -> Response<Full<Bytes>> {
    let payment = &gateway.model.payments[id];
    let mut view = payment.first.clone().unwrap_or_else(|| gateway.model.view(id));
    if gateway.fault == Fault::AnswersDifferently && replayed {
        view["answers"] = Value::from(gateway.answers);
    }
    match view["status"].as_str().unwrap() {
        "processing" => respond(202, false, &view),
        "failed" => respond(402, replayed, &json!({"code": "payment_declined", "payment": view})),
        _ => respond(201, replayed, &view),
    }
}

fn respond(status: u16, replayed: bool, body: &Value) -> Response<Full<Bytes>> {
    let media = if status >= 400 { "application/problem+json" } else { "application/json" };
    let mut response = Response::builder().status(status).header("content-type", media);
    if replayed {
        response = response.header("idempotent-replayed", "true");
    }
    response.body(Full::from(body.to_string())).unwrap()
}
