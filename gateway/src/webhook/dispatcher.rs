//! Delivers one queue: in order where order is promised, side by side where it is not.
//!
//! ```text
//!   feed ─▶ buffer ─▶ wanted? ─▶ its payment free? ─┬─▶ in flight ─▶ taken: done
//!                                                   │       └─▶ not taken: retries (disk), with a time
//!   retries, once due ──────────────────────────────┘
//! ```
//!
//! An event is sent only while no earlier one of its payment is in flight or waits for one of its
//! first tries; from the retry after five minutes on, later ones may overtake it. What waits behind
//! one in flight lies in memory, within a window; what waits behind one that failed lies on the disk.
//!
//! An endpoint that takes nothing at all is asked seldom, and its backlog stays where it is: in the
//! feed. Nobody else waits for it, as each queue has a dispatcher of its own.
//!
//! Invariant: a queue's position moves behind an event only once the event is delivered, in the
//! retries or given up.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rand::random;
use tokio::{
    sync::{Notify, watch},
    task::{JoinError, JoinSet},
    time::sleep,
};
use tollgate_domain::{DeliveryId, DisableReason, DisableWebhookEndpoint, ShardId, Timestamp};

use super::{
    Shared,
    attempt::{Attempt, AttemptResult},
    outbox::{OutboxChange, QueueId, QueueState, Retry},
    schedule::{BORNE_WITH, TRIES_IN_ORDER, wait_after},
    target::{Target, deliver},
};
use crate::{
    feed::{Cursor, FeedError, FeedEvent},
    vault::Realm,
};

/// Events that are read at once.
const BUFFER: usize = 64;

/// Events that are passed over before others on the thread get their turn.
const PASSED_AT_ONCE: usize = 1_024;

/// After how many failures in a row an endpoint counts as one that takes nothing.
const FAILURES_UNTIL_SELDOM: u32 = 10;

/// How often such an endpoint is offered an event that it has not seen.
const SELDOM: Duration = Duration::from_secs(30);

/// How long a dispatcher sleeps at the most while something waits for its time: the clock may jump.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How others reach a dispatcher.
#[derive(Default)]
pub(super) struct Reach {
    /// Something has changed: its endpoint, or what waits for it.
    pub(super) changed: AtomicBool,
    pub(super) notify: Notify,
    pub(super) in_flight: AtomicUsize,
}

/// Delivers one queue.
pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    reach: Arc<Reach>,
    queue: QueueId,
    realm: Realm,
    target: Arc<Target>,
    state: QueueState,
    /// As it was last written down.
    saved: QueueState,
    head: watch::Receiver<Cursor>,
    buffer: VecDeque<(Cursor, FeedEvent)>,
    /// The last event that was taken out of the buffer.
    read_up_to: Cursor,
    /// Events read from the feed that are in flight or wait in memory.
    taken: BTreeSet<Cursor>,
    /// Which event of a payment the later ones wait for.
    blockers: HashMap<u128, Blocker>,
    held: HashMap<u128, VecDeque<(Cursor, FeedEvent)>>,
    /// Held no more.
    ready: VecDeque<(Cursor, FeedEvent)>,
    /// Retries that are in flight.
    retrying: HashSet<(Timestamp, Cursor)>,
    /// When the next retry is due, if there is one; looked up anew where it may have changed.
    next_due: Option<Timestamp>,
    look_for_due: bool,
    flights: JoinSet<Result<Landing, FeedError>>,
    failures_in_a_row: u32,
    seldom_until: Option<Instant>,
    next_slot: Option<Instant>,
}

/// The event that later ones of its payment wait for.
#[derive(Clone, Copy)]
struct Blocker {
    cursor: Cursor,
    /// When it is tried again; `None` while it is in flight.
    due: Option<Timestamp>,
}

/// One try under way.
struct Flight {
    cursor: Cursor,
    event: FeedEvent,
    /// Where it came from the retries.
    retry: Option<Retry>,
}

/// One try that is over.
struct Landing {
    flight: Flight,
    attempt: Attempt,
    retry_after: Option<Duration>,
}

/// A try that is over, or why it was none.
type Landed = Result<Result<Landing, FeedError>, JoinError>;

