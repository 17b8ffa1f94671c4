//! `v1/webhooks.rs`.

use hyper::StatusCode;
use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, path_parameter, reference},
        schemas::{
            CallbackSecret, DeadLetterList, DeletedWebhookEndpoint, DeliveryId, EventId,
            RecoverRequest, SecretRequest, TestRequest, WebhookAttempt, WebhookAttemptList,
            WebhookEndpoint, WebhookEndpointId, WebhookEndpointList, WebhookReceiver,
            WebhookRedelivery, WebhookRequest,
        },
    },
    ANY, BODY, COMMAND, KEYED, LIST, MERCHANT, page, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 13] {
    [
        list(),
        create(),
        callback_secret(),
        rotate_callback_secret(),
        read(),
        update(),
        delete(),
        rotate_secret(),
        enable(),
        test(),
        attempts(),
        dead_letters(),
        recover(),
    ]
}

/// Where an endpoint is named.
const NAMED: &[ErrorCode] = &[ErrorCode::WebhookEndpointNotFound];

/// An operation on endpoints, of which the rest is to be said.
fn operation(
    route: Route,
    method: HttpMethod,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
) -> Description {
    Description {
        route,
        method,
        id,
        group: Group::Webhooks,
        summary,
        description,
        access: Access::Merchant,
        parameters: match route.template().contains("{id}") {
            true => vec![path_parameter::<WebhookEndpointId>("id", "The endpoint's id.")],
            false => Vec::new(),
        },
        body: None,
        answers: Vec::new(),
        refusals: Vec::new(),
    }
}

fn endpoint(description: &'static str) -> Answer {
    Answer::json::<WebhookEndpoint>(StatusCode::OK, description)
}

fn list() -> Description {
    Description {
        parameters: page::<WebhookEndpointId>().into(),
        answers: vec![
            Answer::json::<WebhookEndpointList>(
                StatusCode::OK,
                "A page of endpoints, newest first.",
            )
            .example("page", "A page with one endpoint", examples::webhook_list()),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, LIST]),
        ..operation(
            Route::Webhooks,
            HttpMethod::Get,
            "listWebhooks",
            "List endpoints",
            "The merchant's endpoints in its key's mode.",
        )
    }
}

fn create() -> Description {
    let summary = "An endpoint for payments";
    Description {
        body: Some(Body::json(reference::<WebhookRequest>()).example(
            "endpoint",
            summary,
            examples::webhook_request(),
        )),
        answers: vec![
            Answer::json::<WebhookEndpoint>(
                StatusCode::CREATED,
                "The endpoint with its secret, which is shown this once.",
            )
            .example("endpoint", summary, examples::new_webhook_endpoint()),
        ],
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            BODY,
            COMMAND,
            &[ErrorCode::MerchantNotFound, ErrorCode::WebhookEndpointLimitReached],
        ]),
        ..operation(
            Route::Webhooks,
            HttpMethod::Post,
            "createWebhook",
            "Create an endpoint",
            "From now on the endpoint is told what happens. Deliveries go to public addresses alone, \
             and in live mode by https.",
        )
    }
}

