//! What operators have to decide, and what nobody knows yet: `GET /api/v1/admin/exceptions`,
//! `GET /api/v1/admin/payments/{id}/exceptions/{case}`, `POST …/resolve` and
//! `GET /api/v1/admin/unknown`.
//!
//! Both lists are queues over all shards, the oldest first. Their rows are few: what is decided, or
//! known, leaves them.

use std::{ops::RangeBounds as _, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use serde::Serialize;
use tollgate_domain::{
    CaseId, Id, IdKind, PaymentId, ResolveCase, Scope, ShardState, TransactionId,
};
use tollgate_engine::{Patience, PaymentCommand};

use crate::http::{
    authentication,
    body::read_json,
    error::{ErrorCode, Problem},
    page::PageRequest,
    respond,
    router::Route,
    state::{Gateway, Serving},
    wire::{self, CaseBody, ResolutionRequest, UnknownBody},
};

/// Lists the open cases.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(&gateway, &headers, Scope::ExceptionsRead)?;
    let page = PageRequest::<CaseId>::parse(uri.query())?;
    queue(serving, page, Route::Exceptions, open_cases).await
}

/// Shows a case, open or resolved.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path((payment, case)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(&gateway, &headers, Scope::ExceptionsRead)?;
    let (payment, case) = parse_ids(&payment, &case)?;
    show(serving, payment, case).await
}

/// Resolves a case: books what the operator says has become of the money.
pub(in crate::http) async fn resolve(
    State(gateway): State<Arc<Gateway>>,
    Path((payment, case)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(&gateway, request.headers(), Scope::ExceptionsWrite)?;
    let body = read_json(request, gateway.body_limits).await?;
    let resolution = wire::parse::<ResolutionRequest<'_>>(&body)?.validate()?;
    let (payment, case) = parse_ids(&payment, &case)?;
    let command = PaymentCommand::ResolveCase(ResolveCase { payment, case, resolution });
    serving.engine.operate(command, Patience::UntilRecorded).await?;
    show(serving, payment, case).await
}

/// Lists payments, and what is done to them, whose outcome is unknown.
pub(in crate::http) async fn unknown(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(&gateway, &headers, Scope::ExceptionsRead)?;
    let page = PageRequest::<TransactionId>::parse(uri.query())?;
    queue(serving, page, Route::UnknownOutcomes, unknown_outcomes).await
}

/// What one shard has of a queue, each row by the id of its place.
type Rows<K, R> = Vec<(Id<K>, R)>;

/// A page of a queue that is made of what each shard has.
async fn queue<K: IdKind, R: Serialize + Send + 'static>(
    serving: &Serving,
    page: PageRequest<Id<K>>,
    route: Route,
    rows: fn(&ShardState) -> Rows<K, R>,
) -> Result<Response, Problem> {
    let by_shard = serving.engine.query_all(move |state| {
        let mut rows = rows(state);
        rows.retain(|(id, _row)| page.queue_range().contains(id));
        rows.sort_unstable_by_key(|(id, _row)| *id);
        page.keep_nearest(&mut rows);
        rows
    });
    let mut rows: Rows<K, R> = by_shard.await?.into_iter().flatten().collect();
    rows.sort_unstable_by_key(|(id, _row)| *id);
    let rows = rows.into_iter().map(|(_id, row)| row);
    Ok(respond::json(StatusCode::OK, &page.take_queued(rows, route.template())))
}

fn open_cases(state: &ShardState) -> Vec<(CaseId, CaseBody)> {
    let payments = state.cases().iter().filter_map(|(_since, id)| state.payment(*id));
    payments
        .flat_map(|payment| payment.cases().iter().map(move |case| (payment, case)))
        .filter(|(_payment, case)| case.is_open())
        .map(|(payment, case)| (case.id, CaseBody::of(payment, case)))
        .collect()
}

fn unknown_outcomes(state: &ShardState) -> Vec<(TransactionId, UnknownBody)> {
    let payments = state.unknown().iter().filter_map(|(_since, id)| state.payment(*id));
    payments.flat_map(UnknownBody::all_of).collect()
}

async fn show(serving: &Serving, payment: PaymentId, case: CaseId) -> Result<Response, Problem> {
    let payment = serving.engine.payment(payment).await?;
    let payment = payment.ok_or_else(|| Problem::of(ErrorCode::CaseNotFound))?;
    let case = payment.cases().iter().find(|found| found.id == case);
    let case = case.ok_or_else(|| Problem::of(ErrorCode::CaseNotFound))?;
    Ok(respond::json(StatusCode::OK, &CaseBody::of(&payment, case)))
}

/// What is no payment's or case's id names no case.
fn parse_ids(payment: &str, case: &str) -> Result<(PaymentId, CaseId), Problem> {
    match (payment.parse(), case.parse()) {
        (Ok(payment), Ok(case)) => Ok((payment, case)),
        (Err(_), _) | (_, Err(_)) => Err(Problem::of(ErrorCode::CaseNotFound)),
    }
}
