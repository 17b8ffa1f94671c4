//! What a provider tells of its own accord, and the pages of customers who have to act.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::server::{GOOD, OPERATOR, Reply, TestServer, payment};

const SECRET: &str = "a secret of gateway and provider";

const PATHS: [&str; 5] = [
    "/api/v1/providers/simulator/webhook",
    "/api/providers/simulator/webhook",
    "/api/webhooks/simulator",
    "/api/webhooks/payment",
    "/api/webhooks/refund",
];

/// A gateway that shares [`SECRET`] with its simulator.
struct Stage {
    server: TestServer,
    _secret: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("callback.key");
        std::fs::write(&path, SECRET).unwrap();
        let server = TestServer::start_with(|config| {
            config.providers.simulator.callback_secret_file = path;
        })
        .await;
        Self { server, _secret: directory }
    }

    /// Sends a callback, signed with `secret` so many seconds ago.
    async fn call_back(&self, path: &str, body: &str, secret: &str, age: u64) -> Reply {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let timestamp = (now - age).to_string();
        let signature = format!("v1={}", signature(secret, &format!("{timestamp}.{body}")));
        let headers = [("Callback-Timestamp", &*timestamp), ("Callback-Signature", &*signature)];
        self.server.post(path, body, &headers).await
    }

    /// The payment once it is `status`; it gets there by a callback.
    async fn once(&self, id: &str, status: &str) -> Value {
        for _try in 0..1_000 {
            let found = self.server.get(&format!("/api/v1/payments/{id}")).await.json();
            if found["status"] == status {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{id} does not become {status}");
    }

    async fn act(&self, page: &str, decision: &str) -> Reply {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        self.server.send("POST", page, &format!("decision={decision}"), &form).await
    }

    async fn entries(&self) -> Vec<Value> {
        let page = self.server.get_with("/simulator/ledger", OPERATOR).await.json();
        page["data"].as_array().unwrap().clone()
    }
}

/// What the secret's holder signs a text with.
fn signature(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn approval(payment: &Value) -> String {
    json!({
        "id": "cb_1",
        "payment_id": payment["id"],
        "attempt_id": payment["attempts"][0]["id"],
        "answer": {
            "outcome": "approved",
            "receipt": {"external_id": "sim_1", "rrn": "12", "approval_code": "345"},
        },
        "created_at": "2026-01-15T10:30:00.000Z",
    })
    .to_string()
}

/// Whoever knows the secret is believed, on every path, and once.
#[tokio::test]
async fn a_signed_callback_is_taken_in() {
    let stage = Stage::set().await;
    for path in PATHS {
        let waiting = stage.server.pay(&payment("4000000000003220"), &[]).await.json();
        assert_eq!(waiting["status"], "requires_action", "{waiting}");
        let mut body = approval(&waiting);
        body = body.replace("cb_1", &format!("cb_{}", waiting["id"]).replace('"', ""));
        for _time in 0..2 {
            let reply = stage.call_back(path, &body, SECRET, 0).await;
            assert_eq!((reply.status, reply.json()), (200, json!({"received": true})), "{path}");
        }
        let id = waiting["id"].as_str().unwrap();
        let found = stage.server.get(&format!("/api/v1/payments/{id}")).await.json();
        assert_eq!(found["status"], "completed", "it was durable when it was acknowledged");
        assert_eq!(found["external_txn_id"], "sim_1");
    }
    let metrics = stage.server.metrics().await;
    for result in ["accepted", "repeated"] {
        let line = format!("tollgate_provider_callbacks_total{{result=\"{result}\"}} 5");
        assert!(metrics.contains(&line), "{metrics}");
    }
    stage.server.stop().await;
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let stage = Stage::set().await;
    let path = PATHS[0];
    let waiting = stage.server.pay(&payment("4000000000003220"), &[]).await.json();
    let body = approval(&waiting);
    let unsigned = stage.server.post(path, &body, &[]).await;
    unsigned.assert_problem(401, "callback_signature_invalid");
    let forged = stage.call_back(path, &body, "a secret that somebody guesses at", 0).await;
    forged.assert_problem(401, "callback_signature_invalid");
    let recorded = stage.call_back(path, &body, SECRET, 310).await;
    recorded.assert_problem(401, "callback_out_of_time");
    let nobody = stage.call_back("/api/v1/providers/nobody/webhook", &body, SECRET, 0).await;
    nobody.assert_problem(404, "provider_not_found");
    let no_callback = stage.call_back(path, "{}", SECRET, 0).await;
    no_callback.assert_problem(400, "body_invalid");
    let id = waiting["id"].as_str().unwrap();
    let found = stage.server.get(&format!("/api/v1/payments/{id}")).await.json();
    assert_eq!(found["status"], "requires_action");
    stage.server.stop().await;
}

/// It waits for its payment, and operators see it.
#[tokio::test]
async fn a_callback_for_no_payment_of_ours_is_parked() {
    let stage = Stage::set().await;
    let paid = stage.server.pay(&payment(GOOD), &[]).await.json();
    let attempt = paid["attempts"][0]["id"].clone();
    let mut other = paid.clone();
    other["id"] = json!("pay_00000000000010000000000000");
    let received = json!({"received": true});
    for _time in 0..2 {
        let reply = stage.call_back(PATHS[0], &approval(&other), SECRET, 0).await;
        assert_eq!((reply.status, reply.json()), (200, received.clone()));
    }
    other = paid;
    other["attempts"][0]["id"] = json!("att_00000000000010000000000000");
    let of_other_attempt = approval(&other).replace("cb_1", "cb_2");
    let reply = stage.call_back(PATHS[0], &of_other_attempt, SECRET, 0).await;
    assert_eq!((reply.status, reply.json()), (200, received));
    let metrics = stage.server.metrics().await;
    for line in [
        "tollgate_provider_callbacks_total{result=\"parked\"} 3",
        "tollgate_provider_callbacks_parked 2",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let list = |query: &str| {
        let path = format!("/api/v1/admin/callbacks{query}");
        let server = &stage.server;
        async move { server.get_with(&path, OPERATOR).await.json() }
    };
    let page = list("?limit=1").await;
    assert_eq!(
        (&page["has_more"], &page["url"]),
        (&json!(true), &json!("/api/v1/admin/callbacks"))
    );
    let first = page["data"][0].clone();
    let shown = json!({
        "id": first["id"], "object": "parked_callback", "provider": "simulator",
        "callback_id": "cb_1", "payment_id": "pay_00000000000010000000000000",
        "attempt_id": attempt, "operation_id": null, "outcome": "approved",
        "received_at": first["received_at"],
    });
    assert_eq!(first, shown);
    let id = first["id"].as_str().unwrap();
    let rest = list(&format!("?starting_after={id}")).await;
    assert_eq!(rest["data"][0]["callback_id"], "cb_2", "{rest}");
    let path = format!("/api/v1/admin/callbacks/{id}");
    let merchant = format!("Bearer {}", stage.server.key());
    let refused = stage.server.send("DELETE", &path, "", &[("Authorization", &merchant)]).await;
    assert_eq!(refused.status, 403);
    let operator = format!("Bearer {OPERATOR}");
    let operator = [("Authorization", operator.as_str())];
    let dismissed = stage.server.send("DELETE", &path, "", &operator).await;
    assert_eq!(
        (dismissed.status, dismissed.json()),
        (200, json!({"id": id, "object": "parked_callback", "deleted": true}))
    );
    let again = stage.server.send("DELETE", &path, "", &operator).await;
    again.assert_problem(404, "parked_callback_not_found");
    assert_eq!(list("").await["data"].as_array().unwrap().len(), 1);
    stage.server.stop().await;
}

/// As after a restore: the payment comes to be known while its callback waits.
#[tokio::test]
async fn a_parked_callback_finds_its_payment() {
    let Stage { server, _secret } = Stage::set().await;
    let waiting = server.pay(&payment("4000000000003220"), &[]).await.json();
    let callback: Value = serde_json::from_str(&approval(&waiting)).unwrap();
    let file = json!({
        "provider": "simulator", "received_at": 1_800_000_000_000_u64, "callback": callback,
    });
    let server = server
        .restart_with(|config| {
            let directory = config.storage.data_dir.join("callbacks");
            std::fs::create_dir_all(&directory).unwrap();
            let path = directory.join("cbk_06f1q8zr2w000092mt7v4x1c8h.json");
            std::fs::write(path, file.to_string()).unwrap();
        })
        .await;
    let stage = Stage { server, _secret };
    stage.once(waiting["id"].as_str().unwrap(), "completed").await;
    for _try in 0..1_000 {
        if stage.server.metrics().await.contains("tollgate_provider_callbacks_parked 0") {
            return drop(stage.server.stop().await);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it has found its payment, and does not wait any more");
}

/// Card, bank, wallet and UPI: the customer acts on his page, and the simulator calls back.
#[tokio::test]
async fn a_customer_acts_on_a_page() {
    let stage = Stage::set().await;
    let by = |method: &str, field: &str, value: Value| {
        let mut request = payment(GOOD);
        request.as_object_mut().unwrap().remove("card");
        request["payment_method"] = json!(method);
        request[field] = value;
        request
    };
    let wallet = json!({"provider": "paytm", "wallet_id": "wallet_redirect"});
    for request in [
        payment("4000000000003220"),
        by("netbanking", "bank", json!("SIMR")),
        by("wallet", "wallet", wallet),
        by("upi", "upi", json!({"vpa": "pending@sim"})),
    ] {
        for (decision, status) in [("approve", "completed"), ("decline", "failed")] {
            let case = format!("{} {decision}", request["payment_method"]);
            let waiting = stage.server.pay(&request, &[]).await.json();
            assert_eq!(waiting["status"], "requires_action", "{case}: {waiting}");
            let attempt = waiting["attempts"][0]["id"].as_str().unwrap();
            let page = format!("/simulator/actions/{attempt}");
            let shown = stage.server.send("GET", &page, "", &[]).await;
            assert_eq!(shown.status, 200, "{case}");
            assert!(shown.header("content-type").unwrap().starts_with("text/html"));
            assert!(shown.body.contains("INR 100.00"), "{case}: {shown:?}");
            let decided = stage.act(&page, decision).await;
            assert_eq!(decided.status, 200, "{case}: {decided:?}");
            stage.once(waiting["id"].as_str().unwrap(), status).await;
            let again = stage.act(&page, if decision == "approve" { "decline" } else { "approve" });
            let again = again.await;
            assert_eq!((again.status, again.body), (200, decided.body), "{case}: it is decided");
        }
    }
    let moved: i64 =
        stage.entries().await.iter().map(|entry| entry["moved_minor"].as_i64().unwrap()).sum();
    assert_eq!(moved, 4 * 10_000);
    stage.server.stop().await;
}

#[tokio::test]
async fn there_is_no_page_where_nobody_has_to_act() {
    let stage = Stage::set().await;
    let paid = stage.server.pay(&payment(GOOD), &[]).await.json();
    for attempt in [paid["attempts"][0]["id"].as_str().unwrap(), "att_1", "%00"] {
        let page = format!("/simulator/actions/{attempt}");
        assert_eq!(stage.server.send("GET", &page, "", &[]).await.status, 404, "{attempt}");
        assert_eq!(stage.act(&page, "approve").await.status, 404, "{attempt}");
    }
    let waiting = stage.server.pay(&payment("4000000000003220"), &[]).await.json();
    let attempt = waiting["attempts"][0]["id"].as_str().unwrap();
    let page = format!("/simulator/actions/{attempt}");
    assert_eq!(stage.act(&page, "perhaps").await.status, 422);
    let json = stage.server.post(&page, "{}", &[]).await;
    json.assert_problem(415, "content_type_unsupported");
    stage.server.stop().await;
}

/// What no answer told is told by callback, also where that comes twice, late, or both ways.
#[tokio::test]
async fn callbacks_fail_in_every_way_and_the_payment_is_right() {
    let stage = Stage::set().await;
    for faults in [
        "callback",
        "callback:duplicate",
        "callback:late:30",
        "callback:contradicting",
        "pending:30",
    ] {
        let mut request = payment(GOOD);
        request["metadata"] = json!({"simulator": faults});
        let paid = stage.server.pay(&request, &[]).await.json();
        let id = paid["id"].as_str().unwrap();
        stage.once(id, "completed").await;
    }
    // One, two, one, two; and one of what was put off.
    let all = "tollgate_provider_callbacks_total{result=";
    for _try in 0..1_000 {
        let metrics = stage.server.metrics().await;
        let count: u64 = metrics
            .lines()
            .filter_map(|line| line.strip_prefix(all)?.split_once("} ")?.1.parse::<u64>().ok())
            .sum();
        if count == 7 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let entries = stage.entries().await;
    let approved = entries.iter().filter(|entry| entry["state"] == "approved").count();
    assert_eq!(approved, 5, "{entries:?}");
    let metrics = stage.server.metrics().await;
    assert!(metrics.contains(&format!("{all}\"refused\"}} 0")), "{metrics}");
    stage.server.stop().await;
}
