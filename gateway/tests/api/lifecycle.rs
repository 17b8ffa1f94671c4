//! From start to stop.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use tollgate::startup::App;

use crate::server::{GOOD, TestServer, config, exchange, payment};

#[tokio::test]
async fn probes_are_answered_before_replay_and_operations_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let app = App::listen(config(directory.path())).await.unwrap();
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    let health = exchange(app.address(), &ask("/health")).await;
    assert_eq!((health.status, &health.json()["status"]), (200, &"starting".into()));
    assert_eq!(exchange(app.address(), &ask("/ready")).await.status, 503);
    let refused = exchange(app.address(), &ask("/api/v1/payments/pay_1")).await;
    refused.assert_problem(503, "not_ready");
    assert_eq!(refused.header("retry-after"), Some("1"));

    let running = app.open(None).await.unwrap();
    assert_eq!(exchange(running.address(), &ask("/ready")).await.status, 200);
    let health = exchange(running.address(), &ask("/health")).await.json();
    for component in ["http", "engine", "log", "storage", "archive", "providers"] {
        assert_eq!(health["components"][component]["status"], "up", "{component}");
    }
    for file in ["demo.key", "operator.key", "secrets/digest.key"] {
        let mode = std::fs::metadata(directory.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    running.stop().await;
}

#[tokio::test]
async fn the_demo_key_survives_a_restart_and_a_lost_registration() {
    let server = TestServer::start().await;
    let key = server.key().to_owned();
    let server = server.restart().await;
    assert_eq!(server.key(), key);
    let directory = server.stop().await;
    // As after a crash between the file and the log: the file is there, the log knows nothing.
    std::fs::remove_dir_all(directory.path().join("log")).unwrap();
    let app = App::listen(config(directory.path())).await.unwrap();
    let running = app.open(None).await.unwrap();
    assert_eq!(running.keys().demo.as_ref().map(|found| found.as_str()), Some(key.as_str()));
    running.stop().await;
}

#[tokio::test]
async fn a_stopping_server_finishes_what_it_has() {
    let server = TestServer::start_with(|config| {
        config.providers.simulator.latency_ms = 300;
    })
    .await;
    let address = server.address();
    let body = payment(GOOD).to_string();
    let request = format!(
        "POST /api/v1/payments HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        server.key(),
        body.len(),
    );
    let waiting = tokio::spawn(async move { exchange(address, &request).await });
    while !server.metrics().await.contains("tollgate_commands_in_flight 1") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.stop().await;
    assert_eq!(waiting.await.unwrap().status, 201);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stop_ends_in_time_whatever_hangs() {
    let server = TestServer::start_with(|config| {
        config.server.drain_timeout_ms = 200;
        config.providers.simulator.latency_ms = 600_000;
        config.payments.wait_ms = 600_000;
    })
    .await;
    let address = server.address();
    let key = server.key().to_owned();
    let head = format!(
        "POST /api/v1/payments HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\n"
    );
    let body = payment(GOOD).to_string();
    let waits = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let never_ends = format!("{head}Content-Length: 100\r\n\r\n{{");
    let hanging = [waits, never_ends]
        .map(|request| tokio::spawn(async move { exchange(address, &request).await }));
    while !server.metrics().await.contains("tollgate_requests_in_flight 2") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Far less than anything that hangs, and enough for a busy machine.
    tokio::time::timeout(Duration::from_secs(10), server.stop()).await.unwrap();
    for cut_off in hanging {
        assert_eq!(cut_off.await.unwrap().status, 0);
    }
}

#[tokio::test]
async fn connections_that_say_nothing_or_half_a_head_are_closed() {
    let server = TestServer::start_with(|config| {
        config.server.idle_timeout_ms = 50;
        config.server.header_timeout_ms = 50;
    })
    .await;
    for begun in ["", "GET /health HTTP/1.1\r\nHost: t\r\n"] {
        let reply = exchange(server.address(), begun).await;
        assert_ne!(reply.status, 200, "{begun:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_room() {
    let server = TestServer::start_with(|config| config.server.max_connections = 1).await;
    let address = server.address();
    let held = tokio::net::TcpStream::connect(address).await.unwrap();
    let ask = "GET /health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    let mut waiting = tokio::spawn(exchange(address, ask));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
    assert!(early.is_err(), "{early:?}");
    drop(held);
    assert_eq!(waiting.await.unwrap().status, 200);
    server.stop().await;
}
