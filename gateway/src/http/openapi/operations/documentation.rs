//! `openapi.rs` and `error_page.rs`.

use hyper::StatusCode;
use utoipa::openapi::{
    RefOr, Schema,
    path::HttpMethod,
    schema::{ObjectBuilder, Type},
};

use super::{
    super::{
        operation::{Access, Answer, Description, Group, JSON, reference},
        schemas::ErrorPage,
    },
    ANY, refusals,
};
use crate::http::router::Route;

pub(super) fn descriptions() -> [Description; 3] {
    let object: RefOr<Schema> = ObjectBuilder::new().schema_type(Type::Object).into();
    let text: RefOr<Schema> = ObjectBuilder::new().schema_type(Type::String).into();
    let described = |route, id, summary, description, answer| Description {
        route,
        method: HttpMethod::Get,
        id,
        group: Group::Documentation,
        summary,
        description,
        access: Access::Open,
        parameters: Vec::new(),
        body: None,
        answers: vec![answer],
        refusals: refusals(&[ANY]),
    };
    [
        described(
            Route::OpenApi,
            "readOpenApi",
            "This document",
            "The OpenAPI 3.1 document of everything that is served.",
            Answer::of(StatusCode::OK, "An OpenAPI document.", JSON, object),
        ),
        described(
            Route::Docs,
            "readDocs",
            "This document, for people",
            "The same as a page that needs nothing else.",
            Answer::of(StatusCode::OK, "A page.", "text/html", text),
        ),
        described(
            Route::ErrorPage,
            "readErrorPage",
            "Error codes",
            "Every error code, with what it means and what to do. The `type` of a problem leads here.",
            Answer::of(StatusCode::OK, "A page.", "text/markdown", reference::<ErrorPage>()),
        ),
    ]
}
