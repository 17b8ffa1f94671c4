//! Accounts, balances and entries; transactions; what operators decide and enter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};

use crate::server::{GOOD, OPERATOR, POOR, Reply, TestServer, payment};

async fn refunded(server: &TestServer) -> (Value, Value) {
    let paid = server.pay(&payment(GOOD), &[]).await.json();
    let authorization = format!("Bearer {}", server.key());
    let path = format!("/api/v1/payments/{}/refund", paid["id"].as_str().unwrap());
    let body = "{\"amount\":\"40.00\"}";
    let reply = server.post(&path, body, &[("Authorization", &authorization)]).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    (paid, reply.json())
}

async fn as_operator(server: &TestServer, path: &str, body: &Value) -> Reply {
    let authorization = format!("Bearer {OPERATOR}");
    server.post(path, &body.to_string(), &[("Authorization", &authorization)]).await
}

#[tokio::test]
async fn the_books_tell_of_a_payment_and_its_refund() {
    let server = TestServer::start().await;
    let (paid, refund) = refunded(&server).await;
    let balance = server.get("/api/v1/balance").await.json();
    assert_eq!(balance["balances"][0]["available"], "60.00");
    assert_eq!(balance["balances"][0]["pending_minor"], 0);

    let id = paid["id"].as_str().unwrap();
    let entries = server.get(&format!("/api/v1/ledger/entries?payment_id={id}")).await.json();
    let types: Vec<&Value> =
        entries["data"].as_array().unwrap().iter().map(|entry| &entry["type"]).collect();
    // What a succeeded refund pays out does not touch the merchant's payable account any more, but
    // what was set aside for it.
    assert_eq!(types, ["capture", "refund_pending", "refund_succeeded"]);
    let transaction = refund["transaction_id"].as_str().unwrap();
    let path = format!("/api/v1/ledger/entries?transaction_id={transaction}");
    let entries = server.get_with(&path, OPERATOR).await.json();
    assert_eq!(entries["data"].as_array().unwrap().len(), 2);
    assert_eq!(entries["data"][1]["credit"]["account"], "provider_receivable");
    server.get("/api/v1/ledger/entries").await.assert_problem(400, "parameter_missing");

    let all = server.get_with("/api/v1/ledger/accounts", OPERATOR).await.json();
    let sum = |field: &str| -> i64 {
        all["data"].as_array().unwrap().iter().map(|row| row[field].as_i64().unwrap()).sum()
    };
    assert_eq!(sum("debits_minor"), sum("credits_minor"));
    assert!(sum("debits_minor") > 0);
    let own = server.get("/api/v1/ledger/accounts").await.json();
    let kinds: Vec<&Value> =
        own["data"].as_array().unwrap().iter().map(|row| &row["account"]).collect();
    assert_eq!(kinds, ["merchant_payable", "refunds_pending"]);
    server.stop().await;
}

#[tokio::test]
async fn a_transaction_is_a_payment_or_what_is_done_to_it() {
    let server = TestServer::start().await;
    let (paid, refund) = refunded(&server).await;
    let path = format!("/api/v1/transactions/{}", paid["transaction_id"].as_str().unwrap());
    let shown = server.get(&path).await.json();
    assert_eq!((&shown["type"], &shown["status"]), (&json!("payment"), &json!("succeeded")));
    assert_eq!((&shown["payment_id"], &shown["amount"]), (&paid["id"], &json!("100.00")));
    let id = refund["transaction_id"].as_str().unwrap();
    let shown = server.get(&format!("/api/v1/transactions/{id}")).await.json();
    assert_eq!((&shown["type"], &shown["refund_id"]), (&json!("refund"), &refund["id"]));
    let classic = server.get(&format!("/api/transactions/{id}")).await.json();
    assert_eq!(classic["data"]["status"], "completed");
    assert_eq!(classic["data"]["amount"], json!(40.00));
    let nobodys = server.get("/api/v1/transactions/txn_0").await;
    nobodys.assert_problem(404, "transaction_not_found");
    server.stop().await;
}

