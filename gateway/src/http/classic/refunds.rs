//! Refunds by older clients: `POST /api/refunds/process`, `POST /api/payments/{id}/refund` and
//! `GET /api/refunds/{id}/status`.

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
    error::{ErrorCode, Problem},
    owned_payment::owned_refund,
    payment_operation::{Asked, carry_out},
    respond,
    router::Route,
    state::Gateway,
    wire::{ClassicRefund, ClassicRefundStatus, ClassicSuccess, RefundBody},
};

/// Refunds the payment that the body names.
pub(in crate::http) async fn process(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    refund(&gateway, Route::ClassicRefundProcess, None, request).await
}

/// Refunds the payment that the path names.
pub(in crate::http) async fn process_for_payment(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    refund(&gateway, Route::ClassicPaymentRefund, Some(&id), request).await
}

/// Shows a refund in short.
pub(in crate::http) async fn read_status(
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
    let body = ClassicRefundStatus(RefundBody { payment: &payment, refund });
    Ok(respond::json(StatusCode::OK, &ClassicSuccess::of(body)))
}

async fn refund(
    gateway: &Gateway,
    route: Route,
    payment: Option<&str>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let done = carry_out(gateway, route, Asked::Refund(payment), request).await?;
    let (refund, status) = done.refund();
    let body = ClassicRefund(RefundBody { payment: &done.answer.payment, refund });
    Ok(done.mark(respond::json(status, &ClassicSuccess::of(body))))
}
