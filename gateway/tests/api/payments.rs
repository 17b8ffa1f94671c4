//! Creating payments and looking at them.

use serde_json::{Value, json};

use crate::server::{GOOD, POOR, TestServer, payment};

#[tokio::test]
async fn an_approved_payment_is_answered_201_with_every_field_in_order() {
    let server = TestServer::start().await;
    let mut request = payment(GOOD);
    request["customer"] = json!({"id": "c7", "email": "c@example.com", "phone": "+919876543210"});
    request["order_id"] = json!("order_456");
    request["metadata"] = json!({"k": "v"});
    let reply = server.pay(&request, &[]).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(reply.header("x-request-id").is_some());
    let mut place = 0;
    for field in [
        "id",
        "object",
        "payment_id",
        "status",
        "amount",
        "amount_minor",
        "amount_paisa",
        "currency",
        "amount_authorized",
        "amount_captured",
        "amount_refunded",
        "amount_disputed",
        "fees_minor",
        "fees_paisa",
        "payment_method",
        "card",
        "upi",
        "netbanking",
        "wallet",
        "customer",
        "order_id",
        "transaction_id",
        "external_txn_id",
        "provider",
        "gateway_response",
        "fraud_score",
        "decline_code",
        "failure_reason",
        "next_action",
        "payment_url",
        "qr_code",
        "attempts",
        "metadata",
        "sequence",
        "livemode",
        "created_at",
        "updated_at",
        "processed_at",
        "expires_at",
    ] {
        let found = reply.body[place..].find(&format!("\"{field}\":"));
        place += found.unwrap_or_else(|| panic!("{field} is not in its place: {}", reply.body));
    }
    let shown = reply.json();
    for (field, value) in [
        ("object", json!("payment")),
        ("status", json!("completed")),
        ("amount", json!("100.00")),
        ("amount_minor", json!(10_000)),
        ("amount_paisa", json!(10_000)),
        ("amount_captured", json!("100.00")),
        ("amount_refunded", json!("0.00")),
        ("payment_method", json!("card")),
        ("customer", json!({"id": "c7", "email": "c@example.com", "phone": "+919876543210"})),
        ("order_id", json!("order_456")),
        ("provider", json!("simulator")),
        ("metadata", json!({"k": "v"})),
        ("livemode", json!(false)),
        ("expires_at", Value::Null),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(shown["card"]["bin"], "424242");
    assert_eq!(shown["card"]["last4"], "4242");
    assert_eq!(shown["attempts"][0]["status"], "approved");
    assert!(!reply.body.contains(GOOD) && !reply.body.contains("737"), "{}", reply.body);

    let read = server.get(&format!("/api/v1/payments/{}", shown["id"].as_str().unwrap())).await;
    assert_eq!((read.status, read.json()), (200, shown));
    server.stop().await;
}

#[tokio::test]
async fn a_manual_capture_leaves_the_payment_authorized() {
    let server = TestServer::start().await;
    let mut request = payment(GOOD);
    request["capture"] = json!("manual");
    let reply = server.pay(&request, &[]).await;
    let shown = reply.json();
    assert_eq!((reply.status, &shown["status"]), (201, &json!("authorized")));
    assert_eq!(shown["amount_authorized"], "100.00");
    assert_eq!(shown["amount_captured"], "0.00");
    assert_eq!(shown["processed_at"], Value::Null);
    assert!(shown["expires_at"].is_string());
    server.stop().await;
}

#[tokio::test]
async fn a_card_with_authentication_requires_action() {
    let server = TestServer::start().await;
    let reply = server.pay(&payment("4000000000003220"), &[]).await;
    let shown = reply.json();
    assert_eq!((reply.status, &shown["status"]), (201, &json!("requires_action")));
    assert_eq!(shown["next_action"]["type"], "redirect_to_url");
    assert!(shown["next_action"]["url"].as_str().unwrap().starts_with("http://"));
    assert!(shown["expires_at"].is_string());
    server.stop().await;
}

#[tokio::test]
async fn a_decline_is_a_402_problem_with_the_payment_in_it() {
    let server = TestServer::start().await;
    let reply = server.pay(&payment(POOR), &[]).await;
    let problem = reply.json();
    assert_eq!(reply.status, 402);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["code"], "payment_declined");
    assert_eq!(problem["decline_code"], "insufficient_funds");
    assert_eq!(problem["advice_code"], "try_again_later");
    assert_eq!(problem["retryable"], false);
    assert_eq!(problem["payment"]["status"], "failed");
    assert_eq!(problem["payment"]["failure_reason"], "declined");
    assert_eq!(problem.get("request_id"), None, "a replay must be the same");
    let path = problem["instance"].as_str().unwrap();
    let read = server.get(path).await;
    assert_eq!((read.status, read.json()), (200, problem["payment"].clone()));
    server.stop().await;
}

