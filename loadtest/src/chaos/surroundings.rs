//! What a server under audit stands on, as far as the audit can break it: its disk, the syncs of
//! that disk, its provider.
//!
//! What cannot be had on a machine is left out, with the mishaps that need it, and reported: an
//! audit must not look as if it had shown what it could not.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};

use super::callbacks::Callbacks;
use super::mishap::Mishap;
use super::provider::Provider;
use super::small_disk::SmallDisk;
use super::sync_shim::SyncShim;
use crate::customer_act::{OWN_PAGES, PAGES};
use crate::order::HOLD_FROM;
use crate::server::{ANYWHERE, Server};
use crate::work_directory::WorkDirectory;

/// Size of the small disk: room for some two million records in both copies.
const DISK_BYTES: u64 = 3 << 30;

/// Segments of the log on the small disk, so that it rotates often.
const SEGMENT_BYTES: u64 = 8 << 20;

/// So many bytes of sealed segments bring a snapshot, so that starts begin with one, and rounds come
/// upon snapshots that are being made.
const SNAPSHOT_BYTES: u64 = SEGMENT_BYTES / 2;

/// What the server is to keep free of the small disk: more than a log of such segments needs to be
/// opened again.
pub(super) const MIN_FREE_BYTES: u64 = 96 << 20;

/// What can be broken.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) disk: Option<SmallDisk>,
    pub(super) shim: Option<SyncShim>,
    pub(super) provider: Option<Provider>,
    /// How a provider of its own tells the server what it decides by itself.
    callbacks: Option<Callbacks>,
    /// Where the server listens.
    pub(super) listen: SocketAddr,
    /// The mishaps that can happen here.
    pub(super) mishaps: Vec<Mishap>,
    /// Those that cannot, each with the reason.
    pub(super) left_out: Vec<(Mishap, String)>,
}

impl Surroundings {
    /// Prepares what the mishaps need.
    pub(super) async fn prepare(
        wanted: &[Mishap],
        program: &Path,
        directory: &WorkDirectory,
    ) -> Result<Self> {
        let mut left_out = Vec::new();
        let mut leave_out = |mishaps: fn(Mishap) -> bool, cause: &Error| {
            let missing = wanted.iter().copied().filter(|mishap| mishaps(*mishap));
            left_out.extend(missing.map(|mishap| (mishap, format!("{cause:#}"))));
        };
        let wants = |mishaps: fn(Mishap) -> bool| wanted.iter().any(|mishap| mishaps(*mishap));

        let disk = wants(Mishap::needs_disk)
            .then(|| SmallDisk::mount(&directory.path().join("disk"), DISK_BYTES));
        let disk = kept(disk, |cause| leave_out(Mishap::needs_disk, cause));
        let is_sync = |mishap| mishap == Mishap::SyncFails;
        let shim = wants(is_sync).then(|| SyncShim::compile(directory.path()));
        let shim = kept(shim, |cause| leave_out(is_sync, cause));
        let mut callbacks = None;
        let provider = if wants(Mishap::needs_provider) {
            let agreed = Callbacks::prepare(directory.path())?;
            let data = directory.path().join("provider");
            let log = directory.path().join("provider.log");
            let environment = agreed.of_provider();
            callbacks = Some(agreed);
            Some(Provider::start(program.to_owned(), data, log, environment).await)
        } else {
            None
        };
        let provider = kept(provider, |cause| leave_out(Mishap::needs_provider, cause));

        let can = |mishap: &Mishap| left_out.iter().all(|(missing, _why)| missing != mishap);
        let mishaps: Vec<Mishap> = wanted.iter().copied().filter(can).collect();
        let first = left_out.first().map_or("none was asked for", |(_mishap, why)| why.as_str());
        let first = first.to_owned();
        anyhow::ensure!(!mishaps.is_empty(), "no mishap can happen here: {first}");
        let callbacks = callbacks.filter(|_| provider.is_some());
        let listen = callbacks.as_ref().map_or(ANYWHERE, |agreed| agreed.server);
        Ok(Self { disk, shim, provider, callbacks, listen, mishaps, left_out })
    }

    /// Where the server's data lies.
    pub(super) fn data(&self, directory: &WorkDirectory) -> PathBuf {
        self.disk.as_ref().map_or_else(|| directory.data(), SmallDisk::data)
    }

    /// What the server's environment needs.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut environment = vec![(HOLD_FROM.0, HOLD_FROM.1.into())];
        if let Some(shim) = &self.shim {
            environment.extend(shim.environment());
        }
        if self.disk.is_some() {
            let bytes = |bytes: u64| OsString::from(bytes.to_string());
            environment.push(("TOLLGATE__STORAGE__SEGMENT_BYTES", bytes(SEGMENT_BYTES)));
            environment.push(("TOLLGATE__STORAGE__SNAPSHOT_BYTES", bytes(SNAPSHOT_BYTES)));
            environment.push(("TOLLGATE__STORAGE__MIN_FREE_BYTES", bytes(MIN_FREE_BYTES)));
        }
        if let Some(provider) = &self.provider {
            environment.push(("TOLLGATE__PROVIDERS__SIMULATOR__URL", provider.url().into()));
        }
        environment.extend(self.callbacks.iter().flat_map(Callbacks::of_server));
        environment
    }

    /// Leaves the disk behind, for whoever looks for the cause.
    pub(super) fn keep(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.keep();
        }
    }

    /// Where customers find the provider's pages, and below which path.
    pub(super) fn pages(&self, server: &Server) -> (SocketAddr, &'static str) {
        match &self.provider {
            Some(provider) => (provider.address(), OWN_PAGES),
            None => (server.address(), PAGES),
        }
    }

    pub(super) fn disk(&self) -> Result<&SmallDisk> {
        self.disk.as_ref().context("this mishap needs a disk")
    }

    pub(super) fn shim(&self) -> Result<&SyncShim> {
        self.shim.as_ref().context("this mishap needs the library that fails syncs")
    }

    pub(super) fn provider(&mut self) -> Result<&mut Provider> {
        self.provider.as_mut().context("this mishap needs a provider of its own")
    }
}

/// What was asked for and could be had.
fn kept<T>(outcome: Option<Result<T>>, missing: impl FnOnce(&Error)) -> Option<T> {
    match outcome? {
        Ok(found) => Some(found),
        Err(cause) => {
            missing(&cause);
            None
        }
    }
}
