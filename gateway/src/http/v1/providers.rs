//! `GET /api/v1/providers` and `GET /api/v1/providers/{id}`: who moves the money, and what they can
//! do. For merchants and operators alike.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, StatusCode};
use tollgate_domain::Scope;

use crate::http::{
    authentication,
    error::{ErrorCode, Problem},
    respond,
    router::Route,
    state::Gateway,
    wire::{ProviderBody, ProviderListBody},
};

/// Lists all.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let providers = providers(&gateway, &headers)?;
    let list = ProviderListBody::of(providers, Route::Providers.template());
    Ok(respond::json(StatusCode::OK, &list))
}

/// Shows one.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut providers = providers(&gateway, &headers)?.into_iter();
    match providers.find(|provider| provider.id() == id) {
        Some(provider) => Ok(respond::json(StatusCode::OK, &provider)),
        None => Err(Problem::of(ErrorCode::ProviderNotFound)),
    }
}

/// All providers, for whoever has a key.
pub(in crate::http) fn providers(
    gateway: &Gateway,
    headers: &HeaderMap,
) -> Result<Vec<ProviderBody>, Problem> {
    authentication::caller(gateway, headers, Scope::ProvidersRead)?;
    Ok(gateway.serving()?.providers.iter().map(ProviderBody::of).collect())
}