/// Why a dispatcher ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// There is nothing to deliver to: no such endpoint, or it is disabled.
    NoTarget,
    /// The gateway stops.
    Stopping,
    /// The books cannot be used.
    Failed,
}

impl Dispatcher {
    /// Delivers until there is nobody to deliver to.
    pub(super) async fn run(shared: Arc<Shared>, queue: QueueId, reach: Arc<Reach>) -> Ended {
        let Some(target) = shared.target(queue) else { return Ended::NoTarget };
        let state = match shared.outbox.state(queue) {
            Ok(Some(state)) => state,
            Ok(None) => return Ended::NoTarget,
            Err(error) => return failed(queue, &error),
        };
        let realm = target.realm();
        let mut dispatcher = Self {
            head: shared.feed.watch(realm),
            reach,
            queue,
            realm,
            target: Arc::new(target),
            state,
            saved: state,
            buffer: VecDeque::new(),
            read_up_to: state.position,
            taken: BTreeSet::new(),
            blockers: HashMap::new(),
            held: HashMap::new(),
            ready: VecDeque::new(),
            retrying: HashSet::new(),
            next_due: None,
            look_for_due: true,
            flights: JoinSet::new(),
            failures_in_a_row: 0,
            seldom_until: None,
            next_slot: None,
            shared,
        };
        match dispatcher.deliver_all().await {
            Ok(ended) => ended,
            Err(error) => failed(queue, &error),
        }
    }

    async fn deliver_all(&mut self) -> Result<Ended, FeedError> {
        self.block_behind_retries()?;
        let mut stopping = self.shared.stopping.subscribe();
        loop {
            if self.reach.changed.swap(false, Ordering::AcqRel) {
                self.look_for_due = true;
                match self.shared.target(self.queue) {
                    Some(target) => self.target = Arc::new(target),
                    None => {
                        self.land_all().await?;
                        return Ok(Ended::NoTarget);
                    }
                }
            }
            if *stopping.borrow() {
                self.land_all().await?;
                return Ok(Ended::Stopping);
            }
            let nap = self.launch_what_can_be()?;
            self.reach.in_flight.store(self.flights.len(), Ordering::Relaxed);
            tokio::select! {
                biased;
                Some(landed) = self.flights.join_next(), if !self.flights.is_empty() => {
                    let mut landed_too = vec![landed];
                    while let Some(landed) = self.flights.try_join_next() {
                        landed_too.push(landed);
                    }
                    self.settle_all(landed_too)?;
                }
                () = self.reach.notify.notified() => {}
                _ = stopping.changed() => {}
                _ = self.head.changed() => {}
                () = sleep(nap.unwrap_or_default()), if nap.is_some() => {}
            }
        }
    }

