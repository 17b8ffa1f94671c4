//! A gateway in memory, small enough to be seen to be right, with faults to plant.
//!
//! Not here: a log, processes and restarts; those are the kill audit's.

use std::collections::HashMap;
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
}

struct Gateway {
    fault: Fault,
    first_payment: Option<Instant>,
    merchants: usize,
    /// By merchant's key and idempotency key.
    keys: HashMap<(String, String), usize>,
    payments: Vec<Payment>,
    answers: u64,
}

struct Payment {
    merchant: String,
    request: Value,
    status: &'static str,
}

type Shared = Arc<Mutex<Gateway>>;

/// Serves until the test's runtime ends; gives the address.
pub(crate) async fn start(fault: Fault) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let gateway = Arc::new(Mutex::new(Gateway {
        fault,
        first_payment: None,
        merchants: 0,
        keys: HashMap::new(),
        payments: Vec::new(),
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
        (&Method::GET, "/simulator/ledger") if key == OPERATOR => {
            ledger_page(&gateway.lock(), head.uri.query().unwrap_or_default())
        }
        (&Method::POST, "/api/v1/payments") if key.starts_with("sk_test_") => {
            stall(gateway).await;
            let asynchronous = header("prefer") == "respond-async";
            pay(&mut gateway.lock(), key, header("idempotency-key"), &body, asynchronous)
        }
        (&Method::GET, path) if key.starts_with("sk_test_") => {
            let gateway = gateway.lock();
            let id = path.strip_prefix("/api/v1/payments/pay_").unwrap().parse::<usize>().unwrap();
            let lost = gateway.fault == Fault::LosesPayments && id % 10 == 0;
            match gateway.payments.get(id) {
                Some(payment) if payment.merchant == key && !lost => {
                    respond(200, false, &view(id, payment))
                }
                Some(_) | None => respond(404, false, &json!({"code": "payment_not_found"})),
            }
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
    let slot = (merchant.clone(), key);
    if let Some(&id) = gateway.keys.get(&slot).filter(|_| gateway.fault != Fault::ForgetsKeys) {
        if gateway.payments[id].request != request && gateway.fault != Fault::AcceptsReuse {
            return respond(422, false, &json!({"code": "idempotency_key_reused"}));
        }
        if gateway.payments[id].status == "processing" && gateway.fault != Fault::NeverSettles {
            gateway.payments[id].status = "completed";
            return settled(gateway, id, false);
        }
        return settled(gateway, id, true);
    }
    let status = match (request["card"]["number"].as_str(), request["capture"].as_str()) {
        (Some("4000000000000002" | "4000000000009995"), _) => "failed",
        (Some("4000000000003220"), _) => "requires_action",
        (_, Some("manual")) => "authorized",
        _ if asynchronous => "processing",
        _ => "completed",
    };
    let id = gateway.payments.len();
    gateway.payments.push(Payment { merchant, request, status });
    gateway.keys.insert(slot, id);
    settled(gateway, id, false)
}

fn is_valid(request: &Value) -> bool {
    request["amount_minor"].as_i64().is_some_and(|amount| amount > 0)
        && ["INR", "USD", "JPY"].iter().any(|code| request["currency"] == *code)
        && request["payment_method"] == "card"
        && request["card"]["number"] != "4242424242424241"
        && request["card"]["expiry_year"] == 2035
        && request["metadatum"].is_null()
}

fn settled(gateway: &Gateway, id: usize, replayed: bool) -> Response<Full<Bytes>> {
    let payment = &gateway.payments[id];
    let mut view = view(id, payment);
    if gateway.fault == Fault::AnswersDifferently && replayed {
        view["answers"] = Value::from(gateway.answers);
    }
    match payment.status {
        "processing" => respond(202, false, &view),
        "failed" => respond(402, replayed, &json!({"code": "payment_declined", "payment": view})),
        _ => respond(201, replayed, &view),
    }
}

fn view(id: usize, payment: &Payment) -> Value {
    json!({
        "id": format!("pay_{id}"),
        "status": payment.status,
        "amount_minor": payment.request["amount_minor"],
        "currency": payment.request["currency"],
    })
}

fn ledger_page(gateway: &Gateway, query: &str) -> Response<Full<Bytes>> {
    let number = |name| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.parse::<usize>().unwrap())
    };
    let (limit, from) = (number("limit").unwrap(), number("after").unwrap_or(0));
    let mut entries = Vec::new();
    for (id, payment) in gateway.payments.iter().enumerate() {
        let tenth = id % 10 == 0;
        let state = match (payment.status, gateway.fault) {
            ("completed" | "authorized", _) | ("failed", Fault::ChargesDeclined) => "approved",
            ("failed", _) => "declined",
            _ => continue,
        };
        let amount = payment.request["amount_minor"].as_i64().unwrap();
        let more = i64::from(tenth && gateway.fault == Fault::ChargesMore);
        let times = 1 + usize::from(tenth && gateway.fault == Fault::ChargesTwice);
        for time in 0..times {
            entries.push(json!({
                "attempt_id": format!("att_{id}_{time}"),
                "payment_id": format!("pay_{id}"),
                "amount_minor": amount + more,
                "currency": payment.request["currency"],
                "state": state,
                "calls": 1,
            }));
        }
    }
    let until = entries.len().min(from + limit);
    let has_more = until < entries.len();
    let page = &entries[from.min(until)..until];
    let next = has_more.then_some(until);
    respond(200, false, &json!({"data": page, "has_more": has_more, "next": next}))
}

fn respond(status: u16, replayed: bool, body: &Value) -> Response<Full<Bytes>> {
    let media = if status >= 400 { "application/problem+json" } else { "application/json" };
    let mut response = Response::builder().status(status).header("content-type", media);
    if replayed {
        response = response.header("idempotent-replayed", "true");
    }
    response.body(Full::from(body.to_string())).unwrap()
}
