//! Refunds: `POST /api/v1/refunds`, `POST /api/v1/payments/{id}/refund`, `GET /api/v1/refunds` and
//! `GET /api/v1/refunds/{id}`.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::{Operation, RefundId, Scope};
use tollgate_engine::Answer;

use crate::http::{
    authentication,
    body::read_optional_json,
    error::{ErrorCode, Problem},
    idempotency::{key_in_header, mark_replayed},
    list_query::{ListOf, ListQuery},
    listing,
    owned_payment::owned_refund,
    payment_operation::PaymentOperation,
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
    let query = ListQuery::<RefundId>::parse(ListOf::Refunds, uri.query())?;
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
    let headers = request.headers();
    let operation = PaymentOperation::begin(gateway, route, headers, Scope::PaymentsWrite)?;
    let key_in_header = key_in_header(headers)?.map(Cow::into_owned);
    let body = read_optional_json(request, gateway.body_limits).await?;
    let answer = operation.refund(payment, body, key_in_header.as_deref()).await?;
    let (refund, status) = refunded(&answer);
    let body = RefundBody { payment: &answer.payment, refund };
    let mut response = respond::json(status, &body);
    if answer.replayed {
        mark_replayed(&mut response);
    }
    Ok(response)
}

/// The refund that the answer speaks of, and the status it is answered with. A refund that failed is
/// a refund, too.
pub(in crate::http) fn refunded(answer: &Answer) -> (&Operation, StatusCode) {
    let refund = answer
        .operation
        .and_then(|id| answer.payment.operation(id))
        .expect("a refund is answered with its operation");
    let settled = refund.is_final_answer();
    (refund, if settled { StatusCode::CREATED } else { StatusCode::ACCEPTED })
}
