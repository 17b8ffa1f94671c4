//! `GET /api/v1/payment-methods`: which methods are offered in a currency and a country.
//!
//! For whoever has a key, a checkout page's too: it has to know what to show.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use hyper::{HeaderMap, StatusCode, Uri};
use tollgate_domain::Scope;

use crate::http::{
    authentication,
    error::Problem,
    respond,
    state::Gateway,
    wire::{PaymentMethodListBody, PaymentMethodQuery},
};

/// Lists those that serve what the query names.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    authentication::caller(&gateway, &headers, Scope::MerchantsRead)?;
    let query = PaymentMethodQuery::parse(uri.query())?;
    let list = PaymentMethodListBody::of(&gateway.offer, query);
    Ok(respond::json(StatusCode::OK, &list))
}
