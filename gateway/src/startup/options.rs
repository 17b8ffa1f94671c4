//! What each component is told, of the configuration, and what it refuses of it.
//!
//! Not here: anything that opens, begins or writes.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tollgate_config::{Config, Refusal};
use tollgate_domain::{ArchiveRules, LateApprovals, Millis, Policy};
use tollgate_engine::EngineOptions;

use super::{Error, log_directory};
use crate::{
    callback_secret,
    clock::system_clock,
    feed::FeedOptions,
    http::{
        AccessLog, BodyLimits, Cors, Edge, RateLimitOptions, RateLimits, ServerOptions,
        TrustedProxies,
    },
    metrics::Metrics,
    offer::{self, Offer},
    provider::{
        Clock,
        remote_simulator::{RemoteSimulator, RemoteSimulatorOptions},
        simulator::{self, Faults, MessengerOptions, SimulatorOptions, UnknownFault},
    },
    vault::{DamagedKeys, VaultOptions},
    webhook::{AddressRules, Client, ClientOptions, SystemResolver},
};

/// All that a start would refuse of what the configuration asks of the components. Touches nothing.
///
/// Not here: what only the data directory can tell, such as how many shards its log has.
pub(crate) fn refused(config: &Config) -> Vec<Refusal> {
    let simulator = &config.providers.simulator;
    let address = if simulator.url.is_empty() {
        let is_elsewhere = !simulator.callback_url.is_empty();
        let checked = is_elsewhere.then(|| simulator::check_callback_url(&simulator.callback_url));
        checked.unwrap_or(Ok(())).map_err(Error::CallbackUrl)
    } else {
        let options = remote_simulator(config);
        RemoteSimulator::new(&options, system_clock()).map(drop).map_err(Error::SimulatorUrl)
    };
    let faults = simulator.faults.parse::<Faults>();
    let secret = callback_secret::read(&simulator.callback_secret_file);
    let asked = [
        address,
        faults.map(drop).map_err(Error::SimulatorFaults),
        secret.map(drop).map_err(Error::CallbackSecret),
        authorities(config).map(drop),
        engine(config).check().map_err(Error::Engine),
    ];
    let offered = Offer::refused(config).into_iter().map(Error::Offer);
    let errors = asked.into_iter().filter_map(Result::err).chain(offered);
    errors.filter_map(|error| error.refusal()).collect()
}

/// What the listeners allow.
pub(super) fn server(config: &Config) -> ServerOptions {
    ServerOptions {
        max_connections: config.server.max_connections,
        header_timeout: config.server.header_timeout(),
        idle_timeout: config.server.idle_timeout(),
    }
}

/// What bodies may be: most of them, and batches.
pub(super) fn body_limits(config: &Config) -> (BodyLimits, BodyLimits) {
    let all =
        BodyLimits { bytes: config.server.max_body_bytes, time: config.server.body_timeout() };
    (all, BodyLimits { bytes: config.server.max_batch_body_bytes, ..all })
}

/// What the front door does for every request.
pub(super) fn edge(config: &Config, metrics: &Metrics) -> Arc<Edge> {
    let Config { server, rate_limit, cors, log, .. } = config;
    let requests =
        NonZeroU32::new(rate_limit.requests_per_s).zip(NonZeroU32::new(rate_limit.burst()));
    let failures = NonZeroU32::new(rate_limit.failed_authentications_per_s);
    let options = RateLimitOptions { requests, failures };
    Arc::new(Edge {
        proxies: TrustedProxies::new(server.trusted_proxies.clone(), server.forwarded_header),
        limits: RateLimits::new(options, metrics.rate_limited.clone()),
        cors: Cors::new(&cors.allowed_origins, cors.allow_credentials, cors.max_age_s),
        by_tls: server.strict_transport_security,
        access_log: AccessLog::new(log.access, log.slow()),
    })
}

