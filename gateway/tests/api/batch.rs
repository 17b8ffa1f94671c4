//! Batches: up to 500 payments, one answer each.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::server::{GOOD, POOR, Reply, TestServer, payment};

const BATCH: &str = "/api/v1/payments/batch";

async fn post(server: &TestServer, body: &str, headers: &[(&str, &str)]) -> Reply {
    let authorization = format!("Bearer {}", server.key());
    let mut all = vec![("Authorization", authorization.as_str())];
    all.extend_from_slice(headers);
    server.post(BATCH, body, &all).await
}

async fn batch(server: &TestServer, payments: &[Value]) -> Reply {
    post(server, &json!({"payments": payments}).to_string(), &[]).await
}

/// The items of a good answer, each at its index.
#[track_caller]
fn items(reply: &Reply) -> Vec<Value> {
    let answer = reply.json();
    assert_eq!((reply.status, &answer["object"]), (200, &json!("list")), "{reply:?}");
    let items = answer["data"].as_array().cloned().unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        assert_eq!(item["index"], index, "{item}");
    }
    items
}

fn keyed(card: &str, key: &str) -> Value {
    let mut request = payment(card);
    request["idempotency_key"] = json!(key);
    request
}

#[tokio::test]
async fn each_payment_has_its_own_answer_in_its_place() {
    let server = TestServer::start().await;
    let mut faulty = payment("4242424242424241");
    faulty["surprise"] = json!(1);
    let mut other = payment(GOOD);
    other["merchant_id"] = json!("mer_00000000000000000000000000");
    let reply = batch(
        &server,
        &[
            payment(GOOD),
            payment(POOR),
            faulty,
            json!(7),
            json!({"currency": 7}),
            other,
            payment(GOOD),
        ],
    )
    .await;
    let items = items(&reply);
    let statuses: Vec<_> = items.iter().map(|item| item["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 402, 400, 400, 400, 403, 201]);
    let keys = |item: &Value| item.as_object().unwrap().keys().cloned().collect::<HashSet<_>>();
    for (place, body) in [(0, "payment"), (1, "payment"), (2, "error"), (6, "payment")] {
        let expected = ["index", "status", body].map(str::to_owned);
        assert_eq!(keys(&items[place]), HashSet::from(expected), "{}", items[place]);
    }
    assert_eq!(items[0]["payment"]["status"], "completed");
    assert_eq!(items[1]["payment"]["status"], "failed");
    assert_eq!(items[1]["payment"]["decline_code"], "insufficient_funds");
    let problem = &items[2]["error"];
    assert_eq!((&problem["code"], &problem["status"]), (&json!("parameter_unknown"), &json!(400)));
    assert_eq!(problem["errors"][0]["pointer"], "/surprise");
    assert_eq!(problem["errors"][1]["pointer"], "/card/number");
    for place in [3, 4] {
        assert_eq!(items[place]["error"]["code"], "body_invalid");
    }
    assert_eq!(items[5]["error"]["code"], "merchant_mismatch");
    // A payment of a batch is a payment like any other.
    let id = items[6]["payment"]["id"].as_str().unwrap();
    let read = server.get(&format!("/api/v1/payments/{id}")).await;
    assert_eq!((read.status, &read.json()), (200, &items[6]["payment"]));
    assert!(!reply.body.contains(GOOD) && !reply.body.contains("\"737\""), "{}", reply.body);
    server.stop().await;
}

#[tokio::test]
async fn five_hundred_are_carried_out_in_their_order() {
    let server = TestServer::start().await;
    let payments: Vec<Value> = (0..500)
        .map(|index| {
            let mut request = payment(if index % 10 == 3 { POOR } else { GOOD });
            request["order_id"] = json!(format!("o-{index}"));
            request
        })
        .collect();
    let items = items(&batch(&server, &payments).await);
    assert_eq!(items.len(), 500);
    let mut ids = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        assert_eq!(item["status"], if index % 10 == 3 { 402 } else { 201 }, "{item}");
        assert_eq!(item["payment"]["order_id"], format!("o-{index}"));
        assert!(ids.insert(item["payment"]["id"].to_string()), "{item}");
    }
    server.stop().await;
}

#[tokio::test]
async fn each_payment_may_have_a_key_of_its_own() {
    let server = TestServer::start().await;
    let first = batch(&server, &[keyed(GOOD, "a"), keyed(POOR, "b")]).await;
    let mut changed = keyed(POOR, "b");
    changed["amount"] = json!("100.01");
    let again =
        batch(&server, &[changed, keyed(POOR, "b"), keyed(GOOD, "a"), keyed(GOOD, "c")]).await;
    let (first, again) = (items(&first), items(&again));
    assert_eq!(
        (&again[0]["status"], &again[0]["error"]["code"]),
        (&json!(422), &json!("idempotency_key_reused"))
    );
    for (replayed, original) in [(1, 1), (2, 0)] {
        assert_eq!(again[replayed]["idempotent_replayed"], true);
        assert_eq!(again[replayed]["payment"], first[original]["payment"]);
        assert_eq!(again[replayed]["status"], first[original]["status"]);
    }
    assert_eq!(again[3]["status"], 201);
    assert_eq!(again[3].get("idempotent_replayed"), None);
    // Another path is another request.
    let alone = server.pay(&payment(GOOD), &[("Idempotency-Key", "a")]).await;
    alone.assert_problem(422, "idempotency_key_reused");
    server.stop().await;
}

#[tokio::test]
async fn one_key_twice_in_a_batch_charges_once() {
    let server = TestServer::start().await;
    let items = items(&batch(&server, &[keyed(GOOD, "k"), keyed(GOOD, "k")]).await);
    assert_eq!(items[0]["status"], 201);
    // The first may still be under way, or have ended already.
    match items[1]["status"].as_u64() {
        Some(201) => assert_eq!(items[1]["payment"], items[0]["payment"]),
        _other => assert_eq!(items[1]["error"]["code"], "idempotency_key_in_use"),
    }
    let ledger = server.get_with("/simulator/ledger", crate::server::OPERATOR).await.json();
    assert_eq!(ledger["data"].as_array().unwrap().len(), 1, "{ledger}");
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_wait_gets_all_at_once() {
    let server = TestServer::start_with(|config| {
        config.providers.simulator.latency_ms = 200;
    })
    .await;
    let body = json!({"payments": [payment(GOOD), payment(POOR)]}).to_string();
    for item in items(&post(&server, &body, &[("Prefer", "respond-async")]).await) {
        let shown = (&item["status"], &item["payment"]["status"]);
        assert_eq!(shown, (&json!(202), &json!("processing")), "{item}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_finds_no_room_hides_no_other() {
    let server = TestServer::start_with(|config| {
        config.engine.max_in_flight_per_shard = 2;
        config.providers.simulator.latency_ms = 300;
    })
    .await;
    let payments = [payment(GOOD), payment(GOOD), payment(GOOD)];
    let items = items(&batch(&server, &payments).await);
    let statuses: Vec<_> = items.iter().map(|item| item["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 429]);
    assert_eq!(items[2]["error"]["retryable"], true);
    server.stop().await;
}

#[tokio::test]
async fn a_batch_is_bounded_and_has_no_key() {
    let server = TestServer::start_with(|config| {
        config.server.max_batch_body_bytes = 400_000;
    })
    .await;
    for (payments, code) in [
        (Value::Null, "parameter_missing"),
        (json!([]), "parameter_invalid"),
        (json!(vec![1; 501]), "parameter_invalid"),
    ] {
        let reply = post(&server, &json!({"payments": payments}).to_string(), &[]).await;
        assert_eq!(reply.assert_problem(400, code)["param"], "/payments");
    }
    let reply = post(&server, "{\"payments\":[1],\"surprise\":1}", &[]).await;
    assert_eq!(reply.assert_problem(400, "parameter_unknown")["param"], "/surprise");
    for broken in ["{\"payments\":[{]}", "{\"payments\":{}}", "[]"] {
        post(&server, broken, &[]).await.assert_problem(400, "body_invalid");
    }
    let body = json!({"payments": [payment(GOOD)]}).to_string();
    let reply = post(&server, &body, &[("Idempotency-Key", "k")]).await;
    let problem = reply.assert_problem(400, "idempotency_key_invalid");
    assert!(problem["detail"].as_str().unwrap().contains("of its own"), "{problem}");
    // Larger than one payment's body may be, and still within a batch's.
    let padded = format!("{}{body}", " ".repeat(100_000));
    assert_eq!(items(&post(&server, &padded, &[]).await)[0]["status"], 201);
    let padded = format!("{}{body}", " ".repeat(400_000));
    post(&server, &padded, &[]).await.assert_problem(413, "body_too_large");
    let reply = server.post(BATCH, &body, &[]).await;
    reply.assert_problem(401, "api_key_missing");
    server.stop().await;
}
