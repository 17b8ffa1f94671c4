//! The load of one round: every connection plays its workload until the server is killed.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::{ChaosOptions, REQUEST_PATIENCE};
use crate::answer::Outcome;
use crate::answer::PaymentAnswer;
use crate::audit::{ask, ask_deed, ask_shop_order};
use crate::auditor::{Auditor, Moment, RecordId};
use crate::client::Client;
use crate::connection::Silence;
use crate::customer_act::CustomerAct;
use crate::deed::{Deed, DeedKind};
use crate::deed_answer::{DeedAnswer, DeedEnd};
use crate::operation::{Action, Bill, Funds, History, Left, Past, PastDeed, Wait};
use crate::order::{OrderNumber, PaymentOrder};
use crate::shop_order::{ShopOrder, ShopOrderAnswer, ShopOrderName};
use crate::workload::{Acting, Doing, Step, Workload};

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
    pages: Pages,
    auditor: Arc<Mutex<Auditor>>,
    stopped: Arc<AtomicBool>,
    /// The workload's own orders, in its order.
    orders: Vec<RecordId>,
    /// Of these, the ones to which something can be done.
    history: History,
    /// Those that were given to the history.
    known: HashSet<RecordId>,
}

/// Where customers decide.
struct Pages {
    client: Client,
    path: &'static str,
}

