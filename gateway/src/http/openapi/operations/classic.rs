//! `classic/payments.rs`.

use hyper::StatusCode;
use utoipa::openapi::{Ref, path::HttpMethod};

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, path_parameter, reference},
        other_names::CLASSIC_PAYMENT_REQUEST,
        schemas::{
            ClassicCreatedAnswer, ClassicPaymentAnswer, ClassicPaymentForm, ClassicStatusAnswer,
            PaymentId,
        },
    },
    ANY, BODY, COMMAND, KEYED, MERCHANT, PAYMENT, READ, idempotency_key, prefer, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 3] {
    [process(), read(), read_status()]
}

fn process() -> Description {
    let mut body = Body::json(Ref::from_schema_name(CLASSIC_PAYMENT_REQUEST).into());
    let mut created = Answer::json::<ClassicCreatedAnswer>(
        StatusCode::CREATED,
        "The payment, with its outcome: a declined one has the status `failed`.",
    )
    .replayable();
    for example in examples::classic_payments() {
        body = body.example(example.name, example.summary, example.request);
        if let Some(payment) = example.payment {
            created = created.example(example.name, example.summary, payment);
        }
    }
    let (form, answer) = examples::classic_form();
    body =
        body.or_form(reference::<ClassicPaymentForm>()).example("form", "A card, as a form", form);
    created = created.example("form", "Paid by card", answer);
    let under_way = Answer::json::<ClassicCreatedAnswer>(
        StatusCode::ACCEPTED,
        "The payment is recorded, and its outcome is not known yet.",
    )
    .replayable();
    Description {
        route: Route::ClassicPaymentProcess,
        method: HttpMethod::Post,
        id: "processClassicPayment",
        group: Group::Classic,
        summary: "Create a payment",
        description: "Creates a payment, and waits for its outcome for two seconds unless \
                      configured otherwise.",
        access: Access::Merchant,
        parameters: vec![idempotency_key(), prefer()],
        body: Some(body),
        answers: vec![created, under_way],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, PAYMENT, COMMAND]),
    }
}

fn read() -> Description {
    Description {
        route: Route::ClassicPayment,
        method: HttpMethod::Get,
        id: "readClassicPayment",
        group: Group::Classic,
        summary: "Read a payment",
        description: "Shows a payment of the key's merchant, in the key's mode.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<PaymentId>("id", "The payment's id.")],
        body: None,
        answers: vec![
            Answer::json::<ClassicPaymentAnswer>(StatusCode::OK, "The payment.").example(
                "card",
                "Paid by card",
                examples::classic_card_payment(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, READ, &[ErrorCode::PaymentNotFound]]),
    }
}

fn read_status() -> Description {
    Description {
        route: Route::ClassicPaymentStatus,
        method: HttpMethod::Get,
        id: "readClassicPaymentStatus",
        group: Group::Classic,
        summary: "Read a payment's status",
        description: "Shows a payment in short.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<PaymentId>("id", "The payment's id.")],
        body: None,
        answers: vec![
            Answer::json::<ClassicStatusAnswer>(StatusCode::OK, "The payment in short.").example(
                "card",
                "Paid by card",
                examples::classic_status(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, READ, &[ErrorCode::PaymentNotFound]]),
    }
}
