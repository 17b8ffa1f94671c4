//! `v1/payment_operations.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{
            Access, Answer, Body, Description, Group, PROBLEM_JSON, path_parameter, reference,
        },
        schemas::{
            CaptureRequest, FailedPaymentProblem, Payment, PaymentId, PlainOperationRequest,
        },
    },
    AMOUNT, ANY, BODY, COMMAND, KEYED, MERCHANT, ON_PAYMENT, idempotency_key, prefer, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 6] {
    [confirm(), capture(), void(), reverse(), approve(), reject()]
}

fn confirm() -> Description {
    Description {
        route: Route::PaymentConfirmation,
        id: "confirmPayment",
        summary: "Confirm a payment",
        description: "Tells the provider that the customer has acted, and asks what came of it. Where \
                      he has not, the payment still requires action. Legal in `requires_action`.",
        ..plain()
    }
}

fn capture() -> Description {
    let part = "A part, and the rest is let go";
    let mut plain = plain();
    let done = Answer::json::<Payment>(StatusCode::OK, "The payment, as the capture left it.");
    plain.answers[0] = done.example("part", part, examples::captured_payment()).replayable();
    Description {
        route: Route::PaymentCapture,
        id: "capturePayment",
        summary: "Capture a payment",
        description: "Takes funds that are reserved: all of them, or a part. What is left is let go \
                      at the provider unless `final` is false. Legal in `authorized` and \
                      `partially_captured`.",
        body: Some(
            Body::json(reference::<CaptureRequest>())
                .example("part", part, examples::capture_request())
                .optional(),
        ),
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            BODY,
            AMOUNT,
            ON_PAYMENT,
            COMMAND,
            &[ErrorCode::CaptureExceedsAuthorized],
        ]),
        ..plain
    }
}

fn void() -> Description {
    Description {
        route: Route::PaymentVoid,
        id: "voidPayment",
        summary: "Void a payment",
        description: "Lets go of what is reserved. After a partial capture the payment ends \
                      `completed` with what was captured. While the customer acts it is a request: \
                      if his approval wins, the payment is reversed. Legal in `authorized`, \
                      `partially_captured`, `requires_action` and `review`.",
        ..plain()
    }
}

fn reverse() -> Description {
    Description {
        route: Route::PaymentReversal,
        id: "reversePayment",
        summary: "Reverse a payment",
        description: "Undoes a whole payment before settlement; the fee goes back to the merchant. \
                      Legal in `completed`, while nothing is refunded.",
        ..plain()
    }
}

fn approve() -> Description {
    Description {
        route: Route::ReviewApproval,
        id: "approveReview",
        summary: "Approve a payment that is held for review",
        description: "Captures the payment, or leaves it `authorized` where the merchant captures by \
                      hand. Legal in `review`.",
        ..plain()
    }
}

fn reject() -> Description {
    Description {
        route: Route::ReviewRejection,
        id: "rejectReview",
        summary: "Reject a payment that is held for review",
        description: "Voids the payment. Legal in `review`.",
        ..plain()
    }
}

/// What all of them have; each says which it is.
fn plain() -> Description {
    let failed = Answer::of(
        StatusCode::PAYMENT_REQUIRED,
        "The provider did not carry it out, or what was confirmed has failed; the payment is in the \
         body.",
        PROBLEM_JSON,
        reference::<FailedPaymentProblem>(),
    )
    .with_codes(&[
        ErrorCode::OperationFailed,
        ErrorCode::PaymentDeclined,
        ErrorCode::ProviderUnavailable,
    ])
    .example("operation_failed", "The funds are not reserved any more", examples::undone_problem())
    .replayable();
    Description {
        route: Route::PaymentVoid,
        method: HttpMethod::Post,
        id: "",
        group: Group::Payments,
        summary: "",
        description: "",
        access: Access::Merchant,
        parameters: vec![
            path_parameter::<PaymentId>("id", "The payment's id."),
            idempotency_key(),
            prefer(),
        ],
        body: Some(Body::json(reference::<PlainOperationRequest>()).optional()),
        answers: vec![
            Answer::json::<Payment>(StatusCode::OK, "The payment, as the operation left it.")
                .example("card", "Paid by card", examples::card_payment())
                .replayable(),
            Answer::json::<Payment>(
                StatusCode::ACCEPTED,
                "The operation is recorded, and its outcome is not known yet.",
            )
            .replayable(),
            failed,
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, ON_PAYMENT, COMMAND]),
    }
}
