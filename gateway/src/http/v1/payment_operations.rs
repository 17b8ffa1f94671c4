//! What is done to payments: `POST /api/v1/payments/{id}/confirm|capture|void|reverse`, and
//! `POST /api/v1/reviews/{id}/approve|reject`. Refunds have objects of their own: `refunds.rs`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::Request;
use tollgate_domain::{Operation, OperationKind, PaymentState};

use crate::http::{
    error::Problem,
    payment_operation::{Asked, Done, PlainOperation, carry_out},
    respond,
    router::Route,
    state::Gateway,
    wire::{DeclinedBody, PaymentBody, UndoneBody},
};

/// Tells the provider that the customer has acted.
pub(in crate::http) async fn confirm(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    plain(&gateway, Route::PaymentConfirmation, PlainOperation::Confirm, &id, request).await
}

/// Takes reserved funds.
pub(in crate::http) async fn capture(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    answered(&gateway, Route::PaymentCapture, Asked::Capture(&id), request).await
}

/// Lets go of reserved funds.
pub(in crate::http) async fn void(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    plain(&gateway, Route::PaymentVoid, PlainOperation::Void, &id, request).await
}

/// Undoes a payment before settlement.
pub(in crate::http) async fn reverse(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    plain(&gateway, Route::PaymentReversal, PlainOperation::Reverse, &id, request).await
}

/// Lets a payment go on that was held.
pub(in crate::http) async fn approve(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    plain(&gateway, Route::ReviewApproval, PlainOperation::Approve, &id, request).await
}

/// Lets go of a payment that was held.
pub(in crate::http) async fn reject(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    plain(&gateway, Route::ReviewRejection, PlainOperation::Reject, &id, request).await
}

async fn plain(
    gateway: &Gateway,
    route: Route,
    operation: PlainOperation,
    id: &str,
    request: Request<Body>,
) -> Result<Response, Problem> {
    answered(gateway, route, Asked::Plain(operation, id), request).await
}

async fn answered(
    gateway: &Gateway,
    route: Route,
    asked: Asked<'_>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let done = carry_out(gateway, route, asked, request).await?;
    Ok(done.mark(shown(&done)))
}

/// Invariant: the answer follows from the payment and the operation alone, so that a replay is the
/// same, but for personal data that was erased in between.
fn shown(done: &Done) -> Response {
    let (payment, personal) = (&done.answer.payment, done.personal.as_ref());
    let operation = done.operation();
    if let Some(reason) = operation.and_then(|operation| operation.state.failure()) {
        let status = UndoneBody::CODE.status();
        return respond::problem_json(status, &UndoneBody { payment, personal, reason });
    }
    let is_confirmation =
        |operation: &Operation| operation.intent.kind == OperationKind::Confirmation;
    if let (true, PaymentState::Failed { reason, .. }) =
        (operation.is_some_and(is_confirmation), payment.state())
    {
        let body = DeclinedBody { payment, personal, reason: *reason };
        return respond::problem_json(body.code().status(), &body);
    }
    respond::json(done.status(), &PaymentBody { payment, personal })
}
