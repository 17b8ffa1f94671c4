//! `v1/orders.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, path_parameter, reference},
        schemas::{Order, OrderId, OrderList, OrderRequest},
    },
    AMOUNT, ANY, BODY, COMMAND, KEYED, LIST, MERCHANT, READ, idempotency_key, page, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

/// What may be wrong with an order beside its amount.
const ORDER: &[ErrorCode] = &[
    ErrorCode::CurrencyInvalid,
    ErrorCode::IdempotencyKeyInvalid,
    ErrorCode::IdempotencyKeyReused,
    ErrorCode::MerchantMismatch,
];

pub(super) fn descriptions() -> [Description; 3] {
    [create(), list(), read()]
}

fn create() -> Description {
    let summary = "An order with a number of the merchant's own";
    Description {
        route: Route::Orders,
        method: HttpMethod::Post,
        id: "createOrder",
        group: Group::Orders,
        summary: "Create an order",
        description: "Creates an order, which payments then pay, each a part or the whole of it, and \
                      together never more. A repeat with the same idempotency key shows the order as \
                      it was created, whatever has become of it.",
        access: Access::Merchant,
        parameters: vec![idempotency_key()],
        body: Some(Body::json(reference::<OrderRequest>()).example(
            "order",
            summary,
            examples::order_request(),
        )),
        answers: vec![
            Answer::json::<Order>(StatusCode::CREATED, "The order.")
                .example("order", summary, examples::order())
                .replayable(),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, AMOUNT, ORDER, COMMAND]),
    }
}

fn list() -> Description {
    Description {
        route: Route::Orders,
        method: HttpMethod::Get,
        id: "listOrders",
        group: Group::Orders,
        summary: "List orders",
        description: "Shows the orders of the key's merchant, in the key's mode, newest first.",
        access: Access::Merchant,
        parameters: page::<OrderId>().into(),
        body: None,
        answers: vec![Answer::json::<OrderList>(StatusCode::OK, "A page of orders.").example(
            "page",
            "A page with one order",
            examples::order_list(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, LIST, COMMAND]),
    }
}

fn read() -> Description {
    Description {
        route: Route::Order,
        method: HttpMethod::Get,
        id: "readOrder",
        group: Group::Orders,
        summary: "Read an order",
        description: "Shows an order of the key's merchant, in the key's mode, and how far it is \
                      paid. Any other does not exist.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<OrderId>("id", "The order's id.")],
        body: None,
        answers: vec![Answer::json::<Order>(StatusCode::OK, "The order.").example(
            "order",
            "An order that nobody has paid",
            examples::order(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, READ, COMMAND, &[ErrorCode::OrderNotFound]]),
    }
}
