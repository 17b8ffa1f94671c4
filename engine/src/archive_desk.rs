//! Where a shard's actor asks for payments and orders that have left memory: the look-up runs where it may block,
//! and what is found comes back as mail.

use std::sync::Arc;

use actix::Addr;
use tokio::runtime::Handle;

use crate::{
    archive::{Archive, ArchiveError, find, find_order},
    completion::Told,
    effects::Attachment,
    gauges::Gauges,
    shard::{Find, Unreadable, Wanted},
    shard_actor::{Bundle, Mail, ShardActor, Waiting},
};

/// A shard's desk at the archive.
pub(crate) struct ArchiveDesk<A: Attachment> {
    pub(crate) archive: Arc<dyn Archive>,
    /// Whose threads may block.
    pub(crate) runtime: Handle,
    /// Of the shard, once it has started.
    pub(crate) address: Option<Addr<ShardActor<A>>>,
}

/// Is counted for as long as something waits.
struct Counted(Arc<Gauges>);

impl<A: Attachment> ArchiveDesk<A> {
    /// What looks for the payment or the order that something waits for. Where it is dropped instead, who waits is
    /// told by the sender's end.
    pub(crate) fn look_up(&self, gauges: Arc<Gauges>, waiting: Waiting<A>) -> Told {
        let address = self.address.clone().expect("a shard that asks has started");
        let (archive, runtime) = (Arc::clone(&self.archive), self.runtime.clone());
        let counted = Counted::new(gauges);
        Box::new(move || {
            // Its end need not be waited for: it sends what it finds.
            drop(runtime.spawn_blocking(move || {
                let wanted = waiting.wanted();
                let found = look(&*archive, wanted).map_err(|error| {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(
                        ?wanted,
                        error,
                        "what has left cannot be read from the archive"
                    );
                    Unreadable
                });
                counted.0.mail_left();
                address.do_send(Bundle(vec![Mail::Found(Box::new(waiting), found)]));
                drop(counted);
            }));
        })
    }
}

/// What the archive has.
pub(crate) fn look(archive: &dyn Archive, wanted: Wanted) -> Result<Option<Find>, ArchiveError> {
    match wanted {
        Wanted::Payment(payment) => Ok(find(archive, payment)?.map(Find::Payment)),
        Wanted::Order(place) => Ok(find_order(archive, place)?.map(Find::Order)),
    }
}

impl Counted {
    fn new(gauges: Arc<Gauges>) -> Self {
        gauges.lookup_begun();
        Self(gauges)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.lookup_ended();
    }
}
