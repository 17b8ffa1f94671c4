//! What a provider's callback is answered with, and how operators see those that wait.

use serde::Serialize;
use tollgate_domain::{ParkedCallbackId, PaymentId};

use super::{id_text::IdText, time::Rfc3339};
use crate::provider::{callback::News, parked_callbacks::ParkedCallback};

/// It is durable, and need not be sent again.
#[derive(Serialize)]
pub(crate) struct CallbackReceipt {
    pub(crate) received: bool,
}

/// A callback that waits for what it is about, to be serialized.
#[derive(Serialize)]
pub(crate) struct ParkedCallbackBody {
    id: IdText<ParkedCallbackId>,
    object: &'static str,
    provider: String,
    callback_id: String,
    payment_id: IdText<PaymentId>,
    attempt_id: Option<String>,
    operation_id: Option<String>,
    outcome: &'static str,
    received_at: Rfc3339,
}

/// A callback that an operator has let go, to be serialized.
#[derive(Serialize)]
pub(crate) struct DismissedCallbackBody {
    id: IdText<ParkedCallbackId>,
    object: &'static str,
    deleted: bool,
}

impl ParkedCallbackBody {
    pub(crate) fn of(parked: &ParkedCallback) -> Self {
        let (attempt, operation) = match &parked.callback.news {
            News::Attempt(attempt, _outcome) => (Some(attempt.to_string()), None),
            News::Operation(operation, _outcome) => (None, Some(operation.to_string())),
        };
        Self {
            id: IdText(parked.id),
            object: "parked_callback",
            provider: parked.provider.to_string(),
            callback_id: parked.callback.id.to_string(),
            payment_id: IdText(parked.callback.payment),
            attempt_id: attempt,
            operation_id: operation,
            outcome: parked.callback.news.outcome(),
            received_at: Rfc3339(parked.received_at),
        }
    }
}

impl DismissedCallbackBody {
    pub(crate) fn of(id: ParkedCallbackId) -> Self {
        Self { id: IdText(id), object: "parked_callback", deleted: true }
    }
}
