//! `v1/payment_methods.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Description, Group, query_id},
        schemas::{CountryCode, Currency, PaymentMethodList},
    },
    ANY, KEYED, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 1] {
    [list()]
}

fn list() -> Description {
    Description {
        route: Route::PaymentMethods,
        method: HttpMethod::Get,
        id: "listPaymentMethods",
        group: Group::Payments,
        summary: "List the payment methods",
        description: "Shows which methods are offered, and what a customer has to choose of them: \
                      banks, wallets, card networks and instalments. With a currency or a country, \
                      only those that serve it.",
        access: Access::Any,
        parameters: vec![
            query_id::<Currency>("currency", "In which currency the customer pays."),
            query_id::<CountryCode>("country", "In which country he does."),
        ],
        body: None,
        answers: vec![Answer::json::<PaymentMethodList>(StatusCode::OK, "The methods.").example(
            "all",
            "Cards and UPI",
            examples::payment_method_list(),
        )],
        refusals: refusals(&[
            ANY,
            KEYED,
            &[ErrorCode::ParameterInvalid, ErrorCode::ParameterUnknown, ErrorCode::CurrencyInvalid],
        ]),
    }
}
