//! Events by older clients: `GET /api/webhooks/events`, newest first, by `limit` and `offset`.
//!
//! While events happen, rows move on by as many: whoever must miss none reads `/api/v1/events`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use hyper::{HeaderMap, StatusCode, Uri};
use tollgate_domain::Scope;

use crate::{
    feed::{Cursor, FeedError},
    http::{
        authentication,
        error::Problem,
        respond,
        rows::{Reach, Rows},
        state::Gateway,
        v1::{
            events::{blocking, until_told},
            webhooks::realm_of,
        },
        wire::{ClassicEvent, ClassicEventPage, ClassicSuccess},
    },
};

/// Lists events of the key's merchant and mode.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::EventsRead)?;
    let serving = gateway.serving()?;
    let Rows { limit, offset } = rows_of(uri.query())?;
    let realm = realm_of(&own);
    until_told(&serving.feed).await;
    let (feed, vault) = (Arc::clone(&serving.feed), Arc::clone(&serving.vault));
    let read = blocking(move || {
        let (head, first) = (feed.head(realm), feed.begins_behind(realm)?);
        let total = head.0.saturating_sub(first.0);
        let last = total.saturating_sub(offset as u64);
        let rows = last.min(limit as u64);
        let after = Cursor(first.0 + last - rows);
        let rows = usize::try_from(rows).unwrap_or(limit);
        let page = if rows == 0 { Vec::new() } else { feed.read(realm, after, rows)?.events };
        let shown = page.into_iter().rev().map(|(_cursor, event)| {
            let body = feed.body(realm, &event, &vault)?;
            Ok(ClassicEvent::new(event.id, event.name, event.sequence, event.at, body.data()))
        });
        Ok((shown.collect::<Result<Vec<_>, FeedError>>()?, total))
    });
    let (page, total) = read.await?;
    let page = ClassicEventPage::new(page, total, limit, offset);
    Ok(respond::json(StatusCode::OK, &ClassicSuccess::of(page)))
}

/// Reads a query. As everywhere on this surface, what is not known is not read.
fn rows_of(query: Option<&str>) -> Result<Rows, Problem> {
    let (mut rows, mut faults) = (Rows::first(), Vec::new());
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let _unknown = rows.take_parameter(name, value, Reach::All, &mut faults);
    }
    if faults.is_empty() { Ok(rows) } else { Err(Problem::of_faults(faults)) }
}
