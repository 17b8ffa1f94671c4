//! The feed as it grows: `/api/v1/events/stream`, server-sent events.
//!
//! ```text
//!   id: evt_…          the cursor behind the event; `Last-Event-ID` brings it back
//!   event: payment.completed
//!   data: {"id":…}     the event as a delivery has it
//! ```
//!
//! What is told is read from the disk when its turn comes: a reader who is slow costs one page of
//! memory, however far he is behind. One who takes nothing for a while is told so and cut, and comes
//! back with the last event that he has. A stream ends by itself after a minute, so that none outlives
//! the key or the gateway that it was opened with; clients come back by themselves.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::State, response::Response};
use bytes::Bytes;
use hyper::{
    HeaderMap, Uri,
    body::Frame,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tollgate_domain::{FeedEventId, Scope};

use super::{
    events::{FeedQuery, blocking, body, invalid_cursor, place_behind},
    webhooks::realm_of,
};
use crate::{
    feed::{Cursor, EventFeed},
    http::{authentication, error::Problem, state::Gateway},
    vault::{Realm, Vault},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// Events that are read at once.
const PAGE: usize = 50;

/// How long a reader may take nothing before he is cut.
const SLOWEST: Duration = Duration::from_secs(10);

/// How often a reader hears something where nothing happens, so that nobody on the way gives up.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a stream lasts: less than an idle connection does.
const LONGEST: Duration = Duration::from_secs(50);

/// In how many milliseconds clients come back.
const RETRY: &str = "retry: 1000\n\n";

const BEAT: &str = ": nothing has happened\n\n";

/// Told before a reader who is too slow is cut.
const CUT: &str = "event: stream.cut\ndata: {\"reason\":\"slow_reader\"}\n\n";

/// Opens a stream behind `Last-Event-ID`, behind `after`, or at the end of the feed.
pub(in crate::http) async fn open(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::EventsRead)?;
    let serving = gateway.serving()?;
    let realm = realm_of(&own);
    let after = match headers.get(LAST_EVENT_ID) {
        Some(id) => {
            Some(id.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(invalid_cursor)?)
        }
        None => FeedQuery::parse(uri.query())?.after,
    };
    let from = first_place(&serving.feed, realm, after).await?;
    // One page under way, and room for the last word.
    let (sender, receiver) = mpsc::channel(2);
    let (feed, vault) = (Arc::clone(&serving.feed), Arc::clone(&serving.vault));
    let gateway = Arc::clone(&gateway);
    tokio::spawn(async move { tell(&gateway, &feed, &vault, realm, from, sender).await });
    let mut response = Response::new(Body::new(StreamBody(receiver)));
    response.headers_mut().insert(CONTENT_TYPE, EVENT_STREAM);
    Ok(response)
}

async fn first_place(
    feed: &Arc<EventFeed>,
    realm: Realm,
    after: Option<FeedEventId>,
) -> Result<Cursor, Problem> {
    match after {
        Some(after) => place_behind(feed, realm, Some(after)).await,
        None => Ok(feed.head(realm)),
    }
}

/// Tells what is there and what comes, until the reader has gone or his time is over.
async fn tell(
    gateway: &Gateway,
    feed: &Arc<EventFeed>,
    vault: &Vault,
    realm: Realm,
    mut from: Cursor,
    sender: mpsc::Sender<Bytes>,
) {
    let end = Instant::now() + LONGEST;
    let mut head = feed.watch(realm);
    let mut text = RETRY.to_owned();
    while Instant::now() < end && !gateway.is_draining() {
        head.borrow_and_update();
        let reader = Arc::clone(feed);
        let Ok(page) = blocking(move || reader.read(realm, from, PAGE)).await else { return };
        for (cursor, event) in &page.events {
            let data = String::from_utf8(body(event, realm, vault).to_bytes()).unwrap_or_default();
            text.push_str(&format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.name));
            from = *cursor;
        }
        if text.is_empty() {
            let wait = timeout_at(end.min(Instant::now() + HEARTBEAT), head.changed());
            match wait.await {
                Ok(Ok(())) => continue,
                Ok(Err(_closed)) => return,
                Err(_elapsed) => text.push_str(BEAT),
            }
        }
        // All but the last place is for events.
        let room = timeout(SLOWEST, async {
            while sender.capacity() < 2 && !sender.is_closed() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if room.await.is_err() {
            let _ = sender.try_send(Bytes::from_static(CUT.as_bytes()));
            return;
        }
        if sender.send(Bytes::from(std::mem::take(&mut text))).await.is_err() {
            return;
        }
    }
}

/// What is told, as it comes.
struct StreamBody(mpsc::Receiver<Bytes>);

impl hyper::body::Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
