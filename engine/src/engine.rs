//! The engine as its callers see it.

mod departed;
mod departed_orders;
mod operating;
mod query;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use actix::{Actor, Arbiter, System};
use parking_lot::{Mutex, RwLock};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout},
};
use tollgate_domain::{
    CreatePayment, Currency, Millis, Mode, OperationId, Order, Payment, PaymentId, ShardId,
    ShardState,
};
use tollgate_wal::{
    Geometry, GroupWriter, LogHandle, LogStore, Recovery, SledStore, SnapshotStore, Visit,
    WriterOptions, WriterThread,
};

use crate::{
    abort_guard::spawn_vital,
    admission::{Admission, Permit},
    archive::{Archive, Keeper},
    archive_desk::ArchiveDesk,
    backup::StateClaim,
    clock::Clock,
    completion::{Completion, Reply},
    control_actor::{ControlActor, SubmitControl},
    control_request::ControlRequest,
    control_view::ControlView,
    effects::{Attachment, EffectSink},
    entropy,
    error::{CommandError, Error},
    gauges::Gauges,
    lane::Lane,
    log_hold::LogHold,
    options::{EngineOptions, Observer, SnapshotObservation},
    record_observer::RecordObservers,
    recovery::{RecoveryReport, ReplayThreads, Replayed, recover},
    releaser::Releaser,
    router::Router,
    shard::Shard,
    shard_actor::{Mail, ReadPayment, ShardActor, SubmitPayment},
    snapshot::NoSnapshots,
    snapshotter::{LiveShards, Snapshotter},
    tree_copy::TreeCopy,
};

/// A running engine; cheap to clone. `A` is what a provider call needs and the log must never see.
pub struct Engine<A: Attachment>(Arc<Inner<A>>);

struct Inner<A: Attachment> {
    router: Arc<Router<A>>,
    admission: Arc<Admission>,
    control: Arc<ControlView>,
    observers: RecordObservers,
    /// `None` where the log lies in no directory: then nothing leaves memory.
    archive: Option<Arc<Keeper>>,
    /// `None` where the log lies in no directory.
    snapshotter: Option<Arc<Snapshotter>>,
    /// The same.
    directory: Option<PathBuf>,
    failed: watch::Receiver<bool>,
    stopping: AtomicBool,
    /// Gone once the engine has stopped.
    log: RwLock<Option<LogHandle<Completion<A>>>>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    system: System,
    actors: JoinHandle<()>,
    writer: WriterThread,
}

/// How long a caller wants to wait for a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// Until it is recorded; what becomes of it is asked for later.
    UntilRecorded,
    /// Until it has settled, but no longer than this.
    UntilSettled(Duration),
}

/// A payment as it is to be shown.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The payment; for a repeated request whose first answer was final, as it was then.
    pub payment: Payment,
    /// Which of its operations was asked for, if one was.
    pub operation: Option<OperationId>,
    /// Whether the idempotency key had been used before.
    pub replayed: bool,
}

/// An order as it is to be shown.
#[derive(Clone, Debug)]
pub struct OrderAnswer {
    /// The order, as it stands.
    pub order: Order,
    /// Whether the idempotency key had been used before.
    pub replayed: bool,
}

