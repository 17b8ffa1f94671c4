//! The document, put together.

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ComponentsBuilder, InfoBuilder, OpenApiBuilder, PathsBuilder, RefOr, Schema, ServerBuilder,
        example::ExampleBuilder,
        path::{ParameterBuilder, ParameterIn, PathItem, PathItemBuilder},
        schema::{ObjectBuilder, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

use super::{
    examples,
    operation::{Description, Group, answer_header, example_name},
    operations::descriptions,
    other_names,
    schemas::{
        AccountList, ApiKey as ApiKeySchema, ApiKeyId, ApiKeyList, AttemptId, BackupArchive,
        Balances, Batch, BatchRequest, CallbackReceipt, CallbackSecret, CaptureRequest,
        ClassicCreatedAnswer, ClassicEventPageAnswer, ClassicPaymentAnswer, ClassicPaymentForm,
        ClassicProblem, ClassicProvidersAnswer, ClassicRefundAnswer, ClassicRefundStatusAnswer,
        ClassicStatusAnswer, ClassicTransactionAnswer, ClassicTransactionList, CountryCode,
        CsvText, Currency, CustomerId, DeadLetter, DeadLetterList, DeletedWebhookEndpoint,
        DeliveryId, DismissedCallback, EntryList, ErasedCustomer, ErrorPage, Event, EventId,
        EventPage, EventResendRequest, EventStreamText, Exception, ExceptionId, ExceptionList,
        FailedPaymentProblem, Health, IssuedApiKey, JsonLinesText, KeyRequest, LedgerPage,
        Merchant, MerchantChange, MerchantId, MerchantList, MerchantRequest, OperatorKeyRequest,
        Order, OrderId, OrderList, OrderRequest, OutcomeRequest, ParkedCallback, ParkedCallbackId,
        ParkedCallbackList, Payment, PaymentId, PaymentList, PaymentMethodList, PaymentRequest,
        PlainOperationRequest, Problem, Provider, ProviderCallback, ProviderId, ProviderList,
        PublicMerchant, QueueStatus, Ready, RecoverRequest, Refund, RefundId, RefundList,
        RefundRequest, RegisteredMerchant, ResolutionRequest, RotationRequest, SecretRequest,
        Snapshot, TestRequest, Timeline, Transaction, TransactionId, TransactionList, UnknownList,
        VpaRequest, VpaValidation, WalletBalance, WalletBalanceRequest, WalletLink,
        WalletLinkRequest, WebhookAttempt, WebhookAttemptList, WebhookEndpoint, WebhookEndpointId,
        WebhookEndpointList, WebhookReceiver, WebhookRedelivery, WebhookRequest,
    },
};
use crate::http::{error::ErrorCode, surface::Surface};

const ABOUT: &str = "\
Payments, durable before they are answered.

New clients use version 1, below `/api/v1/`: snake_case, and problems as RFC 9457 has them. What \
else is below `/api/` is the classic surface, for clients that were written for the older API. Both \
are views of the same payments.

Test keys (`sk_test_…`) reach the simulator and move no money. A request that might have been \
carried out is repeated with the same `Idempotency-Key`; the error codes say when.";

/// The document.
pub(super) fn document() -> Value {
    let descriptions = descriptions();
    let components = components(&descriptions);
    let mut paths: Vec<(&'static str, PathItem)> = Vec::new();
    for description in descriptions {
        let (path, method) = (description.route.template(), description.method.clone());
        let operation = description.into_operation();
        let item = PathItemBuilder::new().operation(method, operation).build();
        match paths.iter_mut().find(|(known, _item)| *known == path) {
            Some((_path, known)) => known.merge_operations(item),
            None => paths.push((path, item)),
        }
    }
    let paths =
        paths.into_iter().fold(PathsBuilder::new(), |paths, (path, item)| paths.path(path, item));
    let info = InfoBuilder::new()
        .title("Tollgate")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .build();
    let tags = Group::ALL.map(|group| {
        TagBuilder::new().name(group.name()).description(Some(group.description())).build()
    });
    let document = OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .paths(paths)
        .components(Some(components))
        .tags(Some(tags))
        .build();
    let mut document =
        serde_json::to_value(&document).expect("a document is of strings and numbers");
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        other_names::add(schemas);
    }
    document
}

fn components(descriptions: &[Description]) -> utoipa::openapi::Components {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let count = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let mut components = ComponentsBuilder::new()
        .schemas_from_iter(schemas())
        .security_scheme("bearer", bearer())
        .security_scheme("basic", basic())
        .security_scheme("apiKey", api_key("X-Api-Key", "The API key, in the older header."))
        .security_scheme(
            "apiSecret",
            api_key("X-Api-Secret", "The secret that older clients send beside `X-Api-Key`."),
        )
        .parameter(
            "RequestId",
            ParameterBuilder::new()
                .name("X-Request-Id")
                .parameter_in(ParameterIn::Header)
                .description(Some(
                    "The client's own name of the request, 1 to 128 visible ASCII characters; it \
                     comes back with the answer.",
                ))
                .schema(Some(text().pattern(Some("^[!-~]{1,128}$"))))
                .build(),
        )
        .header("RequestId", answer_header("Under which the request can be found again.", text()))
        .header(
            "IdempotentReplayed",
            answer_header(
                "There where the answer is that of an earlier request with the same idempotency \
                 key.",
                text().enum_values(Some(["true"])),
            ),
        )
        .header("RetryAfter", answer_header("In how many seconds to come again.", count()))
        .header("RateLimitLimit", answer_header("Requests that the key may make at once.", count()))
        .header("RateLimitRemaining", answer_header("How many of them are left.", count()))
        .header(
            "RateLimitReset",
            answer_header("In how many seconds all of them are there again.", count()),
        )
        .header("Challenge", answer_header("How to authenticate (RFC 9110).", text()));
    for (code, surface) in codes(descriptions) {
        let value = match surface {
            Surface::V1 => examples::refusal(code),
            Surface::Classic => examples::classic_refusal(code),
        };
        let example = ExampleBuilder::new().summary(code.title()).value(Some(value));
        components = components.example(example_name(code, surface), example);
    }
    components.build()
}

/// Every code that is refused with, and where, each once.
fn codes(descriptions: &[Description]) -> Vec<(ErrorCode, Surface)> {
    let mut known = BTreeSet::new();
    let mut codes = Vec::new();
    for description in descriptions {
        let surface = Surface::of_path(description.route.template());
        for code in &description.refusals {
            if known.insert(example_name(*code, surface)) {
                codes.push((*code, surface));
            }
        }
    }
    codes
}

fn bearer() -> SecurityScheme {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("sk_test_… or sk_live_…; ak_… for the operator")
        .description(Some("The API key. The operator's operations take the operator's key."));
    SecurityScheme::Http(scheme.build())
}

fn basic() -> SecurityScheme {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("The API key as the user name; the password is empty."));
    SecurityScheme::Http(scheme.build())
}

