//! One HTTP/1.1 connection that is kept alive: a request out, one whole answer back.
//!
//! Written by hand over a socket, because the harness shares its processors with what it measures:
//! a task for each connection and a channel for each request would cost as much as the request.
//!
//! Not here: pipelining, redirects, compression, TLS.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::answer::Answer;

/// No answer of this surface comes near this size; more is refused rather than held in memory.
const LARGEST_BODY: usize = 4 << 20;

/// Nor does a head come near this one.
const LARGEST_HEAD: usize = 64 << 10;

/// More headers than any answer has.
const MOST_HEADERS: usize = 64;

/// A usual answer fits, so that one read mostly fetches all of it.
const READ_BUFFER: usize = 8 << 10;

/// Why no whole answer arrived.
#[derive(Debug, Error)]
pub(crate) enum Silence {
    #[error("no connection")]
    NoConnection(#[source] io::Error),
    #[error("the connection broke off")]
    BrokeOff(#[source] io::Error),
    #[error("no answer within {0:?}")]
    TimedOut(std::time::Duration),
    #[error("what came is no HTTP answer: {0}")]
    NotHttp(String),
    /// 500 `outcome_unknown`: the server itself cannot say, which tells no more than silence.
    #[error("the server says that the outcome is unknown")]
    OutcomeUnknown,
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// What arrived and belongs to the answer under way.
    received: Vec<u8>,
    /// The last answer was whole and the server keeps the connection open.
    reusable: bool,
}

/// Where an answer's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    /// At the end of the connection.
    UntilClose,
}

/// The head of an answer.
#[derive(Debug)]
struct Head {
    status: u16,
    replayed: bool,
    problem: bool,
    framing: Framing,
    closes: bool,
    /// Bytes up to the body.
    length: usize,
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> Result<Self, Silence> {
        let stream = TcpStream::connect(server).await.map_err(Silence::NoConnection)?;
        stream.set_nodelay(true).map_err(Silence::NoConnection)?;
        Ok(Self { stream, received: Vec::with_capacity(READ_BUFFER), reusable: true })
    }

    /// Another request may be sent: the last answer was whole, and the server has not closed since.
    pub(crate) fn is_reusable(&self) -> bool {
        let nothing_came = || match self.stream.try_read(&mut [0; 1]) {
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            // The end of the connection, or bytes that nobody asked for.
            Ok(_) => false,
        };
        self.reusable && nothing_came()
    }

    /// Sends a request and hears the answer to its end. After an error, or where the future is
    /// dropped, the connection cannot be used again.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer, Silence> {
        self.reusable = false;
        self.received.clear();
        self.stream.write_all(request).await.map_err(Silence::BrokeOff)?;
        let head = self.head().await?;
        let body = match head.framing {
            Framing::Length(length) => self.sized_body(head.length, length).await?,
            Framing::Chunked => self.chunked_body(head.length).await?,
            Framing::UntilClose => self.rest(head.length).await?,
        };
        self.reusable = !head.closes && head.framing != Framing::UntilClose;
        let Head { status, replayed, problem, .. } = head;
        Ok(Answer { status, replayed, problem, body })
    }

    async fn head(&mut self) -> Result<Head, Silence> {
        loop {
            if self.read_more().await? == 0 {
                return Err(closed_early());
            }
            if let Some(head) = Head::parse(&self.received)? {
                return Ok(head);
            }
            if self.received.len() > LARGEST_HEAD {
                return Err(Silence::NotHttp("the head does not end".to_owned()));
            }
        }
    }

    async fn sized_body(&mut self, start: usize, length: usize) -> Result<Box<[u8]>, Silence> {
        if length > LARGEST_BODY {
            return Err(Silence::NotHttp(format!("a body of {length} bytes")));
        }
        let end = start + length;
        while self.received.len() < end {
            if self.read_more().await? == 0 {
                return Err(closed_early());
            }
        }
        if self.received.len() > end {
            return Err(Silence::NotHttp("bytes after the answer".to_owned()));
        }
        Ok(self.received[start..end].into())
    }

    async fn chunked_body(&mut self, start: usize) -> Result<Box<[u8]>, Silence> {
        loop {
            if let Some(body) = dechunk(&self.received[start..])? {
                return Ok(body);
            }
            if self.read_more().await? == 0 {
                return Err(closed_early());
            }
            if self.received.len() > LARGEST_BODY {
                return Err(Silence::NotHttp("the body does not end".to_owned()));
            }
        }
    }

    async fn rest(&mut self, start: usize) -> Result<Box<[u8]>, Silence> {
        while self.read_more().await? > 0 {
            if self.received.len() > LARGEST_BODY {
                return Err(Silence::NotHttp("the body does not end".to_owned()));
            }
        }
        Ok(self.received[start..].into())
    }

    async fn read_more(&mut self) -> Result<usize, Silence> {
        self.received.reserve(READ_BUFFER / 2);
        self.stream.read_buf(&mut self.received).await.map_err(Silence::BrokeOff)
    }
}