/// How the engine is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EngineHealth {
    /// Whether the log has failed.
    pub poisoned: bool,
    /// Whether the disk has room for new work.
    pub has_room: bool,
    /// Commands from outside in flight.
    pub in_flight: usize,
    /// Provider calls in flight.
    pub provider_calls: usize,
    /// Records and barriers that wait for the log.
    pub queue_depth: usize,
    /// How long the oldest record that is not durable yet has waited, at most.
    pub durable_lag: Duration,
    /// Commands, outcomes and reads that wait for their shard.
    pub mailbox_depth: usize,
    /// Payments in memory, as of the shards' last ticks.
    pub payments: usize,
    /// Payments that have left memory, as of the shards' last ticks.
    pub archived: u64,
    /// Whether the archive has failed: payments and orders stay in memory, and no snapshot is made, until the
    /// next start.
    pub archive_failed: bool,
    /// How often one has come back since the start, as of the shards' last ticks.
    pub recalls: u64,
    /// Orders in memory, as of the shards' last ticks.
    pub orders: usize,
    /// Orders that have left memory, as of the shards' last ticks.
    pub archived_orders: u64,
    /// How often one has come back since the start, as of the shards' last ticks.
    pub order_recalls: u64,
    /// Idempotency keys that are remembered, as of the shards' last ticks.
    pub idempotency_keys: usize,
    /// Payments whose outcome is unknown, as of the shards' last ticks.
    pub unknown: usize,
    /// For how long the oldest of them has been; zero where there is none.
    pub oldest_unknown: Millis,
    /// Payments about which an operator has to decide, as of the shards' last ticks.
    pub open_cases: usize,
    /// For how long the oldest of them has waited; zero where there is none.
    pub oldest_case: Millis,
    /// Payment shards.
    pub shards: u16,
}

impl<A: Attachment> Engine<A> {
    /// Recovers what the log holds and starts. Blocks as long as replay takes.
    ///
    /// Replies and provider calls are released on `runtime`; `sink` runs the calls, and
    /// `observers` are shown every record that they lack before this returns.
    ///
    /// # Errors
    /// Where the log cannot be opened, understood or written, and where threads cannot be had.
    pub fn start(
        options: EngineOptions,
        runtime: &Handle,
        sink: Arc<dyn EffectSink<A>>,
        observer: Arc<dyn Observer>,
        observers: RecordObservers,
    ) -> Result<(Self, RecoveryReport), Error> {
        let log = options.log_options();
        let snapshots = SnapshotStore::look(&options.directory);
        let archive = Arc::new(Keeper::of_log(&options.directory)?);
        let kept = Arc::clone(&archive) as Arc<dyn Archive>;
        let recovered = recover(
            options.shards,
            &observers,
            Some(kept),
            &snapshots,
            ReplayThreads::of_machine(),
            |geometry, from, visit| {
                let (store, recovery) = SledStore::open_from(log, Some(geometry), from, visit)?;
                Ok((Box::new(store) as Box<dyn LogStore>, recovery))
            },
        )?;
        Self::begin(options, recovered, Some(archive), runtime, sink, observer, observers)
    }

