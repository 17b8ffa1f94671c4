//! Events as they happen, told over server-sent events and over a WebSocket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::server::{GOOD, OPERATOR, TestServer, payment};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a reader's machine holds for him at the least, so that he is soon too slow.
const SMALL_BUFFER: u32 = 4_096;

/// A connection that holds little of what its reader does not take.
async fn connect(server: &TestServer) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SMALL_BUFFER).unwrap();
    socket.connect(server.address()).await.unwrap()
}

/// One who reads server-sent events.
struct StreamReader {
    body: Incoming,
    text: String,
}

/// A message of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    id: Option<String>,
    event: String,
    data: Value,
}

impl StreamReader {
    async fn open(server: &TestServer, key: &str, last: Option<&str>) -> Self {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(connect(server).await)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::get("/api/v1/events/stream")
            .header("host", "t")
            .header("authorization", format!("Bearer {key}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next message that tells something; `None` at the stream's end.
    async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((message, rest)) = self.text.split_once("\n\n") {
                let told = Told::of(message);
                self.text = rest.to_owned();
                if told.is_some() {
                    return told;
                }
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("in time")?;
            let data = frame.ok()?.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
    }

    async fn event(&mut self) -> Value {
        let Told { id, event, data } = self.next().await.expect("the stream goes on");
        assert_eq!(
            (id.as_deref(), Some(event.as_str())),
            (data["id"].as_str(), data["event"].as_str())
        );
        data
    }
}

impl Told {
    fn of(message: &str) -> Option<Self> {
        let field = |name: &str| {
            let value =
                message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.map(str::to_owned)
        };
        let data = serde_json::from_str(&field("data")?).unwrap();
        Some(Self { id: field("id"), event: field("event")?, data })
    }
}

/// One who reads a WebSocket.
struct SocketReader(WebSocketStream<TcpStream>);

impl SocketReader {
    async fn open(server: &TestServer, key: &str, query: &str) -> Self {
        let url = format!("ws://{}/api/v1/events/ws{query}", server.address());
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        let (socket, response) = client_async(request, connect(server).await).await.unwrap();
        assert_eq!(response.status(), 101);
        assert!(response.headers().contains_key("x-request-id"), "{response:?}");
        Self(socket)
    }

    /// The next message that is no ping; `None` at the end.
    async fn next(&mut self) -> Option<Message> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("in time")?.ok()? {
                Message::Ping(_) => {}
                other => return Some(other),
            }
        }
    }

    async fn event(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("no event: {other:?}"),
        }
    }

