//! `POST /api/v1/payments`, `GET /api/v1/payments` and `GET /api/v1/payments/{id}`.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::{Payment, PaymentId, PaymentState, Scope};

use crate::{
    http::{
        as_of, authentication,
        body::{self, read_json},
        error::{ErrorCode, Problem},
        idempotency::{key_in_header, mark_replayed},
        list_query::{ListOf, ListQuery},
        listing::{self, Listing},
        owned_payment::owned_payment,
        payment_creation::PaymentCreation,
        respond,
        router::Route,
        state::Gateway,
        wire::{DeclinedBody, PaymentBody},
    },
    vault::{OpenedData, Vault},
};

/// Creates a payment, and waits for its outcome as long as is configured.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let creation = PaymentCreation::begin(&gateway, Route::Payments, request.headers())?;
    let key_in_header = key_in_header(request.headers())?.map(Cow::into_owned);
    let body = read_json(request, gateway.body_limits).await?;
    let prepared = creation.prepare(&body, key_in_header.as_deref());
    body::wipe(body);
    let answer = creation.carry_out(prepared?).await?;
    let personal = creation.personal_data(&answer.payment);
    let mut response = created(&answer.payment, personal.as_ref());
    if answer.replayed {
        mark_replayed(&mut response);
    }
    Ok(response)
}

/// Lists payments.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query: ListQuery<PaymentId> = listing::query(&gateway, &headers, ListOf::Payments, &uri)?;
    let listing = listing::page(&gateway, &headers, &query).await?;
    Ok(shown(&query, &listing, &gateway.serving()?.vault, Route::Payments))
}

/// A page of payments, each as it is shown by itself.
pub(super) fn shown(
    query: &ListQuery<PaymentId>,
    listing: &Listing,
    vault: &Vault,
    route: Route,
) -> Response {
    let opened: Vec<_> = listing.rows.iter().map(|row| vault.open_payment(&row.payment)).collect();
    let bodies = listing
        .rows
        .iter()
        .zip(&opened)
        .map(|(row, personal)| PaymentBody { payment: &row.payment, personal: personal.as_ref() });
    let page = query.page.body(bodies.collect(), listing.has_more, route.template());
    respond::json(StatusCode::OK, &page)
}

/// Shows a payment of the key's merchant and mode, as it is or as it was; any other does not exist.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant(&gateway, &headers, Scope::PaymentsRead)?;
    let found = match as_of::parse(uri.query())? {
        None => owned_payment(serving, &key, &id).await?,
        Some(moment) => as_of::owned_payment_at(serving, &key, &id, moment).await?,
    };
    match found {
        Some(payment) => {
            let personal = serving.vault.open_payment(&payment);
            let body = PaymentBody { payment: &payment, personal: personal.as_ref() };
            Ok(respond::json(StatusCode::OK, &body))
        }
        None => Err(Problem::of(ErrorCode::PaymentNotFound)),
    }
}

/// Invariant: the answer follows from the payment alone, so that a replay is the same, but for
/// personal data that was erased in between.
fn created(payment: &Payment, personal: Option<&OpenedData>) -> Response {
    let status = created_status(payment);
    if let PaymentState::Failed { reason, .. } = payment.state() {
        return respond::problem_json(status, &DeclinedBody { payment, personal, reason: *reason });
    }
    respond::json(status, &PaymentBody { payment, personal })
}

/// The status that a payment's creation is answered with.
pub(super) fn created_status(payment: &Payment) -> StatusCode {
    match payment.state() {
        PaymentState::Processing | PaymentState::Unknown { .. } => StatusCode::ACCEPTED,
        PaymentState::Failed { reason, .. } => {
            DeclinedBody { payment, personal: None, reason: *reason }.code().status()
        }
        PaymentState::RequiresAction { .. }
        | PaymentState::Review { .. }
        | PaymentState::Authorized { .. }
        | PaymentState::PartiallyCaptured { .. }
        | PaymentState::Completed { .. }
        | PaymentState::Voided { .. }
        | PaymentState::Reversed { .. }
        | PaymentState::Expired { .. } => StatusCode::CREATED,
    }
}
