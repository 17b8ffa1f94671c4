//! Events as a running gateway tells them, one after the other: its stream of server-sent events.

use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::Incoming,
    header::{HeaderName, HeaderValue},
};

use super::api::{Api, ApiError};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The path that tells them.
const PATH: &str = "/api/v1/events/stream";

/// An open stream.
pub(super) struct ToldEvents {
    body: Incoming,
    /// What has come of messages that are not whole.
    text: Vec<u8>,
}

/// An event.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct ToldEvent {
    pub(super) id: String,
    pub(super) name: String,
    /// The body that a delivery has.
    pub(super) data: String,
}

impl ToldEvents {
    /// Opens a stream behind an event, or from now on.
    ///
    /// # Errors
    /// If the gateway does not answer, or says no.
    pub(super) async fn open(api: &Api, last: Option<&HeaderValue>) -> Result<Self, ApiError> {
        let mut headers = HeaderMap::new();
        if let Some(last) = last {
            headers.insert(LAST_EVENT_ID, last.clone());
        }
        Ok(Self { body: api.open(PATH, headers).await?, text: Vec::new() })
    }

    /// The next event; `None` once the stream has ended, as each does after a while.
    pub(super) async fn next(&mut self) -> Option<ToldEvent> {
        loop {
            while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let message: Vec<u8> = self.text.drain(..end + 2).collect();
                if let Some(event) = ToldEvent::of(&message) {
                    return Some(event);
                }
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.text.extend_from_slice(&data);
            }
        }
    }
}

impl ToldEvent {
    /// The event of a message; `None` where it tells none.
    fn of(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?;
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.map(str::to_owned)
        };
        Some(Self { id: field("id")?, name: field("event")?, data: field("data")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_stream_are_told_from_comments() {
        let told = ToldEvent::of(b"id: evt_1\nevent: payment.failed\ndata: {\"a\":1}\n\n").unwrap();
        assert_eq!((told.id.as_str(), told.name.as_str()), ("evt_1", "payment.failed"));
        assert_eq!(told.data, "{\"a\":1}");
        for message in [&b": nothing has happened\n\n"[..], b"retry: 1000\n\n", b"event: x\n\n"] {
            assert_eq!(ToldEvent::of(message), None);
        }
    }
}
