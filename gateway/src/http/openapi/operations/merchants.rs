//! `v1/merchants.rs`.

use hyper::StatusCode;
use utoipa::openapi::{path::HttpMethod, schema::AnyOfBuilder};

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, JSON, path_parameter, reference},
        schemas::{
            Merchant, MerchantChange, MerchantId, MerchantList, MerchantRequest, PublicMerchant,
            RegisteredMerchant,
        },
    },
    ANY, BODY, COMMAND, KEYED, LIST, MERCHANT, OPERATOR, page, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

/// Where a merchant is looked for.
const SOUGHT: &[ErrorCode] = &[ErrorCode::MerchantNotFound];

pub(super) fn descriptions() -> [Description; 5] {
    [list(), create(), read(), update(), read_own()]
}

fn list() -> Description {
    Description {
        route: Route::Merchants,
        method: HttpMethod::Get,
        id: "listMerchants",
        group: Group::Merchants,
        summary: "List merchants",
        description: "Shows the merchants, newest first.",
        access: Access::Operator,
        parameters: page::<MerchantId>().into(),
        body: None,
        answers: vec![
            Answer::json::<MerchantList>(StatusCode::OK, "A page of merchants.").example(
                "page",
                "A page with one merchant",
                examples::merchant_list(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, OPERATOR, LIST]),
    }
}

fn create() -> Description {
    let summary = "A merchant with an address to write to";
    Description {
        route: Route::Merchants,
        method: HttpMethod::Post,
        id: "createMerchant",
        group: Group::Merchants,
        summary: "Register a merchant",
        description: "Registers a merchant. Its first keys, one for each mode, are shown this once.",
        access: Access::Operator,
        parameters: Vec::new(),
        body: Some(Body::json(reference::<MerchantRequest>()).example(
            "merchant",
            summary,
            examples::merchant_request(),
        )),
        answers: vec![
            Answer::json::<RegisteredMerchant>(
                StatusCode::CREATED,
                "The merchant, with its first keys.",
            )
            .example("merchant", summary, examples::registered_merchant()),
        ],
        refusals: refusals(&[ANY, KEYED, OPERATOR, BODY, COMMAND]),
    }
}

fn read() -> Description {
    Description {
        route: Route::Merchant,
        method: HttpMethod::Get,
        id: "readMerchant",
        group: Group::Merchants,
        summary: "Read a merchant",
        description: "Shows a merchant to operators and to itself; to any other it does not exist. \
                      By a publishable key it shows what customers may know.",
        access: Access::Any,
        parameters: vec![path_parameter::<MerchantId>("id", "The merchant's id.")],
        body: None,
        answers: vec![shown()],
        refusals: refusals(&[ANY, KEYED, SOUGHT]),
    }
}

fn update() -> Description {
    let summary = "Another name, another address, and no suspension";
    Description {
        route: Route::Merchant,
        method: HttpMethod::Patch,
        id: "updateMerchant",
        group: Group::Merchants,
        summary: "Change a merchant",
        description: "Changes what is given and leaves the rest. A suspended merchant takes no new \
                      payments; all else goes on.",
        access: Access::Operator,
        parameters: vec![path_parameter::<MerchantId>("id", "The merchant's id.")],
        body: Some(Body::json(reference::<MerchantChange>()).example(
            "merchant",
            summary,
            examples::merchant_change(),
        )),
        answers: vec![
            Answer::json::<Merchant>(StatusCode::OK, "The merchant as it is now.").example(
                "merchant",
                summary,
                examples::merchant(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, OPERATOR, BODY, COMMAND, SOUGHT]),
    }
}

fn read_own() -> Description {
    Description {
        route: Route::OwnMerchant,
        method: HttpMethod::Get,
        id: "readOwnMerchant",
        group: Group::Merchants,
        summary: "Read the key's merchant",
        description: "Shows the merchant that asks; by a publishable key, what customers may know.",
        access: Access::Merchant,
        parameters: Vec::new(),
        body: None,
        answers: vec![shown()],
        refusals: refusals(&[ANY, KEYED, MERCHANT, SOUGHT]),
    }
}

/// A merchant, whole or as customers may know it.
fn shown() -> Answer {
    let either =
        AnyOfBuilder::new().item(reference::<Merchant>()).item(reference::<PublicMerchant>());
    Answer::of(StatusCode::OK, "The merchant.", JSON, either.into())
        .example("merchant", "By a secret key", examples::merchant())
        .example("public", "By a publishable key", examples::public_merchant())
}
