//! A reader's way along the feed, whatever he is told over: what is there behind his cursor, then what
//! happens.
//!
//! What is told is read from the disk when its turn comes: a reader who is slow costs one page of
//! memory, however far he is behind. How long he may take for it is for whoever tells him to say.

use std::{borrow::Cow, fmt::Write, sync::Arc};

use tokio::sync::watch;
use tollgate_domain::FeedEventId;

use super::events::{blocking, place_behind};
use crate::{
    feed::{Cursor, EventFeed, FeedError},
    http::{
        error::Problem,
        state::{Gateway, Serving},
    },
    vault::{Realm, Vault},
};

/// Events that are read at once.
const PAGE: usize = 50;

/// A reader's place, and what he has to be told.
pub(super) struct EventTail {
    gateway: Arc<Gateway>,
    feed: Arc<EventFeed>,
    vault: Arc<Vault>,
    realm: Realm,
    from: Cursor,
    head: watch::Receiver<Cursor>,
}

/// What comes next.
pub(super) enum Next {
    /// Events, in their order and at least one.
    Events(Vec<ToldEvent>),
    /// Nothing: the gateway stops.
    Draining,
    /// Nothing: the feed cannot be read, which is logged.
    Failed,
}

/// An event as it is told.
pub(super) struct ToldEvent {
    pub(super) id: FeedEventId,
    pub(super) name: Cow<'static, str>,
    /// The body that a delivery has.
    pub(super) text: String,
}

impl EventTail {
    /// Begins behind `after`, or at the end of the feed.
    ///
    /// # Errors
    /// 410 where events behind it are no longer kept.
    pub(super) async fn open(
        gateway: &Arc<Gateway>,
        serving: &Serving,
        realm: Realm,
        after: Option<FeedEventId>,
    ) -> Result<Self, Problem> {
        let (gateway, feed) = (Arc::clone(gateway), Arc::clone(&serving.feed));
        let from = match after {
            Some(_) => place_behind(&feed, realm, after).await?,
            None => feed.head(realm),
        };
        let (head, vault) = (feed.watch(realm), Arc::clone(&serving.vault));
        Ok(Self { gateway, feed, vault, realm, from, head })
    }

    /// Waits for what comes next. Given up in between, it loses nothing.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            if self.gateway.is_draining() {
                return Next::Draining;
            }
            self.head.borrow_and_update();
            let (feed, realm, from) = (Arc::clone(&self.feed), self.realm, self.from);
            let vault = Arc::clone(&self.vault);
            let read = blocking(move || {
                let page = feed.read(realm, from, PAGE)?;
                let told = page.events.iter().map(|(_cursor, event)| {
                    let body = feed.body(realm, event, &vault)?.to_bytes();
                    let text = String::from_utf8(body).expect("JSON is text");
                    Ok(ToldEvent { id: event.id, name: event.name.clone(), text })
                });
                let told = told.collect::<Result<Vec<_>, FeedError>>()?;
                Ok((told, page.events.last().map(|(last, _event)| *last)))
            });
            let Ok((told, last)) = read.await else { return Next::Failed };
            if let Some(last) = last {
                self.from = last;
                return Next::Events(told);
            }
            tokio::select! {
                () = self.gateway.goes() => {}
                changed = self.head.changed() => {
                    if changed.is_err() {
                        return Next::Failed;
                    }
                }
            }
        }
    }
}

impl ToldEvent {
    /// Adds the event to a stream of server-sent events.
    pub(super) fn write_to(&self, stream: &mut String) {
        let Self { id, name, text } = self;
        write!(stream, "id: {id}\nevent: {name}\ndata: {text}\n\n")
            .expect("writing to a string cannot fail");
    }
}
