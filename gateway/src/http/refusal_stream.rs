//! A connection on which what hyper refuses by itself becomes a problem like any other.
//!
//! A request that cannot be parsed, or whose head is too large, never reaches a handler: hyper
//! answers it with a status, an empty body and the end of the connection. That answer is the only
//! short one there is, so it is known by its length and its status line when it is written, and a
//! rendered problem goes out in its place. Other writes pay one comparison.
//!
//! Not here: HTTP/2, where such a request gets its status or a reset stream.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use hyper::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Renders a refusal: header lines, an empty line and the body. `None` leaves it as it is.
pub(crate) type Refuse = Arc<dyn Fn(StatusCode) -> Option<Vec<u8>> + Send + Sync>;

/// The stream of a connection.
pub(super) struct RefusalStream {
    stream: TcpStream,
    refuse: Option<Refuse>,
    instead: Option<Instead>,
}

/// What is written in place of what hyper wrote.
struct Instead {
    rest: Bytes,
    /// The length of what hyper wrote.
    stands_for: usize,
}

/// Longer than hyper's own refusals, and shorter than any answer of ours: those have half a dozen
/// headers.
const LONGEST_OF_HYPER: usize = 192;

impl RefusalStream {
    pub(super) fn new(stream: TcpStream, refuse: Option<Refuse>) -> Self {
        Self { stream, refuse, instead: None }
    }

    /// Looks whether hyper refuses.
    fn look_at(&mut self, written: &[u8]) {
        if written.len() > LONGEST_OF_HYPER || self.instead.is_some() {
            return;
        }
        let Some(refuse) = &self.refuse else { return };
        let rendered = (|| {
            let text = std::str::from_utf8(written).ok()?.strip_suffix("\r\n\r\n")?;
            let (status_line, headers) = text.split_once("\r\n")?;
            let status = status_line.strip_prefix("HTTP/1.")?.get(2..5)?;
            let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
            let kept: Vec<&str> = headers
                .split("\r\n")
                .filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"))
                .collect();
            let mut bytes = format!("{status_line}\r\n").into_bytes();
            for line in kept {
                bytes.extend_from_slice(line.as_bytes());
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(&refuse(status)?);
            Some(bytes)
        })();
        self.instead =
            rendered.map(|bytes| Instead { rest: bytes.into(), stands_for: written.len() });
    }

    /// Writes what stands for hyper's words, if anything does.
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<usize>>> {
        let Some(Instead { rest, stands_for }) = &mut self.instead else {
            return Poll::Ready(None);
        };
        while rest.has_remaining() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest)) {
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::WriteZero.into()))),
                Ok(written) => rest.advance(written),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        let written = *stands_for;
        self.instead = None;
        Poll::Ready(Some(Ok(written)))
    }
}

impl AsyncRead for RefusalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for RefusalStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.look_at(buffer);
        match ready!(self.poll_instead(context)) {
            Some(written) => Poll::Ready(written),
            None => Pin::new(&mut self.stream).poll_write(context, buffer),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = buffers {
            return self.poll_write(context, only);
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
