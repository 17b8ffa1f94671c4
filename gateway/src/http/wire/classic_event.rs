//! Events as the classic surface shows them: what they happened to has the names and the amounts of
//! classic answers.
//!
//! Events are kept as version 1 told them. They are put into the older words here and nowhere else, so
//! that one that was told before this was written reads like the others.
//!
//! Invariant: no amount is ever a float; its decimal text is written as it is.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Value, value::RawValue};
use tollgate_domain::{FeedEventId, Timestamp};

use super::{id_text::IdText, payment_answer::exact_number, time::Rfc3339};

/// A page of events, newest first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClassicEventPage {
    events: Vec<ClassicEvent>,
    /// How many are kept.
    total: u64,
    limit: usize,
    offset: usize,
}

/// An event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClassicEvent {
    #[serde(rename = "eventID")]
    id: IdText<FeedEventId>,
    event: Cow<'static, str>,
    sequence: u32,
    timestamp: Rfc3339,
    data: ClassicData,
}

/// What an event happened to.
struct ClassicData(Value);

/// A part of it.
struct Part<'v>(&'v Value);

impl ClassicEventPage {
    pub(crate) fn new(events: Vec<ClassicEvent>, total: u64, limit: usize, offset: usize) -> Self {
        Self { events, total, limit, offset }
    }
}

impl ClassicEvent {
    /// The event; `data` as version 1 tells it.
    pub(crate) fn new(
        id: FeedEventId,
        event: Cow<'static, str>,
        sequence: u32,
        at: Timestamp,
        data: &RawValue,
    ) -> Self {
        // It is JSON of our own making.
        let data = serde_json::from_str(data.get()).unwrap_or_default();
        Self { id: IdText(id), event, sequence, timestamp: Rfc3339(at), data: ClassicData(data) }
    }
}

impl Serialize for ClassicData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(members) = self.0.as_object() else { return Part(&self.0).serialize(serializer) };
        let object = members.get("object").and_then(Value::as_str);
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in members {
            match (object, name.as_str(), value.as_str()) {
                // It names itself a second time.
                (Some("payment"), "id", _) => {}
                (Some("refund"), "id", _) => map.serialize_entry("refundID", value)?,
                (Some("order"), "id", _) => map.serialize_entry("orderID", value)?,
                (Some("webhook_endpoint"), "id", _) => map.serialize_entry("endpointID", value)?,
                (Some("refund"), "status", Some("succeeded")) => {
                    map.serialize_entry("status", "completed")?;
                }
                _other => member(&mut map, name, value)?,
            }
        }
        map.end()
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in members {
                    member(&mut map, name, value)?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(&Part(item))?;
                }
                sequence.end()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.0.serialize(serializer)
            }
        }
    }
}

/// Writes a member under its older name, if it has one.
fn member<M: SerializeMap>(map: &mut M, name: &str, value: &Value) -> Result<(), M::Error> {
    // Amounts are told once here, in major units.
    if name.ends_with("_minor") || name.ends_with("_paisa") {
        return Ok(());
    }
    let older = older_name(name);
    match (name, value) {
        // What merchants have named themselves.
        ("metadata" | "notes", value) => map.serialize_entry(&older, value),
        ("fraud_score", Value::Number(score)) => {
            let score = score.as_i64().map(|score| Number(Decimal::new(score, 2).normalize()));
            map.serialize_entry(&older, &score)
        }
        (name, Value::String(text)) if name == "amount" || name.starts_with("amount_") => {
            match text.parse() {
                Ok(amount) => map.serialize_entry(&older, &Number(amount)),
                Err(_no_number) => map.serialize_entry(&older, text),
            }
        }
        (_name, value) => map.serialize_entry(&older, &Part(value)),
    }
}

/// A number with all its digits.
struct Number(Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        exact_number(self.0, serializer)
    }
}

/// `next_action` as `nextAction`, and `customer_id` as `customerID`.
fn older_name(name: &str) -> String {
    let mut words = name.split('_');
    let mut older = words.next().unwrap_or_default().to_owned();
    for word in words {
        match word {
            "id" => older.push_str("ID"),
            "url" => older.push_str("URL"),
            word => {
                let mut letters = word.chars();
                older.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                older.push_str(letters.as_str());
            }
        }
    }
    older
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_is_in_the_older_words_and_amounts_are_exact() {
        let data = json!({
            "id": "pay_1", "object": "payment", "payment_id": "pay_1", "amount": "100.10",
            "amount_minor": 10_010, "amount_paisa": 10_010, "amount_captured": "0.00",
            "fees_minor": 2, "payment_url": null, "fraud_score": 20, "external_txn_id": "x",
            "metadata": {"my_own": "7"}, "attempts": [{"id": "att_1", "created_at": "t"}],
        });
        let text = serde_json::to_string(&ClassicData(data)).unwrap();
        assert_eq!(
            text,
            "{\"object\":\"payment\",\"paymentID\":\"pay_1\",\"amount\":100.10,\
             \"amountCaptured\":0.00,\"paymentURL\":null,\"fraudScore\":0.2,\
             \"externalTxnID\":\"x\",\"metadata\":{\"my_own\":\"7\"},\
             \"attempts\":[{\"id\":\"att_1\",\"createdAt\":\"t\"}]}"
        );
    }

    #[test]
    fn a_refund_names_itself_and_is_completed() {
        let data = json!({
            "id": "ref_1", "object": "refund", "payment_id": "pay_1", "status": "succeeded",
        });
        let shown = serde_json::to_value(ClassicData(data)).unwrap();
        let expected = json!({
            "refundID": "ref_1", "object": "refund", "paymentID": "pay_1", "status": "completed",
        });
        assert_eq!(shown, expected);
    }
}
