//! The documented examples, as they are written, and the shapes of their answers key by key.

use serde_json::{Value, json};

use crate::server::{POOR, TestServer, payment};

/// The request to version 1, with everything that it may have.
const REQUEST: &str = r#"{"amount":"100.00","currency":"INR","payment_method":"card",
 "card":{"number":"4111111111111111","expiry_month":12,"expiry_year":2030,"cvv":"123","holder_name":"A Holder"},
 "customer":{"id":"your-own-customer-7","email":"customer@example.com","phone":"+919876543210"},
 "billing_address":{"street":"","city":"","state":"","zip_code":"","country":"IN"},
 "order_id":"order_456","description":"","callback_url":"https://shop.example.com/hook","metadata":{"k":"v"},
 "device":{"fingerprint":"","ip":"","user_agent":""},"capture":"automatic"}"#;

/// The answer of version 1.
const PAYMENT: &str = r#"{"id":"pay_…","object":"payment","payment_id":"pay_…","status":"completed","amount":"100.00","amount_minor":10000,"amount_paisa":10000,
 "currency":"INR","amount_authorized":"100.00","amount_captured":"100.00","amount_refunded":"0.00","amount_disputed":"0.00",
 "fees_minor":0,"fees_paisa":0,"payment_method":"card","card":{"brand":"visa","bin":"411111","last4":"1111","expiry_month":12,"expiry_year":2030,"fingerprint":"…"},
 "customer":{"id":"…","email":"…","phone":"…"},"order_id":"order_456","transaction_id":"txn_…","external_txn_id":"…","provider":"simulator",
 "gateway_response":{"rrn":"…","approval_code":"…"},"fraud_score":20,"decline_code":null,"failure_reason":null,"next_action":null,"payment_url":null,"qr_code":null,
 "attempts":[{"id":"att_…","provider":"simulator","status":"approved","created_at":"…"}],"metadata":{},"sequence":3,"livemode":false,
 "created_at":"2026-01-15T10:30:00.000Z","updated_at":"…","processed_at":"…","expires_at":null}"#;

/// The older answer.
const OLDER_PAYMENT: &str = r#"{"success":true,"data":{"paymentID":"pay_…","status":"completed","amount":100.00,"currency":"INR",
 "transactionID":"txn_…","createdAt":"…","provider":"simulator","fraudScore":0.2}}"#;

/// What a failed payment says beyond a problem.
const DECLINE: &str = r#"{"type":"…","title":"…","status":402,"detail":"…","instance":"/api/v1/payments/pay_…","code":"payment_declined",
 "decline_code":"insufficient_funds","advice_code":"…","retryable":false,"payment":{}}"#;

const PROBLEM: &str = r#"{"type":"…","title":"…","status":400,"detail":"…","code":"parameter_missing","param":"…",
 "errors":[{"pointer":"…","code":"…","detail":"…"}],"request_id":"…","retryable":false}"#;

/// What a payment says beyond the example, which is one by card and of older fields.
const BEYOND: [&str; 7] =
    ["emi", "funding", "issuer_country", "netbanking", "return_url", "upi", "wallet"];

/// Checks that both have the same keys everywhere, and values of the same kind; `null` is a value of
/// any kind, and an empty object may hold anything.
#[track_caller]
fn assert_same_shape(documented: &Value, found: &Value, place: &str) {
    match (documented, found) {
        (Value::Object(documented), Value::Object(found)) => {
            if documented.is_empty() {
                return;
            }
            let keys = |object: &serde_json::Map<String, Value>| {
                let keys = object.keys().filter(|key| !BEYOND.contains(&key.as_str()));
                keys.cloned().collect::<Vec<_>>()
            };
            assert_eq!(keys(documented), keys(found), "at {place}");
            for (key, value) in documented {
                assert_same_shape(value, &found[key], &format!("{place}/{key}"));
            }
        }
        (Value::Array(documented), Value::Array(found)) => {
            assert!(!found.is_empty(), "at {place}");
            for value in found {
                assert_same_shape(&documented[0], value, &format!("{place}/-"));
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (documented, found) => assert_eq!(
            std::mem::discriminant(documented),
            std::mem::discriminant(found),
            "at {place}: {found}"
        ),
    }
}

fn documented(text: &str) -> Value {
    serde_json::from_str(text).expect("examples are JSON")
}

#[tokio::test]
async fn version_1_answers_as_documented() {
    let server = TestServer::start().await;
    let reply = server.pay(&documented(REQUEST), &[]).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let (expected, found) = (documented(PAYMENT), reply.json());
    assert_same_shape(&expected, &found, "");
    assert_eq!(found["metadata"], json!({"k": "v"}));
    for same in [
        "object",
        "status",
        "amount",
        "amount_minor",
        "amount_paisa",
        "currency",
        "amount_authorized",
        "amount_captured",
        "amount_refunded",
        "amount_disputed",
        "payment_method",
        "order_id",
        "provider",
        "livemode",
        "next_action",
        "expires_at",
    ] {
        assert_eq!(found[same], expected[same], "{same}");
    }
    let declined = server.pay(&payment(POOR), &[]).await;
    assert_same_shape(&documented(DECLINE), &declined.json(), "");
    assert_same_shape(&documented(PAYMENT), &declined.json()["payment"], "");
    let refused = server.pay(&json!({"amount": "1"}), &[]).await;
    assert_same_shape(&documented(PROBLEM), &refused.json(), "");
    server.stop().await;
}

#[tokio::test]
async fn a_batch_answers_as_documented() {
    let server = TestServer::start().await;
    let body = format!("{{\"payments\":[{REQUEST},{},{{\"amount\":\"1\"}}]}}", payment(POOR));
    let key = format!("Bearer {}", server.key());
    let reply = server.post("/api/v1/payments/batch", &body, &[("Authorization", &key)]).await;
    let found = reply.json();
    let expected = format!(
        "{{\"object\":\"list\",\"data\":[\
         {{\"index\":0,\"status\":201,\"payment\":{PAYMENT}}},\
         {{\"index\":1,\"status\":402,\"payment\":{PAYMENT}}},\
         {{\"index\":2,\"status\":400,\"error\":{PROBLEM}}}]}}"
    );
    let mut expected = documented(&expected);
    // The request id is that of the whole, and stands in its header.
    expected["data"][2]["error"].as_object_mut().unwrap().remove("request_id");
    assert!(reply.header("x-request-id").is_some());
    assert_eq!(found["object"], "list");
    for place in 0..3 {
        let (expected, found) = (&expected["data"][place], &found["data"][place]);
        assert_same_shape(expected, found, &place.to_string());
        assert_eq!((&found["index"], &found["status"]), (&expected["index"], &expected["status"]));
    }
    server.stop().await;
}

#[tokio::test]
async fn the_classic_surface_answers_as_documented() {
    let server = TestServer::start().await;
    let key = format!("Bearer {}", server.key());
    let headers = [("Authorization", key.as_str())];
    let reply = server.post("/api/payments/process", REQUEST, &headers).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_same_shape(&documented(OLDER_PAYMENT), &reply.json(), "");
    server.stop().await;
}
