//! Transactions: `GET /api/v1/transactions`, `GET /api/v1/transactions/{id}`, and for operators
//! `POST /api/v1/admin/transactions/{id}/outcome`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::{Scope, TransactionId};

use crate::http::{
    authentication,
    body::read_json,
    error::Problem,
    list_query::{ListOf, ListQuery},
    listing, respond,
    router::Route,
    state::Gateway,
    surface::Surface,
    transaction::Transaction,
    wire::TransactionBody,
};

/// Lists transactions.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query: ListQuery<TransactionId> =
        listing::query(&gateway, &headers, ListOf::Transactions, &uri)?;
    let listing = listing::page(&gateway, &headers, &query).await?;
    let bodies = listing
        .rows
        .iter()
        .map(|row| TransactionBody { payment: &row.payment, operation: row.operation() });
    let url = Route::Transactions.template();
    let page = query.page.body(bodies.collect(), listing.has_more, url);
    Ok(respond::json(StatusCode::OK, &page))
}

/// Shows a transaction of the key's merchant and mode; any other does not exist.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let transaction = Transaction::owned(&gateway, &headers, &id).await?;
    Ok(respond::json(StatusCode::OK, &transaction.body()))
}

/// Records what an operator has learnt elsewhere.
pub(in crate::http) async fn record_outcome(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    authentication::operator(&gateway, request.headers(), Scope::ExceptionsWrite)?;
    let body = read_json(request, gateway.body_limits).await?;
    let transaction = Transaction::told(&gateway, &id, &body, Surface::V1).await?;
    Ok(respond::json(StatusCode::OK, &transaction.body()))
}
