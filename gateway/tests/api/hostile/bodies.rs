//! Bodies: broken, wrong, too large, too deep.

use serde_json::{Value, json};

use super::wire::{ask, unharmed};
use crate::server::{GOOD, Reply, TestServer, payment};

const PATH: &str = "/api/v1/payments";

/// Sends a body of any bytes.
pub(super) async fn post(server: &TestServer, body: &[u8]) -> Reply {
    let (length, key) = (body.len(), server.key());
    let mut request = format!(
        "POST {PATH} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    ask(server.address(), &request).await
}

/// The usual payment with one field replaced by what stands there literally.
fn with(field: &str, literal: &str) -> String {
    let mut request = payment(GOOD);
    request[field] = json!("@");
    request.to_string().replace("\"@\"", literal)
}

#[tokio::test]
async fn what_is_no_payment_is_refused_with_the_place() {
    let server = TestServer::start().await;
    let deep = |open: &str, close: &str| {
        format!("{{\"metadata\":{}1{}}}", open.repeat(10_000), close.repeat(10_000))
    };
    let (lists, objects) = (deep("[", "]"), deep("{\"a\":", "}"));
    let unknown = lists.replace("metadata", "no_such_field");
    let half = payment(GOOD).to_string();
    let twice = half.replacen('{', "{\"amount\":\"1.00\",", 1);
    for (what, body) in [
        ("nothing", &b""[..]),
        ("half a body", &half.as_bytes()[..half.len() / 2]),
        ("two bodies", format!("{half}{half}").as_bytes()),
        ("no object", b"[]"),
        ("a text", b"\"pay\""),
        ("a number", b"17"),
        ("null", b"null"),
        ("XML", b"<pay/>"),
        ("NUL", b"{\"amount\0\":1}"),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("no UTF-8", b"{\"description\":\"\xc3\x28\"}"),
        ("UTF-16", b"\xff\xfe{\0}\0"),
        ("half a surrogate", b"{\"description\":\"\\ud800\"}"),
        ("a control character", b"{\"description\":\"a\x01b\"}"),
        ("10,000 lists", lists.as_bytes()),
        ("10,000 objects", objects.as_bytes()),
        ("10,000 lists nobody reads", unknown.as_bytes()),
        ("a field twice", twice.as_bytes()),
        ("a metadata key twice", b"{\"metadata\":{\"a\":\"1\",\"a\":\"2\"}}"),
        ("infinity", with("amount", "Infinity").as_bytes()),
        ("NaN", with("amount", "NaN").as_bytes()),
        ("hexadecimal", with("amount", "0x10").as_bytes()),
        ("a leading zero", with("amount", "010").as_bytes()),
        ("a comment", b"{/* amount */}"),
        ("a trailing comma", b"{\"amount\":1,}"),
        ("a list for the card", with("card", "[4242]").as_bytes()),
        ("a number for the currency", with("currency", "356").as_bytes()),
        ("a list in the metadata", with("metadata", "{\"a\":[1]}").as_bytes()),
        ("truth for the description", with("description", "true").as_bytes()),
    ] {
        let reply = post(&server, body).await;
        let problem = reply.json();
        assert_eq!(reply.status, 400, "{what}: {reply:?}");
        let code = problem["code"].as_str().unwrap();
        // A list that nobody reads may also be found to be an unknown field.
        assert!(matches!(code, "body_invalid" | "parameter_unknown"), "{what}: {reply:?}");
        reply.assert_problem(400, code);
        assert!(!reply.body.contains("4242"), "{what}: {reply:?}");
    }
    unharmed(server).await;
}

#[tokio::test]
async fn amounts_are_exact_or_refused() {
    let server = TestServer::start().await;
    for (field, literal, code) in [
        ("amount", "1e400", "amount_too_large"),
        ("amount", "1e-400", "amount_invalid"),
        ("amount", "-1e400", "amount_too_large"),
        ("amount", "10.005", "amount_invalid"),
        ("amount", "\"10.005\"", "amount_invalid"),
        ("amount", "-10", "amount_too_small"),
        ("amount", "-0.01", "amount_too_small"),
        ("amount", "0", "amount_too_small"),
        ("amount", "-0", "amount_too_small"),
        ("amount", "92233720368547758.08", "amount_too_large"),
        ("amount", "99999999999999999999999999999999999999999", "amount_too_large"),
        ("amount", "\"\"", "amount_invalid"),
        ("amount", "\"1,000.00\"", "amount_invalid"),
        ("amount", "\"\u{0661}\u{0662}\"", "amount_invalid"),
        ("amount", "true", "amount_invalid"),
        ("amount", "{}", "amount_invalid"),
        ("currency", "\"ZZZ\"", "currency_invalid"),
        ("currency", "\"inr\"", "currency_invalid"),
        ("currency", "\"XAU\"", "currency_invalid"),
        ("currency", "\"\u{20b9}\"", "currency_invalid"),
        ("amount_minor", "1", "parameter_conflict"),
    ] {
        let reply = post(&server, with(field, literal).as_bytes()).await;
        let problem = reply.json();
        assert_eq!((reply.status, problem["code"].as_str()), (400, Some(code)), "{literal}");
        reply.assert_problem(400, code);
    }
    for minor in ["9223372036854775808", "9223372036854775807", "-9223372036854775808", "1.0"] {
        let mut request = payment(GOOD);
        request.as_object_mut().unwrap().remove("amount");
        request["amount_minor"] = json!("@");
        let body = request.to_string().replace("\"@\"", minor);
        let reply = post(&server, body.as_bytes()).await;
        let problem = reply.json();
        assert_eq!(reply.status, 400, "{minor}: {reply:?}");
        assert!(problem["code"].as_str().unwrap().starts_with("amount_"), "{minor}: {reply:?}");
    }
    unharmed(server).await;
}

#[tokio::test]
async fn a_body_may_not_grow_behind_its_head() {
    let server = TestServer::start().await;
    let key = server.key();
    let head = |more: &str| {
        format!(
            "POST {PATH} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\
             Authorization: Bearer {key}\r\nContent-Type: application/json\r\n{more}\r\n"
        )
    };
    let chunks = format!("2000\r\n{}\r\n", " ".repeat(0x2000)).repeat(9);
    let request = format!("{}{chunks}0\r\n\r\n", head("Transfer-Encoding: chunked\r\n"));
    ask(server.address(), request.as_bytes()).await.assert_problem(413, "body_too_large");
    // Not a byte of it is waited for.
    let request = head("Content-Length: 9999999999\r\n");
    ask(server.address(), request.as_bytes()).await.assert_problem(413, "body_too_large");
    for chunks in ["xyz\r\n", "ffffffffffffffffff\r\n", "-1\r\n", "1\r\nab\r\n"] {
        let request = format!("{}{chunks}\r\n\r\n", head("Transfer-Encoding: chunked\r\n"));
        let reply = ask(server.address(), request.as_bytes()).await;
        assert_eq!(reply.status, 400, "{chunks:?}: {reply:?}");
        reply.assert_problem(400, "body_invalid");
    }
    unharmed(server).await;
}

#[tokio::test]
async fn only_json_is_read() {
    let server = TestServer::start().await;
    let body = payment(GOOD).to_string();
    let key = format!("Bearer {}", server.key());
    for media in [
        "text/plain",
        "application/x-json",
        "application/jsonp",
        "json",
        "",
        "application/json, a/b",
        "application/json; charset=utf-16",
    ] {
        let headers = [("Authorization", key.as_str()), ("Content-Type", media)];
        let reply = server.send("POST", PATH, &body, &headers).await;
        reply.assert_problem(415, "content_type_unsupported");
    }
    let reply = server.send("POST", PATH, &body, &[("Authorization", &key)]).await;
    reply.assert_problem(415, "content_type_unsupported");
    // What is compressed is not taken for JSON that is broken.
    for (coding, status) in [("gzip", 415), ("identity, br", 415), ("Identity", 201)] {
        let mut headers = vec![("Authorization", key.as_str()), ("Content-Encoding", coding)];
        headers.push(("Content-Type", "application/json"));
        let reply = server.send("POST", PATH, &body, &headers).await;
        assert_eq!(reply.status, status, "{coding}: {reply:?}");
        assert_eq!(reply.body.contains("compressed"), status == 415, "{coding}");
    }
    for media in ["application/json", "Application/JSON; charset=\"UTF-8\""] {
        let headers = [("Authorization", key.as_str()), ("Content-Type", media)];
        assert_eq!(server.send("POST", PATH, &body, &headers).await.status, 201, "{media}");
    }
    for method in ["PUT", "PATCH", "DELETE", "TRACE"] {
        let reply = server.send(method, "/api/v1/merchants", "", &[]).await;
        reply.assert_problem(405, "method_not_allowed");
    }
    unharmed(server).await;
}

#[tokio::test]
async fn keys_that_are_none_are_told_so() {
    let server = TestServer::start().await;
    let long = format!("Bearer {}", "k".repeat(20_000));
    for authorization in
        ["Bearer", "Bearer ", "Basic", "Basic =", "Basic Og==", "Digest a", "sk_test_bare", &long]
    {
        let reply = server.post(PATH, "{}", &[("Authorization", authorization)]).await;
        assert_eq!(reply.status, 401, "{authorization}: {reply:?}");
        let code = reply.json()["code"].as_str().unwrap().to_owned();
        reply.assert_problem(401, &code);
    }
    let key = format!("Bearer {}", server.key());
    let long = "k".repeat(256);
    for idempotency in ["", "a b", "\"\"", &long] {
        let headers = [("Authorization", key.as_str()), ("Idempotency-Key", idempotency)];
        let reply = server.post(PATH, &payment(GOOD).to_string(), &headers).await;
        assert_eq!(reply.status, 400, "{idempotency}: {reply:?}");
        reply.assert_problem(400, "idempotency_key_invalid");
    }
    let twice =
        [("Authorization", key.as_str()), ("Idempotency-Key", "a"), ("Idempotency-Key", "a")];
    let reply = server.post(PATH, &payment(GOOD).to_string(), &twice).await;
    reply.assert_problem(400, "idempotency_key_invalid");
    unharmed(server).await;
}

/// Everything the client wrote is quoted in answers as JSON, whatever it holds.
#[tokio::test]
async fn texts_come_back_as_texts() {
    let server = TestServer::start().await;
    let text = "</script>\u{2028}\"\\\u{0}\u{7f}\u{1F600}{{7*7}}${jndi:ldap://x}";
    let mut request = payment(GOOD);
    request["description"] = json!(text);
    request["metadata"] = json!({text: text});
    let reply = server.pay(&request, &[]).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let answer: Value = reply.json();
    assert_eq!(answer["metadata"][text], text);
    unharmed(server).await;
}
