//! The components that lie in the data directory or over it, opened one after the other.
//!
//! Invariant: no file of the data directory is touched before the directory is ours.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use tokio::runtime::Handle;
use tollgate_config::Config;
use tollgate_domain::ProviderId;
use tollgate_engine::{Engine, RecordObserver, RecordObservers, RecoveryReport, records_let_go};

use super::{Error, feed_directory, log_directory, options, views_directory};
use crate::{
    callback_secret,
    data_directory::DataDirectory,
    feed::EventFeed,
    http::{CallbackDesk, Gateway},
    provider::{
        Clock, DEFAULT_CALL_LIMIT, Instrument, ProviderWorker, Providers, TestProvider,
        callback::CallbackKey,
        parked_callbacks::ParkedCallbacks,
        remote_simulator::RemoteSimulator,
        simulator::{MessengerOptions, Simulator},
    },
    secrets::Secrets,
    vault::Vault,
    views::{ViewLimits, Views},
    webhook::{WebhookOptions, WebhookParts, Webhooks},
};

/// What blocks while it opens.
pub(super) struct Opened {
    pub(super) directory: DataDirectory,
    pub(super) engine: Engine<Instrument>,
    pub(super) report: RecoveryReport,
    pub(super) providers: Providers,
    pub(super) simulator: TestProvider,
    pub(super) callbacks: CallbackDesk,
    pub(super) parked: Arc<ParkedCallbacks>,
    pub(super) secrets: Secrets,
    pub(super) vault: Arc<Vault>,
    pub(super) feed: Arc<EventFeed>,
    pub(super) views: Arc<Views>,
    pub(super) webhooks: Arc<Webhooks>,
}

/// Opens all of them, in the order in which they need each other. Blocks, for as long as the log is long.
///
/// # Errors
/// If one cannot be opened.
pub(super) fn open(
    config: &Config,
    gateway: &Gateway,
    runtime: &Handle,
    api: SocketAddr,
) -> Result<Opened, Error> {
    let data_dir = &config.storage.data_dir;
    let directory = DataDirectory::take(data_dir)?;
    let secrets = Secrets::open(data_dir)?;
    let vault =
        Vault::open(&options::vault(config), secrets.key_store(), gateway.metrics.vault.clone())?;
    let key = callback_key(config, &secrets)?;
    let messenger = MessengerOptions {
        url: options::callback_url(config, api),
        key: key.clone(),
        runtime: runtime.clone(),
    };
    let simulator = test_provider(config, api, messenger, Arc::clone(&gateway.clock))?;
    let waiting = gateway.metrics.callbacks.waiting.clone();
    let parked = ParkedCallbacks::open(data_dir.join("callbacks"), waiting);
    let parked = Arc::new(parked.map_err(Error::ParkedCallbacks)?);
    let callbacks = CallbackDesk::new(vec![(ProviderId::SIMULATOR, key)], Arc::clone(&parked));
    let vault = Arc::new(vault);
    let (feed, webhooks) = open_feed(config, gateway, &secrets, &vault)?;
    let views = open_views(config, &secrets)?;
    let providers = Providers::new([simulator.as_provider()]);
    let worker = ProviderWorker::new(providers.clone(), runtime.clone(), DEFAULT_CALL_LIMIT);
    let (engine, report) = Engine::start(
        options::engine(config),
        runtime,
        Arc::new(worker),
        Arc::clone(&gateway.metrics) as Arc<dyn tollgate_engine::Observer>,
        RecordObservers::new(vec![
            Arc::clone(&feed) as Arc<dyn RecordObserver>,
            Arc::clone(&views) as Arc<dyn RecordObserver>,
        ]),
    )?;
    // Whoever waits for the start finds lists and events of all that came before it.
    feed.go_live();
    views.go_live();
    feed.wait_until_caught_up();
    views.wait_until_caught_up();
    Ok(Opened {
        directory,
        engine,
        report,
        providers,
        simulator,
        callbacks,
        parked,
        secrets,
        vault,
        feed,
        views,
        webhooks,
    })
}

/// What lists are read from.
fn open_views(config: &Config, secrets: &Secrets) -> Result<Arc<Views>, Error> {
    let directory = views_directory(&config.storage.data_dir);
    let tollgate_config::Views { cache_bytes, most_rows } = config.views;
    let limits = ViewLimits { cache_bytes, most_rows };
    Ok(Arc::new(Views::open(&directory, secrets.views(), limits, let_go(config)?)?))
}

/// How many records the log has let go of. One that is yet to be made has everything.
fn let_go(config: &Config) -> Result<u64, Error> {
    Ok(records_let_go(&log_directory(&config.storage.data_dir))?.unwrap_or(0))
}

/// The event feed, and those who deliver from it.
fn open_feed(
    config: &Config,
    gateway: &Gateway,
    secrets: &Secrets,
    vault: &Arc<Vault>,
) -> Result<(Arc<EventFeed>, Arc<Webhooks>), Error> {
    // The feed is told whom to wake before there is anybody: it begins first.
    let told: Arc<OnceLock<Arc<Webhooks>>> = Arc::default();
    let waking = Arc::clone(&told);
    let created = move |queue| {
        if let Some(webhooks) = waking.get() {
            webhooks.look_at(queue);
        }
    };
    let directory = feed_directory(&config.storage.data_dir);
    let feed = EventFeed::open(
        &directory,
        options::feed(config, Arc::clone(&gateway.clock)),
        gateway.metrics.feed.clone(),
        let_go(config)?,
        created,
    )?;
    let feed = Arc::new(feed);
    let parts = WebhookParts {
        feed: Arc::clone(&feed),
        client: options::webhook_client(config)?,
        secrets: secrets.webhooks(),
        vault: Arc::clone(vault),
        clock: Arc::clone(&gateway.clock),
        metrics: gateway.metrics.webhooks.clone(),
    };
    let options = WebhookOptions { concurrency: config.webhooks.concurrency };
    let webhooks = Arc::new(Webhooks::new(parts, options).map_err(Error::Deliveries)?);
    let is_first = told.set(Arc::clone(&webhooks)).is_ok();
    debug_assert!(is_first, "told once");
    Ok((feed, webhooks))
}

fn callback_key(config: &Config, secrets: &Secrets) -> Result<CallbackKey, Error> {
    let agreed = callback_secret::read(&config.providers.simulator.callback_secret_file)?;
    Ok(match agreed {
        Some(secret) => CallbackKey::new(&secret),
        None => CallbackKey::new(&*secrets.callback_secret(ProviderId::SIMULATOR)),
    })
}

fn test_provider(
    config: &Config,
    api: SocketAddr,
    messenger: MessengerOptions,
    clock: Clock,
) -> Result<TestProvider, Error> {
    if config.providers.simulator.url.is_empty() {
        let options = options::simulator(config, api, messenger)?;
        return Ok(TestProvider::Embedded(Simulator::open(options, clock)?));
    }
    let options = options::remote_simulator(config);
    Ok(TestProvider::Remote(RemoteSimulator::new(&options, clock)?))
}
