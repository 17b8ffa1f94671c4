//! Every key is asked again until it has its final answer, and its payment or refund read.
//!
//! What was done to payments is asked for first, so that a payment is read when nothing about it is
//! open any more; and orders come last, once their payments are known.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::answer::{Answer, PaymentAnswer};
use crate::auditor::{Auditor, Moment, RecordId, Standing};
use crate::client::Client;
use crate::connection::Silence;
use crate::deed::Deed;
use crate::deed_answer::DeedAnswer;
use crate::shop_order::{ShopOrder, ShopOrderAnswer};

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
    let (deeds, payments, orders) = {
        let auditor = auditor.lock();
        let (deeds, others): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|&id| auditor.deed(id).is_some());
        let (orders, payments) =
            others.into_iter().partition(|&id| auditor.shop_order(id).is_some());
        (deeds, payments, orders)
    };
    for keys in [deeds, payments, orders] {
        check_in_any_order(client, at_once, auditor, keys, (restarted, within)).await?;
    }
    Ok(())
}

async fn check_in_any_order(
    client: &Arc<Client>,
    at_once: u32,
    auditor: &Arc<Mutex<Auditor>>,
    keys: Vec<RecordId>,
    (restarted, within): (Instant, Duration),
) -> Result<()> {
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

/// The same for a deed.
pub(crate) async fn ask_deed(
    client: &Client,
    auditor: &Mutex<Auditor>,
    id: RecordId,
    moment: Moment,
) -> Result<Standing, Silence> {
    let Some(deed) = auditor.lock().deed(id) else { return Ok(Standing::Settled) };
    match client.carry_out(&deed).await {
        Ok(answer) => {
            let meaning = DeedAnswer::of(deed.kind, &answer);
            Ok(auditor.lock().observe_deed(id, answer, meaning, moment))
        }
        Err(silence) => {
            auditor.lock().observe_silence();
            Err(silence)
        }
    }
}

/// The same for an order.
pub(crate) async fn ask_shop_order(
    client: &Client,
    auditor: &Mutex<Auditor>,
    id: RecordId,
    moment: Moment,
) -> Result<Standing, Silence> {
    let Some(order) = auditor.lock().shop_order(id) else { return Ok(Standing::Settled) };
    match client.create_order(&order).await {
        Ok(answer) => {
            let meaning = ShopOrderAnswer::of(&answer);
            Ok(auditor.lock().observe_shop_order(id, answer, meaning, moment))
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

/// What is asked about a key.
#[derive(Clone, Copy)]
enum Question<'a> {
    /// The payment's own request again.
    Key,
    /// The deed's own request again.
    Deed,
    Payment {
        merchant: u32,
        payment: &'a str,
    },
    Postings {
        merchant: u32,
        payment: &'a str,
    },
    Refund {
        merchant: u32,
        refund: &'a str,
    },
    /// The order's own request again.
    ShopOrderKey,
    ShopOrder {
        merchant: u32,
        order: &'a str,
    },
}

impl Question<'_> {
    /// What is missing where it gets no answer.
    fn lacking(self) -> &'static str {
        match self {
            Self::Key | Self::Deed | Self::ShopOrderKey => "no final answer",
            Self::ShopOrder { .. } => "its order is not readable",
            Self::Payment { .. } => "not readable as it has to be",
            Self::Postings { .. } => "its postings are not readable",
            Self::Refund { .. } => "its refund is not settled",
        }
    }
}

impl Inspection<'_> {
    async fn carry_out(&self, restarted: Instant, within: Duration) {
        let now = Instant::now();
        let (deed, order) = {
            let auditor = self.auditor.lock();
            (auditor.deed(self.id), auditor.shop_order(self.id))
        };
        if let Some(order) = order {
            return self
                .carry_out_shop_order(order, (restarted + within).max(now + LEAST_TIME))
                .await;
        }
        if let Some(deed) = deed {
            return self.carry_out_deed(deed, (restarted + within).max(now + LEAST_TIME)).await;
        }
        // More than was open of its order: now it may be less.
        if self.auditor.lock().is_rejected(self.id) {
            return;
        }
        // What the server knew of, it has been resolving since the restart. What it never heard of
        // begins with our question.
        let deadline = if self.auditor.lock().payment(self.id).is_some() {
            (restarted + within).max(now + LEAST_TIME)
        } else {
            now + within
        };
        self.until_heard(Question::Key, deadline).await;
        // Read even where the answers broke a promise: whether the payment is still there tells more
        // about the cause than the answers do.
        let (payment, order) = {
            let auditor = self.auditor.lock();
            (auditor.payment(self.id), auditor.order(self.id))
        };
        let (Some(payment), Some(order)) = (payment, order) else { return };
        let deadline = deadline.max(Instant::now() + LEAST_TIME);
        let (merchant, payment) = (order.merchant, &*payment);
        self.until_heard(Question::Payment { merchant, payment }, deadline).await;
        self.until_heard(Question::Postings { merchant, payment }, deadline).await;
    }

    /// What the rules forbade is not asked for again: nothing was begun, and now it might be.
    async fn carry_out_deed(&self, deed: Deed, deadline: Instant) {
        if self.auditor.lock().is_rejected(self.id) {
            return;
        }
        self.until_heard(Question::Deed, deadline).await;
        let refund = self.auditor.lock().refund(self.id);
        let Some(refund) = refund else { return };
        let deadline = deadline.max(Instant::now() + LEAST_TIME);
        let question = Question::Refund { merchant: deed.merchant, refund: &refund };
        self.until_heard(question, deadline).await;
    }

    async fn carry_out_shop_order(&self, order: ShopOrder, deadline: Instant) {
        self.until_heard(Question::ShopOrderKey, deadline).await;
        let name = self.auditor.lock().shop_order_name(self.id);
        let Some(name) = name else { return };
        let deadline = deadline.max(Instant::now() + LEAST_TIME);
        let question = Question::ShopOrder { merchant: order.merchant, order: &name };
        self.until_heard(question, deadline).await;
    }

    /// Asks until the answer is no longer open, or the time is over.
    async fn until_heard(&self, question: Question<'_>, deadline: Instant) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let heard = self.put(question).await;
            if let Ok(Standing::Settled | Standing::Broken) = heard {
                return;
            }
            if Instant::now() >= deadline {
                self.give_up(question.lacking(), heard.err());
                return;
            }
            rest(&mut pause).await;
        }
    }

    async fn put(&self, question: Question<'_>) -> Result<Standing, Silence> {
        let Self { client, auditor, id } = *self;
        match question {
            Question::Key => ask(client, auditor, id, Moment::Audit).await,
            Question::Deed => ask_deed(client, auditor, id, Moment::Audit).await,
            Question::Payment { merchant, payment } => {
                let reading = auditor.lock().begin_reading(id);
                let answer = self.heard(client.read(merchant, payment).await)?;
                let mut auditor = auditor.lock();
                Ok(match auditor.observe_read(reading, &answer) {
                    // Its customer has decided, and that has to show.
                    Standing::Settled if auditor.is_on_its_way(id) => Standing::Open,
                    standing => standing,
                })
            }
            Question::Postings { merchant, payment } => {
                let reading = auditor.lock().begin_reading(id);
                let answer = self.heard(client.read_postings(merchant, payment).await)?;
                Ok(auditor.lock().observe_postings(reading, &answer))
            }
            Question::ShopOrderKey => ask_shop_order(client, auditor, id, Moment::Audit).await,
            Question::ShopOrder { merchant, order } => {
                let answer = self.heard(client.read_order(merchant, order).await)?;
                Ok(auditor.lock().observe_shop_order_read(id, &answer))
            }
            Question::Refund { merchant, refund } => {
                let answer = self.heard(client.read_refund(merchant, refund).await)?;
                Ok(auditor.lock().observe_refund_read(id, &answer))
            }
        }
    }

    fn heard(&self, answer: Result<Answer, Silence>) -> Result<Answer, Silence> {
        answer.inspect_err(|_silence| self.auditor.lock().observe_silence())
    }

    fn give_up(&self, what: &str, silence: Option<Silence>) {
        let mut auditor = self.auditor.lock();
        let begun = auditor.payment(self.id).or(auditor.refund(self.id));
        let details = match (silence, begun) {
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
