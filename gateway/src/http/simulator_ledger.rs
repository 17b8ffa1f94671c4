//! `GET /simulator/ledger`: what the simulated provider has in its books, for the operator.

use std::{fmt, sync::Arc};

use axum::{extract::State, response::Response};
use hyper::{HeaderMap, StatusCode, Uri};
use serde::{Serialize, Serializer};

use super::{
    authentication,
    error::{ErrorCode, Fault, Problem},
    respond,
    state::Gateway,
};
use crate::provider::simulator::{Decided, LedgerEntry, LedgerPage};

/// Entries of a page if the request does not say.
const USUAL_LIMIT: usize = 100;
/// And at the most.
const LARGEST_LIMIT: usize = 1_000;

#[derive(Serialize)]
struct PageBody {
    data: Vec<EntryBody>,
    has_more: bool,
    /// The cursor of the page that follows.
    next: Option<u64>,
}

#[derive(Serialize)]
struct EntryBody {
    attempt_id: Shown<tollgate_domain::AttemptId>,
    payment_id: Shown<tollgate_domain::PaymentId>,
    amount_minor: i64,
    currency: &'static str,
    state: &'static str,
    calls: u32,
}

/// Whatever is written as its text.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

pub(super) async fn page(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    authentication::operator(&headers, serving.engine.control(), &serving.operator)?;
    let (after, limit) = parameters(uri.query().unwrap_or_default())?;
    let simulator = serving.simulator.clone();
    let page = tokio::task::spawn_blocking(move || simulator.ledger_page(after, limit))
        .await
        .map_err(|_panic| Problem::of(ErrorCode::InternalError))?
        .map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the ledger cannot be read");
            Problem::of(ErrorCode::InternalError)
        })?;
    Ok(respond::json(StatusCode::OK, &PageBody::of(&page)))
}

/// `after` and `limit` of a query; both are digits, so nothing in them is ever escaped.
fn parameters(query: &str) -> Result<(u64, usize), Problem> {
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

impl PageBody {
    fn of(page: &LedgerPage) -> Self {
        Self {
            data: page.entries.iter().filter_map(EntryBody::of).collect(),
            has_more: page.has_more,
            next: page.entries.last().filter(|_| page.has_more).map(|entry| entry.index),
        }
    }
}

impl EntryBody {
    /// `None` for an attempt of which nothing is decided yet.
    fn of(entry: &LedgerEntry) -> Option<Self> {
        let state = match entry.decided {
            Decided::Approved => "approved",
            Decided::Declined(_) => "declined",
            Decided::ActionRequired | Decided::Pending => return None,
        };
        Some(Self {
            attempt_id: Shown(entry.attempt_id),
            payment_id: Shown(entry.payment_id),
            amount_minor: entry.money.amount.minor_units(),
            currency: entry.money.currency.code(),
            state,
            calls: entry.calls,
        })
    }
}
