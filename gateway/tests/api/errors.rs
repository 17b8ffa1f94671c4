//! What is refused, and how.

use std::time::Duration;

use serde_json::json;

use crate::server::{GOOD, TestServer, exchange, payment};

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let server = TestServer::start().await;
    server.get("/nothing").await.assert_problem(404, "route_not_found");
    let reply = server.send("DELETE", "/api/v1/payments", "", &[]).await;
    reply.assert_problem(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("GET,HEAD,POST"));
    server.stop().await;
}

#[tokio::test]
async fn keys_are_needed_and_must_be_ours() {
    let server = TestServer::start().await;
    let body = payment(GOOD).to_string();
    let path = "/api/v1/payments";
    let reply = server.post(path, &body, &[]).await;
    reply.assert_problem(401, "api_key_missing");
    assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
    let reply = server.post(path, &body, &[("Authorization", "Bearer sk_test_no")]).await;
    reply.assert_problem(401, "api_key_invalid");
    let operator = format!("Bearer {}", crate::server::OPERATOR);
    let reply = server.post(path, &body, &[("Authorization", &operator)]).await;
    reply.assert_problem(403, "merchant_key_required");
    let reply = server.post(path, &body, &[("X-Api-Key", server.key())]).await;
    assert_eq!(reply.status, 201);
    server.stop().await;
}

#[tokio::test]
async fn bodies_are_bounded_in_size_time_and_type() {
    let server = TestServer::start_with(|config| config.server.body_timeout_ms = 50).await;
    let key = format!("Bearer {}", server.key());
    let path = "/api/v1/payments";
    let large = format!("{{\"description\":\"{}\"}}", "x".repeat(70_000));
    let reply = server.post(path, &large, &[("Authorization", &key)]).await;
    reply.assert_problem(413, "body_too_large");
    let headers = [("Authorization", key.as_str()), ("Content-Type", "text/plain")];
    let reply = server.send("POST", path, "{}", &headers).await;
    reply.assert_problem(415, "content_type_unsupported");
    let unfinished = format!(
        "POST {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nAuthorization: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{{"
    );
    exchange(server.address(), &unfinished).await.assert_problem(408, "request_timeout");
    server.stop().await;
}

#[tokio::test]
async fn faults_are_told_all_at_once() {
    let server = TestServer::start().await;
    let mut request = payment("4242424242424241");
    request["amount"] = json!("0");
    request["surprise"] = json!(1);
    let reply = server.pay(&request, &[]).await;
    let problem = reply.assert_problem(400, "parameter_unknown");
    let faults: Vec<_> = problem["errors"].as_array().unwrap().iter().collect();
    assert_eq!(faults.len(), 3);
    assert_eq!(problem["param"], "/surprise");
    assert_eq!(faults[1]["code"], "amount_too_small");
    assert_eq!(faults[2]["pointer"], "/card/number");
    let key = format!("Bearer {}", server.key());
    let reply = server.post("/api/v1/payments", "{\"amount\":", &[("Authorization", &key)]).await;
    let problem = reply.assert_problem(400, "body_invalid");
    assert!(problem["detail"].as_str().unwrap().contains("line 1, column 10"), "{problem}");
    server.stop().await;
}

#[tokio::test]
async fn the_cards_number_may_stand_in_no_text_that_is_kept() {
    let server = TestServer::start().await;
    let mut request = payment(GOOD);
    request["metadata"] = json!({"note": "card 4242 4242 4242 4242"});
    let reply = server.pay(&request, &[]).await;
    let problem = reply.assert_problem(400, "card_number_in_text");
    assert_eq!(problem["param"], "/metadata/note");
    assert!(!reply.body.contains("4242 4242"), "{}", reply.body);
    let reply = server.pay(&payment(GOOD), &[("Idempotency-Key", "k-4242-4242424242")]).await;
    assert_eq!(reply.status, 201, "two digits short");
    let reply = server.pay(&payment(GOOD), &[("Idempotency-Key", "k-4242-4242424242-42")]).await;
    let problem = reply.assert_problem(400, "card_number_in_text");
    assert_eq!(problem["param"], "/idempotencyKey");
    server.stop().await;
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_documentation() {
    let server = TestServer::start().await;
    let problem = server.get("/nothing").await.assert_problem(404, "route_not_found");
    let (path, code) = problem["type"].as_str().unwrap().split_once('#').unwrap();
    let page = server.send("GET", path, "", &[]).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/markdown; charset=utf-8"));
    assert!(page.body.contains(&format!("\n## {code}\n")), "{}", page.body);
    server.stop().await;
}

#[tokio::test]
async fn what_finds_no_room_is_told_when_to_come_back() {
    for (in_all, of_a_merchant, status, code) in
        [(1, 1_000, 503, "overloaded"), (1_000, 1, 429, "too_many_requests")]
    {
        let server = TestServer::start_with(|config| {
            config.engine.max_in_flight = in_all;
            config.engine.max_in_flight_per_shard = of_a_merchant;
            config.providers.simulator.latency_ms = 500;
        })
        .await;
        // The room is taken until the provider has answered, though the client is answered before.
        let first = server.pay(&payment(GOOD), &[("Prefer", "respond-async")]).await;
        assert_eq!(first.status, 202);
        let header = [("Idempotency-Key", "refused")];
        let refused = server.pay(&payment(GOOD), &header).await;
        refused.assert_problem(status, code);
        assert_eq!(refused.header("retry-after"), Some("1"));
        let admitted = loop {
            let reply = server.pay(&payment(GOOD), &header).await;
            if reply.status != status {
                break reply;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(admitted.status, 201, "a refusal is not stored: {admitted:?}");
        assert_eq!(admitted.header("idempotent-replayed"), None);
        server.stop().await;
    }
}

#[tokio::test]
async fn another_merchant_in_the_body_is_forbidden() {
    let server = TestServer::start().await;
    let mut request = payment(GOOD);
    request["merchant_id"] = json!("mer_00000000000000000000000000");
    server.pay(&request, &[]).await.assert_problem(403, "merchant_mismatch");
    server.stop().await;
}

#[tokio::test]
async fn a_request_id_comes_back() {
    let server = TestServer::start().await;
    let reply = server.pay(&payment(GOOD), &[("X-Request-Id", "mine-1")]).await;
    assert_eq!(reply.header("x-request-id"), Some("mine-1"));
    let reply = server.pay(&payment(GOOD), &[("X-Request-Id", "not visible")]).await;
    assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
    server.stop().await;
}
