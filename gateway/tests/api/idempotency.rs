//! One key, one effect, one answer.

use serde_json::json;

use crate::server::{GOOD, POOR, TestServer, payment};

#[tokio::test]
async fn a_repeated_request_is_answered_byte_for_byte_even_after_a_restart() {
    let server = TestServer::start().await;
    let mut firsts = Vec::new();
    for (card, status) in [(GOOD, 201), (POOR, 402)] {
        let header = [("Idempotency-Key", card)];
        let first = server.pay(&payment(card), &header).await;
        assert_eq!((first.status, first.header("idempotent-replayed")), (status, None));
        let again =
            server.pay(&payment(card), &[("Idempotency-Key", &format!("\"{card}\""))]).await;
        assert_eq!((again.status, &again.body), (status, &first.body));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        firsts.push((card, first));
    }
    let server = server.restart().await;
    for (card, first) in firsts {
        let again = server.pay(&payment(card), &[("Idempotency-Key", card)]).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    server.stop().await;
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let server = TestServer::start().await;
    let header = [("Idempotency-Key", "k1")];
    assert_eq!(server.pay(&payment(GOOD), &header).await.status, 201);
    let mut other = payment(GOOD);
    other["amount"] = json!("100.01");
    server.pay(&other, &header).await.assert_problem(422, "idempotency_key_reused");
    let mut same = payment(GOOD);
    same["card"]["cvv"] = json!("111");
    same["amount"] = json!(100);
    assert_eq!(server.pay(&same, &header).await.status, 201, "the security code does not count");
    server.stop().await;
}

#[tokio::test]
async fn the_key_may_stand_in_the_body_but_not_differ() {
    let server = TestServer::start().await;
    let mut request = payment(GOOD);
    request["idempotencyKey"] = json!("b1");
    let first = server.pay(&request, &[]).await;
    let again = server.pay(&payment(GOOD), &[("Idempotency-Key", "b1")]).await;
    assert_eq!(again.body, first.body);
    let refused = server.pay(&request, &[("Idempotency-Key", "b2")]).await;
    refused.assert_problem(400, "idempotency_key_invalid");
    let refused = server.pay(&payment(GOOD), &[("Idempotency-Key", &"x".repeat(256))]).await;
    refused.assert_problem(400, "idempotency_key_invalid");
    server.stop().await;
}

#[tokio::test]
async fn a_key_in_use_is_said_so_and_a_202_is_not_final() {
    let server = TestServer::start_with(|config| {
        config.providers.simulator.latency_ms = 500;
    })
    .await;
    let header = [("Idempotency-Key", "slow")];
    let request = payment(GOOD);
    let impatient = async {
        loop {
            let reply = server.pay(&request, &header).await;
            if reply.header("idempotent-replayed").is_some() || reply.status == 409 {
                return reply;
            }
        }
    };
    let (first, second) = tokio::join!(server.pay(&request, &header), impatient);
    let (first, second) = if first.status == 409 { (second, first) } else { (first, second) };
    second.assert_problem(409, "idempotency_key_in_use");
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(first.status, 201);

    let header = [("Idempotency-Key", "later"), ("Prefer", "respond-async")];
    let accepted = server.pay(&request, &header).await;
    assert_eq!(accepted.status, 202);
    let settled = loop {
        let reply = server.pay(&request, &header[..1]).await;
        assert_eq!(reply.header("idempotent-replayed"), Some("true"));
        if reply.status != 202 {
            break reply;
        }
    };
    assert_eq!(settled.status, 201);
    assert_eq!(settled.json()["id"], accepted.json()["id"]);
    server.stop().await;
}
