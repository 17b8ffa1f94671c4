//! A payment's timeline as answers show it.

use serde::Serialize;
use serde_json::{Map, Value};
use tollgate_domain::{Event, ShardId};

use super::time::Rfc3339;
use crate::{feed::PaymentRecord, record_line::payment_event};

/// All events of a payment, to be serialized.
#[derive(Serialize)]
pub(crate) struct TimelineBody<'u> {
    object: &'static str,
    data: Vec<EventBody>,
    has_more: bool,
    url: &'u str,
}

#[derive(Serialize)]
struct EventBody {
    object: &'static str,
    sequence: u32,
    r#type: String,
    created_at: Rfc3339,
    cause: Value,
    record: PlaceBody,
    data: Map<String, Value>,
}

#[derive(Serialize)]
struct PlaceBody {
    shard: u16,
    sequence: u64,
}

/// Members of an event that the row has already, or that are of no use outside.
const LEFT_OUT: [&str; 4] = ["event", "payment", "personal", "control_version"];

impl<'u> TimelineBody<'u> {
    pub(crate) fn of(records: &[PaymentRecord], shard: ShardId, url: &'u str) -> Self {
        let data = records.iter().flat_map(|record| events_of(record, shard)).collect();
        Self { object: "list", data, has_more: false, url }
    }
}

fn events_of(record: &PaymentRecord, shard: ShardId) -> Vec<EventBody> {
    let rendered: Vec<Map<String, Value>> =
        record.content.events.iter().map(|event| payment_event(event).into_map()).collect();
    let cause = cause_of(&record.content.events, &rendered);
    let body = |(sequence, mut members): (u32, Map<String, Value>)| EventBody {
        object: "payment_event",
        sequence,
        r#type: members.get("event").and_then(Value::as_str).unwrap_or_default().to_owned(),
        created_at: Rfc3339(record.content.at),
        cause: cause.clone(),
        record: PlaceBody { shard: shard.0, sequence: record.sequence },
        data: {
            members.retain(|name, _value| !LEFT_OUT.contains(&name.as_str()));
            members
        },
    };
    (record.first_event..).zip(rendered).map(body).collect()
}

/// What brought a record about: who told of an outcome, whom an operation is owed to, the merchant
/// who asked for the payment; else a time that had come.
fn cause_of(events: &[Event], rendered: &[Map<String, Value>]) -> Value {
    if events.iter().any(|event| matches!(event, Event::PaymentCreated(_))) {
        return "merchant".into();
    }
    let told = rendered.iter().find_map(|members| members.get("source").or(members.get("cause")));
    told.cloned().unwrap_or_else(|| "schedule".into())
}
