//! Every way to say no: the table of error codes, and problems as RFC 9457 has them.
//!
//! Invariant: this is the only place that knows which status a failure has.

mod code;
mod document;
#[cfg(test)]
mod documentation;
mod problem;

pub(crate) use code::ErrorCode;
pub(crate) use document::{ClassicDocument, FailedPayment, ProblemDocument};
pub(crate) use problem::{Fault, Problem, Standing, header_of};
