//! A day's payments, transactions or refunds, all of them in one answer:
//! `GET /api/v1/exports/payments|transactions|refunds`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use hyper::{HeaderMap, Uri};

use crate::http::{
    error::Problem,
    export::{ExportOf, open},
    state::Gateway,
};

/// Exports payments.
pub(in crate::http) async fn payments(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    open(gateway, ExportOf::Payments, uri.query(), &headers).await
}

/// Exports transactions.
pub(in crate::http) async fn transactions(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    open(gateway, ExportOf::Transactions, uri.query(), &headers).await
}

/// Exports refunds.
pub(in crate::http) async fn refunds(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    open(gateway, ExportOf::Refunds, uri.query(), &headers).await
}
