//! `DELETE /api/v1/customers/{id}`: a merchant has a customer erased.
//!
//! A customer exists here only as far as something personal of him is sealed. What stays are the
//! facts of his payments, his id with the merchant among them: `docs/privacy.md`.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, StatusCode};
use tollgate_domain::Scope;

use crate::{
    http::{
        authentication,
        error::{ErrorCode, Problem},
        respond,
        state::Gateway,
        wire::ErasedCustomerBody,
    },
    vault::Realm,
};

/// Erases what was sealed of the customer, in the key's mode, and answers once that is durable.
pub(in crate::http) async fn erase(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant(&gateway, &headers, Scope::CustomersWrite)?;
    let realm = Realm { merchant: key.merchant, mode: key.mode };
    if !serving.vault.erase(realm, &id).await? {
        return Err(Problem::of(ErrorCode::CustomerNotFound));
    }
    Ok(respond::json(StatusCode::OK, &ErasedCustomerBody::of(&id)))
}
