//! What is done to payments: `POST /api/v1/payments/{id}/confirm|capture|void|reverse`, and
//! `POST /api/v1/reviews/{id}/approve|reject`. Refunds have objects of their own: `refunds.rs`.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{Request, StatusCode};
use tollgate_domain::{Operation, OperationKind, PaymentState, Scope};
use tollgate_engine::Answer;

use crate::{
    http::{
        body::read_optional_json,
        error::Problem,
        idempotency::{key_in_header, mark_replayed},
        payment_operation::{PaymentOperation, PlainOperation},
        respond,
        router::Route,
        state::Gateway,
        wire::{DeclinedBody, PaymentBody, UndoneBody},
    },
    vault::OpenedData,
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
    let headers = request.headers();
    let operation =
        PaymentOperation::begin(&gateway, Route::PaymentCapture, headers, Scope::PaymentsWrite)?;
    let key_in_header = key_in_header(headers)?.map(Cow::into_owned);
    let body = read_optional_json(request, gateway.body_limits).await?;
    let answer = operation.capture(&id, body, key_in_header.as_deref()).await?;
    Ok(answered(&operation, &answer))
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
    let headers = request.headers();
    let begun = PaymentOperation::begin(gateway, route, headers, Scope::PaymentsWrite)?;
    let key_in_header = key_in_header(headers)?.map(Cow::into_owned);
    let body = read_optional_json(request, gateway.body_limits).await?;
    let answer = begun.plain(operation, id, body, key_in_header.as_deref()).await?;
    Ok(answered(&begun, &answer))
}

fn answered(operation: &PaymentOperation<'_>, answer: &Answer) -> Response {
    let mut response = shown(answer, operation.personal_data(answer).as_ref());
    if answer.replayed {
        mark_replayed(&mut response);
    }
    response
}

/// Invariant: the answer follows from the payment and the operation alone, so that a replay is the
/// same, but for personal data that was erased in between.
fn shown(answer: &Answer, personal: Option<&OpenedData>) -> Response {
    let payment = &answer.payment;
    let operation = answer.operation.and_then(|id| payment.operation(id));
    if let Some(reason) = operation.and_then(|done| done.state.failure()) {
        let status = UndoneBody::CODE.status();
        return respond::problem_json(status, &UndoneBody { payment, personal, reason });
    }
    let confirmed = operation.is_some_and(|done| done.intent.kind == OperationKind::Confirmation);
    if let (true, PaymentState::Failed { reason, .. }) = (confirmed, payment.state()) {
        let body = DeclinedBody { payment, personal, reason: *reason };
        return respond::problem_json(body.code().status(), &body);
    }
    let settled = operation.is_none_or(Operation::is_final_answer);
    let status = if settled { StatusCode::OK } else { StatusCode::ACCEPTED };
    respond::json(status, &PaymentBody { payment, personal })
}
