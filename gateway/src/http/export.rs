//! Exports: every row of a day or another span of time in one answer, as CSV or as JSON lines.
//!
//! ```text
//!   views ─▶ a page of ids, the oldest first ─▶ engine: those as they are ─▶ text ─▶ client
//!     ▲                                                                                │
//!     └──────────────── the next page, once this one is taken ◀────────────────────────┘
//! ```
//!
//! Which rows there are follows from when they began; each is shown as it is when its page is read. Not
//! more than two pages are in memory, however long the span is, and a client that takes nothing holds
//! back nobody but itself.
//!
//! Invariant: an answer that ends as HTTP has it holds every row, and JSON lines say so in their last
//! line. Where the export cannot go on, the answer breaks off.

mod csv;
mod query;
mod turn;

use std::{sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use hyper::{
    HeaderMap,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;
use tollgate_domain::{Scope, Timestamp};

pub(super) use self::turn::ExportTurns;
use self::{
    query::{ExportQuery, Format},
    turn::Turn,
};
use super::{
    authentication,
    error::{ErrorCode, Problem},
    list_query::ListOf,
    listing::{self, Listed},
    state::{Gateway, Serving},
    stream_body::{BodyWriter, Gone, stream},
    wire::{PaymentBody, RefundBody, Rfc3339, TransactionBody},
};
use crate::views::{Part, Selection};

/// Rows that are read at once: as many as the largest page of a list, so that an export holds a shard
/// up no longer than a list does.
const PAGE: usize = 100;

/// How often a page is tried again that could not be read for want of room, and after which time: five
/// seconds in all.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(200);

/// What is exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::http) enum ExportOf {
    /// Payments, as they are read one by one.
    Payments,
    /// Payments and everything that is done to them.
    Transactions,
    /// Refunds.
    Refunds,
}

/// The last of the JSON lines.
#[derive(Serialize)]
struct LastLine {
    object: &'static str,
    complete: bool,
    rows: u64,
    from: Rfc3339,
    to: Rfc3339,
}

/// An export under way.
struct Export {
    gateway: Arc<Gateway>,
    of: ExportOf,
    format: Format,
    selection: Arc<Selection>,
    /// What is left.
    part: Part,
    rows: u64,
    /// When it was asked for: rows of later may follow, whatever span was asked for.
    asked_at: Timestamp,
    _turn: Turn,
}

impl ExportOf {
    /// The list that has the same rows.
    const fn list(self) -> ListOf {
        match self {
            Self::Payments => ListOf::Payments,
            Self::Transactions => ListOf::Transactions,
            Self::Refunds => ListOf::Refunds,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Payments => "payments",
            Self::Transactions => "transactions",
            Self::Refunds => "refunds",
        }
    }
}

/// Begins an export. What can be wrong at its beginning is told as a problem.
///
/// # Errors
/// As a list, and where too many are under way.
pub(in crate::http) async fn open(
    gateway: Arc<Gateway>,
    of: ExportOf,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    // Whoever has no key learns that first.
    authentication::caller(&gateway, headers, Scope::PaymentsRead)?;
    let query = ExportQuery::parse(of.list(), query, headers)?;
    let realm = listing::realm_of(&gateway, headers, &query.filters, None)?;
    let turn = gateway.exports.take(realm)?;
    let asked_at = (gateway.clock)();
    listing::catch_up(serving).await?;
    let selection = Arc::new(listing::selection(serving, realm, &query.filters));
    let part = Part { from: 0, to: u128::MAX, newest_first: false };
    let mut export = Export {
        gateway: Arc::clone(&gateway),
        of,
        format: query.format,
        selection,
        part,
        rows: 0,
        asked_at,
        _turn: turn,
    };
    let first = export.page(serving).await?;
    let (writer, body) = stream();
    let response = export.respond(body, &query.label);
    tokio::spawn(export.send(first, writer));
    Ok(response)
}

impl Export {
    fn respond(&self, body: Body, label: &str) -> Response {
        let (of, ending) = (self.of.name(), self.format.ending());
        let name = format!("attachment; filename=\"{of}{label}.{ending}\"");
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.format.media_type());
        let name = HeaderValue::from_str(&name).expect("it is made of dates and names of ours");
        headers.insert(CONTENT_DISPOSITION, name);
        response
    }

    /// Sends everything, of which the first page is read already.
    async fn send(mut self, first: Vec<Listed>, writer: BodyWriter) {
        let sent = match self.send_all(first, &writer).await {
            Ok(Ok(())) => writer.finish().await,
            Ok(Err(problem)) => {
                let code = problem.code().as_str();
                tracing::error!(of = self.of.name(), rows = self.rows, code, "an export broke off");
                return;
            }
            Err(Gone) => Err(Gone),
        };
        match sent {
            Ok(()) => tracing::info!(of = self.of.name(), rows = self.rows, "exported"),
            Err(Gone) => {
                tracing::info!(of = self.of.name(), rows = self.rows, "an export was left");
            }
        }
    }

    async fn send_all(
        &mut self,
        first: Vec<Listed>,
        writer: &BodyWriter,
    ) -> Result<Result<(), Problem>, Gone> {
        let mut page = first;
        let mut text = self.head();
        loop {
            let is_last = page.len() < PAGE;
            if let Err(problem) = self.write(&page, &mut text) {
                return Ok(Err(problem));
            }
            if is_last {
                text.extend(self.end());
            }
            if !text.is_empty() {
                writer.write(Bytes::from(std::mem::take(&mut text))).await?;
            }
            if is_last {
                return Ok(Ok(()));
            }
            page = match self.next_page().await {
                Ok(page) => page,
                Err(problem) => return Ok(Err(problem)),
            };
        }
    }

    /// The next page, once it can be had.
    async fn next_page(&mut self) -> Result<Vec<Listed>, Problem> {
        let gateway = Arc::clone(&self.gateway);
        let mut tries = 0;
        loop {
            match self.page(gateway.serving()?).await {
                Err(problem) if problem.code().retryable() && tries < TRIES => {
                    tries += 1;
                    sleep(PAUSE).await;
                }
                read => return read,
            }
        }
    }

    async fn page(&mut self, serving: &Serving) -> Result<Vec<Listed>, Problem> {
        let found = listing::found(&serving.views, &self.selection, self.part, (0, PAGE)).await?;
        let last = found.last().map(|(id, _row)| *id);
        let rows = listing::as_they_are(serving, found).await?;
        if let Some(last) = last {
            self.part = self.part.beyond(last);
        }
        Ok(rows.into_iter().map(|(listed, _as_found)| listed).collect())
    }

    fn head(&self) -> Vec<u8> {
        match self.format {
            Format::Csv => csv::head(self.of),
            Format::JsonLines => Vec::new(),
        }
    }

    fn end(&self) -> Vec<u8> {
        let (from, to) = self.selection.created.clone().into_inner();
        let line = LastLine {
            object: "export",
            complete: true,
            rows: self.rows,
            from: Rfc3339(Timestamp::from_millis(from)),
            to: Rfc3339(Timestamp::from_millis(to).min(self.asked_at)),
        };
        match self.format {
            Format::Csv => Vec::new(),
            Format::JsonLines => {
                let mut text = serde_json::to_vec(&line).expect("it has string keys");
                text.push(b'\n');
                text
            }
        }
    }

    fn write(&mut self, page: &[Listed], into: &mut Vec<u8>) -> Result<(), Problem> {
        let gateway = Arc::clone(&self.gateway);
        let vault = &gateway.serving()?.vault;
        for row in page {
            let payment = &*row.payment;
            match (self.of, row.operation()) {
                (ExportOf::Payments, _) => {
                    // What is personal stays out of tables that are handed on.
                    let personal = match self.format {
                        Format::Csv => None,
                        Format::JsonLines => vault.open_payment(payment),
                    };
                    self.write_row(&PaymentBody { payment, personal: personal.as_ref() }, into);
                }
                (ExportOf::Transactions, operation) => {
                    self.write_row(&TransactionBody { payment, operation }, into);
                }
                (ExportOf::Refunds, Some(refund)) => {
                    self.write_row(&RefundBody { payment, refund }, into);
                }
                (ExportOf::Refunds, None) => {
                    tracing::error!(payment = %payment.id(), "the views know a refund that is none");
                    return Err(Problem::of(ErrorCode::InternalError));
                }
            }
            self.rows += 1;
        }
        Ok(())
    }

    fn write_row(&self, body: &impl Serialize, into: &mut Vec<u8>) {
        const WHOLE: &str = "answers have string keys and finite numbers";
        match self.format {
            Format::Csv => {
                let row: Value = serde_json::to_value(body).expect(WHOLE);
                csv::write_row(self.of, &row, into);
            }
            Format::JsonLines => {
                serde_json::to_writer(&mut *into, body).expect(WHOLE);
                into.push(b'\n');
            }
        }
    }
}
