//! What a command comes to.

use crate::{
    event::{Event, Record},
    id::PaymentId,
};

/// What a command on a payment shard comes to, if it is not rejected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Something happens: append the record, then apply it.
    Accepted {
        /// What.
        record: Record<Event>,
        /// The payment that the answer speaks of, where there is one.
        payment: Option<PaymentId>,
    },
    /// The idempotency key stands for this payment already.
    Replayed {
        /// The payment.
        payment: PaymentId,
    },
    /// There is nothing to do: a repeated outcome, a tick with nothing due.
    Unchanged,
}
