//! Transactions by older clients: `GET /api/transactions`, `GET /api/transactions/merchant/{id}`,
//! `GET /api/transactions/{id}`, and for operators `POST /api/transactions/{id}/status`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::Scope;

use crate::{
    http::{
        authentication,
        body::read_json,
        error::{ErrorCode, Problem},
        list_query::{ClassicListQuery, ListOf},
        listing, respond,
        rows::Rows,
        state::Gateway,
        surface::Surface,
        transaction::Transaction,
        wire::{ClassicSuccess, ClassicTransaction, ClassicTransactionPage, TransactionBody},
    },
    views::Part,
};

/// Lists transactions of the key's merchant; operators name the merchant.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    page(&gateway, &uri, &headers, None).await
}

/// Lists transactions of the merchant that the path names.
pub(in crate::http) async fn list_of_merchant(
    State(gateway): State<Arc<Gateway>>,
    Path(merchant): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    page(&gateway, &uri, &headers, Some(&merchant)).await
}

/// A page by its place. It moves while rows arrive, as pages by their place do.
async fn page(
    gateway: &Gateway,
    uri: &Uri,
    headers: &HeaderMap,
    merchant: Option<&str>,
) -> Result<Response, Problem> {
    // Whoever has no key learns that first.
    authentication::caller(gateway, headers, Scope::PaymentsRead)?;
    let ClassicListQuery { rows: Rows { limit, offset }, filters } =
        ClassicListQuery::parse(ListOf::Transactions, uri.query())?;
    let no_merchant = || Problem::of(ErrorCode::MerchantNotFound);
    let merchant = merchant.map(|id| id.parse().map_err(|_no_id| no_merchant())).transpose()?;
    let serving = gateway.serving()?;
    let realm = listing::realm_of(gateway, headers, &filters, merchant)?;
    let selection = Arc::new(listing::selection(serving, realm, &filters));
    listing::catch_up(serving).await?;
    let all = Part { from: 0, to: u128::MAX, newest_first: true };
    let found = listing::found(&serving.views, &selection, all, (offset, limit)).await?;
    let total = listing::reading(&serving.views, move |views| views.count(&selection)).await?;
    let rows = listing::as_they_are(serving, found).await?;
    let transactions = rows
        .iter()
        .map(|(row, _as_found)| TransactionBody {
            payment: &row.payment,
            operation: row.operation(),
        })
        .map(ClassicTransaction)
        .collect();
    let page = ClassicTransactionPage { transactions, total, limit, offset };
    Ok(respond::json(StatusCode::OK, &ClassicSuccess::of(page)))
}

/// Shows a transaction of the key's merchant and mode; any other does not exist.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let transaction = Transaction::owned(&gateway, &headers, &id).await?;
    Ok(shown(&transaction))
}

/// Records what an operator has learnt elsewhere.
pub(in crate::http) async fn record_status(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    authentication::operator(&gateway, request.headers(), Scope::ExceptionsWrite)?;
    let body = read_json(request, gateway.body_limits).await?;
    let transaction = Transaction::told(&gateway, &id, &body, Surface::Classic).await?;
    Ok(shown(&transaction))
}

fn shown(transaction: &Transaction) -> Response {
    let body = ClassicTransaction(transaction.body());
    respond::json(StatusCode::OK, &ClassicSuccess::of(body))
}
