//! `POST /api/payments/process`, `GET /api/payments/{id}` and `GET /api/payments/{id}/status`.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode};
use tollgate_domain::{Payment, PaymentState, Scope};

use crate::http::{
    authentication,
    body::{self, MediaType, read_json_or_form},
    error::{ErrorCode, Problem},
    idempotency::{key_in_header, mark_replayed},
    owned_payment::owned_payment,
    payment_creation::PaymentCreation,
    respond,
    router::Route,
    state::Gateway,
    wire::{ClassicCreated, ClassicPayment, ClassicStatus, ClassicSuccess, FormBody},
};

/// Creates a payment, and waits for its outcome as long as is configured.
pub(in crate::http) async fn process(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let creation =
        PaymentCreation::begin(&gateway, Route::ClassicPaymentProcess, request.headers())?;
    let key_in_header = key_in_header(request.headers())?.map(Cow::into_owned);
    let (body, media) = read_json_or_form(request, gateway.body_limits).await?;
    let key_in_header = key_in_header.as_deref();
    let (prepared, names) = match media {
        MediaType::Json => (creation.prepare(&body, key_in_header), None),
        MediaType::Form => match FormBody::parse(&body) {
            Ok(form) => (creation.prepare(form.json(), key_in_header), Some(form.names())),
            Err(problem) => (Err(problem), None),
        },
    };
    body::wipe(body);
    let answer = match prepared {
        Ok(payment) => creation.carry_out(payment).await,
        Err(problem) => Err(problem),
    };
    let answer = answer.map_err(|problem| match names {
        Some(names) => names.translate(problem),
        None => problem,
    })?;
    let payment = &answer.payment;
    let body = ClassicSuccess::of(ClassicCreated(payment));
    let mut response = respond::json(created_status(payment), &body);
    if answer.replayed {
        mark_replayed(&mut response);
    }
    Ok(response)
}

/// Shows a payment of the key's merchant and mode; any other does not exist.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let payment = own_payment(&gateway, &id, &headers).await?;
    let personal = gateway.serving()?.vault.open_payment(&payment);
    let shown = ClassicPayment { payment: &payment, personal: personal.as_ref() };
    Ok(respond::json(StatusCode::OK, &ClassicSuccess::of(shown)))
}

/// The same in short.
pub(in crate::http) async fn read_status(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let payment = own_payment(&gateway, &id, &headers).await?;
    Ok(respond::json(StatusCode::OK, &ClassicSuccess::of(ClassicStatus(&payment))))
}

async fn own_payment(
    gateway: &Gateway,
    id: &str,
    headers: &HeaderMap,
) -> Result<Box<Payment>, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant(gateway, headers, Scope::PaymentsRead)?;
    let payment = owned_payment(serving, &key, id).await?;
    payment.ok_or_else(|| Problem::of(ErrorCode::PaymentNotFound))
}

/// Invariant: it follows from the payment alone, so that a replay is the same. A decline is a
/// payment like any other here: older clients look at its status.
fn created_status(payment: &Payment) -> StatusCode {
    match payment.state() {
        PaymentState::Processing | PaymentState::Unknown { .. } => StatusCode::ACCEPTED,
        PaymentState::RequiresAction { .. }
        | PaymentState::Review { .. }
        | PaymentState::Authorized { .. }
        | PaymentState::PartiallyCaptured { .. }
        | PaymentState::Completed { .. }
        | PaymentState::Failed { .. }
        | PaymentState::Voided { .. }
        | PaymentState::Reversed { .. }
        | PaymentState::Expired { .. } => StatusCode::CREATED,
    }
}
