//! What is told of orders: each step of being paid, once and in order.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    receiver::Receiver,
    server::{GOOD, POOR, TestServer, payment},
};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

impl TestServer {
    async fn order(&self, amount: &str) -> String {
        let authorization = format!("Bearer {}", self.key());
        let headers = [("Authorization", authorization.as_str())];
        let body = json!({"amount": amount, "currency": "INR"}).to_string();
        let reply = self.post("/api/v1/orders", &body, &headers).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// Pays a part of an order; what the payment's answer is.
    async fn pay_order(&self, order: &str, amount: &str, card: &str, capture: &str) -> Value {
        let mut request = payment(card);
        request["amount"] = amount.into();
        request["order_id"] = order.into();
        request["capture"] = capture.into();
        self.pay(&request, &[]).await.json()
    }

    /// What has been told of orders: name, sequence, id, and how much is paid.
    async fn told_of_orders(&self, count: usize) -> Vec<(String, u64, String, String)> {
        let reading = async {
            loop {
                let page = self.get("/api/v1/events?limit=100").await.json();
                let told: Vec<_> =
                    page["data"].as_array().unwrap().iter().filter_map(told).collect();
                if told.len() >= count {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, reading).await.expect("they are told in time")
    }
}

fn told(event: &Value) -> Option<(String, u64, String, String)> {
    let name = event["event"].as_str()?;
    let status = name.strip_prefix("order.")?;
    let order = &event["data"];
    assert_eq!((order["object"].as_str(), order["status"].as_str()), (Some("order"), Some(status)));
    Some((
        name.to_owned(),
        event["sequence"].as_u64()?,
        order["id"].as_str()?.to_owned(),
        order["amount_paid"].as_str()?.to_owned(),
    ))
}

#[tokio::test]
async fn each_step_of_an_order_is_told_once_and_in_order() {
    let receiver = Receiver::start().await;
    let server = TestServer::start_with(|config| {
        config.webhooks.allowed_cidrs = vec!["127.0.0.0/8".parse().unwrap()];
        config.webhooks.ports = Vec::new();
    })
    .await;
    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str())];
    let endpoint = json!({"url": receiver.url(), "events": ["order.*"]}).to_string();
    let endpoint = server.post("/api/v1/webhooks", &endpoint, &headers).await.json();

    let order = server.order("100.00").await;
    // A try that fails is one, and a second tells nothing new.
    server.pay_order(&order, "40.00", POOR, "automatic").await;
    server.pay_order(&order, "40.00", POOR, "automatic").await;
    server.pay_order(&order, "40.00", GOOD, "automatic").await;
    server.pay_order(&order, "30.00", GOOD, "automatic").await;
    let held = server.pay_order(&order, "30.00", GOOD, "manual").await;
    let capture = format!("/api/v1/payments/{}/capture", held["id"].as_str().unwrap());
    assert_eq!(server.post(&capture, "{}", &headers).await.status, 200);

    let step = |name: &str, sequence, paid: &str| {
        (format!("order.{name}"), sequence, order.clone(), paid.to_owned())
    };
    let steps = [
        step("created", 1, "0.00"),
        step("attempted", 2, "0.00"),
        step("partially_paid", 3, "40.00"),
        step("partially_paid", 4, "70.00"),
        step("paid", 5, "100.00"),
    ];
    assert_eq!(server.told_of_orders(5).await, steps);
    let deliveries = receiver.until(5).await;
    for delivery in &deliveries {
        delivery.verify(endpoint["secret"].as_str().unwrap());
    }
    let delivered: Vec<_> = deliveries.iter().filter_map(|one| told(&one.json())).collect();
    assert_eq!(delivered, steps);

    // A refund opens no order again; a reversal takes back what was paid.
    let server = server.restart().await;
    let other = server.order("10.00").await;
    let paid = server.pay_order(&other, "10.00", GOOD, "automatic").await;
    let reverse = format!("/api/v1/payments/{}/reverse", paid["id"].as_str().unwrap());
    assert_eq!(server.post(&reverse, "{}", &headers).await.status, 200);
    let all = server.told_of_orders(9).await;
    assert_eq!(all[..5], steps, "told once, over a restart");
    let names: Vec<_> =
        all[5..].iter().map(|(name, sequence, ..)| (name.as_str(), *sequence)).collect();
    let again =
        [("order.created", 1), ("order.attempted", 2), ("order.paid", 3), ("order.attempted", 4)];
    assert_eq!(names, again);
    server.stop().await;
}
