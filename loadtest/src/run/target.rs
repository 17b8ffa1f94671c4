//! The server under load: one that runs already, or one that is started for the run.

use std::future::Future;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use parking_lot::Mutex;

use super::RunOptions;
use crate::auditor::Auditor;
use crate::client::{self, Client};
use crate::credentials::{Credentials, operator_key};
use crate::order::HOLD_FROM;
use crate::server::{ANYWHERE, Launch, Server as Process};
use crate::violation::ViolationKind;
use crate::work_directory::WorkDirectory;

/// A server has so long to be ready: one that is started begins with an empty log.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A server that was asked to stop has so long; it drains for less.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// At whom a load is aimed.
#[derive(Debug, Clone)]
pub enum Server {
    /// One that runs on this machine. Its operator's key is looked for in the data directory where
    /// it is not given.
    Running { url: String, data_dir: PathBuf },
    /// One that is started for the run on a directory of its own, which goes with it.
    Start { program: PathBuf, arguments: Vec<String> },
}

/// A server that is ready.
pub(super) struct Target {
    address: SocketAddr,
    credentials: Arc<Credentials>,
    ours: Option<Ours>,
}

/// What was started for the run.
struct Ours {
    process: Process,
    directory: WorkDirectory,
}

impl Target {
    pub(super) async fn reach(options: &RunOptions) -> Result<Self> {
        match &options.server {
            Server::Running { url, data_dir } => {
                let address = address_of(url)?;
                let key = match &options.operator_key {
                    Some(key) => key.clone(),
                    None => operator_key(data_dir).context(
                        "the operator's key is needed, to register merchants: set \
                         TOLLGATE_ADMIN_KEY, or name the server's --data-dir",
                    )?,
                };
                ensure!(
                    client::is_ready(address, READY_WITHIN).await,
                    "nothing at {url} says that it is ready"
                );
                let credentials = Arc::new(Credentials::of(Vec::new(), Some(key)));
                Ok(Self { address, credentials, ours: None })
            }
            Server::Start { program, arguments } => {
                let mut directory = WorkDirectory::open(None)?;
                let launch = Launch {
                    program: program.clone(),
                    data_dir: directory.data(),
                    listen: ANYWHERE,
                    more_arguments: arguments.clone(),
                    environment: vec![(HOLD_FROM.0, HOLD_FROM.1.into())],
                    log: directory.server_log(),
                    ready_within: READY_WITHIN,
                };
                let process = match Process::start(&launch).await {
                    Ok(process) => process,
                    Err(cause) => {
                        return Err(cause.context(format!("kept {}", directory.keep().display())));
                    }
                };
                let key = operator_key(&directory.data())?;
                let credentials = Arc::new(Credentials::of(Vec::new(), Some(key)));
                let address = process.address();
                Ok(Self { address, credentials, ours: Some(Ours { process, directory }) })
            }
        }
    }

    pub(super) fn client(&self, patience: Duration) -> Result<Client> {
        Client::new(self.address, Arc::clone(&self.credentials), patience)
    }

    /// Nobody else pays at this server.
    pub(super) fn is_ours(&self) -> bool {
        self.ours.is_some()
    }

    /// The outcome of the course, or an error as soon as a server that was started for it ends.
    pub(super) async fn while_running<T>(
        &mut self,
        course: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match &mut self.ours {
            None => course.await,
            Some(ours) => tokio::select! {
                outcome = course => outcome,
                status = ours.process.end() => bail!("the server ended under load: {status}"),
            },
        }
    }

    /// The error, with where the server's output is kept.
    pub(super) fn explain(&mut self, cause: anyhow::Error) -> anyhow::Error {
        match &mut self.ours {
            None => cause,
            Some(ours) => cause.context(format!("kept {}", ours.directory.keep().display())),
        }
    }

    /// Stops a server that was started for the run; that it does not end well is a finding. Gives
    /// the directory with its data and error output where anything was found.
    pub(super) async fn stop(&mut self, auditor: &Mutex<Auditor>) -> Result<Option<PathBuf>> {
        let Some(Ours { process, mut directory }) = self.ours.take() else { return Ok(None) };
        let complaint = match process.terminate(STOP_WITHIN).await? {
            Some(status) if status.code() == Some(0) => None,
            Some(status) => Some(format!("after SIGTERM: {status}")),
            None => Some(format!("still running {STOP_WITHIN:?} after SIGTERM")),
        };
        let mut auditor = auditor.lock();
        if let Some(complaint) = complaint {
            auditor.note(ViolationKind::UncleanStop, complaint);
        }
        Ok((!auditor.violations().is_empty()).then(|| directory.keep()))
    }
}

/// The address in `http://host:port`, which has to be on this machine.
fn address_of(url: &str) -> Result<SocketAddr> {
    let authority = url
        .strip_prefix("http://")
        .ok_or_else(|| anyhow!("{url} does not begin with http://"))?
        .trim_end_matches('/');
    ensure!(!authority.contains('/'), "{url} has a path");
    let with_port = match authority.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
        _ => format!("{authority}:80"),
    };
    let addresses: Vec<SocketAddr> =
        with_port.to_socket_addrs().with_context(|| format!("cannot find {url}"))?.collect();
    // IPv4 first, because that is where the gateway listens by default.
    let found = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied();
    let address = found.ok_or_else(|| anyhow!("{url} has no address"))?;
    ensure!(address.ip().is_loopback(), "{url} is not on this machine");
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_aimed_at() {
        let address = |url: &str| address_of(url).ok().map(|address| address.to_string());
        assert_eq!(address("http://127.0.0.1:8080").as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(address("http://127.0.0.1:8080/").as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(address("http://127.0.0.1").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(address("http://[::1]:8080").as_deref(), Some("[::1]:8080"));
        for url in [
            "https://127.0.0.1",
            "127.0.0.1:8080",
            "http://192.0.2.1:80",
            "http://127.0.0.1:1/a",
            "",
        ] {
            assert_eq!(address(url), None, "{url}");
        }
    }
}
