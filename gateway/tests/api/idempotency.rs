//! One key, one effect, one answer.

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde_json::json;
use tokio::task::JoinSet;

use crate::server::{GOOD, OPERATOR, POOR, TestServer, payment};

#[tokio::test]
async fn a_repeated_request_is_answered_byte_for_byte_even_after_a_restart() {
    let server = TestServer::start().await;
    let mut firsts = Vec::new();
    for (card, key, status) in [(GOOD, "good", 201), (POOR, "poor", 402)] {
        let header = [("Idempotency-Key", key)];
        let first = server.pay(&payment(card), &header).await;
        assert_eq!((first.status, first.header("idempotent-replayed")), (status, None));
        let again = server.pay(&payment(card), &[("Idempotency-Key", &format!("\"{key}\""))]).await;
        assert_eq!((again.status, &again.body), (status, &first.body));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        firsts.push((card, key, first));
    }
    let server = server.restart().await;
    for (card, key, first) in firsts {
        let again = server.pay(&payment(card), &[("Idempotency-Key", key)]).await;
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
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_wait_learns_the_outcome_by_the_key() {
    let server = TestServer::start_with(|config| {
        config.providers.simulator.latency_ms = 200;
    })
    .await;
    for (card, key, status) in [(GOOD, "good", 201), (POOR, "poor", 402)] {
        let request = payment(card);
        let header = [("Idempotency-Key", key), ("Prefer", "respond-async")];
        let accepted = server.pay(&request, &header).await;
        assert_eq!((accepted.status, &accepted.json()["status"]), (202, &json!("processing")));
        let settled = loop {
            let reply = server.pay(&request, &header).await;
            assert_eq!(reply.header("idempotent-replayed"), Some("true"));
            if reply.status != 202 {
                break reply;
            }
            assert_eq!(reply.json()["id"], accepted.json()["id"]);
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(settled.status, status);
        let shown = settled.json();
        let payment = if status == 402 { &shown["payment"] } else { &shown };
        assert_eq!(payment["id"], accepted.json()["id"]);
        // The first final answer stands.
        let again = server.pay(&request, &header[..1]).await;
        assert_eq!((again.status, again.body), (status, settled.body));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_hundred_at_once_under_one_key_charge_once() {
    let server = TestServer::start_with(|config| {
        config.providers.simulator.latency_ms = 100;
    })
    .await;
    let server = Arc::new(server);
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        let server = Arc::clone(&server);
        asking.spawn(async move {
            server.pay(&payment(GOOD), &[("Idempotency-Key", "hundredfold")]).await
        });
    }
    let replies = asking.join_all().await;
    let (charged, in_use): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    for reply in &in_use {
        reply.assert_problem(409, "idempotency_key_in_use");
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    let ids: HashSet<_> = charged.iter().map(|reply| reply.json()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let first = charged.iter().filter(|reply| reply.header("idempotent-replayed").is_none());
    assert_eq!(first.count(), 1);
    assert!(charged.iter().all(|reply| reply.body == charged[0].body));
    let ledger = server.get_with("/simulator/ledger", OPERATOR).await.json();
    let attempts = ledger["data"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{ledger}");
    assert_eq!((&attempts[0]["state"], &attempts[0]["calls"]), (&json!("approved"), &json!(1)));
    Arc::into_inner(server).expect("all have been answered").stop().await;
}
