//! Lets go of what is durable: replies, provider calls, publications, and records to observers.
//!
//! The log-writer thread hands over a whole group at once and so wakes the runtime once, not each
//! caller.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tollgate_domain::{ControlEvent, Record};
use tollgate_wal::Released;

use crate::{
    archive::{Archive, Departures},
    completion::{Completion, Reply},
    control_view::ControlView,
    durable_record::DurableRecord,
    effects::{Attachment, EffectSink, OwedCall, PreparedCall},
    record_observer::RecordObservers,
    release::{Outlet, release},
    router::Router,
};

/// The task that releases.
pub(crate) struct Releaser<A: Attachment> {
    pub(crate) groups: mpsc::UnboundedReceiver<Released<Completion<A>>>,
    pub(crate) router: Arc<Router<A>>,
    pub(crate) sink: Arc<dyn EffectSink<A>>,
    pub(crate) control: Arc<ControlView>,
    pub(crate) observers: RecordObservers,
    /// `None` where nothing ever leaves memory.
    pub(crate) archive: Option<Arc<dyn Archive>>,
    pub(crate) failed: watch::Sender<bool>,
}

impl<A: Attachment> Releaser<A> {
    /// Runs until the log is closed.
    pub(crate) async fn run(mut self) {
        while let Some(group) = self.groups.recv().await {
            release(group, &mut self);
        }
    }
}

impl<A: Attachment> Outlet<A, Reply> for Releaser<A> {
    fn observe(&mut self, records: Vec<DurableRecord>) {
        self.observers.observe(records);
    }

    fn archive(&mut self, departures: Departures) {
        let archive = self.archive.as_ref().expect("nothing leaves where nothing is kept");
        archive.take(departures);
    }

    fn publish(&mut self, record: Record<ControlEvent>) {
        self.control.publish(&record);
    }

    fn deliver(&mut self, reply: Reply) {
        reply.deliver();
    }

    fn run(&mut self, call: PreparedCall<A>) {
        self.sink.run(OwedCall::new(call, Arc::clone(&self.router)));
    }

    fn log_failed(&mut self, cause: &tollgate_wal::Error) {
        if !self.failed.send_replace(true) {
            let error: &dyn std::error::Error = cause;
            tracing::error!(error, "the log has failed; the gateway cannot go on");
            self.router.log_failed();
        }
    }

    fn fail(&mut self, reply: Reply) {
        reply.fail();
    }
}
