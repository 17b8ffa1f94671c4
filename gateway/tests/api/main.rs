//! The API from outside: a whole gateway in the test's process, asked over real sockets.

mod batch;
mod classic;
mod contract;
mod customers;
mod edge;
mod errors;
mod hostile;
mod idempotency;
mod keys;
mod lifecycle;
mod methods;
mod openapi;
mod operator;
mod payments;
mod providers;
mod receiver;
mod server;
mod webhooks;
