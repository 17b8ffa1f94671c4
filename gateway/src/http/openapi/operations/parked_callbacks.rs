//! `v1/parked_callbacks.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Description, Group, path_parameter},
        schemas::{DismissedCallback, ParkedCallbackId, ParkedCallbackList},
    },
    ANY, KEYED, LIST, OPERATOR,
    exceptions::page_of_queue,
    refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 2] {
    [list(), dismiss()]
}

fn list() -> Description {
    Description {
        route: Route::ParkedCallbacks,
        method: HttpMethod::Get,
        id: "listParkedCallbacks",
        group: Group::Exceptions,
        summary: "List parked callbacks",
        description: "Shows callbacks of providers about payments that are not known here, the oldest \
                      first: what follows a row is newer. Each is told again, more and more rarely, \
                      until it finds its payment.",
        access: Access::Operator,
        parameters: page_of_queue::<ParkedCallbackId>(),
        body: None,
        answers: vec![
            Answer::json::<ParkedCallbackList>(StatusCode::OK, "A page of callbacks.").example(
                "page",
                "An approval of an unknown payment",
                examples::parked_callback_list(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, OPERATOR, LIST, &[ErrorCode::NotReady]]),
    }
}

fn dismiss() -> Description {
    Description {
        route: Route::ParkedCallback,
        method: HttpMethod::Delete,
        id: "dismissParkedCallback",
        summary: "Dismiss a parked callback",
        description: "Lets a callback go that is about no payment of ours. The provider is not told.",
        parameters: vec![path_parameter::<ParkedCallbackId>("id", "The parked callback's id.")],
        answers: vec![
            Answer::json::<DismissedCallback>(StatusCode::OK, "It waits no more.").example(
                "dismissed",
                "A dismissed callback",
                examples::dismissed_callback(),
            ),
        ],
        refusals: refusals(&[
            ANY,
            KEYED,
            OPERATOR,
            &[ErrorCode::NotReady, ErrorCode::ParkedCallbackNotFound],
        ]),
        ..list()
    }
}
