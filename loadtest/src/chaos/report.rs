//! What a chaos audit found, for people and for programs.
#![expect(clippy::print_stdout, reason = "the report is what the command is run for")]

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::mishap::Mishap;
use crate::violation::{Violation, ViolationKind};

/// The text report shows so many violations; the JSON report has more.
const SHOWN: usize = 20;

/// The result of a chaos audit.
#[derive(Debug, Clone, Serialize)]
pub struct ChaosReport {
    /// Repeats the load, the mishaps and their moments.
    pub seed: u64,
    /// `None` where the time was given instead.
    pub rounds_asked: Option<u32>,
    /// Rounds that went as planned.
    pub rounds_done: u32,
    /// How long it took.
    pub seconds: u64,
    /// How often each mishap happened.
    pub mishaps: BTreeMap<Mishap, u64>,
    /// What could not happen on this machine.
    pub left_out: Vec<LeftOut>,
    /// All requests, of the load and of the audits.
    pub requests: u64,
    /// Requests without a whole answer.
    pub unanswered: u64,
    /// 429 and 503.
    pub refused: u64,
    /// 409 `idempotency_key_in_use`.
    pub in_use: u64,
    /// Keys that were sent.
    pub keys: u64,
    /// Keys that got 201, 202 or 402 under load.
    pub acknowledged: u64,
    /// Final answers asked for again and compared.
    pub replays_checked: u64,
    /// Used keys sent with another request.
    pub reuses_checked: u64,
    /// Payments read and compared.
    pub reads_checked: u64,
    /// Keys without an answer at the kill that settled afterwards.
    pub unanswered_resolved: u64,
    /// Keys with a 202 at the kill that settled afterwards.
    pub accepted_resolved: u64,
    pub completed: u64,
    pub authorized: u64,
    /// Payments that were held for a review.
    pub held: u64,
    /// Payments that waited for their customers.
    pub action_required: u64,
    pub failed: u64,
    /// Customers whose decision the provider told.
    pub decisions: u64,
    /// Operations on payments, by their first final answer.
    pub confirmations: u64,
    /// Payments called off while their customers had to act.
    pub cancellations: u64,
    /// Reviews that were approved, and that were rejected.
    pub approvals: u64,
    pub rejections: u64,
    /// Orders that were created.
    pub orders: u64,
    pub captures: u64,
    pub voids: u64,
    pub reversals: u64,
    pub refunds: u64,
    /// Operations that the provider did not do, as it was answered.
    pub undone: u64,
    /// Operations that the rules forbade.
    pub rejected: u64,
    /// Postings of our own books, read and compared.
    pub postings_checked: u64,
    /// Events of the feed, read and compared.
    pub events_heard: u64,
    /// Entries in the provider simulator's ledger.
    pub ledger_entries: u64,
    /// From the start of the process to ready, over all starts.
    pub time_to_ready: Option<TimeToReady>,
    /// Exit code after SIGTERM; `None` where it never came to that, or a signal ended the server.
    pub exit_code: Option<i32>,
    /// The first violations in full.
    pub violations: Vec<Violation>,
    /// All violations, counted.
    pub violations_by_kind: BTreeMap<ViolationKind, u64>,
    /// The directory with the data and the server's error output, where it was kept.
    pub kept_directory: Option<PathBuf>,
}

/// A mishap that could not happen on this machine: nothing is shown of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub mishap: Mishap,
    pub why: String,
}

/// Times to ready, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TimeToReady {
    pub starts: usize,
    pub median_ms: f64,
    pub max_ms: f64,
}

impl ChaosReport {
    /// No promise was found broken.
    pub fn passed(&self) -> bool {
        self.violations_by_kind.is_empty()
    }

    /// Every violation, also those not kept in full.
    pub fn violations_total(&self) -> u64 {
        self.violations_by_kind.values().sum()
    }

    /// Prints the text to standard output.
    pub fn print(&self) {
        println!("{self}");
    }

