//! `provider_callback.rs`.

use hyper::StatusCode;
use utoipa::{
    PartialSchema,
    openapi::{
        RefOr, Schema,
        path::{HttpMethod, Parameter},
        schema::{ObjectBuilder, Type},
    },
};

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, header, path_parameter, reference},
        schemas::{CallbackReceipt, ProviderCallback, ProviderId},
    },
    ANY, COMMAND, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 5] {
    let of_default = |route, id| Description {
        route,
        id,
        description: "The same, of the provider that there is by default.",
        parameters: signed().into(),
        refusals: refusals(&[ANY, CALLBACK, COMMAND]),
        ..classic(route, id, "id")
    };
    [
        Description {
            group: Group::Providers,
            ..classic(Route::ProviderCallback, "takeProviderCallback", "id")
        },
        classic(Route::ClassicProviderCallback, "takeClassicProviderCallback", "id"),
        classic(Route::ClassicCallback, "takeClassicCallback", "provider"),
        of_default(Route::ClassicPaymentCallback, "takeClassicPaymentCallback"),
        of_default(Route::ClassicRefundCallback, "takeClassicRefundCallback"),
    ]
}

/// What may be wrong with a callback.
const CALLBACK: &[ErrorCode] = &[
    ErrorCode::BodyInvalid,
    ErrorCode::BodyTooLarge,
    ErrorCode::ContentTypeUnsupported,
    ErrorCode::RequestTimeout,
    ErrorCode::CallbackSignatureInvalid,
    ErrorCode::CallbackOutOfTime,
    ErrorCode::CallbackUnmatched,
    ErrorCode::ProviderNotFound,
    ErrorCode::NotReady,
];

fn classic(route: Route, id: &'static str, parameter: &'static str) -> Description {
    let [timestamp, signature] = signed();
    Description {
        route,
        method: HttpMethod::Post,
        id,
        group: Group::Classic,
        summary: "Take a provider's callback",
        description: "A provider tells what became of an attempt or an operation. It is known by its \
                      signature, and acknowledged once what it says is durable; until then it should \
                      be sent again.",
        access: Access::Open,
        parameters: vec![
            path_parameter::<ProviderId>(parameter, "The provider's name."),
            timestamp,
            signature,
        ],
        body: Some(Body::json(reference::<ProviderCallback>()).example(
            "approved",
            "The customer has approved",
            examples::provider_callback(),
        )),
        answers: vec![
            Answer::json::<CallbackReceipt>(StatusCode::OK, "The callback is durable.").example(
                "received",
                "Received",
                examples::callback_receipt(),
            ),
        ],
        refusals: refusals(&[ANY, CALLBACK, COMMAND]),
    }
}

fn signed() -> [Parameter; 2] {
    [
        header::<TimestampHeader>(
            "Callback-Timestamp",
            "When the callback was sent: seconds since 1970, five minutes ago at the most.",
        ),
        header::<SignatureHeader>(
            "Callback-Signature",
            "`v1=` and the HMAC-SHA-256 of the timestamp, a dot and the body under the shared \
             secret, in hexadecimal; several are separated by commas.",
        ),
    ]
}

struct TimestampHeader;

impl PartialSchema for TimestampHeader {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9]{1,12}$"))
            .examples(["1800000000"])
            .into()
    }
}

struct SignatureHeader;

impl PartialSchema for SignatureHeader {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^v1=[0-9a-f]{64}")).into()
    }
}
