//! `v1/exceptions.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, path_parameter, reference},
        schemas::{
            Exception, ExceptionId, ExceptionList, PaymentId, ResolutionRequest, TransactionId,
            UnknownList,
        },
    },
    ANY, BODY, COMMAND, KEYED, LIST, OPERATOR, page, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 4] {
    [list(), read(), resolve(), unknown()]
}

fn list() -> Description {
    Description {
        route: Route::Exceptions,
        method: HttpMethod::Get,
        id: "listExceptions",
        group: Group::Exceptions,
        summary: "List open exceptions",
        description: "Shows what has to be decided, the oldest first: what follows a row is newer. A \
                      provider has done what breaks a bound, or denies what it had said.",
        access: Access::Operator,
        parameters: page_of_queue::<ExceptionId>(),
        body: None,
        answers: vec![
            Answer::json::<ExceptionList>(StatusCode::OK, "A page of exceptions.").example(
                "page",
                "An approval that came too late",
                examples::exception_list(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, OPERATOR, LIST, COMMAND]),
    }
}

fn read() -> Description {
    Description {
        route: Route::Exception,
        id: "readException",
        summary: "Read an exception",
        description: "Shows an exception, open or resolved.",
        parameters: vec![
            path_parameter::<PaymentId>("id", "The payment's id."),
            path_parameter::<ExceptionId>("case", "The exception's id."),
        ],
        answers: vec![Answer::json::<Exception>(StatusCode::OK, "The exception.").example(
            "late",
            "An approval that came too late",
            examples::exception(),
        )],
        refusals: refusals(&[ANY, KEYED, OPERATOR, COMMAND, &[ErrorCode::CaseNotFound]]),
        ..list()
    }
}

fn resolve() -> Description {
    Description {
        route: Route::ExceptionResolution,
        method: HttpMethod::Post,
        id: "resolveException",
        summary: "Resolve an exception",
        description: "Books what the operator says has become of the money; the money itself he has \
                      seen to. What the provider did late is `returned`, `assigned` or `dismissed`; \
                      what it denies is `withdrawn` or `dismissed`.",
        body: Some(Body::json(reference::<ResolutionRequest>())),
        refusals: refusals(&[
            ANY,
            KEYED,
            OPERATOR,
            BODY,
            COMMAND,
            &[ErrorCode::CaseNotFound, ErrorCode::PaymentNotFound, ErrorCode::CaseUnexpectedState],
        ]),
        ..read()
    }
}

fn unknown() -> Description {
    Description {
        route: Route::UnknownOutcomes,
        id: "listUnknownOutcomes",
        summary: "List what is unknown",
        description: "Shows payments, and what is done to them, whose outcome is not known, in the \
                      order in which they were begun: what follows a row was begun later.",
        parameters: page_of_queue::<TransactionId>(),
        answers: vec![
            Answer::json::<UnknownList>(StatusCode::OK, "A page of what is unknown.").example(
                "page",
                "A payment whose answer was lost",
                examples::unknown_list(),
            ),
        ],
        ..list()
    }
}

/// As of any list, but oldest first.
pub(super) fn page_of_queue<I: utoipa::ToSchema>() -> Vec<utoipa::openapi::path::Parameter> {
    let mut parameters = Vec::from(page::<I>());
    for parameter in &mut parameters {
        parameter.description = match parameter.name.as_str() {
            "starting_after" => Some("Shows what is newer than this row.".to_owned()),
            "ending_before" => Some("Shows what is older than this row.".to_owned()),
            _limit => parameter.description.take(),
        };
    }
    parameters
}
