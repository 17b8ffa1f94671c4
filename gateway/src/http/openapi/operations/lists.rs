//! Lists of payments, reviews, refunds and transactions: `http/list_query.rs` and `http/listing.rs`.

use hyper::StatusCode;
use utoipa::openapi::{
    path::{HttpMethod, Parameter},
    schema::{ObjectBuilder, Type},
};

use super::{
    super::{
        examples,
        operation::{
            Access, Answer, Description, Group, path_parameter, query, query_id, query_number,
            reference,
        },
        schemas::{
            ClassicTransactionList, Currency, MerchantId, PaymentId, PaymentList, RefundId,
            RefundList, Timeline, TransactionId, TransactionList,
        },
    },
    ANY, COMMAND, KEYED, LIST, MERCHANT, page, refusals,
};
use crate::{
    http::{error::ErrorCode, router::Route},
    views::{MethodKind, RowKind, STATUSES, Standing},
};

const REFUSED: &[ErrorCode] = &[
    ErrorCode::ParameterMissing,
    ErrorCode::MerchantMismatch,
    ErrorCode::MerchantNotFound,
    ErrorCode::ListsUnavailable,
    ErrorCode::ListTooBroad,
];

pub(super) fn descriptions() -> [Description; 7] {
    [payments(), timeline(), reviews(), refunds(), transactions(), classic(), classic_of_merchant()]
}

fn payments() -> Description {
    let statuses = STATUSES.map(|status| status.as_str());
    let mut parameters = page::<PaymentId>().to_vec();
    parameters.push(choice("status", "Payments that stand so.", &statuses));
    parameters.extend(filters());
    Description {
        route: Route::Payments,
        method: HttpMethod::Get,
        id: "listPayments",
        group: Group::Payments,
        summary: "List payments",
        description: "Shows the payments of the key's merchant, in the key's mode, newest first; \
                      operators name the merchant. A page stays where it is while payments arrive \
                      and change: its cursor is a payment. Whatever was answered before is shown.",
        access: Access::Any,
        parameters,
        body: None,
        answers: vec![Answer::json::<PaymentList>(StatusCode::OK, "A page of payments.").example(
            "page",
            "A page with one payment",
            examples::payment_list("/api/v1/payments"),
        )],
        refusals: refusals(&[ANY, KEYED, LIST, COMMAND, REFUSED]),
    }
}

fn timeline() -> Description {
    Description {
        route: Route::PaymentEvents,
        id: "listPaymentEvents",
        summary: "List a payment's events",
        description: "Shows everything that the payment has gone through, the oldest first and all at \
                      once: each event with its number, its time, what brought it about, and the \
                      record of the log that holds it.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<PaymentId>("id", "The payment's id.")],
        answers: vec![Answer::json::<Timeline>(StatusCode::OK, "The events.").example(
            "events",
            "A payment under way",
            examples::timeline(),
        )],
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            COMMAND,
            &[ErrorCode::PaymentNotFound, ErrorCode::ListsUnavailable],
        ]),
        ..payments()
    }
}

fn reviews() -> Description {
    let mut parameters = page::<PaymentId>().to_vec();
    let detail = "`open`, which is usual: those that wait for a decision; `closed`: those that \
                  waited for one; `all`.";
    parameters.push(choice("status", detail, &["open", "closed", "all"]));
    parameters.extend(filters());
    Description {
        route: Route::Reviews,
        id: "listReviews",
        summary: "List reviews",
        description: "Shows payments that are authorized and wait for somebody to approve or reject \
                      them, newest first. A review goes by the id of its payment.",
        parameters,
        answers: vec![Answer::json::<PaymentList>(StatusCode::OK, "A page of payments.").example(
            "page",
            "A page with one payment",
            examples::payment_list("/api/v1/reviews"),
        )],
        ..payments()
    }
}

fn refunds() -> Description {
    let mut parameters = page::<RefundId>().to_vec();
    parameters.push(standing());
    parameters.push(query_id::<PaymentId>("payment_id", "Refunds of this payment."));
    parameters.extend(filters());
    Description {
        route: Route::Refunds,
        id: "listRefunds",
        group: Group::Refunds,
        summary: "List refunds",
        description: "Shows the refunds of the key's merchant, in the key's mode, newest first; \
                      operators name the merchant.",
        parameters,
        answers: vec![Answer::json::<RefundList>(StatusCode::OK, "A page of refunds.").example(
            "page",
            "A page with one refund",
            examples::refund_list(),
        )],
        ..payments()
    }
}

