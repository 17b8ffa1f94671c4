//! `tollgate serve`: runs the gateway until it is told to stop.

use std::{
    io::{self, IsTerminal},
    net::SocketAddr,
    num::NonZeroUsize,
    path::PathBuf,
};

use clap::Args;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use tollgate_config::{Config, Flags, Loaded, LogFormat, Refusal};
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

use super::{Error, refusal};
use crate::startup::{self, App, Ending, Running};

/// Sets the operator's key.
///
/// Not here: a flag for it, because command lines are no secret to the machine's other users.
pub(super) const ADMIN_KEY: &str = "TOLLGATE_ADMIN_KEY";

/// What help says of the environment.
pub(super) const ENVIRONMENT: &str = "\
Environment:
  TOLLGATE_ADMIN_KEY  The operator's key; without it one is made and shown once";

#[derive(Debug, Default, Args)]
pub(super) struct ServeArguments {
    /// A configuration file laid over the defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything is kept.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Where the API listens, such as 127.0.0.1:8080; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where metrics are served.
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
}

/// Why the gateway does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The log level is none.
    #[error("no level and no list of directives")]
    LogLevel(#[source] tracing_subscriber::filter::ParseError),
    /// Threads or signals cannot be had.
    #[error("cannot prepare the process")]
    Process(#[source] io::Error),
    /// A component cannot start.
    #[error("cannot start")]
    Startup(#[from] startup::Error),
    /// The write-ahead log failed.
    #[error("the write-ahead log failed; what was under way was answered as unknown")]
    LogFailed,
}

impl ServeError {
    /// What of the configuration is refused, if that is why.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::LogLevel(_) => Some(Refusal::new("log.level", self)),
            Self::Startup(error) => error.refusal(),
            Self::Process(_) | Self::LogFailed => None,
        }
    }
}

impl ServeArguments {
    /// These, and where they say nothing, `others`.
    pub(super) fn or(self, others: Self) -> Self {
        Self {
            config: self.config.or(others.config),
            data_dir: self.data_dir.or(others.data_dir),
            listen: self.listen.or(others.listen),
            metrics_listen: self.metrics_listen.or(others.metrics_listen),
        }
    }

    fn into_flags(self) -> Flags {
        let Self { config, data_dir, listen, metrics_listen } = self;
        Flags { config, data_dir, listen, metrics_listen }
    }
}

pub(super) fn run(arguments: ServeArguments) -> Result<(), Error> {
    let loaded = refusal::read(&arguments.into_flags())?;
    start_logging(&loaded)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(http_threads(loaded.config.server.threads))
        .enable_all()
        .thread_name("tollgate-http")
        .build()
        .map_err(ServeError::Process)?;
    let served = runtime.block_on(serve(loaded.config.clone()));
    // A replay that was cut short is of no use to anybody and is not waited for.
    runtime.shutdown_background();
    served.map_err(|error| refusal::told(error, ServeError::refusal, &loaded))
}

/// As configured, or half of the processors: log and shards need the others. With a thread for each
/// processor a machine of two took fewer payments, as they waited longer for the log.
pub(super) fn http_threads(configured: usize) -> usize {
    if configured > 0 {
        return configured;
    }
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    (processors / 2).max(1)
}

async fn serve(config: Config) -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Process)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Process)?;
    let app = App::listen(config).await?;
    announce(&app);
    let operator_key = std::env::var(ADMIN_KEY).ok().filter(|key| !key.is_empty());
    // Until it is open nothing was begun, so a signal ends it at once; replay starts anew next time.
    let running = tokio::select! {
        opened = app.open(operator_key.map(Zeroizing::new)) => opened?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    invite(&running);
    tokio::select! {
        _ = terminate.recv() => tracing::info!("stopping"),
        _ = interrupt.recv() => tracing::info!("stopping"),
        () = running.failed() => {}
    }
    match running.stop().await {
        Ending::Good => Ok(()),
        Ending::LogFailed => Err(ServeError::LogFailed),
    }
}

#[expect(clippy::print_stdout, reason = "the one who starts the gateway reads it")]
fn announce(app: &App) {
    println!("listening on http://{}", app.address());
    println!("metrics on http://{}", app.metrics_address());
}

#[expect(clippy::print_stdout, reason = "the one who starts the gateway reads it")]
fn invite(running: &Running) {
    let keys = running.keys();
    if let Some(operator) = &keys.new_operator {
        println!("operator key, shown once: {}", operator.as_str());
    }
    if let Some(demo) = &keys.demo {
        let (key, address) = (demo.as_str(), running.address());
        println!("demo merchant's test key: {key}");
        println!(
            "try: curl http://{address}/api/v1/payments -H 'Authorization: Bearer {key}' \
             -H 'Content-Type: application/json' -d '{{\"amount\":\"100.00\",\"currency\":\"INR\",\
             \"payment_method\":\"card\",\"card\":{{\"number\":\"4242424242424242\",\
             \"expiry_month\":12,\"expiry_year\":2030,\"cvv\":\"123\"}}}}'"
        );
    }
}

/// What the log's level comes to.
pub(super) fn log_filter(config: &Config) -> Result<EnvFilter, ServeError> {
    EnvFilter::try_new(&config.log.level).map_err(ServeError::LogLevel)
}

pub(super) fn start_logging(loaded: &Loaded) -> Result<(), Error> {
    let config = &loaded.config;
    let filter =
        log_filter(config).map_err(|error| refusal::told(error, ServeError::refusal, loaded))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match config.log.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => {
            log.json().flatten_event(true).init();
            log_panics();
        }
    }
    Ok(())
}

/// Panics are logged: the words that the standard library has for them are no JSON.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(
            location = panic.location().map(tracing::field::display),
            thread = std::thread::current().name(),
            cause = panic.payload_as_str(),
            "panicked"
        );
    }));
}
