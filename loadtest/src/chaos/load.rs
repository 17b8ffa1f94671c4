//! The load of one round: every connection plays its workload until the server is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::ChaosOptions;
use crate::answer::PaymentAnswer;
use crate::audit::ask;
use crate::auditor::{Auditor, Moment, RecordId};
use crate::client::Client;
use crate::connection::Silence;
use crate::order::PaymentOrder;
use crate::workload::{Step, Workload};

/// After a request without an answer a worker rests, so that it does not spin on a dead port.
const REST: Duration = Duration::from_millis(5);

/// All connections at work.
pub(super) struct Load {
    workers: JoinSet<()>,
    stopped: Arc<AtomicBool>,
}

/// One connection at work.
struct Worker {
    client: Client,
    auditor: Arc<Mutex<Auditor>>,
    stopped: Arc<AtomicBool>,
    /// The workload's own orders, in its order.
    orders: Vec<RecordId>,
}

impl Load {
    pub(super) fn begin(
        clients: Vec<Client>,
        auditor: &Arc<Mutex<Auditor>>,
        options: &ChaosOptions,
        round: u32,
    ) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let most_orders = options.round_payments.div_ceil(options.connections) as usize;
        let mut workers = JoinSet::new();
        for (connection, client) in (0_u32..).zip(clients) {
            let workload = Workload::new(options.seed, round, connection, most_orders);
            let (auditor, stopped) = (Arc::clone(auditor), Arc::clone(&stopped));
            let worker = Worker { client, auditor, stopped, orders: Vec::new() };
            workers.spawn(worker.play(workload));
        }
        Self { workers, stopped }
    }

    /// Lets no worker begin another operation.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Waits for the operations under way.
    pub(super) async fn join(mut self) -> Result<()> {
        while let Some(ended) = self.workers.join_next().await {
            ended.context("a connection of the load failed")?;
        }
        Ok(())
    }
}

impl Worker {
    async fn play(mut self, mut workload: Workload) {
        while !self.stopped.load(Ordering::Relaxed) {
            if self.perform(workload.next_step()).await.is_err() {
                tokio::time::sleep(REST).await;
            }
        }
    }

    async fn perform(&mut self, step: Step) -> Result<(), Silence> {
        match step {
            Step::Pay(order) => {
                let id = self.intend(order);
                self.ask(id).await
            }
            Step::PayTwice(order) => {
                let id = self.intend(order);
                self.ask_twice(id, &order).await
            }
            Step::Repeat { earlier } => self.ask(self.orders[earlier]).await,
            Step::Reuse { earlier } => self.reuse(self.orders[earlier]).await,
            Step::Read { earlier } => self.read(self.orders[earlier]).await,
        }
    }

    fn intend(&mut self, order: PaymentOrder) -> RecordId {
        let id = self.auditor.lock().intend(order);
        self.orders.push(id);
        id
    }

    async fn ask(&self, id: RecordId) -> Result<(), Silence> {
        ask(&self.client, &self.auditor, id, Moment::Load).await.map(|_standing| ())
    }

    async fn ask_twice(&self, id: RecordId, order: &PaymentOrder) -> Result<(), Silence> {
        let (one, other) = tokio::join!(self.client.pay(order), self.client.pay(order));
        let (mut heard, mut silence) = (Vec::new(), Ok(()));
        for answer in [one, other] {
            match answer {
                Ok(answer) => heard.push((PaymentAnswer::of(&answer), answer)),
                Err(cause) => silence = Err(cause),
            }
        }
        heard.sort_by_key(|(meaning, answer)| (meaning.finality(), answer.replayed));
        let mut auditor = self.auditor.lock();
        for _ in heard.len()..2 {
            auditor.observe_silence();
        }
        for (meaning, answer) in heard {
            auditor.observe(id, answer, meaning, Moment::Load);
        }
        silence
    }

    /// Only a key with a final answer is surely taken; under another it would be a new payment.
    async fn reuse(&self, id: RecordId) -> Result<(), Silence> {
        let (settled, order) = {
            let auditor = self.auditor.lock();
            (auditor.is_settled(id), auditor.order(id))
        };
        let (true, Some(order)) = (settled, order) else { return self.ask(id).await };
        match self.client.pay_another_amount(&order).await {
            Ok(answer) => {
                let meaning = PaymentAnswer::of(&answer);
                self.auditor.lock().observe_reuse(id, &answer, &meaning);
                Ok(())
            }
            Err(cause) => self.unanswered(cause),
        }
    }

    async fn read(&self, id: RecordId) -> Result<(), Silence> {
        let (payment, order) = {
            let auditor = self.auditor.lock();
            (auditor.payment(id), auditor.order(id))
        };
        let (Some(payment), Some(order)) = (payment, order) else { return self.ask(id).await };
        match self.client.read(order.merchant, &payment).await {
            Ok(answer) => {
                self.auditor.lock().observe_read(id, &answer);
                Ok(())
            }
            Err(cause) => self.unanswered(cause),
        }
    }

    fn unanswered(&self, silence: Silence) -> Result<(), Silence> {
        self.auditor.lock().observe_silence();
        Err(silence)
    }
}
