//! Version 1 of the API: one file for each kind of object.

pub(super) mod customer_accounts;
pub(super) mod customers;
pub(super) mod deliveries;
pub(super) mod event_socket;
pub(super) mod event_stream;
mod event_tail;
pub(super) mod events;
pub(super) mod exceptions;
pub(super) mod exports;
pub(super) mod keys;
pub(super) mod ledger;
pub(super) mod merchants;
pub(super) mod orders;
pub(super) mod parked_callbacks;
pub(super) mod payment_batch;
pub(super) mod payment_events;
pub(super) mod payment_methods;
pub(super) mod payment_operations;
pub(super) mod payments;
pub(super) mod providers;
pub(super) mod queue_status;
pub(super) mod refunds;
pub(super) mod reviews;
pub(super) mod storage;
pub(super) mod transactions;
pub(super) mod webhooks;
