//! Connections: slow, idle, many, pipelined.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::wire::{ask, talk, to_the_end, unharmed};
use crate::server::{GOOD, TestServer, payment};

#[tokio::test]
async fn who_dribbles_is_cut_off() {
    let server = TestServer::start_with(|config| {
        config.server.header_timeout_ms = 100;
        config.server.body_timeout_ms = 100;
    })
    .await;
    // A byte now and then does not buy more time.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: t\r\nX-Slow: ").await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let dribble = tokio::spawn(async move {
        while writing.write_all(b"a").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = reading.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{answer:?}");
    dribble.abort();

    let key = server.key();
    let half = format!(
        "POST /api/v1/payments HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"amount\""
    );
    // The connection ends by itself: what is still to come of the body cannot be told from a
    // request.
    ask(server.address(), half.as_bytes()).await.assert_problem(408, "request_timeout");
    unharmed(server).await;
}

#[tokio::test]
async fn a_thousand_idle_connections_keep_nobody_out() {
    let server = TestServer::start().await;
    let mut idle = Vec::new();
    for number in 0..1_000 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET /health HTTP/1.1\r\nHo").await.unwrap();
        }
        idle.push(stream);
    }
    for _payment in 0..20 {
        assert_eq!(server.pay(&payment(GOOD), &[]).await.status, 201);
    }
    let page = server.metrics().await;
    let open = page.lines().find_map(|line| line.strip_prefix("tollgate_connections "));
    let open: f64 = open.unwrap().parse().unwrap();
    assert!(open >= 1_000.0, "{open}");
    drop(idle);
    unharmed(server).await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let server = TestServer::start().await;
    let one = |id: usize, path: &str, close: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: t\r\nX-Request-Id: n-{id}\r\n{close}\r\n")
    };
    let mut requests: String =
        (0..50).map(|id| one(id, if id % 2 == 0 { "/health" } else { "/nothing" }, "")).collect();
    requests.push_str(&one(50, "/health", "Connection: close\r\n"));
    let answers = String::from_utf8(talk(server.address(), requests.as_bytes()).await).unwrap();
    let ids: Vec<_> =
        answers.lines().filter_map(|line| line.strip_prefix("x-request-id: n-")).collect();
    let expected: Vec<_> = (0..=50).map(|id| id.to_string()).collect();
    assert_eq!(ids, expected);
    unharmed(server).await;
}

#[tokio::test]
async fn a_malformed_request_behind_a_good_one_ends_the_connection() {
    let server = TestServer::start().await;
    let requests = b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n\x16\x03\x01\x02\x00\x01\x00\x01\xfc";
    let answers = String::from_utf8(talk(server.address(), requests).await).unwrap();
    assert!(answers.starts_with("HTTP/1.1 200 OK"), "{answers}");
    assert!(answers.matches("HTTP/1.1 ").count() <= 2, "{answers}");
    // A client that speaks TLS to us.
    let answer =
        talk(server.address(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    unharmed(server).await;
}

#[tokio::test]
async fn clients_that_go_away_leave_nothing_behind() {
    let server = TestServer::start_with(|config| {
        config.providers.simulator.latency_ms = 200;
    })
    .await;
    let (body, key) = (payment(GOOD).to_string(), server.key());
    let length = body.len();
    let request = format!(
        "POST /api/v1/payments HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    for _client in 0..20 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
    }
    let mut polite = TcpStream::connect(server.address()).await.unwrap();
    polite
        .write_all(request.replace("Host", "Connection: close\r\nHost").as_bytes())
        .await
        .unwrap();
    let answer = String::from_utf8(to_the_end(&mut polite).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    for _look in 0..200 {
        let page = server.metrics().await;
        if page.contains("tollgate_requests_in_flight 0") {
            return unharmed(server).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("requests are still in flight whose clients are gone")
}
