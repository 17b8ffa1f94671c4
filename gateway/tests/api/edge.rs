//! What the front door does for every request: limits, CORS, headers.

use std::time::Duration;

use crate::server::{GOOD, OPERATOR, Reply, TestServer, payment};

/// Asks until the answer has that status: limits count in real time.
async fn until(status: u16, mut ask: impl AsyncFnMut() -> Reply) -> Reply {
    for _try in 0..500 {
        let reply = ask().await;
        if reply.status == status {
            return reply;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never answered {status}")
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let server = TestServer::start_with(|config| {
        config.rate_limit.requests_per_s = 1;
        config.rate_limit.burst = 3;
    })
    .await;
    let reply = server.get("/api/v1/payments/pay_none").await;
    reply.assert_problem(404, "payment_not_found");
    assert_eq!(reply.header("ratelimit-limit"), Some("3"));
    assert_eq!(reply.header("ratelimit-remaining"), Some("2"));
    assert_eq!(reply.header("ratelimit-reset"), Some("1"));
    let refused = until(429, async || server.pay(&payment(GOOD), &[]).await).await;
    refused.assert_problem(429, "rate_limit_exceeded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit-remaining"), Some("0"));
    // Another key, and what needs none.
    let other = server.get_with("/simulator/ledger", OPERATOR).await;
    assert_eq!((other.status, other.header("ratelimit-remaining")), (200, Some("2")));
    let health = server.send("GET", "/health", "", &[]).await;
    assert_eq!((health.status, health.header("ratelimit-limit")), (200, None));
    let page = server.metrics().await;
    assert!(page.contains("tollgate_rate_limited_total{limit=\"api_key\"} "), "{page}");
    server.stop().await;
}

#[tokio::test]
async fn who_tries_wrong_keys_has_to_wait_and_who_has_a_right_one_does_not() {
    let server = TestServer::start_with(|config| {
        config.rate_limit.failed_authentications_per_s = 1;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let path = "/api/v1/payments/pay_none";
    let good = format!("Bearer {}", server.key());
    let ask = async |from: &str, authorization: &str| {
        let headers = [("X-Forwarded-For", from), ("Authorization", authorization)];
        server.send("GET", path, "", &headers).await
    };
    let attacker = "203.0.113.7";
    let refused = until(429, async || ask(attacker, "Bearer sk_test_guessed").await).await;
    let problem = refused.assert_problem(429, "rate_limit_exceeded");
    assert!(problem["detail"].as_str().unwrap().contains("address"), "{problem}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // A right key behind the same address is not in the way of it, nor are others, nor is what needs
    // no key; and no key at all is no guess.
    ask(attacker, &good).await.assert_problem(404, "payment_not_found");
    let headers = [("X-Forwarded-For", "203.0.113.9")];
    for _attempt in 0..5 {
        let reply = server.send("GET", path, "", &headers).await;
        reply.assert_problem(401, "api_key_missing");
    }
    ask("203.0.113.8", &good).await.assert_problem(404, "payment_not_found");
    let headers = [("X-Forwarded-For", attacker)];
    assert_eq!(server.send("GET", "/health", "", &headers).await.status, 200);
    let page = server.metrics().await;
    let line = "tollgate_rate_limited_total{limit=\"failed_authentication\"} ";
    assert!(page.contains(line), "{page}");
    until(401, async || ask(attacker, "Bearer sk_test_guessed").await).await;
    server.stop().await;
}

#[tokio::test]
async fn without_limits_nothing_is_said_of_them() {
    let server = TestServer::start_with(|config| {
        config.rate_limit.requests_per_s = 0;
        config.rate_limit.failed_authentications_per_s = 0;
    })
    .await;
    for _attempt in 0..20 {
        let reply = server.get_with("/api/v1/payments/pay_none", "sk_test_guessed").await;
        reply.assert_problem(401, "api_key_invalid");
    }
    assert_eq!(server.get("/api/v1/payments/pay_none").await.header("ratelimit-limit"), None);
    server.stop().await;
}

#[tokio::test]
async fn only_pages_that_are_listed_may_call() {
    let server = TestServer::start_with(|config| {
        config.cors.allowed_origins = vec!["https://shop.example".to_owned()];
    })
    .await;
    let preflight = async |origin: &str| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        server.send("OPTIONS", "/api/v1/payments", "", &headers).await
    };
    let reply = preflight("https://shop.example").await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(reply.header("access-control-max-age"), Some("600"));
    assert_eq!(reply.header("vary"), Some("Origin"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
    let allowed = reply.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("Authorization") && allowed.contains("Idempotency-Key"), "{allowed}");

    for stranger in ["https://shop.example.evil", "http://shop.example", "null"] {
        let reply = preflight(stranger).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{stranger}");
        let reply = server.pay(&payment(GOOD), &[("Origin", stranger)]).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (201, None));
        assert_eq!(reply.header("vary"), Some("Origin"));
    }
    let reply = server.pay(&payment(GOOD), &[("Origin", "https://shop.example")]).await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://shop.example"));
    assert!(reply.header("access-control-expose-headers").unwrap().contains("X-Request-Id"));
    server.stop().await;
}

/// Pages may send and read every header that the documentation names.
#[tokio::test]
async fn pages_may_use_whatever_is_documented() {
    let server =
        TestServer::start_with(|config| config.cors.allowed_origins = vec!["*".to_owned()]).await;
    let headers = [("Origin", "https://any.example"), ("Access-Control-Request-Method", "POST")];
    let preflight = server.send("OPTIONS", "/api/v1/payments", "", &headers).await;
    let listed = |header: &str| -> Vec<String> {
        let names = preflight.header(header).unwrap().split(", ");
        names.map(str::to_ascii_lowercase).collect()
    };
    let sent = listed("access-control-allow-headers");
    let read = listed("access-control-expose-headers");
    let document = server.send("GET", "/api/openapi.json", "", &[]).await.json();
    let mut checked = 0;
    for path in document["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for header in parameters.filter(|parameter| parameter["in"] == "header") {
                let name = header["name"].as_str().unwrap().to_ascii_lowercase();
                // Providers' servers send these, and no page.
                if !name.starts_with("callback-") {
                    assert!(sent.contains(&name), "{name}: {sent:?}");
                    checked += 1;
                }
            }
            for answer in operation["responses"].as_object().unwrap().values() {
                for name in answer["headers"].as_object().into_iter().flat_map(|all| all.keys()) {
                    let name = name.to_ascii_lowercase();
                    assert!(read.contains(&name), "{name}: {read:?}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 100, "{checked}");
    server.stop().await;
}

#[tokio::test]
async fn every_page_may_call_where_that_is_configured_and_none_by_default() {
    let server =
        TestServer::start_with(|config| config.cors.allowed_origins = vec!["*".to_owned()]).await;
    let reply = server.pay(&payment(GOOD), &[("Origin", "https://any.example")]).await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    server.stop().await;

    let server = TestServer::start().await;
    let headers = [("Origin", "https://any.example"), ("Access-Control-Request-Method", "POST")];
    let reply = server.send("OPTIONS", "/api/v1/payments", "", &headers).await;
    reply.assert_problem(405, "method_not_allowed");
    assert_eq!((reply.header("access-control-allow-origin"), reply.header("vary")), (None, None));
    server.stop().await;
}

#[tokio::test]
async fn browsers_are_told_what_not_to_do() {
    let server = TestServer::start_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    for reply in [
        server.pay(&payment(GOOD), &[]).await,
        server.get("/nothing").await,
        server.send("GET", "/health", "", &[]).await,
    ] {
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(reply.header("content-security-policy"), Some(policy));
        assert_eq!(reply.header("strict-transport-security"), None);
    }
    let by_tls = server.send("GET", "/health", "", &[("X-Forwarded-Proto", "https")]).await;
    let year = Some("max-age=31536000; includeSubDomains");
    assert_eq!(by_tls.header("strict-transport-security"), year);
    server.stop().await;

    let server = TestServer::start().await;
    let stranger = server.send("GET", "/health", "", &[("X-Forwarded-Proto", "https")]).await;
    assert_eq!(stranger.header("strict-transport-security"), None);
    server.stop().await;
}
