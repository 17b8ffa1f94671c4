//! What every operation may use.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::{Semaphore, watch};
use tollgate_domain::ApiKeyHash;
use tollgate_engine::Engine;

use super::{
    CallbackDesk,
    body::BodyLimits,
    error::{ErrorCode, Problem},
    export::ExportTurns,
};
use crate::{
    feed::EventFeed,
    metrics::Metrics,
    offer::Offer,
    provider::{Clock, Instrument, Providers, TestProvider},
    secrets::Secrets,
    vault::Vault,
    views::Views,
    webhook::Webhooks,
};

/// The gateway as its operations see it: there from the first connection on, while the engine
/// comes after replay and goes with the drain.
pub(crate) struct Gateway {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) body_limits: BodyLimits,
    /// The same for a batch.
    pub(crate) batch_body_limits: BodyLimits,
    /// How long a request waits for its payment's outcome.
    pub(crate) wait: Duration,
    pub(crate) offer: Offer,
    /// Room for exports that are being made.
    pub(super) exports: Arc<ExportTurns>,
    /// Room for the one backup that may be made at a time.
    pub(super) backups: Arc<Semaphore>,
    serving: OnceLock<Serving>,
    draining: watch::Sender<bool>,
}

/// What is there once replay is over.
pub(crate) struct Serving {
    pub(crate) engine: Engine<Instrument>,
    pub(crate) providers: Providers,
    pub(crate) simulator: TestProvider,
    pub(crate) callbacks: CallbackDesk,
    pub(crate) secrets: Secrets,
    pub(crate) vault: Arc<Vault>,
    pub(crate) feed: Arc<EventFeed>,
    pub(crate) views: Arc<Views>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) live_reading: LiveReading,
    pub(crate) data_dir: PathBuf,
    /// The operator's key.
    pub(crate) operator: ApiKeyHash,
}

/// How those are treated who are told events as they happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveReading {
    /// How long a reader may take nothing before he is cut.
    pub(crate) patience: Duration,
    /// How often he hears something where nothing happens.
    pub(crate) heartbeat: Duration,
}

impl Gateway {
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        clock: Clock,
        body_limits: BodyLimits,
        batch_body_limits: BodyLimits,
        wait: Duration,
        offer: Offer,
    ) -> Arc<Self> {
        let exports = Arc::new(ExportTurns::default());
        let (serving, draining) = (OnceLock::new(), watch::Sender::new(false));
        Arc::new(Self {
            metrics,
            clock,
            body_limits,
            batch_body_limits,
            wait,
            offer,
            exports,
            backups: Arc::new(Semaphore::new(1)),
            serving,
            draining,
        })
    }

    /// Opens for business.
    ///
    /// # Panics
    /// The second time.
    pub(crate) fn open(&self, serving: Serving) {
        assert!(self.serving.set(serving).is_ok(), "a gateway opens once");
    }

    /// Says that it is going: probes are told, requests are still answered.
    pub(crate) fn drain(&self) {
        self.draining.send_replace(true);
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Resolves once it is going.
    pub(crate) async fn goes(&self) {
        // The sender is this gateway's own, so that waiting ends in no other way.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
    }

    /// What is there once replay is over; `None` until then.
    pub(crate) fn try_serving(&self) -> Option<&Serving> {
        self.serving.get()
    }

    /// The same for an operation, which cannot do without.
    pub(super) fn serving(&self) -> Result<&Serving, Problem> {
        self.try_serving().ok_or_else(|| Problem::of(ErrorCode::NotReady))
    }
}
