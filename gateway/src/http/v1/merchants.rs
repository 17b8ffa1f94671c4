//! Merchants: registered, listed and changed by operators, looked at by themselves.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use tollgate_domain::{ApiKeyKind, CreateMerchant, Merchant, MerchantId, Mode, Scope};

use super::keys::drawn;
use crate::http::{
    authentication::{self, Caller},
    body::read_json,
    error::{ErrorCode, Problem},
    page::PageRequest,
    respond,
    state::Gateway,
    wire::{self, MerchantBody, MerchantChange, MerchantRequest, NewMerchant, PublicMerchantBody},
};

/// Registers a merchant with a test key and a live key, whose texts are shown this once.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let operator = authentication::operator(&gateway, request.headers(), Scope::MerchantsWrite)?;
    let body = read_json(request, gateway.body_limits).await?;
    let NewMerchant { name, email } = wire::parse::<MerchantRequest<'_>>(&body)?.validate()?;
    // Whose they are stands in the record; the text tells the mode alone.
    let nobody = MerchantId::from_u128(0);
    let draw = |mode| drawn(ApiKeyKind::Secret { merchant: nobody, mode });
    let (test, live) = (draw(Mode::Test)?, draw(Mode::Live)?);
    let keys = vec![(Mode::Test, test.imprint), (Mode::Live, live.imprint)];
    let command = CreateMerchant { asker: operator.asker(), name, email, keys };
    let merchant = serving.engine.control_command(command).await?;
    let body = MerchantBody::with_keys(&merchant, &test.text, &live.text);
    Ok(respond::json(StatusCode::CREATED, &body))
}

/// Lists the merchants.
pub(in crate::http) async fn list(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    authentication::operator(&gateway, &headers, Scope::MerchantsRead)?;
    let page = PageRequest::<MerchantId>::parse(uri.query())?;
    let control = gateway.serving()?.engine.control();
    Ok(control.read(|state| {
        let merchants = state.merchants_in(page.range()).map(MerchantBody::new);
        respond::json(StatusCode::OK, &page.take(merchants, uri.path()))
    }))
}

/// Shows a merchant to operators and to itself; to any other it does not exist.
pub(in crate::http) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = authentication::caller(&gateway, &headers, Scope::MerchantsRead)?;
    let own = own_merchant(caller);
    let id = id.parse().ok().filter(|id| own.is_none_or(|own| own == *id));
    show(&gateway, caller, id)
}

/// Shows the merchant that asks; by a publishable key, what customers may know of it.
pub(in crate::http) async fn read_own(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = authentication::caller(&gateway, &headers, Scope::MerchantsRead)?;
    let Some(own) = own_merchant(caller) else {
        return Err(Problem::of(ErrorCode::MerchantKeyRequired));
    };
    show(&gateway, caller, Some(own))
}

/// Changes a merchant.
pub(in crate::http) async fn update(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let operator = authentication::operator(&gateway, request.headers(), Scope::MerchantsWrite)?;
    let id = id.parse().map_err(|_no_id| Problem::of(ErrorCode::MerchantNotFound))?;
    let body = read_json(request, gateway.body_limits).await?;
    let command = wire::parse::<MerchantChange<'_>>(&body)?.validate(operator.asker(), id)?;
    let merchant = gateway.serving()?.engine.control_command(command).await?;
    Ok(respond::json(StatusCode::OK, &MerchantBody::new(&merchant)))
}

fn own_merchant(caller: Caller) -> Option<MerchantId> {
    match caller {
        Caller::Merchant(own) | Caller::Checkout(own) => Some(own.merchant),
        Caller::Operator(_) => None,
    }
}

fn show(gateway: &Gateway, caller: Caller, id: Option<MerchantId>) -> Result<Response, Problem> {
    let control = gateway.serving()?.engine.control();
    let merchant: Option<Merchant> = id.and_then(|id| control.merchant(id));
    let merchant = merchant.ok_or_else(|| Problem::of(ErrorCode::MerchantNotFound))?;
    Ok(match caller {
        Caller::Merchant(_) | Caller::Operator(_) => {
            respond::json(StatusCode::OK, &MerchantBody::new(&merchant))
        }
        Caller::Checkout(_) => respond::json(StatusCode::OK, &PublicMerchantBody::new(&merchant)),
    })
}
