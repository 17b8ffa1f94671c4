//! The classic surface: older paths, older shapes, older answers.

use serde_json::{Value, json};

use crate::server::{GOOD, OPERATOR, POOR, Reply, TestServer, exchange, payment};

const PROCESS: &str = "/api/payments/process";

/// The keys of the older answer, in their order.
const OLDER_KEYS: [&str; 8] = [
    "paymentID",
    "status",
    "amount",
    "currency",
    "transactionID",
    "createdAt",
    "provider",
    "fraudScore",
];

async fn process(server: &TestServer, body: &Value, headers: &[(&str, &str)]) -> Reply {
    let authorization = format!("Bearer {}", server.key());
    let mut all = vec![("Authorization", authorization.as_str())];
    all.extend_from_slice(headers);
    server.post(PROCESS, &body.to_string(), &all).await
}

async fn process_form(server: &TestServer, form: &str) -> Reply {
    let authorization = format!("Bearer {}", server.key());
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
    ];
    server.send("POST", PROCESS, form, &headers).await
}

/// The `data` of a good answer.
#[track_caller]
fn data(reply: &Reply, status: u16) -> Value {
    let mut answer = reply.json();
    assert_eq!((reply.status, &answer["success"]), (status, &json!(true)), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.header("x-request-id").is_some());
    answer["data"].take()
}

/// Checks that this is an error as older clients know it.
#[track_caller]
fn assert_error(reply: &Reply, status: u16, code: &str) -> Value {
    let error = reply.json();
    assert_eq!((reply.status, error["code"].as_str()), (status, Some(code)), "{reply:?}");
    assert_eq!(error["success"], false);
    assert!(error["error"].as_str().is_some_and(|text| !text.is_empty()), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(error["requestID"].as_str(), reply.header("x-request-id"), "{reply:?}");
    error
}

/// The number at `field` as it is written; parsed, it would lose digits.
fn raw_number<'t>(text: &'t str, field: &str) -> &'t str {
    let rest = text.split_once(&format!("\"{field}\":")).map_or("", |(_before, rest)| rest);
    rest.split([',', '}']).next().unwrap_or_default()
}

