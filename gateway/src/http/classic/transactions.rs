//! Transactions by older clients: `GET /api/transactions/{id}`, and for operators
//! `POST /api/transactions/{id}/status`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode};
use tollgate_domain::Scope;

use crate::http::{
    authentication,
    body::read_json,
    error::Problem,
    respond,
    state::Gateway,
    surface::Surface,
    transaction::Transaction,
    wire::{ClassicSuccess, ClassicTransaction},
};

/// Shows a transaction of the key's merchant and mode; any other does not exist.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let transaction = Transaction::owned(&gateway, &headers, &id).await?;
    Ok(shown(&transaction))
}

/// Records what an operator has learnt elsewhere.
pub(in crate::http) async fn record_status(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    authentication::operator(&gateway, request.headers(), Scope::ExceptionsWrite)?;
    let body = read_json(request, gateway.body_limits).await?;
    let transaction = Transaction::told(&gateway, &id, &body, Surface::Classic).await?;
    Ok(shown(&transaction))
}

fn shown(transaction: &Transaction) -> Response {
    let body = ClassicTransaction(transaction.body());
    respond::json(StatusCode::OK, &ClassicSuccess::of(body))
}
