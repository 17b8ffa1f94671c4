//! Version 1 of the API: one file for each kind of object.

pub(super) mod customers;
pub(super) mod event_stream;
pub(super) mod events;
pub(super) mod keys;
pub(super) mod merchants;
pub(super) mod payment_batch;
pub(super) mod payments;
pub(super) mod providers;
pub(super) mod queue_status;
pub(super) mod webhooks;