    /// As [`Engine::start`], on a log of the caller's: a simulated one, say. The options' directory
    /// and sizes are then without effect, and nothing leaves memory.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start_on(
        options: EngineOptions,
        open: impl FnOnce(
            Geometry,
            &mut Visit<'_>,
        ) -> Result<(Box<dyn LogStore>, Recovery), tollgate_wal::Error>,
        runtime: &Handle,
        sink: Arc<dyn EffectSink<A>>,
        observer: Arc<dyn Observer>,
        observers: RecordObservers,
    ) -> Result<(Self, RecoveryReport), Error> {
        let threads = ReplayThreads::of_machine();
        let recovered = recover(
            options.shards,
            &observers,
            None,
            &NoSnapshots,
            threads,
            |geometry, _from, visit| open(geometry, visit),
        )?;
        Self::begin(options, recovered, None, runtime, sink, observer, observers)
    }

    fn begin(
        options: EngineOptions,
        (store, replayed, report): (Box<dyn LogStore>, Replayed, RecoveryReport),
        archive: Option<Arc<Keeper>>,
        runtime: &Handle,
        sink: Arc<dyn EffectSink<A>>,
        observer: Arc<dyn Observer>,
        observers: RecordObservers,
    ) -> Result<(Self, RecoveryReport), Error> {
        let control = Arc::new(ControlView::of(replayed.control.clone()));
        let admission = Admission::new(
            replayed.sequences.len(),
            options.max_in_flight,
            options.max_in_flight_per_shard,
        );
        let (groups_in, groups) = mpsc::unbounded_channel();
        let (log, writer) = GroupWriter::spawn(
            store,
            WriterOptions {
                observe: Some(Box::new({
                    let observer = Arc::clone(&observer);
                    move |group| observer.group_committed(group)
                })),
                ..WriterOptions::default()
            },
            // The releaser is gone only when its runtime is: then nobody is left to be told.
            move |released| drop(groups_in.send(released)),
        )?;
        let kept = archive.clone().map(|archive| archive as Arc<dyn Archive>);
        let directory = archive.is_some().then(|| options.directory.clone());
        let surroundings = Surroundings {
            observed: !observers.is_empty(),
            archive: kept.clone(),
            runtime: runtime.clone(),
        };
        let (system, actors, router) = start_actors(&options, replayed, &log, surroundings)?;
        let router = Arc::new(router);
        let (failed_in, failed) = watch::channel(false);
        let releaser = Releaser {
            groups,
            router: Arc::clone(&router),
            sink,
            control: Arc::clone(&control),
            observers: observers.clone(),
            archive: kept.clone(),
            failed: failed_in,
        };
        spawn_vital(runtime, releaser.run());
        spawn_vital(runtime, Arc::clone(&router).carry_mail());
        let live = Arc::clone(&router) as Arc<dyn LiveShards>;
        let snapshotter = kept
            .map(|archive| Snapshotter::start(&options, live, archive, observers.clone(), observer))
            .transpose()?;
        let inner = Inner {
            router,
            admission,
            control,
            observers,
            archive,
            snapshotter: snapshotter.map(Arc::new),
            directory,
            failed,
            stopping: AtomicBool::new(false),
            log: RwLock::new(Some(log)),
            threads: Mutex::new(Some(Threads { system, actors, writer })),
        };
        Ok((Self(Arc::new(inner)), report))
    }

    /// Creates a payment, or answers as before where its idempotency key was used.
    ///
    /// # Errors
    /// Where it is refused; with [`CommandError::Unknown`] it may be recorded all the same.
    pub async fn create_payment(
        &self,
        command: CreatePayment,
        attachment: A,
        patience: Patience,
    ) -> Result<Box<Answer>, CommandError> {
        self.check_open()?;
        if !self.0.observers.have_room() {
            return Err(CommandError::Overloaded);
        }
        let shard = self.0.router.shard_of(command.merchant);
        let permit = self.0.admission.admit(shard)?;
        let (reply, mut answer) = oneshot::channel();
        let id_slot = Arc::new(OnceLock::new());
        let until_settled = match patience {
            Patience::UntilRecorded => None,
            Patience::UntilSettled(_) => Some(Arc::clone(&id_slot)),
        };
        let command = Box::new(command);
        let submission = SubmitPayment { command, attachment, until_settled, reply, permit };
        self.0.router.send(shard, Mail::Submission(submission));
        let Patience::UntilSettled(wait) = patience else {
            return answer.await.unwrap_or(Err(CommandError::Unknown));
        };
        loop {
            if let Ok(settled) = timeout(wait, &mut answer).await {
                return settled.unwrap_or(Err(CommandError::Unknown));
            }
            // Out of patience: the payment as it stands. Without an id the command still waits for
            // its turn, and there is nothing to tell yet.
            if let Some(id) = id_slot.get() {
                let payment = self.read(*id, None).await?.ok_or(CommandError::Unknown)?;
                // Should it have settled just now and moved on since, its key tells the first.
                let payment = payment.as_first_answered().clone();
                return Ok(Box::new(Answer { payment, operation: None, replayed: false }));
            }
        }
    }

    /// Reads a payment, once what is read is durable. Whose it is, the caller checks.
    ///
    /// # Errors
    /// Where too much is in flight, and where the log has failed.
    pub async fn payment(&self, id: PaymentId) -> Result<Option<Box<Payment>>, CommandError> {
        if !self.0.router.has_shard(id.shard()) {
            return Ok(None);
        }
        let permit = self.0.admission.admit(id.shard())?;
        self.read(id, Some(permit)).await
    }

    /// Reads a payment from memory, else from the archive.
    async fn read(
        &self,
        id: PaymentId,
        permit: Option<Permit>,
    ) -> Result<Option<Box<Payment>>, CommandError> {
        if *self.0.failed.borrow() {
            return Err(CommandError::Unknown);
        }
        let (reply, payment) = oneshot::channel();
        self.0.router.send(id.shard(), Mail::Read(ReadPayment { id, reply, permit }));
        match payment.await.unwrap_or(Err(CommandError::Unknown))? {
            Some(payment) => Ok(Some(payment)),
            None => self.departed(id).await,
        }
    }

    /// Carries out a command on merchants or keys. Once it is answered, [`Engine::control`] shows
    /// what it did: a key that was revoked opens nothing any more.
    ///
    /// # Errors
    /// Where it is refused; with [`CommandError::Unknown`] it may be recorded all the same.
    pub async fn control_command<C: ControlRequest>(
        &self,
        command: C,
    ) -> Result<C::Answer, CommandError> {
        self.check_open()?;
        let permit = self.0.admission.admit(ShardId::CONTROL)?;
        let (reply, answer) = oneshot::channel();
        let command = command.into_command();
        self.0.router.control().do_send(SubmitControl { command, reply, permit });
        let answer = answer.await.unwrap_or(Err(CommandError::Unknown))?;
        Ok(C::answer(answer).expect("a command is answered with its own subject"))
    }

    /// Seals the log where it stands, and makes a snapshot of everything before, in the background.
    ///
    /// # Errors
    /// Where it cannot be made, and where the engine stops in the meantime.
    pub async fn take_snapshot(&self) -> Result<SnapshotObservation, Error> {
        let snapshotter = self.0.snapshotter.as_ref().ok_or(Error::NoSnapshots)?;
        let (reply, sealed) = oneshot::channel();
        match &*self.0.log.read() {
            Some(log) => log.seal(Completion::reply(Reply::Sealed(reply), None)),
            None => return Err(Error::Stopping),
        }
        sealed.await.map_err(|_gone| Error::Stopping)?;
        snapshotter.request().await.map_err(|_gone| Error::Stopping)?
    }

    /// Where the log lies, if it does so in a directory.
    pub(crate) fn log_directory(&self) -> Option<&Path> {
        self.0.directory.as_deref()
    }

    /// Keeps the log from letting go of its beginning for as long as what is given lives. Waits while it
    /// is being cut.
    ///
    /// # Errors
    /// Where the log lies in no directory, and where the engine stops.
    pub async fn hold_log(&self) -> Result<LogHold, Error> {
        let snapshotter = self.0.snapshotter.clone().ok_or(Error::NoSnapshots)?;
        let held = tokio::task::spawn_blocking(move || snapshotter.hold_log()).await;
        held.map_err(|_stopped| Error::Stopping)
    }

    /// What the archive has by now, where there is one.
    pub(crate) fn archive_copy(&self) -> Option<TreeCopy> {
        self.0.archive.as_ref().map(|archive| archive.copy())
    }

    /// What each payment shard has come to, one after another, each once that is durable.
    pub(crate) async fn live_claims(&self) -> Result<Vec<StateClaim>, Error> {
        let mut claims = Vec::new();
        for shard in (1..=self.0.router.count()).map(ShardId) {
            let told = self.0.router.hash_of(shard).await;
            let (sequence, hash) = told.map_err(|_gone| Error::Stopping)?;
            claims.push(StateClaim { shard, sequence, hash });
        }
        Ok(claims)
    }

    /// What the control shard has come to, as far as it is durable.
    pub(crate) fn control_claim(&self) -> StateClaim {
        self.0.control.read(|state| StateClaim {
            shard: ShardId::CONTROL,
            sequence: state.version(),
            hash: state.hash(),
        })
    }

    /// Merchants and keys, as far as they are durable.
    #[must_use]
    pub fn control(&self) -> &ControlView {
        &self.0.control
    }

    /// How the engine is.
    #[must_use]
    pub fn health(&self) -> EngineHealth {
        let log = self.0.log.read();
        let totals = self.0.router.gauges().totals();
        let now = self.0.router.clock().time();
        EngineHealth {
            poisoned: *self.0.failed.borrow(),
            has_room: log.as_ref().is_some_and(LogHandle::has_room),
            in_flight: self.0.admission.in_flight(),
            provider_calls: self.0.router.calls().count(),
            queue_depth: log.as_ref().map_or(0, LogHandle::queue_depth),
            durable_lag: log.as_ref().map_or(Duration::ZERO, LogHandle::lag),
            mailbox_depth: self.0.router.gauges().mail(),
            payments: totals.payments,
            archived: totals.archived,
            archive_failed: self.0.archive.as_ref().is_some_and(|archive| archive.has_failed()),
            recalls: totals.recalls,
            orders: totals.orders,
            archived_orders: totals.archived_orders,
            order_recalls: totals.order_recalls,
            idempotency_keys: totals.idempotency_keys,
            unknown: totals.unknown,
            oldest_unknown: totals.oldest_unknown.map_or(Millis(0), |since| now.since(since)),
            open_cases: totals.open_cases,
            oldest_case: totals.oldest_case.map_or(Millis(0), |since| now.since(since)),
            shards: self.0.router.shard_count().get(),
        }
    }

    /// By how many minor units debits and credits differ, as of the last time each shard looked, for
    /// every mode and currency that has books. Anything but zero is a bug.
    #[must_use]
    pub fn ledger_imbalances(&self) -> BTreeMap<(Mode, Currency), u128> {
        self.0.router.gauges().imbalances()
    }

    /// Resolves once the log has failed. The process should then answer who still waits, and end.
    pub async fn failed(&self) {
        let mut failed = self.0.failed.clone();
        if failed.wait_for(|failed| *failed).await.is_err() {
            // The releaser has ended with the log: it cannot fail any more.
            std::future::pending::<()>().await;
        }
    }

    /// Closes the log, after waiting up to `grace` for what is in flight. Commands that arrive from
    /// now on are refused.
    pub async fn stop(&self, grace: Duration) {
        self.0.stopping.store(true, Ordering::Release);
        let deadline = Instant::now() + grace;
        // After a failure nothing in flight will ever be durable.
        while !self.is_idle() && !*self.0.failed.borrow() && Instant::now() < deadline {
            sleep(Duration::from_millis(5)).await;
        }
        // Answers that lie in a mailbox count as ended calls: let the shards take them in.
        self.0.router.until_idle_mailboxes().await;
        let Some(threads) = self.0.threads.lock().take() else { return };
        if let Some(snapshotter) = self.0.snapshotter.clone() {
            let stopped = tokio::task::spawn_blocking(move || snapshotter.stop());
            stopped.await.expect("the snapshotter's end is waited for");
        }
        self.0.router.dismiss_courier();
        drop(self.0.log.write().take());
        let archive = self.0.archive.clone();
        let joined = tokio::task::spawn_blocking(move || {
            threads.system.stop();
            // A panic of these threads has aborted the process.
            let _ = threads.actors.join();
            threads.writer.join();
            if let Some(archive) = archive {
                archive.close();
            }
        });
        joined.await.expect("joining threads does not panic");
    }

    fn is_idle(&self) -> bool {
        self.0.admission.in_flight() == 0
            && self.0.router.calls().count() == 0
            && self.0.router.gauges().lookups() == 0
    }

    fn check_open(&self) -> Result<(), CommandError> {
        let closed = self.0.stopping.load(Ordering::Acquire) || *self.0.failed.borrow();
        if closed { Err(CommandError::Stopping) } else { Ok(()) }
    }
}

