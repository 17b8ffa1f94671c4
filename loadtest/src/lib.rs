//! Proof over HTTP that the gateway keeps its word.
//!
//! The kill audit starts a server on a data directory of its own, drives payments at it, kills it
//! with SIGKILL in the middle of the load, starts it again on the same directory and asks for
//! everything it ever acknowledged: the same key must give the same bytes, every payment must be
//! readable, and what was in the air must settle. In the end the provider simulator's own ledger
//! tells whether anybody was charged twice, or charged for a payment that failed.
//!
//! One seed drives the load and the moments of the kills. What a server answers within a round
//! depends on its speed, so a seed repeats the pressure, not every interleaving.
//!
//! Invariant: this crate knows the gateway by its HTTP surface alone. It shares no type with it, so
//! a mistake in the gateway's own notion of money cannot hide itself here. And it speaks to
//! 127.0.0.1 only: it is not a tool to aim at other people's machines.
//!
//! [`kill::run`] is the entry for programs and tests; `tollgate-loadtest kill` is the same thing on
//! the command line.

pub mod kill;
pub mod report;
pub mod violation;

mod answer;
mod auditor;
mod client;
mod server;
mod workload;