impl Load {
    pub(super) fn begin(
        clients: Vec<Client>,
        (address, path): (SocketAddr, &'static str),
        auditor: &Arc<Mutex<Auditor>>,
        options: &ChaosOptions,
        round: u32,
    ) -> Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let most_orders = options.round_payments.div_ceil(options.connections) as usize;
        let mut workers = JoinSet::new();
        for (connection, client) in (0_u32..).zip(clients) {
            let workload = Workload::new(options.seed, round, connection, most_orders);
            let (auditor, stopped) = (Arc::clone(auditor), Arc::clone(&stopped));
            let (orders, history, known) = (Vec::new(), History::default(), HashSet::new());
            let pages =
                Pages { client: Client::new(address, Arc::default(), REQUEST_PATIENCE)?, path };
            let worker = Worker { client, pages, auditor, stopped, orders, history, known };
            workers.spawn(worker.play(workload));
        }
        Ok(Self { workers, stopped })
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
            Step::Order(order) => self.order(order).await,
            Step::PayOrder { drafts, drawn, share } => self.pay_order(drafts, drawn, share).await,
            Step::Repeat { earlier } => match self.orders.get(earlier) {
                Some(&id) => self.ask_again(id).await,
                None => Ok(()),
            },
            Step::Reuse { earlier } => match self.orders.get(earlier) {
                Some(&id) => self.reuse(id).await,
                None => Ok(()),
            },
            Step::Read { earlier } => match self.orders.get(earlier) {
                Some(&id) => self.read(id).await,
                None => Ok(()),
            },
            Step::Do { number, doing, drawn, twice } => self.act(number, doing, drawn, twice).await,
            Step::Act { number, acting, drawn, meanwhile } => match acting {
                Acting::Decide { approves } => self.decide(drawn, approves).await,
                Acting::Confirm => {
                    let how = (drawn, meanwhile);
                    self.act_on_action(number, DeedKind::Confirmation, how).await
                }
                Acting::CallOff => {
                    let how = (drawn, meanwhile);
                    self.act_on_action(number, DeedKind::Cancellation, how).await
                }
            },
            Step::RepeatDeed { drawn } => match self.history.deed(drawn) {
                Some(PastDeed { id, .. }) => self.ask_deed(id).await,
                None => Ok(()),
            },
            Step::ReuseDeed { drawn } => match self.history.deed(drawn) {
                Some(past) => self.reuse_deed(&past).await,
                None => Ok(()),
            },
        }
    }

    /// Does something to one of the payments that it can be done to, if there is one.
    async fn act(
        &mut self,
        number: OrderNumber,
        doing: Doing,
        drawn: u64,
        twice: bool,
    ) -> Result<(), Silence> {
        let found = match doing {
            Doing::Capture { .. } | Doing::Void => self.history.take_held(drawn),
            Doing::Reversal => self.history.take_untouched(drawn),
            Doing::Approval | Doing::Rejection => self.history.take_in_review(drawn),
            Doing::Refund { .. } | Doing::Excess => self.history.take_taken(drawn),
        };
        let Some(past) = found else { return Ok(()) };
        let kind = deed_kind(doing, past.funds);
        let (merchant, payment) = (past.order.merchant, Arc::clone(&past.payment));
        let deed = Deed { number, merchant, payment, kind };
        let id = self.auditor.lock().intend_deed(past.id, deed.clone());
        let heard = match twice {
            true => self.ask_deed_twice(id, &deed).await,
            false => self.ask_deed(id).await,
        };
        // What is open is left alone: only once its end is known can more be done to the payment.
        let end = self.auditor.lock().deed_end(id);
        let funds = match end {
            Some(DeedEnd::Done) => past.funds.after(kind, &past.order),
            Some(DeedEnd::Undone) => past.funds,
            Some(DeedEnd::Pending) | None => return heard,
        };
        let is_final = self.auditor.lock().is_settled(id);
        let deed = is_final.then_some(PastDeed { id, deed });
        // An approval ends the review, whatever became of the capture that follows.
        let over = end == Some(DeedEnd::Done) || (is_final && kind == DeedKind::Approval);
        let wait = past.wait.clone().filter(|_| !over);
        let free = Some(Past { funds, wait, ..past });
        self.history.keep(Left { free, deed, ..Left::default() });
        heard
    }

    /// Creates an order, which can be paid from then on.
    async fn order(&self, order: ShopOrder) -> Result<(), Silence> {
        let id = self.auditor.lock().intend_shop_order(order);
        let heard = ask_shop_order(&self.client, &self.auditor, id, Moment::Load).await;
        self.keep_bill(id, &order);
        let settled = self.auditor.lock().is_settled(id);
        match heard {
            // As often as not, its key is then used for something else.
            Ok(_standing) if settled && order.amount_minor % 2 == 0 => {
                self.reuse_order(id, &order).await
            }
            heard => heard.map(|_standing| ()),
        }
    }

    async fn reuse_order(&self, id: RecordId, order: &ShopOrder) -> Result<(), Silence> {
        match self.client.create_another_order(order).await {
            Ok(answer) => {
                let meaning = ShopOrderAnswer::of(&answer);
                self.auditor.lock().observe_reuse(id, &answer, &meaning);
                Ok(())
            }
            Err(cause) => self.unanswered(cause),
        }
    }

    /// Pays an order, or twice at the same moment what may be paid once.
    async fn pay_order(
        &mut self,
        drafts: [Option<PaymentOrder>; 2],
        drawn: u64,
        share: u8,
    ) -> Result<(), Silence> {
        let Some(bill) = self.history.take_bill(drawn) else { return Ok(()) };
        let amount_minor = (bill.open * i64::from(share) / 100).max(1);
        let ids = drafts.map(|draft| {
            let draft = draft?;
            let (merchant, currency) = (bill.merchant, bill.currency);
            // A method that serves every currency; a customer may have to act all the same.
            let method = draft.method.by_card();
            let pays = Some(bill.name);
            let order = PaymentOrder { merchant, currency, amount_minor, method, pays, ..draft };
            Some(self.intend(order))
        });
        let heard = match ids {
            [Some(one), Some(other)] => {
                let sent = tokio::join!(
                    ask(&self.client, &self.auditor, one, Moment::Load),
                    ask(&self.client, &self.auditor, other, Moment::Load)
                );
                self.keep_if_settled(one);
                self.keep_if_settled(other);
                sent.0.and(sent.1).map(|_standing| ())
            }
            [Some(one), None] | [None, Some(one)] => self.ask(one).await,
            [None, None] => Ok(()),
        };
        let order = self.auditor.lock().shop_order(bill.id);
        if let Some(order) = order {
            self.keep_bill(bill.id, &order);
        }
        heard
    }

    /// An order of which it is known how much is open can be paid.
    fn keep_bill(&self, id: RecordId, order: &ShopOrder) {
        let (name, open) = {
            let auditor = self.auditor.lock();
            (auditor.shop_order_name(id), auditor.open_of_shop_order(id))
        };
        let name = name.and_then(|name| ShopOrderName::of(&name));
        let (Some(name), Some(open)) = (name, open) else { return };
        let ShopOrder { merchant, currency, .. } = *order;
        let bill = Some(Bill { id, name, merchant, currency, open });
        self.history.keep(Left { bill, ..Left::default() });
    }

    /// Has a customer decide.
    async fn decide(&mut self, drawn: u64, approves: bool) -> Result<(), Silence> {
        let Some(past) = self.history.take_waiting(drawn) else { return Ok(()) };
        let Some(Wait::Customer(Action { attempt, .. })) = past.wait.clone() else {
            return Ok(());
        };
        let heard = self.send_act(past.id, CustomerAct { attempt, approves }).await;
        self.keep_as_known(past);
        heard
    }

    async fn send_act(&self, id: RecordId, act: CustomerAct) -> Result<(), Silence> {
        self.auditor.lock().begin_act(id, &act);
        match self.pages.client.send(&act.request(self.pages.path)).await {
            Ok(answer) => {
                self.auditor.lock().observe_act(id, &answer);
                Ok(())
            }
            Err(cause) => self.unanswered(cause),
        }
    }

    /// Confirms or calls off a payment whose customer has decided, or who decides at this moment, or
    /// who has yet to.
    async fn act_on_action(
        &mut self,
        number: OrderNumber,
        kind: DeedKind,
        (drawn, meanwhile): (u64, bool),
    ) -> Result<(), Silence> {
        let early = meanwhile || drawn.is_multiple_of(4) != (kind == DeedKind::Cancellation);
        let found = match early {
            true => self.history.take_waiting(drawn >> 2),
            false => self.history.take_acted(drawn >> 2),
        };
        let Some(past) = found else { return Ok(()) };
        let Some(Wait::Customer(Action { attempt, .. })) = past.wait.clone() else {
            return Ok(());
        };
        let (merchant, payment) = (past.order.merchant, Arc::clone(&past.payment));
        let deed = Deed { number, merchant, payment, kind };
        let id = self.auditor.lock().intend_deed(past.id, deed.clone());
        let act = CustomerAct { attempt, approves: !drawn.is_multiple_of(3) };
        let heard = match meanwhile {
            true => {
                let (asked, decided) = tokio::join!(self.ask_deed(id), self.send_act(past.id, act));
                asked.and(decided)
            }
            false => self.ask_deed(id).await,
        };
        let is_final = self.auditor.lock().is_settled(id);
        if is_final {
            let deed = Some(PastDeed { id, deed });
            self.history.keep(Left { deed, ..Left::default() });
        }
        // What was called off goes its own way.
        if kind == DeedKind::Confirmation && is_final {
            self.keep_as_known(past);
        }
        heard
    }

    /// Keeps a payment whose customer had to act as it is by what the auditor was told.
    fn keep_as_known(&self, past: Past) {
        let (outcome, action) = {
            let auditor = self.auditor.lock();
            (auditor.outcome(past.id), auditor.action(past.id))
        };
        let Some((_payment, outcome)) = outcome else { return };
        let funds = Funds::of(&past.order, outcome);
        let wait = match (outcome, action) {
            (Outcome::Review, _) => Some(Wait::Reviewer),
            (Outcome::ActionRequired, Some((attempt, decided))) => {
                Some(Wait::Customer(Action { attempt, decided }))
            }
            _ => None,
        };
        self.history.keep(Left { free: Some(Past { funds, wait, ..past }), ..Left::default() });
    }

    async fn ask_deed(&self, id: RecordId) -> Result<(), Silence> {
        ask_deed(&self.client, &self.auditor, id, Moment::Load).await.map(|_standing| ())
    }

    async fn ask_deed_twice(&self, id: RecordId, deed: &Deed) -> Result<(), Silence> {
        let (one, other) = tokio::join!(self.client.carry_out(deed), self.client.carry_out(deed));
        let (mut heard, mut silence) = (Vec::new(), Ok(()));
        for answer in [one, other] {
            match answer {
                Ok(answer) => heard.push((DeedAnswer::of(deed.kind, &answer), answer)),
                Err(cause) => silence = Err(cause),
            }
        }
        heard.sort_by_key(|(meaning, answer)| (meaning.finality(), answer.replayed));
        let mut auditor = self.auditor.lock();
        for _ in heard.len()..2 {
            auditor.observe_silence();
        }
        for (meaning, answer) in heard {
            auditor.observe_deed(id, answer, meaning, Moment::Load);
        }
        silence
    }

    async fn reuse_deed(&self, past: &PastDeed) -> Result<(), Silence> {
        match self.client.carry_out_something_else(&past.deed).await {
            Ok(answer) => {
                let meaning = DeedAnswer::of(past.deed.kind, &answer);
                self.auditor.lock().observe_reuse(past.id, &answer, &meaning);
                Ok(())
            }
            Err(cause) => self.unanswered(cause),
        }
    }

    /// A payment that has its final answer is there for what can be done to it, from then on.
    fn keep_if_settled(&mut self, id: RecordId) {
        if self.known.contains(&id) {
            return;
        }
        let (outcome, order) = {
            let auditor = self.auditor.lock();
            (auditor.outcome(id), auditor.order(id))
        };
        let (Some((payment, _outcome)), Some(order)) = (outcome, order) else { return };
        self.known.insert(id);
        let past = Past { id, order, payment, funds: Funds::default(), wait: None };
        self.keep_as_known(past);
    }

    fn intend(&mut self, order: PaymentOrder) -> RecordId {
        let id = self.auditor.lock().intend(order);
        self.orders.push(id);
        id
    }

    async fn ask(&mut self, id: RecordId) -> Result<(), Silence> {
        let heard = ask(&self.client, &self.auditor, id, Moment::Load).await;
        self.keep_if_settled(id);
        heard.map(|_standing| ())
    }

    /// Asks again, but for what the rules forbade: now it might be begun.
    async fn ask_again(&mut self, id: RecordId) -> Result<(), Silence> {
        let rejected = self.auditor.lock().is_rejected(id);
        if rejected { Ok(()) } else { self.ask(id).await }
    }

    async fn ask_twice(&mut self, id: RecordId, order: &PaymentOrder) -> Result<(), Silence> {
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
        drop(auditor);
        self.keep_if_settled(id);
        silence
    }

    /// Only a key with a final answer is surely taken; under another it would be a new payment.
    async fn reuse(&mut self, id: RecordId) -> Result<(), Silence> {
        let (settled, order) = {
            let auditor = self.auditor.lock();
            (auditor.is_settled(id), auditor.order(id))
        };
        let (true, Some(order)) = (settled, order) else { return self.ask_again(id).await };
        match self.client.pay_another_amount(&order).await {
            Ok(answer) => {
                let meaning = PaymentAnswer::of(&answer);
                self.auditor.lock().observe_reuse(id, &answer, &meaning);
                Ok(())
            }
            Err(cause) => self.unanswered(cause),
        }
    }

    async fn read(&mut self, id: RecordId) -> Result<(), Silence> {
        let (payment, order) = {
            let auditor = self.auditor.lock();
            (auditor.payment(id), auditor.order(id))
        };
        let (Some(payment), Some(order)) = (payment, order) else {
            return self.ask_again(id).await;
        };
        let reading = self.auditor.lock().begin_reading(id);
        match self.client.read(order.merchant, &payment).await {
            Ok(answer) => {
                self.auditor.lock().observe_read(reading, &answer);
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

/// What is to be done, in amounts.
fn deed_kind(doing: Doing, funds: Funds) -> DeedKind {
    let part = |all: i64, share: u8| (all * i64::from(share) / 100).max(1);
    match doing {
        Doing::Capture { share, is_final } => {
            DeedKind::Capture { amount_minor: part(funds.held, share), is_final }
        }
        Doing::Void => DeedKind::Void,
        Doing::Approval => DeedKind::Approval,
        Doing::Rejection => DeedKind::Rejection,
        Doing::Reversal => DeedKind::Reversal,
        Doing::Refund { share } => {
            DeedKind::Refund { amount_minor: part(funds.refundable(), share) }
        }
        Doing::Excess => DeedKind::Refund { amount_minor: funds.refundable() + 1 },
    }
}
