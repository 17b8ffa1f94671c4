//! One mishap, carried out on a server under load, and what has to come of it at once.
//!
//! Not here: what has to hold afterwards; that is asked after the next start.

use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Result;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::mishap::{Mishap, Plan};
use super::surroundings::{MIN_FREE_BYTES, Surroundings};
use crate::auditor::Auditor;
use crate::client;
use crate::server::Server;
use crate::violation::ViolationKind;

/// From the first failing sync to the end of the process, on a busy machine.
const END_WITHIN: Duration = Duration::from_secs(15);

/// Until a server has noticed that its disk is low, or has room again.
const NOTICE_WITHIN: Duration = Duration::from_secs(10);

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// How the server stands after a mishap.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aftermath {
    /// It runs.
    Runs,
    /// It has ended, as it should where its log cannot go on.
    EndedWell,
    /// It has ended, and should not have.
    Died(ExitStatus),
}

/// Lets the mishap happen and pass.
pub(super) async fn strike(
    plan: &Plan,
    server: &mut Server,
    surroundings: &mut Surroundings,
    auditor: &Mutex<Auditor>,
) -> Result<Aftermath> {
    match plan.mishap {
        Mishap::Kill => return Ok(Aftermath::Runs),
        Mishap::Pause => {
            server.pause()?;
            sleep(plan.lasts).await;
            server.resume()?;
        }
        Mishap::DiskLow => {
            let disk = surroundings.disk()?;
            disk.fill(MIN_FREE_BYTES / 2)?;
            if !becomes_ready(server, false).await {
                let details = format!("ready {NOTICE_WITHIN:?} after the disk got low");
                auditor.lock().note(ViolationKind::LowDiskIgnored, details);
            }
            sleep(plan.lasts / 4).await;
            disk.clear()?;
            if !becomes_ready(server, true).await {
                let details = format!("not ready {NOTICE_WITHIN:?} after the disk had room again");
                auditor.lock().note(ViolationKind::NotReadyAgain, details);
            }
        }
        Mishap::DiskFull => {
            let disk = surroundings.disk()?;
            disk.fill(0)?;
            // Admission may close in time, and then the server lives; or a record finds no room, and
            // then the log has failed and the server must end.
            let ended = timeout(plan.lasts, server.end()).await;
            disk.clear()?;
            if let Ok(status) = ended {
                return Ok(judged(status));
            }
        }
        Mishap::SyncFails => {
            surroundings.shim()?.arm()?;
            let ended = timeout(END_WITHIN, server.end()).await;
            surroundings.shim()?.disarm()?;
            return Ok(match ended {
                Ok(status) => judged(status),
                Err(_still_running) => {
                    let details = format!("still running {END_WITHIN:?} after a sync had failed");
                    auditor.lock().note(ViolationKind::LostSyncIgnored, details);
                    Aftermath::Runs
                }
            });
        }
        Mishap::ProviderKilled => {
            let provider = surroundings.provider()?;
            provider.kill().await?;
            sleep(plan.lasts).await;
            provider.restart().await?;
        }
        Mishap::ProviderPaused => {
            surroundings.provider()?.pause()?;
            sleep(plan.lasts).await;
            surroundings.provider()?.resume()?;
        }
    }
    Ok(match timeout(plan.after, server.end()).await {
        // A log that found no room says so when it next writes.
        Ok(status) if plan.mishap == Mishap::DiskFull => judged(status),
        Ok(status) => Aftermath::Died(status),
        Err(_still_running) => Aftermath::Runs,
    })
}

/// A server whose log has failed ends with exit code 1.
fn judged(status: ExitStatus) -> Aftermath {
    if status.code() == Some(1) { Aftermath::EndedWell } else { Aftermath::Died(status) }
}

async fn becomes_ready(server: &Server, ready: bool) -> bool {
    let deadline = Instant::now() + NOTICE_WITHIN;
    while Instant::now() < deadline {
        if client::is_ready(server.address(), ASK_EVERY * 20).await == ready {
            return true;
        }
        sleep(ASK_EVERY).await;
    }
    false
}
