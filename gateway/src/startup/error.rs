//! Why the gateway cannot start, and what of the configuration a component refuses.

use std::{io, net::SocketAddr, path::PathBuf};

use tollgate_config::Refusal;

use crate::{
    callback_secret, data_directory,
    feed::FeedError,
    first_keys,
    offer::OfferError,
    provider::{
        remote_simulator::UrlError,
        simulator::{OpenError, UnknownFault},
    },
    secrets, vault,
    views::ViewError,
};

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data directory cannot be had.
    #[error(transparent)]
    DataDirectory(#[from] data_directory::Error),
    /// The secrets cannot be had.
    #[error("cannot open the secrets")]
    Secrets(#[from] secrets::Error),
    /// The keys of personal data cannot be had.
    #[error("cannot open the vault")]
    Vault(#[from] vault::OpenError),
    /// The simulator cannot open its books.
    #[error("cannot open the provider simulator")]
    Simulator(#[from] OpenError),
    /// The secret of its callbacks cannot be had.
    #[error(transparent)]
    CallbackSecret(#[from] callback_secret::Error),
    /// The simulator is to be another process's, and has no address.
    #[error(transparent)]
    SimulatorUrl(#[from] UrlError),
    /// The built-in simulator has no address to call back.
    #[error("callbacks cannot be sent")]
    CallbackUrl(#[source] UrlError),
    /// The faults that every payment is to have are none.
    #[error(transparent)]
    SimulatorFaults(#[from] UnknownFault),
    /// What is to be offered cannot be.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The event feed cannot be had.
    #[error("cannot open the event feed")]
    Feed(#[from] FeedError),
    /// The views cannot be had.
    #[error("cannot open the views")]
    Views(#[from] ViewError),
    /// The authorities that receivers may have cannot be read.
    #[error("cannot read {path}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// Deliveries cannot have their thread.
    #[error("cannot start deliveries")]
    Deliveries(#[source] io::Error),
    /// The engine cannot start.
    #[error("cannot start the engine")]
    Engine(#[from] tollgate_engine::Error),
    /// The callbacks that wait for their payments cannot be read.
    #[error("cannot read the parked callbacks")]
    ParkedCallbacks(#[source] std::io::Error),
    /// The first keys cannot be had.
    #[error("cannot prepare the first keys")]
    Keys(#[from] first_keys::Error),
}

impl Error {
    /// What of the configuration asks for something that cannot be, if that is why.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        use tollgate_engine::{Error as EngineError, LogError};
        let mut beside = None;
        let key = match self {
            // The log knows best what it can do, so its options are checked there alone.
            Self::Engine(EngineError::Log(LogError::Option { option, .. })) => match *option {
                "segment_bytes" => "storage.segment_bytes",
                "min_free_bytes" => {
                    beside = Some("storage.segment_bytes");
                    "storage.min_free_bytes"
                }
                _streams => "storage.shards",
            },
            Self::SimulatorUrl(_) => "providers.simulator.url",
            Self::SimulatorFaults(_) => "providers.simulator.faults",
            Self::Offer(OfferError::CardBins(_)) => "methods.card_bins",
            Self::Offer(OfferError::Brands(_)) => "emi.brands",
            Self::CallbackSecret(_) => "providers.simulator.callback_secret_file",
            Self::CallbackUrl(_) | Self::Simulator(OpenError::CallbackUrl(_)) => {
                "providers.simulator.callback_url"
            }
            Self::Authorities { .. } => "webhooks.ca_file",
            Self::Engine(_)
            | Self::Simulator(_)
            | Self::Listen { .. }
            | Self::DataDirectory(_)
            | Self::Secrets(_)
            | Self::Vault(_)
            | Self::Feed(_)
            | Self::Views(_)
            | Self::Deliveries(_)
            | Self::ParkedCallbacks(_)
            | Self::Keys(_) => return None,
        };
        Some(Refusal { beside, ..Refusal::new(key, self) })
    }
}
