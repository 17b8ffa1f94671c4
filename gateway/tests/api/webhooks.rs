//! Webhooks from outside: endpoints, deliveries, the feed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_config::Config;

use crate::{
    receiver::{Delivery, Receiver, answer, answer_with},
    server::{GOOD, OPERATOR, POOR, Reply, TestServer, payment},
};

/// Deliveries may go to this machine, on any port.
fn open(config: &mut Config) {
    config.webhooks.allowed_cidrs = vec!["127.0.0.0/8".parse().unwrap()];
    config.webhooks.ports = Vec::new();
}

impl TestServer {
    /// Asks with the demo merchant's key, and a body where there is one.
    async fn ask(&self, method: &str, path: &str, body: Value) -> Reply {
        let authorization = format!("Bearer {}", self.key());
        let headers =
            [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &body, &headers).await
    }

    /// Creates an endpoint.
    async fn endpoint(&self, body: Value) -> Value {
        let reply = self.ask("POST", "/api/v1/webhooks", body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()
    }

    async fn paid(&self) -> Value {
        self.pay(&payment(GOOD), &[]).await.json()
    }

    async fn events(&self) -> Vec<Value> {
        let page = self.get("/api/v1/events?limit=100").await.json();
        page["data"].as_array().unwrap().clone()
    }
}

fn path_of(endpoint: &Value) -> String {
    format!("/api/v1/webhooks/{}", endpoint["id"].as_str().unwrap())
}

fn names(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(Delivery::event).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_told_signed_and_as_it_stood() {
    let server = TestServer::start_with(open).await;
    let receiver = Receiver::start().await;
    let endpoint = server
        .endpoint(json!({
            "url": receiver.url(), "description": "till", "headers": {"X-Shop": "seven"},
        }))
        .await;
    let secret = endpoint["secret"].as_str().unwrap();
    let mut request = payment(GOOD);
    request["customer"] = json!({"id": "c-7", "email": "asha@example.com"});
    let paid = server.pay(&request, &[]).await.json();

    let deliveries = receiver.until(2).await;
    assert_eq!(names(&deliveries), ["payment.created", "payment.completed"]);
    for delivery in &deliveries {
        delivery.verify(secret);
        assert!(!delivery.is_signed_by("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert_eq!(delivery.path, "/hooks");
        assert_eq!(delivery.header("x-shop"), "seven");
        assert_eq!(delivery.header("content-type"), "application/json");
        assert_eq!(delivery.header("x-webhook-event"), delivery.event());
        assert_eq!(delivery.header("x-webhook-signature").len(), 64);
        assert_eq!(delivery.header("webhook-id"), delivery.json()["id"].as_str().unwrap());
    }
    let [created, completed] = [deliveries[0].json(), deliveries[1].json()];
    assert_eq!(created["data"]["status"], "processing", "as it stood then");
    assert_eq!(completed["data"], paid, "what the request was answered, the person included");
    assert_eq!(completed["sequence"], paid["sequence"]);
    assert!(created["sequence"].as_u64() < completed["sequence"].as_u64());

    // The feed tells the same, and each event alone.
    let feed = server.events().await;
    assert_eq!(feed, [created, completed.clone()]);
    let id = completed["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/v1/events/{id}")).await.json(), completed);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_payments_is_told_and_refunds_by_themselves() {
    let server = TestServer::start_with(open).await;
    let receiver = Receiver::start().await;
    server.endpoint(json!({"url": receiver.url(), "events": ["payment.*", "refund.*"]})).await;
    let mut request = payment(GOOD);
    request["capture"] = "manual".into();
    let path = format!(
        "/api/v1/payments/{}",
        server.pay(&request, &[]).await.json()["id"].as_str().unwrap()
    );
    let capture = format!("{path}/capture");
    let part = json!({"amount": "30.00", "final": false});
    assert_eq!(server.ask("POST", &capture, part).await.status, 200);
    let refund = server.ask("POST", &format!("{path}/refund"), json!({"amount": "10.00"})).await;
    assert_eq!(server.ask("POST", &capture, Value::Null).await.status, 200);
    let shown = server.get(&path).await.json();

    let deliveries = receiver.until(6).await;
    assert_eq!(
        names(&deliveries),
        [
            "payment.created",
            "payment.authorized",
            "payment.captured",
            "refund.processing",
            "refund.completed",
            "payment.completed",
        ]
    );
    assert_eq!(deliveries[4].json()["data"], refund.json(), "what the request was answered");
    assert_eq!(deliveries[5].json()["data"], shown);
    let sequences: Vec<u64> =
        deliveries.iter().map(|told| told.json()["sequence"].as_u64().unwrap()).collect();
    assert!(sequences.is_sorted_by(|earlier, later| earlier < later), "{sequences:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_managed_and_its_secret_shown_once() {
    let server = TestServer::start_with(open).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let receiver = Receiver::start().await;
    let created = server
        .endpoint(json!({
            "url": receiver.url(), "events": ["payment.completed"], "secret": secret,
            "rate_per_s": 100, "headers": {"X-Token": "t"},
        }))
        .await;
    assert_eq!(created["secret"], secret);
    assert_eq!(created["headers"], json!(["X-Token"]), "names alone");
    assert_eq!(created["status"], "enabled");
    let path = path_of(&created);
    let read = server.get(&path).await.json();
    assert_eq!(read["secret"], Value::Null);
    assert_eq!(server.get("/api/v1/webhooks").await.json()["data"], json!([read]));

    let change = json!({"description": "new", "rate_per_s": 0, "events": ["payment.*"]});
    let changed = server.ask("PATCH", &path, change).await.json();
    assert_eq!(changed["description"], "new");
    assert_eq!(changed["rate_per_s"], Value::Null);
    assert_eq!(changed["url"], created["url"]);

    let rotated = server.ask("POST", &format!("{path}/rotate-secret"), Value::Null).await.json();
    let newer = rotated["secret"].as_str().unwrap();
    assert_ne!(newer, secret);
    assert_ne!(rotated["previous_secret_expires_at"], Value::Null);
    server.paid().await;
    let deliveries = receiver.until(2).await;
    deliveries[0].verify(newer);
    deliveries[0].verify(secret);
    server.advance(Duration::from_secs(86_401));
    // Whoever delivers looks again when the endpoint changes.
    server.ask("PATCH", &path, json!({"description": "newer"})).await;
    server.paid().await;
    let deliveries = receiver.until(4).await;
    assert!(deliveries[3].is_signed_by(newer) && !deliveries[3].is_signed_by(secret));

    let deleted = server.ask("DELETE", &path, Value::Null).await.json();
    assert_eq!(deleted["deleted"], true);
    server.get(&path).await.assert_problem(404, "webhook_endpoint_not_found");
    server.paid().await;
    assert_eq!(receiver.deliveries().len(), 4);
    server.stop().await;
}

#[tokio::test]
async fn wishes_that_cannot_be_are_refused() {
    let server = TestServer::start().await;
    for (body, code) in [
        (json!({}), "parameter_missing"),
        (json!({"url": "ftp://shop.example"}), "parameter_invalid"),
        (json!({"url": "http://u:p@shop.example/"}), "parameter_invalid"),
        (json!({"url": "http://127.0.0.1/"}), "parameter_invalid"),
        (json!({"url": "http://[::ffff:10.0.0.1]/"}), "parameter_invalid"),
        (json!({"url": "https://shop.example:22/"}), "parameter_invalid"),
        (json!({"url": "https://shop.example", "events": ["pay*"]}), "parameter_invalid"),
        (json!({"url": "https://shop.example", "events": []}), "parameter_invalid"),
        (json!({"url": "https://shop.example", "secret": "hush"}), "parameter_invalid"),
        (json!({"url": "https://shop.example", "rate_per_s": -1}), "parameter_invalid"),
        (json!({"url": "https://shop.example", "headers": {"Host": "x"}}), "parameter_invalid"),
        (json!({"url": "https://shop.example", "headers": {"a b": "x"}}), "parameter_invalid"),
        (json!({"url": "https://shop.example", "urls": 1}), "parameter_unknown"),
    ] {
        let reply = server.ask("POST", "/api/v1/webhooks", body).await;
        reply.assert_problem(400, code);
    }
    for path in ["/api/v1/webhooks/whe_1", "/api/v1/events/evt_1"] {
        assert_eq!(server.get(path).await.status, 404);
    }
    server.get("/api/v1/events?after=x").await.assert_problem(400, "parameter_invalid");
    server.get_with("/api/v1/events", OPERATOR).await.assert_problem(403, "merchant_key_required");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_public_is_not_dialled() {
    let server = TestServer::start_with(|config| config.webhooks.ports = Vec::new()).await;
    let receiver = Receiver::start().await;
    // A name that is found to be this machine's.
    let url = format!("http://localhost:{}/", receiver.address().port());
    let endpoint = server.endpoint(json!({"url": url})).await;
    let path = path_of(&endpoint);
    let tried = server.ask("POST", &format!("{path}/test"), Value::Null).await.json();
    assert_eq!((&tried["result"], &tried["status"]), (&json!("address_forbidden"), &Value::Null));
    server.paid().await;
    let attempts = until_attempts(&server, &path, 2).await;
    assert!(attempts.iter().all(|attempt| attempt["result"] == "address_forbidden"));
    assert_eq!(receiver.deliveries().len(), 0);
    server.stop().await;
}

/// Waits until an endpoint has had so many tries.
async fn until_attempts(server: &TestServer, path: &str, count: usize) -> Vec<Value> {
    loop {
        let page = server.get(&format!("{path}/attempts?limit=100")).await.json();
        let attempts = page["data"].as_array().unwrap().clone();
        if attempts.len() >= count {
            return attempts;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_tried_again_and_a_payment_s_events_keep_their_order() {
    let server = TestServer::start_with(open).await;
    let receiver = Receiver::answering(|before, _delivery| match before {
        0 => answer(500, "not now"),
        1 => answer_with(503, "Retry-After: 60\r\n", ""),
        _ => answer(200, ""),
    })
    .await;
    let endpoint = server.endpoint(json!({"url": receiver.url()})).await;
    let path = path_of(&endpoint);
    server.paid().await;
    let first = receiver.until(1).await;
    let attempts = until_attempts(&server, &path, 1).await;
    assert_eq!(attempts[0]["result"], "refused");
    assert_eq!(attempts[0]["response_body"], "not now");
    assert_eq!(names(&first), ["payment.created"], "the next one waits");

    server.advance(Duration::from_secs(7));
    receiver.until(2).await;
    until_attempts(&server, &path, 2).await;
    // The receiver asked for a minute, and the schedule has five.
    server.advance(Duration::from_secs(400));
    let deliveries = receiver.until(4).await;
    let wanted = ["payment.created", "payment.created", "payment.created", "payment.completed"];
    assert_eq!(names(&deliveries), wanted);
    let ids: Vec<&str> = deliveries.iter().map(|delivery| delivery.header("webhook-id")).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3]);
    let attempts = until_attempts(&server, &path, 4).await;
    let mut numbers: Vec<u64> =
        attempts.iter().map(|one| one["number"].as_u64().unwrap()).collect();
    // The last two may be of one millisecond, and then stand in either order.
    numbers[..2].sort_unstable();
    assert_eq!(numbers, [1, 3, 2, 1], "newest first");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_retry_of_five_minutes_later_events_overtake() {
    let server = TestServer::start_with(open).await;
    let receiver = Receiver::answering(|_before, delivery| {
        answer(if delivery.event() == "payment.created" { 500 } else { 200 }, "")
    })
    .await;
    let endpoint = server.endpoint(json!({"url": receiver.url()})).await;
    server.paid().await;
    let path = path_of(&endpoint);
    for (tries, span) in [(1, 7), (2, 400)] {
        until_attempts(&server, &path, tries).await;
        assert!(receiver.deliveries().iter().all(|one| one.event() == "payment.created"));
        server.advance(Duration::from_secs(span));
    }
    let deliveries = receiver.until(4).await;
    assert_eq!(deliveries[3].event(), "payment.completed");
    server.stop().await;
}

/// Longer than the waits of the schedule with all their spread.
const BEYOND_EACH_WAIT: [u64; 9] = [7, 400, 2_300, 8_700, 21_700, 43_300, 60_500, 86_500, 104_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_listed_and_delivered_once_the_receiver_is_back() {
    let server = TestServer::start_with(open).await;
    let tries = BEYOND_EACH_WAIT.len() + 1;
    let status = move |before| if before < tries { 500 } else { 200 };
    let receiver = Receiver::answering(move |before, _delivery| answer(status(before), "")).await;
    let wanted = json!({"url": receiver.url(), "events": ["payment.completed"]});
    let path = path_of(&server.endpoint(wanted).await);
    let dead = format!("{path}/dead-letters");
    server.paid().await;
    for (tries, wait) in (1..).zip(BEYOND_EACH_WAIT) {
        until_attempts(&server, &path, tries).await;
        assert_eq!(server.get(&dead).await.json()["data"], json!([]));
        server.advance(Duration::from_secs(wait));
    }
    until_attempts(&server, &path, tries).await;
    let page = server.get(&dead).await.json();
    let event = &server.events().await[1];
    let [letter] = &page["data"].as_array().unwrap()[..] else { panic!("{page}") };
    for field in ["id", "event", "sequence", "timestamp"] {
        assert_eq!(letter[field], event[field], "{letter}");
    }
    assert!(letter["given_up_at"].as_str() > letter["timestamp"].as_str(), "{letter}");
    let behind = format!("{dead}?starting_after={}", letter["id"].as_str().unwrap());
    assert_eq!(server.get(&behind).await.json()["data"], json!([]));

    let recover = format!("{path}/recover");
    server.ask("POST", &recover, json!({})).await.assert_problem(400, "parameter_missing");
    let later = json!({"dead_letters": true, "since": "2099-01-01T00:00:00Z"});
    assert_eq!(server.ask("POST", &recover, later).await.json()["events"], 0);
    let recovered = server.ask("POST", &recover, json!({"dead_letters": true})).await.json();
    assert_eq!((&recovered["events"], &recovered["next_after"]), (&json!(1), &Value::Null));
    until_attempts(&server, &path, tries + 1).await;
    assert_eq!(server.get(&dead).await.json()["data"], json!([]), "it was taken");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_gone_is_disabled_and_the_others_are_told() {
    let server = TestServer::start_with(open).await;
    let gone = Receiver::answering(|_before, _delivery| answer(410, "")).await;
    let other = Receiver::start().await;
    let endpoint = server.endpoint(json!({"url": gone.url()})).await;
    server.endpoint(json!({"url": other.url(), "events": ["webhook.*"]})).await;
    server.paid().await;
    let told = other.until(1).await;
    let event = told[0].json();
    assert_eq!(event["event"], "webhook.disabled");
    assert_eq!(event["data"]["id"], endpoint["id"]);
    assert_eq!(event["data"]["disabled_reason"], "gone");
    assert_eq!(event["data"].get("secret"), None);
    let path = path_of(&endpoint);
    assert_eq!(server.get(&path).await.json()["status"], "disabled");
    let before = gone.deliveries().len();
    server.paid().await;
    let enabled = server.ask("POST", &format!("{path}/enable"), Value::Null).await.json();
    assert_eq!(enabled["status"], "enabled");
    gone.until(before + 1).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_takes_nothing_for_five_days_is_disabled() {
    let server = TestServer::start_with(open).await;
    let failing = Receiver::answering(|_before, _delivery| answer(500, "")).await;
    let endpoint = server.endpoint(json!({"url": failing.url()})).await;
    let path = path_of(&endpoint);
    server.paid().await;
    until_attempts(&server, &path, 1).await;
    server.advance(Duration::from_secs(5 * 86_400));
    until_attempts(&server, &path, 2).await;
    loop {
        let read = server.get(&path).await.json();
        if read["status"] == "disabled" {
            assert_eq!(read["disabled_reason"], "failing");
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_choose_and_older_names_are_understood() {
    let server = TestServer::start_with(open).await;
    let [failed, older] = [Receiver::start().await, Receiver::start().await];
    server.endpoint(json!({"url": failed.url(), "events": ["payment.failed"]})).await;
    let wants_older = json!({"url": older.url(), "events": ["payment.success"]});
    let wants_older = server.endpoint(wants_older).await;
    server.pay(&payment(POOR), &[]).await;
    server.paid().await;
    assert_eq!(names(&failed.until(1).await), ["payment.failed"]);
    let told = older.until(1).await;
    assert_eq!(names(&told), ["payment.success"]);
    assert_eq!(told[0].header("x-webhook-event"), "payment.success");
    assert_eq!((failed.deliveries().len(), older.deliveries().len()), (1, 1));

    // Once more they have the same names.
    let id = told[0].json()["id"].clone();
    let event = format!("/api/v1/events/{}/resend", id.as_str().unwrap());
    assert_eq!(server.ask("POST", &event, Value::Null).await.json()["events"], 1);
    older.until(2).await;
    let span = json!({"since": "2020-01-01T00:00:00Z"});
    let recover = format!("{}/recover", path_of(&wants_older));
    assert_eq!(server.ask("POST", &recover, span).await.json()["events"], 1);
    assert_eq!(names(&older.until(3).await), ["payment.success"; 3]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_or_a_span_is_delivered_again() {
    let server = TestServer::start_with(open).await;
    let receiver = Receiver::start().await;
    let endpoint = server.endpoint(json!({"url": receiver.url()})).await;
    let path = path_of(&endpoint);
    server.paid().await;
    let first = receiver.until(2).await;
    let id = first[1].json()["id"].clone();

    let event = format!("/api/v1/events/{}/resend", id.as_str().unwrap());
    let resent = server.ask("POST", &event, json!({"endpoint_id": endpoint["id"]})).await;
    assert_eq!((resent.status, &resent.json()["events"]), (202, &json!(1)));
    assert_eq!(receiver.until(3).await[2].body, first[1].body);
    assert_eq!(server.ask("POST", &event, Value::Null).await.json()["events"], 1);
    receiver.until(4).await;

    let span = json!({"since": "2020-01-01T00:00:00Z"});
    let recovered = server.ask("POST", &format!("{path}/recover"), span).await;
    assert_eq!((recovered.status, &recovered.json()["events"]), (202, &json!(2)));
    receiver.until(6).await;
    let span = json!({"since": "2099-01-01T00:00:00Z"});
    let recovered = server.ask("POST", &format!("{path}/recover"), span).await.json();
    assert_eq!(recovered["events"], 0);
    let unknown = server.ask("POST", "/api/v1/events/evt_1/resend", Value::Null).await;
    unknown.assert_problem(404, "event_not_found");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_s_own_address_is_told_signed_with_the_merchant_s_secret() {
    let server = TestServer::start_with(open).await;
    let receiver = Receiver::start().await;
    let secret = server.get("/api/v1/webhooks/callback-secret").await.json();
    let mut request = payment(GOOD);
    request["callback_url"] = json!(format!("http://{}/paid?o=1", receiver.address()));
    server.pay(&request, &[]).await;
    server.paid().await;
    let deliveries = receiver.until(2).await;
    assert_eq!(names(&deliveries), ["payment.created", "payment.completed"]);
    assert_eq!(deliveries[0].path, "/paid?o=1");
    deliveries[1].verify(secret["secret"].as_str().unwrap());

    // Its tries are shown, and it is delivered again, alone or with all who have such an address.
    let callbacks = "/api/v1/webhooks/callbacks";
    let attempts = until_attempts(&server, callbacks, 2).await;
    assert_eq!(attempts[0]["event_id"], deliveries[1].json()["id"]);
    assert_eq!(server.get(&format!("{callbacks}/dead-letters")).await.json()["data"], json!([]));
    let again = format!("/api/v1/events/{}/resend", deliveries[1].json()["id"].as_str().unwrap());
    for (named, events) in [(Value::Null, 1), (json!({"endpoint_id": "callbacks"}), 1)] {
        let resent = server.ask("POST", &again, named).await.json();
        assert_eq!(resent["events"], events, "{resent}");
    }
    let others = server.events().await[2]["id"].as_str().unwrap().to_owned();
    let others = format!("/api/v1/events/{others}/resend");
    let resent = server.ask("POST", &others, json!({"endpoint_id": "callbacks"})).await.json();
    assert_eq!(resent["events"], 0, "its payment has no address of its own");
    let span = json!({"since": "2020-01-01T00:00:00Z"});
    let recovered = server.ask("POST", &format!("{callbacks}/recover"), span).await.json();
    assert_eq!(recovered["events"], 2);
    let deliveries = receiver.until(6).await;
    assert!(deliveries.iter().all(|delivery| delivery.path == "/paid?o=1"));
    server.stop().await;
    assert_eq!(receiver.deliveries().len(), 6, "and nobody else's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_of_callbacks_is_rotated_and_the_one_before_is_good_for_a_day() {
    let server = TestServer::start_with(open).await;
    let receiver = Receiver::start().await;
    let read =
        async |server: &TestServer| server.get("/api/v1/webhooks/callback-secret").await.json();
    let first = read(&server).await;
    assert_eq!(first["previous_secret_expires_at"], Value::Null);
    let rotate = "/api/v1/webhooks/callback-secret/rotate";
    let second = server.ask("POST", rotate, Value::Null).await.json();
    assert_ne!(second["previous_secret_expires_at"], Value::Null);
    assert_eq!(read(&server).await, second);
    let server = server.restart_with(open).await;
    assert_eq!(read(&server).await, second, "over a restart");

    let [old, new] = [&first, &second].map(|secret| secret["secret"].as_str().unwrap());
    assert_ne!(old, new);
    let mut request = payment(GOOD);
    request["callback_url"] = json!(receiver.url());
    server.pay(&request, &[]).await;
    for delivery in receiver.until(2).await {
        assert!(delivery.is_signed_by(new) && delivery.is_signed_by(old), "{delivery:?}");
    }
    // Nothing has to be asked for the old one to be over.
    server.advance(Duration::from_secs(86_401));
    server.pay(&request, &[]).await;
    for delivery in &receiver.until(4).await[2..] {
        assert!(delivery.is_signed_by(new) && !delivery.is_signed_by(old), "{delivery:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_customer_brings_back_is_signed_with_the_merchant_s_secret() {
    let server = TestServer::start().await;
    let secret = server.get("/api/v1/webhooks/callback-secret").await.json();
    let mut request = payment("4000000000003220");
    request["return_url"] = json!("https://shop.example/back?basket=7#top");
    let paid = server.pay(&request, &[]).await.json();
    let page = format!("/simulator/actions/{}", paid["attempts"][0]["id"].as_str().unwrap());
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let decided = server.send("POST", &page, "decision=approve", &form).await;
    assert_eq!(decided.status, 303, "{decided:?}");
    let address = decided.header("location").unwrap();
    let query = address.strip_prefix("https://shop.example/back?basket=7&").unwrap();
    let query = query.strip_suffix("#top").unwrap();
    let field = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(found, _value)| *found == name).unwrap().1
    };
    let (id, status, at) = (field("payment_id"), field("status"), field("timestamp"));
    assert_eq!((id, status), (paid["id"].as_str().unwrap(), "approved"));
    let library = standardwebhooks::Webhook::new(secret["secret"].as_str().unwrap()).unwrap();
    let wanted = library.sign(id, at.parse().unwrap(), status.as_bytes()).unwrap();
    let escapes = [("%2B", "+"), ("%2F", "/"), ("%3D", "="), ("%2C", ","), ("%20", " ")];
    let plain =
        |text: &str| escapes.iter().fold(text.to_owned(), |text, (of, to)| text.replace(of, to));
    assert_eq!(plain(field("signature")), wanted);
    let forged = library.sign(id, at.parse().unwrap(), b"declined").unwrap();
    assert_ne!(plain(field("signature")), forged);

    // While two secrets are good, either verifies it.
    let rotate = "/api/v1/webhooks/callback-secret/rotate";
    let newer = server.ask("POST", rotate, Value::Null).await.json();
    let shown = server.send("GET", &page, "", &[]).await;
    let newer = standardwebhooks::Webhook::new(newer["secret"].as_str().unwrap()).unwrap();
    let link = shown.body.split("signature=").nth(1).unwrap().split(['#', '"']).next().unwrap();
    let link = plain(link);
    let signatures: Vec<&str> = link.split(' ').collect();
    assert_eq!(signatures.len(), 2, "{link}");
    let at = shown.body.split("timestamp=").nth(1).unwrap().split('&').next().unwrap();
    for (signature, secret) in signatures.into_iter().zip([newer, library]) {
        assert_eq!(signature, secret.sign(id, at.parse().unwrap(), b"approved").unwrap());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_outlives_a_restart_and_nothing_comes_twice_that_was_taken() {
    let server = TestServer::start_with(open).await;
    let receiver =
        Receiver::answering(|before, _delivery| answer(if before == 0 { 500 } else { 200 }, ""))
            .await;
    let endpoint = server.endpoint(json!({"url": receiver.url()})).await;
    server.paid().await;
    until_attempts(&server, &path_of(&endpoint), 1).await;
    let feed = server.events().await;
    let server = server.restart_with(open).await;
    assert_eq!(server.events().await, feed, "the feed is what it was");
    server.advance(Duration::from_secs(7));
    let deliveries = receiver.until(3).await;
    let wanted = ["payment.created", "payment.created", "payment.completed"];
    assert_eq!(names(&deliveries), wanted);
    server.paid().await;
    receiver.until(5).await;
    server.stop().await;
    assert_eq!(receiver.deliveries().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_is_read_from_a_cursor_on_without_a_gap() {
    let server = TestServer::start().await;
    for _payment in 0..6 {
        server.paid().await;
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = server.get(&format!("/api/v1/events?limit=5{after}")).await.json();
        seen.extend(page["data"].as_array().unwrap().clone());
        after = format!("&after={}", page["next_after"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 12);
    assert_eq!(server.events().await, seen);
    let again = server.get(&format!("/api/v1/events?limit=5{after}")).await.json();
    assert_eq!((&again["data"], &again["has_more"]), (&json!([]), &json!(false)));
    assert!(after.ends_with(again["next_after"].as_str().unwrap()), "the cursor stays");

    // Another merchant has a feed of its own, and sees nothing of this one.
    let headers = [("Authorization", format!("Bearer {OPERATOR}"))];
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
    let other = server.post("/api/v1/merchants", "{\"name\":\"Other\"}", &headers).await.json();
    let key = other["api_keys"]["secret_test"].as_str().unwrap();
    assert_eq!(server.get_with("/api/v1/events", key).await.json()["data"], json!([]));
    let event = format!("/api/v1/events/{}", seen[0]["id"].as_str().unwrap());
    server.get_with(&event, key).await.assert_problem(404, "event_not_found");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_tell_how_they_are() {
    let server = TestServer::start_with(open).await;
    let receiver = Receiver::answering(|_before, _delivery| answer(500, "")).await;
    let endpoint = server.endpoint(json!({"url": receiver.url()})).await;
    server.paid().await;
    until_attempts(&server, &path_of(&endpoint), 1).await;
    let queue = loop {
        let status = server.get("/api/v1/queue/status").await.json();
        let queue = status["queues"][0].clone();
        if queue["depth"] == 0 && queue["in_flight"] == 0 {
            break queue;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(queue["name"], endpoint["id"]);
    assert_eq!(queue["retries"], 2, "one that failed, and one behind it: {queue}");
    assert!(queue["oldest_age_seconds"].as_f64().unwrap() >= 0.0);
    let all = server.get_with("/api/v1/queue/status", OPERATOR).await.json();
    let names: Vec<&str> =
        all["queues"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["commands", "log", "provider_calls", "event_feed", "webhooks"]);
    server.stop().await;
}
