//! Tollgate's configuration: one commented file of defaults, and what may be laid over it.
//!
//! Sources, later over earlier: the compiled-in `default.toml`, a file, environment variables
//! `TOLLGATE__SECTION__KEY`, command line flags. A key that the defaults do not know is refused, so
//! that a misspelt one is never silently without effect.
//!
//! Not here: the components that these values go to, which have options of their own.

mod engine;
mod error;
mod log;
mod payments;
mod providers;
mod server;
mod storage;

use std::{net::SocketAddr, path::PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Env, Format, Toml},
    value::{Dict, Map, Value},
};
use serde::Deserialize;

pub use engine::Engine;
pub use error::Error;
pub use log::{Log, LogFormat};
pub use payments::Payments;
pub use providers::{Providers, Simulator};
pub use server::Server;
pub use storage::Storage;

/// The defaults and their documentation, in one text.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// What environment variables that override a key begin with. Two underscores also separate
/// section and key, because keys have single ones inside.
const ENVIRONMENT_PREFIX: &str = "TOLLGATE__";

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP listeners.
    pub server: Server,
    /// The data directory.
    pub storage: Storage,
    /// The transaction engine.
    pub engine: Engine,
    /// How payments are answered.
    pub payments: Payments,
    /// The payment providers.
    pub providers: Providers,
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
    /// [`Error`] where a file cannot be read, a key is unknown, or a value cannot be meant.
    pub fn load(flags: &Flags) -> Result<Self, Error> {
        let mut sources = Figment::from(Toml::string(DEFAULTS));
        if let Some(path) = &flags.config {
            if !path.is_file() {
                return Err(Error::NoFile(path.clone()));
            }
            sources = sources.merge(Toml::file_exact(path));
        }
        let sources =
            sources.merge(Env::prefixed(ENVIRONMENT_PREFIX).split("__")).merge(flags.clone());
        let config: Self =
            sources.extract().map_err(|cause| Error::from_figment(cause, &sources))?;
        config.check()?;
        Ok(config)
    }

    /// The defaults alone.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[must_use]
    pub fn defaults() -> Self {
        Figment::from(Toml::string(DEFAULTS)).extract().expect("the compiled-in defaults are valid")
    }

    fn check(&self) -> Result<(), Error> {
        self.server.check()?;
        self.engine.check()?;
        self.providers.check()
    }
}

impl Provider for Flags {
    fn metadata(&self) -> Metadata {
        Metadata::named("command line flags")
            .interpolater(|_profile, keys| format!("--{}", keys.last().unwrap_or(&"")))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let text = |value: String| Value::from(value);
        let keys = [
            (
                "storage",
                "data_dir",
                self.data_dir.as_ref().map(|path| text(path.display().to_string())),
            ),
            ("server", "listen", self.listen.map(|address| text(address.to_string()))),
            (
                "server",
                "metrics_listen",
                self.metrics_listen.map(|address| text(address.to_string())),
            ),
        ];
        let mut sections: std::collections::BTreeMap<&str, Dict> = Default::default();
        for (section, key, value) in keys {
            if let Some(value) = value {
                sections.entry(section).or_default().insert(key.to_owned(), value);
            }
        }
        let dict =
            sections.into_iter().map(|(name, keys)| (name.to_owned(), keys.into())).collect();
        Ok(Profile::Default.collect(dict))
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
    fn a_missing_file_is_said_so() {
        let flags = Flags { config: Some("/nowhere/tollgate.toml".into()), ..Flags::default() };
        let line = Config::load(&flags).unwrap_err().to_string();
        assert_eq!(line, "no configuration file /nowhere/tollgate.toml");
    }
}
