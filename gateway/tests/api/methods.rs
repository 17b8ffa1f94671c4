//! Paying by UPI, net banking and wallet.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::server::{OPERATOR, Reply, TestServer, payment};

fn by(method: &str, fields: &Value) -> Value {
    let mut request = json!({"amount": "100.00", "currency": "INR", "payment_method": method});
    for (field, value) in fields.as_object().into_iter().flatten() {
        request[field] = value.clone();
    }
    request
}

fn upi(vpa: &str) -> Value {
    by("upi", &json!({"upi": {"vpa": vpa}}))
}

#[tokio::test]
async fn each_method_is_answered_with_an_object_of_its_own() {
    let server = TestServer::start().await;
    for (request, shown) in [
        (upi("success@sim"), ("upi", json!({"vpa": "success@sim", "handle": "sim"}))),
        (by("netbanking", &json!({"bank": "SBIN"})), ("netbanking", json!({"bank": "SBIN"}))),
        (
            by("wallet", &json!({"wallet": {"provider": "paytm", "wallet_id": "9876543210"}})),
            ("wallet", json!({"provider": "paytm", "wallet_id": "9876543210"})),
        ),
        (payment(crate::server::GOOD), ("card", json!({"last4": "4242"}))),
    ] {
        let reply = server.pay(&request, &[]).await;
        let paid = reply.json();
        assert_eq!((reply.status, &paid["status"]), (201, &json!("completed")), "{reply:?}");
        let (method, fields) = shown;
        assert_eq!(paid["payment_method"], method);
        for (field, value) in fields.as_object().unwrap() {
            assert_eq!(paid[method][field], *value, "{method} {field}");
        }
        for other in ["card", "upi", "netbanking", "wallet"] {
            assert_eq!(paid[other].is_null(), other != method, "{other} of {method}");
        }
        for field in ["payment_url", "qr_code", "next_action", "expires_at"] {
            assert_eq!(paid[field], Value::Null, "{field} of {method}");
        }
    }
    let metrics = server.metrics().await;
    for method in ["upi", "netbanking", "wallet", "card"] {
        let line = format!("tollgate_payments_total{{method=\"{method}\",status=\"completed\"");
        assert!(metrics.contains(&line), "{metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn each_method_can_be_declined() {
    let server = TestServer::start().await;
    for (request, code) in [
        (upi("failure@sim"), "generic_decline"),
        (upi("insufficient@sim"), "insufficient_funds"),
        (upi("nobody@okbank"), "processing_error"),
        (by("netbanking", &json!({"bank": "SIMD"})), "generic_decline"),
        (by("netbanking", &json!({"bank": "SIMN"})), "insufficient_funds"),
        (
            by("wallet", &json!({"provider": "paytm", "wallet_id": "wallet_insufficient"})),
            "insufficient_funds",
        ),
        (
            by("wallet", &json!({"provider": "phonepe", "wallet_id": "wallet_failure"})),
            "generic_decline",
        ),
    ] {
        let reply = server.pay(&request, &[]).await;
        assert_eq!((reply.status, &reply.json()["decline_code"]), (402, &json!(code)), "{request}");
    }
    server.stop().await;
}

#[tokio::test]
async fn bank_and_wallet_may_send_the_customer_to_a_page() {
    let server = TestServer::start().await;
    for request in [
        by("netbanking", &json!({"bank": "SIMR"})),
        by("wallet", &json!({"provider": "paytm", "wallet_id": "wallet_redirect"})),
    ] {
        let reply = server.pay(&request, &[]).await;
        let shown = reply.json();
        assert_eq!((reply.status, &shown["status"]), (201, &json!("requires_action")));
        assert_eq!(shown["next_action"]["type"], "redirect_to_url");
        assert!(shown["next_action"]["url"].as_str().unwrap().starts_with("http://"));
        assert_eq!((&shown["payment_url"], &shown["qr_code"]), (&Value::Null, &Value::Null));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_upi_payment_to_approve_has_a_link_a_code_and_an_end() {
    let server = TestServer::start_with(|config| {
        config.engine.upi_validity_s = 60;
        config.providers.simulator.payee_vpa = "till-7@okbank".to_owned();
    })
    .await;
    let mut request = upi("pending@sim");
    request["description"] = json!("2 coffees & cake");
    let header = [("Idempotency-Key", "upi")];
    let first = server.pay(&request, &header).await;
    let shown = first.json();
    assert_eq!((first.status, &shown["status"]), (201, &json!("requires_action")), "{first:?}");
    let attempt = shown["attempts"][0]["id"].as_str().unwrap();
    let link = format!(
        "upi://pay?pa=till-7@okbank&pn=Demo%20merchant&tr={attempt}&tn=2%20coffees%20%26%20cake&am=100.00&cu=INR"
    );
    assert_eq!(shown["payment_url"].as_str(), Some(&*link));
    assert_eq!(shown["next_action"], json!({"type": "approve_upi", "url": link}));
    assert_eq!(read_code(&shown), link);
    let (created, expires) = (millis(&shown["created_at"]), millis(&shown["expires_at"]));
    assert!((60_000..65_000).contains(&(expires - created)), "{shown}");

    let read = server.get(&format!("/api/v1/payments/{}", shown["id"].as_str().unwrap())).await;
    assert_eq!(read.json(), shown);
    let again = server.pay(&request, &header).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    request["upi"]["vpa"] = json!("success@sim");
    server.pay(&request, &header).await.assert_problem(422, "idempotency_key_reused");
    request["upi"]["vpa"] = json!("pending@sim");

    let ledger = server.get_with("/simulator/ledger", OPERATOR).await.json();
    assert_eq!(ledger["data"][0]["state"], "pending", "{ledger}");
    assert_eq!(ledger["data"].as_array().unwrap().len(), 1);

    // The payee's address is another after the restart, and the answer the same.
    let server = server.restart().await;
    let again = server.pay(&request, &header).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    server.stop().await;
}

#[tokio::test]
async fn faults_hold_on_every_rail() {
    // Long enough for a busy machine, and shorter than the wait before the first inquiry.
    let server = TestServer::start_with(|config| config.payments.wait_ms = 300).await;
    for mut request in [
        upi("success@sim"),
        by("netbanking", &json!({"bank": "SBIN"})),
        by("wallet", &json!({"provider": "paytm", "wallet_id": "w1"})),
    ] {
        request["metadata"] = json!({"simulator": "not_sent"});
        let reply = server.pay(&request, &[]).await;
        assert_eq!((reply.status, &reply.json()["code"]), (402, &json!("provider_unavailable")));
        request["metadata"] = json!({"simulator": "timeout_after_approval"});
        let key = request["payment_method"].as_str().unwrap().to_owned();
        let header = [("Idempotency-Key", &*key)];
        let first = server.pay(&request, &header).await;
        assert_eq!((first.status, &first.json()["status"]), (202, &json!("unknown")));
        let settled: Reply = loop {
            let reply = server.pay(&request, &header).await;
            if reply.status != 202 {
                break reply;
            }
        };
        assert_eq!((settled.status, &settled.json()["status"]), (201, &json!("completed")));
    }
    server.stop().await;
}

/// What the QR code says, read by a decoder of another make.
fn read_code(payment: &Value) -> String {
    let uri = payment["qr_code"].as_str().unwrap();
    let png = BASE64_STANDARD.decode(uri.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut rows = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut rows).unwrap();
    let (width, height) = (frame.width as usize, frame.height as usize);
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        (rows[y * frame.line_size + x / 8] >> (7 - x % 8) & 1) * 255
    });
    let codes = picture.detect_grids();
    assert_eq!(codes.len(), 1);
    codes[0].decode().unwrap().1
}

/// Milliseconds of the day.
fn millis(time: &Value) -> u64 {
    let text = time.as_str().unwrap();
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().unwrap();
    let (day, hour) = (number(8..10), number(11..13));
    (((day * 24 + hour) * 60 + number(14..16)) * 60 + number(17..19)) * 1_000 + number(20..23)
}

/// Asks about a customer's account.
async fn ask(server: &TestServer, what: &str, body: &Value) -> Reply {
    let key = format!("Bearer {}", server.key());
    let path = format!("/api/v1/payment-methods/{what}");
    server.post(&path, &body.to_string(), &[("Authorization", &key)]).await
}

#[tokio::test]
async fn an_address_is_somebodys_or_nobodys() {
    let server = TestServer::start().await;
    for (vpa, name) in [
        ("success@sim", json!("Asha Rao")),
        ("Failure@SIM", json!("Vikram Sen")),
        ("nobody@okbank", Value::Null),
    ] {
        let reply = ask(&server, "upi/validate", &json!({"vpa": vpa})).await;
        let expected = json!({
            "object": "vpa_validation", "vpa": vpa, "valid": !name.is_null(),
            "customer_name": name, "livemode": false,
        });
        assert_eq!((reply.status, reply.json()), (200, expected));
    }
    let malformed = ask(&server, "upi/validate", &json!({"vpa": "asha", "name": "x"})).await;
    let problem = malformed.assert_problem(400, "parameter_unknown");
    assert_eq!(problem["errors"][1]["code"], "vpa_invalid", "{problem}");
    ask(&server, "upi/validate", &json!({})).await.assert_problem(400, "parameter_missing");
    server.stop().await;
}

/// What a wallet holds is what its payments meet, and a link spares its customer the page.
#[tokio::test]
async fn a_wallet_tells_its_balance_and_is_linked() {
    let server = TestServer::start().await;
    let wallet = |id: &str| json!({"provider": "Amazon Pay", "wallet_id": id});
    let with_currency = |id: &str, currency: &str| {
        let mut question = wallet(id);
        question["currency"] = json!(currency);
        question
    };
    for (id, currency, balance, minor) in [
        ("9876543210", "INR", "10000.00", 1_000_000),
        ("wallet_insufficient", "INR", "0.00", 0),
        ("9876543210", "JPY", "1000000", 1_000_000),
    ] {
        let reply = ask(&server, "wallet/balance", &with_currency(id, currency)).await;
        let expected = json!({
            "object": "wallet_balance", "provider": "amazonpay", "balance": balance,
            "balance_minor": minor, "currency": currency, "livemode": false,
        });
        assert_eq!((reply.status, reply.json()), (200, expected));
    }
    for (id, status) in [("wallet_redirect", "completed"), ("wallet_insufficient", "failed")] {
        let link = ask(&server, "wallet/link", &wallet(id)).await;
        assert_eq!(link.status, 200, "{link:?}");
        let token = link.json()["link_token"].clone();
        let fields = json!({"wallet": {"provider": "amazonpay", "wallet_id": token}});
        let paid = server.pay(&by("wallet", &fields), &[]).await.json();
        let paid = if paid["payment"].is_object() { &paid["payment"] } else { &paid };
        assert_eq!(paid["status"], status, "{paid}");
    }
    for what in ["wallet/balance", "wallet/link"] {
        let question = match what {
            "wallet/link" => wallet("wallet_unknown"),
            _balance => with_currency("wallet_unknown", "INR"),
        };
        ask(&server, what, &question).await.assert_problem(404, "wallet_not_found");
        let faulty = json!({"provider": "purse", "wallet_id": "a b", "currency": "RUPEE"});
        let first = match what {
            "wallet/link" => "parameter_unknown",
            _balance => "wallet_provider_invalid",
        };
        let problem = ask(&server, what, &faulty).await.assert_problem(400, first);
        assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
    }
    server.stop().await;
}

#[tokio::test]
async fn accounts_are_asked_about_by_secret_keys_alone_and_never_logged() {
    let server = TestServer::start().await;
    let path = "/api/v1/payment-methods/upi/validate";
    let operator = format!("Bearer {OPERATOR}");
    let body = json!({"vpa": "success@sim"}).to_string();
    let reply = server.post(path, &body, &[("Authorization", &operator)]).await;
    reply.assert_problem(403, "merchant_key_required");
    server.post(path, &body, &[]).await.assert_problem(401, "api_key_missing");
    let down = json!({"simulator": "down:60000"});
    let mut request = payment(crate::server::GOOD);
    request["metadata"] = down;
    server.pay(&request, &[]).await;
    let reply = ask(&server, "upi/validate", &json!({"vpa": "success@sim"})).await;
    reply.assert_problem(503, "provider_unreachable");
    let directory = server.stop().await;
    for file in walk(directory.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(11).any(|text| text == b"success@sim"), "{}", file.display());
    }
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}
