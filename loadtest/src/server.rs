//! The server under audit, as a child process.
//!
//! Invariant: a [`Server`] that goes out of scope leaves no process behind, however it goes.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

use crate::client;

/// How often a starting or ending process is looked at: fine enough to measure a start.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How long one question for readiness may take before the next.
const READY_PATIENCE: Duration = Duration::from_secs(1);

/// How much of the server's error output an error of ours quotes.
const QUOTED: usize = 2_000;

/// How to start the server.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) data_dir: PathBuf,
    /// Given after our own arguments.
    pub(crate) more_arguments: Vec<String>,
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

/// A line of the server's standard output that says where it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announcement {
    Api(SocketAddr),
    Metrics(SocketAddr),
}

impl Server {
    /// Starts the server and waits until it is ready, or gives up and kills it.
    pub(crate) async fn start(launch: &Launch) -> Result<Self> {
        let begun = Instant::now();
        let (mut process, lines) = Process::spawn(launch)?;
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
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.process.0.kill().context("cannot kill the server")?;
        self.process.end().await;
        Ok(())
    }

    /// SIGTERM, and the exit status if the process ends in time; otherwise it is killed.
    pub(crate) async fn terminate(mut self, within: Duration) -> Result<Option<ExitStatus>> {
        // A process that has ended but was not reaped keeps its id, so this reaches ours or none.
        if let Some(status) = self.process.ended() {
            return Ok(Some(status));
        }
        let pid = Pid::from_child(&self.process.0);
        kill_process(pid, Signal::TERM).context("cannot send SIGTERM to the server")?;
        Ok(tokio::time::timeout(within, self.process.end()).await.ok())
    }
}

/// A child that is killed and reaped when it goes out of scope.
#[derive(Debug)]
struct Process(Child);

impl Process {
    fn spawn(launch: &Launch) -> Result<(Self, mpsc::Receiver<Announcement>)> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&launch.log)
            .with_context(|| format!("cannot write {}", launch.log.display()))?;
        let child = Command::new(&launch.program)
            .arg("serve")
            .arg("--data-dir")
            .arg(&launch.data_dir)
            .args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(&launch.more_arguments)
            // The audit reads the operator's key from the data directory, so it must be made there.
            .env_remove("TOLLGATE_ADMIN_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", launch.program.display()))?;
        let mut process = Self(child);
        let stdout = process.0.stdout.take().context("the child has no standard output")?;
        Ok((process, announcements(stdout)?))
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        // An error means that there is no such child, and ours is reaped only here and in `drop`.
        self.0.try_wait().ok().flatten()
    }

    async fn end(&mut self) -> ExitStatus {
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

/// Waits for both addresses and then for readiness; an early end of the process is an error.
async fn await_ready(
    process: &mut Process,
    lines: mpsc::Receiver<Announcement>,
) -> Result<SocketAddr> {
    let ready = async {
        let address = await_addresses(lines).await;
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

async fn await_addresses(mut lines: mpsc::Receiver<Announcement>) -> SocketAddr {
    let (mut api, mut metrics) = (None, None);
    loop {
        match lines.recv().await {
            Some(Announcement::Api(address)) => api = Some(address),
            Some(Announcement::Metrics(address)) => metrics = Some(address),
            // Whoever waits sees the end of the process, or the deadline, and can say more.
            None => std::future::pending().await,
        }
        if let (Some(api), Some(_metrics)) = (api, metrics) {
            return api;
        }
    }
}

/// Reads the server's standard output to its end on a thread of its own, so that the server never
/// waits for a full pipe. Nothing of it is kept: the first start prints a key.
fn announcements(stdout: ChildStdout) -> Result<mpsc::Receiver<Announcement>> {
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
    Ok(receiver)
}

impl Announcement {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Some(url) = line.strip_prefix("listening on ") {
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

    /// A shell script in the server's place.
    fn script(directory: &Path, text: &str) -> Launch {
        let program = directory.join("server.sh");
        std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        Launch {
            program,
            data_dir: directory.join("data"),
            more_arguments: Vec::new(),
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
