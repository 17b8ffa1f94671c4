//! HTTP/2 frames that a well-meaning client never sends.
//!
//! ```text
//!   frame:  length u24 | type u8 | flags u8 | stream u32 | payload
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::wire::unharmed;
use crate::server::{GOOD, TestServer, payment};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// RFC 9113, section 7.
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![a, b, c, kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A header as HPACK has it when nothing is compressed (RFC 7541, section 6.2.2).
fn header(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

fn get(path: &str) -> Vec<u8> {
    [(":method", "GET"), (":scheme", "http"), (":authority", "t"), (":path", path)]
        .iter()
        .flat_map(|(name, value)| header(name, value))
        .collect()
}

/// Says hello, sends everything, and reads the frames that come back until the end.
async fn talk(server: &TestServer, frames: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sent = [PREFACE, &frame(SETTINGS, 0, 0, &[]), frames].concat();
    let sending = tokio::spawn(async move {
        // The server may have heard enough before the end.
        let _ = writing.write_all(&sent).await;
        writing
    });
    let mut bytes = Vec::new();
    let read = reading.read_to_end(&mut bytes);
    let _ = timeout(Duration::from_secs(20), read).await.expect("the connection ends");
    sending.abort();
    let mut frames = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((head, more)) = rest.split_first_chunk::<9>() {
        let [a, b, c, kind, _flags, s, t, u, v] = *head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes([s, t, u, v]);
        frames.push((kind, stream, more[..length.min(more.len())].to_vec()));
        rest = &more[length.min(more.len())..];
    }
    frames
}

fn reason(frames: &[(u8, u32, Vec<u8>)]) -> Option<u32> {
    frames
        .iter()
        .rev()
        .find(|(kind, _, _)| *kind == GOAWAY)
        .map(|(_, _, payload)| u32::from_be_bytes(payload[4..8].try_into().unwrap()))
}

/// CVE-2023-44487: requests that are taken back as soon as they are made, without an end.
#[tokio::test]
async fn rapid_resets_end_the_connection_and_nobody_elses() {
    let server = TestServer::start().await;
    let flood: Vec<u8> = (0..20_000_u32)
        .flat_map(|number| {
            let stream = number * 2 + 1;
            let mut pair = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/health"));
            pair.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            pair
        })
        .collect();
    let (frames, ()) = tokio::join!(talk(&server, &flood), async {
        for _payment in 0..10 {
            assert_eq!(server.pay(&payment(GOOD), &[]).await.status, 201);
        }
    });
    assert_eq!(reason(&frames), Some(ENHANCE_YOUR_CALM), "{frames:?}");
    unharmed(server).await;
}

/// CVE-2024-27316: headers that never end.
#[tokio::test]
async fn headers_without_an_end_end_the_connection() {
    let server = TestServer::start().await;
    let mut flood = frame(HEADERS, END_STREAM, 1, &get("/health"));
    for number in 0..5_000 {
        let field = header(&format!("x-{number}"), "v");
        flood.extend(frame(CONTINUATION, 0, 1, &field));
    }
    let frames = talk(&server, &flood).await;
    assert!(frames.iter().all(|(kind, _, _)| *kind != HEADERS), "{frames:?}");
    assert_eq!(reason(&frames), Some(ENHANCE_YOUR_CALM), "{frames:?}");
    unharmed(server).await;
}

#[tokio::test]
async fn frames_that_make_no_sense_end_the_connection() {
    let server = TestServer::start().await;
    for (what, bytes) in [
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &get("/health"))),
        ("an even stream", frame(HEADERS, END_HEADERS | END_STREAM, 2, &get("/health"))),
        ("a reset of nothing", frame(RST_STREAM, 0, 7, &[0; 4])),
        ("a ping of five bytes", frame(PING, 0, 0, &[0; 5])),
        ("a frame beyond its bound", frame(0, 0, 1, &vec![0; 20_000])),
        ("broken compression", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 40])),
    ] {
        let frames = talk(&server, &bytes).await;
        assert!(reason(&frames).is_some_and(|reason| reason != 0), "{what}: {frames:?}");
    }
    unharmed(server).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_gets_its_status() {
    let server = TestServer::start().await;
    let mut large = get("/health");
    for number in 0..500 {
        large.extend(header(&format!("x-{number}"), &"v".repeat(100)));
    }
    let mut frames = Vec::new();
    for (number, part) in large.chunks(16_000).enumerate() {
        let last = (number + 1) * 16_000 >= large.len();
        let (kind, first_flags) =
            if number == 0 { (HEADERS, END_STREAM) } else { (CONTINUATION, 0) };
        frames.extend(frame(kind, first_flags | if last { END_HEADERS } else { 0 }, 1, part));
    }
    // Says goodbye, so that the server ends the connection.
    frames.extend(frame(GOAWAY, 0, 0, &[0; 8]));
    let answers = talk(&server, &frames).await;
    assert!(
        answers
            .iter()
            .any(|(kind, stream, _)| matches!(*kind, HEADERS | RST_STREAM) && *stream == 1),
        "{answers:?}"
    );
    unharmed(server).await;
}