#[tokio::test]
async fn an_expired_card_is_refused_like_any_fault_of_the_request() {
    let server = TestServer::start().await;
    let mut request = payment(GOOD);
    request["card"]["expiry_year"] = json!(2020);
    let reply = server.pay(&request, &[("Idempotency-Key", "expired")]).await;
    let problem = reply.assert_problem(400, "card_expired");
    assert_eq!(problem["param"], "/card/expiry_year");
    // A refusal is not stored: the key is free.
    let reply = server.pay(&payment(GOOD), &[("Idempotency-Key", "expired")]).await;
    assert_eq!(reply.status, 201);
    server.stop().await;
}

#[tokio::test]
async fn a_payment_that_was_never_sent_may_be_retried() {
    let server = TestServer::start().await;
    let mut request = payment(GOOD);
    request["metadata"] = json!({"simulator": "not_sent"});
    let reply = server.pay(&request, &[]).await;
    let problem = reply.json();
    assert_eq!((reply.status, &problem["code"]), (402, &json!("provider_unavailable")));
    assert_eq!(problem["retryable"], true);
    assert_eq!(problem["decline_code"], Value::Null);
    assert_eq!(problem["payment"]["failure_reason"], "provider_unavailable");
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_wait_or_waits_in_vain_is_answered_202() {
    let server = TestServer::start_with(|config| {
        config.payments.wait_ms = 20;
        config.providers.simulator.latency_ms = 600;
    })
    .await;
    let reply = server.pay(&payment(GOOD), &[("Prefer", "respond-async")]).await;
    assert_eq!((reply.status, &reply.json()["status"]), (202, &json!("processing")));
    let reply = server.pay(&payment(GOOD), &[]).await;
    assert_eq!((reply.status, &reply.json()["status"]), (202, &json!("processing")));
    server.stop().await;
}

#[tokio::test]
async fn others_payments_do_not_exist() {
    let server = TestServer::start().await;
    let id = server.pay(&payment(GOOD), &[]).await.json()["id"].as_str().unwrap().to_owned();
    let headers = [("Authorization", format!("Bearer {}", crate::server::OPERATOR))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let merchant = server.post("/api/v1/merchants", "{\"name\":\"Other\"}", &headers).await.json();
    for other in ["secret_test", "secret_live"] {
        let key = merchant["api_keys"][other].as_str().unwrap();
        let theirs = server.get_with(&format!("/api/v1/payments/{id}"), key).await;
        let nobodys = "/api/v1/payments/pay_00000000000000000000000000";
        let nobodys = server.get_with(nobodys, key).await;
        let without_id = |problem: Value| {
            let mut problem = problem;
            problem["request_id"].take();
            problem
        };
        assert_eq!(
            without_id(theirs.assert_problem(404, "payment_not_found")),
            without_id(nobodys.assert_problem(404, "payment_not_found")),
        );
    }
    server.get("/api/v1/payments/nonsense").await.assert_problem(404, "payment_not_found");
    server.stop().await;
}

#[tokio::test]
async fn live_money_never_goes_to_the_simulator() {
    let server = TestServer::start().await;
    let operator = format!("Bearer {}", crate::server::OPERATOR);
    let merchant = server
        .post("/api/v1/merchants", "{\"name\":\"Live\"}", &[("Authorization", &operator)])
        .await
        .json();
    let key = format!("Bearer {}", merchant["api_keys"]["secret_live"].as_str().unwrap());
    let body = payment(GOOD).to_string();
    let reply = server.post("/api/v1/payments", &body, &[("Authorization", &key)]).await;
    reply.assert_problem(422, "provider_not_configured");
    server.stop().await;
}

#[tokio::test]
async fn a_lost_answer_is_found_by_inquiry_and_charged_once() {
    let server = TestServer::start_with(|config| config.payments.wait_ms = 50).await;
    let mut request = payment(GOOD);
    request["metadata"] = json!({"simulator": "timeout_after_approval"});
    let header = [("Idempotency-Key", "lost")];
    let first = server.pay(&request, &header).await;
    assert_eq!((first.status, &first.json()["status"]), (202, &json!("unknown")));
    let settled = loop {
        let reply = server.pay(&request, &header).await;
        if reply.status != 202 {
            break reply;
        }
    };
    assert_eq!((settled.status, &settled.json()["status"]), (201, &json!("completed")));
    assert_eq!(settled.json()["id"], first.json()["id"]);
    let ledger = server.get_with("/simulator/ledger", crate::server::OPERATOR).await.json();
    assert_eq!(ledger["data"].as_array().unwrap().len(), 1, "{ledger}");
    assert_eq!(ledger["data"][0]["calls"], 1);
    server.stop().await;
}
