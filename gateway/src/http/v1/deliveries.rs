//! What became of deliveries, and deliveries once more: `/api/v1/webhooks/{id}/attempts`,
//! `…/dead-letters` and `…/recover`, where the id is an endpoint's, or `callbacks` for what the
//! payments' own addresses get.
//!
//! Not here: one event for all who want it, see `events.rs`.

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::{DeliveryId, FeedEventId, Scope, WebhookEndpoint};

use super::{
    events::blocking,
    webhooks::{owned, realm_of},
};
use crate::{
    feed::{Cursor, FeedEvent},
    http::{
        authentication::{self, MerchantCaller},
        body::read_json,
        error::Problem,
        page::PageRequest,
        respond,
        state::{Gateway, Serving},
        wire::{
            self, AttemptBody, CALLBACKS, DeadLetterBody, RecoverRequest, RecoverySpan,
            RedeliveryBody,
        },
    },
    vault::Realm,
    webhook::{QueueId, wanted_name},
};

/// Events that one request delivers again at the most.
const RECOVERED_AT_ONCE: usize = 10_000;

/// Events, or dead letters, that are read at once.
const READ_AT_ONCE: usize = 256;

/// Whom deliveries are for.
enum Receiver {
    Endpoint(Box<WebhookEndpoint>),
    /// The callback addresses of a merchant's payments.
    Callbacks(Realm),
}

/// Lists the tries of a receiver.
pub(in crate::http) async fn attempts(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::WebhooksRead)?;
    let serving = gateway.serving()?;
    let queue = Receiver::of(serving, &own, &id)?.queue();
    let page = PageRequest::<DeliveryId>::parse(uri.query())?;
    let webhooks = Arc::clone(&serving.webhooks);
    let (range, (rows, newest)) = (page.range(), page.rows());
    let rows = blocking(move || webhooks.attempts(queue, range, rows, newest)).await?;
    let realm = realm_of(&own);
    let bodies = rows
        .iter()
        .map(|attempt| AttemptBody::new(attempt, serving.webhooks.answer_body(realm, attempt)));
    Ok(respond::json(StatusCode::OK, &page.take(bodies, uri.path())))
}

/// Lists the events that were given up after the whole schedule.
pub(in crate::http) async fn dead_letters(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::WebhooksRead)?;
    let serving = gateway.serving()?;
    let queue = Receiver::of(serving, &own, &id)?.queue();
    let page = PageRequest::<FeedEventId>::parse(uri.query())?;
    let (webhooks, realm) = (Arc::clone(&serving.webhooks), realm_of(&own));
    let (from, to) = page.range();
    let (range, (rows, newest)) = ((from.map(Cursor::of), to.map(Cursor::of)), page.rows());
    let letters = blocking(move || webhooks.dead_letters(realm, queue, range, rows, newest));
    let letters = letters.await?;
    let bodies = letters.iter().map(DeadLetterBody::new);
    Ok(respond::json(StatusCode::OK, &page.take(bodies, uri.path())))
}

/// Delivers again what happened in a span of time and the receiver wants, whether it was taken
/// before or not; or of that what was given up.
pub(in crate::http) async fn recover(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, request.headers(), Scope::WebhooksWrite)?;
    let serving = gateway.serving()?;
    let receiver = Receiver::of(serving, &own, &id)?;
    let body = read_json(request, gateway.body_limits).await?;
    let span = wire::parse::<RecoverRequest<'_>>(&body)?.validate()?;
    let (realm, feed) = (realm_of(&own), Arc::clone(&serving.feed));
    let webhooks = Arc::clone(&serving.webhooks);
    let recovered = blocking(move || {
        let since = match span.since {
            Some(since) => feed.place_of(realm, since)?,
            None => Cursor::START,
        };
        let mut after = span.after.map_or(since, |id| Cursor::of(id).max(since));
        let mut recovery = Recovery { span, receiver: &receiver, found: Vec::new(), last: None };
        let is_cut = if span.dead_letters {
            loop {
                let range = (Bound::Excluded(after), Bound::Unbounded);
                let letters =
                    webhooks.dead_letters(realm, receiver.queue(), range, READ_AT_ONCE, false)?;
                let Some(last) = letters.last() else { break false };
                after = Cursor::of(last.event.id);
                let mut letters = letters.iter();
                if letters.try_for_each(|letter| recovery.take(&letter.event)).is_break() {
                    break true;
                }
            }
        } else {
            loop {
                let page = feed.read(realm, after, READ_AT_ONCE)?;
                let mut events = page.events.iter();
                if events.try_for_each(|(_cursor, event)| recovery.take(event)).is_break() {
                    break true;
                }
                after = page.events.last().map_or(after, |(cursor, _event)| *cursor);
                if !page.has_more {
                    break false;
                }
            }
        };
        let next_after = recovery.last.filter(|_last| is_cut && recovery.is_full());
        Ok((webhooks.deliver_again(receiver.queue(), recovery.found)?, next_after))
    });
    let (events, next_after) = recovered.await?;
    Ok(respond::json(StatusCode::ACCEPTED, &RedeliveryBody::new(events, next_after)))
}

impl Receiver {
    /// The merchant's receiver that a path names, in its key's mode.
    fn of(serving: &Serving, own: &MerchantCaller, id: &str) -> Result<Self, Problem> {
        if id == CALLBACKS {
            return Ok(Self::Callbacks(realm_of(own)));
        }
        Ok(Self::Endpoint(Box::new(owned(serving, own, id)?)))
    }

    fn queue(&self) -> QueueId {
        match self {
            Self::Endpoint(endpoint) => QueueId::Endpoint(endpoint.id),
            Self::Callbacks(realm) => QueueId::Callbacks(*realm),
        }
    }

    fn wants(&self, event: &FeedEvent) -> bool {
        match self {
            Self::Endpoint(endpoint) => wanted_name(&endpoint.settings, event).is_some(),
            Self::Callbacks(_) => event.has_callback,
        }
    }
}

/// What is found to be delivered again.
struct Recovery<'e> {
    span: RecoverySpan,
    receiver: &'e Receiver,
    found: Vec<Cursor>,
    last: Option<FeedEventId>,
}

impl Recovery<'_> {
    /// Takes the next event, if it is wanted; breaks where it is behind the span, or there is no room
    /// for it.
    fn take(&mut self, event: &FeedEvent) -> ControlFlow<()> {
        if self.span.until.is_some_and(|until| event.at >= until) {
            return ControlFlow::Break(());
        }
        if !self.receiver.wants(event) {
            return ControlFlow::Continue(());
        }
        if self.is_full() {
            return ControlFlow::Break(());
        }
        self.found.push(Cursor::of(event.id));
        self.last = Some(event.id);
        ControlFlow::Continue(())
    }

    fn is_full(&self) -> bool {
        self.found.len() == RECOVERED_AT_ONCE
    }
}
