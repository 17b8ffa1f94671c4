//! Reads the provider simulator's ledger to its end and has the auditor compare it.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::auditor::{Auditor, Reconciliation};
use crate::client::Client;
use crate::violation::ViolationKind;

/// A late approval may still be on its way to being reversed; the ledger is read again after this.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Where the provider's books ended when a run began: what stands there is none of the run's.
#[derive(Debug, Clone, Default)]
pub(crate) struct LedgerStart {
    /// The cursor of the last page.
    after: Option<u64>,
    /// Attempts that the last page had already.
    passed_over: HashSet<String>,
}

impl LedgerStart {
    /// The end of the books as they are now.
    pub(crate) async fn now(client: &Client) -> Result<Self> {
        let mut start = Self::default();
        loop {
            let page = client.ledger_page(start.after).await?;
            if !page.has_more {
                start.passed_over = page.data.into_iter().map(|entry| entry.attempt_id).collect();
                return Ok(start);
            }
            start.after = advanced(start.after, page.next)?;
        }
    }
}

/// What was found in the provider's books.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LedgerSummary {
    pub(crate) entries: u64,
    /// Payments approved that no remembered key names.
    pub(crate) unnamed: u64,
}

/// Compares until everything fits or the time is over; only the last comparison counts.
pub(crate) async fn compare_ledger(
    client: &Client,
    auditor: &Mutex<Auditor>,
    start: &LedgerStart,
    within: Duration,
) -> LedgerSummary {
    let deadline = Instant::now() + within;
    loop {
        let read = read_all(client, auditor, start).await;
        let over = Instant::now() >= deadline;
        match read {
            Ok(reconciliation) => {
                let summary = reconciliation.summary();
                let mut auditor = auditor.lock();
                let findings = auditor.compare(reconciliation);
                if over || findings.is_empty() {
                    auditor.conclude(findings);
                    return summary;
                }
            }
            Err(cause) if over => {
                auditor.lock().note(ViolationKind::LedgerUnreadable, format!("{cause:#}"));
                return LedgerSummary::default();
            }
            Err(_not_yet) => {}
        }
        tokio::time::sleep(READ_AGAIN_AFTER).await;
    }
}

async fn read_all(
    client: &Client,
    auditor: &Mutex<Auditor>,
    start: &LedgerStart,
) -> Result<Reconciliation> {
    let mut reconciliation = Reconciliation::default();
    let mut after = start.after;
    loop {
        let page = client.ledger_page(after).await?;
        let auditor = auditor.lock();
        for entry in page.data {
            let known = after == start.after && start.passed_over.contains(&entry.attempt_id);
            if !known {
                reconciliation.add(entry, &auditor);
            }
        }
        drop(auditor);
        if !page.has_more {
            return Ok(reconciliation);
        }
        after = advanced(after, page.next)?;
    }
}

/// `None` is less than any cursor, so a page that claims more and names no next is caught.
fn advanced(after: Option<u64>, next: Option<u64>) -> Result<Option<u64>> {
    ensure!(next > after, "the cursor does not advance from {after:?} to {next:?}");
    Ok(next)
}