/// How the engine runs, and what payments come to.
pub(super) fn engine(config: &Config) -> EngineOptions {
    let Config { storage, engine, fees, .. } = config;
    EngineOptions {
        directory: log_directory(&storage.data_dir),
        shards: storage.shards,
        threads: engine.threads,
        segment_bytes: storage.segment_bytes,
        min_free_bytes: storage.min_free_bytes,
        snapshot_bytes: storage.snapshot_bytes,
        retention: storage.retention(),
        compress_sealed: storage.compress_sealed,
        max_in_flight: engine.max_in_flight,
        max_in_flight_per_shard: engine.max_in_flight_per_shard,
        policy: Policy {
            authorization_validity: Millis::from_seconds(engine.authorization_validity_s),
            action_validity: Millis::from_seconds(engine.action_validity_s),
            upi_validity: Millis::from_seconds(engine.upi_validity_s),
            idempotency_retention: Millis::from_seconds(engine.idempotency_retention_s),
            late_approvals: match engine.late_approvals {
                tollgate_config::LateApprovals::Reverse => LateApprovals::Reverse,
                tollgate_config::LateApprovals::Accept => LateApprovals::Accept,
            },
            fees: offer::fee_schedule(fees),
            archive: ArchiveRules {
                after: Millis::from_seconds(engine.archive_after_s),
                // The shards share what is said of all of them.
                most: engine.finished_payments / usize::from(storage.shards.get()),
            },
            ..Policy::default()
        },
    }
}

/// Where the keys of personal data are.
pub(super) fn vault(config: &Config) -> VaultOptions {
    let storage = &config.storage;
    VaultOptions {
        directory: storage.key_store(),
        data_dir: storage.data_dir.clone(),
        damaged_keys: if storage.erase_damaged_keys {
            DamagedKeys::Erase
        } else {
            DamagedKeys::Refuse
        },
    }
}

/// How long events are kept, and what became of their deliveries.
pub(super) fn feed(config: &Config, clock: Clock) -> FeedOptions {
    const DAY_S: u64 = 86_400;
    FeedOptions {
        retention: Millis::from_seconds(config.events.retention_days * DAY_S),
        attempt_retention: Millis::from_seconds(config.webhooks.attempt_retention_days * DAY_S),
        clock,
        cache_bytes: config.events.cache_bytes,
    }
}

/// How receivers are connected to.
pub(super) fn webhook_client(config: &Config) -> Result<Client, Error> {
    let webhooks = &config.webhooks;
    Ok(Client::new(
        ClientOptions {
            connect_timeout: webhooks.connect_timeout(),
            header_timeout: webhooks.header_timeout(),
            body_timeout: webhooks.body_timeout(),
            total_timeout: webhooks.timeout(),
        },
        AddressRules::new(webhooks.allowed_cidrs.clone(), webhooks.ports.clone()),
        Arc::new(SystemResolver),
        authorities(config)?,
    ))
}

/// The authorities that receivers' certificates may be of, besides those of the web.
fn authorities(config: &Config) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let path = &config.webhooks.ca_file;
    if path.as_os_str().is_empty() {
        return Ok(roots);
    }
    let failed = |source| Error::Authorities { path: path.clone(), source };
    for certificate in CertificateDer::pem_file_iter(path).map_err(failed)? {
        roots.add_parsable_certificates([certificate.map_err(failed)?]);
    }
    Ok(roots)
}

/// The simulator of another process.
pub(super) fn remote_simulator(config: &Config) -> RemoteSimulatorOptions {
    let simulator = &config.providers.simulator;
    RemoteSimulatorOptions {
        url: simulator.url.clone(),
        inquiry_horizon: Millis(simulator.inquiry_horizon_ms),
        connect_timeout: simulator.connect_timeout(),
        header_timeout: simulator.header_timeout(),
        body_timeout: simulator.body_timeout(),
    }
}

/// The built-in simulator.
pub(super) fn simulator(
    config: &Config,
    api: SocketAddr,
    messenger: MessengerOptions,
) -> Result<SimulatorOptions, UnknownFault> {
    let simulator = &config.providers.simulator;
    Ok(SimulatorOptions {
        latency: simulator.latency(),
        inquiry_horizon: Millis(simulator.inquiry_horizon_ms),
        action_url: format!("http://{}/simulator/actions", reachable(api)),
        payee_vpa: simulator.payee_vpa.clone(),
        faults: simulator.faults.parse()?,
        messenger: Some(messenger),
        ..SimulatorOptions::new(&config.storage.data_dir)
    })
}

/// Where the built-in simulator calls back: here, unless it is told otherwise.
pub(super) fn callback_url(config: &Config, api: SocketAddr) -> String {
    match config.providers.simulator.callback_url.as_str() {
        "" => format!("http://{}/api/v1/providers/simulator/webhook", reachable(api)),
        url => url.to_owned(),
    }
}

/// An address at which this machine reaches what listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(ip, address.port())
}
