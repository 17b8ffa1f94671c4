//! A load run: play a scenario at a server, measure it, audit the money, tell.
//!
//! Not here: what a right answer is, which the operations and the auditor know, and how a report
//! looks.

mod environment;
mod load;
mod pacer;
mod progress;
mod recorder;
mod report;
mod target;
mod verdict;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use rand::RngExt;

use crate::audit::{self, EventReader, LedgerStart, LedgerSummary};
use crate::auditor::{Auditor, RecordId};
use crate::client::Client;
use crate::randomness::{Purpose, randomness};
use crate::scenario::Scenario;

use environment::Environment;
use load::Load;
use target::Target;

pub use progress::Progress;
pub use report::{
    AuditReport, FORMAT, FailureCount, Latency, LoadReport, OperationReport, Second, Totals,
};
pub use target::Server;
pub use verdict::Verdict;

/// Merchants registered at the same time.
const REGISTERED_AT_ONCE: usize = 16;

/// Connections that the audit asks over.
const AUDITED_AT_ONCE: u32 = 32;

/// What to play, and at whom. Start from [`RunOptions::new`] and change what differs.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub scenario: Scenario,
    pub seed: u64,
    pub server: Server,
    /// The operator's key; without it, it is read from the server's data directory.
    pub operator_key: Option<String>,
    /// At most so many keys are remembered for the audit; beyond, it is a sample.
    pub most_keys: usize,
    /// So many of the keys that are remembered are asked again after the load, and all that have no
    /// final answer yet.
    pub asked_again: usize,
    /// Keys without a final answer get so long after the load.
    pub resolve_within: Duration,
    pub progress: Progress,
    /// The command line, for the report.
    pub command: String,
}

/// A handle that ends the load of a run early; what was measured until then is told.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<std::sync::atomic::AtomicBool>);

/// Plays the scenario. What was found wrong is in the report; an error means that the run could not
/// be carried out. Dropping the future kills a server that was started for it.
pub async fn run(options: RunOptions, stop: Stop) -> Result<LoadReport> {
    let started_at = SystemTime::now();
    let environment = Environment::look();
    let mut target = Target::reach(&options).await?;
    let client = target.client(options.scenario.patience)?;
    let alone = target.is_ours();
    let course = async {
        let client = with_merchants(client, &options).await?;
        let ledger = match options.scenario.audit {
            true => LedgerStart::now(&client).await.context("cannot read the provider's books")?,
            false => LedgerStart::default(),
        };
        let auditor = Auditor::sampling(options.seed, options.most_keys);
        let auditor = if alone { auditor } else { auditor.among_others() };
        let auditor = Arc::new(Mutex::new(auditor));
        let client = Arc::new(client);
        let load = Load::new(&options, &client, &auditor, stop.clone());
        load.play(options.progress).await?;
        let audited = match options.scenario.audit {
            true => Some(audit(&options, &client, &auditor, &ledger).await?),
            false => None,
        };
        anyhow::Ok((load, auditor, audited))
    };
    let played = target.while_running(course).await;
    let (load, auditor, audited) = match played {
        Ok(played) => played,
        Err(cause) => return Err(target.explain(cause)),
    };
    let kept_directory = target.stop(&auditor).await?;
    let facts = report::Facts {
        started_at,
        environment,
        options: &options,
        stopped_early: stop.is_asked(),
        measured: load.measured(),
        audit: AuditReport::of(&auditor.lock(), audited, kept_directory),
    };
    Ok(LoadReport::of(facts))
}

/// What the audit did after the load.
#[derive(Debug, Clone, Copy)]
struct Audited {
    asked_again: usize,
    ledger: LedgerSummary,
}

impl RunOptions {
    /// A quiet run that remembers up to a million keys, some 250 MB.
    pub fn new(scenario: Scenario, server: Server) -> Self {
        Self {
            scenario,
            seed: 0,
            server,
            operator_key: None,
            most_keys: 1_000_000,
            asked_again: 20_000,
            resolve_within: Duration::from_secs(20),
            progress: Progress::Silent,
            command: String::new(),
        }
    }

    /// Where a server's data directory is by default, seen from where it was started.
    pub fn usual_data_dir() -> PathBuf {
        PathBuf::from("data")
    }
}

impl Stop {
    pub fn ask(&self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    pub fn is_asked(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Registers the scenario's merchants; the client that comes back has their keys.
async fn with_merchants(client: Client, options: &RunOptions) -> Result<Client> {
    let client = Arc::new(client);
    let count = options.scenario.merchants.count as usize;
    let mut keys = Vec::with_capacity(count);
    while keys.len() < count {
        let first = keys.len();
        let registrations: Vec<_> = (first..count.min(first + REGISTERED_AT_ONCE))
            .map(|number| {
                let client = Arc::clone(&client);
                let name = format!("Load Test {} {number}", options.scenario.name);
                tokio::spawn(async move { client.create_merchant(&name).await })
            })
            .collect();
        for registration in registrations {
            keys.push(registration.await.context("a registration failed")??);
        }
    }
    Ok(client.with_merchants(keys))
}

async fn audit(
    options: &RunOptions,
    client: &Arc<Client>,
    auditor: &Arc<Mutex<Auditor>>,
    ledger: &LedgerStart,
) -> Result<Audited> {
    options.progress.say("auditing");
    let keys = keys_to_ask(&auditor.lock(), options);
    let (asked_again, within) = (keys.len(), options.resolve_within);
    audit::check_keys(client, AUDITED_AT_ONCE, auditor, keys, within).await?;
    let ledger = audit::compare_ledger(client, auditor, ledger, within).await;
    audit::check_events(client, auditor, &mut EventReader::default(), within).await;
    Ok(Audited { asked_again, ledger })
}

/// Every key without a final answer, of payments and of deeds, and of the others as many as were
/// asked for, drawn by the seed.
fn keys_to_ask(auditor: &Auditor, options: &RunOptions) -> Vec<RecordId> {
    let all = auditor.remembered().into_iter().chain(auditor.remembered_deeds());
    let all = all.chain(auditor.remembered_shop_orders());
    let (mut settled, mut keys): (Vec<RecordId>, Vec<RecordId>) =
        all.partition(|&id| auditor.is_settled(id));
    let mut random = randomness(options.seed, 0, Purpose::Sample);
    for place in 0..settled.len().min(options.asked_again) {
        let other = random.random_range(place..settled.len());
        settled.swap(place, other);
    }
    settled.truncate(options.asked_again);
    keys.extend(settled);
    keys.sort_unstable();
    keys
}