#[tokio::test]
async fn a_payment_is_answered_as_it_was() {
    let server = TestServer::start().await;
    let reply = process(&server, &payment(GOOD), &[]).await;
    let shown = data(&reply, 201);
    let mut place = 0;
    for key in OLDER_KEYS {
        let found = reply.body[place..].find(&format!("\"{key}\":"));
        place += found.unwrap_or_else(|| panic!("{key} is not in its place: {}", reply.body));
    }
    assert_eq!(shown.as_object().unwrap().len(), OLDER_KEYS.len(), "{shown}");
    assert!(shown["paymentID"].as_str().unwrap().starts_with("pay_"));
    assert!(shown["transactionID"].as_str().unwrap().starts_with("txn_"));
    assert!(shown["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&shown["status"], &shown["currency"]), (&json!("completed"), &json!("INR")));
    assert_eq!(shown["provider"], "simulator");
    assert_eq!(raw_number(&reply.body, "amount"), "100.00");

    let id = shown["paymentID"].as_str().unwrap();
    let full = data(&server.get(&format!("/api/payments/{id}")).await, 200);
    for key in OLDER_KEYS {
        assert_eq!(full[key], shown[key], "{key}");
    }
    assert_eq!(full["paymentMethod"], "card");
    assert_eq!(full["card"]["expiryYear"], 2035);
    assert_eq!(full["amountCaptured"], 100.0);
    assert!(full["gatewayResponse"]["approvalCode"].is_string());
    assert_eq!((&full["paymentURL"], &full["declineCode"]), (&Value::Null, &Value::Null));

    let short = data(&server.get(&format!("/api/payments/{id}/status")).await, 200);
    assert_eq!((&short["paymentID"], &short["status"]), (&json!(id), &json!("completed")));
    assert_eq!(short["transactionID"], shown["transactionID"]);

    // The same payment, on the newer surface.
    let newer = server.get(&format!("/api/v1/payments/{id}")).await.json();
    assert_eq!((&newer["id"], &newer["amount"]), (&json!(id), &json!("100.00")));
    server.stop().await;
}

#[tokio::test]
async fn amounts_are_exact_both_ways() {
    let server = TestServer::start().await;
    for (written, currency, shown) in [
        ("100", "INR", "100.00"),
        ("100.10", "INR", "100.10"),
        ("0.07", "INR", "0.07"),
        ("9007199254.99", "INR", "9007199254.99"),
        ("\"12.30\"", "INR", "12.30"),
        ("1500", "JPY", "1500"),
        ("1.234", "BHD", "1.234"),
    ] {
        let mut request = payment(GOOD);
        request["currency"] = json!(currency);
        let body = request.to_string().replace("\"100.00\"", written);
        let key = format!("Bearer {}", server.key());
        let reply = server.post(PROCESS, &body, &[("Authorization", &key)]).await;
        assert_eq!((reply.status, raw_number(&reply.body, "amount")), (201, shown), "{written}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_decline_is_a_payment_that_failed() {
    let server = TestServer::start().await;
    let shown = data(&process(&server, &payment(POOR), &[]).await, 201);
    assert_eq!(shown["status"], "failed");
    assert_eq!(shown["declineCode"], "insufficient_funds");
    assert_eq!(shown["failureReason"], "declined");
    let path = format!("/api/payments/{}/status", shown["paymentID"].as_str().unwrap());
    let short = data(&server.get(&path).await, 200);
    assert_eq!(short["declineCode"], "insufficient_funds");
    let action = data(&process(&server, &payment("4000000000003220"), &[]).await, 201);
    assert_eq!(action["status"], "requires_action");
    assert!(action["nextAction"]["url"].is_string() && action["expiresAt"].is_string());
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_wait_is_answered_202() {
    let server = TestServer::start_with(|config| {
        config.providers.simulator.latency_ms = 100;
    })
    .await;
    let shown = data(&process(&server, &payment(GOOD), &[("Prefer", "respond-async")]).await, 202);
    assert_eq!(shown["status"], "processing");
    server.stop().await;
}

#[tokio::test]
async fn a_key_has_one_answer_and_belongs_to_one_surface() {
    let server = TestServer::start().await;
    for (card, key) in [(GOOD, "good"), (POOR, "poor")] {
        let header = [("Idempotency-Key", key)];
        let first = process(&server, &payment(card), &header).await;
        assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
        let again = process(&server, &payment(card), &header).await;
        assert_eq!((again.status, &again.body), (201, &first.body));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        let newer = server.pay(&payment(card), &header).await;
        newer.assert_problem(422, "idempotency_key_reused");
    }
    assert_eq!(server.pay(&payment(GOOD), &[("Idempotency-Key", "newer")]).await.status, 201);
    let older = process(&server, &payment(GOOD), &[("Idempotency-Key", "newer")]).await;
    assert_error(&older, 422, "idempotency_key_reused");
    // The same in the body, in older spelling.
    let mut request = payment(GOOD);
    request["idempotencyKey"] = json!("good");
    let again = process(&server, &request, &[]).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{again:?}");
    server.stop().await;
}

#[tokio::test]
async fn unknown_fields_are_ignored_here_and_refused_there() {
    let server = TestServer::start().await;
    let mut request = payment(GOOD);
    request["surprise"] = json!({"deep": [1, 2, 3]});
    request["card"]["pin"] = json!("1");
    request["customer"] = json!({"id": "c7", "name": "A Customer"});
    data(&process(&server, &request, &[]).await, 201);
    let problem = server.pay(&request, &[]).await.assert_problem(400, "parameter_unknown");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
    server.stop().await;
}

#[tokio::test]
async fn every_refusal_below_api_has_the_older_shape() {
    let server = TestServer::start().await;
    let key = format!("Bearer {}", server.key());
    let authorized = [("Authorization", key.as_str())];
    let body = payment(GOOD).to_string();
    assert_error(&server.get("/api/nothing").await, 404, "route_not_found");
    assert_error(&server.get("/api/payments/process").await, 405, "method_not_allowed");
    let reply = server.post("/api/payments/pay_1/status", "{}", &authorized).await;
    assert_error(&reply, 405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("GET,HEAD"));
    let reply = server.post(PROCESS, &body, &[]).await;
    assert_error(&reply, 401, "api_key_missing");
    assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
    let reply = server.post(PROCESS, &body, &[("Authorization", "Bearer sk_test_no")]).await;
    assert_error(&reply, 401, "api_key_invalid");
    let operator = format!("Bearer {OPERATOR}");
    let reply = server.post(PROCESS, &body, &[("Authorization", &operator)]).await;
    assert_error(&reply, 403, "merchant_key_required");
    let large = format!("{{\"description\":\"{}\"}}", "x".repeat(70_000));
    assert_error(&server.post(PROCESS, &large, &authorized).await, 413, "body_too_large");
    let headers = [authorized[0], ("Content-Type", "text/plain")];
    let reply = server.send("POST", PROCESS, "{}", &headers).await;
    assert_error(&reply, 415, "content_type_unsupported");
    for (broken, place) in [("{\"amount\":", "line 1, column 10"), ("[]", "line 1, column 0")] {
        let reply = server.post(PROCESS, broken, &authorized).await;
        let error = assert_error(&reply, 400, "body_invalid");
        assert!(error["error"].as_str().unwrap().contains(place), "{error}");
    }
    let mut request = payment("4242424242424241");
    request["amount"] = json!(0);
    let error = assert_error(&process(&server, &request, &[]).await, 400, "amount_too_small");
    assert_eq!(error["errors"][1]["pointer"], "/card/number");
    // HEAD has the status alone.
    let reply = server.send("HEAD", "/api/payments/pay_1", "", &authorized).await;
    assert_eq!((reply.status, reply.body.as_str()), (404, ""));
    // What is not below it speaks as ever.
    server.get("/api/v1/nothing").await.assert_problem(404, "route_not_found");
    server.get("/apiary").await.assert_problem(404, "route_not_found");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_told_in_the_older_shape() {
    let server = TestServer::start_with(|config| config.server.body_timeout_ms = 50).await;
    let unfinished = format!(
        "POST {PROCESS} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{{",
        server.key()
    );
    assert_error(&exchange(server.address(), &unfinished).await, 408, "request_timeout");
    server.stop().await;
}

#[tokio::test]
async fn others_payments_do_not_exist() {
    let server = TestServer::start().await;
    let id = server.pay(&payment(GOOD), &[]).await.json()["id"].as_str().unwrap().to_owned();
    let operator = format!("Bearer {OPERATOR}");
    let headers = [("Authorization", operator.as_str())];
    let other = server.post("/api/v1/merchants", "{\"name\":\"Other\"}", &headers).await.json();
    for key in ["secret_test", "secret_live"] {
        let key = other["api_keys"][key].as_str().unwrap();
        for path in [format!("/api/payments/{id}"), format!("/api/payments/{id}/status")] {
            assert_error(&server.get_with(&path, key).await, 404, "payment_not_found");
        }
    }
    assert_error(&server.get("/api/payments/nonsense").await, 404, "payment_not_found");
    let mut request = payment(GOOD);
    request["merchant_id"] = other["id"].clone();
    assert_error(&process(&server, &request, &[]).await, 403, "merchant_mismatch");
    server.stop().await;
}

#[tokio::test]
async fn forms_are_taken_flat_and_nested() {
    let server = TestServer::start().await;
    for form in [
        "amount=100.00&currency=INR&payment_method=card&card[number]=4242424242424242\
         &card[expiry_month]=12&card[expiry_year]=35&card[cvv]=737&order_id=o+1&metadata[k]=v",
        "amount_minor=10000&currency=INR&payment_method=CARD&card%5Bnumber%5D=4242424242424242\
         &card%5Bexpiry_month%5D=12&card%5Bexpiry_year%5D=2035&order_id=o%201&metadata%5Bk%5D=v\
         &unknown[list][]=1",
    ] {
        let shown = data(&process_form(&server, form).await, 201);
        assert_eq!((&shown["status"], &shown["amount"]), (&json!("completed"), &json!(100.0)));
        let path = format!("/api/payments/{}", shown["paymentID"].as_str().unwrap());
        let full = data(&server.get(&path).await, 200);
        assert_eq!((&full["orderID"], &full["metadata"]), (&json!("o 1"), &json!({"k": "v"})));
    }
    let faulty = "amount=0&currency=INR&payment_method=card&card[number]=4242424242424241\
                  &card[expiry_month]=12&card[expiry_year]=35";
    let error = assert_error(&process_form(&server, faulty).await, 400, "amount_too_small");
    assert_eq!(error["errors"][1]["pointer"], "/card/number");
    let twice =
        assert_error(&process_form(&server, "amount=1&amount=2").await, 400, "body_invalid");
    assert!(twice["error"].as_str().unwrap().ends_with("`amount` is given twice."), "{twice}");
    assert_error(&process_form(&server, "card=4242424242424242").await, 400, "body_invalid");
    // Not on the newer surface.
    let key = format!("Bearer {}", server.key());
    let headers =
        [("Authorization", key.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let reply = server.send("POST", "/api/v1/payments", "amount=1", &headers).await;
    reply.assert_problem(415, "content_type_unsupported");
    server.stop().await;
}

/// A merchant of its own: its id, and its test key as a header.
async fn merchant(server: &TestServer) -> (String, String) {
    let operator = format!("Bearer {OPERATOR}");
    let headers = [("Authorization", operator.as_str())];
    let made = server.post("/api/v1/merchants", "{\"name\":\"A Shop\"}", &headers).await.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&made["id"]), format!("Bearer {}", text(&made["api_keys"]["secret_test"])))
}

#[tokio::test]
async fn every_older_shape_is_understood() {
    let server = TestServer::start().await;
    let (merchant, key) = merchant(&server).await;
    let headers = [("Authorization", key.as_str())];
    let address = json!({
        "street": "1 Road", "city": "Pune", "state": "MH", "zipCode": "411001", "country": "IN",
    });
    for (shape, request) in [
        (
            "the method by name, its data in cardDetails",
            json!({
                "merchantID": merchant, "amount": 100.25, "currency": "INR", "paymentMethod": "card",
                "cardDetails": {
                    "cardNumber": GOOD, "expiryMonth": 6, "expiryYear": 35, "cvv": "737",
                    "holderName": "A Holder",
                },
                "customerInfo": {
                    "customerID": "c7", "email": "c@example.com", "phone": "+919876543210",
                    "name": "A Customer",
                },
                "orderID": "o7", "callbackURL": "https://shop.example.com/hook",
                "device": {"userAgent": "x", "ip": "192.0.2.1", "fingerprint": "f"},
            }),
        ),
        (
            "the same in paymentDetails",
            json!({
                "merchantID": merchant, "amount": "100.25", "currency": "INR",
                "paymentMethod": "CREDIT_CARD",
                "paymentDetails": {
                    "number": GOOD, "expiryMonth": "06", "expiryYear": "35", "cvv": "737",
                },
                "customerID": "c7", "orderID": "o7", "billingAddress": address,
            }),
        ),
        (
            "the method as an object",
            json!({
                "amount": 100.25, "currency": "INR",
                "paymentMethod": {
                    "type": "DEBIT_CARD", "cardNumber": GOOD, "expiryMonth": "6",
                    "expiryYear": "2035", "cvv": "737", "holderName": "A Holder",
                },
                "billingAddress": address, "userID": "c7", "orderID": "o7",
            }),
        ),
        (
            "older names of version 1",
            json!({
                "merchant_id": merchant, "amount_paisa": 10_025, "currency": "INR",
                "payment_method": "CARD",
                "payment_details": {
                    "card_number": GOOD, "expiry_month": 6, "expiry_year": 35, "cvv": "737",
                    "card_holder_name": "A Holder",
                },
                "user_id": "c7", "order_id": "o7",
            }),
        ),
    ] {
        let text = request.to_string();
        let shown = data(&server.post(PROCESS, &text, &headers).await, 201);
        let path = format!("/api/payments/{}", shown["paymentID"].as_str().unwrap());
        let full = server.send("GET", &path, "", &headers).await;
        assert_eq!(raw_number(&full.body, "amount"), "100.25", "{shape}");
        let full = data(&full, 200);
        assert_eq!(full["paymentMethod"], "card", "{shape}");
        assert_eq!(
            (&full["orderID"], &full["customerID"]),
            (&json!("o7"), &json!("c7")),
            "{shape}"
        );
        let expiry = (&full["card"]["expiryMonth"], &full["card"]["expiryYear"]);
        assert_eq!(expiry, (&json!(6), &json!(2035)), "{shape}");
        // One request type: version 1 reads it as well, but for the fields that nobody knows.
        let newer = server.post("/api/v1/payments", &text, &headers).await;
        if text.contains("A Customer") {
            let problem = newer.assert_problem(400, "parameter_unknown");
            assert_eq!(problem["errors"][0]["pointer"], "/customerInfo/name", "{shape}");
        } else {
            assert_eq!(newer.status, 201, "{shape}: {newer:?}");
        }
    }
    for form in [
        "amount=100.25&currency=INR&paymentMethod=card&cardNumber=4242424242424242\
         &expiryMonth=06&expiryYear=35&cvv=737&orderID=o7&customerID=c7",
        "amount=100.25&currency=INR&paymentMethod[type]=card\
         &paymentMethod[cardNumber]=4242424242424242&paymentMethod[expiryMonth]=06\
         &paymentMethod[expiryYear]=35&billingAddress[zipCode]=411001",
        "amount=100.25&currency=INR&paymentMethod=upi&vpa=success%40sim",
    ] {
        assert_eq!(process_form(&server, form).await.status, 201, "{form}");
    }
    server.stop().await;
}

#[tokio::test]
async fn other_methods_have_older_shapes_as_well() {
    let server = TestServer::start().await;
    for (method, details, name) in [
        (json!("UPI"), json!({"vpa": "success@sim"}), "upi"),
        (json!({"type": "upi", "vpa": "success@sim"}), Value::Null, "upi"),
        (json!({"type": "NETBANKING", "bankCode": "HDFC"}), Value::Null, "netbanking"),
        (
            json!({"type": "wallet", "walletID": "9876543210", "provider": "paytm"}),
            Value::Null,
            "wallet",
        ),
        (json!("wallet"), json!({"walletID": "9876543210", "provider": "paytm"}), "wallet"),
    ] {
        let mut request = json!({"amount": 100, "currency": "INR", "paymentMethod": method});
        if !details.is_null() {
            request["paymentDetails"] = details;
        }
        let shown = data(&process(&server, &request, &[]).await, 201);
        let path = format!("/api/payments/{}", shown["paymentID"].as_str().unwrap());
        let full = data(&server.get(&path).await, 200);
        assert_eq!(full["paymentMethod"], name, "{request}");
        for other in ["card", "upi", "netbanking", "wallet"] {
            assert_eq!(full[other].is_object(), other == name, "{full}");
        }
        // What is the customer's own is shown to its merchant, as version 1 shows it.
        let told = [("upi", "vpa", "success@sim"), ("wallet", "walletID", "9876543210")];
        for (_method, field, value) in told.into_iter().filter(|told| told.0 == name) {
            assert_eq!(full[name][field], value, "{full}");
        }
    }
    let pending = json!({
        "amount": 100, "currency": "INR", "paymentMethod": {"type": "upi", "vpa": "pending@sim"},
    });
    let shown = data(&process(&server, &pending, &[]).await, 201);
    assert_eq!(shown["status"], "requires_action");
    assert!(shown["paymentURL"].as_str().unwrap().starts_with("upi://pay?"), "{shown}");
    assert!(shown["qrCode"].as_str().unwrap().starts_with("data:image/png"), "{shown}");
    assert!(shown["expiresAt"].is_string(), "{shown}");
    server.stop().await;
}

#[tokio::test]
async fn faults_lead_to_the_names_that_the_client_wrote() {
    let server = TestServer::start().await;
    let card = |number: &str| json!({"cardNumber": number, "expiryMonth": 13, "expiryYear": 35, "cvv": "7"});
    let with_type = |mut card: Value| {
        card["type"] = json!("card");
        card
    };
    for (request, pointers) in [
        (
            json!({
                "amount": 1, "currency": "INR", "paymentMethod": "card", "cardDetails": card("1"),
                "customerInfo": {"email": "no", "customerID": "x".repeat(65)},
                "billingAddress": {"zipCode": "x".repeat(65)}, "callbackURL": "ftp://x",
                "orderID": "x".repeat(65), "device": {"userAgent": "x".repeat(1_025)},
            }),
            vec![
                "/billingAddress/zipCode",
                "/callbackURL",
                "/cardDetails/cardNumber",
                "/cardDetails/cvv",
                "/cardDetails/expiryMonth",
                "/customerInfo/customerID",
                "/customerInfo/email",
                "/device/userAgent",
                "/orderID",
            ],
        ),
        (
            json!({
                "amount": 1, "currency": "INR", "paymentMethod": with_type(card("1")),
                "orderID": "1", "idempotencyKey": "a b",
            }),
            vec!["/idempotencyKey"],
        ),
        (
            json!({"amount": 1, "currency": "INR", "paymentMethod": with_type(card("1"))}),
            vec!["/paymentMethod/cardNumber", "/paymentMethod/cvv", "/paymentMethod/expiryMonth"],
        ),
        (
            json!({
                "amount": 1, "amountMinor": 100, "currency": "INR",
                "paymentMethod": {"type": "barter"},
            }),
            vec!["/amountMinor", "/paymentMethod/type"],
        ),
        (
            json!({"amount": 1, "currency": "INR", "paymentMethod": {"cardNumber": GOOD}}),
            vec!["/paymentMethod/type"],
        ),
        (
            json!({
                "amount": 1, "currency": "INR", "paymentMethod": "card",
                "paymentDetails": {"cardNumber": GOOD, "expiryMonth": 6, "expiryYear": 35},
                "orderID": GOOD,
            }),
            vec!["/orderID"],
        ),
    ] {
        let reply = process(&server, &request, &[]).await;
        let error = reply.json();
        let mut found: Vec<&str> = error["errors"]
            .as_array()
            .map(|faults| faults.iter().filter_map(|fault| fault["pointer"].as_str()).collect())
            .unwrap_or_default();
        found.sort_unstable();
        assert_eq!((reply.status, found), (400, pointers), "{error}");
    }
    let form = "amount=1&currency=INR&paymentMethod=card&cardNumber=4242424242424241\
                &expiryMonth=6&expiryYear=35";
    let error = assert_error(&process_form(&server, form).await, 400, "card_number_invalid");
    assert_eq!(error["param"], "/cardNumber");
    server.stop().await;
}

#[tokio::test]
async fn events_are_listed_newest_first_in_the_older_words() {
    let server = TestServer::start().await;
    let paid = server.pay(&payment(GOOD), &[]).await.json();
    let feed = loop {
        let page = server.get("/api/v1/events").await.json();
        let events = page["data"].as_array().unwrap().clone();
        if events.last().is_some_and(|event| event["event"] == "payment.completed") {
            break events;
        }
    };
    let list = async |query: &str| {
        let reply = server.get(&format!("/api/webhooks/events{query}")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let answer = reply.json();
        assert_eq!(answer["success"], true);
        assert_eq!(answer["data"]["total"], feed.len());
        (answer["data"]["events"].as_array().unwrap().clone(), reply.body)
    };
    let (all, text) = list("").await;
    let ids = |events: &[Value], name: &str| -> Vec<Value> {
        events.iter().map(|event| event[name].clone()).collect()
    };
    let mut newest_first = ids(&feed, "id");
    newest_first.reverse();
    assert_eq!(ids(&all, "eventID"), newest_first);
    let data = &all[0]["data"];
    assert_eq!((&data["paymentID"], &data["status"]), (&paid["id"], &"completed".into()));
    assert!(
        text.contains("\"amount\":100.00,\"currency\":\"INR\",\"amountAuthorized\":100.00"),
        "{text}"
    );
    assert_eq!(ids(&list("?limit=1&offset=1").await.0, "eventID"), newest_first[1..2]);
    assert_eq!(list("?offset=100").await.0, Vec::<Value>::new());
    let reply = server.get("/api/webhooks/events?limit=0").await;
    assert_eq!((reply.status, &reply.json()["code"]), (400, &"parameter_invalid".into()));
    server.stop().await;
}
