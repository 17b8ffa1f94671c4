//! `v1/payments.rs` and `v1/payment_batch.rs`.

use hyper::StatusCode;
use utoipa::openapi::{
    path::HttpMethod,
    schema::{ObjectBuilder, Type},
};

use super::{
    super::{
        examples,
        operation::{
            Access, Answer, Body, Description, Group, PROBLEM_JSON, path_parameter, query,
            reference,
        },
        schemas::{Batch, BatchRequest, FailedPaymentProblem, Payment, PaymentId, PaymentRequest},
    },
    ANY, BODY, COMMAND, KEYED, LIST, MERCHANT, PAYMENT, idempotency_key, prefer, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 3] {
    [create(), create_batch(), read()]
}

fn create() -> Description {
    let mut body = Body::json(reference::<PaymentRequest>());
    let mut created =
        Answer::json::<Payment>(StatusCode::CREATED, "The payment, with its outcome.").replayable();
    for example in examples::payments() {
        body = body.example(example.name, example.summary, example.request);
        if let Some(payment) = example.payment {
            created = created.example(example.name, example.summary, payment);
        }
    }
    let failed = Answer::of(
        StatusCode::PAYMENT_REQUIRED,
        "The payment failed; it is in the body.",
        PROBLEM_JSON,
        reference::<FailedPaymentProblem>(),
    )
    .with_codes(&[ErrorCode::PaymentDeclined, ErrorCode::ProviderUnavailable])
    .example("card_declined", "A card without enough money", examples::declined_problem())
    .replayable();
    let under_way = Answer::json::<Payment>(
        StatusCode::ACCEPTED,
        "The payment is recorded, and its outcome is not known yet: read it later, or repeat the \
         request with the same idempotency key.",
    )
    .example("processing", "Under way", examples::processing_payment())
    .replayable();
    Description {
        route: Route::Payments,
        method: HttpMethod::Post,
        id: "createPayment",
        group: Group::Payments,
        summary: "Create a payment",
        description: "Creates a payment, and waits for its outcome for two seconds unless \
                      configured otherwise. All faults of a request are told at once.",
        access: Access::Merchant,
        parameters: vec![idempotency_key(), prefer()],
        body: Some(body),
        answers: vec![created, under_way, failed],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, PAYMENT, COMMAND]),
    }
}

fn create_batch() -> Description {
    let (request, answer) = examples::batch();
    let summary = "Two payments, of which one is declined, and one that cannot be made";
    Description {
        route: Route::PaymentBatch,
        method: HttpMethod::Post,
        id: "createPaymentBatch",
        group: Group::Payments,
        summary: "Create up to 500 payments",
        description: "Creates several payments at once. Each is answered as it would be alone, in \
                      the order of the request, and may have an idempotency key of its own.",
        access: Access::Merchant,
        parameters: vec![prefer()],
        body: Some(Body::json(reference::<BatchRequest>()).example("three", summary, request)),
        answers: vec![
            Answer::json::<Batch>(StatusCode::OK, "One answer for each payment.")
                .example("three", summary, answer),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, &[ErrorCode::IdempotencyKeyInvalid]]),
    }
}

fn read() -> Description {
    let moment = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(
            r"^([1-9][0-9]{0,9}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,}(Z|[+-][0-9]{2}:[0-9]{2}))$",
        ))
        .examples(["2026-01-15T10:30:00Z", "2026-01-15T16:00:00+05:30", "3"]);
    Description {
        route: Route::Payment,
        method: HttpMethod::Get,
        id: "readPayment",
        group: Group::Payments,
        summary: "Read a payment",
        description: "Shows a payment of the key's merchant, in the key's mode, as it is or as it was. \
                      Any other does not exist.",
        access: Access::Merchant,
        parameters: vec![
            path_parameter::<PaymentId>("id", "The payment's id."),
            query(
                "as_of",
                "As it was at this time, or when its `sequence` was this number. A time in the future \
                 shows it as it is. Personal data is shown as far as it is kept now.",
                moment,
            ),
        ],
        body: None,
        answers: vec![
            Answer::json::<Payment>(StatusCode::OK, "The payment.")
                .example("card", "Paid by card", examples::card_payment())
                .example("as_of", "As of its creation", examples::processing_payment()),
        ],
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            LIST,
            COMMAND,
            &[ErrorCode::PaymentNotFound, ErrorCode::PaymentNotFoundAsOf],
        ]),
    }
}
