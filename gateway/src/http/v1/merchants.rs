//! `POST /api/v1/merchants`: the operator registers a merchant, and is shown its keys once.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use hyper::{Request, StatusCode};
use serde::Serialize;
use tollgate_domain::{CreateMerchant, Mode};

use crate::{
    http::{
        authentication,
        body::read_json,
        error::{ErrorCode, Problem},
        respond,
        state::Gateway,
        wire::{self, MerchantRequest, Rfc3339},
    },
    secrets::{api_key_hash, draw_api_key},
};

#[derive(Serialize)]
struct MerchantBody<'m> {
    id: String,
    object: &'static str,
    name: &'m str,
    /// Not kept: there is no sealed storage for it yet.
    email: Option<&'m str>,
    api_keys: KeysBody<'m>,
    created_at: Rfc3339,
}

#[derive(Serialize)]
struct KeysBody<'m> {
    secret_test: &'m str,
    secret_live: &'m str,
}

/// Registers a merchant with a test key and a live key.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(request.headers(), serving.engine.control(), &serving.operator)?;
    let body = read_json(request, gateway.body_limits).await?;
    let name = wire::parse::<MerchantRequest<'_>>(&body)?.validate()?;
    let draw = |prefix| {
        draw_api_key(prefix).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "no key can be drawn");
            Problem::of(ErrorCode::InternalError)
        })
    };
    let (test, live) = (draw("sk_test_")?, draw("sk_live_")?);
    let keys = vec![(Mode::Test, api_key_hash(&test)), (Mode::Live, api_key_hash(&live))];
    let merchant = serving.engine.create_merchant(CreateMerchant { name, keys }).await?;
    let body = MerchantBody {
        id: merchant.id.to_string(),
        object: "merchant",
        name: &merchant.name,
        email: None,
        api_keys: KeysBody { secret_test: &test, secret_live: &live },
        created_at: Rfc3339(merchant.created_at),
    };
    Ok(respond::json(StatusCode::CREATED, &body))
}