    /// Writes the report as JSON.
    pub fn write_json(&self, path: &Path) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self).context("cannot render the report")?;
        json.push(b'\n');
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl LeftOut {
    pub(super) fn all(left_out: &[(Mishap, String)]) -> Vec<Self> {
        left_out.iter().map(|(mishap, why)| Self { mishap: *mishap, why: why.clone() }).collect()
    }
}

impl TimeToReady {
    /// `None` where there was no start.
    pub(crate) fn of(starts: &[Duration]) -> Option<Self> {
        let mut sorted = starts.to_vec();
        sorted.sort_unstable();
        let milliseconds = |time: &Duration| time.as_secs_f64() * 1e3;
        Some(Self {
            starts: sorted.len(),
            median_ms: sorted.get(sorted.len() / 2).map(milliseconds)?,
            max_ms: sorted.last().map(milliseconds)?,
        })
    }
}

impl fmt::Display for ChaosReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed() { "passed" } else { "FAILED" };
        writeln!(f, "chaos audit {verdict}, seed {}", self.seed)?;
        match self.rounds_asked {
            Some(asked) => writeln!(f, "  rounds            {} of {asked}", self.rounds_done)?,
            None => {
                writeln!(f, "  rounds            {} in {} s", self.rounds_done, self.seconds)?;
            }
        }
        for (mishap, count) in &self.mishaps {
            writeln!(f, "    {mishap} x {count}")?;
        }
        for LeftOut { mishap, why } in &self.left_out {
            writeln!(f, "    {mishap} left out: {why}")?;
        }
        writeln!(
            f,
            "  requests          {} ({} unanswered, {} refused, {} in use)",
            self.requests, self.unanswered, self.refused, self.in_use
        )?;
        writeln!(f, "  keys              {} ({} acknowledged)", self.keys, self.acknowledged)?;
        writeln!(
            f,
            "  checked           {} replays, {} reused keys, {} reads",
            self.replays_checked, self.reuses_checked, self.reads_checked
        )?;
        writeln!(
            f,
            "  resolved          {} unanswered, {} accepted",
            self.unanswered_resolved, self.accepted_resolved
        )?;
        writeln!(
            f,
            "  outcomes          {} completed, {} authorized, {} waiting, {} failed",
            self.completed, self.authorized, self.action_required, self.failed
        )?;
        writeln!(
            f,
            "  customers         {} decided; {} confirmations, {} called off",
            self.decisions, self.confirmations, self.cancellations
        )?;
        writeln!(
            f,
            "  reviews, orders   {} held, {} approved, {} rejected; {} orders",
            self.held, self.approvals, self.rejections, self.orders
        )?;
        writeln!(
            f,
            "  operations        {} captures, {} voids, {} reversals, {} refunds; {} undone, {} forbidden",
            self.captures, self.voids, self.reversals, self.refunds, self.undone, self.rejected
        )?;
        writeln!(
            f,
            "  books and feed    {} provider entries, {} postings, {} events",
            self.ledger_entries, self.postings_checked, self.events_heard
        )?;
        if let Some(TimeToReady { starts, median_ms, max_ms }) = self.time_to_ready {
            writeln!(
                f,
                "  time to ready     median {median_ms:.1} ms, max {max_ms:.1} ms ({starts} starts)"
            )?;
        }
        match self.exit_code {
            Some(code) => writeln!(f, "  exit code         {code}")?,
            None => writeln!(f, "  exit code         none")?,
        }
        write!(f, "  violations        {}", self.violations_total())?;
        for (kind, count) in &self.violations_by_kind {
            write!(f, "\n    {} x {count}", kind.name())?;
        }
        for violation in self.violations.iter().take(SHOWN) {
            write!(f, "\n  {violation}")?;
        }
        if let Some(directory) = &self.kept_directory {
            write!(f, "\n  kept              {}", directory.display())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_ready_are_summed_up() {
        let starts: Vec<_> = [30, 10, 20].into_iter().map(Duration::from_millis).collect();
        let times = TimeToReady::of(&starts).unwrap();
        assert_eq!((times.starts, times.median_ms, times.max_ms), (3, 20.0, 30.0));
        assert_eq!(TimeToReady::of(&[]), None);
    }
}
