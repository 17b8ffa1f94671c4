//! What is done to payments by older clients: `POST /api/payments/{id}/capture|void|reverse`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::Request;

use crate::http::{
    error::{ErrorCode, Problem},
    payment_operation::{Asked, PlainOperation, carry_out},
    respond,
    router::Route,
    state::Gateway,
    wire::{ClassicPayment, ClassicSuccess, UndoneBody},
};

/// Takes reserved funds.
pub(in crate::http) async fn capture(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    answered(&gateway, Route::ClassicPaymentCapture, Asked::Capture(&id), request).await
}

/// Lets go of reserved funds.
pub(in crate::http) async fn void(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let asked = Asked::Plain(PlainOperation::Void, &id);
    answered(&gateway, Route::ClassicPaymentVoid, asked, request).await
}

/// Undoes a payment before settlement.
pub(in crate::http) async fn reverse(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let asked = Asked::Plain(PlainOperation::Reverse, &id);
    answered(&gateway, Route::ClassicPaymentReversal, asked, request).await
}

/// A payment as it is after the operation; one that the provider did not carry out is an error.
async fn answered(
    gateway: &Gateway,
    route: Route,
    asked: Asked<'_>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let done = carry_out(gateway, route, asked, request).await?;
    if let Some(reason) = done.operation().and_then(|operation| operation.state.failure()) {
        return Err(Problem::new(ErrorCode::OperationFailed, UndoneBody::detail(reason)));
    }
    let payment = &done.answer.payment;
    let shown = ClassicPayment { payment, personal: done.personal.as_ref() };
    Ok(done.mark(respond::json(done.status(), &ClassicSuccess::of(shown))))
}
