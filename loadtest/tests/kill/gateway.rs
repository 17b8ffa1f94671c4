//! A gateway small enough to be seen to be right, with faults to plant.
//!
//! One file is its log: a line for each fact, written before anything is told to anyone. Lines reach
//! the kernel at once, so they outlive SIGKILL, which is all that is asked of it here.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::model::{Fact, Keyed, Model};

const MERCHANT: &str = "sk_test_0";
const OPERATOR: &str = "ak_0";

/// Between two facts of a payment, so that a kill finds some payments between them.
const A_MOMENT: Duration = Duration::from_millis(2);

/// How long an unknown outcome takes to be inquired.
const INQUIRY_AFTER: Duration = Duration::from_millis(40);

struct Gateway {
    log: Log,
    model: Model,
    /// Payments that were answered with 202, or found open after a restart.
    accepted: HashSet<String>,
    fault: String,
    restarted: bool,
}

struct Log {
    file: File,
    waiting: Vec<u8>,
    /// Lines are written when so many bytes wait.
    written_from: usize,
}

type Shared = Arc<Mutex<Gateway>>;

pub(crate) async fn serve(arguments: &[String]) {
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let data_dir = PathBuf::from(value("--data-dir").unwrap());
    assert_eq!(value("--listen").as_deref(), Some("127.0.0.1:0"));
    assert!(std::env::var_os("TOLLGATE_ADMIN_KEY").is_none());
    let fault = value("--fault").unwrap_or_default();
    let restarted = data_dir.join("log").exists();
    if fault == "does_not_start" || (fault == "stays_down" && restarted) {
        eprintln!("told not to start");
        std::process::exit(1);
    }
    let gateway = Gateway::open(&data_dir, fault, restarted);

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    println!("the demo merchant's key is {MERCHANT}");
    println!("listening on http://{}", listener.local_addr().unwrap());
    println!("metrics on http://{}", listener.local_addr().unwrap());
    recover(&gateway);
    exit_on_sigterm(&gateway);
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
}

impl Gateway {
    fn open(data_dir: &Path, fault: String, restarted: bool) -> Shared {
        std::fs::write(data_dir.join("demo.key"), format!("{MERCHANT}\n")).unwrap();
        std::fs::write(data_dir.join("operator.key"), format!("{OPERATOR}\n")).unwrap();
        let path = data_dir.join("log");
        let file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let written_from = if fault == "buffers_its_log" { 64 << 10 } else { 0 };
        let mut gateway = Self {
            log: Log { file, waiting: Vec::new(), written_from },
            model: Model::default(),
            accepted: HashSet::new(),
            fault,
            restarted,
        };
        for line in std::fs::read_to_string(path).unwrap().lines() {
            gateway.model.apply(serde_json::from_str(line).unwrap());
        }
        gateway.accepted.extend(gateway.model.payments.keys().cloned());
        Arc::new(Mutex::new(gateway))
    }

    fn record(&mut self, fact: Fact) {
        serde_json::to_writer(&mut self.log.waiting, &fact).unwrap();
        self.log.waiting.push(b'\n');
        if self.log.waiting.len() > self.log.written_from {
            self.log.file.write_all(&self.log.waiting).unwrap();
            self.log.waiting.clear();
        }
        self.model.apply(fact);
    }
}

/// Payments found open are inquired; the provider's books tell how they ended.
fn recover(gateway: &Shared) {
    let guard = gateway.lock();
    for (id, payment) in &guard.model.payments {
        if payment.first.is_none() {
            tokio::spawn(resolve(Arc::clone(gateway), id.clone(), INQUIRY_AFTER));
        }
    }
}

fn exit_on_sigterm(gateway: &Shared) {
    let code = i32::from(gateway.lock().fault == "exits_badly") * 3;
    let mut signal =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    tokio::spawn(async move {
        signal.recv().await;
        std::process::exit(code);
    });
}

