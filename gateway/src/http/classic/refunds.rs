//! Refunds by older clients: `POST /api/refunds/process`, `POST /api/payments/{id}/refund` and
//! `GET /api/refunds/{id}/status`.

use std::{borrow::Cow, sync::Arc};

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
    idempotency::{key_in_header, mark_replayed},
    owned_payment::owned_refund,
    payment_operation::PaymentOperation,
    respond,
    router::Route,
    state::Gateway,
    v1::refunds::refunded,
    wire::{ClassicRefund, ClassicRefundStatus, ClassicSuccess, RefundBody},
};

use super::read_operation_body;

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
    let headers = request.headers();
    let operation = PaymentOperation::begin(gateway, route, headers, Scope::PaymentsWrite)?;
    let key_in_header = key_in_header(headers)?.map(Cow::into_owned);
    let body = read_operation_body(request, gateway.body_limits).await?;
    let answer = operation.refund(payment, body, key_in_header.as_deref()).await?;
    let (refund, status) = refunded(&answer);
    let body = ClassicRefund(RefundBody { payment: &answer.payment, refund });
    let mut response = respond::json(status, &ClassicSuccess::of(body));
    if answer.replayed {
        mark_replayed(&mut response);
    }
    Ok(response)
}
