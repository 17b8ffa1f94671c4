//! Requests and what is said of them.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::{http::wire::parse, secrets::Secrets};

/// 2026-06-15T00:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_781_481_600_000);

static OFFER: LazyLock<Offer> =
    LazyLock::new(|| Offer::new(&tollgate_config::Config::defaults()).unwrap());

fn usual_circumstances() -> Circumstances<'static> {
    Circumstances { now: NOW, mode: Mode::Test, offer: &OFFER }
}

fn usual() -> Value {
    json!({
        "amount": "100.00", "currency": "INR", "payment_method": "card",
        "card": {"number": "4242424242424242", "expiry_month": 12, "expiry_year": 2030, "cvv": "123"},
    })
}

/// The usual request with the values at some pointers replaced, or taken out by `null`.
fn with(changes: &[(&str, Value)]) -> String {
    let mut request = usual();
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        if !parent.is_empty() && request.pointer(parent).is_none() {
            request[&parent[1..]] = json!({});
        }
        request.pointer_mut(parent).unwrap()[field] = value.clone();
    }
    request.to_string()
}

fn key_in_body<'r>(request: &'r PaymentRequest<'_>) -> Option<&'r str> {
    request.idempotency_key.as_ref().map(Text::as_str)
}

/// Pointer and code of each fault; nothing for a good request.
fn faults(text: &str) -> Vec<(String, &'static str)> {
    let request: PaymentRequest<'_> = match parse(text.as_bytes()) {
        Ok(request) => request,
        Err(problem) => return vec![(String::new(), problem.code().as_str())],
    };
    match request.validate(key_in_body(&request), usual_circumstances()) {
        Ok(_valid) => Vec::new(),
        Err(problem) => problem
            .faults()
            .iter()
            .map(|fault| (fault.pointer.to_string(), fault.code.as_str()))
            .collect(),
    }
}

fn amount(text: &str) -> i64 {
    let request: PaymentRequest<'_> = parse(text.as_bytes()).unwrap();
    request
        .validate(key_in_body(&request), usual_circumstances())
        .unwrap()
        .money
        .amount
        .minor_units()
}

