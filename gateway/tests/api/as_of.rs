//! Payments as they were, over HTTP: in memory and out of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::{
    archive::{forgetful, until_left},
    server::{GOOD, OPERATOR, TestServer, payment},
};

/// Reserves, captures and refunds; tells the payment's id and what it was answered as in between,
/// the oldest first.
async fn story(server: &TestServer) -> (String, Vec<Value>) {
    let mut request = payment(GOOD);
    request["capture"] = "manual".into();
    request["customer"] = serde_json::json!({"id": "somebody", "email": "somebody@example.com"});
    let authorized = server.pay(&request, &[]).await.json();
    let id = authorized["id"].as_str().unwrap().to_owned();
    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str())];
    let mut answers = vec![authorized];
    for (deed, body) in
        [("capture", "{\"amount\":\"60.00\"}"), ("refund", "{\"amount\":\"25.00\"}")]
    {
        // A time tells apart what did not happen in the same millisecond.
        sleep(Duration::from_millis(2)).await;
        let reply = server.post(&format!("/api/v1/payments/{id}/{deed}"), body, &headers).await;
        assert!(reply.status < 300, "{reply:?}");
        answers.push(server.get(&format!("/api/v1/payments/{id}")).await.json());
    }
    (id, answers)
}

async fn check_as_it_was(server: &TestServer, id: &str, answers: &[Value]) {
    for answer in answers {
        for moment in
            [answer["sequence"].to_string(), answer["updated_at"].as_str().unwrap().into()]
        {
            let then = server.get(&format!("/api/v1/payments/{id}?as_of={moment}")).await;
            assert_eq!((then.status, &then.json()), (200, answer), "{moment}");
        }
    }
    let now = answers.last().unwrap();
    let later = server.get(&format!("/api/v1/payments/{id}?as_of=2999-01-01T00:00:00Z")).await;
    assert_eq!((later.status, &later.json()), (200, now), "in the future it is as it is now");
    let created = server.get(&format!("/api/v1/payments/{id}?as_of=1")).await.json();
    assert_eq!((&created["status"], &created["sequence"]), (&"processing".into(), &1.into()));
    assert_eq!(created["amount_captured"], "0.00");

    let early =
        server.get(&format!("/api/v1/payments/{id}?as_of=2001-01-01T00:00:00%2B05:30")).await;
    let problem = early.assert_problem(404, "payment_not_found_as_of");
    let created_at = now["created_at"].as_str().unwrap();
    assert!(problem["detail"].as_str().unwrap().contains(created_at), "{problem}");
    let next = now["sequence"].as_u64().unwrap() + 1;
    let far = server.get(&format!("/api/v1/payments/{id}?as_of={next}")).await;
    far.assert_problem(404, "payment_not_found_as_of");
}

#[tokio::test]
async fn a_payment_is_shown_as_it_was_then() {
    let server = TestServer::start().await;
    let (id, answers) = story(&server).await;
    check_as_it_was(&server, &id, &answers).await;
    for wrong in ["yesterday", "0", "", "-3", "2026-01-15"] {
        let reply = server.get(&format!("/api/v1/payments/{id}?as_of={wrong}")).await;
        let problem = reply.assert_problem(400, "parameter_invalid");
        assert_eq!(problem["param"], "as_of");
    }
    let misspelt = server.get(&format!("/api/v1/payments/{id}?asof=1")).await;
    assert_eq!(misspelt.assert_problem(400, "parameter_unknown")["param"], "asof");
    let nobodys = server.get("/api/v1/payments/pay_0?as_of=1").await;
    nobodys.assert_problem(404, "payment_not_found");
    server.stop().await;
}

#[tokio::test]
async fn a_payment_that_has_left_memory_is_shown_as_it_was() {
    let server = forgetful().await;
    let (id, mut answers) = story(&server).await;
    until_left(&server, 1).await;
    check_as_it_was(&server, &id, &answers).await;

    // What is erased is erased of all times.
    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str())];
    let erased = server.send("DELETE", "/api/v1/customers/somebody", "", &headers).await;
    assert_eq!(erased.status, 200, "{erased:?}");
    for answer in &mut answers {
        assert_eq!(answer["customer"]["email"], "somebody@example.com");
        answer["customer"]["email"] = Value::Null;
    }
    check_as_it_was(&server, &id, &answers).await;

    let operator = format!("Bearer {OPERATOR}");
    let shop = server
        .post("/api/v1/merchants", "{\"name\":\"Other\"}", &[("Authorization", &operator)])
        .await
        .json();
    let key = shop["api_keys"]["secret_test"].as_str().unwrap();
    for moment in ["1", "2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z"] {
        let path = format!("/api/v1/payments/{id}?as_of={moment}");
        server.get_with(&path, key).await.assert_problem(404, "payment_not_found");
    }
    server.stop().await;
}
