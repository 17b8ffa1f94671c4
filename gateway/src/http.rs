//! The HTTP front door.
//!
//! ```text
//!   server     sockets, timeouts, drain
//!   router     paths to operations
//!   envelope   around every answer: request id, limits, headers, metrics, log, panics
//!   v1         operations, over wire (JSON) and error (problems)
//!   classic    the same for clients of the older API
//!   openapi    all of it described, for programs and for people
//! ```

mod access_log;
mod as_of;
mod authentication;
mod body;
mod classic;
mod client;
mod cors;
mod edge;
mod envelope;
mod error;
mod error_page;
mod event_data;
mod exchange;
mod export;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod health;
mod idempotency;
mod list_query;
mod listing;
mod openapi;
mod owned_payment;
mod page;
mod payment_creation;
mod payment_operation;
mod prefer;
mod provider_callback;
mod rate_limit;
mod refusal_stream;
mod request_head;
mod request_id;
mod request_scope;
mod respond;
mod router;
mod rows;
mod security_headers;
mod server;
mod simulator_actions;
mod simulator_ledger;
mod state;
mod stream_body;
mod surface;
mod transaction;
mod v1;
mod wire;

pub(crate) use access_log::AccessLog;
pub(crate) use body::{BodyLimits, read_form, read_json, wipe};
pub(crate) use client::TrustedProxies;
pub(crate) use cors::Cors;
pub(crate) use edge::Edge;
pub(crate) use event_data::{
    EVENT_RENDERER, complete_event_data, endpoint_event_data, order_event_data, payment_event_data,
    refund_event_data,
};
pub(crate) use provider_callback::{CallbackDesk, keep_telling_parked};
pub(crate) use rate_limit::{RateLimitOptions, RateLimits, RefusalCounters};
pub(crate) use refusal_stream::Refuse;
pub(crate) use respond::json;
pub(crate) use router::{Route, api, metrics};
pub(crate) use server::{Server, ServerOptions};
pub(crate) use simulator_ledger::parameters as ledger_parameters;
pub(crate) use state::{Gateway, LiveReading, Serving};
pub(crate) use wire::{
    AccountBody, AccountLine, AccountLines, IdText, LedgerPageBody, Rfc3339, TransactionBody,
    parse_rfc3339,
};
