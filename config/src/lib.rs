//! Tollgate's configuration: one commented file of defaults, and what may be laid over it.
//!
//! Sources, later over earlier: the compiled-in `default.toml`, a file, environment variables
//! `TOLLGATE__SECTION__KEY`, command line flags. A key that the defaults do not know is refused, so
//! that a misspelt one is never silently without effect; all that is wrong is told at once, each fault
//! with its file and line, variable or flag.
//!
//! Not here: the components that these values go to, which have options of their own.

mod cors;
mod emi;
mod engine;
mod error;
mod events;
mod fees;
mod layer;
mod loaded;
mod log;
mod methods;
mod money;
mod payments;
mod providers;
mod rate_limit;
mod review;
mod server;
mod storage;
mod views;
mod webhooks;

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;

pub use cors::Cors;
pub use emi::{Emi, Plan};
pub use engine::{Engine, LateApprovals};
pub use error::{Error, Fault, Refusal};
pub use events::Events;
pub use fees::{Fee, Fees};
pub use layer::Origin;
pub use loaded::Loaded;
pub use log::{AccessLog, Log, LogFormat};
pub use methods::{EVERYWHERE, Methods, Served};
pub use money::Money;
pub use payments::Payments;
pub use providers::{Providers, Simulator};
pub use rate_limit::RateLimit;
pub use review::Review;
pub use server::{ForwardedHeader, Server, TransportSecurity};
pub use storage::Storage;
pub use views::Views;
pub use webhooks::Webhooks;

/// The defaults and their documentation, in one text.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// What the first digits of a card's number stand for, as far as it is compiled in. Its first lines
/// say how it is written.
pub const CARD_BINS: &str = include_str!("../card_bins.csv");

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP listeners.
    pub server: Server,
    /// How often clients may ask.
    pub rate_limit: RateLimit,
    /// Which web pages may call the API.
    pub cors: Cors,
    /// The data directory.
    pub storage: Storage,
    /// The transaction engine.
    pub engine: Engine,
    /// How payments are answered.
    pub payments: Payments,
    /// What a capture costs the merchant.
    pub fees: Fees,
    /// Which payments wait for a reviewer.
    pub review: Review,
    /// Which payment methods are offered where.
    pub methods: Methods,
    /// The instalments that are offered by card.
    pub emi: Emi,
    /// The payment providers.
    pub providers: Providers,
    /// The event feed.
    pub events: Events,
    /// What lists are read from.
    pub views: Views,
    /// Deliveries of events.
    pub webhooks: Webhooks,
    /// Tollgate's own log output.
    pub log: Log,
}

/// What the command line says; `None` leaves a key as the other sources have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// A file laid over the defaults.
    pub config: Option<PathBuf>,
    /// `storage.data_dir`.
    pub data_dir: Option<PathBuf>,
    /// `server.listen`.
    pub listen: Option<SocketAddr>,
    /// `server.metrics_listen`.
    pub metrics_listen: Option<SocketAddr>,
}

impl Config {
    /// Reads all sources.
    ///
    /// # Errors
    /// If the file cannot be read, a key is unknown, or a value cannot be meant.
    pub fn load(flags: &Flags) -> Result<Self, Error> {
        Loaded::read(flags).map(|loaded| loaded.config)
    }

    /// The defaults alone.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[must_use]
    pub fn defaults() -> Self {
        let nothing = |_config: &Self| Vec::new();
        let defaults = Loaded::read_from(&Flags::default(), std::iter::empty(), nothing);
        defaults.expect("the compiled-in defaults are valid").config
    }

