//! What a provider's callback is answered with.

use serde::Serialize;

/// It is durable, and need not be sent again.
#[derive(Serialize)]
pub(crate) struct CallbackReceipt {
    pub(crate) received: bool,
}
