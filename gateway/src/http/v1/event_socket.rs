//! The feed as it grows: `/api/v1/events/ws`, a WebSocket.
//!
//! ```text
//!   ours     text   {"id":"evt_…","event":…}    an event as a delivery has it; its id is the cursor
//!            ping                               whether anybody is there
//!            close  code and reason             see `Ending`
//!   theirs   pong, ping, close                  and nothing else
//! ```
//!
//! What is told, from where on and to whom is as in the stream of server-sent events. A socket has no
//! end of its own, so at every heartbeat the key that opened it is looked at again, and whoever does
//! not answer a ping is cut.
//!
//! Invariant: what waits for a reader is one page of events and one message under way. One who takes
//! nothing for as long as the patience lasts is told why, if he takes that, and cut.

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use hyper::{HeaderMap, Uri};
use tokio::time::{Instant, sleep_until, timeout};
use tollgate_domain::Scope;

use super::{
    event_tail::{EventTail, Next, ToldEvent},
    events::FeedQuery,
    webhooks::realm_of,
};
use crate::http::{
    authentication::{self, MerchantCaller},
    error::{ErrorCode, Problem},
    server::Seat,
    state::{Gateway, LiveReading},
};

/// What a client may send in one message: more than any control frame has.
const LARGEST_RECEIVED: usize = 1_024;

/// What is read from a client at once, in bytes: he has little to say.
const READ_BUFFER: usize = 1_024;

/// What may wait to be written, in bytes: the message under way, which is an event. Several times the
/// largest record, of which an event is rendered.
const MOST_UNWRITTEN: usize = 1 << 20;

/// How long the last word may take, and the client's own.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Why a socket ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// The reader has taken nothing for too long.
    SlowReader,
    /// He does not answer pings.
    NoPong,
    /// He says something, where nothing is to be said.
    Talks,
    /// His key opens nothing any more.
    KeyUnusable,
    /// The gateway stops.
    Draining,
    /// The feed cannot be read.
    Failed,
    /// He has gone.
    Gone,
}

/// Opens a socket behind `after`, or at the end of the feed.
pub(in crate::http) async fn open(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::EventsRead)?;
    let serving = gateway.serving()?;
    let after = FeedQuery::parse(uri.query())?.after;
    let no_upgrade = |_why| Problem::of(ErrorCode::UpgradeRequired);
    let upgrade = upgrade.map_err(no_upgrade)?;
    let tail = EventTail::open(&gateway, serving, realm_of(&own), after).await?;
    let reading = serving.live_reading;
    let seat = Seat::taken();
    let upgrade = upgrade
        .max_message_size(LARGEST_RECEIVED)
        .max_frame_size(LARGEST_RECEIVED)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MOST_UNWRITTEN);
    Ok(upgrade.on_upgrade(async move |socket| {
        let metrics = gateway.metrics.feed.sockets.clone();
        metrics.open.increment(1);
        let session = Session { socket, tail, gateway: &gateway, own, reading };
        tokio::select! {
            ending = session.run() => if ending == Ending::SlowReader {
                metrics.cut.increment(1);
            },
            () = is_cut(seat.as_ref()) => {}
        }
        metrics.open.decrement(1);
    }))
}

/// Resolves when the connection has to end, whatever is under way.
async fn is_cut(seat: Option<&Seat>) {
    match seat {
        Some(seat) => seat.is_cut().await,
        None => std::future::pending().await,
    }
}

/// A socket while it is open.
struct Session<'g> {
    socket: WebSocket,
    tail: EventTail,
    gateway: &'g Gateway,
    own: MerchantCaller,
    reading: LiveReading,
}

impl Session<'_> {
    async fn run(mut self) -> Ending {
        let ending = self.tell().await;
        if let Some(frame) = ending.close_frame() {
            let last_word = async {
                if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                    // His own close frame, behind whatever he had sent before.
                    while let Some(Ok(_)) = self.socket.recv().await {}
                }
            };
            // Whoever does not take even that is cut.
            let _ = timeout(LAST_WORD, last_word).await;
        }
        ending
    }

    /// Tells what is there and what comes, for as long as it can be told.
    async fn tell(&mut self) -> Ending {
        let LiveReading { heartbeat, .. } = self.reading;
        let mut beat = Instant::now() + heartbeat;
        let mut is_asked = false;
        loop {
            tokio::select! {
                // What the reader says goes first: his pong may have come while he was told.
                biased;
                received = self.socket.recv() => match received {
                    Some(Ok(Message::Pong(_))) => is_asked = false,
                    Some(Ok(Message::Ping(_))) => {}
                    Some(Ok(Message::Text(_) | Message::Binary(_))) => return Ending::Talks,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Ending::Gone,
                },
                () = sleep_until(beat) => {
                    if is_asked {
                        return Ending::NoPong;
                    }
                    if !authentication::is_usable(self.gateway, &self.own, Scope::EventsRead) {
                        return Ending::KeyUnusable;
                    }
                    if let Err(ending) = self.send([Message::Ping(Default::default())]).await {
                        return ending;
                    }
                    is_asked = true;
                    beat = Instant::now() + heartbeat;
                }
                next = self.tail.next() => match next {
                    Next::Events(events) => {
                        let text = |event: ToldEvent| Message::Text(event.text.into());
                        if let Err(ending) = self.send(events.into_iter().map(text)).await {
                            return ending;
                        }
                    }
                    Next::Draining => return Ending::Draining,
                    Next::Failed => return Ending::Failed,
                },
            }
        }
    }

    /// Sends messages, each within the reader's patience.
    async fn send(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), Ending> {
        for message in messages {
            match within(self.reading.patience, self.socket.send(message)).await {
                Some(Ok(())) => {}
                Some(Err(_broken)) => return Err(Ending::Gone),
                None => return Err(Ending::SlowReader),
            }
        }
        Ok(())
    }
}

async fn within<T>(patience: Duration, done: impl Future<Output = T>) -> Option<T> {
    timeout(patience, done).await.ok()
}

impl Ending {
    /// What the client is told; nothing where he has gone. Codes are those of RFC 6455 and of its
    /// registry.
    fn close_frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::Draining => (1001, "draining"),
            Self::Talks => (1003, "nothing_is_read_here"),
            Self::Failed => (1011, "internal_error"),
            Self::KeyUnusable => (3000, "api_key_unusable"),
            Self::SlowReader => (3008, "slow_reader"),
            Self::NoPong => (3008, "no_pong"),
        };
        Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) })
    }
}
