//! `v1/merchants.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, reference},
        schemas::{Merchant, MerchantRequest},
    },
    ANY, BODY, COMMAND, KEYED, OPERATOR, refusals,
};
use crate::http::router::Route;

pub(super) fn descriptions() -> [Description; 1] {
    let (request, answer) = examples::merchant();
    let summary = "A merchant with an address to write to";
    [Description {
        route: Route::Merchants,
        method: HttpMethod::Post,
        id: "createMerchant",
        group: Group::Merchants,
        summary: "Register a merchant",
        description: "Registers a merchant. Its first keys, one for each mode, are shown this once.",
        access: Access::Operator,
        parameters: Vec::new(),
        body: Some(
            Body::json(reference::<MerchantRequest>()).example("merchant", summary, request),
        ),
        answers: vec![
            Answer::json::<Merchant>(StatusCode::CREATED, "The merchant, with its first keys.")
                .example("merchant", summary, answer),
        ],
        refusals: refusals(&[ANY, KEYED, OPERATOR, BODY, COMMAND]),
    }]
}
