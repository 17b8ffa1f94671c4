//! An event as merchants see it.

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_domain::FeedEventId;

use super::FeedEvent;
use crate::{
    http::{IdText, Rfc3339, complete_event_data},
    vault::{Realm, Vault},
};

/// The body of a delivery, and a row of the feed; to be serialized.
#[derive(Serialize)]
pub(crate) struct EventBody<'e> {
    id: IdText<FeedEventId>,
    event: &'e str,
    sequence: u32,
    timestamp: Rfc3339,
    data: Box<RawValue>,
}

impl<'e> EventBody<'e> {
    /// Completes an event with what is sealed in it. Under another name where the reader calls it
    /// otherwise.
    pub(crate) fn new(event: &'e FeedEvent, name: &'e str, realm: Realm, vault: &Vault) -> Self {
        let personal = event.personal.as_ref().and_then(|sealed| vault.open_sealed(realm, sealed));
        let data = complete_event_data(&event.data, personal.as_ref()).into_owned();
        let data = String::from_utf8(data).ok().and_then(|text| RawValue::from_string(text).ok());
        Self {
            id: IdText(event.id),
            event: name,
            sequence: event.sequence,
            timestamp: Rfc3339(event.at),
            // Stored data is JSON of our own making; what a disk has changed is not passed on.
            data: data.unwrap_or_else(|| RawValue::NULL.to_owned()),
        }
    }

    /// What it happened to.
    pub(crate) fn data(&self) -> &RawValue {
        &self.data
    }

    /// Its bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("events have string keys and finite numbers")
    }
}
