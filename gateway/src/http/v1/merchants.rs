//! `POST /api/v1/merchants`: the operator registers a merchant, and is shown its keys once.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use hyper::{Request, StatusCode};
use tollgate_domain::{CreateMerchant, Mode, Scope};

use crate::{
    http::{
        authentication,
        body::read_json,
        error::{ErrorCode, Problem},
        respond,
        state::Gateway,
        wire::{self, MerchantBody, MerchantRequest, NewMerchant},
    },
    secrets::draw_api_key,
};

/// Registers a merchant with a test key and a live key.
pub(in crate::http) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(&gateway, request.headers(), Scope::MerchantsWrite)?;
    let body = read_json(request, gateway.body_limits).await?;
    let NewMerchant { name, email } = wire::parse::<MerchantRequest<'_>>(&body)?.validate()?;
    let draw = |prefix| {
        draw_api_key(prefix).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "no key can be drawn");
            Problem::of(ErrorCode::InternalError)
        })
    };
    let (test, live) = (draw("sk_test_")?, draw("sk_live_")?);
    let keys = vec![(Mode::Test, test.imprint), (Mode::Live, live.imprint)];
    let command = CreateMerchant { name, email, keys };
    let merchant = serving.engine.control_command(command).await?;
    let body = MerchantBody::with_keys(&merchant, &test.text, &live.text);
    Ok(respond::json(StatusCode::CREATED, &body))
}
