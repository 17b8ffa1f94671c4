//! What is done to payments by older clients: `POST /api/payments/{id}/capture|void|reverse`.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{Request, StatusCode};
use tollgate_domain::{Operation, Scope};
use tollgate_engine::Answer;

use crate::http::{
    error::{ErrorCode, Problem},
    idempotency::{key_in_header, mark_replayed},
    payment_operation::{PaymentOperation, PlainOperation},
    respond,
    router::Route,
    state::Gateway,
    wire::{ClassicPayment, ClassicSuccess, UndoneBody},
};

use super::read_operation_body;

/// Takes reserved funds.
pub(in crate::http) async fn capture(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (route, headers) = (Route::ClassicPaymentCapture, request.headers());
    let operation = PaymentOperation::begin(&gateway, route, headers, Scope::PaymentsWrite)?;
    let key_in_header = key_in_header(headers)?.map(Cow::into_owned);
    let body = read_operation_body(request, gateway.body_limits).await?;
    let answer = operation.capture(&id, body, key_in_header.as_deref()).await?;
    shown(&answer)
}

/// Lets go of reserved funds.
pub(in crate::http) async fn void(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    plain(&gateway, Route::ClassicPaymentVoid, PlainOperation::Void, &id, request).await
}

/// Undoes a payment before settlement.
pub(in crate::http) async fn reverse(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    plain(&gateway, Route::ClassicPaymentReversal, PlainOperation::Reverse, &id, request).await
}

async fn plain(
    gateway: &Gateway,
    route: Route,
    operation: PlainOperation,
    id: &str,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let begun = PaymentOperation::begin(gateway, route, headers, Scope::PaymentsWrite)?;
    let key_in_header = key_in_header(headers)?.map(Cow::into_owned);
    let body = read_operation_body(request, gateway.body_limits).await?;
    let answer = begun.plain(operation, id, body, key_in_header.as_deref()).await?;
    shown(&answer)
}

/// A payment as it is after the operation; one that the provider did not carry out is an error.
fn shown(answer: &Answer) -> Result<Response, Problem> {
    let payment = &answer.payment;
    let operation = answer.operation.and_then(|id| payment.operation(id));
    if let Some(reason) = operation.and_then(|done| done.state.failure()) {
        return Err(Problem::new(ErrorCode::OperationFailed, UndoneBody::detail(reason)));
    }
    let settled = operation.is_none_or(Operation::is_final_answer);
    let status = if settled { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = respond::json(status, &ClassicSuccess::of(ClassicPayment(payment)));
    if answer.replayed {
        mark_replayed(&mut response);
    }
    Ok(response)
}
