//! What is the operator's alone.

use crate::server::{GOOD, OPERATOR, POOR, TestServer, payment};

#[tokio::test]
async fn a_registered_merchant_can_take_payments_at_once() {
    let server = TestServer::start().await;
    let operator = format!("Bearer {OPERATOR}");
    let headers = [("Authorization", operator.as_str())];
    let body = "{\"name\":\"Acme\",\"email\":\"a@example.com\"}";
    let reply = server.post("/api/v1/merchants", body, &headers).await;
    let merchant = reply.json();
    assert_eq!(reply.status, 201, "{reply:?}");
    assert!(merchant["id"].as_str().unwrap().starts_with("mer_"));
    let key = format!("Bearer {}", merchant["api_keys"]["secret_test"].as_str().unwrap());
    let mut request = payment(GOOD);
    request["merchant_id"] = merchant["id"].clone();
    let body = request.to_string();
    let reply = server.post("/api/v1/payments", &body, &[("Authorization", &key)]).await;
    assert_eq!(reply.status, 201, "{reply:?}");

    let reply = server.post("/api/v1/merchants", "{\"nam\":1}", &headers).await;
    assert_eq!(
        reply.assert_problem(400, "parameter_unknown")["errors"].as_array().unwrap().len(),
        2
    );
    let own = format!("Bearer {}", server.key());
    let reply = server.post("/api/v1/merchants", "{}", &[("Authorization", &own)]).await;
    reply.assert_problem(403, "operator_key_required");
    server.stop().await;
}

#[tokio::test]
async fn the_simulators_ledger_is_read_page_by_page() {
    let server = TestServer::start().await;
    for card in [GOOD, POOR, GOOD] {
        server.pay(&payment(card), &[]).await;
    }
    let first = server.get_with("/simulator/ledger?limit=2", OPERATOR).await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    assert_eq!(first["has_more"], true);
    assert_eq!(first["data"][0]["state"], "approved");
    assert_eq!(first["data"][0]["amount_minor"], 10_000);
    assert_eq!(first["data"][0]["calls"], 1);
    assert_eq!(first["data"][1]["state"], "declined");
    let path = format!("/simulator/ledger?limit=2&after={}", first["next"]);
    let last = server.get_with(&path, OPERATOR).await.json();
    assert_eq!(last["data"].as_array().unwrap().len(), 1);
    assert_eq!((&last["has_more"], last["next"].is_null()), (&false.into(), true));
    let reply = server.get("/simulator/ledger").await;
    reply.assert_problem(403, "operator_key_required");
    let reply = server.get_with("/simulator/ledger?limit=0", OPERATOR).await;
    reply.assert_problem(400, "parameter_invalid");
    server.stop().await;
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let server = TestServer::start().await;
    server.pay(&payment(GOOD), &[]).await;
    server.get("/nothing").await;
    let page = server.metrics().await;
    for line in [
        "tollgate_requests_total{route=\"/api/v1/payments\",method=\"POST\",status=\"201\"} 1",
        "tollgate_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"} 1",
        "tollgate_payments_total{method=\"card\",status=\"completed\",currency=\"INR\"} 1",
        "tollgate_log_has_room 1",
        "tollgate_log_sync_seconds_count{copy=\"journal\"}",
        "tollgate_log_sync_seconds_count{copy=\"sled\"}",
        "tollgate_log_durable_lag_seconds ",
        "tollgate_mailbox_depth ",
        "tollgate_payments_in_memory ",
        "tollgate_idempotency_keys ",
        "tollgate_unknown_outcomes 0",
        "tollgate_unknown_outcome_oldest_age_seconds 0",
        "tollgate_store_bytes{part=\"journal\"}",
        "tollgate_build_info{version=",
        "process_resident_memory_bytes ",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    server.stop().await;
}
