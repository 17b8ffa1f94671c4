//! `GET /api/providers`: who moves the money, and what they can do.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use hyper::{HeaderMap, StatusCode};

use crate::http::{
    error::Problem,
    respond,
    state::Gateway,
    v1::providers::providers,
    wire::{ClassicProvider, ClassicSuccess},
};

/// Lists all.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let providers = providers(&gateway, &headers)?.into_iter().map(ClassicProvider::from);
    let body = ClassicSuccess::of(providers.collect::<Vec<_>>());
    Ok(respond::json(StatusCode::OK, &body))
}
