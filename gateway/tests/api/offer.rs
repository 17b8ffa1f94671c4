//! What the operator configures of methods, instalments, fees and reviews, and what merchants and
//! their customers see of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};
use tollgate_config::Config;

use crate::server::{GOOD, OPERATOR, TestServer, payment};

const DEBIT: &str = "4000056655665556";
const INDIAN: &str = "4000003560000008";

/// A payment by card of that much, with some fields besides.
fn card(number: &str, amount: &str, fields: &Value) -> Value {
    let mut request = payment(number);
    request["amount"] = json!(amount);
    for (field, value) in fields.as_object().into_iter().flatten() {
        request[field] = value.clone();
    }
    request
}

fn texts(values: &Value) -> Vec<&str> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
}

/// The names of the methods that are listed.
async fn methods(server: &TestServer, query: &str) -> Vec<String> {
    let reply = server.get(&format!("/api/v1/payment-methods{query}")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let list = reply.json();
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method["method"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_card_tells_whose_money_it_spends_and_where_its_issuer_is() {
    let server = TestServer::start().await;
    for (number, funding, country) in [
        (GOOD, json!("credit"), json!("US")),
        (DEBIT, json!("debit"), json!("US")),
        (INDIAN, json!("credit"), json!("IN")),
        ("4999999999999996", Value::Null, Value::Null),
    ] {
        let reply = server.pay(&payment(number), &[]).await;
        let card = &reply.json()["card"];
        assert_eq!((&card["funding"], &card["issuer_country"]), (&funding, &country), "{reply:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_table_of_cards_may_be_another() {
    let directory = tempfile::tempdir().unwrap();
    let table = directory.path().join("bins.csv");
    std::fs::write(&table, "# ours\n4,4,visa,prepaid,GB\n").unwrap();
    let server = TestServer::start_with(|config| config.methods.card_bins = table.clone()).await;
    let paid = server.pay(&payment(GOOD), &[]).await.json();
    assert_eq!(paid["card"]["funding"], "prepaid");
    assert_eq!(paid["card"]["issuer_country"], "GB");
    server.stop().await;
}

#[tokio::test]
async fn methods_are_listed_by_currency_and_country() {
    let server = TestServer::start().await;
    let all = ["card", "upi", "netbanking", "wallet"];
    assert_eq!(methods(&server, "").await, all);
    assert_eq!(methods(&server, "?currency=INR&country=IN").await, all);
    assert_eq!(methods(&server, "?currency=USD").await, ["card", "wallet"]);
    assert_eq!(methods(&server, "?country=US").await, ["card"]);
    let list = server.get("/api/v1/payment-methods?currency=INR").await.json();
    let card = &list["data"][0];
    assert_eq!(card["currencies"], json!(["*"]));
    assert!(texts(&card["brands"]).contains(&"rupay"));
    assert_eq!(card["emi"]["minimums"][0]["amount"], "3000.00");
    assert_eq!(
        card["emi"]["plans"][1],
        json!({"months": 6, "annual_rate": "14.00", "no_cost": true})
    );
    assert!(texts(&list["data"][2]["banks"]).contains(&"SBIN"));
    assert!(texts(&list["data"][3]["wallets"]).contains(&"paytm"));
    let in_dollars = server.get("/api/v1/payment-methods?currency=USD").await.json();
    assert_eq!(in_dollars["data"][0]["emi"], Value::Null, "instalments are in rupees");
    for (query, code) in [
        ("?currency=inr", "currency_invalid"),
        ("?country=India", "parameter_invalid"),
        ("?curency=INR", "parameter_unknown"),
    ] {
        let reply = server.get(&format!("/api/v1/payment-methods{query}")).await;
        reply.assert_problem(400, code);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_payment_in_a_currency_that_its_method_does_not_serve_is_refused() {
    let server =
        TestServer::start_with(|config| config.methods.card.currencies = vec!["USD".into()]).await;
    server.pay(&payment(GOOD), &[]).await.assert_problem(400, "currency_unsupported");
    let dollars = card(GOOD, "10.00", &json!({"currency": "USD"}));
    assert_eq!(server.pay(&dollars, &[]).await.status, 201);
    assert_eq!(methods(&server, "?currency=INR").await, ["upi", "netbanking", "wallet"]);
    server.stop().await;
}

#[tokio::test]
async fn instalments_are_answered_to_the_last_paisa() {
    let server = TestServer::start().await;
    let request = card(GOOD, "100000.00", &json!({"emi": {"months": 6, "no_cost": false}}));
    let headers = [("Idempotency-Key", "emi-1")];
    let reply = server.pay(&request, &headers).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let emi = &reply.json()["emi"];
    assert_eq!(
        (&emi["months"], &emi["annual_rate"], &emi["no_cost"]),
        (&json!(6), &json!("14.00"), &json!(false))
    );
    assert_eq!((&emi["financed"], &emi["discount"]), (&json!("100000.00"), &json!("0.00")));
    let schedule = emi["schedule"].as_array().unwrap();
    assert_eq!(schedule.len(), 6);
    let sum = |field: &str| -> i64 {
        let paise = |month: &Value| month[field].as_str().unwrap().replace('.', "");
        schedule.iter().map(|month| paise(month).parse::<i64>().unwrap()).sum()
    };
    let paise = |value: &Value| value.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    assert_eq!(sum("principal"), 10_000_000);
    assert_eq!(sum("interest"), paise(&emi["total_interest"]));
    assert_eq!(sum("amount"), paise(&emi["total"]));
    assert_eq!(schedule[0]["amount"], emi["instalment"]);
    assert_eq!(schedule[5]["number"], 6);
    let again = server.pay(&request, &headers).await;
    assert_eq!((again.status, &again.body), (201, &reply.body), "byte for byte");
    let other = card(GOOD, "100000.00", &json!({"emi": {"months": 9}}));
    server.pay(&other, &headers).await.assert_problem(422, "idempotency_key_reused");
    server.stop().await;
}

#[tokio::test]
async fn without_cost_the_customer_pays_the_price_on_either_surface() {
    let server = TestServer::start().await;
    let mut request = card(GOOD, "3000.00", &json!({"emi": {"months": 3, "no_cost": true}}));
    let emi = &server.pay(&request, &[]).await.json()["emi"];
    assert_eq!((&emi["total"], &emi["instalment"]), (&json!("3000.00"), &json!("1000.00")));
    assert_eq!(emi["discount"], emi["total_interest"]);
    request["emi"] = json!({"tenure": 3, "noCost": true});
    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str())];
    let reply = server.post("/api/payments/process", &request.to_string(), &headers).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let id = reply.json()["data"]["paymentID"].as_str().unwrap().to_owned();
    let read = server.get(&format!("/api/payments/{id}")).await;
    assert!(read.body.contains("\"annualRate\":13.00,\"noCost\":true"), "{read:?}");
    assert!(read.body.contains("\"total\":3000.00,\"totalInterest\":"), "{read:?}");
    server.stop().await;
}

#[tokio::test]
async fn instalments_that_are_not_offered_are_refused() {
    let server = TestServer::start().await;
    for (number, amount, emi, pointer, code) in [
        (GOOD, "3000.00", json!({"months": 5}), "/emi/months", "emi_unavailable"),
        (
            GOOD,
            "3000.00",
            json!({"months": 24, "no_cost": true}),
            "/emi/no_cost",
            "emi_unavailable",
        ),
        (GOOD, "2999.99", json!({"months": 6}), "/emi", "emi_unavailable"),
        (DEBIT, "3000.00", json!({"months": 6}), "/emi", "emi_unavailable"),
        (GOOD, "3000.00", json!({}), "/emi/months", "parameter_missing"),
        (GOOD, "3000.00", json!({"months": 6, "rate": 1}), "/emi/rate", "parameter_unknown"),
    ] {
        let reply = server.pay(&card(number, amount, &json!({"emi": emi})), &[]).await;
        reply.assert_problem(400, code);
        assert_eq!(reply.json()["errors"][0]["pointer"], pointer, "{reply:?}");
    }
    let upi = json!({
        "amount": "3000.00", "currency": "INR", "payment_method": "upi",
        "upi": {"vpa": "success@sim"}, "emi": {"months": 6},
    });
    server.pay(&upi, &[]).await.assert_problem(400, "parameter_conflict");
    server.stop().await;
}

/// What is withdrawn is withdrawn for new payments alone: a shop that asks again what became of its
/// payment is told so.
#[tokio::test]
async fn a_repeat_is_answered_as_it_was_though_what_it_asks_for_was_withdrawn() {
    const BATCH: &str = "/api/v1/payments/batch";
    const CLASSIC: &str = "/api/payments/process";
    let in_rupees = card(GOOD, "100.00", &json!({}));
    let upi = json!({
        "amount": "100.00", "currency": "INR", "payment_method": "upi", "upi": {"vpa": "success@sim"},
    });
    let emi = card(GOOD, "3000.00", &json!({"emi": {"months": 6}, "currency": "INR"}));
    let in_batch = |key: &str, mut payment: Value| {
        payment["idempotency_key"] = json!(key);
        payment
    };
    let all = [
        ("/api/v1/payments", "v1-rupees", in_rupees.clone()),
        ("/api/v1/payments", "v1-upi", upi.clone()),
        ("/api/v1/payments", "v1-emi", emi.clone()),
        (CLASSIC, "classic-upi", upi.clone()),
        (CLASSIC, "classic-emi", emi.clone()),
    ];
    let batch = json!({
        "payments": [in_batch("batch-1", in_rupees.clone()), in_batch("batch-2", emi.clone())],
    });
    let send = async |server: &TestServer, path: &str, key: Option<&str>, body: &Value| {
        let authorization = format!("Bearer {}", server.key());
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(key.map(|key| ("Idempotency-Key", key)));
        server.post(path, &body.to_string(), &headers).await
    };

    let server = TestServer::start().await;
    let mut firsts = Vec::new();
    for (path, key, request) in &all {
        let first = send(&server, path, Some(key), request).await;
        assert_eq!(first.status, 201, "{first:?}");
        firsts.push(first.body);
    }
    let first_batch = send(&server, BATCH, None, &batch).await.json();
    assert_eq!(
        (&first_batch["data"][0]["status"], &first_batch["data"][1]["status"]),
        (&json!(201), &json!(201))
    );

    let server = server
        .restart_with(|config| {
            config.methods.card.currencies = vec!["USD".into()];
            config.methods.upi.currencies = Vec::new();
            config.emi.minimum = Vec::new();
        })
        .await;
    for ((path, key, request), first) in all.iter().zip(&firsts) {
        let again = send(&server, path, Some(key), request).await;
        assert_eq!((again.status, &again.body), (201, first), "{key}");
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{key}");
        let mut other = request.clone();
        other["description"] = json!("something else");
        let reused = send(&server, path, Some(key), &other).await;
        assert_eq!(
            (reused.status, &reused.json()["code"]),
            (422, &json!("idempotency_key_reused"))
        );
        for key in [Some("new"), None] {
            let new = send(&server, path, key, request).await;
            assert_eq!(
                (new.status, &new.json()["code"]),
                (400, &json!("currency_unsupported")),
                "{new:?}"
            );
        }
    }
    let again = send(&server, BATCH, None, &batch).await.json();
    for place in [0, 1] {
        let (first, again) = (&first_batch["data"][place], &again["data"][place]);
        assert_eq!((&again["status"], &again["payment"]), (&first["status"], &first["payment"]));
        assert_eq!(again["idempotent_replayed"], true, "{again}");
    }
    let new = json!({"payments": [in_batch("batch-3", emi.clone()), in_rupees.clone()]});
    let refused = send(&server, BATCH, None, &new).await.json();
    for item in refused["data"].as_array().unwrap() {
        assert_eq!(item["error"]["code"], "currency_unsupported", "{item}");
    }
    // All that is wrong is told at once, what is not offered among it.
    let faulty = card(GOOD, "3000.00", &json!({"emi": {"months": 6}, "surprise": 1}));
    let told = send(&server, "/api/v1/payments", Some("v1-emi"), &faulty).await;
    told.assert_problem(400, "parameter_unknown");
    let errors = told.json();
    let pointers: Vec<_> =
        errors["errors"].as_array().unwrap().iter().map(|fault| &fault["pointer"]).collect();
    assert_eq!(pointers, ["/surprise", "/currency", "/emi"]);
    server.stop().await;
}

#[tokio::test]
async fn a_payment_keeps_where_its_customer_returns_to() {
    let server = TestServer::start().await;
    for url in ["https://shop.example/thanks?cart=7", "http://localhost:3000/thanks"] {
        let reply = server.pay(&card(GOOD, "1.00", &json!({"return_url": url})), &[]).await;
        assert_eq!((reply.status, &reply.json()["return_url"]), (201, &json!(url)), "{reply:?}");
    }
    for url in ["http://shop.example/", "javascript:alert(1)", "/thanks"] {
        let reply = server.pay(&card(GOOD, "1.00", &json!({"return_url": url})), &[]).await;
        reply.assert_problem(400, "parameter_invalid");
    }
    let number = format!("https://shop.example/{GOOD}");
    let reply = server.pay(&card(GOOD, "1.00", &json!({"return_url": number})), &[]).await;
    reply.assert_problem(400, "card_number_in_text");
    server.stop().await;
}

#[tokio::test]
async fn the_id_of_an_order_of_ours_has_to_be_one() {
    let server = TestServer::start().await;
    let nobodys = json!({"order_id": "ord_00000000000000000000000001"});
    server.pay(&card(GOOD, "1.00", &nobodys), &[]).await.assert_problem(404, "order_not_found");
    let own_words = json!({"order_id": "ord_7"});
    assert_eq!(server.pay(&card(GOOD, "1.00", &own_words), &[]).await.status, 201);
    server.stop().await;
}

fn with_fees(config: &mut Config) {
    let text = "[fees.card]\nbasis_points = 250\nfixed = [\"3.00 INR\"]\n";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fees.toml");
    std::fs::write(&path, text).unwrap();
    let flags = tollgate_config::Flags { config: Some(path), ..Default::default() };
    config.fees = Config::load(&flags).unwrap().fees;
}

#[tokio::test]
async fn a_capture_costs_what_the_operator_charges() {
    let server = TestServer::start_with(with_fees).await;
    let paid = server.pay(&card(GOOD, "100.00", &json!({})), &[]).await.json();
    assert_eq!((&paid["fees_minor"], &paid["fees_paisa"]), (&json!(550), &json!(550)));
    let held = server.pay(&card(GOOD, "100.00", &json!({"capture": "manual"})), &[]).await.json();
    assert_eq!(held["fees_minor"], 0, "nothing is captured yet");
    server.stop().await;
}

#[tokio::test]
async fn payments_from_an_amount_on_are_held_for_review() {
    let server = TestServer::start_with(|config| {
        config.review.hold_from =
            vec![tollgate_config::Money { currency: 356, minor_units: 5_000_000 }];
    })
    .await;
    for (amount, status) in [("50000.00", "review"), ("49999.99", "completed")] {
        let paid = server.pay(&card(GOOD, amount, &json!({})), &[]).await.json();
        assert_eq!(paid["status"], status, "{paid}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_merchant_may_take_one_payment_for_each_order() {
    let server = TestServer::start().await;
    let order = json!({"order_id": "order_456"});
    for _twice in 0..2 {
        assert_eq!(server.pay(&card(GOOD, "1.00", &order), &[]).await.status, 201);
    }
    let merchant = server.get("/api/v1/merchants/me").await.json();
    assert_eq!(merchant["one_payment_per_order"], false);
    let path = format!("/api/v1/merchants/{}", merchant["id"].as_str().unwrap());
    let operator = format!("Bearer {OPERATOR}");
    let headers = [("Authorization", operator.as_str()), ("Content-Type", "application/json")];
    for (rule, status) in [(true, 409), (false, 201)] {
        let body = json!({"one_payment_per_order": rule}).to_string();
        let changed = server.send("PATCH", &path, &body, &headers).await;
        assert_eq!(changed.json()["one_payment_per_order"], rule, "{changed:?}");
        let order = json!({"order_id": "order_457"});
        let first = server.pay(&card(GOOD, "1.00", &order), &[]).await;
        assert_eq!(first.status, 201, "{first:?}");
        let second = server.pay(&card(GOOD, "1.00", &order), &[]).await;
        assert_eq!(second.status, status, "{second:?}");
        if rule {
            second.assert_problem(409, "order_paid");
        }
    }
    server.stop().await;
}
