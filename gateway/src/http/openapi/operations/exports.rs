//! `v1/exports.rs`.

use hyper::StatusCode;
use serde_json::{Value, json};
use utoipa::openapi::{
    path::{HttpMethod, Parameter},
    schema::{ObjectBuilder, Type},
};

use super::{
    super::{
        examples,
        operation::{Access, Answer, Description, Group, query, query_id, reference},
        schemas::{CsvText, JsonLinesText, MerchantId},
    },
    ANY, COMMAND, KEYED, LIST, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 3] {
    [payments(), transactions(), refunds()]
}

fn payments() -> Description {
    Description {
        route: Route::PaymentExport,
        method: HttpMethod::Get,
        id: "exportPayments",
        group: Group::Payments,
        summary: "Export payments",
        description: "All payments of the key's merchant, in the key's mode, that were created on a \
                      day or in another span of time, the oldest first, each as it is when its turn \
                      comes; operators name the merchant. As CSV or, which is usual, as JSON lines: \
                      `format`, or `Accept`. An answer whose body breaks off lacks rows: HTTP clients \
                      report that as an error, and of JSON lines the last one is missing, which says \
                      `complete`. CSV leaves out what is personal.",
        access: Access::Any,
        parameters: parameters(),
        body: None,
        answers: answers(
            examples::card_payment(),
            "id,created_at,updated_at,processed_at,status\r\n",
        ),
        refusals: refusals(&[
            ANY,
            KEYED,
            LIST,
            COMMAND,
            &[
                ErrorCode::ParameterMissing,
                ErrorCode::MerchantMismatch,
                ErrorCode::MerchantNotFound,
                ErrorCode::ListsUnavailable,
            ],
        ]),
    }
}

fn transactions() -> Description {
    Description {
        route: Route::TransactionExport,
        id: "exportTransactions",
        group: Group::Transactions,
        summary: "Export transactions",
        description: "All transactions that began on a day or in another span of time: payments, and \
                      what was done to payments of any age. Otherwise as payments are exported.",
        answers: answers(examples::transaction(), "id,created_at,updated_at,type,status\r\n"),
        ..payments()
    }
}

fn refunds() -> Description {
    Description {
        route: Route::RefundExport,
        id: "exportRefunds",
        group: Group::Refunds,
        summary: "Export refunds",
        description: "All refunds that were begun on a day or in another span of time. Otherwise as \
                      payments are exported.",
        answers: answers(examples::refund(), "id,created_at,updated_at,status,currency\r\n"),
        ..payments()
    }
}

fn answers(row: Value, head: &'static str) -> Vec<Answer> {
    let last = json!({
        "object": "export", "complete": true, "rows": 1, "from": "2026-01-15T00:00:00.000Z",
        "to": "2026-01-15T23:59:59.999Z",
    });
    let told = "All rows, or a body that breaks off.";
    vec![
        Answer::of(StatusCode::OK, told, "application/jsonl", reference::<JsonLinesText>())
            .example("lines", "One row", json!(format!("{row}\n{last}\n"))),
        Answer::of(StatusCode::OK, told, "text/csv", reference::<CsvText>()).example(
            "table",
            "A table without rows; its header is cut here",
            json!(head),
        ),
    ]
}

fn parameters() -> Vec<Parameter> {
    let text = |pattern: &'static str, example: &'static str| {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples([example])
    };
    let time = || {
        text(
            r"^([0-9]{1,11}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,}(Z|[+-][0-9]{2}:[0-9]{2}))$",
            "2026-01-15T00:00:00Z",
        )
    };
    let formats =
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["csv", "jsonl"]));
    vec![
        query(
            "date",
            "The day, by UTC unless `tz` says otherwise. It, or a span of `created`, is needed.",
            text("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "2026-01-15"),
        ),
        query(
            "tz",
            "How far the day's clock is from UTC, the whole day long.",
            text("^(Z|[+-][0-9]{2}:[0-9]{2})$", "+05:30"),
        ),
        query("created[gte]", "Begun then or later.", time()),
        query("created[gt]", "Begun later.", time()),
        query("created[lte]", "Begun then or earlier.", time()),
        query("created[lt]", "Begun earlier.", time()),
        query("format", "As what.", formats),
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