    /// Waits for what is in flight, and starts nothing.
    async fn land_all(&mut self) -> Result<(), FeedError> {
        let mut landed = Vec::new();
        while let Some(one) = self.flights.join_next().await {
            landed.push(one);
        }
        self.settle_all(landed)?;
        self.reach.in_flight.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Writes down every try that is over, also beside one whose event could not be read: what was
    /// delivered is not delivered again on its account.
    fn settle_all(&mut self, landed: Vec<Landed>) -> Result<(), FeedError> {
        let (mut landings, mut unread) = (Vec::new(), Ok(()));
        for one in landed {
            match one {
                Ok(Ok(landing)) => landings.push(landing),
                Ok(Err(error)) => unread = unread.and(Err(error)),
                // A panic in it has been told, and the try counts as none.
                Err(_panic) => {}
            }
        }
        self.settle(landings)?;
        unread
    }

    /// After a start: which payments wait for an event that failed.
    fn block_behind_retries(&mut self) -> Result<(), FeedError> {
        for retry in self.shared.outbox.retries(self.queue) {
            let retry = retry?;
            if retry.by_hand || retry.tries == 0 || retry.tries >= TRIES_IN_ORDER {
                continue;
            }
            if let Some(event) = self.shared.feed.event_at(self.realm, retry.cursor)? {
                let blocker = Blocker { cursor: retry.cursor, due: Some(retry.due) };
                self.blockers.insert(event.subject, blocker);
            }
        }
        Ok(())
    }

    /// Launches as many tries as may be; tells how long to wait for more at the most.
    fn launch_what_can_be(&mut self) -> Result<Option<Duration>, FeedError> {
        let mut nap = None;
        while self.flights.len() < self.limit() {
            if let Some(wait) = self.wait_for_slot() {
                nap = Some(wait);
                break;
            }
            let next = match self.ready.pop_front() {
                Some((cursor, event)) => Some(Flight { cursor, event, retry: None }),
                None => match self.next_retry()? {
                    Some(flight) => Some(flight),
                    None => match self.next_event()? {
                        Next::Flight(flight) => Some(flight),
                        Next::Nothing => None,
                        Next::LaterMaybe(wait) => {
                            nap = Some(wait);
                            None
                        }
                    },
                },
            };
            let Some(flight) = next else { break };
            self.launch(flight);
        }
        self.save_position()?;
        let until_due = self
            .next_due
            .map(|due| Duration::from_millis(due.since(self.shared.now()).0).min(LONGEST_SLEEP));
        Ok(match (nap, until_due) {
            (Some(nap), Some(due)) => Some(nap.min(due)),
            (nap, due) => nap.or(due),
        })
    }

    fn limit(&self) -> usize {
        if self.is_seldom() { 1 } else { self.shared.options.concurrency }
    }

    fn is_seldom(&self) -> bool {
        let counts = matches!(self.queue, QueueId::Endpoint(_));
        counts && self.failures_in_a_row >= FAILURES_UNTIL_SELDOM
    }

    /// How long the endpoint's rate makes the next try wait.
    fn wait_for_slot(&self) -> Option<Duration> {
        let wait = self.next_slot?.saturating_duration_since(Instant::now());
        (!wait.is_zero()).then_some(wait)
    }

    fn launch(&mut self, flight: Flight) {
        if let Some(rate) = self.target.rate_per_s() {
            let slot = self.next_slot.unwrap_or_else(Instant::now).max(Instant::now());
            self.next_slot = Some(slot + Duration::from_secs(1) / rate.get());
        }
        if let Some(retry) = flight.retry {
            self.retrying.insert((retry.due, retry.cursor));
        }
        let (shared, target, queue) =
            (Arc::clone(&self.shared), Arc::clone(&self.target), self.queue);
        self.flights.spawn(async move {
            let number = flight.retry.map_or(0, |retry| retry.tries).saturating_add(1);
            let (attempt, retry_after) =
                deliver(&shared, queue, &target, &flight.event, number).await?;
            Ok(Landing { flight, attempt, retry_after })
        });
    }

    /// The next retry whose time has come and which nothing is in the way of.
    fn next_retry(&mut self) -> Result<Option<Flight>, FeedError> {
        let now = self.shared.now();
        if !self.look_for_due && self.next_due.is_none_or(|due| due > now) {
            return Ok(None);
        }
        self.next_due = None;
        let mut change = None;
        let mut found = None;
        for retry in self.shared.outbox.retries(self.queue) {
            let retry = retry?;
            if self.retrying.contains(&(retry.due, retry.cursor)) {
                continue;
            }
            if retry.due > now {
                self.next_due = Some(retry.due);
                break;
            }
            let outbox = &self.shared.outbox;
            let Some(event) = self.shared.feed.event_at(self.realm, retry.cursor)? else {
                // Older than events are kept.
                change.get_or_insert_with(|| outbox.change()).remove_retry(self.queue, retry);
                continue;
            };
            let blocker = self.blockers.get(&event.subject).copied();
            match blocker.filter(|blocker| !retry.by_hand && blocker.cursor < retry.cursor) {
                Some(Blocker { due: Some(due), .. }) if due > retry.due => {
                    let change = change.get_or_insert_with(|| outbox.change());
                    change.remove_retry(self.queue, retry);
                    change.add_retry(self.queue, Retry { due, ..retry });
                }
                // Looked at again once the other has landed.
                Some(_) => {}
                None => {
                    if !retry.by_hand && retry.tries < TRIES_IN_ORDER {
                        let blocker = Blocker { cursor: retry.cursor, due: None };
                        self.blockers.insert(event.subject, blocker);
                    }
                    found = Some(Flight { cursor: retry.cursor, event, retry: Some(retry) });
                    break;
                }
            }
        }
        if let Some(change) = change {
            change.commit()?;
        }
        self.look_for_due = found.is_some();
        Ok(found)
    }

    /// The next event of the feed that is wanted and that nothing is in the way of.
    fn next_event(&mut self) -> Result<Next, FeedError> {
        if self.is_seldom() {
            let wait = self
                .seldom_until
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            if !wait.is_zero() {
                return Ok(Next::LaterMaybe(wait));
            }
        }
        for _event in 0..PASSED_AT_ONCE {
            if self.taken.len() >= self.window() {
                return Ok(Next::Nothing);
            }
            if self.buffer.is_empty() {
                let page = self.shared.feed.read(self.realm, self.read_up_to, BUFFER)?;
                self.buffer = page.events.into();
            }
            let Some((cursor, event)) = self.buffer.pop_front() else { return Ok(Next::Nothing) };
            self.read_up_to = cursor;
            if !self.target.wants(&event) {
                continue;
            }
            match self.blockers.get(&event.subject).copied() {
                None => {
                    self.taken.insert(cursor);
                    self.blockers.insert(event.subject, Blocker { cursor, due: None });
                    return Ok(Next::Flight(Flight { cursor, event, retry: None }));
                }
                Some(Blocker { due: None, .. }) => {
                    self.taken.insert(cursor);
                    self.held.entry(event.subject).or_default().push_back((cursor, event));
                }
                Some(Blocker { due: Some(due), .. }) => {
                    let shared = Arc::clone(&self.shared);
                    let mut change = shared.outbox.change();
                    change.add_retry(self.queue, Retry { due, cursor, tries: 0, by_hand: false });
                    self.write_state(&mut change);
                    change.commit()?;
                    self.look_for_due = true;
                }
            }
        }
        Ok(Next::LaterMaybe(Duration::ZERO))
    }

    /// Events that are read ahead of the oldest that is not done.
    fn window(&self) -> usize {
        self.shared.options.concurrency * 8
    }

    /// Writes down what became of tries.
    fn settle(&mut self, landings: Vec<Landing>) -> Result<(), FeedError> {
        let shared = Arc::clone(&self.shared);
        let mut change = shared.outbox.change();
        let mut disable = None;
        for Landing { flight, attempt, retry_after } in landings {
            change.add_attempt(self.queue, &attempt);
            shared.metrics.count(&attempt);
            if let Some(retry) = flight.retry {
                change.remove_retry(self.queue, retry);
                self.retrying.remove(&(retry.due, retry.cursor));
                self.look_for_due = true;
            } else {
                self.taken.remove(&flight.cursor);
            }
            if attempt.result == AttemptResult::Delivered {
                self.failures_in_a_row = 0;
                self.state.failing_since = None;
                if flight.retry.is_some_and(|retry| retry.by_hand) {
                    change.remove_dead(self.queue, flight.cursor);
                }
                self.unblock(&flight);
            } else {
                disable = disable.or(self.fail(&mut change, &flight, &attempt, retry_after));
            }
        }
        self.write_state(&mut change);
        change.commit()?;
        if let Some(reason) = disable {
            self.disable(reason);
        }
        Ok(())
    }

    /// Takes in a failure; tells whether the endpoint is to be disabled for it.
    fn fail(
        &mut self,
        change: &mut OutboxChange<'_>,
        flight: &Flight,
        attempt: &Attempt,
        retry_after: Option<Duration>,
    ) -> Option<DisableReason> {
        let now = self.shared.now();
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.seldom_until = Some(Instant::now() + SELDOM);
        let since = *self.state.failing_since.get_or_insert(attempt.at);
        let by_hand = flight.retry.is_some_and(|retry| retry.by_hand);
        let is_gone = attempt.result == AttemptResult::Gone;
        let is_callback = matches!(self.queue, QueueId::Callbacks(_));
        // An address that is gone will not come back, while an endpoint that is may be mended.
        let wait = wait_after(attempt.number, random(), retry_after);
        match wait.filter(|_wait| !(is_callback && is_gone)) {
            Some(wait) => {
                let retry = Retry {
                    due: now.after(wait),
                    cursor: flight.cursor,
                    tries: attempt.number,
                    by_hand,
                };
                change.add_retry(self.queue, retry);
                self.look_for_due = true;
                if by_hand {
                } else if attempt.number < TRIES_IN_ORDER {
                    self.hold_behind(change, flight, retry.due);
                } else {
                    self.unblock(flight);
                }
            }
            None => {
                change.add_dead(self.queue, flight.cursor, now);
                self.unblock(flight);
            }
        }
        match (is_callback, is_gone) {
            (true, _) => None,
            (false, true) => Some(DisableReason::Gone),
            (false, false) if now.since(since) >= BORNE_WITH => Some(DisableReason::Failing),
            (false, false) => None,
        }
    }

    /// Later events of its payment wait on the disk until an event is tried again.
    fn hold_behind(&mut self, change: &mut OutboxChange<'_>, flight: &Flight, due: Timestamp) {
        let subject = flight.event.subject;
        self.blockers.insert(subject, Blocker { cursor: flight.cursor, due: Some(due) });
        for (cursor, _event) in self.held.remove(&subject).unwrap_or_default() {
            self.taken.remove(&cursor);
            change.add_retry(self.queue, Retry { due, cursor, tries: 0, by_hand: false });
        }
    }

    /// The next event of its payment may go.
    fn unblock(&mut self, flight: &Flight) {
        let subject = flight.event.subject;
        if self.blockers.get(&subject).is_none_or(|blocker| blocker.cursor != flight.cursor) {
            return;
        }
        self.blockers.remove(&subject);
        let Some(held) = self.held.get_mut(&subject) else { return };
        if let Some((cursor, event)) = held.pop_front() {
            self.blockers.insert(subject, Blocker { cursor, due: None });
            self.ready.push_back((cursor, event));
        }
        if held.is_empty() {
            self.held.remove(&subject);
        }
    }

    /// Everything up to here is dealt with.
    fn position(&self) -> Cursor {
        self.taken.first().map_or(self.read_up_to, |first| Cursor(first.0 - 1))
    }

    fn write_state(&mut self, change: &mut OutboxChange<'_>) {
        self.state.position = self.position();
        if self.state != self.saved {
            change.set_state(self.queue, self.state);
            self.saved = self.state;
        }
    }

    /// Where only unwanted events were passed over, nothing else writes the position down.
    fn save_position(&mut self) -> Result<(), FeedError> {
        if !self.flights.is_empty() || self.position() == self.saved.position {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let mut change = shared.outbox.change();
        self.write_state(&mut change);
        change.commit()
    }

    /// Asks the control shard; its answer comes back as a change of the endpoint.
    fn disable(&self, reason: DisableReason) {
        let QueueId::Endpoint(endpoint) = self.queue else { return };
        let (shared, reach) = (Arc::clone(&self.shared), Arc::clone(&self.reach));
        tokio::spawn(async move {
            let command = DisableWebhookEndpoint { endpoint, reason };
            match shared.engine().control_command(command).await {
                Ok(_endpoint) => {
                    tracing::warn!(%endpoint, reason = reason.as_str(), "endpoint disabled");
                    reach.changed.store(true, Ordering::Release);
                    reach.notify.notify_one();
                }
                // The next failure asks again.
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(%endpoint, error, "the endpoint could not be disabled");
                }
            }
        });
    }
}

/// What the feed has for a dispatcher.
enum Next {
    Flight(Flight),
    /// Until the feed grows or something lands.
    Nothing,
    /// To be asked again after this.
    LaterMaybe(Duration),
}

/// The id of a try.
pub(super) fn delivery_id(now: Timestamp) -> DeliveryId {
    DeliveryId::new(now, ShardId::CONTROL, random())
}

fn failed(queue: QueueId, error: &FeedError) -> Ended {
    tracing::error!(?queue, error = error as &dyn std::error::Error, "deliveries have stopped");
    Ended::Failed
}
