//! Reads the provider simulator's ledger to its end and has the auditor compare it.

use std::time::Duration;

use anyhow::{Result, ensure};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::auditor::{Auditor, Reconciliation};
use crate::client::Client;
use crate::violation::ViolationKind;

/// A late approval may still be on its way to being reversed; the ledger is read again after this.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Compares until everything fits or the time is over; only the last comparison counts. Gives the
/// number of entries.
pub(super) async fn compare(client: &Client, auditor: &Mutex<Auditor>, within: Duration) -> u64 {
    let deadline = Instant::now() + within;
    loop {
        let read = read_all(client).await;
        let over = Instant::now() >= deadline;
        match read {
            Ok(reconciliation) => {
                let entries = reconciliation.entries();
                let mut auditor = auditor.lock();
                let findings = auditor.compare(reconciliation);
                if over || findings.is_empty() {
                    auditor.conclude(findings);
                    return entries;
                }
            }
            Err(cause) if over => {
                auditor.lock().note(ViolationKind::LedgerUnreadable, format!("{cause:#}"));
                return 0;
            }
            Err(_not_yet) => {}
        }
        tokio::time::sleep(READ_AGAIN_AFTER).await;
    }
}

async fn read_all(client: &Client) -> Result<Reconciliation> {
    let mut reconciliation = Reconciliation::default();
    let mut after = None;
    loop {
        let page = client.ledger_page(after).await?;
        for entry in page.data {
            reconciliation.add(entry);
        }
        if !page.has_more {
            return Ok(reconciliation);
        }
        // `None` is less than any cursor, so a page that claims more and names no next is caught.
        ensure!(page.next > after, "the cursor does not advance from {after:?} to {:?}", page.next);
        after = page.next;
    }
}