    /// How it is closed, behind all that is told before.
    async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next().await.expect("it is closed in words") {
                Message::Text(_) => {}
                Message::Close(Some(CloseFrame { code, reason })) => {
                    return (code.into(), reason.to_string());
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

impl TestServer {
    /// The feed from its beginning, once it has so many events.
    async fn feed(&self, count: usize) -> Vec<Value> {
        let read = async {
            loop {
                let page = self.get("/api/v1/events?limit=100").await.json();
                let events = page["data"].as_array().unwrap();
                if events.len() >= count {
                    return events.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, read).await.expect("they are told in time")
    }

    /// A key of another merchant.
    async fn stranger(&self) -> String {
        let authorization = format!("Bearer {OPERATOR}");
        let headers = [("Authorization", authorization.as_str())];
        let reply = self.post("/api/v1/merchants", r#"{"name":"Other"}"#, &headers).await;
        reply.json()["api_keys"]["secret_test"].as_str().unwrap().to_owned()
    }

    async fn paid_with(&self, key: &str) {
        let authorization = format!("Bearer {key}");
        let headers = [("Authorization", authorization.as_str())];
        let reply = self.post("/api/v1/payments", &payment(GOOD).to_string(), &headers).await;
        assert_eq!(reply.status, 201, "{reply:?}");
    }

    /// Makes more events than a connection holds that nobody reads.
    async fn pay_much(&self) {
        let mut large = payment(GOOD);
        let entry = |number: usize| (format!("k{number}"), json!("x".repeat(500)));
        large["metadata"] = (0..50).map(entry).collect::<serde_json::Map<_, _>>().into();
        for _ in 0..150 {
            assert_eq!(self.pay(&large, &[]).await.status, 201);
        }
    }

    /// Waits until a reader was cut.
    async fn until_cut(&self, over: &str) {
        let line = format!("tollgate_event_readers_cut_total{{over=\"{over}\"}} 1");
        let waiting = async {
            while !self.metrics().await.contains(&line) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("he is cut in time");
    }
}

#[tokio::test]
async fn a_stream_goes_on_behind_the_last_event_and_tells_what_happens_to_its_merchant_alone() {
    let server = TestServer::start().await;
    let stranger = server.stranger().await;
    server.paid_with(server.key()).await;
    let before = server.feed(2).await;
    let first = before[0]["id"].as_str().unwrap();

    let mut resumed = StreamReader::open(&server, server.key(), Some(first)).await;
    for event in &before[1..] {
        assert_eq!(resumed.event().await, *event);
    }
    let mut live = StreamReader::open(&server, server.key(), None).await;
    server.paid_with(&stranger).await;
    server.paid_with(server.key()).await;
    let after = server.feed(before.len() * 2).await;
    for event in &after[before.len()..] {
        assert_eq!(resumed.event().await, *event);
        assert_eq!(live.event().await, *event);
    }

    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str()), ("Last-Event-ID", "evt_?")];
    let reply = server.send("GET", "/api/v1/events/stream", "", &headers).await;
    reply.assert_problem(400, "parameter_invalid");
    server.stop().await;
}

#[tokio::test]
async fn a_stream_s_slow_reader_is_told_and_cut_and_comes_back_for_the_rest() {
    let server = TestServer::start_with(|config| config.events.reader_patience_ms = 100).await;
    let mut reader = StreamReader::open(&server, server.key(), None).await;
    server.pay_much().await;
    server.until_cut("sse").await;
    let (mut last, mut count) = (None, 0);
    let cut = loop {
        let told = reader.next().await.expect("a last word before the end");
        if told.id.is_none() {
            break told;
        }
        (last, count) = (told.id, count + 1);
    };
    assert_eq!((cut.event.as_str(), &cut.data), ("stream.cut", &json!({"reason": "slow_reader"})));
    assert_eq!(reader.next().await, None, "nothing comes behind it");

    let mut again = StreamReader::open(&server, server.key(), last.as_deref()).await;
    let page = server.get(&format!("/api/v1/events?limit=1&after={}", last.unwrap())).await.json();
    assert_eq!(again.event().await, page["data"][0], "none is missing behind {count}");
    server.stop().await;
}

#[tokio::test]
async fn a_socket_goes_on_behind_a_cursor_and_tells_what_happens_to_its_merchant_alone() {
    let server = TestServer::start().await;
    let stranger = server.stranger().await;
    server.paid_with(server.key()).await;
    let before = server.feed(2).await;
    let first = before[0]["id"].as_str().unwrap();

    let mut resumed = SocketReader::open(&server, server.key(), &format!("?after={first}")).await;
    for event in &before[1..] {
        assert_eq!(resumed.event().await, *event);
    }
    let mut live = SocketReader::open(&server, server.key(), "").await;
    let metrics = server.metrics().await;
    assert!(metrics.contains("tollgate_event_readers{over=\"websocket\"} 2"), "{metrics}");
    server.paid_with(&stranger).await;
    server.paid_with(server.key()).await;
    let after = server.feed(before.len() * 2).await;
    for event in &after[before.len()..] {
        assert_eq!(resumed.event().await, *event);
        assert_eq!(live.event().await, *event);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_socket_s_slow_reader_is_told_and_cut_and_comes_back_for_the_rest() {
    let server = TestServer::start_with(|config| config.events.reader_patience_ms = 100).await;
    let mut reader = SocketReader::open(&server, server.key(), "").await;
    server.pay_much().await;
    // He is told as soon as he takes it, for a while.
    let mut last = Value::Null;
    let closed = loop {
        match reader.next().await {
            Some(Message::Text(text)) => {
                let event: Value = serde_json::from_str(&text).unwrap();
                last = event["id"].clone();
            }
            Some(Message::Close(Some(frame))) => break (u16::from(frame.code), frame.reason),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((closed.0, closed.1.as_str()), (3008, "slow_reader"));
    assert_eq!(reader.next().await, None);
    server.until_cut("websocket").await;

    let last = last.as_str().unwrap();
    let mut again = SocketReader::open(&server, server.key(), &format!("?after={last}")).await;
    let page = server.get(&format!("/api/v1/events?limit=1&after={last}")).await.json();
    assert_eq!(again.event().await, page["data"][0]);
    server.stop().await;
}

/// Over more pings than a silent client would be left. The library answers while it waits.
#[tokio::test]
async fn one_who_answers_stays() {
    let server = TestServer::start_with(|config| config.events.heartbeat_ms = 100).await;
    let mut reader = SocketReader::open(&server, server.key(), "").await;
    for _ in 0..4 {
        let asked = timeout(PATIENCE, reader.0.next()).await.unwrap().unwrap().unwrap();
        assert!(asked.is_ping(), "{asked:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_socket_ends_in_words() {
    let server = TestServer::start_with(|config| config.events.heartbeat_ms = 100).await;
    let mut talks = SocketReader::open(&server, server.key(), "").await;
    talks.0.send(Message::text("hello")).await.unwrap();
    assert_eq!(talks.closed().await, (1003, "nothing_is_read_here".to_owned()));

    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str())];
    let key = server.post("/api/v1/keys", "{}", &headers).await.json();
    let mut revoked = SocketReader::open(&server, key["key"].as_str().unwrap(), "").await;
    let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
    assert_eq!(server.send("DELETE", &path, "", &headers).await.status, 200);
    assert_eq!(revoked.closed().await, (3000, "api_key_unusable".to_owned()));

    let mut open = SocketReader::open(&server, server.key(), "").await;
    let stopping = tokio::spawn(server.stop());
    assert_eq!(open.closed().await, (1001, "draining".to_owned()));
    assert_eq!(open.next().await, None);
    timeout(PATIENCE, stopping).await.expect("a socket holds up no end").unwrap();
}

/// Reads frames as they are, for a client of the library would answer.
#[tokio::test]
async fn one_who_does_not_answer_is_cut() {
    let server = TestServer::start_with(|config| config.events.heartbeat_ms = 100).await;
    let mut stream = connect(&server).await;
    let request = format!(
        "GET /api/v1/events/ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Bearer {}\r\n\r\n",
        server.key()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let read = async {
        // A last frame of a close is all that there is behind two bytes of a ping.
        let close = [&[0x88, 9, 0x0b, 0xc0][..], b"no_pong"].concat();
        while !bytes.ends_with(&close) {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "{bytes:?}");
        }
    };
    timeout(PATIENCE, read).await.expect("he is cut in time");
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let text = String::from_utf8_lossy(&bytes[..head]);
    // The example of RFC 6455, section 1.3.
    assert!(text.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="));
    assert_eq!(bytes[head + 4..head + 6], [0x89, 0]);
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn what_opens_no_socket_is_refused() {
    let server = TestServer::start().await;
    let reply = server.get("/api/v1/events/ws").await;
    reply.assert_problem(426, "upgrade_required");
    assert_eq!(reply.header("upgrade"), Some("websocket"));
    let reply = server.get_with("/api/v1/events/ws", "sk_test_nobodys").await;
    reply.assert_problem(401, "api_key_invalid");
    server
        .get_with("/api/v1/events/ws", OPERATOR)
        .await
        .assert_problem(403, "merchant_key_required");
    let reply = server.get("/api/v1/events/ws?after=evt_x").await;
    reply.assert_problem(400, "parameter_invalid");
    server.stop().await;
}