impl Head {
    /// `None` where the head has not arrived whole.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Silence> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(Silence::NotHttp(error.to_string())),
        };
        let status = response.code.unwrap_or_default();
        let mut head = Self {
            status,
            replayed: false,
            problem: false,
            framing: match status {
                204 | 304 => Framing::Length(0),
                _ => Framing::UntilClose,
            },
            closes: response.version != Some(1),
            length,
        };
        for header in response.headers {
            head.note(header.name, header.value)?;
        }
        Ok(Some(head))
    }

    fn note(&mut self, name: &str, value: &[u8]) -> Result<(), Silence> {
        if name.eq_ignore_ascii_case("content-length") {
            // Where both are given, the transfer encoding counts (RFC 9112, section 6.3).
            if self.framing != Framing::Chunked {
                let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                let length =
                    length.ok_or_else(|| Silence::NotHttp("no content-length".to_owned()))?;
                self.framing = Framing::Length(length);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            self.closes |= value.eq_ignore_ascii_case(b"close");
        } else if name.eq_ignore_ascii_case("idempotent-replayed") {
            self.replayed = value == b"true";
        } else if name.eq_ignore_ascii_case("content-type") {
            let media = value.split(|&byte| byte == b';').next().unwrap_or_default();
            self.problem = media.trim_ascii().eq_ignore_ascii_case(b"application/problem+json");
        }
        Ok(())
    }
}

fn closed_early() -> Silence {
    Silence::BrokeOff(io::ErrorKind::UnexpectedEof.into())
}

/// The body of chunks that arrived whole, `None` where more is to come. Trailers are passed over.
fn dechunk(mut bytes: &[u8]) -> Result<Option<Box<[u8]>>, Silence> {
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_invalid) => return Err(Silence::NotHttp("no chunk size".to_owned())),
        };
        let size = usize::try_from(size).ok().filter(|&size| size <= LARGEST_BODY);
        let size = size.ok_or_else(|| Silence::NotHttp("a chunk beyond all bounds".to_owned()))?;
        if size == 0 {
            let trailers = &bytes[start..];
            let ended = trailers.starts_with(b"\r\n")
                || trailers.windows(4).any(|window| window == b"\r\n\r\n");
            return Ok(ended.then(|| body.into()));
        }
        let Some(chunk) = bytes.get(start..start + size) else { return Ok(None) };
        let Some(end) = bytes.get(start + size..start + size + 2) else { return Ok(None) };
        if end != b"\r\n" {
            return Err(Silence::NotHttp("a chunk without its end".to_owned()));
        }
        body.extend_from_slice(chunk);
        bytes = &bytes[start + size + 2..];
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

    /// Answers the one request of the one connection with these pieces, a write each, and closes.
    async fn hear(pieces: Vec<&'static str>) -> (Result<Answer, Silence>, bool) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut connection = Connection::open(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let served = tokio::spawn(async move {
            stream.set_nodelay(true).unwrap();
            // What is not read when the connection is closed would make it a reset.
            stream.read_exact(&mut [0; REQUEST.len()]).await.unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let answer = connection.exchange(REQUEST).await;
        served.await.unwrap();
        (answer, connection.reusable)
    }

    #[tokio::test]
    async fn a_body_of_known_length_arrives_in_pieces() {
        let (answer, reusable) = hear(vec![
            "HTTP/1.1 402 Payment Req",
            "uired\r\nContent-Type: application/problem+json; charset=utf-8\r\n",
            "Idempotent-Replayed: true\r\ncontent-length: 4\r\n\r\n{",
            " 1}",
        ])
        .await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.replayed, answer.problem), (402, true, true));
        assert_eq!((&*answer.body, reusable), (b"{ 1}".as_slice(), true));
    }

    #[tokio::test]
    async fn chunks_are_put_together() {
        let (answer, reusable) = hear(vec![
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
            "c\r\n2;x=y\r\nde\r\n",
            "0\r\n\r\n",
        ])
        .await;
        assert_eq!((&*answer.unwrap().body, reusable), (b"abcde".as_slice(), true));
    }

    #[tokio::test]
    async fn a_body_may_end_with_the_connection_which_is_then_not_used_again() {
        let (answer, reusable) = hear(vec!["HTTP/1.1 200 OK\r\n\r\nab", "c"]).await;
        assert_eq!((&*answer.unwrap().body, reusable), (b"abc".as_slice(), false));
        let (answer, reusable) =
            hear(vec!["HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"]).await;
        assert_eq!((answer.unwrap().body.len(), reusable), (0, false));
    }

    #[tokio::test]
    async fn what_breaks_off_or_is_no_http_is_no_answer() {
        for pieces in [
            vec!["HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"id\":"],
            vec!["HTTP/1.1 201 Created\r\ncontent-"],
            vec![""],
            vec!["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"],
        ] {
            let (answer, reusable) = hear(pieces).await;
            assert!(matches!(answer, Err(Silence::BrokeOff(_))), "{answer:?}");
            assert!(!reusable);
        }
        for pieces in [
            vec!["SSH-2.0 hello\r\n\r\n"],
            vec!["HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"],
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab"],
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nab"],
            vec!["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n"],
        ] {
            let (answer, _) = hear(pieces).await;
            assert!(matches!(answer, Err(Silence::NotHttp(_))), "{answer:?}");
        }
    }
}