fn api_key(header: &str, description: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(header, description)))
}

/// Every schema by its name; those of the classic surface's requests are made from them.
fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = Vec::new();
    add::<PaymentRequest>(&mut schemas);
    add::<BatchRequest>(&mut schemas);
    add::<PaymentMethodList>(&mut schemas);
    add::<CountryCode>(&mut schemas);
    add::<Currency>(&mut schemas);
    add::<PlainOperationRequest>(&mut schemas);
    add::<CaptureRequest>(&mut schemas);
    add::<RefundRequest>(&mut schemas);
    add::<Refund>(&mut schemas);
    add::<RefundId>(&mut schemas);
    add::<OrderRequest>(&mut schemas);
    add::<Order>(&mut schemas);
    add::<OrderList>(&mut schemas);
    add::<OrderId>(&mut schemas);
    add::<TransactionList>(&mut schemas);
    add::<RefundList>(&mut schemas);
    add::<PaymentList>(&mut schemas);
    add::<Timeline>(&mut schemas);
    add::<ClassicTransactionList>(&mut schemas);
    add::<Transaction>(&mut schemas);
    add::<TransactionId>(&mut schemas);
    add::<OutcomeRequest>(&mut schemas);
    add::<ClassicTransactionAnswer>(&mut schemas);
    add::<AccountList>(&mut schemas);
    add::<Balances>(&mut schemas);
    add::<EntryList>(&mut schemas);
    add::<ExceptionList>(&mut schemas);
    add::<Exception>(&mut schemas);
    add::<ExceptionId>(&mut schemas);
    add::<ResolutionRequest>(&mut schemas);
    add::<UnknownList>(&mut schemas);
    add::<ClassicRefundAnswer>(&mut schemas);
    add::<ClassicRefundStatusAnswer>(&mut schemas);
    add::<Payment>(&mut schemas);
    add::<PaymentId>(&mut schemas);
    add::<Batch>(&mut schemas);
    add::<FailedPaymentProblem>(&mut schemas);
    add::<Problem>(&mut schemas);
    add::<CustomerId>(&mut schemas);
    add::<ErasedCustomer>(&mut schemas);
    add::<Provider>(&mut schemas);
    add::<ProviderId>(&mut schemas);
    add::<ProviderList>(&mut schemas);
    add::<ClassicProvidersAnswer>(&mut schemas);
    add::<MerchantRequest>(&mut schemas);
    add::<MerchantChange>(&mut schemas);
    add::<MerchantId>(&mut schemas);
    add::<Merchant>(&mut schemas);
    add::<RegisteredMerchant>(&mut schemas);
    add::<PublicMerchant>(&mut schemas);
    add::<MerchantList>(&mut schemas);
    add::<KeyRequest>(&mut schemas);
    add::<ProviderCallback>(&mut schemas);
    add::<CallbackReceipt>(&mut schemas);
    add::<ParkedCallback>(&mut schemas);
    add::<VpaRequest>(&mut schemas);
    add::<VpaValidation>(&mut schemas);
    add::<WalletBalanceRequest>(&mut schemas);
    add::<WalletBalance>(&mut schemas);
    add::<WalletLinkRequest>(&mut schemas);
    add::<WalletLink>(&mut schemas);
    add::<ParkedCallbackId>(&mut schemas);
    add::<ParkedCallbackList>(&mut schemas);
    add::<DismissedCallback>(&mut schemas);
    add::<AttemptId>(&mut schemas);
    add::<OperatorKeyRequest>(&mut schemas);
    add::<RotationRequest>(&mut schemas);
    add::<ApiKeyId>(&mut schemas);
    add::<ApiKeySchema>(&mut schemas);
    add::<IssuedApiKey>(&mut schemas);
    add::<ApiKeyList>(&mut schemas);
    add::<Event>(&mut schemas);
    add::<EventId>(&mut schemas);
    add::<EventPage>(&mut schemas);
    add::<ClassicEventPageAnswer>(&mut schemas);
    add::<Snapshot>(&mut schemas);
    add::<BackupArchive>(&mut schemas);
    add::<CsvText>(&mut schemas);
    add::<JsonLinesText>(&mut schemas);
    add::<EventStreamText>(&mut schemas);
    add::<EventResendRequest>(&mut schemas);
    add::<WebhookRequest>(&mut schemas);
    add::<SecretRequest>(&mut schemas);
    add::<TestRequest>(&mut schemas);
    add::<RecoverRequest>(&mut schemas);
    add::<WebhookEndpointId>(&mut schemas);
    add::<WebhookReceiver>(&mut schemas);
    add::<WebhookEndpoint>(&mut schemas);
    add::<WebhookEndpointList>(&mut schemas);
    add::<DeletedWebhookEndpoint>(&mut schemas);
    add::<CallbackSecret>(&mut schemas);
    add::<DeliveryId>(&mut schemas);
    add::<WebhookAttempt>(&mut schemas);
    add::<WebhookAttemptList>(&mut schemas);
    add::<DeadLetter>(&mut schemas);
    add::<DeadLetterList>(&mut schemas);
    add::<WebhookRedelivery>(&mut schemas);
    add::<QueueStatus>(&mut schemas);
    add::<ClassicPaymentForm>(&mut schemas);
    add::<ClassicCreatedAnswer>(&mut schemas);
    add::<ClassicPaymentAnswer>(&mut schemas);
    add::<ClassicStatusAnswer>(&mut schemas);
    add::<ClassicProblem>(&mut schemas);
    add::<LedgerPage>(&mut schemas);
    add::<Health>(&mut schemas);
    add::<Ready>(&mut schemas);
    add::<ErrorPage>(&mut schemas);
    schemas
}

/// A schema, and those that it leads to.
fn add<T: ToSchema + PartialSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
}
