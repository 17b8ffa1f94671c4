//! The provider simulator as a process of its own, which can be killed and stopped while the server
//! under audit runs.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{Command, Process};

/// How long it may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// The simulator.
#[derive(Debug)]
pub(super) struct Provider {
    program: PathBuf,
    data_dir: PathBuf,
    log: PathBuf,
    environment: Vec<(&'static str, OsString)>,
    /// `None` while it is killed.
    process: Option<Process>,
    /// Kept over restarts: the server goes on asking at the same place.
    address: SocketAddr,
}

impl Provider {
    /// Starts it at a port of the system's choice.
    pub(super) async fn start(
        program: PathBuf,
        data_dir: PathBuf,
        log: PathBuf,
        environment: Vec<(&'static str, OsString)>,
    ) -> Result<Self> {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut provider =
            Self { program, data_dir, log, environment, process: None, address: anywhere };
        provider.restart().await?;
        Ok(provider)
    }

    /// Where it is asked.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Starts it again, where it was.
    pub(super) async fn restart(&mut self) -> Result<()> {
        let command = Command {
            program: self.program.clone(),
            arguments: vec![
                "simulator".into(),
                "--listen".into(),
                self.address.to_string().into(),
                "--data-dir".into(),
                self.data_dir.clone().into(),
            ],
            environment: self.environment.clone(),
            log: self.log.clone(),
        };
        let (process, mut lines) = Process::spawn(&command)?;
        let listening = tokio::time::timeout(READY_WITHIN, lines.api_address());
        self.address = listening.await.context("the simulator does not listen")?;
        self.process = Some(process);
        Ok(())
    }

    /// SIGSTOP.
    pub(super) fn pause(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), Process::pause)
    }

    /// SIGCONT.
    pub(super) fn resume(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), Process::resume)
    }
}
