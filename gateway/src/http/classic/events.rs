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
        error::{ErrorCode, Fault, Problem},
        respond,
        state::Gateway,
        v1::{
            events::{blocking, until_told},
            webhooks::realm_of,
        },
        wire::{ClassicEvent, ClassicEventPage, ClassicSuccess},
    },
};

/// Rows of a page if the request does not say, and at the most.
const USUAL_LIMIT: usize = 10;
const LARGEST_LIMIT: usize = 100;

/// Lists events of the key's merchant and mode.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let own = authentication::merchant(&gateway, &headers, Scope::EventsRead)?;
    let serving = gateway.serving()?;
    let Rows { limit, offset } = Rows::parse(uri.query())?;
    let realm = realm_of(&own);
    until_told(&serving.feed).await;
    let (feed, vault) = (Arc::clone(&serving.feed), Arc::clone(&serving.vault));
    let read = blocking(move || {
        let (head, first) = (feed.head(realm), feed.begins_behind(realm)?);
        let total = head.0.saturating_sub(first.0);
        let last = total.saturating_sub(offset);
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

/// Which rows are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rows {
    limit: usize,
    offset: u64,
}

impl Rows {
    /// Reads `limit` and `offset`. As everywhere on this surface, what is not known is not read.
    fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut found = Self { limit: USUAL_LIMIT, offset: 0 };
        let mut faults = Vec::new();
        let mut invalid = |name: &'static str, detail| {
            faults.push(Fault::new(name, ErrorCode::ParameterInvalid, detail));
        };
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "limit" => match value.parse() {
                    Ok(limit @ 1..=LARGEST_LIMIT) => found.limit = limit,
                    Ok(_) | Err(_) => invalid("limit", "A limit is from 1 to 100."),
                },
                "offset" => match value.parse() {
                    Ok(offset) => found.offset = offset,
                    Err(_no_number) => invalid("offset", "An offset is a whole number from 0 on."),
                },
                _unknown => {}
            }
        }
        if faults.is_empty() { Ok(found) } else { Err(Problem::of_faults(faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_from_an_offset_on_and_others_are_refused() {
        let rows = |query| Rows::parse(query).map_err(|problem| problem.code());
        assert_eq!(rows(None), Ok(Rows { limit: 10, offset: 0 }));
        let asked = Ok(Rows { limit: 100, offset: 7 });
        assert_eq!(rows(Some("limit=100&offset=7&page=2")), asked);
        for query in ["limit=0", "limit=101", "limit=", "offset=-1", "offset=x", "limit"] {
            assert_eq!(rows(Some(query)), Err(ErrorCode::ParameterInvalid), "{query}");
        }
    }
}
