//! The way back from a provider in a process of its own: where the server is called, and the secret
//! that they share.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::RngExt;

/// Ports that the system gives to no outgoing connection of its own choice: the server has to find
/// its port free again after each restart.
const PORTS: std::ops::Range<u16> = 15_000..30_000;

/// So many ports are tried.
const TRIES: u32 = 100;

/// What both sides have to agree on.
#[derive(Debug, Clone)]
pub(super) struct Callbacks {
    /// Where the server listens, through all restarts.
    pub(super) server: SocketAddr,
    secret: PathBuf,
}

impl Callbacks {
    /// Finds a port for the server, and writes a secret.
    pub(super) fn prepare(directory: &Path) -> Result<Self> {
        let mut random = rand::rng();
        let server = (0..TRIES)
            .map(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, random.random_range(PORTS))))
            .find(|address| TcpListener::bind(address).is_ok())
            .context("no port is free")?;
        let secret = directory.join("callback.secret");
        let text: String = (0..64).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect();
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&secret)?;
        file.write_all(text.as_bytes())?;
        Ok(Self { server, secret })
    }

    /// What the provider's environment needs.
    pub(super) fn of_provider(&self) -> Vec<(&'static str, OsString)> {
        let url = format!("http://{}/api/v1/providers/simulator/webhook", self.server);
        let mut environment = self.of_server();
        environment.push(("TOLLGATE__PROVIDERS__SIMULATOR__CALLBACK_URL", url.into()));
        environment
    }

    /// What the server's environment needs.
    pub(super) fn of_server(&self) -> Vec<(&'static str, OsString)> {
        let secret = self.secret.clone().into();
        vec![("TOLLGATE__PROVIDERS__SIMULATOR__CALLBACK_SECRET_FILE", secret)]
    }
}