impl<A: Attachment> Clone for Engine<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// What shards are told of what is around them.
#[derive(Clone)]
struct Surroundings {
    /// Whether anybody observes.
    observed: bool,
    /// `None` where nothing leaves memory.
    archive: Option<Arc<dyn Archive>>,
    /// Whose threads may block.
    runtime: Handle,
}

/// Starts the actors on threads of their own: an actix system, and its arbiters.
fn start_actors<A: Attachment>(
    options: &EngineOptions,
    replayed: Replayed,
    log: &LogHandle<Completion<A>>,
    surroundings: Surroundings,
) -> Result<(System, JoinHandle<()>, Router<A>), Error> {
    let (started_in, started) = std::sync::mpsc::channel();
    let (options, log) = (options.clone(), log.clone());
    let thread = std::thread::Builder::new()
        .name("tollgate-system".to_owned())
        .spawn(move || {
            let runner = System::new();
            let arbiters: Vec<Arbiter> =
                (0..options.threads.max(1)).map(|_index| Arbiter::new()).collect();
            let router = runner.block_on(async {
                let router = spawn_actors(&options, replayed, log, &arbiters, &surroundings);
                router.until_idle_mailboxes().await;
                router
            });
            let sent = started_in.send((System::current(), router));
            assert!(sent.is_ok(), "the starting thread waits");
            if let Err(error) = runner.run() {
                tracing::error!(error = &error as &dyn std::error::Error, "actors ended badly");
            }
            for arbiter in arbiters {
                arbiter.stop();
                // A panic on an arbiter has aborted the process.
                let _ = arbiter.join();
            }
        })
        .map_err(Error::Thread)?;
    let (system, router) = started.recv().expect("the system thread starts or aborts");
    Ok((system, thread, router))
}