#[tokio::test]
async fn an_operator_tells_what_became_of_an_unknown_payment() {
    let server = TestServer::start().await;
    let mut request = payment(GOOD);
    request["metadata"] = json!({"simulator": "timeout_before_approval"});
    let unknown = server.pay(&request, &[]).await;
    assert_eq!(unknown.json()["status"], "unknown", "{unknown:?}");
    let listed = server.get_with("/api/v1/admin/unknown", OPERATOR).await.json();
    assert_eq!(listed["data"][0]["payment_id"], unknown.json()["id"]);
    assert!(listed["data"][0]["next_inquiry_at"].is_string());

    let shown = unknown.json();
    let id = shown["transaction_id"].as_str().unwrap();
    let path = format!("/api/v1/admin/transactions/{id}/outcome");
    let bare = as_operator(&server, &path, &json!({"status": "succeeded"})).await;
    bare.assert_problem(400, "parameter_missing");
    let failed = json!({"status": "failed", "decline_code": "do_not_honor"});
    let told = as_operator(&server, &path, &failed).await;
    assert_eq!((told.status, &told.json()["status"]), (200, &json!("failed")), "{told:?}");
    assert_eq!(told.json()["decline_code"], "do_not_honor");
    let listed = server.get_with("/api/v1/admin/unknown", OPERATOR).await.json();
    assert_eq!(listed["data"], json!([]));

    // What comes after that is late: it goes to the operators.
    let path = format!("/api/transactions/{id}/status");
    let late = json!({"status": "completed", "externalTxnID": "bank_7"});
    let told = as_operator(&server, &path, &late).await;
    assert_eq!(told.status, 200, "{told:?}");
    let payment = server.get(&format!("/api/v1/payments/{}", shown["id"].as_str().unwrap())).await;
    assert_eq!(payment.json()["attempts"][0]["status"], "approved_late");
    let page = server.get("/api/v1/admin/exceptions").await;
    page.assert_problem(403, "operator_key_required");
    server.stop().await;
}

#[tokio::test]
async fn an_operator_decides_what_could_not_be_undone() {
    let server = TestServer::start().await;
    // The simulator holds nothing of it, and so refuses to undo what it is said to have approved.
    let declined = server.pay(&payment(POOR), &[]).await.json()["payment"].clone();
    let path = format!(
        "/api/v1/admin/transactions/{}/outcome",
        declined["transaction_id"].as_str().unwrap()
    );
    let late = json!({"status": "succeeded", "external_txn_id": "bank_7"});
    assert_eq!(as_operator(&server, &path, &late).await.status, 200);

    let exception = loop {
        let page = server.get_with("/api/v1/admin/exceptions", OPERATOR).await.json();
        match page["data"].as_array().unwrap().first() {
            Some(exception) => break exception.clone(),
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(
        (&exception["type"], &exception["status"]),
        (&json!("late_approval"), &json!("open"))
    );
    assert_eq!(exception["payment_id"], declined["id"]);
    assert_eq!(
        (&exception["booked"]["direction"], &exception["booked"]["amount_minor"]),
        (&json!("received"), &json!(10_000))
    );
    let (payment, case) = (declined["id"].as_str().unwrap(), exception["id"].as_str().unwrap());
    let path = format!("/api/v1/admin/payments/{payment}/exceptions/{case}");
    assert_eq!(server.get_with(&path, OPERATOR).await.json(), exception);

    let resolve = format!("{path}/resolve");
    let strange = as_operator(&server, &resolve, &json!({"resolution": "kept"})).await;
    strange.assert_problem(400, "parameter_invalid");
    let denied = as_operator(&server, &resolve, &json!({"resolution": "withdrawn"})).await;
    denied.assert_problem(409, "case_unexpected_state");
    let resolved = as_operator(&server, &resolve, &json!({"resolution": "returned"})).await;
    assert_eq!(
        (resolved.status, &resolved.json()["resolution"]),
        (200, &json!("returned")),
        "{resolved:?}"
    );
    let list = server.get_with("/api/v1/admin/exceptions", OPERATOR).await.json();
    assert_eq!(list["data"], json!([]));
    let accounts = server.get_with("/api/v1/ledger/accounts", OPERATOR).await.json();
    let rows = accounts["data"].as_array().unwrap();
    let exceptions = rows.iter().find(|row| row["account"] == "exceptions").unwrap();
    assert_eq!(exceptions["debits_minor"], exceptions["credits_minor"], "cleared");
    server.stop().await;
}