async fn resolve(gateway: Shared, id: String, after: Duration) {
    tokio::time::sleep(after).await;
    let (fault, charged) = {
        let guard = gateway.lock();
        (guard.fault.clone(), guard.model.payments[&id].charges.clone())
    };
    match (fault.as_str(), charged.last()) {
        ("never_resolves", _) => return,
        ("guesses_failed", Some(true)) => {
            let status = "failed".to_owned();
            return gateway.lock().record(Fact::Ended { payment: id, status });
        }
        ("charges_again", _) | (_, None) => charge(&gateway, &id),
        (_, Some(_)) => {}
    }
    tokio::time::sleep(A_MOMENT).await;
    end(&gateway, id);
}

fn charge(gateway: &Shared, id: &str) {
    let mut guard = gateway.lock();
    let request = &guard.model.payments[id].request;
    let approved = request["card"]["number"] == "4242424242424242"
        && !matches!(simulated(request), "not_sent" | "timeout_before_approval");
    guard.record(Fact::Charged { payment: id.to_owned(), approved });
}

fn end(gateway: &Shared, id: String) {
    let mut guard = gateway.lock();
    let payment = &guard.model.payments[&id];
    let status = match payment.charges.last() {
        Some(true) if payment.is_held() => "review",
        Some(true) if payment.is_manual() => "authorized",
        Some(true) => "completed",
        Some(false) | None => "failed",
    };
    let status = status.to_owned();
    guard.record(Fact::Ended { payment: id, status });
}

fn simulated(request: &Value) -> &str {
    request["metadata"]["simulator"].as_str().unwrap_or_default()
}

async fn answer(gateway: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap());
    let authorized = |key: &str| header("authorization") == Some(&format!("Bearer {key}"));
    let path = head.uri.path();
    match (&head.method, path) {
        (&Method::GET, "/ready") => respond(200, false, &Value::Null),
        (&Method::POST, "/api/v1/payments") if authorized(MERCHANT) => {
            let body = body.collect().await.unwrap().to_bytes();
            let request = serde_json::from_slice(&body).unwrap();
            let asynchronous = header("prefer") == Some("respond-async");
            pay(gateway, header("idempotency-key").unwrap(), request, asynchronous).await
        }
        (&Method::POST, "/api/v1/orders") if authorized(MERCHANT) => {
            let key = header("idempotency-key").unwrap().to_owned();
            let body = body.collect().await.unwrap().to_bytes();
            order(&mut gateway.lock(), &key, serde_json::from_slice(&body).unwrap())
        }
        (&Method::POST, _) if authorized(MERCHANT) => {
            let key = header("idempotency-key").unwrap().to_owned();
            let body = body.collect().await.unwrap().to_bytes();
            let request = serde_json::from_slice(&body).unwrap();
            operate(&mut gateway.lock(), key, path, request)
        }
        (&Method::GET, _) if authorized(MERCHANT) || authorized(OPERATOR) => {
            let merchant = authorized(MERCHANT).then_some(MERCHANT);
            let query = head.uri.query().unwrap_or_default();
            let (status, body) = gateway.lock().model.read(merchant, path, query);
            respond(status, false, &body)
        }
        _ => respond(401, false, &json!({"code": "unauthorized"})),
    }
}

