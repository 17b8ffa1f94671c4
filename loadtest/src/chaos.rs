//! The chaos audit: start, check, load, a mishap, the end; again and again, and the reckoning.
//!
//! The kill audit is the same with SIGKILL for its only mishap.
//!
//! Not here: what a right answer is. This module sends and waits; the auditor judges.

mod callbacks;
mod load;
mod mishap;
mod provider;
mod report;
mod small_disk;
mod strike;
mod surroundings;
mod sync_shim;

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range, RangeInclusive};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use parking_lot::Mutex;
use rand::RngExt;

use crate::audit::{self, EventReader, LedgerStart};
use crate::auditor::{Auditor, RecordId};
use crate::client::Client;
use crate::credentials::Credentials;
use crate::randomness::{Purpose, randomness};
use crate::server::{Launch, Server};
use crate::violation::{Violation, ViolationKind};
use crate::work_directory::WorkDirectory;

pub use mishap::Mishap;
pub use report::{ChaosReport, LeftOut, TimeToReady};
pub use sync_shim::SyncShim;

use mishap::{Ending, Plan};
use strike::{Aftermath, strike};
use surroundings::Surroundings;

/// A server that was asked to stop has so long; it drains for less.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A request has so long: a payment may be waited for two seconds, and the machine may be busy.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);

/// What to audit, and how hard. Start from [`ChaosOptions::new`] and change what differs.
#[derive(Debug, Clone)]
pub struct ChaosOptions {
    /// The server's program.
    pub server: PathBuf,
    /// More arguments for its `serve`.
    pub server_arguments: Vec<String>,
    /// How many rounds at the most; at least 1.
    pub rounds: u32,
    /// No round begins after this.
    pub time: Option<Duration>,
    /// What may befall the server, in an order drawn from the seed; at least one.
    pub mishaps: Vec<Mishap>,
    pub seed: u64,
    /// At least 1.
    pub connections: u32,
    /// How long the load lasts before the mishap.
    pub load: RangeInclusive<Duration>,
    /// Most new payments of a round; beyond it only repeats and reads are sent.
    pub round_payments: u32,
    /// Keys of older rounds to check after each restart.
    pub sample: u32,
    /// Longest time from the start of the process to ready.
    pub ready_within: Duration,
    /// Longest time from a restart to the final answer of a key.
    pub resolve_within: Duration,
    /// New or empty, and kept; without it a temporary one that is kept only for violations.
    pub work_dir: Option<PathBuf>,
    /// Called after each round.
    pub on_round: fn(&RoundSummary<'_>),
}

/// Progress of a run, after each round.
#[derive(Debug, Clone, Copy)]
pub struct RoundSummary<'a> {
    /// From 1.
    pub round: u32,
    pub rounds: u32,
    pub mishap: Mishap,
    pub time_to_ready: Duration,
    /// Keys sent in this round.
    pub keys: usize,
    /// Keys acknowledged under load, in all rounds so far.
    pub acknowledged: u64,
    /// In all rounds so far.
    pub violations: u64,
    /// Those of them that were found since the round before, as far as they are kept in full.
    pub found: &'a [Violation],
}

/// Runs the audit. Violations are in the report; an error means that it could not be carried out.
///
/// Dropping the future kills the server.
pub async fn run(options: ChaosOptions) -> Result<ChaosReport> {
    options.check()?;
    let mut directory = WorkDirectory::open(options.work_dir.as_deref())?;
    let surroundings = Surroundings::prepare(&options.mishaps, &options.server, &directory).await?;
    let mut audit = ChaosAudit::new(options, surroundings, &directory);
    if let Err(cause) = audit.play().await {
        audit.surroundings.keep();
        return Err(cause.context(format!("kept {}", directory.keep().display())));
    }
    if !audit.auditor.lock().violations().is_empty() {
        audit.surroundings.keep();
        directory.keep();
    }
    Ok(audit.report(directory.kept()))
}

