//! A customer as an answer shows him: erased.

use serde::Serialize;

/// An erased customer.
#[derive(Serialize)]
pub(crate) struct ErasedCustomerBody<'c> {
    id: &'c str,
    object: &'static str,
    deleted: bool,
}

impl<'c> ErasedCustomerBody<'c> {
    /// The customer with the merchant's own id.
    pub(crate) fn of(id: &'c str) -> Self {
        Self { id, object: "customer", deleted: true }
    }
}
