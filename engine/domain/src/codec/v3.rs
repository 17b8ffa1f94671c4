//! Version 3 of payment records: what leaves memory, and what comes back with its history; and
//! histories by themselves, as the archive and snapshots keep them.
//!
//! A record either moves payments in and out of memory, and is of this version, or does anything
//! else, and is of version 2. What happened to a payment is told by version 2's events.
//!
//! Invariant: nothing here ever changes once a release has written it; a new need is a new version.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    CodecError, v2,
    value::{events, time},
};
use crate::{
    event,
    history::{self, Chapter},
    id::Id,
};

#[derive(Serialize, Deserialize)]
pub(super) struct ArchiveRecord<'a> {
    at: u64,
    #[serde(borrow)]
    events: Vec<Event<'a>>,
}

/// bincode numbers variants in order; the order is frozen.
#[derive(Serialize, Deserialize)]
enum Event<'a> {
    PaymentArchived(u128),
    #[serde(borrow)]
    PaymentRecalled(History<'a>),
}

#[derive(Serialize, Deserialize)]
pub(super) struct History<'a>(#[serde(borrow)] Vec<ChapterOf<'a>>);

#[derive(Serialize, Deserialize)]
pub(super) struct ChapterOf<'a> {
    at: u64,
    #[serde(borrow)]
    events: v2::Events<'a>,
}

impl<'a> ArchiveRecord<'a> {
    /// `None` where the record does anything else.
    pub(super) fn of(record: &'a event::Record<event::Event>) -> Option<Self> {
        let event::Record { at, events, idempotency, effects } = record;
        if idempotency.is_some() || !effects.is_empty() {
            return None;
        }
        let events = events.iter().map(Event::of).collect::<Option<Vec<_>>>()?;
        Some(Self { at: at.as_millis(), events })
    }
}

impl<'a> Event<'a> {
    fn of(event: &'a event::Event) -> Option<Self> {
        // Whatever else there is, version 2 tells.
        if let event::Event::PaymentArchived { payment } = event {
            Some(Self::PaymentArchived(payment.to_u128()))
        } else if let event::Event::PaymentRecalled { history, .. } = event {
            Some(Self::PaymentRecalled(History::from(&**history)))
        } else {
            None
        }
    }
}

impl TryFrom<ArchiveRecord<'_>> for event::Record<event::Event> {
    type Error = CodecError;

    fn try_from(record: ArchiveRecord<'_>) -> Result<Self, CodecError> {
        let events = events(record.events)?.into_iter().map(TryInto::try_into);
        Ok(Self {
            at: time(record.at)?,
            events: events.collect::<Result<_, _>>()?,
            idempotency: None,
            effects: Vec::new(),
        })
    }
}

impl TryFrom<Event<'_>> for event::Event {
    type Error = CodecError;

    fn try_from(event: Event<'_>) -> Result<Self, CodecError> {
        Ok(match event {
            Event::PaymentArchived(id) => Self::PaymentArchived { payment: Id::from_u128(id) },
            Event::PaymentRecalled(history) => {
                let history = Arc::new(history::History::try_from(history)?);
                Self::PaymentRecalled { payment: history.id(), history }
            }
        })
    }
}

impl<'a> From<&'a history::History> for History<'a> {
    fn from(history: &'a history::History) -> Self {
        Self(history.chapters().iter().map(ChapterOf::from).collect())
    }
}

impl TryFrom<History<'_>> for history::History {
    type Error = CodecError;

    fn try_from(History(chapters): History<'_>) -> Result<Self, CodecError> {
        let chapters = chapters.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        Self::of_chapters(chapters).ok_or(CodecError::Value("history"))
    }
}

impl<'a> From<&'a Chapter> for ChapterOf<'a> {
    fn from(Chapter { at, events }: &'a Chapter) -> Self {
        Self { at: at.as_millis(), events: v2::Events::from(&**events) }
    }
}

impl TryFrom<ChapterOf<'_>> for Chapter {
    type Error = CodecError;

    fn try_from(chapter: ChapterOf<'_>) -> Result<Self, CodecError> {
        Ok(Self { at: time(chapter.at)?, events: chapter.events.try_into()? })
    }
}
