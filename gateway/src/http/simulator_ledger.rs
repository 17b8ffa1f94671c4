//! `GET /simulator/ledger`: what the simulated provider has in its books, for the operator.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use hyper::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE};
use tollgate_domain::Scope;

use super::{
    authentication,
    error::{ErrorCode, Fault, Problem},
    respond,
    state::Gateway,
    wire::LedgerPageBody,
};
use crate::provider::TestProvider;

/// Entries of a page if the request does not say.
const USUAL_LIMIT: usize = 100;
/// And at the most.
const LARGEST_LIMIT: usize = 1_000;

pub(super) async fn page(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(&gateway, &headers, Scope::SimulatorRead)?;
    let (after, limit) = parameters(uri.query().unwrap_or_default())?;
    match serving.simulator.clone() {
        TestProvider::Embedded(simulator) => {
            let page = tokio::task::spawn_blocking(move || simulator.ledger_page(after, limit))
                .await
                .map_err(|_panic| Problem::of(ErrorCode::InternalError))?
                .map_err(|error| {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the ledger cannot be read");
                    Problem::of(ErrorCode::InternalError)
                })?;
            Ok(respond::json(StatusCode::OK, &LedgerPageBody::of(&page)))
        }
        // The other process's own words, which are of the same form.
        TestProvider::Remote(simulator) => match simulator.ledger_page(after, limit).await {
            Some(page) => {
                let mut response = Response::new(Body::from(page));
                response.headers_mut().insert(CONTENT_TYPE, respond::JSON);
                Ok(response)
            }
            None => Err(Problem::new(ErrorCode::NotReady, "The simulator does not answer.")),
        },
    }
}

/// `after` and `limit` of a query; both are digits, so nothing in them is ever escaped.
pub(crate) fn parameters(query: &str) -> Result<(u64, usize), Problem> {
    let (mut after, mut limit) = (0, USUAL_LIMIT);
    let mut faults = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "after" => match value.parse() {
                Ok(value) => after = value,
                Err(_) => faults.push(invalid("after", "This is no cursor.")),
            },
            "limit" => match value.parse() {
                Ok(value @ 1..=LARGEST_LIMIT) => limit = value,
                Ok(_) | Err(_) => faults.push(invalid("limit", "A limit is from 1 to 1000.")),
            },
            _other => {
                let pointer = name.to_owned();
                let detail = "There is no such parameter.";
                faults.push(Fault::new(pointer, ErrorCode::ParameterUnknown, detail));
            }
        }
    }
    if faults.is_empty() { Ok((after, limit)) } else { Err(Problem::of_faults(faults)) }
}

fn invalid(name: &'static str, detail: &'static str) -> Fault {
    Fault::new(name, ErrorCode::ParameterInvalid, detail)
}
