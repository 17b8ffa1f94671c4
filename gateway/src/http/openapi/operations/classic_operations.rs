//! `classic/payment_operations.rs` and `classic/refunds.rs`.

use hyper::StatusCode;
use utoipa::openapi::{Ref, path::HttpMethod};

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, path_parameter},
        other_names::{
            CLASSIC_CAPTURE_REQUEST, CLASSIC_PLAIN_OPERATION_REQUEST, CLASSIC_REFUND_REQUEST,
        },
        schemas::{
            ClassicPaymentAnswer, ClassicRefundAnswer, ClassicRefundStatusAnswer, PaymentId,
            RefundId,
        },
    },
    AMOUNT, ANY, BODY, COMMAND, KEYED, MERCHANT, ON_PAYMENT, READ, idempotency_key, prefer,
    refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 6] {
    [capture(), void(), reverse(), refund(), process_refund(), read_refund_status()]
}

fn capture() -> Description {
    Description {
        route: Route::ClassicPaymentCapture,
        id: "captureClassicPayment",
        summary: "Capture a payment",
        description: "Takes funds that are reserved: all of them, or a part.",
        body: Some(body(CLASSIC_CAPTURE_REQUEST).optional()),
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            BODY,
            AMOUNT,
            ON_PAYMENT,
            COMMAND,
            &[ErrorCode::CaptureExceedsAuthorized, ErrorCode::OperationFailed],
        ]),
        ..plain()
    }
}

fn void() -> Description {
    Description {
        route: Route::ClassicPaymentVoid,
        id: "voidClassicPayment",
        summary: "Void a payment",
        description: "Lets go of what is reserved.",
        ..plain()
    }
}

fn reverse() -> Description {
    Description {
        route: Route::ClassicPaymentReversal,
        id: "reverseClassicPayment",
        summary: "Reverse a payment",
        description: "Undoes a whole payment before settlement.",
        ..plain()
    }
}

fn process_refund() -> Description {
    Description {
        route: Route::ClassicRefundProcess,
        id: "processClassicRefund",
        summary: "Refund a payment",
        description: "Returns what was taken: all that is left, or a part.",
        parameters: vec![idempotency_key(), prefer()],
        body: Some(body(CLASSIC_REFUND_REQUEST)),
        answers: vec![
            Answer::json::<ClassicRefundAnswer>(StatusCode::CREATED, "The refund.")
                .example("refund", "A part is returned", examples::classic_refund())
                .replayable(),
            Answer::json::<ClassicRefundAnswer>(
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
        ..plain()
    }
}

fn refund() -> Description {
    Description {
        route: Route::ClassicPaymentRefund,
        id: "refundClassicPayment",
        summary: "Refund this payment",
        description: "The same as `POST /api/refunds/process`, with the payment named by the path.",
        parameters: plain().parameters,
        body: Some(body(CLASSIC_REFUND_REQUEST).optional()),
        ..process_refund()
    }
}

fn read_refund_status() -> Description {
    Description {
        route: Route::ClassicRefundStatus,
        method: HttpMethod::Get,
        id: "readClassicRefundStatus",
        group: Group::Classic,
        summary: "Read a refund's status",
        description: "Shows a refund in short.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<RefundId>("id", "The refund's id.")],
        body: None,
        answers: vec![
            Answer::json::<ClassicRefundStatusAnswer>(StatusCode::OK, "The refund's status.")
                .example("refund", "A part is returned", examples::classic_refund_status()),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, READ, &[ErrorCode::RefundNotFound]]),
    }
}

/// A body, or a form of the same fields.
fn body(schema: &str) -> Body {
    Body::json(Ref::from_schema_name(schema).into()).or_form(Ref::from_schema_name(schema).into())
}

/// What operations on a payment have; each says which it is.
fn plain() -> Description {
    Description {
        route: Route::ClassicPaymentVoid,
        method: HttpMethod::Post,
        id: "",
        group: Group::Classic,
        summary: "",
        description: "",
        access: Access::Merchant,
        parameters: vec![
            path_parameter::<PaymentId>("id", "The payment's id."),
            idempotency_key(),
            prefer(),
        ],
        body: Some(body(CLASSIC_PLAIN_OPERATION_REQUEST).optional()),
        answers: vec![
            Answer::json::<ClassicPaymentAnswer>(
                StatusCode::OK,
                "The payment, as the operation left it.",
            )
            .replayable(),
            Answer::json::<ClassicPaymentAnswer>(
                StatusCode::ACCEPTED,
                "The operation is recorded, and its outcome is not known yet.",
            )
            .replayable(),
        ],
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            BODY,
            ON_PAYMENT,
            COMMAND,
            &[ErrorCode::OperationFailed],
        ]),
    }
}
