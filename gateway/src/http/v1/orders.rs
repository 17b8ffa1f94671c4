//! Orders: `POST /api/v1/orders`, `GET /api/v1/orders` and `GET /api/v1/orders/{id}`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::{CreateOrder, Order, OrderId, Scope};
use tollgate_engine::{OrderPlace, OrderRange};

use crate::http::{
    authentication::{self, MerchantCaller},
    body::read_json,
    error::{ErrorCode, Problem},
    idempotency::{agreed_key, key_in_header, mark_replayed},
    page::PageRequest,
    respond,
    router::Route,
    state::{Gateway, Serving},
    wire::{self, OrderBody, OrderRequest, OwnedOrderBody, ValidOrder},
};

/// Creates an order. Its creation is what an idempotency key tells for good: a repeat shows the
/// order as it was before anybody had tried to pay, whatever has become of it.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant(&gateway, request.headers(), Scope::OrdersWrite)?;
    let key_in_header = key_in_header(request.headers())?.map(std::borrow::Cow::into_owned);
    let body = read_json(request, gateway.body_limits).await?;
    let command = command(serving, &key, &body, key_in_header.as_deref())?;
    let answer = serving.engine.create_order(command).await?;
    let created = answer.order.as_created();
    let mut response = respond::json(StatusCode::CREATED, &OrderBody(&created));
    if answer.replayed {
        gateway.metrics.replay();
        mark_replayed(&mut response);
    }
    Ok(response)
}

/// Shows an order of the key's merchant and mode; any other does not exist.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant(&gateway, &headers, Scope::OrdersRead)?;
    let order = owned_order(serving, &key, &id).await?;
    let order = order.ok_or_else(|| Problem::of(ErrorCode::OrderNotFound))?;
    Ok(respond::json(StatusCode::OK, &OrderBody(&order)))
}

/// Lists the orders of the key's merchant and mode.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant(&gateway, &headers, Scope::OrdersRead)?;
    let page = PageRequest::<OrderId>::parse(uri.query())?;
    let MerchantCaller { merchant, mode, .. } = key;
    let (rows, newest_first) = page.rows();
    let range = OrderRange { merchant, mode, ids: page.range(), newest_first, most: rows };
    let mut orders = serving.engine.orders(range).await?;
    let has_more = orders.len() > page.limit();
    orders.truncate(page.limit());
    let rows = orders.into_iter().map(OwnedOrderBody).collect();
    Ok(respond::json(StatusCode::OK, &page.body(rows, has_more, Route::Orders.template())))
}

fn command(
    serving: &Serving,
    key: &MerchantCaller,
    body: &[u8],
    key_in_header: Option<&str>,
) -> Result<CreateOrder, Problem> {
    let request: OrderRequest<'_> = wire::parse(body)?;
    if request.names_another_merchant(key.merchant) {
        return Err(Problem::of(ErrorCode::MerchantMismatch));
    }
    let idempotency_key = agreed_key(key_in_header, request.idempotency_key())?;
    let order = request.validate()?;
    let idempotency = idempotency_key.map(|text| {
        let mut digest = serving.secrets.request_digest("POST", Route::Orders.template());
        order.digest_into(&mut digest);
        (serving.secrets.idempotency_key(key.merchant, key.mode, text), digest.finish())
    });
    let ValidOrder { money, receipt, notes } = order;
    let MerchantCaller { merchant, mode, .. } = *key;
    Ok(CreateOrder { merchant, mode, money, receipt, notes, idempotency })
}

async fn owned_order(
    serving: &Serving,
    key: &MerchantCaller,
    id: &str,
) -> Result<Option<Order>, Problem> {
    let Ok(order) = id.parse::<OrderId>() else { return Ok(None) };
    let place = OrderPlace { merchant: key.merchant, mode: key.mode, order };
    Ok(serving.engine.order(place).await?)
}
