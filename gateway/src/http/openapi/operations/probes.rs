//! `health.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Description, Group},
        schemas::{Health, Ready},
    },
    ANY, refusals,
};
use crate::http::router::Route;

pub(super) fn descriptions() -> [Description; 2] {
    [health(), ready()]
}

fn health() -> Description {
    Description {
        route: Route::Health,
        method: HttpMethod::Get,
        id: "readHealth",
        group: Group::Probes,
        summary: "How each component is",
        description: "Shows every component. A start or a drain is no failure.",
        access: Access::Open,
        parameters: Vec::new(),
        body: None,
        answers: vec![
            Answer::json::<Health>(StatusCode::OK, "No component has failed.").example(
                "up",
                "All is well",
                examples::health(),
            ),
            Answer::json::<Health>(StatusCode::SERVICE_UNAVAILABLE, "A component has failed."),
        ],
        refusals: refusals(&[ANY]),
    }
}

fn ready() -> Description {
    Description {
        route: Route::Ready,
        method: HttpMethod::Get,
        id: "readReady",
        group: Group::Probes,
        summary: "Whether payments are taken",
        description: "Says whether traffic may come.",
        access: Access::Open,
        parameters: Vec::new(),
        body: None,
        answers: vec![
            Answer::json::<Ready>(StatusCode::OK, "Payments are taken.").example(
                "up",
                "All is well",
                examples::ready(),
            ),
            Answer::json::<Ready>(
                StatusCode::SERVICE_UNAVAILABLE,
                "The gateway starts, stops, is full or has failed.",
            ),
        ],
        refusals: refusals(&[ANY]),
    }
}
