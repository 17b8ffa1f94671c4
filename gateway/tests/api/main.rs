//! The API from outside: a whole gateway in the test's process, asked over real sockets.

mod archive;
mod batch;
mod books;
mod classic;
mod contract;
mod customers;
mod edge;
mod errors;
mod event_readers;
mod hostile;
mod idempotency;
mod keys;
mod lifecycle;
mod methods;
mod offer;
mod openapi;
mod operations;
mod operator;
mod order_events;
mod orders;
mod payments;
mod provider_callbacks;
mod providers;
mod receiver;
mod server;
mod webhooks;
