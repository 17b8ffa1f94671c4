//! `v1/keys.rs`: the same operations in three places.

use hyper::StatusCode;
use utoipa::openapi::path::{HttpMethod, Parameter};

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, path_parameter, reference},
        schemas::{
            ApiKey, ApiKeyId, ApiKeyList, IssuedApiKey, KeyRequest, MerchantId, OperatorKeyRequest,
            RotationRequest,
        },
    },
    ANY, BODY, COMMAND, KEYED, LIST, MERCHANT, OPERATOR, page, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> Vec<Description> {
    let own = Place {
        routes: [Route::OwnKeys, Route::OwnKey, Route::OwnKeyRotation],
        ids: ["listOwnKeys", "issueOwnKey", "rotateOwnKey", "revokeOwnKey"],
        about: "For the merchant that asks: its keys of its key's mode, which may do no more than \
                the key that issues them.",
        access: Access::Merchant,
        refusals: MERCHANT,
        merchant: false,
    };
    let merchants = Place {
        routes: [Route::MerchantKeys, Route::MerchantKey, Route::MerchantKeyRotation],
        ids: ["listMerchantKeys", "issueMerchantKey", "rotateMerchantKey", "revokeMerchantKey"],
        about: "For operators, and for the merchant itself within its key's mode and scopes.",
        access: Access::Any,
        refusals: &[ErrorCode::MerchantNotFound],
        merchant: true,
    };
    let operators = Place {
        routes: [Route::OperatorKeys, Route::OperatorKey, Route::OperatorKeyRotation],
        ids: ["listOperatorKeys", "issueOperatorKey", "rotateOperatorKey", "revokeOperatorKey"],
        about: "For operators: their own keys, which may do no more than the key that issues them.",
        access: Access::Operator,
        refusals: OPERATOR,
        merchant: false,
    };
    [own, merchants, operators].iter().flat_map(Place::descriptions).collect()
}

/// Where keys are managed, and by whom.
struct Place {
    /// Of all keys, of one key, and of its rotation.
    routes: [Route; 3],
    /// To list, issue, rotate and revoke.
    ids: [&'static str; 4],
    about: &'static str,
    access: Access,
    refusals: &'static [ErrorCode],
    /// Whether the path begins with a merchant.
    merchant: bool,
}

impl Place {
    fn descriptions(&self) -> [Description; 4] {
        [self.list(), self.issue(), self.rotate(), self.revoke()]
    }

    fn list(&self) -> Description {
        let parameters = self.merchant_parameter().into_iter().chain(page::<ApiKeyId>()).collect();
        Description {
            parameters,
            answers: vec![
                Answer::json::<ApiKeyList>(StatusCode::OK, "A page of keys, newest first.")
                    .example("page", "A page with one key", examples::key_list()),
            ],
            refusals: refusals(&[ANY, KEYED, self.refusals, LIST]),
            ..self.operation(0, self.routes[0], HttpMethod::Get, "List keys")
        }
    }

    fn issue(&self) -> Description {
        let summary = "A key that reads payments, for three months";
        let body = match self.access {
            Access::Operator => Body::json(reference::<OperatorKeyRequest>()).example(
                "key",
                "A key that looks at merchants",
                examples::operator_key_request(),
            ),
            Access::Open | Access::Merchant | Access::Any => Body::json(reference::<KeyRequest>())
                .example("key", summary, examples::key_request()),
        };
        Description {
            parameters: self.merchant_parameter().into_iter().collect(),
            body: Some(body),
            answers: vec![
                Answer::json::<IssuedApiKey>(
                    StatusCode::CREATED,
                    "The key with its text, which is shown this once.",
                )
                .example("key", summary, examples::issued_key()),
            ],
            refusals: refusals(&[ANY, KEYED, self.refusals, BODY, COMMAND, GIVEN, LIMITED]),
            ..self.operation(1, self.routes[0], HttpMethod::Post, "Issue a key")
        }
    }

    fn rotate(&self) -> Description {
        let summary = "Another key, with an hour to change over";
        let body = Body::json(reference::<RotationRequest>()).optional().example(
            "rotation",
            summary,
            examples::rotation_request(),
        );
        Description {
            parameters: self.key_parameters(),
            body: Some(body),
            answers: vec![
                Answer::json::<IssuedApiKey>(
                    StatusCode::CREATED,
                    "The key in its place with its text, which is shown this once. The old one \
                     stays good for the overlap.",
                )
                .example("rotation", summary, examples::issued_key()),
            ],
            refusals: refusals(&[
                ANY,
                KEYED,
                self.refusals,
                BODY,
                COMMAND,
                GIVEN,
                &[ErrorCode::ApiKeyNotFound, ErrorCode::ApiKeyUnexpectedState],
            ]),
            ..self.operation(2, self.routes[2], HttpMethod::Post, "Rotate a key")
        }
    }

    fn revoke(&self) -> Description {
        Description {
            parameters: self.key_parameters(),
            answers: vec![
                Answer::json::<ApiKey>(
                    StatusCode::OK,
                    "The key, which opens nothing any more. A key may revoke itself.",
                )
                .example("revoked", "A revoked key", examples::revoked_key()),
            ],
            refusals: refusals(&[ANY, KEYED, self.refusals, COMMAND, &[ErrorCode::ApiKeyNotFound]]),
            ..self.operation(3, self.routes[1], HttpMethod::Delete, "Revoke a key")
        }
    }

    /// An operation of this place, of which the rest is to be said.
    fn operation(
        &self,
        id: usize,
        route: Route,
        method: HttpMethod,
        summary: &'static str,
    ) -> Description {
        Description {
            route,
            method,
            id: self.ids[id],
            group: Group::Keys,
            summary,
            description: self.about,
            access: self.access,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: Vec::new(),
        }
    }

    fn merchant_parameter(&self) -> Option<Parameter> {
        self.merchant.then(|| path_parameter::<MerchantId>("id", "The merchant's id."))
    }

    fn key_parameters(&self) -> Vec<Parameter> {
        let key = path_parameter::<ApiKeyId>("key", "The key's id.");
        self.merchant_parameter().into_iter().chain([key]).collect()
    }
}

/// What may be wrong with what a key is given.
const GIVEN: &[ErrorCode] = &[ErrorCode::ParameterConflict, ErrorCode::ScopeExceeded];

/// What else an issue may be refused with.
const LIMITED: &[ErrorCode] = &[ErrorCode::ModeMismatch, ErrorCode::ApiKeyLimitReached];
