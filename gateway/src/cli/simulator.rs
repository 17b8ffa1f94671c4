//! `tollgate simulator`: the provider simulator as a process of its own, over HTTP.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle},
    signal::unix::{SignalKind, signal},
};
use tollgate_config::{Config, Flags, Loaded, Refusal, Simulator as Settings};
use tollgate_domain::Millis;

use super::{Error, refusal, serve};
use crate::{
    callback_secret,
    clock::system_clock,
    data_directory::{self, DataDirectory},
    http::{BodyLimits, Server, ServerOptions},
    provider::{
        callback::CallbackKey,
        remote_simulator::UrlError,
        simulator::{
            self, Faults, MessengerOptions, OpenError, Simulator, SimulatorOptions, UnknownFault,
        },
    },
};

#[derive(Debug, Args)]
pub(super) struct SimulatorArguments {
    /// A configuration file laid over the defaults; read for its sections providers.simulator,
    /// server and log.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where it listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8070")]
    listen: SocketAddr,
    /// Where its ledger is kept.
    #[arg(long, value_name = "DIRECTORY", default_value = "./simulator-data")]
    data_dir: PathBuf,
    /// What its receipts follow from; another seed gives others.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// How it is used.
pub(super) const EXAMPLES: &str = "\
Examples:
  tollgate simulator --listen 127.0.0.1:8070 --data-dir ./simulator-data
  TOLLGATE__PROVIDERS__SIMULATOR__URL=http://127.0.0.1:8070 tollgate serve
  TOLLGATE__PROVIDERS__SIMULATOR__LATENCY_MS=50 tollgate simulator
  TOLLGATE__PROVIDERS__SIMULATOR__FAULTS=timeout_after_approval tollgate simulator
  TOLLGATE__PROVIDERS__SIMULATOR__FAULTS=capture:timeout_after tollgate simulator
  curl 'http://127.0.0.1:8070/ledger?after=0&limit=100'

It is for tests: it asks nobody who he is, and speaks plain HTTP.";

/// Why the simulator does not serve.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// Threads or signals cannot be had.
    #[error("cannot prepare the process")]
    Process(#[source] io::Error),
    /// The data directory cannot be had.
    #[error(transparent)]
    DataDirectory(#[from] data_directory::Error),
    /// Its books cannot be had.
    #[error("cannot open the provider simulator")]
    Books(#[from] OpenError),
    /// The secret of its callbacks cannot be had, or there is none.
    #[error("providers.simulator.callback_secret_file")]
    CallbackSecret(#[from] callback_secret::Error),
    /// Callbacks have an address, and nothing to be signed with.
    #[error("callbacks are signed, and need providers.simulator.callback_secret_file")]
    Unsigned,
    /// Callbacks have no address.
    #[error("callbacks cannot be sent")]
    CallbackUrl(#[from] UrlError),
    /// The configured faults are none.
    #[error("providers.simulator.faults")]
    Faults(#[from] UnknownFault),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

pub(super) fn run(arguments: SimulatorArguments) -> Result<(), Error> {
    let flags = Flags { config: arguments.config.clone(), ..Flags::default() };
    let loaded = Loaded::read_for(&flags, refused)?;
    serve::start_logging(&loaded)?;
    let config = &loaded.config;
    let runtime = Builder::new_multi_thread()
        .worker_threads(serve::http_threads(config.server.threads))
        .enable_all()
        .thread_name("simulator-http")
        .build()
        .map_err(SimulatorError::Process)?;
    let simulated = runtime.block_on(simulate(config, arguments));
    simulated.map_err(|error| refusal::told(error, SimulatorError::refusal, &loaded))
}

impl SimulatorError {
    /// What of the configuration is refused, if that is why.
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::CallbackSecret(error) => {
                Some(Refusal::new("providers.simulator.callback_secret_file", error))
            }
            Self::Unsigned | Self::CallbackUrl(_) | Self::Books(OpenError::CallbackUrl(_)) => {
                Some(Refusal::new("providers.simulator.callback_url", self))
            }
            Self::Faults(error) => Some(Refusal::new("providers.simulator.faults", error)),
            Self::Process(_) | Self::DataDirectory(_) | Self::Books(_) | Self::Listen { .. } => {
                None
            }
        }
    }
}

async fn simulate(config: &Config, arguments: SimulatorArguments) -> Result<(), SimulatorError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(SimulatorError::Process)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(SimulatorError::Process)?;
    let SimulatorArguments { config: _, listen, data_dir, seed } = arguments;
    let directory = DataDirectory::take(&data_dir)?;
    let failed = |source| SimulatorError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let settings = &config.providers.simulator;
    let options = SimulatorOptions {
        seed,
        latency: settings.latency(),
        inquiry_horizon: Millis(settings.inquiry_horizon_ms),
        action_url: format!("http://{address}/actions"),
        payee_vpa: settings.payee_vpa.clone(),
        faults: settings.faults.parse()?,
        messenger: messenger(settings)?,
        ..SimulatorOptions::new(data_dir)
    };
    let simulator = Simulator::open(options, system_clock())?;
    let limits =
        BodyLimits { bytes: config.server.max_body_bytes, time: config.server.body_timeout() };
    let server_options = ServerOptions {
        max_connections: config.server.max_connections,
        header_timeout: config.server.header_timeout(),
        idle_timeout: config.server.idle_timeout(),
    };
    let router = simulator::router(simulator, limits);
    let unmeasured = ::metrics::Gauge::noop();
    let server =
        Server::start(listener, router, None, server_options, unmeasured).map_err(failed)?;
    announce(address);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    server.drain(LAST_ANSWERS).await;
    drop(directory);
    Ok(())
}

/// All that is refused of the configuration.
fn refused(config: &Config) -> Vec<Refusal> {
    let settings = &config.providers.simulator;
    let url = match settings.callback_url.as_str() {
        "" => Ok(()),
        url => simulator::check_callback_url(url).map_err(SimulatorError::CallbackUrl),
    };
    let faults = settings.faults.parse::<Faults>().map(drop).map_err(SimulatorError::Faults);
    let asked = [url, faults, callback_key(settings).map(drop)];
    let refused = asked.into_iter().filter_map(|asked| asked.err()?.refusal());
    refusal::log_level(config).into_iter().chain(refused).collect()
}

/// What callbacks are signed with, if there are any.
fn callback_key(settings: &Settings) -> Result<Option<CallbackKey>, SimulatorError> {
    let secret = callback_secret::read(&settings.callback_secret_file)?;
    match (settings.callback_url.as_str(), secret) {
        ("", _) => Ok(None),
        (_url, None) => Err(SimulatorError::Unsigned),
        (_url, Some(secret)) => Ok(Some(CallbackKey::new(&secret))),
    }
}

/// Where it calls back, if it does.
fn messenger(settings: &Settings) -> Result<Option<MessengerOptions>, SimulatorError> {
    let key = callback_key(settings)?;
    Ok(key.map(|key| MessengerOptions {
        url: settings.callback_url.clone(),
        key,
        runtime: Handle::current(),
    }))
}

/// How long answers under way may take at the end, latency included.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

#[expect(clippy::print_stdout, reason = "the one who starts it reads it")]
fn announce(address: SocketAddr) {
    println!("simulator on http://{address}");
}
