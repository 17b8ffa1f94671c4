//! Reads the provider simulator's ledger to its end, and our own books, and has the auditor compare
//! them.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::auditor::{Auditor, LedgerEntry, OurBooks, Reconciliation};
use crate::client::Client;
use crate::violation::ViolationKind;

/// A late approval may still be on its way to being reversed; the ledger is read again after this.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Where the books ended when a run began: what stands there is none of the run's.
#[derive(Debug, Clone, Default)]
pub(crate) struct LedgerStart {
    /// The cursor of the provider's last page.
    after: Option<u64>,
    /// Entries that the last page had already.
    passed_over: HashSet<EntryPlace>,
    ours: OurBooks,
}

/// What tells an entry from all others.
type EntryPlace = (String, Option<String>, &'static str);

impl LedgerStart {
    /// The end of the books as they are now.
    pub(crate) async fn now(client: &Client) -> Result<Self> {
        let ours = OurBooks::of(client.accounts().await?, Vec::new());
        let mut start = Self { ours, ..Self::default() };
        loop {
            let page = client.ledger_page(start.after).await?;
            if !page.has_more {
                start.passed_over = page.data.iter().map(LedgerEntry::place).collect();
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
            Ok((reconciliation, ours)) => {
                let summary = reconciliation.summary();
                let mut auditor = auditor.lock();
                let findings = auditor.compare(reconciliation, Some(&ours));
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
) -> Result<(Reconciliation, OurBooks)> {
    let mut reconciliation = Reconciliation::default();
    let mut after = start.after;
    loop {
        let page = client.ledger_page(after).await?;
        let auditor = auditor.lock();
        for entry in page.data {
            let known = after == start.after && start.passed_over.contains(&entry.place());
            if !known {
                reconciliation.add(entry, &auditor);
            }
        }
        drop(auditor);
        if !page.has_more {
            break;
        }
        after = advanced(after, page.next)?;
    }
    let mut balances = Vec::new();
    for merchant in 0..client.merchants() {
        balances.push(client.balances(merchant).await?);
    }
    let ours = OurBooks::of(client.accounts().await?, balances);
    Ok((reconciliation, ours.since(&start.ours)))
}

/// `None` is less than any cursor, so a page that claims more and names no next is caught.
fn advanced(after: Option<u64>, next: Option<u64>) -> Result<Option<u64>> {
    ensure!(next > after, "the cursor does not advance from {after:?} to {next:?}");
    Ok(next)
}