impl ChaosOptions {
    /// The defaults: 20 rounds of 100 to 800 ms over 64 connections, each ended by SIGKILL and
    /// nothing worse, seed 0.
    pub fn new(server: impl Into<PathBuf>) -> Self {
        Self {
            server: server.into(),
            server_arguments: Vec::new(),
            rounds: 20,
            time: None,
            mishaps: vec![Mishap::Kill],
            seed: 0,
            connections: 64,
            load: Duration::from_millis(100)..=Duration::from_millis(800),
            round_payments: 20_000,
            sample: 200,
            ready_within: Duration::from_secs(30),
            resolve_within: Duration::from_secs(20),
            work_dir: None,
            on_round: |_| {},
        }
    }

    fn check(&self) -> Result<()> {
        ensure!(self.rounds > 0, "at least one round");
        ensure!(!self.mishaps.is_empty(), "at least one mishap");
        ensure!(self.connections > 0, "at least one connection");
        ensure!(self.round_payments > 0, "at least one payment a round");
        ensure!(!self.load.is_empty(), "the shortest load is longer than the longest");
        Ok(())
    }
}

/// A run on its way.
struct ChaosAudit {
    options: ChaosOptions,
    launch: Launch,
    surroundings: Surroundings,
    begun: Instant,
    /// How often each mishap happened.
    mishaps: BTreeMap<Mishap, u64>,
    auditor: Arc<Mutex<Auditor>>,
    /// Read after the first start and used to the end: keys must outlive the kills as well.
    credentials: Option<Arc<Credentials>>,
    starts: Vec<Duration>,
    events: EventReader,
    last_round: Range<RecordId>,
    rounds_done: u32,
    /// Violations that the rounds' summaries have shown.
    shown: usize,
    ledger_entries: u64,
    exit_code: Option<i32>,
}

/// A running server with what is needed to speak to it.
struct Session {
    server: Server,
    credentials: Arc<Credentials>,
}

impl ChaosAudit {
    fn new(options: ChaosOptions, surroundings: Surroundings, directory: &WorkDirectory) -> Self {
        let launch = Launch {
            program: options.server.clone(),
            data_dir: surroundings.data(directory),
            listen: surroundings.listen,
            more_arguments: options.server_arguments.clone(),
            environment: surroundings.environment(),
            log: directory.server_log(),
            ready_within: options.ready_within,
        };
        Self {
            options,
            launch,
            surroundings,
            begun: Instant::now(),
            mishaps: BTreeMap::new(),
            auditor: Arc::new(Mutex::new(Auditor::through_kills())),
            credentials: None,
            starts: Vec::new(),
            events: EventReader::default(),
            last_round: 0..0,
            rounds_done: 0,
            shown: 0,
            ledger_entries: 0,
            exit_code: None,
        }
    }

    /// All rounds and the end; stops early where the server is beyond further questions.
    async fn play(&mut self) -> Result<()> {
        for round in 0..self.options.rounds {
            if self.options.time.is_some_and(|time| self.begun.elapsed() > time) {
                break;
            }
            if self.play_round(round).await?.is_break() {
                return Ok(());
            }
        }
        self.play_end().await
    }

    async fn play_round(&mut self, round: u32) -> Result<ControlFlow<()>> {
        let Some(mut session) = self.start().await? else {
            return Ok(ControlFlow::Break(()));
        };
        let keys = self.keys_to_check(round);
        if self.check_keys(&mut session, keys).await?.is_break()
            || self.check_events(&mut session).await?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
        self.auditor.lock().release_bodies(self.last_round.clone());

        let time_to_ready = session.server.time_to_ready();
        let first = self.auditor.lock().len();
        let Self { options, surroundings, .. } = self;
        let plan = Plan::of(&surroundings.mishaps, &options.load, options.seed, round);
        let course = self.load_and_strike(session, round, &plan).await?;
        self.last_round = first..self.auditor.lock().len();
        if course.is_continue() {
            self.rounds_done += 1;
            *self.mishaps.entry(plan.mishap).or_default() += 1;
        }
        let auditor = self.auditor.lock();
        let violations = auditor.violations().first();
        (self.options.on_round)(&RoundSummary {
            round: round + 1,
            rounds: self.options.rounds,
            mishap: plan.mishap,
            time_to_ready,
            keys: self.last_round.len(),
            acknowledged: auditor.tally().acknowledged,
            violations: auditor.violations().total(),
            found: &violations[self.shown..],
        });
        self.shown = violations.len();
        Ok(course)
    }

