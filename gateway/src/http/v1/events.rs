//! The event feed: `/api/v1/events`, for those who poll, and one event again to whoever wants it.
//!
//! Oldest first, from a cursor on: an event's id is the cursor behind it. What is read is on the disk,
//! so it is read where it keeps no request waiting but its own.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::{FeedEventId, Scope, WebhookEndpoint};

use super::webhooks::{owned, realm_of};
use crate::{
    feed::{Cursor, EventFeed, FeedError, FeedEvent},
    http::{
        authentication,
        body::read_optional_json,
        error::{ErrorCode, Fault, Problem},
        page::{USUAL_LIMIT, take_limit},
        respond,
        state::Gateway,
        wire::{self, EventPageBody, EventResendRequest, NamedReceiver, RedeliveryBody},
    },
    vault::Realm,
    webhook::{QueueId, wanted_name},
};

/// How long a page waits for what its reader may have been answered just before.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lists events behind a cursor.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::EventsRead)?;
    let serving = gateway.serving()?;
    let FeedQuery { after, limit } = FeedQuery::parse(uri.query())?;
    let realm = realm_of(&own);
    until_told(&serving.feed).await;
    let from = place_behind(&serving.feed, realm, after).await?;
    let (feed, vault) = (Arc::clone(&serving.feed), Arc::clone(&serving.vault));
    let read = blocking(move || {
        let page = feed.read(realm, from, limit)?;
        let bodies = page.events.iter().map(|(_cursor, event)| feed.body(realm, event, &vault));
        let bodies = bodies.collect::<Result<Vec<_>, _>>()?;
        let last = page.events.last().map(|(_cursor, event)| event.id);
        Ok((bodies, page.has_more, last))
    });
    let (data, has_more, last) = read.await?;
    let next_after = last.or(after).map(|id| id.to_string());
    let page = EventPageBody::new(data, has_more, uri.path(), next_after);
    Ok(respond::json(StatusCode::OK, &page))
}

/// Waits until the feed has what was durable by now. Where it is far behind, or takes nothing in any
/// more, a page tells what there is: nothing is missed, for a cursor goes on from there.
pub(in crate::http) async fn until_told(feed: &EventFeed) {
    let _is_all_there = feed.catch_up(PATIENCE).await;
}

/// Shows an event.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::EventsRead)?;
    let serving = gateway.serving()?;
    let realm = realm_of(&own);
    let event = find(&serving.feed, realm, &id).await?;
    let (feed, vault) = (Arc::clone(&serving.feed), Arc::clone(&serving.vault));
    let body = blocking(move || feed.body(realm, &event, &vault)).await?;
    Ok(respond::json(StatusCode::OK, &body))
}

/// Delivers an event again: to the receiver that is named, or to every enabled endpoint that wants it
/// and to the callback address of its payment.
pub(in crate::http) async fn resend(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, request.headers(), Scope::WebhooksWrite)?;
    let serving = gateway.serving()?;
    let realm = realm_of(&own);
    let body = read_optional_json(request, gateway.body_limits).await?;
    let named = match &body {
        Some(body) => wire::parse::<EventResendRequest<'_>>(body)?.validate()?,
        None => None,
    };
    let event = find(&serving.feed, realm, &id).await?;
    let callbacks = event.has_callback.then_some(QueueId::Callbacks(realm));
    let queues: Vec<QueueId> = match named {
        Some(NamedReceiver::Callbacks) => callbacks.into_iter().collect(),
        Some(NamedReceiver::Endpoint(id)) => {
            vec![QueueId::Endpoint(owned(serving, &own, &id.to_string())?.id)]
        }
        None => serving.engine.control().read(|state| {
            let wants = |endpoint: &&WebhookEndpoint| {
                endpoint.disabled.is_none() && wanted_name(&endpoint.settings, &event).is_some()
            };
            let endpoints = state.webhook_endpoints_of(own.merchant, own.mode).filter(wants);
            endpoints.map(|endpoint| QueueId::Endpoint(endpoint.id)).chain(callbacks).collect()
        }),
    };
    let webhooks = Arc::clone(&serving.webhooks);
    let resent = blocking(move || {
        let again = |queue| webhooks.deliver_again(queue, [Cursor::of(event.id)]);
        queues.into_iter().map(again).sum::<Result<usize, FeedError>>()
    });
    let resent = resent.await?;
    Ok(respond::json(StatusCode::ACCEPTED, &RedeliveryBody::new(resent, None)))
}

/// What a query of the feed says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FeedQuery {
    pub(super) after: Option<FeedEventId>,
    limit: usize,
}

impl FeedQuery {
    /// Reads `after` and `limit`. None of them ever holds anything that is escaped.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut found = Self { after: None, limit: USUAL_LIMIT };
        let mut faults = Vec::new();
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "limit" => take_limit(value, &mut found.limit, &mut faults),
                "after" => match value.parse() {
                    Ok(id) => found.after = Some(id),
                    Err(_no_id) => faults.push(invalid("after", NO_CURSOR)),
                },
                other => {
                    let detail = "There is no such parameter.";
                    let code = ErrorCode::ParameterUnknown;
                    faults.push(Fault::new(other.to_owned(), code, detail));
                }
            }
        }
        if faults.is_empty() { Ok(found) } else { Err(Problem::of_faults(faults)) }
    }
}

const NO_CURSOR: &str = "A cursor is the id of an event.";

/// The refusal of what is no cursor.
pub(super) fn invalid_cursor() -> Problem {
    Problem::of_faults(vec![invalid("after", NO_CURSOR)])
}

fn invalid(name: &'static str, detail: &'static str) -> Fault {
    Fault::new(name, ErrorCode::ParameterInvalid, detail)
}

/// The place to read from behind a cursor, or from the first that is kept.
///
/// # Errors
/// 410 where events behind the cursor are no longer kept: they must not be missed unnoticed.
pub(in crate::http) async fn place_behind(
    feed: &Arc<EventFeed>,
    realm: Realm,
    after: Option<FeedEventId>,
) -> Result<Cursor, Problem> {
    let reader = Arc::clone(feed);
    let first = blocking(move || reader.begins_behind(realm)).await?;
    let Some(after) = after else { return Ok(first) };
    let cursor = Cursor::of(after);
    if cursor > feed.head(realm) {
        return Err(invalid_cursor());
    }
    if cursor < first {
        return Err(Problem::of(ErrorCode::CursorExpired));
    }
    Ok(cursor)
}

async fn find(feed: &Arc<EventFeed>, realm: Realm, id: &str) -> Result<FeedEvent, Problem> {
    let not_found = || Problem::of(ErrorCode::EventNotFound);
    let id = id.parse().map_err(|_no_id| not_found())?;
    let feed = Arc::clone(feed);
    blocking(move || feed.event(realm, id)).await?.ok_or_else(not_found)
}

/// Reads from the disk, where it keeps nobody waiting but whoever asks.
pub(in crate::http) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, FeedError> + Send + 'static,
) -> Result<T, Problem> {
    let read = tokio::task::spawn_blocking(read).await;
    read.expect("reading does not panic").map_err(feed_failed)
}

pub(in crate::http) fn feed_failed(error: FeedError) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "the event feed cannot be read");
    Problem::of(ErrorCode::InternalError)
}
