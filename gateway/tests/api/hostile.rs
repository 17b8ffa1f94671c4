//! Clients that mean no good, or know no better.
//!
//! Whatever they send, the answer is a problem like any other, or the end of the connection; nothing
//! fails on our side, and others are served meanwhile.

mod accidents;
mod bodies;
mod connections;
mod heads;
mod http2;
mod wire;
