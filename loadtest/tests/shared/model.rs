//! What a gateway and its provider know, small enough to be seen to be right: facts in, answers out.
//!
//! Both small gateways of the tests are made of it. Every answer follows from the facts, so that one
//! which is read back from a log answers as before.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Something that happened.
#[derive(Serialize, Deserialize)]
pub(crate) enum Fact {
    Created {
        merchant: String,
        key: String,
        request: Value,
        payment: String,
    },
    Ordered {
        merchant: String,
        key: String,
        request: Value,
        order: String,
    },
    /// In the provider's own books.
    Charged {
        payment: String,
        approved: bool,
    },
    Ended {
        payment: String,
        status: String,
    },
    /// A customer decided at the provider.
    Decided {
        payment: String,
        approved: bool,
    },
    /// The provider called back about it.
    Heard {
        payment: String,
    },
    /// Something was done to a payment.
    Done {
        merchant: String,
        key: String,
        payment: String,
        kind: String,
        request: Value,
        amount: i64,
    },
}

/// How the books lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lie {
    #[default]
    None,
    /// The provider does each refund twice.
    RefundsTwice,
    /// Refunds are acknowledged and the provider never hears of them.
    RefundsNothing,
    /// Every tenth event is lost.
    LosesEvents,
    /// Every tenth event is told twice.
    RepeatsEvents,
    /// Our accounts are off by one.
    BooksOffByOne,
    /// Every posting stands twice.
    PostsTwice,
    /// Refunds cannot be read.
    LosesRefunds,
    /// What is captured is one more than was asked for.
    CapturesMore,
    /// Approvals of customers never come through.
    ForgetsApprovals,
    /// A confirmation makes a payment complete that nobody has approved.
    ConfirmsNobody,
    /// An approval that won against a void stands.
    KeepsCalledOff,
    /// What a reviewer has rejected stays reserved at the provider.
    RejectsNothing,
    /// Orders cannot be read.
    LosesOrders,
    /// Orders say that one more was paid than was.
    OrdersOffByOne,
    /// Orders are paid beyond their amount.
    OverpaysOrders,
}

#[derive(Default)]
pub(crate) struct Model {
    lie: Lie,
    pub(crate) payments: BTreeMap<String, Payment>,
    pub(crate) keys: HashMap<(String, String), Keyed>,
    refunds: HashMap<String, Value>,
    orders: BTreeMap<String, Order>,
    /// The provider's books, in order.
    pub(crate) provider: Vec<Value>,
    events: HashMap<String, Vec<Value>>,
    /// How many there were of each merchant, lost or not.
    told: HashMap<String, u64>,
}

/// What a key stands for.
pub(crate) enum Keyed {
    Payment(String),
    Order(String),
    Deed { request: Value, status: u16, body: Value },
}

pub(crate) struct Order {
    merchant: String,
    pub(crate) request: Value,
    /// As it was first answered.
    pub(crate) first: Value,
    sequence: u32,
}

pub(crate) struct Payment {
    pub(crate) merchant: String,
    pub(crate) request: Value,
    pub(crate) status: String,
    /// What the provider decided, in order.
    pub(crate) charges: Vec<bool>,
    /// As it was first answered for good.
    pub(crate) first: Option<Value>,
    /// The customer's decision at the provider.
    decision: Option<bool>,
    held: i64,
    captured: i64,
    refunded: i64,
    sequence: u32,
    postings: Vec<Value>,
}

impl Model {
    pub(crate) fn lying(lie: Lie) -> Self {
        Self { lie, ..Self::default() }
    }

