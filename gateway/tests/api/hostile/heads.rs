//! Heads of requests: malformed, ambiguous, too large.

use super::wire::{ask, talk, unharmed};
use crate::server::TestServer;

#[tokio::test]
async fn a_head_that_cannot_be_read_is_a_problem_like_any_other() {
    let server = TestServer::start().await;
    for (what, head) in [
        ("no host", "GET /health HTTP/1.1\r\n"),
        ("two hosts", "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n"),
        (
            "two keys",
            "GET / HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        ),
        (
            "two media types",
            "GET / HTTP/1.1\r\nHost: t\r\nContent-Type: a/b\r\nContent-Type: a/c\r\n",
        ),
        ("no method", " /health HTTP/1.1\r\nHost: t\r\n"),
        ("a method that is none", "G@T /health HTTP/1.1\r\nHost: t\r\n"),
        ("a version to come", "GET /health HTTP/3.0\r\nHost: t\r\n"),
        ("no version", "GET /health\r\nHost: t\r\n"),
        ("NUL in the path", "GET /he\0alth HTTP/1.1\r\nHost: t\r\n"),
        ("NUL in a header", "GET /health HTTP/1.1\r\nHost: t\r\nX-A: a\0b\r\n"),
        ("a folded header", "GET /health HTTP/1.1\r\nHost: t\r\nX-A: a\r\n b\r\n"),
        ("a space before the colon", "GET /health HTTP/1.1\r\nHost: t\r\nX-A : a\r\n"),
        ("a header without a colon", "GET /health HTTP/1.1\r\nHost: t\r\nX-A\r\n"),
        ("a length that is none", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n"),
        ("a length with a sign", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: +5\r\n"),
        ("two lengths", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n"),
        (
            "a length beyond numbers",
            "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999\r\n",
        ),
        ("an unknown coding", "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n"),
        (
            "chunked that is not last",
            "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, gzip\r\n",
        ),
        ("chunks before they were", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"),
    ] {
        let request = format!("{head}Connection: close\r\n\r\n");
        let reply = ask(server.address(), request.as_bytes()).await;
        assert_eq!(reply.status, 400, "{what}: {reply:?}");
        let problem = reply.assert_problem(400, "request_invalid");
        assert_eq!(problem["retryable"], false, "{what}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{what}");
        let length = reply.header("content-length").unwrap().parse();
        assert_eq!(length, Ok(reply.body.len()), "{what}");
    }
    let page = server.metrics().await;
    let line = "tollgate_requests_total{route=\"unmatched\",method=\"OTHER\",status=\"400\"}";
    assert!(page.contains(line), "{page}");
    unharmed(server).await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = TestServer::start().await;
    let close = "Host: t\r\nConnection: close\r\n";
    let path = |length: usize| format!("GET /{} HTTP/1.1\r\n{close}\r\n", "a".repeat(length - 1));
    let reply = ask(server.address(), path(8_192).as_bytes()).await;
    reply.assert_problem(404, "route_not_found");
    for length in [8_193, 60_000] {
        let reply = ask(server.address(), path(length).as_bytes()).await;
        reply.assert_problem(414, "uri_too_long");
    }
    let query = format!("GET /health?{} HTTP/1.1\r\n{close}\r\n", "a".repeat(8_200));
    ask(server.address(), query.as_bytes()).await.assert_problem(414, "uri_too_long");
    let value = "v".repeat(70_000);
    let many: String = (0..200).map(|number| format!("X-{number}: v\r\n")).collect();
    for headers in [format!("X-A: {value}\r\n"), many] {
        let request = format!("GET /health HTTP/1.1\r\n{headers}{close}\r\n");
        let reply = ask(server.address(), request.as_bytes()).await;
        reply.assert_problem(431, "headers_too_large");
    }
    unharmed(server).await;
}

/// The parser and a proxy in front may see two requests where there is one: then the connection
/// ends after the first.
#[tokio::test]
async fn nothing_is_smuggled_behind_a_body() {
    let server = TestServer::start().await;
    let hidden = "GET /health HTTP/1.1\r\nHost: t\r\n\r\n";
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: 0, 5\r\n",
    ] {
        let request =
            format!("POST /api/v1/payments HTTP/1.1\r\nHost: t\r\n{lengths}\r\n0\r\n\r\n{hidden}");
        let answers = talk(server.address(), request.as_bytes()).await;
        let answers = String::from_utf8(answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{lengths:?}: {answers}");
        assert!(answers.starts_with("HTTP/1.1 40"), "{lengths:?}: {answers}");
    }
    unharmed(server).await;
}

#[tokio::test]
async fn unusual_forms_that_are_allowed_are_served() {
    let server = TestServer::start().await;
    for (request, status) in [
        ("GET http://elsewhere.example/health HTTP/1.1\r\nHost: elsewhere.example", 200),
        ("GET /health HTTP/1.0", 200),
        ("HEAD /health HTTP/1.1\r\nHost: t", 200),
        ("HEAD /nothing HTTP/1.1\r\nHost: t", 404),
        ("OPTIONS * HTTP/1.1\r\nHost: t", 404),
        ("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443", 404),
        ("\r\nGET /health HTTP/1.1\r\nHost: t", 200),
        ("get /health HTTP/1.1\r\nHost: t", 405),
        ("BREW /health HTTP/1.1\r\nHost: t", 405),
        ("GET /health HTTP/1.1\r\nHost: t\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk", 200),
    ] {
        let bytes = format!("{request}\r\nConnection: close\r\n\r\n");
        let reply = ask(server.address(), bytes.as_bytes()).await;
        assert_eq!(reply.status, status, "{request}: {reply:?}");
        assert!(reply.header("x-request-id").is_some(), "{request}");
        if request.starts_with("HEAD") {
            assert_eq!(reply.body, "", "{request}");
        } else if status != 200 {
            reply.json();
        }
    }
    unharmed(server).await;
}

#[tokio::test]
async fn paths_lead_nowhere_else() {
    let server = TestServer::start().await;
    for path in [
        "/api/v1/payments/../../../etc/passwd",
        "/api/v1/payments/..%2f..%2fetc%2fpasswd",
        "/api/v1/payments/%2e%2e/%2e%2e",
        "/api/v1/payments/pay_%00",
        "/api/v1/payments/%ff%fe",
        "/api/v1/payments/%zz",
        "/api/v1/payments/pay_\u{e9}",
        "/api/v1/payments/'%20OR%201=1--",
        "/api/v1/payments//",
        "//api/v1/payments/x",
        "/api%2fv1%2fpayments",
        "/API/V1/payments",
        "/./health",
        "/health/",
        "/health;x=1",
    ] {
        let reply = server.get(path).await;
        assert!(matches!(reply.status, 400 | 404), "{path}: {reply:?}");
        let problem = reply.json();
        let code = problem["code"].as_str().unwrap();
        reply.assert_problem(reply.status, code);
    }
    unharmed(server).await;
}

#[tokio::test]
async fn a_client_that_waits_for_leave_gets_it_only_where_its_key_is_good() {
    let server = TestServer::start().await;
    let body = crate::server::payment(crate::server::GOOD).to_string();
    let (length, key) = (body.len(), server.key());
    let request = |key: &str| {
        format!(
            "POST /api/v1/payments HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\
             Expect: 100-continue\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let answer = talk(server.address(), request(key).as_bytes()).await;
    let answer = String::from_utf8(answer).unwrap();
    let rest = answer.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    assert!(rest.starts_with("HTTP/1.1 201 "), "{answer}");
    let reply = ask(server.address(), request("sk_test_no").as_bytes()).await;
    reply.assert_problem(401, "api_key_invalid");
    unharmed(server).await;
}
