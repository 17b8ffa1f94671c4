//! `v1/providers.rs` and `classic/providers.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Description, Group, path_parameter},
        schemas::{ClassicProvidersAnswer, Provider, ProviderId, ProviderList},
    },
    ANY, KEYED, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 3] {
    [list(), read(), classic_list()]
}

fn list() -> Description {
    Description {
        route: Route::Providers,
        method: HttpMethod::Get,
        id: "listProviders",
        group: Group::Providers,
        summary: "List the providers",
        description: "Shows who moves the money, and what they can do.",
        access: Access::Any,
        parameters: Vec::new(),
        body: None,
        answers: vec![Answer::json::<ProviderList>(StatusCode::OK, "All providers.").example(
            "all",
            "The simulator alone",
            examples::provider_list(),
        )],
        refusals: refusals(&[ANY, KEYED]),
    }
}

fn read() -> Description {
    Description {
        route: Route::Provider,
        method: HttpMethod::Get,
        id: "readProvider",
        group: Group::Providers,
        summary: "Read a provider",
        description: "Shows one provider.",
        access: Access::Any,
        parameters: vec![path_parameter::<ProviderId>("id", "The provider's name.")],
        body: None,
        answers: vec![Answer::json::<Provider>(StatusCode::OK, "The provider.").example(
            "simulator",
            "The simulator",
            examples::provider(),
        )],
        refusals: refusals(&[ANY, KEYED, &[ErrorCode::ProviderNotFound]]),
    }
}

fn classic_list() -> Description {
    Description {
        route: Route::ClassicProviders,
        method: HttpMethod::Get,
        id: "listClassicProviders",
        group: Group::Classic,
        summary: "List the providers",
        description: "Shows who moves the money, and what they can do.",
        access: Access::Any,
        parameters: Vec::new(),
        body: None,
        answers: vec![
            Answer::json::<ClassicProvidersAnswer>(StatusCode::OK, "All providers.").example(
                "all",
                "The simulator alone",
                examples::classic_providers(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED]),
    }
}
