//! The provider of test mode: the simulator, in this process or in another.

use std::sync::Arc;

use super::{Provider, remote_simulator::RemoteSimulator, simulator::Simulator};

/// Where the simulator is.
#[derive(Clone)]
pub(crate) enum TestProvider {
    /// In this process, with its ledger in our data directory.
    Embedded(Simulator),
    /// In another one, which keeps its ledger itself.
    Remote(RemoteSimulator),
}

impl TestProvider {
    /// As calls go to it.
    pub(crate) fn as_provider(&self) -> Arc<dyn Provider> {
        match self {
            Self::Embedded(simulator) => Arc::new(simulator.clone()),
            Self::Remote(simulator) => Arc::new(simulator.clone()),
        }
    }
}
