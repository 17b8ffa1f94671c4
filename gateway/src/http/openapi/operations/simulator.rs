//! `simulator_ledger.rs`.

use hyper::StatusCode;
use utoipa::openapi::{
    RefOr, Schema,
    path::HttpMethod,
    schema::{ObjectBuilder, Type},
};

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, path_parameter, query_number},
        schemas::{AttemptId, LedgerPage},
    },
    ANY, KEYED, OPERATOR, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 3] {
    [ledger(), show_action(), decide_action()]
}

fn show_action() -> Description {
    Description {
        route: Route::SimulatorAction,
        method: HttpMethod::Get,
        id: "showSimulatorAction",
        group: Group::Simulator,
        summary: "Show a customer's page",
        description: "The page on which the customer of a payment that requires an action approves \
                      or declines: for 3-D Secure, net banking, wallets and UPI.",
        access: Access::Open,
        parameters: vec![path_parameter::<AttemptId>("attempt", "The attempt's id.")],
        body: None,
        answers: vec![
            Answer::of(StatusCode::OK, "The page.", HTML, text()),
            Answer::of(StatusCode::NOT_FOUND, "Nobody has to act here.", HTML, text()),
        ],
        refusals: refusals(&[ANY, &[ErrorCode::NotReady]]),
    }
}

fn decide_action() -> Description {
    let form = ObjectBuilder::new()
        .property(
            "decision",
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(["approve", "decline"])),
        )
        .required("decision");
    Description {
        method: HttpMethod::Post,
        id: "decideSimulatorAction",
        summary: "Approve or decline as the customer",
        description: "Takes the decision of the page's form, and sends the customer on to the \
                      payment's `return_url`, where there is one, with `payment_id`, `status`, \
                      `timestamp` and `signature`, which is signed with the merchant's secret of \
                      callbacks.",
        body: Some(Body::form(form.into())),
        answers: vec![
            Answer::of(StatusCode::OK, "It is decided.", HTML, text()),
            Answer::of(StatusCode::SEE_OTHER, "It is decided; on to the shop.", HTML, text()),
            Answer::of(
                StatusCode::UNPROCESSABLE_ENTITY,
                "The form has no decision of these.",
                HTML,
                text(),
            ),
            Answer::of(StatusCode::NOT_FOUND, "Nobody has to act here.", HTML, text()),
        ],
        refusals: refusals(&[
            ANY,
            &[
                ErrorCode::NotReady,
                ErrorCode::BodyInvalid,
                ErrorCode::BodyTooLarge,
                ErrorCode::ContentTypeUnsupported,
                ErrorCode::RequestTimeout,
            ],
        ]),
        ..show_action()
    }
}

const HTML: &str = "text/html";

fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

fn ledger() -> Description {
    Description {
        route: Route::SimulatorLedger,
        method: HttpMethod::Get,
        id: "readSimulatorLedger",
        group: Group::Simulator,
        summary: "Read the simulator's books",
        description: "Shows what the simulated provider has decided, so that a test can prove that \
                      nothing was charged or returned twice.",
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
    }
}