fn transactions() -> Description {
    let mut parameters = page::<TransactionId>().to_vec();
    parameters.extend(of_transactions());
    Description {
        route: Route::Transactions,
        id: "listTransactions",
        group: Group::Transactions,
        summary: "List transactions",
        description: "Shows attempts to move money, payments and all that is done to them, of the \
                      key's merchant, in the key's mode, newest first; operators name the merchant.",
        parameters,
        answers: vec![
            Answer::json::<TransactionList>(StatusCode::OK, "A page of transactions.").example(
                "page",
                "A page with one transaction",
                examples::transaction_list(),
            ),
        ],
        ..payments()
    }
}

fn classic() -> Description {
    let mut parameters = vec![
        query_number("limit", "The most rows of the page.", 1, Some(100), 10),
        query_number("offset", "How many rows to pass over.", 0, Some(100_000), 0),
    ];
    parameters.extend(of_transactions());
    Description {
        route: Route::ClassicTransactions,
        id: "listClassicTransactions",
        group: Group::Classic,
        summary: "List transactions",
        description: "Shows attempts to move money of the key's merchant, newest first, by their \
                      place in the list; operators name the merchant. `merchantID`, `paymentID`, \
                      `orderID`, `customerID`, `paymentMethod`, `startDate` and `endDate` are other \
                      names of parameters, and `completed` is one of `succeeded`.",
        parameters,
        answers: vec![
            Answer::json::<ClassicTransactionList>(StatusCode::OK, "A page of transactions.")
                .example(
                    "page",
                    "A page with one transaction",
                    examples::classic_transaction_list(),
                ),
        ],
        ..payments()
    }
}

fn classic_of_merchant() -> Description {
    let described = classic();
    let mut parameters = vec![path_parameter::<MerchantId>("id", "The merchant's id.")];
    parameters.extend(described.parameters);
    Description {
        route: Route::ClassicMerchantTransactions,
        id: "listClassicMerchantTransactions",
        summary: "List a merchant's transactions",
        description: "The same for the merchant that the path names: the key's own, or any for an \
                      operator.",
        parameters,
        ..classic()
    }
}

/// What transactions are found by beside what all are.
fn of_transactions() -> Vec<Parameter> {
    let kinds = RowKind::ALL.map(RowKind::as_str);
    let mut parameters = vec![
        choice("type", "Transactions of this type.", &kinds),
        standing(),
        query_id::<PaymentId>("payment_id", "This payment, and all that is done to it."),
    ];
    parameters.extend(filters());
    parameters
}

fn standing() -> Parameter {
    choice("status", "What became of it.", &Standing::ALL.map(Standing::as_str))
}

/// What everything is found by.
fn filters() -> Vec<Parameter> {
    let time = || {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(
                r"^([0-9]{1,11}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,}(Z|[+-][0-9]{2}:[0-9]{2}))$",
            ))
            .examples(["2026-01-15T00:00:00Z"])
    };
    let minor = || ObjectBuilder::new().schema_type(Type::Integer);
    let text = || ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    vec![
        query("order_id", "Of the order that the merchant calls so.", text()),
        query("customer_id", "Of the customer that the merchant calls so.", text()),
        query("currency", "In this currency.", reference::<Currency>()),
        choice("payment_method", "Paid so.", &MethodKind::ALL.map(MethodKind::as_str)),
        query("amount_minor", "Of this amount, in minor units.", minor()),
        query("amount_minor[gte]", "Of this amount or more.", minor()),
        query("amount_minor[gt]", "Of more.", minor()),
        query("amount_minor[lte]", "Of this amount or less.", minor()),
        query("amount_minor[lt]", "Of less.", minor()),
        query("created", "Begun then, in RFC 3339 or in seconds since 1970.", time()),
        query("created[gte]", "Begun then or later.", time()),
        query("created[gt]", "Begun later.", time()),
        query("created[lte]", "Begun then or earlier.", time()),
        query("created[lt]", "Begun earlier.", time()),
        query_id::<MerchantId>(
            "merchant_id",
            "Of this merchant; needed from operators, and the key's own from merchants.",
        ),
        query(
            "livemode",
            "Live or in test mode, which is usual; the key's own from merchants.",
            ObjectBuilder::new().schema_type(Type::Boolean),
        ),
    ]
}

fn choice(name: &'static str, description: &'static str, values: &[&'static str]) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values.to_vec()));
    query(name, description, schema)
}
