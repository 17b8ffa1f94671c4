//! Transactions: `GET /api/v1/transactions/{id}`, and for operators
//! `POST /api/v1/admin/transactions/{id}/outcome`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode};
use tollgate_domain::Scope;

use crate::http::{
    authentication, body::read_json, error::Problem, respond, state::Gateway, surface::Surface,
    transaction::Transaction,
};

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
