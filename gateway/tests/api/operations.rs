//! What is done to payments over HTTP, on both surfaces.

use serde_json::{Value, json};

use crate::server::{GOOD, Reply, TestServer, payment};

impl TestServer {
    /// `POST` with the demo merchant's key, and an idempotency key if one is given.
    async fn act(&self, path: &str, body: &Value, key: Option<&str>) -> Reply {
        let authorization = format!("Bearer {}", self.key());
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(key.map(|key| ("Idempotency-Key", key)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.post(path, &body, &headers).await
    }

    /// A payment whose operations meet these faults.
    async fn pay_with(&self, change: Value) -> Value {
        let mut request = payment(GOOD);
        for (name, value) in change.as_object().expect("fields") {
            request[name] = value.clone();
        }
        let reply = self.pay(&request, &[]).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()
    }

    async fn authorized(&self) -> String {
        let shown = self.pay_with(json!({"capture": "manual"})).await;
        assert_eq!(shown["status"], "authorized");
        path_of(&shown)
    }

    async fn completed(&self) -> String {
        let shown = self.pay_with(json!({})).await;
        assert_eq!(shown["status"], "completed");
        path_of(&shown)
    }
}

fn path_of(payment: &Value) -> String {
    format!("/api/v1/payments/{}", payment["id"].as_str().expect("an id"))
}

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().expect("a last part")
}

#[tokio::test]
async fn a_payment_is_captured_in_parts_and_the_rest_is_let_go() {
    let server = TestServer::start().await;
    let path = server.authorized().await;
    let capture = format!("{path}/capture");

    let more = server.act(&capture, &json!({"amount": "100.01"}), None).await;
    let problem = more.assert_problem(400, "capture_exceeds_authorized");
    assert_eq!(problem["param"], "/amount");

    let part = json!({"amount": "30.00", "final": false});
    let first = server.act(&capture, &part, Some("c1")).await;
    let shown = first.json();
    assert_eq!((first.status, &shown["status"]), (200, &json!("partially_captured")));
    assert_eq!(shown["amount_captured"], "30.00");
    let last = server.act(&capture, &json!({"amount_minor": 2000}), Some("c2")).await;
    let shown = last.json();
    assert_eq!((last.status, &shown["status"]), (200, &json!("completed")));
    assert_eq!(shown["amount_captured"], "50.00");

    let again = server.act(&capture, &part, Some("c1")).await;
    assert_eq!(again.body, first.body, "the first final answer, byte for byte");
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = json!({"amount": "31.00", "final": false});
    let reused = server.act(&capture, &other, Some("c1")).await;
    reused.assert_problem(422, "idempotency_key_reused");

    let late = server.act(&capture, &Value::Null, None).await;
    let problem = late.assert_problem(409, "payment_unexpected_state");
    assert_eq!(problem["payment_status"], "completed");
    assert_eq!(problem["allowed_operations"], json!(["reverse", "refund"]));
    server.stop().await;
}

#[tokio::test]
async fn a_capture_without_a_body_takes_all() {
    let server = TestServer::start().await;
    let path = server.authorized().await;
    let reply = server.act(&format!("{path}/capture"), &Value::Null, None).await;
    let shown = reply.json();
    assert_eq!((reply.status, &shown["status"]), (200, &json!("completed")));
    assert_eq!(shown["amount_captured"], "100.00");
    server.stop().await;
}

#[tokio::test]
async fn a_void_lets_go_and_a_reversal_undoes() {
    let server = TestServer::start().await;
    let path = server.authorized().await;
    let voided = server.act(&format!("{path}/void"), &json!({}), None).await;
    assert_eq!((voided.status, &voided.json()["status"]), (200, &json!("voided")));
    let again = server.act(&format!("{path}/void"), &json!({}), None).await;
    let problem = again.assert_problem(409, "payment_unexpected_state");
    assert_eq!(problem["allowed_operations"], json!([]));

    let path = server.completed().await;
    let reversed = server.act(&format!("{path}/reverse"), &Value::Null, None).await;
    let shown = reversed.json();
    assert_eq!((reversed.status, &shown["status"]), (200, &json!("reversed")));
    assert_eq!(shown["amount_captured"], "0.00");
    server.stop().await;
}

#[tokio::test]
async fn refunds_are_objects_and_never_add_up_to_more_than_was_captured() {
    let server = TestServer::start().await;
    let path = server.completed().await;
    let request = json!({"amount": "40.00", "reason": "returned", "metadata": {"parcel": "3"}});
    let reply = server.act(&format!("{path}/refund"), &request, Some("r1")).await;
    let refund = reply.json();
    assert_eq!(reply.status, 201, "{reply:?}");
    for (field, value) in [
        ("object", json!("refund")),
        ("payment_id", json!(id_of(&path))),
        ("status", json!("succeeded")),
        ("amount", json!("40.00")),
        ("amount_minor", json!(4000)),
        ("currency", json!("INR")),
        ("reason", json!("returned")),
        ("failure_reason", Value::Null),
        ("metadata", json!({"parcel": "3"})),
    ] {
        assert_eq!(refund[field], value, "{field}");
    }
    let id = refund["id"].as_str().expect("an id");
    assert!(id.starts_with("ref_"), "{id}");
    assert_eq!(refund["transaction_id"], id.replace("ref_", "txn_"));
    let read = server.get(&format!("/api/v1/refunds/{id}")).await;
    assert_eq!((read.status, read.json()), (200, refund));

    let rest = json!({"payment_id": id_of(&path)});
    let rest = server.act("/api/v1/refunds", &rest, None).await;
    assert_eq!((rest.status, &rest.json()["amount"]), (201, &json!("60.00")), "all that is left");
    let more = server.act(&format!("{path}/refund"), &json!({"amount": "0.01"}), None).await;
    more.assert_problem(400, "refund_exceeds_captured");
    let shown = server.get(&path).await.json();
    assert_eq!(
        (&shown["status"], &shown["amount_refunded"]),
        (&json!("completed"), &json!("100.00"))
    );
    let undone = server.act(&format!("{path}/reverse"), &Value::Null, None).await;
    let problem = undone.assert_problem(409, "payment_unexpected_state");
    assert_eq!(problem["allowed_operations"], json!(["refund"]));

    let again = server.act(&format!("{path}/refund"), &request, Some("r1")).await;
    assert_eq!(again.body, reply.body, "the first final answer, byte for byte");
    server.stop().await;
}

#[tokio::test]
async fn requests_that_cannot_be_meant_are_refused_with_all_their_faults() {
    let server = TestServer::start().await;
    let path = server.completed().await;
    let refund = format!("{path}/refund");
    for (body, status, code) in [
        (json!({"amount": "10.005"}), 400, "amount_invalid"),
        (json!({"amount": "0"}), 400, "amount_too_small"),
        (json!({"amount": "-1"}), 400, "amount_too_small"),
        (json!({"amount": 1, "amount_minor": 100}), 400, "parameter_conflict"),
        (json!({"amout": "1"}), 400, "parameter_unknown"),
        (json!({"amount": {}}), 400, "amount_invalid"),
        (json!({"reason": "x".repeat(501)}), 400, "parameter_invalid"),
        (json!({"payment_id": "pay_00000000000000000000000001"}), 400, "parameter_invalid"),
        (json!({"merchant_id": "mer_00000000000000000000000001"}), 403, "merchant_mismatch"),
        (json!({"idempotencyKey": "a b"}), 400, "idempotency_key_invalid"),
        (json!([]), 400, "body_invalid"),
    ] {
        server.act(&refund, &body, None).await.assert_problem(status, code);
    }
    let missing = server.act("/api/v1/refunds", &json!({}), None).await;
    let problem = missing.assert_problem(400, "parameter_missing");
    assert_eq!(problem["param"], "/payment_id");
    for path in ["/api/v1/payments/pay_00000000000000000000000001/void", "/api/v1/payments/x/void"]
    {
        server.act(path, &Value::Null, None).await.assert_problem(404, "payment_not_found");
    }
    server
        .get("/api/v1/refunds/ref_00000000000000000000000001")
        .await
        .assert_problem(404, "refund_not_found");
    let shown = server.get(&path).await.json();
    assert_eq!(shown["amount_refunded"], "0.00", "nothing of it was begun");
    server.stop().await;
}

#[tokio::test]
async fn another_merchants_payments_and_refunds_do_not_exist() {
    let server = TestServer::start().await;
    let path = server.completed().await;
    let refund = server.act(&format!("{path}/refund"), &json!({"amount": "1"}), None).await.json();
    let operator = [("Authorization", "Bearer ak_of_the_test")];
    let other = server.post("/api/v1/merchants", r#"{"name":"Other"}"#, &operator).await.json();
    let key = other["api_keys"]["secret_test"].as_str().expect("a key");
    let bearer = format!("Bearer {key}");
    for operation in ["capture", "void", "reverse", "refund", "confirm"] {
        let path = format!("{path}/{operation}");
        let reply = server.post(&path, "{}", &[("Authorization", &bearer)]).await;
        reply.assert_problem(404, "payment_not_found");
    }
    let path = format!("/api/v1/refunds/{}", refund["id"].as_str().expect("an id"));
    server.get_with(&path, key).await.assert_problem(404, "refund_not_found");
    server.stop().await;
}

#[tokio::test]
async fn a_capture_whose_answer_is_lost_is_found_by_an_inquiry() {
    let server = TestServer::start().await;
    let faults = json!({"capture": "manual", "metadata": {"simulator": "capture:timeout_after"}});
    let path = path_of(&server.pay_with(faults).await);
    let reply = server.act(&format!("{path}/capture"), &Value::Null, None).await;
    let shown = reply.json();
    assert_eq!((reply.status, &shown["status"]), (200, &json!("completed")), "{reply:?}");
    assert_eq!(shown["amount_captured"], "100.00");
    server.stop().await;
}

#[tokio::test]
async fn an_operation_that_the_provider_refuses_is_a_problem_with_the_payment() {
    let server = TestServer::start().await;
    let faults =
        json!({"capture": "manual", "metadata": {"simulator": "capture:authorization_expired"}});
    let path = path_of(&server.pay_with(faults).await);
    let reply = server.act(&format!("{path}/capture"), &Value::Null, Some("c")).await;
    let problem = reply.json();
    assert_eq!((reply.status, &problem["code"]), (402, &json!("operation_failed")), "{reply:?}");
    assert_eq!(problem["payment"]["status"], "expired");
    let again = server.act(&format!("{path}/capture"), &Value::Null, Some("c")).await;
    assert_eq!(again.body, reply.body);

    let faults = json!({"capture": "manual", "metadata": {"simulator": "capture:not_sent"}});
    let path = path_of(&server.pay_with(faults).await);
    let reply = server.act(&format!("{path}/capture"), &Value::Null, None).await;
    assert_eq!(reply.json()["payment"]["status"], "authorized", "it can be tried again");
    server.stop().await;
}

#[tokio::test]
async fn an_impatient_client_gets_202_and_the_key_tells_the_rest() {
    let server = TestServer::start().await;
    let faults = json!({"metadata": {"simulator": "refund:pending:60000"}});
    let path = path_of(&server.pay_with(faults).await);
    let refund = server.act(&format!("{path}/refund"), &Value::Null, Some("r")).await;
    assert_eq!((refund.status, &refund.json()["status"]), (201, &json!("pending")));
    let key = format!("Bearer {}", server.key());
    let reversed = server.act(&format!("{path}/reverse"), &Value::Null, None).await;
    reversed.assert_problem(409, "payment_unexpected_state");

    let path = server.authorized().await;
    let headers = [("Authorization", key.as_str()), ("Prefer", "respond-async")];
    let reply = server.post(&format!("{path}/void"), "", &headers).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    server.stop().await;
}

#[tokio::test]
async fn operations_and_their_keys_survive_a_restart() {
    let server = TestServer::start().await;
    let path = server.completed().await;
    let request = json!({"amount": "40.00"});
    let first = server.act(&format!("{path}/refund"), &request, Some("r")).await;
    let server = server.restart().await;
    let again = server.act(&format!("{path}/refund"), &request, Some("r")).await;
    assert_eq!(again.body, first.body);
    assert_eq!(server.get(&path).await.json()["amount_refunded"], "40.00");
    server.stop().await;
}

#[tokio::test]
async fn the_classic_surface_does_the_same_in_its_own_words() {
    let server = TestServer::start().await;
    let path = server.authorized().await;
    let classic = path.replace("/api/v1/", "/api/");
    let body = json!({"amount": 60.00, "whatever": "older clients send"});
    let captured = server.act(&format!("{classic}/capture"), &body, None).await;
    let shown = captured.json();
    assert_eq!((captured.status, &shown["success"]), (200, &json!(true)), "{captured:?}");
    assert_eq!(shown["data"]["status"], "completed");
    assert!(captured.body.contains("\"amountCaptured\":60.00"), "{captured:?}");

    let body = json!({"paymentID": id_of(&path), "amount": 25.5, "reason": "returned"});
    let refund = server.act("/api/refunds/process", &body, None).await;
    let shown = refund.json();
    assert_eq!((refund.status, &shown["data"]["status"]), (201, &json!("completed")), "{refund:?}");
    assert!(refund.body.contains("\"amount\":25.50"), "{refund:?}");
    let id = shown["data"]["refundID"].as_str().expect("an id");
    let status = server.get(&format!("/api/refunds/{id}/status")).await.json();
    assert_eq!(status["data"]["status"], "completed");
    assert_eq!(status["data"]["paymentID"], id_of(&path));

    let void = server.act(&format!("{classic}/void"), &Value::Null, None).await;
    let refused = void.json();
    assert_eq!((void.status, &refused["success"]), (409, &json!(false)));
    assert_eq!(refused["code"], "payment_unexpected_state");
    assert_eq!(refused["paymentStatus"], "completed");
    assert_eq!(refused["allowedOperations"], json!(["refund"]));

    let form = [
        ("Authorization", format!("Bearer {}", server.key())),
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
    let refund = server.send("POST", &format!("{classic}/refund"), "amount=10.00", &form).await;
    assert_eq!((refund.status, &refund.json()["data"]["status"]), (201, &json!("completed")));
    let classic = server.authorized().await.replace("/api/v1/", "/api/");
    let part = "amount=10.00&final=false";
    let capture = server.send("POST", &format!("{classic}/capture"), part, &form).await;
    let shown = capture.json();
    assert_eq!((capture.status, &shown["data"]["status"]), (200, &json!("partially_captured")));
    server.stop().await;
}

#[tokio::test]
async fn two_hundred_refunds_at_once_never_exceed_what_was_captured() {
    let server = std::sync::Arc::new(TestServer::start().await);
    let path = server.completed().await;
    let tasks: Vec<_> = (0..200)
        .map(|_number| {
            let (server, path) = (std::sync::Arc::clone(&server), format!("{path}/refund"));
            tokio::spawn(
                async move { server.act(&path, &json!({"amount": "1.00"}), None).await.status },
            )
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        match task.await.expect("the request ends") {
            201 => created += 1,
            400 => {}
            other => panic!("answered {other}"),
        }
    }
    assert_eq!(created, 100);
    assert_eq!(server.get(&path).await.json()["amount_refunded"], "100.00");
    let server = std::sync::Arc::into_inner(server).expect("nobody else has it");
    server.stop().await;
}
