//! The feed as it grows: `/api/v1/events/stream`, server-sent events.
//!
//! ```text
//!   id: evt_…          the cursor behind the event; `Last-Event-ID` brings it back
//!   event: payment.completed
//!   data: {"id":…}     the event as a delivery has it
//! ```
//!
//! A reader who takes nothing for a while is told so and cut, and comes back with the last event that
//! he has. A stream ends by itself after a minute, so that none outlives the key that it was opened
//! with; clients come back by themselves.

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
use tollgate_domain::Scope;

use super::{
    event_tail::{EventTail, Next},
    events::{FeedQuery, invalid_cursor},
    webhooks::realm_of,
};
use crate::{
    http::{
        authentication,
        error::Problem,
        state::{Gateway, LiveReading},
    },
    metrics::ReaderMetrics,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// How long a stream lasts: less than an idle connection does.
const LONGEST: Duration = Duration::from_secs(50);

/// In how many milliseconds clients come back.
const RETRY: &str = "retry: 1000\n\n";

const BEAT: &str = ": nothing has happened\n\n";

/// Told before a reader who is too slow is cut.
const CUT: &str = "event: stream.cut\ndata: {\"reason\":\"slow_reader\"}\n\n";

/// One page under way, and room for the last word.
const ROOM: usize = 2;

/// Opens a stream behind `Last-Event-ID`, behind `after`, or at the end of the feed.
pub(in crate::http) async fn open(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::EventsRead)?;
    let serving = gateway.serving()?;
    let after = match headers.get(LAST_EVENT_ID) {
        Some(id) => {
            Some(id.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(invalid_cursor)?)
        }
        None => FeedQuery::parse(uri.query())?.after,
    };
    let tail = EventTail::open(&gateway, serving, realm_of(&own), after).await?;
    let (sender, receiver) = mpsc::channel(ROOM);
    let (reading, metrics) = (serving.live_reading, gateway.metrics.feed.streams.clone());
    tokio::spawn(async move {
        metrics.open.increment(1);
        tell(tail, sender, reading, &metrics).await;
        metrics.open.decrement(1);
    });
    let mut response = Response::new(Body::new(StreamBody(receiver)));
    response.headers_mut().insert(CONTENT_TYPE, EVENT_STREAM);
    Ok(response)
}

/// Tells what is there and what comes, until the reader has gone or his time is over.
async fn tell(
    mut tail: EventTail,
    sender: mpsc::Sender<Bytes>,
    reading: LiveReading,
    metrics: &ReaderMetrics,
) {
    let end = Instant::now() + LONGEST;
    let mut text = RETRY.to_owned();
    loop {
        // All but the last place is for events.
        match timeout(reading.patience, sender.reserve_many(ROOM)).await {
            Ok(Ok(mut room)) => {
                if let Some(place) = room.next() {
                    place.send(Bytes::from(std::mem::take(&mut text)));
                }
            }
            Ok(Err(_gone)) => return,
            Err(_elapsed) => {
                metrics.cut.increment(1);
                // There is room for it, unless he has gone.
                let _ = sender.try_send(Bytes::from_static(CUT.as_bytes()));
                return;
            }
        }
        let beat = end.min(Instant::now() + reading.heartbeat);
        tokio::select! {
            () = sender.closed() => return,
            next = timeout_at(beat, tail.next()) => match next {
                Ok(Next::Events(_later)) if Instant::now() >= end => return,
                Ok(Next::Events(events)) => {
                    events.iter().for_each(|event| event.write_to(&mut text));
                }
                Ok(Next::Draining | Next::Failed) => return,
                Err(_elapsed) if Instant::now() >= end => return,
                Err(_elapsed) => text.push_str(BEAT),
            },
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