async fn pay(
    gateway: &Shared,
    key: &str,
    request: Value,
    asynchronous: bool,
) -> Response<Full<Bytes>> {
    let id = {
        let mut guard = gateway.lock();
        if let Some(Keyed::Payment(id)) = guard.model.keys.get(&slot(key)) {
            let (id, known) = (id.clone(), &guard.model.payments[id]);
            if known.request != request && guard.fault != "accepts_reuse" {
                return respond(422, false, &json!({"code": "idempotency_key_reused"}));
            }
            return match (&known.first, guard.accepted.contains(&id)) {
                (Some(_), _) => last_word(&guard, &id, true),
                (None, true) => respond(202, false, &guard.model.view(&id)),
                (None, false) => respond(409, false, &json!({"code": "idempotency_key_in_use"})),
            };
        }
        if let Some((status, code)) = guard.model.judge_payment(&request) {
            return respond(status, false, &json!({"code": code}));
        }
        let id = format!("pay_{:016x}", rand::random::<u64>());
        let (merchant, key) = slot(key);
        guard.record(Fact::Created { merchant, key, request, payment: id.clone() });
        if guard.fault == "dies_by_itself" && guard.model.payments.len() > 50 {
            std::process::exit(9);
        }
        id
    };
    let request = gateway.lock().model.payments[&id].request.clone();
    match simulated(&request) {
        "timeout_before_approval" => {}
        "timeout_after_approval" => charge(gateway, &id),
        fault => {
            if !asynchronous {
                tokio::time::sleep(if fault == "latency:50" { A_MOMENT * 25 } else { A_MOMENT })
                    .await;
                charge(gateway, &id);
                tokio::time::sleep(A_MOMENT).await;
                end(gateway, id.clone());
                return last_word(&gateway.lock(), &id, false);
            }
        }
    }
    gateway.lock().accepted.insert(id.clone());
    tokio::spawn(resolve(Arc::clone(gateway), id.clone(), INQUIRY_AFTER));
    respond(202, false, &gateway.lock().model.view(&id))
}

/// Does something to a payment, at once and for good.
fn operate(
    gateway: &mut Gateway,
    key: String,
    path: &str,
    request: Value,
) -> Response<Full<Bytes>> {
    let whose = path.strip_prefix("/api/v1/payments/");
    let path = whose.or(path.strip_prefix("/api/v1/reviews/")).unwrap();
    let (payment, kind) = path.split_once('/').unwrap();
    let slot = slot(&key);
    if let Some(Keyed::Deed { request: known, status, body }) = gateway.model.keys.get(&slot) {
        let same = *known == json!([payment, kind, request]);
        let forgets = gateway.fault == "refunds_again" && kind == "refund" && same;
        if !same && gateway.fault != "accepts_reuse" {
            return respond(422, false, &json!({"code": "idempotency_key_reused"}));
        }
        if !forgets || !gateway.restarted {
            return respond(*status, true, body);
        }
    }
    let amount = match gateway.model.judge(MERCHANT, payment, kind, &request) {
        Err((status, code)) => return respond(status, false, &json!({"code": code})),
        Ok(amount) => amount,
    };
    let (payment, kind) = (payment.to_owned(), kind.to_owned());
    let merchant = MERCHANT.to_owned();
    gateway.record(Fact::Done { merchant, key, payment, kind, request, amount });
    match gateway.model.keys.get(&slot) {
        Some(Keyed::Deed { status, body, .. }) => respond(*status, false, body),
        Some(Keyed::Payment(_) | Keyed::Order(_)) | None => unreachable!("it was done"),
    }
}

fn order(gateway: &mut Gateway, key: &str, request: Value) -> Response<Full<Bytes>> {
    let (merchant, key) = slot(key);
    if let Some(Keyed::Order(id)) = gateway.model.keys.get(&(merchant.clone(), key.clone())) {
        let known = gateway.model.order(id);
        if known.request != request && gateway.fault != "accepts_reuse" {
            return respond(422, false, &json!({"code": "idempotency_key_reused"}));
        }
        return respond(201, true, &known.first);
    }
    let order = format!("ord_{:016x}", rand::random::<u64>());
    gateway.record(Fact::Ordered { merchant, key, request, order: order.clone() });
    respond(201, false, &gateway.model.order(&order).first)
}

fn slot(key: &str) -> (String, String) {
    (MERCHANT.to_owned(), key.to_owned())
}

fn last_word(gateway: &Gateway, id: &str, replayed: bool) -> Response<Full<Bytes>> {
    let mut view = gateway.model.payments[id].first.clone().unwrap();
    if gateway.fault == "changes_bytes" && gateway.restarted {
        view["restarted"] = Value::from(true);
    }
    if view["status"] == "failed" {
        respond(402, replayed, &json!({"code": "card_declined", "payment": view}))
    } else {
        respond(201, replayed, &view)
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