fn spawn_actors<A: Attachment>(
    options: &EngineOptions,
    replayed: Replayed,
    log: LogHandle<Completion<A>>,
    arbiters: &[Arbiter],
    surroundings: &Surroundings,
) -> Router<A> {
    let Surroundings { observed, archive, runtime } = surroundings;
    let observed = *observed;
    let Replayed { control, shards, sequences } = replayed;
    let policy = Arc::new(options.policy.clone());
    let last = shards.iter().map(ShardState::last_time).fold(control.last_time(), Ord::max);
    let clock = Arc::new(Clock::start(last));
    let gauges = Arc::new(Gauges::new(shards.len()));
    let arbiter_of = |index: usize| arbiters[index % arbiters.len()].handle();
    let control_actor = ControlActor {
        state: control,
        lane: Lane::new(ShardId::CONTROL, sequences[0], log.clone()),
        policy: Arc::clone(&policy),
        clock: Arc::clone(&clock),
        entropy: entropy::generator(),
        observed,
    };
    let control = ControlActor::start_in_arbiter(&arbiter_of(0), |_context| control_actor);
    let shards = shards
        .into_iter()
        .zip(sequences.into_iter().skip(1))
        .enumerate()
        .map(|(index, (state, sequence))| {
            let actor = ShardActor {
                lane: Lane::new(state.shard(), sequence, log.clone()),
                shard: Shard::new(state, Arc::clone(&policy)),
                clock: Arc::clone(&clock),
                entropy: entropy::generator(),
                gauges: Arc::clone(&gauges),
                observed,
                archive: archive.clone().map(|archive| ArchiveDesk {
                    archive,
                    runtime: runtime.clone(),
                    address: None,
                }),
                lets_leave: false,
                left_by: 0,
            };
            ShardActor::start_in_arbiter(&arbiter_of(index), |_context| actor)
        })
        .collect();
    Router::new(control, shards, clock, gauges)
}
