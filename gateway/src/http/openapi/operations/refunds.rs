//! `v1/refunds.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, path_parameter, reference},
        schemas::{PaymentId, Refund, RefundId, RefundRequest},
    },
    AMOUNT, ANY, BODY, COMMAND, KEYED, MERCHANT, ON_PAYMENT, READ, idempotency_key, prefer,
    refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 3] {
    [create(), create_for_payment(), read()]
}

fn create() -> Description {
    let body = Body::json(reference::<RefundRequest>());
    Description {
        route: Route::Refunds,
        method: HttpMethod::Post,
        id: "createRefund",
        group: Group::Refunds,
        summary: "Refund a payment",
        description: "Returns what was taken: all that is left, or a part, as often as something is \
                      left. Refunds that have not failed never add up to more than was captured. \
                      Legal in `partially_captured` and `completed`.",
        access: Access::Merchant,
        parameters: vec![idempotency_key(), prefer()],
        body: Some(body.example("part", "A part", examples::refund_request())),
        answers: vec![
            Answer::json::<Refund>(
                StatusCode::CREATED,
                "The refund; one that the provider refused has the status `failed`.",
            )
            .example("part", "A part is returned", examples::refund())
            .replayable(),
            Answer::json::<Refund>(
                StatusCode::ACCEPTED,
                "The refund is recorded, and its outcome is not known yet.",
            )
            .replayable(),
        ],
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            BODY,
            AMOUNT,
            ON_PAYMENT,
            COMMAND,
            &[ErrorCode::RefundExceedsCaptured],
        ]),
    }
}

fn create_for_payment() -> Description {
    Description {
        route: Route::PaymentRefund,
        id: "createPaymentRefund",
        summary: "Refund this payment",
        description: "The same as `POST /api/v1/refunds`, with the payment named by the path. The body \
                      may be left out.",
        parameters: vec![
            path_parameter::<PaymentId>("id", "The payment's id."),
            idempotency_key(),
            prefer(),
        ],
        body: Some(Body::json(reference::<RefundRequest>()).optional()),
        ..create()
    }
}

fn read() -> Description {
    Description {
        route: Route::Refund,
        method: HttpMethod::Get,
        id: "readRefund",
        group: Group::Refunds,
        summary: "Read a refund",
        description: "Shows a refund of the key's merchant, in the key's mode. Any other does not \
                      exist.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<RefundId>("id", "The refund's id.")],
        body: None,
        answers: vec![Answer::json::<Refund>(StatusCode::OK, "The refund.").example(
            "refund",
            "A part is returned",
            examples::refund(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, READ, &[ErrorCode::RefundNotFound]]),
    }
}
