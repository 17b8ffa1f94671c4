//! A body that is made while it is sent, no faster than it is taken, and that breaks off where it
//! cannot be made to its end.
//!
//! Invariant: an answer that ends as HTTP has it is whole. It ends so where its writer says that all is
//! written, and in no other way: who cannot go on, gives the client up or panics has broken it off, of
//! which the transport tells the client. HTTP/1.0 has no such end, and none of it for answers like these.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use tokio::{sync::mpsc, time::timeout};

/// Where a body is written to. Dropped before [`BodyWriter::finish`] it breaks the body off.
pub(super) struct BodyWriter(mpsc::Sender<Part>);

enum Part {
    Bytes(Bytes),
    /// Nothing follows, and nothing is missing.
    End,
}

/// Nobody takes the body any more: the client has gone, or has taken nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("nobody takes the answer")]
pub(super) struct Gone;

/// Parts that wait to be taken: one is sent while the next is made.
const ROOM: usize = 2;

/// How long a client may take nothing before it is given up. What it is sent may keep others waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// A body, and where it is written to.
pub(super) fn stream() -> (BodyWriter, Body) {
    let (sender, receiver) = mpsc::channel(ROOM);
    (BodyWriter(sender), Body::new(StreamBody { parts: receiver, is_whole: false }))
}

impl BodyWriter {
    /// Writes a part, once there is room for it.
    ///
    /// # Errors
    /// Where nobody takes it. Nothing more can be written then.
    pub(super) async fn write(&self, part: Bytes) -> Result<(), Gone> {
        self.send(Part::Bytes(part)).await
    }

    /// Ends the body: it is whole.
    ///
    /// # Errors
    /// Where nobody takes its end.
    pub(super) async fn finish(self) -> Result<(), Gone> {
        self.send(Part::End).await
    }

    async fn send(&self, part: Part) -> Result<(), Gone> {
        match timeout(PATIENCE, self.0.send(part)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

struct StreamBody {
    parts: mpsc::Receiver<Part>,
    is_whole: bool,
}

impl hyper::body::Body for StreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_whole {
            return Poll::Ready(None);
        }
        self.parts.poll_recv(context).map(|part| match part {
            Some(Part::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Part::End) => {
                self.is_whole = true;
                None
            }
            None => Some(Err(io::Error::other("the answer was not made to its end"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_body_is_whole_where_its_writer_says_so() {
        let (writer, body) = stream();
        writer.write(Bytes::from_static(b"all")).await.unwrap();
        writer.finish().await.unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "all");

        let (writer, body) = stream();
        writer.write(Bytes::from_static(b"not all")).await.unwrap();
        drop(writer);
        assert!(body.collect().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_learns_that_something_is_missing() {
        let (writer, body) = stream();
        for _room in 0..ROOM {
            writer.write(Bytes::from_static(b"x")).await.unwrap();
        }
        assert!(writer.write(Bytes::from_static(b"x")).await.is_err());
        drop(writer);
        assert!(body.collect().await.is_err(), "taken after all, it is not whole");

        let (writer, body) = stream();
        drop(body);
        assert!(writer.write(Bytes::from_static(b"x")).await.is_err());
    }
}
