//! `simulator_ledger.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Description, Group, query_number},
        schemas::LedgerPage,
    },
    ANY, KEYED, OPERATOR, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 1] {
    [Description {
        route: Route::SimulatorLedger,
        method: HttpMethod::Get,
        id: "readSimulatorLedger",
        group: Group::Simulator,
        summary: "Read the simulator's books",
        description: "Shows what the simulated provider has decided, so that a test can prove that \
                      nothing was charged twice.",
        access: Access::Operator,
        parameters: vec![
            query_number("after", "The `next` of the page before.", 0, None, 0),
            query_number("limit", "The most entries of the page.", 1, Some(1_000), 100),
        ],
        body: None,
        answers: vec![Answer::json::<LedgerPage>(StatusCode::OK, "A page of the books.").example(
            "page",
            "A page with one entry",
            examples::ledger_page(),
        )],
        refusals: refusals(&[
            ANY,
            KEYED,
            OPERATOR,
            &[ErrorCode::ParameterUnknown, ErrorCode::ParameterInvalid],
        ]),
    }]
}
