//! Every key is asked again until it has its final answer, and its payment read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::answer::PaymentAnswer;
use crate::auditor::{Auditor, Moment, RecordId, Standing};
use crate::client::Client;
use crate::connection::Silence;

/// Pauses between questions about an open key grow from the first to the second.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A key whose turn comes late in a long audit still may miss an answer or two.
const LEAST_TIME: Duration = Duration::from_secs(2);

/// Asks for all keys, so many at a time; what the server knew of when this began has `within` to get
/// its final answer.
pub(crate) async fn check_keys(
    client: &Arc<Client>,
    at_once: u32,
    auditor: &Arc<Mutex<Auditor>>,
    keys: Vec<RecordId>,
    within: Duration,
) -> Result<()> {
    let restarted = Instant::now();
    let (keys, next) = (Arc::new(keys), Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    for _ in 0..keys.len().min(at_once as usize) {
        let (client, auditor) = (Arc::clone(client), Arc::clone(auditor));
        let (keys, next) = (Arc::clone(&keys), Arc::clone(&next));
        workers.spawn(async move {
            while let Some(&id) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
                let inspection = Inspection { client: &client, auditor: &auditor, id };
                inspection.carry_out(restarted, within).await;
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.context("a connection of the audit failed")?;
    }
    Ok(())
}

/// Sends the key's request and hears the answer; an error means that none arrived whole.
pub(crate) async fn ask(
    client: &Client,
    auditor: &Mutex<Auditor>,
    id: RecordId,
    moment: Moment,
) -> Result<Standing, Silence> {
    let Some(order) = auditor.lock().order(id) else { return Ok(Standing::Settled) };
    match client.pay(&order).await {
        Ok(answer) => {
            let meaning = PaymentAnswer::of(&answer);
            Ok(auditor.lock().observe(id, answer, meaning, moment))
        }
        Err(silence) => {
            auditor.lock().observe_silence();
            Err(silence)
        }
    }
}

/// One key under inspection.
struct Inspection<'a> {
    client: &'a Client,
    auditor: &'a Mutex<Auditor>,
    id: RecordId,
}

impl Inspection<'_> {
    async fn carry_out(&self, restarted: Instant, within: Duration) {
        let now = Instant::now();
        // What the server knew of, it has been resolving since the restart. What it never heard of
        // begins with our question.
        let deadline = if self.auditor.lock().payment(self.id).is_some() {
            (restarted + within).max(now + LEAST_TIME)
        } else {
            now + within
        };
        self.until_settled(deadline).await;
        // Read even where the answers broke a promise: whether the payment is still there tells more
        // about the cause than the answers do.
        let (payment, order) = {
            let auditor = self.auditor.lock();
            (auditor.payment(self.id), auditor.order(self.id))
        };
        if let (Some(payment), Some(order)) = (payment, order) {
            self.until_read(order.merchant, &payment, deadline.max(Instant::now() + LEAST_TIME))
                .await;
        }
    }

    async fn until_settled(&self, deadline: Instant) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let heard = ask(self.client, self.auditor, self.id, Moment::Audit).await;
            if let Ok(Standing::Settled | Standing::Broken) = heard {
                return;
            }
            if Instant::now() >= deadline {
                self.give_up("no final answer", heard.err());
                return;
            }
            rest(&mut pause).await;
        }
    }

    async fn until_read(&self, merchant: u32, payment: &str, deadline: Instant) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let silence = match self.client.read(merchant, payment).await {
                Ok(answer) => {
                    if self.auditor.lock().observe_read(self.id, &answer) != Standing::Open {
                        return;
                    }
                    None
                }
                Err(silence) => {
                    self.auditor.lock().observe_silence();
                    Some(silence)
                }
            };
            if Instant::now() >= deadline {
                self.give_up("not readable", silence);
                return;
            }
            rest(&mut pause).await;
        }
    }

    fn give_up(&self, what: &str, silence: Option<Silence>) {
        let mut auditor = self.auditor.lock();
        let details = match (silence, auditor.payment(self.id)) {
            (Some(silence), _) => {
                format!("{what} in time: {:#}", anyhow::Error::new(silence))
            }
            (None, Some(_)) => format!("{what} in time, though accepted"),
            (None, None) => format!("{what} in time, refused or in use"),
        };
        auditor.observe_unresolved(self.id, details);
    }
}

async fn rest(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}