    /// Every key once more, the provider's ledger, and an orderly stop.
    async fn play_end(&mut self) -> Result<()> {
        let Some(mut session) = self.start().await? else { return Ok(()) };
        // What it decided of its own accord and could not tell yet, it tells anew.
        if let Some(provider) = &mut self.surroundings.provider {
            provider.kill().await?;
            provider.restart().await?;
        }
        self.auditor.lock().come_to_rest();
        let keys = (0..self.auditor.lock().len()).collect();
        if self.check_keys(&mut session, keys).await?.is_break()
            || self.check_events(&mut session).await?.is_break()
            || self.check_ledger(&mut session).await?.is_break()
        {
            return Ok(());
        }
        self.exit_code = self.terminate(session.server).await?;
        Ok(())
    }

    /// SIGTERM; gives the exit code, which must be 0.
    async fn terminate(&self, server: Server) -> Result<Option<i32>> {
        let ended = server.terminate(STOP_WITHIN).await?;
        let complaint = match ended {
            Some(status) if status.code() == Some(0) => return Ok(Some(0)),
            Some(status) => format!("after SIGTERM: {status}"),
            None => format!("still running {STOP_WITHIN:?} after SIGTERM"),
        };
        self.auditor.lock().note(ViolationKind::UncleanStop, complaint);
        Ok(ended.and_then(|status| status.code()))
    }

    /// A server that fails its very first start was never there to be audited; one that does not
    /// come back has broken its word.
    async fn start(&mut self) -> Result<Option<Session>> {
        let server = match Server::start(&self.launch).await {
            Ok(server) => server,
            Err(cause) if self.starts.is_empty() => return Err(cause),
            Err(cause) => {
                let details = format!("after round {}: {cause:#}", self.rounds_done);
                self.auditor.lock().note(ViolationKind::NotReadyAgain, details);
                return Ok(None);
            }
        };
        self.starts.push(server.time_to_ready());
        let credentials = match &self.credentials {
            Some(credentials) => Arc::clone(credentials),
            None => {
                let read = Arc::new(Credentials::from_data_dir(&self.launch.data_dir)?);
                Arc::clone(self.credentials.insert(read))
            }
        };
        Ok(Some(Session { server, credentials }))
    }

    /// The keys of the last round and a sample of all before it.
    fn keys_to_check(&self, round: u32) -> Vec<RecordId> {
        let older = self.last_round.start;
        let mut random = randomness(self.options.seed, round, Purpose::Sample);
        let mut keys: Vec<RecordId> = if older == 0 {
            Vec::new()
        } else {
            (0..self.options.sample).map(|_| random.random_range(0..older)).collect()
        };
        keys.sort_unstable();
        keys.dedup();
        keys.extend(self.last_round.clone());
        keys
    }

    async fn check_keys(
        &self,
        session: &mut Session,
        keys: Vec<RecordId>,
    ) -> Result<ControlFlow<()>> {
        let client = Arc::new(session.client()?);
        let (at_once, within) = (self.options.connections, self.options.resolve_within);
        let checked = audit::check_keys(&client, at_once, &self.auditor, keys, within);
        tokio::select! {
            checked = checked => checked.map(ControlFlow::Continue),
            status = session.server.end() => Ok(self.died("in the audit", &status.to_string())),
        }
    }

    /// The feed goes on where it was read to before the kill, and has all that was acknowledged.
    async fn check_events(&mut self, session: &mut Session) -> Result<ControlFlow<()>> {
        let client = session.client()?;
        let within = self.options.resolve_within;
        let checked = audit::check_events(&client, &self.auditor, &mut self.events, within);
        tokio::select! {
            () = checked => Ok(ControlFlow::Continue(())),
            status = session.server.end() => {
                Ok(self.died("while its feed was read", &status.to_string()))
            }
        }
    }

