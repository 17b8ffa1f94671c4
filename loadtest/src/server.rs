//! The server under audit, as a child process.
//!
//! Invariant: a [`Server`] that goes out of scope leaves no process behind, however it goes.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::client;
use crate::process::{Announcements, Command, LOOK_EVERY, Process};

/// How long one question for readiness may take before the next.
const READY_PATIENCE: Duration = Duration::from_secs(1);

/// How much of the server's error output an error of ours quotes.
const QUOTED: usize = 2_000;

/// A port of the system's choice.
pub(crate) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How to start the server.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) data_dir: PathBuf,
    /// Where it listens; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Given after our own arguments.
    pub(crate) more_arguments: Vec<String>,
    /// Beside what the environment is.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// Where the server's error output is appended.
    pub(crate) log: PathBuf,
    pub(crate) ready_within: Duration,
}

/// A running server that said it is ready.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
    time_to_ready: Duration,
}

impl Server {
    /// Starts the server and waits until it is ready, or gives up and kills it.
    pub(crate) async fn start(launch: &Launch) -> Result<Self> {
        let begun = Instant::now();
        let (mut process, lines) = Process::spawn(&launch.command())?;
        let ready = await_ready(&mut process, lines);
        match tokio::time::timeout(launch.ready_within, ready).await {
            Ok(Ok(address)) => Ok(Self { process, address, time_to_ready: begun.elapsed() }),
            Ok(Err(cause)) => Err(cause.context(last_words(&launch.log))),
            Err(_elapsed) => {
                bail!("not ready within {:?}; {}", launch.ready_within, last_words(&launch.log))
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the start of the process to the first 200 of `/ready`.
    pub(crate) fn time_to_ready(&self) -> Duration {
        self.time_to_ready
    }

    /// Waits until the process ends by itself; never returns while it runs.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        self.process.end().await
    }

    /// SIGKILL, and the process is gone when this returns.
    pub(crate) async fn kill(self) -> Result<()> {
        self.process.kill().await
    }

    /// SIGSTOP: the process stands still until it is resumed.
    pub(crate) fn pause(&self) -> Result<()> {
        self.process.pause()
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) -> Result<()> {
        self.process.resume()
    }

    /// SIGTERM, and the exit status if the process ends in time; otherwise it is killed.
    pub(crate) async fn terminate(self, within: Duration) -> Result<Option<ExitStatus>> {
        self.process.terminate(within).await
    }
}

impl Launch {
    fn command(&self) -> Command {
        let mut arguments: Vec<OsString> = vec!["serve".into(), "--data-dir".into()];
        arguments.push(self.data_dir.clone().into());
        arguments.extend(["--listen".into(), self.listen.to_string().into()]);
        arguments.extend(["--metrics-listen", "127.0.0.1:0"].map(OsString::from));
        arguments.extend(self.more_arguments.iter().map(OsString::from));
        let environment = self.environment.clone();
        Command { program: self.program.clone(), arguments, environment, log: self.log.clone() }
    }
}

/// Waits for both addresses and then for readiness; an early end of the process is an error.
async fn await_ready(process: &mut Process, mut lines: Announcements) -> Result<SocketAddr> {
    let ready = async {
        let address = lines.both_addresses().await;
        while !client::is_ready(address, READY_PATIENCE).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        address
    };
    tokio::select! {
        address = ready => Ok(address),
        status = process.end() => bail!("the server ended before it was ready: {status}"),
    }
}

/// The end of the server's error output.
fn last_words(log: &Path) -> String {
    let Ok(bytes) = std::fs::read(log) else {
        return "its error output cannot be read".to_owned();
    };
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(QUOTED)..]).into_owned();
    match text.trim() {
        "" => "it wrote no error output".to_owned(),
        words => format!("its error output ends: {words}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rustix::process::Pid;

    use super::*;

    /// A shell script in the server's place.
    fn script(directory: &Path, text: &str) -> Launch {
        let program = directory.join("server.sh");
        std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        Launch {
            program,
            data_dir: directory.join("data"),
            listen: ANYWHERE,
            more_arguments: Vec::new(),
            environment: Vec::new(),
            log: directory.join("server.log"),
            ready_within: Duration::from_millis(300),
        }
    }

    #[tokio::test]
    async fn a_server_that_fails_to_start_is_quoted() {
        let directory = tempfile::tempdir().unwrap();
        let launch = script(directory.path(), "echo 'the log is damaged' >&2; exit 3");
        let error = format!("{:#}", Server::start(&launch).await.unwrap_err());
        assert!(error.contains("the log is damaged"), "{error}");
        assert!(error.contains("ended before it was ready"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_never_gets_ready_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let launch = script(
            directory.path(),
            "echo $$ > \"$3.pid\"; echo 'listening on http://127.0.0.1:1'; exec sleep 600",
        );
        let error = Server::start(&launch).await.unwrap_err().to_string();
        assert!(error.contains("not ready within"), "{error}");
        let pid = std::fs::read_to_string(directory.path().join("data.pid")).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_err(), "the child still runs");
    }
}
