//! `/simulator/actions/{attempt}`: the simulated provider's page for a customer who has to act.
//!
//! Not here: authentication. The address is the customer's ticket, see `provider/simulator/page.rs`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::Request;

use super::{
    body,
    error::{ErrorCode, Problem},
    state::Gateway,
};
use crate::provider::{
    TestProvider,
    simulator::{Simulator, decide_action, show_action},
};

pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(attempt): Path<String>,
) -> Result<Response, Problem> {
    Ok(show_action(embedded(&gateway)?, &attempt))
}

pub(super) async fn decide(
    State(gateway): State<Arc<Gateway>>,
    Path(attempt): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let simulator = embedded(&gateway)?;
    let form = body::read_form(request, gateway.body_limits).await?;
    Ok(decide_action(simulator, &attempt, &form))
}

/// The simulator, where it is ours to show its pages: another process shows its own.
fn embedded(gateway: &Gateway) -> Result<&Simulator, Problem> {
    match &gateway.serving()?.simulator {
        TestProvider::Embedded(simulator) => Ok(simulator),
        TestProvider::Remote(_) => Err(Problem::of(ErrorCode::RouteNotFound)),
    }
}
