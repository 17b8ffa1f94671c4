//! Lets go of what is durable: replies, provider calls, publications.
//!
//! The log-writer thread hands over a whole group at once and so wakes the runtime once, not each
//! caller.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tollgate_wal::Released;

use crate::{
    completion::Completion,
    control_view::ControlView,
    effects::{Attachment, EffectSink, OwedCall},
    router::Router,
};

/// The task that releases.
pub(crate) struct Releaser<A: Attachment> {
    pub(crate) groups: mpsc::UnboundedReceiver<Released<Completion<A>>>,
    pub(crate) router: Arc<Router<A>>,
    pub(crate) sink: Arc<dyn EffectSink<A>>,
    pub(crate) control: Arc<ControlView>,
    pub(crate) failed: watch::Sender<bool>,
}

impl<A: Attachment> Releaser<A> {
    /// Runs until the log is closed.
    pub(crate) async fn run(mut self) {
        while let Some(group) = self.groups.recv().await {
            match group {
                Released::Durable(completions) => {
                    completions.into_iter().for_each(|completion| self.release(completion));
                }
                Released::Unknown { completions, cause } => {
                    self.fail(&cause);
                    for reply in completions.into_iter().filter_map(|left| left.reply) {
                        reply.fail();
                    }
                }
            }
        }
    }

    fn release(&self, completion: Completion<A>) {
        let Completion { reply, calls, publication, permit } = completion;
        // Published before it is answered: who was given a key can use it.
        if let Some(record) = publication {
            self.control.publish(&record);
        }
        if let Some(reply) = reply {
            reply.deliver();
        }
        for call in calls {
            self.sink.run(OwedCall::new(call, Arc::clone(&self.router)));
        }
        drop(permit);
    }

    /// Invariant: after the log has failed no call is made, for its intent may not be durable.
    fn fail(&self, cause: &tollgate_wal::Error) {
        if !self.failed.send_replace(true) {
            let error: &dyn std::error::Error = cause;
            tracing::error!(error, "the log has failed; the gateway cannot go on");
            self.router.log_failed();
        }
    }
}
