//! Callbacks that wait for what they are about: `GET /api/v1/admin/callbacks` and
//! `DELETE /api/v1/admin/callbacks/{id}`.

use std::{ops::RangeBounds as _, sync::Arc};

use axum::{
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, StatusCode, Uri};
use tollgate_domain::{ParkedCallbackId, Scope};

use crate::http::{
    authentication,
    error::{ErrorCode, Problem},
    page::PageRequest,
    respond,
    router::Route,
    state::Gateway,
    wire::{DismissedCallbackBody, ParkedCallbackBody},
};

/// Lists them, the oldest first.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(&gateway, &headers, Scope::ExceptionsRead)?;
    let page = PageRequest::<ParkedCallbackId>::parse(uri.query())?;
    let mut rows = serving.callbacks.parked.all();
    rows.retain(|parked| page.queue_range().contains(&parked.id));
    page.keep_nearest(&mut rows);
    let rows = rows.iter().map(ParkedCallbackBody::of);
    let url = Route::ParkedCallbacks.template();
    Ok(respond::json(StatusCode::OK, &page.take_queued(rows, url)))
}

/// Lets one go: what it tells is of no payment of ours.
pub(in crate::http) async fn dismiss(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(&gateway, &headers, Scope::ExceptionsWrite)?;
    let none = || Problem::of(ErrorCode::ParkedCallbackNotFound);
    let id: ParkedCallbackId = id.parse().map_err(|_malformed| none())?;
    let parked = Arc::clone(&serving.callbacks.parked);
    let removing = tokio::task::spawn_blocking(move || parked.remove(id));
    match removing.await.expect("removing does not panic") {
        Ok(true) => Ok(respond::json(StatusCode::OK, &DismissedCallbackBody::of(id))),
        Ok(false) => Err(none()),
        Err(error) => {
            tracing::error!(%error, "a parked callback cannot be removed");
            Err(Problem::of(ErrorCode::InternalError))
        }
    }
}
