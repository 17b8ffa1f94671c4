//! A body that is made while it is sent, no faster than it is taken, and that breaks off where it
//! cannot be made to its end.
//!
//! Invariant: an answer that ends as HTTP has it is whole. Whoever makes it and cannot go on breaks the
//! body off, which every client is told of by its transport.

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

/// Where a body is written to.
pub(super) struct BodyWriter(mpsc::Sender<io::Result<Bytes>>);

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
    (BodyWriter(sender), Body::new(StreamBody(receiver)))
}

impl BodyWriter {
    /// Writes a part, once there is room for it.
    ///
    /// # Errors
    /// Where nobody takes it.
    pub(super) async fn write(&self, part: Bytes) -> Result<(), Gone> {
        match timeout(PATIENCE, self.0.send(Ok(part))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_gone)) => Err(Gone),
            Err(_elapsed) => {
                self.break_off().await;
                Err(Gone)
            }
        }
    }

    /// Ends the body so that nobody takes it for a whole one.
    pub(super) async fn break_off(&self) {
        let broken = io::Error::other("the answer cannot be made to its end");
        // Where nobody takes that either, the connection is closed for its own idleness.
        let _ = timeout(PATIENCE, self.0.send(Err(broken))).await;
    }
}

struct StreamBody(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for StreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_body_is_whole_or_breaks_off() {
        let (writer, body) = stream();
        writer.write(Bytes::from_static(b"all")).await.unwrap();
        drop(writer);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "all");

        let (writer, body) = stream();
        writer.write(Bytes::from_static(b"not all")).await.unwrap();
        writer.break_off().await;
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
        drop((body, writer));

        let (writer, body) = stream();
        drop(body);
        assert!(writer.write(Bytes::from_static(b"x")).await.is_err());
    }
}
