//! `v1/transactions.rs` and `classic/transactions.rs`.

use hyper::StatusCode;
use utoipa::openapi::{Ref, path::HttpMethod};

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, path_parameter, reference},
        other_names::CLASSIC_OUTCOME_REQUEST,
        schemas::{ClassicTransactionAnswer, OutcomeRequest, Transaction, TransactionId},
    },
    ANY, BODY, COMMAND, KEYED, MERCHANT, OPERATOR, READ, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

const SOUGHT: &[ErrorCode] = &[ErrorCode::TransactionNotFound];

pub(super) fn descriptions() -> [Description; 4] {
    [read(), record_outcome(), read_classic(), record_classic_status()]
}

fn read() -> Description {
    Description {
        route: Route::Transaction,
        method: HttpMethod::Get,
        id: "readTransaction",
        group: Group::Transactions,
        summary: "Read a transaction",
        description: "Shows a payment, a capture, a refund or a reversal as an attempt to move money; \
                      confirmations and voids, which move none, as well. Any transaction of another \
                      merchant or mode does not exist.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<TransactionId>("id", "The transaction's id.")],
        body: None,
        answers: vec![shown()],
        refusals: refusals(&[ANY, KEYED, MERCHANT, READ, COMMAND, SOUGHT]),
    }
}

fn record_outcome() -> Description {
    Description {
        route: Route::TransactionOutcome,
        method: HttpMethod::Post,
        id: "recordOutcome",
        group: Group::Exceptions,
        summary: "Enter an outcome that was learnt elsewhere",
        description: "Records what an operator has learnt from the provider by another way, and does \
                      whatever the provider's own answer would do: a late success is booked as an \
                      exception, a denial of what had succeeded is asked about. It is kept in the log \
                      as the operator's. What is known already changes nothing.",
        access: Access::Operator,
        body: Some(Body::json(reference::<OutcomeRequest>())),
        refusals: refusals(&[ANY, KEYED, OPERATOR, BODY, COMMAND, SOUGHT]),
        ..read()
    }
}

fn read_classic() -> Description {
    Description {
        route: Route::ClassicTransaction,
        id: "readClassicTransaction",
        group: Group::Classic,
        answers: vec![shown_classic()],
        ..read()
    }
}

fn record_classic_status() -> Description {
    let schema = Ref::from_schema_name(CLASSIC_OUTCOME_REQUEST);
    Description {
        route: Route::ClassicTransactionStatus,
        id: "recordClassicTransactionStatus",
        group: Group::Classic,
        body: Some(Body::json(schema.into())),
        answers: vec![shown_classic()],
        ..record_outcome()
    }
}

fn shown() -> Answer {
    Answer::json::<Transaction>(StatusCode::OK, "The transaction.").example(
        "payment",
        "A payment that was approved",
        examples::transaction(),
    )
}

fn shown_classic() -> Answer {
    Answer::json::<ClassicTransactionAnswer>(StatusCode::OK, "The transaction.").example(
        "payment",
        "A payment that was approved",
        examples::classic_transaction(),
    )
}
