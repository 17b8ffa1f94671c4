//! The load itself: open loop, where requests are sent at their time, or closed, where each
//! connection sends the next one when it was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::pacer;
use super::progress::{Progress, Tick};
use super::recorder::{Measured, Measurement, Recorder};
use super::{RunOptions, Stop};
use crate::auditor::Auditor;
use crate::client::Client;
use crate::operation::{Draw, Failure, History, Task};
use crate::order::OrderNumber;
use crate::randomness::{Purpose, randomness};
use crate::scenario::{Pace, Profile, Scenario};
use crate::schedule::Schedule;

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(250);

/// A connection of a closed loop that has no part in a phase looks so often whether it has one.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A load that is played once.
pub(super) struct Load(Arc<Shared>);

struct Shared {
    scenario: Scenario,
    seed: u64,
    profile: Profile,
    client: Arc<Client>,
    auditor: Arc<Mutex<Auditor>>,
    recorder: Mutex<Recorder>,
    history: History,
    outstanding: AtomicUsize,
    stop: Stop,
}

impl Load {
    pub(super) fn new(
        options: &RunOptions,
        client: &Arc<Client>,
        auditor: &Arc<Mutex<Auditor>>,
        stop: Stop,
    ) -> Self {
        let scenario = options.scenario.clone();
        let base = match scenario.pace {
            Pace::Open { rate, .. } => rate,
            Pace::Closed { concurrency } => f64::from(concurrency),
        };
        let profile = Profile::of(&scenario.phases, base);
        Self(Arc::new(Shared {
            seed: options.seed,
            client: Arc::clone(client),
            auditor: Arc::clone(auditor),
            recorder: Mutex::new(Recorder::new(profile.clone())),
            history: History::default(),
            outstanding: AtomicUsize::new(0),
            scenario,
            profile,
            stop,
        }))
    }

    /// Plays all phases and waits for every answer.
    pub(super) async fn play(&self, progress: Progress) -> Result<()> {
        let shared = &self.0;
        let begin = Instant::now();
        let shown = tokio::spawn(show(Arc::clone(shared), begin, progress));
        let played = match shared.scenario.pace {
            Pace::Open { arrivals, outstanding, send_within, .. } => {
                let schedule = Schedule::new(&shared.profile, arrivals, shared.seed);
                let due = pacer::start(schedule, begin, shared.stop.clone())?;
                open_loop(shared, begin, due, outstanding, send_within).await
            }
            Pace::Closed { .. } => closed_loop(shared, begin).await,
        };
        shown.abort();
        // An error is that it was aborted, which is what was wanted.
        let _ = shown.await;
        played
    }

    pub(super) fn measured(&self) -> Measured {
        let closed = matches!(self.0.scenario.pace, Pace::Closed { .. });
        self.0.recorder.lock().finish(closed)
    }
}

/// Sends what is due on one of so many places. What finds none in time is given up, and told.
async fn open_loop(
    shared: &Arc<Shared>,
    begin: Instant,
    mut due: tokio::sync::mpsc::UnboundedReceiver<Duration>,
    outstanding: u32,
    send_within: Duration,
) -> Result<()> {
    let places = Arc::new(Semaphore::new(outstanding as usize));
    let mut number = 0_u32;
    while let Some(at) = due.recv().await {
        shared.recorder.lock().due(at);
        let task = shared.draw(0, number);
        number = number.wrapping_add(1);
        let left = (at + send_within).saturating_sub(begin.elapsed());
        let place = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) if !left.is_zero() => Some(place),
            Ok(_) => None,
            Err(_none_is_free) => {
                let place = Arc::clone(&places).acquire_owned();
                tokio::time::timeout(left, place).await.ok().transpose().context("a place")?
            }
        };
        let Some(place) = place else {
            shared.give_up(&task, at, begin);
            continue;
        };
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            shared.perform(task, Some(at), begin).await;
            drop(place);
        });
    }
    // Every request ends, if only by its timeout.
    let all = places.acquire_many(outstanding).await;
    all.map(drop).context("the places are never closed")
}

async fn closed_loop(shared: &Arc<Shared>, begin: Instant) -> Result<()> {
    let most = shared
        .profile
        .segments()
        .iter()
        .flat_map(|segment| [segment.from, segment.to])
        .fold(1.0, f64::max);
    let mut connections = JoinSet::new();
    let mut connection = 0_u32;
    while f64::from(connection) < most {
        let (shared, lane) = (Arc::clone(shared), connection);
        connections.spawn(async move {
            let mut number = 0_u32;
            while begin.elapsed() < shared.profile.end() && !shared.stop.is_asked() {
                if f64::from(lane) >= shared.profile.rate_at(begin.elapsed()) {
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
                // Lane 0 is the open loop's.
                let task = shared.draw(lane + 1, number);
                number = number.wrapping_add(1);
                shared.perform(task, None, begin).await;
            }
        });
        connection += 1;
    }
    while let Some(ended) = connections.join_next().await {
        ended.context("a connection of the load failed")?;
    }
    Ok(())
}

impl Shared {
    fn draw(&self, lane: u32, number: u32) -> Task {
        let mut random = randomness(self.seed, lane, Purpose::Request(number));
        let operation = self.scenario.mix.draw(&mut random);
        let number = OrderNumber { round: 0, connection: lane, sequence: number };
        let Scenario { merchants, faults, .. } = &self.scenario;
        operation.draw(&mut Draw::new(random, number, *merchants, faults, &self.history))
    }

    /// Sends the request and hears, judges and notes the answer. Without a moment at which it was
    /// due, it is due now.
    async fn perform(&self, task: Task, due: Option<Duration>, begin: Instant) {
        let intent = task.intend(&self.auditor);
        self.outstanding.fetch_add(1, Ordering::Relaxed);
        let sent = begin.elapsed();
        let answer = self.client.send(&task.request).await;
        let ended = begin.elapsed();
        self.outstanding.fetch_sub(1, Ordering::Relaxed);
        let judged = task.judge(intent, answer, &self.auditor);
        let outcome = judged.as_ref().map(|_| ()).map_err(|failure| *failure);
        let due = due.unwrap_or(sent);
        let operation = task.operation;
        let measurement = Measurement { operation, due, sent: Some(sent), ended, outcome };
        self.recorder.lock().ended(measurement);
        if let Ok(left) = judged {
            self.history.keep(left);
        }
    }

    fn give_up(&self, task: &Task, due: Duration, begin: Instant) {
        self.recorder.lock().ended(Measurement {
            operation: task.operation,
            due,
            sent: None,
            ended: begin.elapsed(),
            outcome: Err(Failure::NotSent),
        });
    }
}

async fn show(shared: Arc<Shared>, begin: Instant, progress: Progress) {
    let mut display = progress.begin(&shared.scenario, shared.profile.end());
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let now = begin.elapsed();
        let glimpse = shared.recorder.lock().glimpse(now);
        let outstanding = shared.outstanding.load(Ordering::Relaxed);
        display.show(&Tick { now, glimpse, outstanding, rate: shared.profile.rate_at(now) });
    }
}
