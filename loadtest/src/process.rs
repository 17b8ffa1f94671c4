//! A child process of ours that says on its standard output where it listens.
//!
//! Invariant: a [`Process`] that goes out of scope leaves no process behind, however it goes.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{self, Child, ChildStdout, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

/// How often a starting or ending process is looked at: fine enough to measure a start.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Beside what the environment is.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// Where its error output is appended.
    pub(crate) log: PathBuf,
}

/// A child that is killed and reaped when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Process(Child);

/// What a child says of where it listens.
#[derive(Debug)]
pub(crate) struct Announcements(mpsc::Receiver<Announcement>);

/// A line of standard output that says where a process listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announcement {
    Api(SocketAddr),
    Metrics(SocketAddr),
}

impl Process {
    pub(crate) fn spawn(command: &Command) -> Result<(Self, Announcements)> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&command.log)
            .with_context(|| format!("cannot write {}", command.log.display()))?;
        let child = process::Command::new(&command.program)
            .args(&command.arguments)
            // An audit reads the operator's key from the data directory, so it must be made there.
            .env_remove("TOLLGATE_ADMIN_KEY")
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", command.program.display()))?;
        let mut process = Self(child);
        let stdout = process.0.stdout.take().context("the child has no standard output")?;
        Ok((process, announcements(stdout)?))
    }

    /// SIGKILL, and the process is gone when this returns.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.0.kill().context("cannot kill the process")?;
        self.end().await;
        Ok(())
    }

    /// SIGTERM, and the exit status if the process ends in time; otherwise it is killed.
    pub(crate) async fn terminate(mut self, within: Duration) -> Result<Option<ExitStatus>> {
        if let Some(status) = self.ended() {
            return Ok(Some(status));
        }
        self.signal(Signal::TERM)?;
        Ok(tokio::time::timeout(within, self.end()).await.ok())
    }

    /// SIGSTOP: the process stands still until it is resumed.
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// A process that has ended but was not reaped keeps its id, so this reaches ours or none.
    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.0), signal)
            .with_context(|| format!("cannot send {signal:?} to the process"))
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        // An error means that there is no such child, and ours is reaped only here and in `drop`.
        self.0.try_wait().ok().flatten()
    }

    pub(crate) async fn end(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Announcements {
    /// Where the API is, once both the API and the metrics listen.
    pub(crate) async fn both_addresses(&mut self) -> SocketAddr {
        let (mut api, mut metrics) = (None, None);
        loop {
            match self.next().await {
                Announcement::Api(address) => api = Some(address),
                Announcement::Metrics(address) => metrics = Some(address),
            }
            if let (Some(api), Some(_metrics)) = (api, metrics) {
                return api;
            }
        }
    }

    /// Where a process listens that has no metrics.
    pub(crate) async fn api_address(&mut self) -> SocketAddr {
        loop {
            if let Announcement::Api(address) = self.next().await {
                return address;
            }
        }
    }

    async fn next(&mut self) -> Announcement {
        match self.0.recv().await {
            Some(announcement) => announcement,
            // Whoever waits sees the end of the process, or the deadline, and can say more.
            None => std::future::pending().await,
        }
    }
}

/// Reads the server's standard output to its end on a thread of its own, so that the server never
/// waits for a full pipe. Nothing of it is kept: the first start prints a key.
fn announcements(stdout: ChildStdout) -> Result<Announcements> {
    let (sender, receiver) = mpsc::channel(8);
    let read = move || {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.by_ref().take(64 << 10).read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            if let Some(announcement) = Announcement::parse(&String::from_utf8_lossy(&line)) {
                // Full or closed means that enough was heard.
                let _ = sender.try_send(announcement);
            }
            line.clear();
        }
    };
    std::thread::Builder::new()
        .name("server-stdout".to_owned())
        .spawn(read)
        .context("cannot start the thread that reads the server's output")?;
    Ok(Announcements(receiver))
}

impl Announcement {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let api = line.strip_prefix("listening on ").or(line.strip_prefix("simulator on "));
        if let Some(url) = api {
            return parse_url(url).map(Self::Api);
        }
        parse_url(line.strip_prefix("metrics on ")?).map(Self::Metrics)
    }
}

/// The address in `http://127.0.0.1:PORT`; any other host is none of ours.
fn parse_url(url: &str) -> Option<SocketAddr> {
    let address: SocketAddr = url.strip_prefix("http://")?.trim_end_matches('/').parse().ok()?;
    (address.ip() == Ipv4Addr::LOCALHOST && address.port() != 0).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listening_lines_are_understood() {
        let port = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!(
            Announcement::parse("listening on http://127.0.0.1:43121\n"),
            Some(Announcement::Api(port(43121)))
        );
        assert_eq!(
            Announcement::parse("metrics on http://127.0.0.1:9090\r\n"),
            Some(Announcement::Metrics(port(9090)))
        );
    }

    #[test]
    fn other_lines_are_passed_over() {
        for line in [
            "",
            "listening",
            "listening on 127.0.0.1:80",
            "listening on http://127.0.0.1",
            "listening on http://127.0.0.1:0",
            "listening on http://192.0.2.1:80",
            "listening on http://127.0.0.1:99999",
            "key: sk_test_0",
            "curl http://127.0.0.1:8080/api/v1/payments",
        ] {
            assert_eq!(Announcement::parse(line), None, "{line}");
        }
    }
}