    pub(crate) fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Created { merchant, key, request, payment } => {
                self.keys.insert((merchant.clone(), key), Keyed::Payment(payment.clone()));
                let fresh = Payment {
                    merchant,
                    request,
                    status: "processing".to_owned(),
                    charges: Vec::new(),
                    first: None,
                    decision: None,
                    held: 0,
                    captured: 0,
                    refunded: 0,
                    sequence: 0,
                    postings: Vec::new(),
                };
                self.payments.insert(payment.clone(), fresh);
                self.tell(&payment, "payment.created", None);
            }
            Fact::Ordered { merchant, key, request, order } => {
                self.keys.insert((merchant.clone(), key), Keyed::Order(order.clone()));
                let fresh = Order { merchant, request, first: Value::Null, sequence: 0 };
                self.orders.insert(order.clone(), fresh);
                let view = self.view_order(&order);
                self.orders.get_mut(&order).unwrap().first = view;
                self.tell_of_order(&order, "order.created");
            }
            Fact::Charged { payment, approved } => self.charge(&payment, approved),
            Fact::Ended { payment, status } => self.end(&payment, &status),
            Fact::Decided { payment, approved } => {
                self.payments.get_mut(&payment).unwrap().decision = Some(approved);
                if approved {
                    self.charge(&payment, true);
                }
            }
            Fact::Heard { payment } => self.hear(&payment),
            Fact::Done { merchant, key, payment, kind, request, amount } => {
                let (status, body) = self.carry_out(&payment, &kind, amount, &request);
                let request = json!([payment, kind, request]);
                self.keys.insert((merchant, key), Keyed::Deed { request, status, body });
            }
        }
    }

    /// How a payment is refused that is more than is open of its order.
    pub(crate) fn judge_payment(&self, request: &Value) -> Option<(u16, &'static str)> {
        let order = self.orders.get(request["order_id"].as_str()?)?;
        let reserved = |payment: &&Payment| {
            payment.request["order_id"] == request["order_id"]
                && !["failed", "voided", "reversed"].contains(&payment.status.as_str())
        };
        let reserved = self.payments.values().filter(reserved).map(Payment::amount).sum::<i64>();
        let amount = request["amount_minor"].as_i64().unwrap();
        let exceeds = reserved + amount > order.request["amount_minor"].as_i64().unwrap();
        (exceeds && self.lie != Lie::OverpaysOrders).then_some((400, "order_amount_exceeded"))
    }

    pub(crate) fn order(&self, id: &str) -> &Order {
        &self.orders[id]
    }

    fn view_order(&self, id: &str) -> Value {
        let order = &self.orders[id];
        let of = |payment: &&Payment| payment.request["order_id"] == id;
        let taken: i64 = self.payments.values().filter(of).map(|payment| payment.captured).sum();
        let attempts = self.payments.values().filter(of).count();
        let amount = order.request["amount_minor"].as_i64().unwrap();
        let paid =
            taken + i64::from(self.lie == Lie::OrdersOffByOne && taken > 0 && taken < amount);
        let status = match (paid, attempts) {
            (0, 0) => "created",
            (0, _) => "attempted",
            _ if paid < amount => "partially_paid",
            _ => "paid",
        };
        json!({
            "id": id, "object": "order", "status": status, "amount_minor": amount,
            "currency": order.request["currency"], "amount_paid_minor": paid,
            "amount_due_minor": (amount - paid).max(0), "attempts": attempts,
        })
    }

    /// Whether this can be done to a payment, and for how much; or how it is refused.
    pub(crate) fn judge(
        &self,
        merchant: &str,
        payment: &str,
        kind: &str,
        request: &Value,
    ) -> Result<i64, (u16, &'static str)> {
        let payment = self.payments.get(payment).filter(|payment| payment.merchant == merchant);
        let payment = payment.ok_or((404, "payment_not_found"))?;
        let asked = request["amount_minor"].as_i64();
        let (status, left) = (payment.status.as_str(), payment.captured - payment.refunded);
        match (kind, status) {
            ("confirm" | "void", "requires_action") => Ok(0),
            ("approve" | "reject" | "void", "review") => Ok(payment.held),
            ("capture", "authorized" | "partially_captured") => match asked.unwrap_or(payment.held)
            {
                amount if amount > payment.held => Err((400, "capture_exceeds_authorized")),
                amount => Ok(amount),
            },
            ("void", "authorized" | "partially_captured") => Ok(payment.held),
            ("reverse", "completed") if payment.refunded == 0 => Ok(payment.captured),
            ("refund", "completed" | "partially_captured") => match asked.unwrap_or(left) {
                amount if amount > left => Err((400, "refund_exceeds_captured")),
                amount => Ok(amount),
            },
            _ => Err((409, "payment_unexpected_state")),
        }
    }

    /// What is read with a merchant's key, or with the operator's where there is none.
    pub(crate) fn read(&self, merchant: Option<&str>, path: &str, query: &str) -> (u16, Value) {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let lost = (404, json!({"code": "not_found"}));
        match (merchant, path) {
            (None, "/simulator/ledger") => {
                let from = value("after").map_or(0, |after| after.parse::<usize>().unwrap());
                let limit = value("limit").unwrap().parse::<usize>().unwrap();
                let until = self.provider.len().min(from + limit);
                let has_more = until < self.provider.len();
                let (data, next) =
                    (&self.provider[from.min(until)..until], has_more.then_some(until));
                (200, json!({"data": data, "has_more": has_more, "next": next}))
            }
            (None, "/api/v1/ledger/accounts") => (200, self.accounts()),
            (Some(merchant), "/api/v1/balance") => (200, self.balance(merchant)),
            (Some(merchant), "/api/v1/events") => {
                (200, self.events(merchant, value("after"), value("limit").unwrap()))
            }
            (Some(merchant), "/api/v1/ledger/entries") => {
                match self.payments.get(value("payment_id").unwrap()) {
                    Some(payment) if payment.merchant == merchant => {
                        (200, json!({"data": payment.postings}))
                    }
                    Some(_) | None => lost,
                }
            }
            (Some(merchant), path) => {
                let last = path.rsplit('/').next().unwrap();
                if let Some(order) = self.orders.get(last).filter(|_| self.lie != Lie::LosesOrders)
                {
                    let owned = order.merchant == merchant;
                    return if owned { (200, self.view_order(last)) } else { lost };
                }
                match (self.payments.get(last), self.refunds.get(last)) {
                    (Some(payment), _) if payment.merchant == merchant => (200, self.view(last)),
                    (_, Some(refund)) if self.lie != Lie::LosesRefunds => (200, refund.clone()),
                    _ => lost,
                }
            }
            (None, _) => lost,
        }
    }

    /// The payment of the attempt that waits for its customer, or did.
    pub(crate) fn waiting(&self, attempt: &str) -> Option<(String, Option<bool>)> {
        let payment = attempt.replacen("att_of_", "", 1);
        let found = self.payments.get(&payment).filter(|payment| payment.waited())?;
        let called_off = found.status == "voided";
        Some((payment, found.decision.or(called_off.then_some(false))))
    }

    pub(crate) fn view(&self, id: &str) -> Value {
        let payment = &self.payments[id];
        let currency = payment.currency();
        let major = |minor: i64| match currency {
            "JPY" => minor.to_string(),
            _ => format!("{}.{:02}", minor / 100, minor % 100),
        };
        json!({
            "id": id,
            "status": payment.status,
            "amount_minor": payment.amount(),
            "currency": currency,
            "amount": major(payment.amount()),
            "amount_captured": major(payment.captured),
            "amount_refunded": major(payment.refunded),
            "attempts": if payment.waited() { json!([{"id": format!("att_of_{id}")}]) } else { json!([]) },
        })
    }

    fn charge(&mut self, id: &str, approved: bool) {
        let payment = self.payments.get_mut(id).unwrap();
        payment.charges.push(approved);
        payment.sequence += 1;
        let state = if approved { "approved" } else { "declined" };
        let reserved = payment.is_manual() || payment.is_held();
        let moved = if approved && !reserved { payment.amount() } else { 0 };
        let (attempt, amount) = (self.provider.len(), payment.amount());
        let currency = payment.currency();
        let entry = json!({
            "attempt_id": format!("att_{attempt}"), "operation_id": null, "payment_id": id,
            "kind": "attempt", "amount_minor": amount, "currency": currency, "state": state,
            "reason": null, "moved_minor": moved, "calls": 1,
        });
        self.provider.push(entry);
    }

    /// The customer's decision becomes the payment's.
    fn hear(&mut self, id: &str) {
        let payment = &self.payments[id];
        if payment.status != "requires_action" || self.lie == Lie::ForgetsApprovals {
            return;
        }
        match payment.decision {
            Some(true) if payment.is_manual() => self.end(id, "authorized"),
            Some(true) => self.end(id, "completed"),
            Some(false) => self.end(id, "failed"),
            None => {}
        }
    }

    fn end(&mut self, id: &str, status: &str) {
        let payment = self.payments.get_mut(id).unwrap();
        payment.status = status.to_owned();
        let amount = payment.amount();
        match status {
            "completed" => {
                payment.captured = amount;
                self.post(id, "txn_0", "capture", amount);
            }
            "authorized" | "review" => payment.held = amount,
            _ => {}
        }
        self.tell(id, &format!("payment.{status}"), None);
        self.tell_of_order_of(id);
        let view = self.view(id);
        self.payments.get_mut(id).unwrap().first.get_or_insert(view);
    }

    fn carry_out(&mut self, id: &str, kind: &str, amount: i64, request: &Value) -> (u16, Value) {
        let operation = format!("{}", self.provider.len());
        let transaction = format!("txn_{operation}");
        let payment = self.payments.get_mut(id).unwrap();
        match kind {
            "confirm" => {
                if self.lie == Lie::ConfirmsNobody && payment.decision.is_none() {
                    payment.decision = Some(true);
                }
                self.hear(id);
                let view = self.view(id);
                match view["status"].as_str() {
                    Some("failed") => (402, json!({"code": "payment_declined", "payment": view})),
                    _ => (200, view),
                }
            }
            "approve" if payment.is_manual() => {
                payment.status = "authorized".to_owned();
                self.tell(id, "payment.authorized", None);
                (200, self.view(id))
            }
            "approve" => {
                self.tell(id, "payment.authorized", None);
                self.carry_out(id, "capture", amount, request)
            }
            "reject" if self.lie == Lie::RejectsNothing => {
                (payment.held, payment.status) = (0, "voided".to_owned());
                self.tell(id, "payment.voided", None);
                (200, self.view(id))
            }
            "reject" => self.carry_out(id, "void", amount, request),
            // The approval has won, and is undone.
            "void" if payment.status == "requires_action" && payment.decision == Some(true) => {
                let body = json!({"code": "operation_failed", "payment": self.view(id)});
                self.hear(id);
                if self.lie != Lie::KeepsCalledOff {
                    self.undo(id, &operation, &transaction);
                }
                (402, body)
            }
            "capture" => {
                let taken = amount + i64::from(self.lie == Lie::CapturesMore);
                payment.captured += taken;
                payment.held -= amount;
                let is_final = request["final"].as_bool().unwrap_or(true) || payment.held == 0;
                if is_final {
                    payment.held = 0;
                }
                payment.status =
                    if is_final { "completed" } else { "partially_captured" }.to_owned();
                let name = if is_final { "payment.completed" } else { "payment.captured" };
                self.provide(id, &operation, kind, taken, taken);
                self.post(id, &transaction, kind, taken);
                self.tell(id, name, None);
                self.tell_of_order_of(id);
                (200, self.view(id))
            }
            "void" => {
                payment.held = 0;
                let status = if payment.captured > 0 { "completed" } else { "voided" };
                payment.status = status.to_owned();
                self.provide(id, &operation, kind, amount, 0);
                self.tell(id, &format!("payment.{status}"), None);
                (200, self.view(id))
            }
            "reverse" => {
                payment.status = "reversed".to_owned();
                payment.captured = 0;
                self.provide(id, &operation, "reversal", amount, -amount);
                self.post(id, &transaction, "reversal", -amount);
                self.tell(id, "payment.reversed", None);
                (200, self.view(id))
            }
            _ => {
                payment.refunded += amount;
                let refund = json!({
                    "id": format!("ref_{operation}"), "object": "refund", "payment_id": id,
                    "status": "succeeded", "amount_minor": amount, "currency": payment.currency(),
                });
                let times = match self.lie {
                    Lie::RefundsTwice => 2,
                    Lie::RefundsNothing => 0,
                    _ => 1,
                };
                for time in 0..times {
                    self.provide(id, &format!("{operation}_{time}"), kind, amount, -amount);
                }
                self.post(id, &transaction, "refund_succeeded", -amount);
                self.refunds.insert(format!("ref_{operation}"), refund.clone());
                self.tell(id, "refund.processing", Some(&refund));
                self.tell(id, "refund.completed", Some(&refund));
                (201, refund)
            }
        }
    }

    /// Undoes what was taken or reserved.
    fn undo(&mut self, id: &str, operation: &str, transaction: &str) {
        let payment = self.payments.get_mut(id).unwrap();
        let (captured, held) = (payment.captured, payment.held);
        (payment.captured, payment.held) = (0, 0);
        let (kind, status) =
            if captured > 0 { ("reversal", "reversed") } else { ("void", "voided") };
        payment.status = status.to_owned();
        self.provide(id, operation, kind, captured.max(held), -captured);
        if captured > 0 {
            self.post(id, transaction, "reversal", -captured);
        }
        self.tell(id, &format!("payment.{status}"), None);
    }

    fn provide(&mut self, id: &str, operation: &str, kind: &str, amount: i64, moved: i64) {
        let charged = |entry: &&Value| entry["payment_id"] == id && entry["kind"] == "attempt";
        let charged = self.provider.iter().find(charged);
        let attempt = charged.map_or(json!("att_none"), |entry| entry["attempt_id"].clone());
        let currency = self.payments[id].currency();
        let entry = json!({
            "attempt_id": attempt, "operation_id": format!("op_{operation}"), "payment_id": id,
            "kind": kind, "amount_minor": amount, "currency": currency, "state": "succeeded",
            "reason": null, "moved_minor": moved, "calls": 1,
        });
        self.provider.push(entry);
    }

    /// What the provider owes us more of, or less.
    fn post(&mut self, id: &str, transaction: &str, kind: &str, moved: i64) {
        let times = 1 + usize::from(self.lie == Lie::PostsTwice);
        let payment = self.payments.get_mut(id).unwrap();
        let (receivable, payable) = ("provider_receivable", "merchant_payable");
        let (debit, credit) =
            if moved >= 0 { (receivable, payable) } else { (payable, receivable) };
        let posting = json!({
            "payment_id": id, "transaction_id": transaction, "type": kind,
            "debit": {"account": debit}, "credit": {"account": credit},
            "amount_minor": moved.abs(), "currency": payment.currency(),
        });
        payment.postings.extend(std::iter::repeat_n(posting, times));
    }

    fn tell(&mut self, id: &str, name: &str, refund: Option<&Value>) {
        let payment = self.payments.get_mut(id).unwrap();
        payment.sequence += 1;
        let (merchant, sequence) = (payment.merchant.clone(), payment.sequence);
        let data = refund.cloned().unwrap_or_else(
            || json!({"id": id, "payment_id": id, "object": "payment", "status": payment.status}),
        );
        self.tell_merchant(merchant, name, sequence, &data);
    }

    fn tell_merchant(&mut self, merchant: String, name: &str, sequence: u32, data: &Value) {
        let number = self.told.entry(merchant.clone()).or_default();
        *number += 1;
        let tenth = number.is_multiple_of(10);
        let event = json!({
            "id": event_id(*number), "event": name, "sequence": sequence, "data": data,
        });
        let times = match (self.lie, tenth) {
            (Lie::LosesEvents, true) => 0,
            (Lie::RepeatsEvents, true) => 2,
            _ => 1,
        };
        let events = self.events.entry(merchant).or_default();
        events.extend(std::iter::repeat_n(event, times));
    }

    /// How far the order is now that the payment pays.
    fn tell_of_order_of(&mut self, payment: &str) {
        let order = self.payments[payment].request["order_id"].as_str().map(str::to_owned);
        if let Some(order) = order.filter(|order| self.orders.contains_key(order)) {
            let status = self.view_order(&order)["status"].as_str().unwrap().to_owned();
            self.tell_of_order(&order, &format!("order.{status}"));
        }
    }

    fn tell_of_order(&mut self, id: &str, name: &str) {
        let order = self.orders.get_mut(id).unwrap();
        order.sequence += 1;
        let (merchant, sequence) = (order.merchant.clone(), order.sequence);
        let data = json!({"id": id, "object": "order"});
        self.tell_merchant(merchant, name, sequence, &data);
    }

    fn events(&self, merchant: &str, after: Option<&str>, limit: &str) -> Value {
        let nothing = Vec::new();
        let all = self.events.get(merchant).unwrap_or(&nothing);
        let from = after
            .map_or(0, |after| 1 + all.iter().rposition(|event| event["id"] == after).unwrap());
        let until = all.len().min(from + limit.parse::<usize>().unwrap());
        let page = &all[from..until];
        let next = page.last().map_or(json!(after), |last| last["id"].clone());
        json!({"data": page, "has_more": until < all.len(), "next_after": next})
    }

    fn accounts(&self) -> Value {
        let mut sums = BTreeMap::<(String, String), (i64, i64)>::new();
        for payment in self.payments.values() {
            for posting in &payment.postings {
                let amount = posting["amount_minor"].as_i64().unwrap();
                let currency = posting["currency"].as_str().unwrap().to_owned();
                let account = |side: &str| posting[side]["account"].as_str().unwrap().to_owned();
                sums.entry((account("debit"), currency.clone())).or_default().0 += amount;
                sums.entry((account("credit"), currency)).or_default().1 += amount;
            }
        }
        let off = i64::from(self.lie == Lie::BooksOffByOne);
        let rows = sums.into_iter().map(|((account, currency), (debits, credits))| {
            json!({
                "account": account, "currency": currency, "debits_minor": debits + off,
                "credits_minor": credits, "livemode": false,
            })
        });
        json!({"data": rows.collect::<Vec<_>>()})
    }

    fn balance(&self, merchant: &str) -> Value {
        let mut sums = BTreeMap::<&str, i64>::new();
        for payment in self.payments.values().filter(|payment| payment.merchant == merchant) {
            *sums.entry(payment.currency()).or_default() += payment.captured - payment.refunded;
        }
        let rows = sums.into_iter().map(|(currency, sum)| {
            json!({"currency": currency, "available_minor": sum, "pending_minor": 0})
        });
        json!({"balances": rows.collect::<Vec<_>>()})
    }
}

impl Payment {
    pub(crate) fn is_manual(&self) -> bool {
        self.request["capture"] == "manual"
    }

    /// Of an amount that is held for a review.
    pub(crate) fn is_held(&self) -> bool {
        self.status == "review" || self.amount() >= 2_000_000
    }

    /// Its customer had to act.
    fn waited(&self) -> bool {
        self.request["card"]["number"] == "4000000000003220"
    }

    fn amount(&self) -> i64 {
        self.request["amount_minor"].as_i64().unwrap_or(0)
    }

    fn currency(&self) -> &'static str {
        match self.request["currency"].as_str() {
            Some("USD") => "USD",
            Some("JPY") => "JPY",
            _ => "INR",
        }
    }
}

/// The id of a merchant's event of that number.
fn event_id(number: u64) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let bits = u128::from(number << 24);
    let digits = (0..26_u32).rev().map(|place| {
        let digit = usize::try_from((bits >> (5 * place)) & 31).unwrap();
        char::from(DIGITS[digit])
    });
    format!("evt_{}", digits.collect::<String>())
}
