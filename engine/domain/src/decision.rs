//! What a command comes to.

use crate::{
    event::{Event, Record},
    idempotency::Subject,
};

/// What a command on a payment shard comes to, if it is not rejected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Something happens: append the record, then apply it.
    Accepted {
        /// What.
        record: Record<Event>,
        /// What the answer speaks of, where there is one.
        subject: Option<Subject>,
    },
    /// The idempotency key stands for this already.
    Replayed {
        /// What.
        subject: Subject,
    },
    /// There is nothing to do: a repeated outcome, a tick with nothing due.
    Unchanged,
}
