//! Reads the merchants' event feeds to their ends and has the auditor look for what is missing.

use std::time::Duration;

use anyhow::{Result, ensure};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::auditor::{Auditor, FeedPlace};
use crate::client::Client;
use crate::violation::ViolationKind;

/// The feed is written behind the log; it is read on after this.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// How far each merchant's feed was read. It goes on where it ended, through restarts of the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventReader {
    places: Vec<FeedPlace>,
}

impl EventReader {
    /// Reads on to where the feeds end now.
    async fn read_on(&mut self, client: &Client, auditor: &Mutex<Auditor>) -> Result<()> {
        for merchant in 0..client.merchants() {
            let at = merchant as usize;
            if self.places.len() <= at {
                self.places.resize_with(at + 1, FeedPlace::default);
            }
            let place = &mut self.places[at];
            loop {
                let page = client.events(merchant, place.after.as_deref()).await?;
                let (has_more, next, read) =
                    (page.has_more, page.next_after.clone(), page.data.len());
                auditor.lock().hear_events(place, page);
                if !has_more {
                    break;
                }
                ensure!(read > 0 && next == place.after, "the feed has more and goes on nowhere");
            }
        }
        Ok(())
    }
}

/// Reads until everything that is acknowledged was told, or the time is over; only what is missing
/// then counts. What is wrong in the feed itself is noted whenever it is read.
pub(crate) async fn check_events(
    client: &Client,
    auditor: &Mutex<Auditor>,
    reader: &mut EventReader,
    within: Duration,
) {
    let deadline = Instant::now() + within;
    loop {
        let read = reader.read_on(client, auditor).await;
        let over = Instant::now() >= deadline;
        match read {
            Ok(()) => {
                let mut auditor = auditor.lock();
                let findings = auditor.feed_findings();
                if over || findings.is_empty() {
                    auditor.take_over(findings);
                    return;
                }
            }
            Err(cause) if over => {
                auditor.lock().note(ViolationKind::FeedUnreadable, format!("{cause:#}"));
                return;
            }
            Err(_not_yet) => {}
        }
        tokio::time::sleep(READ_AGAIN_AFTER).await;
    }
}