fn callback_secret() -> Description {
    Description {
        answers: vec![Answer::json::<CallbackSecret>(StatusCode::OK, "The secret.").example(
            "secret",
            "A merchant's secret",
            examples::callback_secret(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT]),
        ..operation(
            Route::CallbackSecret,
            HttpMethod::Get,
            "readCallbackSecret",
            "Show the secret of callbacks",
            "By which what goes to the `callback_url` of payments is signed, and what a customer \
             brings along to their `return_url`.",
        )
    }
}

fn rotate_callback_secret() -> Description {
    Description {
        answers: vec![Answer::json::<CallbackSecret>(StatusCode::OK, "The new secret.").example(
            "secret",
            "A merchant's new secret",
            examples::new_callback_secret(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, COMMAND, &[ErrorCode::MerchantNotFound]]),
        ..operation(
            Route::CallbackSecretRotation,
            HttpMethod::Post,
            "rotateCallbackSecret",
            "Rotate the secret of callbacks",
            "For a day callbacks and returns are signed with both.",
        )
    }
}

fn read() -> Description {
    Description {
        answers: vec![endpoint("The endpoint.").example(
            "endpoint",
            "An endpoint",
            examples::webhook_endpoint(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, NAMED]),
        ..operation(
            Route::Webhook,
            HttpMethod::Get,
            "readWebhook",
            "Show an endpoint",
            "The endpoint, without its secret.",
        )
    }
}

fn update() -> Description {
    let summary = "Less to be told";
    Description {
        body: Some(Body::json(reference::<WebhookRequest>()).example(
            "change",
            summary,
            json!({"events": ["payment.completed", "payment.failed"]}),
        )),
        answers: vec![endpoint("The endpoint as it is now.").example(
            "change",
            summary,
            examples::webhook_endpoint(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, COMMAND, NAMED]),
        ..operation(
            Route::Webhook,
            HttpMethod::Patch,
            "updateWebhook",
            "Change an endpoint",
            "What is absent stays as it is.",
        )
    }
}

fn delete() -> Description {
    Description {
        answers: vec![
            Answer::json::<DeletedWebhookEndpoint>(
                StatusCode::OK,
                "There is no such endpoint now.",
            )
            .example("deleted", "A deleted endpoint", examples::deleted_webhook()),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, COMMAND, NAMED]),
        ..operation(
            Route::Webhook,
            HttpMethod::Delete,
            "deleteWebhook",
            "Delete an endpoint",
            "With all that waits for it, and with what is remembered of its deliveries.",
        )
    }
}

fn rotate_secret() -> Description {
    let summary = "A secret that is drawn";
    Description {
        body: Some(Body::json(reference::<SecretRequest>()).optional().example(
            "rotation",
            summary,
            json!({}),
        )),
        answers: vec![
            endpoint("The endpoint with its new secret, which is shown this once.").example(
                "rotation",
                summary,
                examples::new_webhook_endpoint(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, COMMAND, NAMED]),
        ..operation(
            Route::WebhookSecretRotation,
            HttpMethod::Post,
            "rotateWebhookSecret",
            "Rotate an endpoint's secret",
            "For 24 hours deliveries are signed with both.",
        )
    }
}

fn enable() -> Description {
    Description {
        answers: vec![endpoint("The endpoint, enabled.").example(
            "enabled",
            "An endpoint",
            examples::webhook_endpoint(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, COMMAND, NAMED]),
        ..operation(
            Route::WebhookEnabling,
            HttpMethod::Post,
            "enableWebhook",
            "Enable an endpoint",
            "It is told what has happened since it was disabled, and what happens.",
        )
    }
}

fn test() -> Description {
    let summary = "A completed payment that there was not";
    Description {
        body: Some(Body::json(reference::<TestRequest>()).optional().example(
            "test",
            summary,
            json!({"event": "payment.completed"}),
        )),
        answers: vec![
            Answer::json::<WebhookAttempt>(StatusCode::OK, "What became of it.").example(
                "test",
                summary,
                examples::webhook_attempt(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, NAMED]),
        ..operation(
            Route::WebhookTest,
            HttpMethod::Post,
            "testWebhook",
            "Send a test",
            "Sends an event that did not happen, at once and once, and answers what became of it. It \
             is not in the feed.",
        )
    }
}

const RECEIVER: &str = "The endpoint's id, or `callbacks` for what payments' own addresses get.";

fn attempts() -> Description {
    let named = path_parameter::<WebhookReceiver>("id", RECEIVER);
    Description {
        parameters: std::iter::once(named).chain(page::<DeliveryId>()).collect(),
        answers: vec![
            Answer::json::<WebhookAttemptList>(StatusCode::OK, "A page of tries, newest first.")
                .example("page", "A page with one try", examples::webhook_attempt_list()),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, LIST, NAMED]),
        ..operation(
            Route::WebhookAttempts,
            HttpMethod::Get,
            "listWebhookAttempts",
            "List deliveries",
            "Each try to deliver an event, with what was answered.",
        )
    }
}

fn dead_letters() -> Description {
    let named = path_parameter::<WebhookReceiver>("id", RECEIVER);
    Description {
        parameters: std::iter::once(named).chain(page::<EventId>()).collect(),
        answers: vec![
            Answer::json::<DeadLetterList>(
                StatusCode::OK,
                "A page of events that were given up, newest first.",
            )
            .example("page", "A page with one event", examples::dead_letter_list()),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, LIST, NAMED]),
        ..operation(
            Route::WebhookDeadLetters,
            HttpMethod::Get,
            "listDeadLetters",
            "List what was given up",
            "Events that the receiver did not take in any try of the whole schedule, as long as they \
             are kept. They are delivered again one by one, or all at once by a recovery.",
        )
    }
}

fn recover() -> Description {
    let (summary, dead) = ("All since a time", "What was given up");
    Description {
        body: Some(
            Body::json(reference::<RecoverRequest>())
                .example("span", summary, json!({"since": "2026-01-15T10:30:00Z"}))
                .example("dead_letters", dead, json!({"dead_letters": true})),
        ),
        answers: vec![
            Answer::json::<WebhookRedelivery>(StatusCode::ACCEPTED, "They are on their way.")
                .example("span", summary, examples::redelivery())
                .example("dead_letters", dead, examples::redelivery()),
        ],
        parameters: vec![path_parameter::<WebhookReceiver>("id", RECEIVER)],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, NAMED]),
        ..operation(
            Route::WebhookRecovery,
            HttpMethod::Post,
            "recoverWebhook",
            "Deliver a span again",
            "Delivers again what happened in a span of time and the receiver wants, whether it was \
             taken before or not, or of that what was given up: up to 10,000 events, and the answer \
             says from where to go on.",
        )
    }
}
