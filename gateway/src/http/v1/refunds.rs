//! Refunds: `POST /api/v1/refunds`, `POST /api/v1/payments/{id}/refund`, `GET /api/v1/refunds` and
//! `GET /api/v1/refunds/{id}`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::{RefundId, Scope};

use crate::http::{
    authentication,
    error::{ErrorCode, Problem},
    list_query::{ListOf, ListQuery},
    listing,
    owned_payment::owned_refund,
    payment_operation::{Asked, carry_out},
    respond,
    router::Route,
    state::Gateway,
    wire::RefundBody,
};

/// Refunds the payment that the body names.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    refund(&gateway, Route::Refunds, None, request).await
}

/// Refunds the payment that the path names.
pub(in crate::http) async fn create_for_payment(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    refund(&gateway, Route::PaymentRefund, Some(&id), request).await
}

/// Lists refunds.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query: ListQuery<RefundId> = listing::query(&gateway, &headers, ListOf::Refunds, &uri)?;
    let listing = listing::page(&gateway, &headers, &query).await?;
    let bodies = listing.rows.iter().map(|row| RefundBody {
        payment: &row.payment,
        refund: row.operation().expect("a list of refunds is of operations"),
    });
    let url = Route::Refunds.template();
    let page = query.page.body(bodies.collect(), listing.has_more, url);
    Ok(respond::json(StatusCode::OK, &page))
}

/// Shows a refund of the key's merchant and mode; any other does not exist.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant(&gateway, &headers, Scope::PaymentsRead)?;
    let Some((payment, operation)) = owned_refund(serving, &key, &id).await? else {
        return Err(Problem::of(ErrorCode::RefundNotFound));
    };
    let refund = payment.operation(operation).expect("the refund was found in it");
    Ok(respond::json(StatusCode::OK, &RefundBody { payment: &payment, refund }))
}

async fn refund(
    gateway: &Gateway,
    route: Route,
    payment: Option<&str>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let done = carry_out(gateway, route, Asked::Refund(payment), request).await?;
    let (refund, status) = done.refund();
    let body = RefundBody { payment: &done.answer.payment, refund };
    Ok(done.mark(respond::json(status, &body)))
}