#[test]
fn a_full_request_is_accepted() {
    let text = with(&[
        ("/customer", json!({"id": "c7", "email": "c@example.com", "phone": "+919876543210"})),
        (
            "/billing_address",
            json!({"street": "", "city": "Pune", "state": "", "zip_code": "1", "country": "IN"}),
        ),
        ("/order_id", json!("order_456")),
        ("/description", json!("")),
        ("/callback_url", json!("https://example.com/hook")),
        ("/metadata", json!({"b": "2", "a": "1"})),
        ("/device", json!({"fingerprint": "", "ip": "2001:db8::1", "user_agent": "x"})),
        ("/capture", json!("manual")),
        ("/card/holder_name", json!("A Holder")),
        ("/idempotencyKey", json!("k")),
    ]);
    let request: PaymentRequest<'_> = parse(text.as_bytes()).unwrap();
    let valid = request.validate(key_in_body(&request), usual_circumstances()).unwrap();
    assert_eq!(valid.customer_id, Some("c7"));
    assert_eq!(valid.description, None, "an empty string is absent");
    assert_eq!(valid.capture, CaptureMode::Manual);
    assert_eq!(valid.metadata().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    let ValidMethod::Card(card) = &valid.method else { panic!("by card: {valid:?}") };
    assert_eq!((card.bin(), card.last4()), (424_242, 4_242));
}

#[test]
fn instalments_and_the_way_back_are_part_of_what_is_asked_for() {
    let mut seen = Vec::new();
    for changes in [
        vec![],
        vec![("/emi", json!({"months": 6}))],
        vec![("/emi", json!({"months": 6, "no_cost": true}))],
        vec![("/emi", json!({"months": 9}))],
        vec![("/return_url", json!("https://shop.example/thanks"))],
        vec![("/metadata", json!({"return_url": "https://shop.example/thanks"}))],
    ] {
        let text = with(&[&[("/amount", json!("3000.00"))], &changes[..]].concat());
        let request: PaymentRequest<'_> = parse(text.as_bytes()).unwrap();
        let mut digest = Secrets::from_key(&[7; 32]).request_digest("POST", "/");
        request.validate(None, usual_circumstances()).unwrap().digest_into(&mut digest);
        let fingerprint = digest.finish();
        assert!(!seen.contains(&fingerprint), "{changes:?}");
        seen.push(fingerprint);
    }
}

#[test]
fn amounts_are_exact_in_each_form() {
    for (change, minor) in [
        (("/amount", json!("100.00")), 10_000),
        (("/amount", json!(100)), 10_000),
        (("/amount", json!("0.01")), 1),
        (("/amount", json!("9999999999.99")), 999_999_999_999),
    ] {
        assert_eq!(amount(&with(&[change])), minor);
    }
    for (raw, minor) in [("100.10", 10_010), ("1e2", 10_000), ("0.07", 7)] {
        let text = with(&[]).replace("\"100.00\"", raw);
        assert_eq!(amount(&text), minor, "{raw}");
    }
    assert_eq!(amount(&with(&[("/amount", Value::Null), ("/amount_minor", json!(7))])), 7);
    assert_eq!(amount(&with(&[("/amount", Value::Null), ("/amount_paisa", json!(7))])), 7);
    let yen = with(&[("/amount", json!("100")), ("/currency", json!("JPY"))]);
    assert_eq!(amount(&yen), 100);
}

#[test]
fn each_fault_has_its_pointer_and_code() {
    let long = |length: usize| json!("x".repeat(length));
    let many: serde_json::Map<String, Value> =
        (0..51).map(|index| (format!("k{index}"), json!("v"))).collect();
    for (changes, pointer, code) in [
        (vec![("/amount", Value::Null)], "/amount", "parameter_missing"),
        (vec![("/amount", json!("0"))], "/amount", "amount_too_small"),
        (vec![("/amount", json!("-1"))], "/amount", "amount_too_small"),
        (vec![("/amount", json!("10000000000"))], "/amount", "amount_too_large"),
        (vec![("/amount", json!("1.005"))], "/amount", "amount_invalid"),
        (vec![("/amount", json!("abc"))], "/amount", "amount_invalid"),
        (vec![("/amount", json!(true))], "/amount", "amount_invalid"),
        (vec![("/amount_minor", json!(1))], "/amount_minor", "parameter_conflict"),
        (
            vec![("/amount", Value::Null), ("/amount_minor", json!(1.5))],
            "/amount_minor",
            "amount_invalid",
        ),
        (
            vec![
                ("/amount", Value::Null),
                ("/amount_paisa", json!(1)),
                ("/currency", json!("USD")),
            ],
            "/amount_paisa",
            "parameter_conflict",
        ),
        (vec![("/currency", json!("inr"))], "/currency", "currency_invalid"),
        (vec![("/currency", Value::Null)], "/currency", "parameter_missing"),
        (vec![("/payment_method", Value::Null)], "/payment_method", "parameter_missing"),
        (vec![("/payment_method", json!("cash"))], "/payment_method", "payment_method_unsupported"),
        (vec![("/card", Value::Null)], "/card", "parameter_missing"),
        (vec![("/card/number", json!("4242424242424241"))], "/card/number", "card_number_invalid"),
        (vec![("/card/number", json!("424242424242"))], "/card/number", "card_number_invalid"),
        (
            vec![("/card/number", json!("4242 4242 4242 4242"))],
            "/card/number",
            "card_number_invalid",
        ),
        (
            vec![("/card/number", json!("\u{664}242424242424242"))],
            "/card/number",
            "card_number_invalid",
        ),
        (vec![("/card/expiry_month", json!(13))], "/card/expiry_month", "parameter_invalid"),
        (vec![("/card/expiry_month", json!(0))], "/card/expiry_month", "parameter_invalid"),
        (vec![("/card/expiry_year", json!(2090))], "/card/expiry_year", "parameter_invalid"),
        (vec![("/card/cvv", json!("12"))], "/card/cvv", "card_cvv_invalid"),
        (vec![("/card/cvv", json!("12a"))], "/card/cvv", "card_cvv_invalid"),
        (vec![("/card/pin", json!("1"))], "/card/pin", "parameter_unknown"),
        (vec![("/capture", json!("later"))], "/capture", "parameter_invalid"),
        (vec![("/customer/email", json!("no"))], "/customer/email", "parameter_invalid"),
        (vec![("/customer/phone", json!("12345"))], "/customer/phone", "parameter_invalid"),
        (vec![("/customer/id", long(65))], "/customer/id", "parameter_invalid"),
        (
            vec![("/billing_address/country", json!("india"))],
            "/billing_address/country",
            "parameter_invalid",
        ),
        (vec![("/device/ip", json!("1.2.3"))], "/device/ip", "parameter_invalid"),
        (vec![("/order_id", long(65))], "/order_id", "parameter_invalid"),
        (vec![("/description", long(1_001))], "/description", "parameter_invalid"),
        (vec![("/callback_url", json!("ftp://example.com"))], "/callback_url", "parameter_invalid"),
        (vec![("/metadata", json!(many))], "/metadata", "parameter_invalid"),
        (vec![("/metadata", json!({"k": "v".repeat(501)}))], "/metadata/k", "parameter_invalid"),
        (vec![("/metadata", json!({"k".repeat(41): "v"}))], "/metadata", "parameter_invalid"),
        (vec![("/a~b", json!(1))], "/a~0b", "parameter_unknown"),
        (vec![("/payment_details", json!({}))], "/payment_details", "parameter_conflict"),
    ] {
        let text = with(&changes);
        assert_eq!(faults(&text), [(pointer.to_owned(), code)], "{text}");
    }
}

#[test]
fn the_cards_number_is_kept_out_of_what_is_kept() {
    let url = "https://shop.example/?card=4242%204242%204242%204242";
    for (pointer, text, told_at) in [
        ("/order_id", "4242424242424242", "/order_id"),
        ("/description", "paid by 4242 4242 4242 4242", "/description"),
        ("/customer/id", "4242-4242-4242-4242", "/customer/id"),
        ("/user_id", "c4242424242424242", "/user_id"),
        ("/card/holder_name", "4242 4242 4242 4242", "/card/holder_name"),
        ("/billing_address/street", "4242-4242-4242-4242", "/billing_address/street"),
        ("/device/user_agent", "Shop/4242424242424242", "/device/user_agent"),
        ("/callback_url", url, "/callback_url"),
        ("/metadata/a", "4242 42424242-4242", "/metadata/a"),
        ("/metadata/4242424242424242", "v", "/metadata"),
        ("/idempotencyKey", "k-4242424242424242", "/idempotencyKey"),
    ] {
        let request = with(&[(pointer, json!(text))]);
        assert_eq!(faults(&request), [(told_at.to_owned(), "card_number_in_text")], "{request}");
    }
    // Another number of the same form is somebody's order.
    let orders = with(&[("/order_id", json!("4111111111111111")), ("/metadata/a", json!("4000"))]);
    assert_eq!(faults(&orders), []);
    // Also told beside a fault of the card.
    let both = with(&[
        ("/card/number", json!("4242424242424241")),
        ("/order_id", json!("4242424242424241")),
    ]);
    assert_eq!(faults(&both).len(), 2, "{both}");
}

#[test]
fn all_faults_are_told_at_once() {
    let text = with(&[
        ("/nope", json!(1)),
        ("/amount", json!("0")),
        ("/card/cvv", json!("1")),
        ("/customer/email", json!("no")),
    ]);
    let pointers: Vec<String> = faults(&text).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/nope", "/amount", "/card/cvv", "/customer/email"]);
}

#[test]
fn older_names_are_understood() {
    let mut request = usual();
    request["payment_details"] = request["card"].take();
    request["payment_method"] = json!("CREDIT_CARD");
    request["user_id"] = json!("c7");
    request["payment_details"]["expiry_year"] = json!("30");
    request["payment_details"]["expiry_month"] = json!("06");
    let text = request.to_string();
    let request: PaymentRequest<'_> = parse(text.as_bytes()).unwrap();
    let valid = request.validate(key_in_body(&request), usual_circumstances()).unwrap();
    assert_eq!(valid.customer_id, Some("c7"));
    let ValidMethod::Card(card) = &valid.method else { panic!("by card: {valid:?}") };
    assert_eq!((card.expiry_month(), card.expiry_year()), (6, 2_030));
}

/// Whether it is past, the engine decides, which knows the repeats that are answered all the same.
#[test]
fn a_card_is_good_to_the_end_of_its_month() {
    for (month, year, good_until) in
        [(6, 2026, 1_782_864_000_000), (12, 2026, 1_798_761_600_000), (12, 2025, 1_767_225_600_000)]
    {
        let changes = [("/card/expiry_month", json!(month)), ("/card/expiry_year", json!(year))];
        let text = with(&changes);
        let request: PaymentRequest<'_> = parse(text.as_bytes()).unwrap();
        let valid = request.validate(None, usual_circumstances()).unwrap();
        let expiry = (Timestamp::from_millis(good_until), "/card/expiry_year");
        assert_eq!(valid.method.expiry(), Some(expiry));
    }
}

/// A request by another method, with the fields given.
fn by(method: &str, fields: Value) -> Value {
    let mut request = json!({"amount": "100.00", "currency": "INR", "payment_method": method});
    for (field, value) in fields.as_object().unwrap() {
        request[field] = value.clone();
    }
    request
}

#[test]
fn every_method_is_read_in_each_of_its_places() {
    for (method, fields, shown) in [
        ("upi", json!({"upi": {"vpa": "asha@okbank"}}), "upi asha@okbank"),
        ("UPI", json!({"vpa": "asha@okbank"}), "upi asha@okbank"),
        ("upi", json!({"payment_details": {"vpa": "asha@okbank"}}), "upi asha@okbank"),
        ("netbanking", json!({"netbanking": {"bank": "SBIN"}}), "bank SBIN"),
        ("NETBANKING", json!({"bank": "sbi"}), "bank SBIN"),
        ("netbanking", json!({"payment_details": {"bank_code": "HDFC"}}), "bank HDFC"),
        ("wallet", json!({"wallet": {"provider": "paytm", "wallet_id": "w1"}}), "paytm w1"),
        ("Wallet", json!({"provider": "Amazon Pay", "wallet_id": "w1"}), "amazonpay w1"),
        ("wallet", json!({"provider": "paytm", "wallet": {"wallet_id": "w1"}}), "paytm w1"),
        (
            "wallet",
            json!({"payment_details": {"provider": "phonepe", "wallet_id": "w1"}}),
            "phonepe w1",
        ),
        ("upi", json!({"vpa": "asha@okbank", "card": null, "bank": ""}), "upi asha@okbank"),
    ] {
        let text = by(method, fields).to_string();
        let request: PaymentRequest<'_> = parse(text.as_bytes()).unwrap();
        let valid = request.validate(None, usual_circumstances()).unwrap_or_else(|problem| {
            panic!("{text}: {:?}", problem.faults());
        });
        let read = match &valid.method {
            ValidMethod::Card(_) => "card".to_owned(),
            ValidMethod::Upi { vpa } => format!("upi {vpa}"),
            ValidMethod::NetBanking { bank } => format!("bank {bank}"),
            ValidMethod::Wallet { provider, id } => format!("{provider} {id}"),
        };
        assert_eq!(read, shown, "{text}");
        assert_eq!(valid.method.expiry(), None);
    }
}

#[test]
fn each_fault_of_another_method_has_its_pointer_and_code() {
    let wallet = json!({"provider": "paytm", "wallet_id": "w1"});
    for (method, fields, pointer, code) in [
        ("upi", json!({}), "/upi/vpa", "parameter_missing"),
        ("upi", json!({"upi": {"vpa": "asha"}}), "/upi/vpa", "vpa_invalid"),
        ("upi", json!({"vpa": "a@b"}), "/vpa", "vpa_invalid"),
        ("upi", json!({"payment_details": {"vpa": "@x"}}), "/payment_details/vpa", "vpa_invalid"),
        ("upi", json!({"upi": {"vpa": "a1@ok", "app": "x"}}), "/upi/app", "parameter_unknown"),
        ("upi", json!({"upi": {"vpa": "a1@ok"}, "vpa": "a1@ok"}), "/vpa", "parameter_conflict"),
        ("upi", json!({"vpa": "a1@ok", "currency": "USD"}), "/currency", "currency_unsupported"),
        ("upi", json!({"vpa": "a1@ok", "capture": "manual"}), "/capture", "parameter_invalid"),
        ("upi", json!({"vpa": "a1@ok", "bank": "SBIN"}), "/bank", "parameter_conflict"),
        ("upi", json!({"vpa": "a1@ok", "card": {}}), "/card", "parameter_conflict"),
        ("netbanking", json!({}), "/netbanking/bank", "parameter_missing"),
        ("netbanking", json!({"bank": "NOSUCH"}), "/bank", "bank_invalid"),
        (
            "netbanking",
            json!({"bank": "SBIN", "currency": "EUR"}),
            "/currency",
            "currency_unsupported",
        ),
        (
            "netbanking",
            json!({"bank": "SBIN", "capture": "manual"}),
            "/capture",
            "parameter_invalid",
        ),
        (
            "netbanking",
            json!({"bank": "SBIN", "wallet": wallet}),
            "/wallet/provider",
            "parameter_conflict",
        ),
        ("wallet", json!({"wallet_id": "w1"}), "/wallet/provider", "parameter_missing"),
        ("wallet", json!({"provider": "paytm"}), "/wallet/wallet_id", "parameter_missing"),
        (
            "wallet",
            json!({"provider": "purse", "wallet_id": "w1"}),
            "/provider",
            "wallet_provider_invalid",
        ),
        (
            "wallet",
            json!({"provider": "paytm", "wallet_id": "w 1"}),
            "/wallet_id",
            "parameter_invalid",
        ),
        ("wallet", json!({"wallet": wallet, "capture": "manual"}), "/capture", "parameter_invalid"),
        ("card", json!({"vpa": "a1@ok", "card": usual()["card"]}), "/vpa", "parameter_conflict"),
    ] {
        let text = by(method, fields).to_string();
        let found = faults(&text);
        assert_eq!(found.first(), Some(&(pointer.to_owned(), code)), "{text}");
        assert!(found.len() == 1 || pointer == "/wallet/provider", "{text}: {found:?}");
    }
    let dollars = by("wallet", json!({"wallet": wallet, "currency": "USD"}));
    assert_eq!(faults(&dollars.to_string()), [], "a wallet may hold any currency");
}

/// Older clients send more than they mean; the newer surface asks which of it they do.
#[test]
fn fields_of_other_methods_can_be_forgotten() {
    let card = usual()["card"].clone();
    let everything = json!({
        "card": card, "vpa": "a1@ok", "bank": "SBIN", "provider": "paytm", "wallet_id": "w1",
    });
    for method in ["card", "upi", "netbanking", "wallet"] {
        let text = by(method, everything.clone()).to_string();
        assert!(!faults(&text).is_empty(), "{method}");
        let mut request: PaymentRequest<'_> = parse(text.as_bytes()).unwrap();
        request.forget_other_methods();
        assert!(request.validate(None, usual_circumstances()).is_ok(), "{method}");
    }
}

#[test]
fn what_does_not_parse_is_told_with_its_place_and_without_its_content() {
    for text in [
        "{\"currency\":\"INR\",\"currency\":\"INR\"}",
        "{\"metadata\":{\"a\":\"1\",\"a\":\"2\"}}",
        "{\"currency\":4242424242424242}",
        "{\"card\":\"4242424242424242\"}",
        "[]",
        "{",
        "",
        "{} {}",
    ] {
        let problem = parse::<PaymentRequest<'_>>(text.as_bytes()).err().unwrap();
        assert_eq!(problem.code(), ErrorCode::BodyInvalid, "{text}");
        let body = problem.render(crate::http::surface::Surface::V1, "r");
        let shown = std::str::from_utf8(&body).unwrap();
        assert!(shown.contains("line 1, column "), "{shown}");
        assert!(!shown.contains("4242"), "{shown}");
    }
}