    async fn check_ledger(&mut self, session: &mut Session) -> Result<ControlFlow<()>> {
        let client = session.client()?;
        let (start, within) = (LedgerStart::default(), self.options.resolve_within);
        let compared = audit::compare_ledger(&client, &self.auditor, &start, within);
        tokio::select! {
            summary = compared => {
                self.ledger_entries = summary.entries;
                Ok(ControlFlow::Continue(()))
            }
            status = session.server.end() => {
                Ok(self.died("while its ledger was read", &status.to_string()))
            }
        }
    }

    async fn load_and_strike(
        &mut self,
        session: Session,
        round: u32,
        plan: &Plan,
    ) -> Result<ControlFlow<()>> {
        let clients = session.clients(self.options.connections)?;
        let pages = self.surroundings.pages(&session.server);
        let mut server = session.server;
        let load = load::Load::begin(clients, pages, &self.auditor, &self.options, round)?;
        let aftermath = match tokio::time::timeout(plan.before, server.end()).await {
            Ok(status) => Aftermath::Died(status),
            Err(_still_running) => {
                strike(plan, &mut server, &mut self.surroundings, &self.auditor).await?
            }
        };
        // Workers begin nothing new from here on, and what is in the air is cut off by a kill.
        load.stop();
        match (&aftermath, plan.ending) {
            (Aftermath::Runs, Ending::Terminate) => drop(self.terminate(server).await?),
            (Aftermath::Runs, Ending::Kill)
            | (Aftermath::EndedWell | Aftermath::Died(_), Ending::Kill | Ending::Terminate) => {
                server.kill().await?;
            }
        }
        load.join().await?;
        Ok(match aftermath {
            Aftermath::Runs | Aftermath::EndedWell => ControlFlow::Continue(()),
            Aftermath::Died(status) => self.died(
                &format!("under load, in round {round}, {}", plan.mishap),
                &status.to_string(),
            ),
        })
    }

    fn died(&self, when: &str, status: &str) -> ControlFlow<()> {
        let details = format!("{when}, after {} rounds: {status}", self.rounds_done);
        self.auditor.lock().note(ViolationKind::ServerDied, details);
        ControlFlow::Break(())
    }

    fn report(self, kept_directory: Option<PathBuf>) -> ChaosReport {
        let auditor = self.auditor.lock();
        let tally = auditor.tally();
        ChaosReport {
            seed: self.options.seed,
            rounds_asked: self.options.time.is_none().then_some(self.options.rounds),
            seconds: self.begun.elapsed().as_secs(),
            mishaps: self.mishaps.clone(),
            left_out: LeftOut::all(&self.surroundings.left_out),
            rounds_done: self.rounds_done,
            requests: tally.requests,
            unanswered: tally.unanswered,
            refused: tally.refused,
            in_use: tally.in_use,
            keys: auditor.len() as u64,
            acknowledged: tally.acknowledged,
            replays_checked: tally.replays_checked,
            reuses_checked: tally.reuses_checked,
            reads_checked: tally.reads_checked,
            unanswered_resolved: tally.unanswered_resolved,
            accepted_resolved: tally.accepted_resolved,
            completed: tally.completed,
            authorized: tally.authorized,
            held: tally.held,
            action_required: tally.action_required,
            failed: tally.failed,
            decisions: tally.decisions,
            confirmations: tally.confirmations,
            cancellations: tally.cancellations,
            approvals: tally.approvals,
            rejections: tally.rejections,
            orders: tally.orders,
            captures: tally.captures,
            voids: tally.voids,
            reversals: tally.reversals,
            refunds: tally.refunds,
            undone: tally.undone,
            rejected: tally.rejected,
            postings_checked: tally.postings_checked,
            events_heard: tally.events_heard,
            ledger_entries: self.ledger_entries,
            time_to_ready: TimeToReady::of(&self.starts),
            exit_code: self.exit_code,
            violations: auditor.violations().first().to_vec(),
            violations_by_kind: auditor.violations().counts().clone(),
            kept_directory,
        }
    }
}

impl Session {
    fn client(&self) -> Result<Client> {
        Client::new(self.server.address(), Arc::clone(&self.credentials), REQUEST_PATIENCE)
    }

    fn clients(&self, count: u32) -> Result<Vec<Client>> {
        (0..count).map(|_| self.client()).collect()
    }
}
