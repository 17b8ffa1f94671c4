//! Payments that have left memory, over HTTP: nobody notices.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;
use tollgate_config::Config;

use crate::server::{GOOD, OPERATOR, POOR, TestServer, payment};

pub(crate) async fn forgetful() -> TestServer {
    TestServer::start_with(forget).await
}

/// Whatever can leaves memory at once.
fn forget(config: &mut Config) {
    config.engine.archive_after_s = 0;
    config.engine.finished_payments = 0;
}

/// Waits until so many payments have left, and nobody is in memory.
pub(crate) async fn until_left(server: &TestServer, count: u32) {
    until_told(
        server,
        &["tollgate_payments_in_memory 0", &format!("tollgate_payments_archived {count}")],
    )
    .await;
}

/// Waits until the metrics say all of this.
async fn until_told(server: &TestServer, lines: &[&str]) {
    loop {
        let metrics = server.metrics().await;
        if lines.iter().all(|line| metrics.contains(&format!("{line}\n"))) {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Lists, and what a payment has gone through, are of those that have left as of any.
#[tokio::test]
async fn payments_that_have_left_memory_are_listed() {
    let server = forgetful().await;
    let good = server.pay(&payment(GOOD), &[]).await.json();
    let poor = server.pay(&payment(POOR), &[]).await.json()["payment"].clone();
    until_left(&server, 2).await;
    let list = server.get("/api/v1/payments").await.json();
    assert_eq!(list["data"], serde_json::json!([poor, good]));
    let failed = server.get("/api/v1/payments?status=failed").await.json();
    assert_eq!(failed["data"], serde_json::json!([poor]));
    let transactions = server.get("/api/v1/transactions").await.json();
    assert_eq!(transactions["data"].as_array().unwrap().len(), 2, "{transactions}");
    assert_eq!(transactions["data"][1]["id"], good["transaction_id"]);
    let path = format!("/api/v1/payments/{}/events", good["id"].as_str().unwrap());
    let events = server.get(&path).await.json();
    let sequences: Vec<_> =
        events["data"].as_array().unwrap().iter().map(|event| event["sequence"].clone()).collect();
    assert_eq!(sequences.len() as u64, good["sequence"].as_u64().unwrap(), "{events}");
    server.stop().await;
}

#[tokio::test]
async fn a_payment_that_has_left_memory_is_shown_repeated_and_refunded() {
    let server = forgetful().await;
    let good = server.pay(&payment(GOOD), &[("Idempotency-Key", "good")]).await;
    let poor = server.pay(&payment(POOR), &[("Idempotency-Key", "poor")]).await;
    assert_eq!((good.status, poor.status), (201, 402));
    until_left(&server, 2).await;

    let paid = good.json();
    let path = format!("/api/v1/payments/{}", paid["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.json(), paid);
    for (card, key, first) in [(GOOD, "good", &good), (POOR, "poor", &poor)] {
        let again = server.pay(&payment(card), &[("Idempotency-Key", key)]).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    let transaction = format!("/api/v1/transactions/{}", paid["transaction_id"].as_str().unwrap());
    assert_eq!(server.get(&transaction).await.json()["payment_id"], paid["id"]);

    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str()), ("Idempotency-Key", "refund")];
    let body = format!("{{\"payment_id\":{},\"amount\":\"40.00\"}}", paid["id"]);
    let refunded = server.post("/api/v1/refunds", &body, &headers).await;
    assert_eq!(refunded.status, 201, "{refunded:?}");
    until_told(&server, &["tollgate_payments_recalled 1", "tollgate_payments_in_memory 0"]).await;
    let refund = refunded.json();
    let of_refund = format!("/api/v1/refunds/{}", refund["id"].as_str().unwrap());
    assert_eq!(server.get(&of_refund).await.json(), refund);
    let again = server.post("/api/v1/refunds", &body, &headers).await;
    assert_eq!((again.status, &again.body), (201, &refunded.body));
    assert_eq!(server.get(&path).await.json()["amount_refunded"], "40.00");
    let entries = format!("/api/v1/ledger/entries?payment_id={}", paid["id"].as_str().unwrap());
    let booked = server.get(&entries).await.json();
    assert_eq!(booked["data"].as_array().unwrap().len(), 3, "{booked}");
    let balance = server.get("/api/v1/balance").await.json();
    assert_eq!(balance["balances"][0]["available"], "60.00");
    assert!(
        server.metrics().await.contains("tollgate_payments_recalled 1\n"),
        "for the refund alone"
    );

    let server = server.restart().await;
    assert_eq!(server.get(&of_refund).await.json(), refund);
    let again = server.pay(&payment(GOOD), &[("Idempotency-Key", "good")]).await;
    assert_eq!((again.status, &again.body), (201, &good.body));
    server.stop().await;
}

#[tokio::test]
async fn nobody_sees_more_of_what_has_left_than_before() {
    let server = forgetful().await;
    let paid = server.pay(&payment(GOOD), &[]).await.json();
    until_left(&server, 1).await;
    let id = paid["id"].as_str().unwrap();
    let shop = server
        .post(
            "/api/v1/merchants",
            "{\"name\":\"Other\"}",
            &[("Authorization", &format!("Bearer {OPERATOR}"))],
        )
        .await
        .json();
    let key = shop["api_keys"]["secret_test"].as_str().unwrap().to_owned();
    let read = server.get_with(&format!("/api/v1/payments/{id}"), &key).await;
    read.assert_problem(404, "payment_not_found");
    let authorization = format!("Bearer {key}");
    let body = format!("{{\"payment_id\":\"{id}\"}}");
    let refund =
        server.post("/api/v1/refunds", &body, &[("Authorization", authorization.as_str())]).await;
    refund.assert_problem(404, "payment_not_found");
    assert!(server.metrics().await.contains("tollgate_payments_recalled 0\n"));
    server.stop().await;
}

/// An order, and its payments, as of any: shown, listed, created again, paid, and given back.
#[tokio::test]
async fn an_order_that_has_left_memory_is_as_any() {
    let server = forgetful().await;
    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str()), ("Idempotency-Key", "order")];
    let body = json!({"amount": "100.00", "currency": "INR", "receipt": "7"}).to_string();
    let first = server.post("/api/v1/orders", &body, &headers).await;
    assert_eq!(first.status, 201, "{first:?}");
    let other = json!({"amount": "5.00", "currency": "INR"}).to_string();
    let other = server.post("/api/v1/orders", &other, &headers[..1]).await.json();
    let until_away = async |server: &TestServer, payments: &str| {
        let lines = ["tollgate_orders_in_memory 0", "tollgate_orders_archived 2", payments];
        until_told(server, &lines).await;
    };
    until_away(&server, "tollgate_payments_archived 0").await;
    let created = first.json();
    let path = format!("/api/v1/orders/{}", created["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.json(), created);
    let again = server.post("/api/v1/orders", &body, &headers).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));

    let pay = async |amount: &str| {
        let mut request = payment(GOOD);
        request["amount"] = amount.into();
        request["order_id"] = created["id"].clone();
        server.pay(&request, &[]).await
    };
    let refused = pay("100.01").await;
    refused.assert_problem(400, "order_amount_exceeded");
    assert!(server.metrics().await.contains("tollgate_orders_recalled 0\n"), "it stays away");
    let paid = pay("60.00").await;
    assert_eq!(paid.status, 201, "{paid:?}");
    until_away(&server, "tollgate_payments_archived 1").await;
    let half = server.get(&path).await.json();
    assert_eq!(
        (&half["status"], &half["amount_due"], &half["attempts"]),
        (&json!("partially_paid"), &json!("40.00"), &json!(1))
    );
    let list = server.get("/api/v1/orders").await.json();
    let mut rows = [half.clone(), other];
    rows.sort_by_key(|row| std::cmp::Reverse(row["id"].as_str().unwrap().to_owned()));
    assert_eq!(list["data"], json!(rows));
    let newest = server.get("/api/v1/orders?limit=1").await.json();
    assert_eq!((&newest["data"], &newest["has_more"]), (&json!([rows[0]]), &json!(true)));
    let cursor = rows[0]["id"].as_str().unwrap();
    let older = server.get(&format!("/api/v1/orders?starting_after={cursor}")).await.json();
    assert_eq!((&older["data"], &older["has_more"]), (&json!([rows[1]]), &json!(false)));

    // What undoes its payment opens it again.
    let reverse = format!("/api/v1/payments/{}/reverse", paid.json()["id"].as_str().unwrap());
    let reversed = server.post(&reverse, "{}", &headers[..1]).await;
    assert_eq!(reversed.status, 200, "{reversed:?}");
    until_away(&server, "tollgate_payments_recalled 1").await;
    let server = server.restart_with(forget).await;
    assert_eq!(server.get(&path).await.json()["amount_due"], "100.00");
    let mut whole = payment(GOOD);
    (whole["amount"], whole["order_id"]) = ("100.00".into(), created["id"].clone());
    assert_eq!(server.pay(&whole, &[]).await.status, 201);
    until_away(&server, "tollgate_payments_archived 2").await;
    assert_eq!(server.get(&path).await.json()["status"], "paid");
    server.pay(&whole, &[]).await.assert_problem(400, "order_amount_exceeded");
    server.stop().await;
}
