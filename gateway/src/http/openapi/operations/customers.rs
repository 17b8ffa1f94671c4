//! `v1/customers.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Description, Group, path_parameter},
        schemas::{CustomerId, ErasedCustomer},
    },
    ANY, KEYED, MERCHANT, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 1] {
    [Description {
        route: Route::Customer,
        method: HttpMethod::Delete,
        id: "eraseCustomer",
        group: Group::Customers,
        summary: "Erase a customer",
        description: "Erases everything personal that is kept of a customer, in the key's mode, and \
                      answers once that is durable. The facts of payments stay.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<CustomerId>(
            "id",
            "The merchant's own name of the customer.",
        )],
        body: None,
        answers: vec![
            Answer::json::<ErasedCustomer>(StatusCode::OK, "Nothing personal is kept any more.")
                .example("erased", "An erased customer", examples::erased_customer()),
        ],
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            &[ErrorCode::CustomerNotFound, ErrorCode::Overloaded, ErrorCode::KeyStoreUnavailable],
        ]),
    }]
}
