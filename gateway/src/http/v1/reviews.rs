//! Payments that a reviewer has to decide about: `GET /api/v1/reviews`. A review goes by the id of its
//! payment.
//!
//! Not here: the decisions, which are operations on payments.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use hyper::{HeaderMap, Uri};
use tollgate_domain::PaymentId;

use super::payments::shown;
use crate::http::{
    error::Problem,
    list_query::{ListOf, ListQuery},
    listing,
    router::Route,
    state::Gateway,
};

/// Lists the payments that wait for a decision, unless others are asked for.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query: ListQuery<PaymentId> = listing::query(&gateway, &headers, ListOf::Reviews, &uri)?;
    let listing = listing::page(&gateway, &headers, &query).await?;
    Ok(shown(&query, &listing, &gateway.serving()?.vault, Route::Reviews))
}
