//! Load over HTTP, and proof that the gateway keeps its word under it.
//!
//! **A load run** ([`run`]) plays a scenario at a server, measures it from the moment each request
//! was due, and then audits the money. **The chaos audit** ([`chaos`]) starts a server on
//! a data directory of its own, drives payments at it, lets something befall it in the middle of the
//! load, be it SIGKILL, a full disk or a provider that dies, starts it again on the same directory
//! and asks for everything it ever acknowledged.
//!
//! Both tell one auditor what was sent and what came back, and both end with the same questions: the
//! same key must give the same bytes, every payment must be readable as it was answered, what was in
//! the air must settle, and the provider simulator's own ledger must not know of anybody who was
//! charged twice, or charged for a payment that failed.
//!
//! One seed drives what is asked for, and when. What a server answers depends on its speed, so a
//! seed repeats the pressure, not every interleaving.
//!
//! Invariant: this crate knows the gateway by its HTTP surface alone. It shares no type with it, so
//! a mistake in the gateway's own notion of money cannot hide itself here. And it speaks to this
//! machine only: it is not a tool to aim at other people's.

pub mod chaos;
pub mod operation;
pub mod run;
pub mod scenario;
pub mod violation;

mod answer;
mod audit;
mod auditor;
mod client;
mod connection;
mod credentials;
mod customer_act;
mod deed;
mod deed_answer;
mod meaning;
mod order;
mod process;
mod randomness;
mod request;
mod schedule;
mod server;
mod shop_order;
mod work_directory;
mod workload;
