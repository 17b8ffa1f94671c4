//! Lets requests go at their time, whatever the runtime is busy with.
//!
//! A thread of its own, because the runtime's timers count in whole milliseconds, and because a
//! harness whose clock waits for its own work is the coordinated omission that it is to avoid.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::mpsc;

use super::Stop;
use crate::schedule::Schedule;

/// Sleeps are at most so long, so that a stop is soon noticed.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Sends each moment once it has come; ends with the schedule, or when asked to stop.
pub(super) fn start(
    schedule: Schedule,
    begin: Instant,
    stop: Stop,
) -> Result<mpsc::UnboundedReceiver<Duration>> {
    // Without a bound: it holds what is due and not yet sent, which the time to send it in bounds.
    let (sender, receiver) = mpsc::unbounded_channel();
    let pace = move || {
        for at in schedule {
            loop {
                let now = begin.elapsed();
                if stop.is_asked() || sender.is_closed() {
                    return;
                }
                if now >= at {
                    break;
                }
                std::thread::sleep((at - now).min(LONGEST_SLEEP));
            }
            if sender.send(at).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("load-pacer".to_owned())
        .spawn(pace)
        .context("cannot start the thread that paces the load")?;
    Ok(receiver)
}