    /// What the sections themselves refuse; the first of it.
    fn check(&self) -> Result<(), Error> {
        self.server.check()?;
        self.cors.check()?;
        self.engine.check()?;
        self.fees.check()?;
        self.review.check()?;
        self.methods.check()?;
        self.emi.check()?;
        self.providers.check()?;
        self.events.check()?;
        self.views.check()?;
        self.webhooks.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loads `text` as a configuration file.
    fn load(text: &str) -> Result<Config, Error> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tollgate.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&Flags { config: Some(path), ..Flags::default() })
    }

    #[test]
    fn the_defaults_are_valid() {
        let config = Config::defaults();
        config.check().unwrap();
        assert_eq!(config.payments.wait_ms, 2_000);
        assert_eq!(config.providers.simulator.latency_ms, 0);
        assert_eq!(load("").unwrap(), config);
    }

    #[test]
    fn keys_lie_in_the_data_directory_or_elsewhere() {
        assert_eq!(Config::defaults().storage.key_store(), PathBuf::from("./data/keys"));
        assert_eq!(Config::defaults().storage.retention(), None, "all is kept");
        let elsewhere = load("[storage]\nkey_store_dir = \"/mnt/keys\"").unwrap();
        assert_eq!(elsewhere.storage.key_store(), PathBuf::from("/mnt/keys"));
    }

    #[test]
    fn later_sources_win() {
        let config = load("[payments]\nwait_ms = 5\n[server]\nlisten = \"127.0.0.1:1\"").unwrap();
        assert_eq!(config.payments.wait_ms, 5);
        assert_eq!(config.server.listen.port(), 1);
        let flags = Flags {
            listen: Some(([127, 0, 0, 1], 2).into()),
            data_dir: Some(PathBuf::from("/elsewhere")),
            ..Flags::default()
        };
        let config = Config::load(&flags).unwrap();
        assert_eq!(config.server.listen.port(), 2);
        assert_eq!(config.storage.data_dir, PathBuf::from("/elsewhere"));
    }

    #[test]
    fn faults_name_key_and_source_in_one_line() {
        for (text, key) in [
            ("[payments]\nwait = 5", "payments.wait"),
            ("[storage]\nshards = 0", "storage.shards"),
            ("[server]\nlisten = \"nowhere\"", "server.listen"),
            ("[providers.acme]\nlatency_ms = 1", "providers.acme"),
            ("[log]\nformat = \"xml\"", "log.format"),
            ("[engine]\nidempotency_retention_s = 60", "engine.idempotency_retention_s"),
            ("[server]\nmax_body_bytes = 0", "server.max_body_bytes"),
            (
                "[providers.simulator]\ninquiry_horizon_ms = 0",
                "providers.simulator.inquiry_horizon_ms",
            ),
            ("[providers.simulator]\npayee_vpa = \"nobody\"", "providers.simulator.payee_vpa"),
            ("[server]\ntrusted_proxies = [\"10.0.0.300/8\"]", "server.trusted_proxies"),
            ("[server]\nstrict_transport_security = \"often\"", "strict_transport_security"),
            ("[rate_limit]\nrequests_per_s = -1", "rate_limit.requests_per_s"),
            ("[cors]\nallowed_origins = [\"https://shop.example/\"]", "cors.allowed_origins"),
            ("[cors]\nallowed_origins = [\"shop.example\"]", "cors.allowed_origins"),
            ("[cors]\nallowed_origins = [\"*\", \"https://a.example\"]", "cors.allowed_origins"),
            (
                "[cors]\nallowed_origins = [\"*\"]\nallow_credentials = true",
                "cors.allow_credentials",
            ),
            ("[events]\nretention_days = 1", "events.retention_days"),
            ("[views]\ncache_bytes = 1", "views.cache_bytes"),
            ("[views]\nmost_rows = 999", "views.most_rows"),
            ("[webhooks]\nconcurrency = 0", "webhooks.concurrency"),
            ("[webhooks]\nallowed_cidrs = [\"10.0.0.0/33\"]", "webhooks.allowed_cidrs"),
            ("[log]\naccess = \"some\"", "log.access"),
            ("[engine]\nlate_approvals = \"keep\"", "engine.late_approvals"),
            ("[fees.card]\nbasis_points = 10001", "fees.card.basis_points"),
            ("[fees.card]\nbasis_points = 1.5", "fees.card.basis_points"),
            ("[fees.upi]\nfixed = [\"3.005 INR\"]", "fees.upi.fixed"),
            ("[fees.upi]\nfixed = [\"3 INR\", \"4 INR\"]", "fees.upi.fixed"),
            ("[fees.cheque]\nbasis_points = 1", "fees.cheque"),
            ("[review]\nhold_from = [50000]", "review.hold_from"),
            ("[review]\nhold_from = [\"1 INR\", \"2 INR\"]", "review.hold_from"),
            ("[methods.upi]\ncurrencies = [\"inr\"]", "methods.upi.currencies"),
            ("[methods.card]\ncountries = [\"*\", \"IN\"]", "methods.card.countries"),
            ("[emi]\nplans = [\"5:1400\"]", "emi.plans"),
            ("[emi]\nplans = [\"6:1400\", \"6:1500\"]", "emi.plans"),
            ("[emi]\nplans = [\"6:20000\"]", "emi.plans"),
            ("[emi]\nplans = [\"12:1400\"]", "emi.no_cost_months"),
            ("[emi]\nminimum = [\"0 INR\"]", "emi.minimum"),
            ("[emi]\nissuer_countries = [\"India\"]", "emi.issuer_countries"),
            ("payments = 3", "payments"),
        ] {
            let line = load(text).unwrap_err().to_string();
            assert!(line.contains(key), "{text}: {line}");
            assert_eq!(line.lines().count(), 1, "{line}");
        }
        let line = load("[payments]\nwait = 5").unwrap_err().to_string();
        assert!(line.contains("tollgate.toml"), "{line}");
    }

    #[test]
    fn money_and_plans_are_read_exactly() {
        let config = load(
            "[fees]\nreturned_with_refunds = true\n\
             [fees.card]\nbasis_points = 250\nfixed = [\"3.00 INR\", \"0.30 USD\"]\n\
             [review]\nhold_from = [\"50000.00 INR\"]\n\
             [emi]\nplans = [\"3:1200\"]\nno_cost_months = []\n",
        )
        .unwrap();
        let inr = |minor_units| Money { currency: 356, minor_units };
        let usd = Money { currency: 840, minor_units: 30 };
        assert_eq!(config.fees.card, Fee { basis_points: 250, fixed: vec![inr(300), usd] });
        assert!(config.fees.returned_with_refunds);
        assert_eq!(config.review.hold_from, [inr(5_000_000)]);
        assert_eq!(config.emi.plans, [Plan { months: 3, annual_rate: 1_200 }]);
    }

    #[test]
    fn a_missing_file_is_said_so() {
        let flags = Flags { config: Some("/nowhere/tollgate.toml".into()), ..Flags::default() };
        let line = Config::load(&flags).unwrap_err().to_string();
        assert_eq!(line, "no configuration file /nowhere/tollgate.toml");
    }
}
