//! Tollgate's front door: HTTP, providers, metrics and the command line, around the engine.
//!
//! ```text
//!   socket ─▶ http::server ─▶ envelope ─▶ router ─▶ v1::payments ─▶ engine ─▶ log
//!                             id, metrics            parse, check     │
//!                             headers, panics                         ▼
//!                                                          provider::worker ─▶ simulator
//! ```
//!
//! Invariant: this is the only crate that knows HTTP, JSON and Prometheus. Card numbers and
//! security codes live from the request to the end of the provider call, and go nowhere else.

mod backup;
mod banks;
mod callback_secret;
mod card_bins;
mod card_number;
mod clock;
mod data_directory;
mod durable_file;
mod feed;
mod first_keys;
mod low_priority;
mod metrics;
mod offer;
mod record_line;
mod record_queue;
mod routing;
mod secrets;
#[cfg(test)]
mod shop;
mod views;
mod wallet_providers;
mod webhook;

mod vault;

mod http;
mod provider;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use http::fuzzing;

pub mod cli;
pub mod startup;
