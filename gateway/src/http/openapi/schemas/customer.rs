//! Customers.

use utoipa::ToSchema;

/// A customer of whom nothing personal is kept any more.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct ErasedCustomer {
    /// The merchant's own name of the customer.
    id: String,
    object: CustomerObject,
    /// Always true.
    deleted: bool,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum CustomerObject {
    Customer,
}
