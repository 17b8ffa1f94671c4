//! A payment's timeline: `GET /api/v1/payments/{id}/events`. Every event that it ever had, the oldest
//! first, with what brought it about and the record of the log that holds it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, StatusCode, Uri};
use tollgate_domain::Scope;

use super::events::blocking;
use crate::{
    http::{
        authentication,
        error::{ErrorCode, Problem},
        listing::PATIENCE,
        owned_payment::owned_payment,
        respond,
        state::Gateway,
        wire::TimelineBody,
    },
    vault::Realm,
};

/// Shows all events of a payment of the key's merchant and mode; any other does not exist.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant(&gateway, &headers, Scope::PaymentsRead)?;
    let payment = owned_payment(serving, &key, &id).await?;
    let payment = payment.ok_or_else(|| Problem::of(ErrorCode::PaymentNotFound))?.id();
    if !serving.feed.catch_up(PATIENCE).await {
        return Err(Problem::of(ErrorCode::ListsUnavailable));
    }
    let realm = Realm { merchant: key.merchant, mode: key.mode };
    let feed = Arc::clone(&serving.feed);
    let records = blocking(move || feed.timeline(realm, payment)).await?;
    Ok(respond::json(StatusCode::OK, &TimelineBody::of(&records, payment.shard(), uri.path())))
}
