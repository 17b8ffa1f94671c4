//! `v1/events.rs`, `v1/event_stream.rs`, `v1/event_socket.rs`, `classic/events.rs` and `v1/queue_status.rs`.

use hyper::StatusCode;
use serde_json::json;
use utoipa::{
    PartialSchema,
    openapi::{
        RefOr, Schema,
        path::{HttpMethod, Parameter},
    },
};

use super::{
    super::{
        examples,
        operation::{
            Access, Answer, Body, Description, Group, header, path_parameter, query_id,
            query_number, reference,
        },
        schemas::{
            ClassicEventPageAnswer, Event, EventId, EventPage, EventResendRequest, EventStreamText,
            QueueStatus, WebhookRedelivery,
        },
    },
    ANY, BODY, KEYED, MERCHANT, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

struct LastEventId;

impl PartialSchema for LastEventId {
    fn schema() -> RefOr<Schema> {
        EventId::schema()
    }
}

pub(super) fn descriptions() -> [Description; 7] {
    [list(), stream(), socket(), list_classic(), read(), resend(), queue_status()]
}

/// Where the feed is read from a place on.
const PLACED: &[ErrorCode] =
    &[ErrorCode::ParameterUnknown, ErrorCode::ParameterInvalid, ErrorCode::CursorExpired];

fn after() -> Parameter {
    query_id::<EventId>("after", "Shows what happened after this event.")
}

fn list() -> Description {
    Description {
        route: Route::Events,
        method: HttpMethod::Get,
        id: "listEvents",
        group: Group::Events,
        summary: "List events",
        description: "The feed, oldest first, from a cursor on or from the first event that is kept. \
                      It has no gap: whoever asks on from `next_after` sees each event once. These \
                      are the bodies that webhooks deliver.",
        access: Access::Merchant,
        parameters: vec![
            query_number("limit", "The most rows of the page.", 1, Some(100), 10),
            after(),
        ],
        body: None,
        answers: vec![
            Answer::json::<EventPage>(StatusCode::OK, "A page of events, oldest first.").example(
                "page",
                "A page with one event",
                examples::event_page(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, PLACED]),
    }
}

fn stream() -> Description {
    Description {
        route: Route::EventStream,
        method: HttpMethod::Get,
        id: "streamEvents",
        group: Group::Events,
        summary: "Stream events",
        description: "The feed as it grows, as server-sent events. A stream lasts a minute at the \
                      most; clients come back with `Last-Event-ID` and miss nothing. One who is too \
                      slow is told so (`stream.cut`) and cut.",
        access: Access::Merchant,
        parameters: vec![
            after(),
            header::<LastEventId>("Last-Event-ID", "The last event that the client has."),
        ],
        body: None,
        answers: vec![
            Answer::of(
                StatusCode::OK,
                "Events as they happen.",
                "text/event-stream",
                reference::<EventStreamText>(),
            )
            .example(
                "stream",
                "One event",
                json!("event: payment.completed\ndata: {}\n\n"),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, PLACED]),
    }
}

fn socket() -> Description {
    Description {
        route: Route::EventSocket,
        method: HttpMethod::Get,
        id: "openEventSocket",
        group: Group::Events,
        summary: "Open a WebSocket of events",
        description: "The feed as it grows, over a WebSocket (RFC 6455, HTTP/1.1). Each text message \
                      is an event; whoever connects again with the `id` of the last one as `after` \
                      misses nothing. Pings have to be answered, and nothing else may be sent. It is \
                      closed with 1001 `draining`, 1003 `nothing_is_read_here`, 1011 \
                      `internal_error`, 3000 `api_key_unusable`, 3008 `slow_reader` or 3008 \
                      `no_pong`.",
        access: Access::Merchant,
        parameters: vec![after()],
        body: None,
        answers: vec![
            Answer::json::<Event>(
                StatusCode::SWITCHING_PROTOCOLS,
                "The connection is a WebSocket. Each of its messages is such an event.",
            )
            .example("message", "A payment that was completed", examples::event()),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, PLACED, &[ErrorCode::UpgradeRequired]]),
    }
}

fn list_classic() -> Description {
    Description {
        route: Route::ClassicEvents,
        method: HttpMethod::Get,
        id: "listClassicEvents",
        group: Group::Classic,
        summary: "List events",
        description: "The feed, newest first. Rows move on while events happen: whoever must miss none \
                      reads `/api/v1/events`.",
        access: Access::Merchant,
        parameters: vec![
            query_number("limit", "The most rows of the page.", 1, Some(100), 10),
            query_number("offset", "So many newer rows are left out.", 0, None, 0),
        ],
        body: None,
        answers: vec![
            Answer::json::<ClassicEventPageAnswer>(StatusCode::OK, "A page of events.").example(
                "page",
                "A page with one event",
                examples::classic_event_page(),
            ),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, &[ErrorCode::ParameterInvalid]]),
    }
}

fn read() -> Description {
    Description {
        route: Route::Event,
        method: HttpMethod::Get,
        id: "readEvent",
        group: Group::Events,
        summary: "Show an event",
        description: "An event with what it happened to as it stood then, but for personal data that \
                      was erased since.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<EventId>("id", "The event's id.")],
        body: None,
        answers: vec![Answer::json::<Event>(StatusCode::OK, "The event.").example(
            "event",
            "A payment that was completed",
            examples::event(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, &[ErrorCode::EventNotFound]]),
    }
}

fn resend() -> Description {
    Description {
        route: Route::EventResend,
        method: HttpMethod::Post,
        id: "resendEvent",
        group: Group::Events,
        summary: "Deliver an event again",
        description: "To the receiver that is named, or to every enabled endpoint that wants it and \
                      to the payment's own address, whether it was taken before or not.",
        access: Access::Merchant,
        parameters: vec![path_parameter::<EventId>("id", "The event's id.")],
        body: Some(Body::json(reference::<EventResendRequest>()).optional().example(
            "every",
            "To all that want it",
            json!({}),
        )),
        answers: vec![
            Answer::json::<WebhookRedelivery>(StatusCode::ACCEPTED, "It is on its way.").example(
                "every",
                "To all that want it",
                examples::redelivery(),
            ),
        ],
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            BODY,
            &[ErrorCode::EventNotFound, ErrorCode::WebhookEndpointNotFound],
        ]),
    }
}

fn queue_status() -> Description {
    Description {
        route: Route::QueueStatus,
        method: HttpMethod::Get,
        id: "readQueueStatus",
        group: Group::Webhooks,
        summary: "Show the queues",
        description: "A merchant sees what waits for its endpoints, an operator what waits in the \
                      whole gateway.",
        access: Access::Any,
        parameters: Vec::new(),
        body: None,
        answers: vec![Answer::json::<QueueStatus>(StatusCode::OK, "The queues.").example(
            "queues",
            "An endpoint that keeps up",
            examples::queue_status(),
        )],
        refusals: refusals(&[ANY, KEYED]),
    }
}
