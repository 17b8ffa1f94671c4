//! The HTTP front door.
//!
//! ```text
//!   server     sockets, timeouts, drain
//!   router     paths to operations
//!   envelope   around every answer: request id, headers, metrics, panics
//!   v1         operations, over wire (JSON) and error (problems)
//!   classic    the same for clients of the older API
//! ```

mod authentication;
mod body;
mod classic;
mod envelope;
mod error;
mod error_page;
mod health;
mod idempotency;
mod owned_payment;
mod payment_creation;
mod prefer;
mod request_id;
mod respond;
mod router;
mod server;
mod simulator_ledger;
mod state;
mod surface;
mod v1;
mod wire;

pub(crate) use body::{BodyLimits, read_json, wipe};
pub(crate) use respond::json;
pub(crate) use router::{Route, api, metrics};
pub(crate) use server::{Server, ServerOptions};
pub(crate) use simulator_ledger::parameters as ledger_parameters;
pub(crate) use state::{Gateway, Serving};
pub(crate) use wire::{LedgerPageBody, Rfc3339};
