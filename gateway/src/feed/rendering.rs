//! An event as merchants see it: the one place where it is rendered, whoever reads it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_domain::{FeedEventId, Payment};

use super::{
    FeedError, FeedEvent,
    event::{Content, Rendered},
    store::FeedStore,
};
use crate::{
    http::{IdText, Rfc3339, complete_event_data, payment_event_data, refund_event_data},
    vault::{Realm, Vault},
};

/// The body of a delivery, and a row of the feed; to be serialized.
#[derive(Serialize)]
pub(crate) struct EventBody {
    id: IdText<FeedEventId>,
    event: Cow<'static, str>,
    sequence: u32,
    timestamp: Rfc3339,
    data: Box<RawValue>,
    /// Where its payment's request wanted it told.
    #[serde(skip)]
    callback_url: Option<Box<str>>,
}

impl EventBody {
    /// Renders an event. Reads from the disk.
    ///
    /// Invariant: however often it is rendered, it has the same bytes, but for what has been erased
    /// of a person in between.
    pub(super) fn of(
        event: &FeedEvent,
        realm: Realm,
        store: &FeedStore,
        vault: &Vault,
    ) -> Result<Self, FeedError> {
        let (data, callback_url) = match &event.content {
            Content::Payment => {
                let payment = payment(event, realm, store)?;
                let intent = payment.intent();
                let personal = intent.personal.as_ref();
                let personal = personal.and_then(|sealed| vault.open_sealed(realm, sealed));
                (payment_event_data(&payment, personal.as_ref()), intent.callback_url.clone())
            }
            Content::Refund(refund) => {
                let payment = payment(event, realm, store)?;
                let data = refund_event_data(&payment, *refund);
                let data = data.ok_or(FeedError::Damaged("refund"))?;
                (data, payment.intent().callback_url.clone())
            }
            Content::Rendered(rendered) => {
                let Rendered { callback_url, personal, data } = &**rendered;
                let personal =
                    personal.as_ref().and_then(|sealed| vault.open_sealed(realm, sealed));
                let data = complete_event_data(data, personal.as_ref()).into_owned();
                let data = String::from_utf8(data).ok().map(RawValue::from_string);
                // It is JSON of our own making; what a disk has changed is not passed on.
                let data = data.and_then(Result::ok).unwrap_or_else(|| RawValue::NULL.to_owned());
                (data, callback_url.clone())
            }
        };
        Ok(Self {
            id: IdText(event.id),
            event: event.name.clone(),
            sequence: event.sequence,
            timestamp: Rfc3339(event.at),
            data,
            callback_url,
        })
    }

    /// The same under another name, where the reader calls it otherwise.
    pub(crate) fn called(self, name: Cow<'static, str>) -> Self {
        Self { event: name, ..self }
    }

    /// What it happened to.
    pub(crate) fn data(&self) -> &RawValue {
        &self.data
    }

    /// Where its payment's request wanted it told.
    pub(crate) fn callback_url(&self) -> Option<&str> {
        self.callback_url.as_deref()
    }

    /// Its bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("events have string keys and finite numbers")
    }
}

/// An event's payment as the record left it that the event is of.
fn payment(event: &FeedEvent, realm: Realm, store: &FeedStore) -> Result<Payment, FeedError> {
    store.payment(realm, event.payment(), event.sequence)?.ok_or(FeedError::Damaged("payment"))
}
