//! Lists of payments, refunds, transactions and reviews: what they show, and how one pages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::HashSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use crate::server::{GOOD, OPERATOR, POOR, TestServer, payment};

fn ids(list: &Value) -> Vec<String> {
    let rows = list["data"].as_array().unwrap_or_else(|| panic!("{list:#}"));
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn refund(server: &TestServer, paid: &Value, amount: &str) -> Value {
    let authorization = format!("Bearer {}", server.key());
    let path = format!("/api/v1/payments/{}/refund", id(paid));
    let body = json!({"amount": amount}).to_string();
    let reply = server.post(&path, &body, &[("Authorization", &authorization)]).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()
}

/// Pays so much, by the card and with whatever else.
async fn pay(server: &TestServer, card: &str, amount: &str, more: Value) -> Value {
    let mut request = payment(card);
    request["amount"] = amount.into();
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = server.pay(&request, &[]).await.json();
    // A decline is a problem that has its payment in it.
    answer.get("payment").cloned().unwrap_or(answer)
}

#[tokio::test]
async fn payments_are_listed_newest_first_as_they_are_shown_by_themselves() {
    let server = TestServer::start().await;
    let empty = server.get("/api/v1/payments").await.json();
    assert_eq!((&empty["object"], &empty["has_more"]), (&json!("list"), &json!(false)));
    assert_eq!(ids(&empty), [""; 0]);
    let customer = json!({"customer": {"id": "anna", "email": "anna@example.com"}});
    let first = pay(&server, GOOD, "10.00", customer).await;
    let second = pay(&server, POOR, "20.00", json!({"order_id": "o 1/ä"})).await;
    let third = pay(&server, GOOD, "30.00", json!({"capture": "manual"})).await;
    let list = server.get("/api/v1/payments").await.json();
    assert_eq!(ids(&list), [id(&third), id(&second), id(&first)]);
    for row in list["data"].as_array().unwrap() {
        assert_eq!(*row, server.get(&format!("/api/v1/payments/{}", id(row))).await.json());
    }
    for (query, expected) in [
        ("status=completed", vec![&first]),
        ("status=failed", vec![&second]),
        ("status=authorized", vec![&third]),
        ("status=voided", vec![]),
        ("order_id=o+1%2F%C3%A4", vec![&second]),
        ("customer_id=anna", vec![&first]),
        ("customer_id=Anna", vec![]),
        ("currency=inr", vec![&third, &second, &first]),
        ("currency=USD", vec![]),
        ("payment_method=card&amount_minor[gt]=1000&amount_minor[lt]=3000", vec![&second]),
        ("amount_minor=3000", vec![&third]),
        ("created[lt]=2020-01-01T00:00:00Z", vec![]),
        ("created%5Bgte%5D=2020-01-01T00:00:00Z&limit=1", vec![&third]),
    ] {
        let list = server.get(&format!("/api/v1/payments?{query}")).await.json();
        let expected: Vec<&str> = expected.into_iter().map(id).collect();
        assert_eq!(ids(&list), expected, "{query}");
    }
    let restarted = server.restart().await;
    let after = restarted.get("/api/v1/payments").await.json();
    assert_eq!(after["data"], list["data"]);
    restarted.stop().await;
}

#[tokio::test]
async fn transactions_and_refunds_are_what_was_done_to_payments() {
    let server = TestServer::start().await;
    let paid = pay(&server, GOOD, "100.00", json!({"order_id": "o-1"})).await;
    let poor = pay(&server, POOR, "50.00", json!({})).await;
    let (one, two) = (refund(&server, &paid, "10.00").await, refund(&server, &paid, "20.00").await);
    let refunds = server.get("/api/v1/refunds").await.json();
    assert_eq!(refunds["data"], json!([two, one]));
    let of = |object: &Value| object["transaction_id"].as_str().unwrap().to_owned();
    let all = [of(&two), of(&one), of(&poor), of(&paid)];
    let list = server.get("/api/v1/transactions").await.json();
    assert_eq!(ids(&list), all);
    for row in list["data"].as_array().unwrap() {
        assert_eq!(*row, server.get(&format!("/api/v1/transactions/{}", id(row))).await.json());
    }
    for (query, expected) in [
        ("type=refund".to_owned(), &all[..2]),
        ("type=payment".to_owned(), &all[2..]),
        ("status=failed".to_owned(), &all[2..3]),
        ("status=pending".to_owned(), &[]),
        ("type=refund&status=succeeded&amount_minor[lte]=1000".to_owned(), &all[1..2]),
        (format!("payment_id={}&type=refund", id(&paid)), &all[..2]),
        (format!("payment_id={}", id(&poor)), &all[2..3]),
    ] {
        let list = server.get(&format!("/api/v1/transactions?{query}")).await.json();
        assert_eq!(ids(&list), expected, "{query}");
    }
    let by_order = server.get("/api/v1/transactions?order_id=o-1").await.json();
    assert_eq!(ids(&by_order), [of(&two), of(&one), of(&paid)]);
    let settled = server.get("/api/v1/refunds?status=succeeded&limit=1").await.json();
    assert_eq!((ids(&settled), &settled["has_more"]), (vec![id(&two).to_owned()], &json!(true)));
    assert_eq!(ids(&server.get("/api/v1/refunds?status=failed").await.json()), [""; 0]);

    let classic = server.get("/api/transactions?limit=2&offset=1").await.json();
    let shown: Vec<_> = classic["data"]["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["transactionID"].as_str().unwrap())
        .collect();
    assert_eq!(shown, &all[1..3]);
    assert_eq!(classic["data"]["total"], 4);
    let classic = server.get("/api/transactions?status=completed&paymentMethod=card").await.json();
    assert_eq!(classic["data"]["total"], 3);
    let merchant = server.get("/api/v1/merchants/me").await.json();
    let path = format!("/api/transactions/merchant/{}", id(&merchant));
    assert_eq!(server.get(&path).await.json()["data"]["total"], 4);
    assert_eq!(server.get_with(&path, OPERATOR).await.json()["data"]["total"], 4);
    server.stop().await;
}

#[tokio::test]
async fn pages_hold_every_row_once_while_payments_arrive_and_change() {
    let server = Arc::new(
        TestServer::start_with(|config| {
            config.rate_limit.requests_per_s = 0;
        })
        .await,
    );
    let mut there = HashSet::new();
    for _batch in 0..3 {
        let payments: Vec<Value> = (0..400).map(|_payment| payment(GOOD)).collect();
        let body = json!({"payments": payments}).to_string();
        let authorization = format!("Bearer {}", server.key());
        let headers = [("Authorization", authorization.as_str())];
        let reply = server.post("/api/v1/payments/batch", &body, &headers).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let rows = reply.json();
        let rows = rows["data"].as_array().unwrap();
        there.extend(rows.iter().map(|row| id(&row["payment"]).to_owned()));
    }
    assert_eq!(there.len(), 1_200);
    let paging = Arc::new(AtomicBool::new(true));
    let writer = tokio::spawn({
        let (server, paging) = (Arc::clone(&server), Arc::clone(&paging));
        let oldest = there.iter().min().unwrap().clone();
        async move {
            while paging.load(Ordering::Relaxed) {
                let paid = server.pay(&payment(GOOD), &[]).await;
                assert_eq!(paid.status, 201, "{paid:?}");
                refund(&server, &json!({"id": oldest}), "0.01").await;
            }
        }
    });
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let after = cursor.map(|id| format!("&starting_after={id}")).unwrap_or_default();
        let path = format!("/api/v1/payments?limit=100&status=completed{after}");
        let page = server.get(&path).await.json();
        let rows = ids(&page);
        cursor = rows.last().cloned();
        seen.extend(rows);
        if page["has_more"] == false {
            break;
        }
    }
    // And back, from the oldest to the newest of what was there.
    let mut back = Vec::new();
    let mut cursor = seen.last().cloned().unwrap();
    while back.len() < 1_199 {
        let path = format!("/api/v1/payments?limit=100&ending_before={cursor}");
        let mut rows = ids(&server.get(&path).await.json());
        cursor = rows.first().cloned().unwrap();
        rows.reverse();
        back.extend(rows);
    }
    paging.store(false, Ordering::Relaxed);
    writer.await.unwrap();
    assert!(seen.is_sorted_by(|one, next| one > next), "newest first, none twice");
    assert!(back.is_sorted_by(|one, next| one < next), "none twice");
    let seen: HashSet<String> = seen.into_iter().collect();
    assert!(there.is_subset(&seen), "{} are missing", there.difference(&seen).count());
    Arc::into_inner(server).unwrap().stop().await;
}

#[tokio::test]
async fn what_is_no_list_is_refused_with_all_of_its_faults() {
    let server = TestServer::start().await;
    let paid = pay(&server, GOOD, "10.00", json!({})).await;
    let registered = register(&server).await;
    let others = registered["api_keys"]["secret_test"].as_str().unwrap();
    for list in ["payments", "refunds", "transactions", "reviews"] {
        let path = format!("/api/v1/{list}?limit=0&status=paid&currency=XXX&colour=red");
        let told = server.get(&path).await.assert_problem(400, "parameter_invalid");
        assert_eq!(told["errors"].as_array().unwrap().len(), 4, "{told:#}");
        // Who has no key is told no more than that.
        let unknown = server.send("GET", &path, "", &[]).await;
        unknown.assert_problem(401, "api_key_missing");
    }
    assert_eq!(server.send("GET", "/api/transactions?limit=0", "", &[]).await.status, 401);
    let path = format!("/api/v1/payments?starting_after={}", id(&paid));
    assert_eq!(ids(&server.get(&path).await.json()), [""; 0]);
    let strangers = server.get_with(&path, others).await.assert_problem(400, "parameter_invalid");
    let nobodys = path.replace(id(&paid), "pay_00000000000000000000000001");
    let nobodys = server.get(&nobodys).await.assert_problem(400, "parameter_invalid");
    assert_eq!(strangers["errors"], nobodys["errors"]);
    let path = format!("/api/v1/transactions?payment_id={}", id(&paid));
    assert_eq!(ids(&server.get_with(&path, others).await.json()), [""; 0]);

    let merchant = id(&registered);
    let path = format!("/api/v1/payments?merchant_id={merchant}");
    server.get(&path).await.assert_problem(403, "merchant_mismatch");
    assert_eq!(ids(&server.get_with(&path, OPERATOR).await.json()), [""; 0]);
    server.get_with("/api/v1/payments", OPERATOR).await.assert_problem(400, "parameter_missing");
    let path = "/api/v1/payments?merchant_id=mer_00000000000000000000000001";
    server.get_with(path, OPERATOR).await.assert_problem(404, "merchant_not_found");
    let refused = server.get("/api/transactions?limit=0&offset=-1").await;
    assert_eq!((refused.status, &refused.json()["success"]), (400, &json!(false)));
    server.stop().await;
}

async fn register(server: &TestServer) -> Value {
    let authorization = format!("Bearer {OPERATOR}");
    let headers = [("Authorization", authorization.as_str())];
    server.post("/api/v1/merchants", "{\"name\":\"Other\"}", &headers).await.json()
}

#[tokio::test]
async fn a_payment_tells_all_that_it_has_gone_through() {
    let server = TestServer::start().await;
    let paid = pay(&server, GOOD, "10.00", json!({"customer": {"email": "a@example.com"}})).await;
    refund(&server, &paid, "1.00").await;
    let path = format!("/api/v1/payments/{}/events", id(&paid));
    let timeline = server.get(&path).await.json();
    let told = |field: &str| -> Vec<Value> {
        timeline["data"].as_array().unwrap().iter().map(|event| event[field].clone()).collect()
    };
    let types = [
        "payment_created",
        "attempt_started",
        "attempt_approved",
        "payment_captured",
        "operation_started",
        "operation_succeeded",
    ];
    assert_eq!(told("type"), types);
    assert_eq!(told("sequence"), [1, 2, 3, 4, 5, 6]);
    assert_eq!(told("cause"), ["merchant", "merchant", "call", "call", "merchant", "call"]);
    let now = server.get(&format!("/api/v1/payments/{}", id(&paid))).await.json();
    assert_eq!(now["sequence"], 6, "the payment counts them too");
    assert_eq!(told("created_at")[5], now["updated_at"]);
    assert!(told("record").is_sorted_by_key(|place| place["sequence"].as_u64().unwrap()));
    assert!(!timeline.to_string().contains("a@example.com"));

    let strangers = register(&server).await;
    let strangers = strangers["api_keys"]["secret_test"].as_str().unwrap();
    server.get_with(&path, strangers).await.assert_problem(404, "payment_not_found");
    let server = server.restart().await;
    assert_eq!(server.get(&path).await.json(), timeline);
    server.stop().await;
}

#[tokio::test]
async fn reviews_are_open_until_somebody_decides() {
    let server = TestServer::start_with(|config| {
        config.review.hold_from =
            vec![tollgate_config::Money { currency: 356, minor_units: 5_000 }];
    })
    .await;
    let held = pay(&server, GOOD, "60.00", json!({})).await;
    assert_eq!(held["status"], "review");
    let other = pay(&server, GOOD, "70.00", json!({})).await;
    pay(&server, GOOD, "10.00", json!({})).await;
    let open = server.get("/api/v1/reviews").await.json();
    assert_eq!(ids(&open), [id(&other), id(&held)]);
    let authorization = format!("Bearer {}", server.key());
    let path = format!("/api/v1/reviews/{}/approve", id(&held));
    let reply = server.post(&path, "", &[("Authorization", &authorization)]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(ids(&server.get("/api/v1/reviews").await.json()), [id(&other)]);
    assert_eq!(ids(&server.get("/api/v1/reviews?status=closed").await.json()), [id(&held)]);
    let all = server.get("/api/v1/reviews?status=all").await.json();
    assert_eq!(ids(&all), [id(&other), id(&held)]);
    server.stop().await;
}

#[tokio::test]
async fn lists_are_built_anew_from_the_log() {
    let server = TestServer::start().await;
    let paid = pay(&server, GOOD, "10.00", json!({})).await;
    refund(&server, &paid, "1.00").await;
    let before = server.get("/api/v1/transactions").await.json();
    let health = server.send("GET", "/health", "", &[]).await.json();
    assert_eq!(health["components"]["views"]["status"], "up");
    assert!(server.metrics().await.contains("tollgate_view_lag_records 0"));
    let directory = server.stop().await;
    let views = directory.path().join("views");
    assert!(views.is_dir());
    fs::write(views.join("damaged"), "").unwrap();
    let server = TestServer::start_in(directory, |_config| {}).await;
    assert_eq!(server.get("/api/v1/transactions").await.json(), before);
    server.stop().await;
}
