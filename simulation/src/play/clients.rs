//! What clients do: ask for payments, read, and give up.

use tollgate_domain::{
    Amount, CaptureMode, CardBrand, CardFacts, CardFingerprint, CreatePayment, Currency,
    Fingerprint, IdempotencyKey, MerchantId, Millis, Mode, Money, NetBankingFacts, PaymentId,
    PaymentMethod, ProviderId, Rejection, SealKeyId, Sealed, ShardId, Subject, UpiFacts,
    VpaFingerprint, WalletFacts, WalletFingerprint,
};
use tollgate_engine::{Caller, CommandError, Completion, Step as Decided, Submission};

use super::{
    Card, Client, Life, Play, Reply, START, Ticket, archive::Waits, expectation::authorized_by,
    expectation::compare, expectation::expect_error, index_of, pick,
};
use crate::{
    model::{Expected, ExpectedOrder, Request},
    step::{Coin, Method, Pay, Size},
};

/// Wallets are not offered to every so many of the clients: to few enough that most can pay by one, and
/// to enough that a short play meets one.
const WALLETS_WITHDRAWN_EVERY: u32 = 5;

impl Play<'_> {
    pub(super) fn pay(&mut self, life: &mut Life, pay: Pay) {
        let (command, client, card) = self.request(life, pay);
        let submission = Submission {
            command: Box::new(command),
            attachment: card,
            caller: client,
            until_settled: pay.waiting,
        };
        self.submit(life, submission, pay, card);
    }

    /// A client's request reaches its shard, for the first time or again.
    pub(super) fn submit(
        &mut self,
        life: &mut Life,
        submission: Submission<Client, Card>,
        pay: Pay,
        card: Card,
    ) {
        let asked = CreatePayment::clone(&submission.command);
        let client = submission.caller.clone();
        let shard = ShardId::of_merchant(asked.merchant, self.shards);
        let index = index_of(shard);
        if life.shards[index].has_stopped() {
            return self.coverage.saw("reply: stopping");
        }
        let room = life.lanes[index].has_room();
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let step = match life.shards[index].create_payment(submission, room, moment) {
            Ok(step) => step,
            Err(absent) => return self.look_up(life, Waits::Pay(absent, pay, card)),
        };
        match self.models[index].request(&asked, now) {
            Request::New(()) if !room => {
                assert!(step.record.is_none(), "nothing is begun without room");
                expect_error(&step, CommandError::StorageFull);
                self.coverage.saw("reply: storage full");
            }
            Request::New(()) if pay.size == Size::Enormous => {
                expect_error(&step, CommandError::TooLarge);
                self.coverage.saw("reply: too large");
            }
            Request::New(()) => {
                let Some(Subject::Payment(id)) = step.begun else { panic!("a payment is created") };
                let attempt = authorized_by(&step, id, card);
                let (expected, key) = (Expected::new(&asked, attempt), asked.idempotency);
                let model = &mut self.models[index];
                model.create(id, expected);
                model.remember(key, Subject::Payment(id), now);
                if self.cards.insert(id, card.0).is_some() {
                    panic!("an id is given once: {id}");
                }
                self.begun(life, &step, client, pay.waiting);
                self.coverage.saw("reply: new payment");
                if pay.size == Size::Large {
                    self.coverage.saw("disk: a record over several frames");
                }
                if asked.order.is_some() {
                    self.coverage.saw("order: is tried to be paid");
                }
                self.coverage.saw(match pay.method {
                    Method::Card => "method: card",
                    Method::OldCard => "method: card that expires",
                    Method::Upi => "method: upi",
                    Method::NetBanking => "method: netbanking",
                    Method::Wallet => "method: wallet",
                });
                (self.tell)(format!("  {id} is begun"));
            }
            Request::Known(subject) => self.expect_repeat(life, &step, subject),
            Request::Refused(rejection) => {
                expect_error(&step, CommandError::Rejected(rejection));
                self.coverage.saw(refused(rejection));
            }
            Request::Unexpected(status) => unreachable!("a new payment has no state: {status:?}"),
        }
        self.carry_out(life, shard, step, now);
    }

    pub(super) fn request(&mut self, life: &Life, pay: Pay) -> (CreatePayment, Client, Card) {
        self.clients += 1;
        let number = u64::from(pay.merchant);
        let merchant = MerchantId::new(START, ShardId::CONTROL, number);
        let amount = Amount::from_minor_units(pay.minor_units).expect("stories have amounts");
        let money = Money { amount, currency: currency(pay.currency) };
        let mode = mode_of(pay.merchant);
        // Mostly what makes sense.
        let suited = pay.order.filter(|which| !which.is_multiple_of(4));
        let suited = suited.and_then(|which| self.order_that_suits(life, which));
        let (order, merchant, mode, money) = match suited {
            Some((order, ExpectedOrder { merchant, mode, money })) => {
                (Some(order), merchant, mode, money.with_amount(amount))
            }
            None => {
                let order = pay.order.map(|which| self.order_to_pay(which, merchant, mode));
                (order, merchant, mode, money)
            }
        };
        let idempotency =
            pay.key.map(|(key, body)| (key_of(merchant, key), Fingerprint(body.into())));
        let command = CreatePayment {
            merchant,
            mode,
            money,
            capture: if pay.manual { CaptureMode::Manual } else { CaptureMode::Automatic },
            method: method(pay.method),
            card_expires_at: (pay.method == Method::OldCard)
                .then(|| START.after(Millis::from_seconds(3_600))),
            repeats_only: pay.method == Method::Wallet
                && self.clients.is_multiple_of(WALLETS_WITHDRAWN_EVERY),
            personal: Sealed::new(SealKeyId([1; 16]), [42; 40]),
            hold_for_review: pay.review,
            emi: None,
            order,
            one_payment_per_order: false,
            order_id: Some(format!("order {}", self.clients).into()),
            customer_id: None,
            description: None,
            callback_url: None,
            return_url: None,
            metadata: vec![("note".into(), "x".repeat(length_of(pay.size)).into())],
            provider: ProviderId::SIMULATOR,
            control_version: 1,
            idempotency,
        };
        let client = Client::new(idempotency.map(|(key, _fingerprint)| key));
        (command, client, Card(self.clients))
    }

    /// Something was begun: who asked for it is answered, or waits.
    pub(super) fn begun(
        &mut self,
        life: &mut Life,
        step: &Decided<Client, Card>,
        client: Client,
        waiting: bool,
    ) {
        let subject = step.begun.expect("something is begun");
        if client.key.is_some_and(|key| !self.keys.insert(key)) {
            self.coverage.saw("keys: taken again");
        }
        match &step.replies[..] {
            [] => {
                assert!(waiting, "who does not wait is answered at once");
                life.waiting.insert(subject, client);
            }
            [reply] => {
                assert!(!waiting || self.is_final(subject), "who waits is answered later");
                self.expect_answer(reply, subject, false);
            }
            [_, _, ..] => panic!("one is answered"),
        }
    }

    /// A repeated request does nothing, and is answered as before.
    pub(super) fn expect_repeat(
        &mut self,
        life: &Life,
        step: &Decided<Client, Card>,
        subject: Subject,
    ) {
        if life.waiting.get(&subject).is_some_and(Client::is_waiting) {
            expect_error(step, CommandError::InProgress);
            return self.coverage.saw("reply: in progress");
        }
        assert!(step.record.is_none(), "a repeated request does nothing");
        let [reply] = &step.replies[..] else { panic!("a repeated request is answered") };
        self.expect_answer(reply, subject, true);
        self.coverage.saw(match subject {
            Subject::Payment(_) => "reply: same payment",
            Subject::Operation(_) => "reply: same operation",
            Subject::Order(_) => "reply: same order",
            Subject::Review(_) => "reply: same approval",
        });
    }

    pub(super) fn read(&mut self, life: &mut Life, which: u16) {
        let known: Vec<PaymentId> =
            self.models.iter().flat_map(|model| model.payments.keys().copied()).collect();
        let id = match pick(which, known.len()) {
            Some(index) if which % 50 != 49 => known[index],
            Some(_) | None => {
                PaymentId::new(START, ShardId(1 + which % self.shards), self.chance.word())
            }
        };
        let index = index_of(id.shard());
        let found = life.shards[index].read(id);
        if let (None, Some(away), true) =
            (&found, self.away.payment(id).cloned(), self.models[index].payments.contains_key(&id))
        {
            compare(&away.payment, &self.models[index].payments[&id]);
            assert!(life.shards[index].may_be_away(id), "it has left memory");
            let lane = &life.lanes[index];
            let completion = Completion::reply(Reply::ReadAway(away.history), None);
            let ticket = Ticket { shard: id.shard(), rests_on: lane.sequence(), completion };
            return lane.after_released(ticket);
        }
        match (&found, self.models[index].payments.get(&id)) {
            (Some(payment), Some(expected)) => compare(payment, expected),
            (None, None) => self.coverage.saw("read: nothing there"),
            (found, expected) => panic!("read {found:?} instead of {expected:?}"),
        }
        let completion = Completion::reply(Reply::Read(id, found), None);
        let at_once = self.after_durable(life, id.shard(), completion);
        self.coverage.saw(if at_once { "read: at once" } else { "read: behind the log" });
    }

    /// A payment is decided and applied, and the process dies before its record is handed over.
    pub(super) fn decide_in_vain(&mut self, life: &mut Life) {
        let pay = Pay {
            merchant: self.chance.short() % 7,
            minor_units: 100,
            currency: Coin::Inr,
            manual: false,
            method: Method::Card,
            key: None,
            size: Size::Small,
            waiting: true,
            review: false,
            order: None,
        };
        let (command, caller, attachment) = self.request(life, pay);
        let index = index_of(ShardId::of_merchant(command.merchant, self.shards));
        let command = Box::new(command);
        let submission = Submission { command, attachment, caller, until_settled: true };
        let moment = self.moment(life);
        assert!(life.shards[index].create_payment(submission, true, moment).is_ok(), "it is new");
        self.coverage.saw("crash: between decision and append");
    }
}

pub(super) fn leave(life: &Life, which: u16) {
    let waiting: Vec<&Client> = life.waiting.values().collect();
    if let Some(which) = pick(which, waiting.len()) {
        waiting[which].waits.set(false);
    }
}

/// A merchant's key.
pub(super) fn key_of(merchant: MerchantId, key: u8) -> IdempotencyKey {
    let mut digest = merchant.to_u128().to_le_bytes();
    digest[15] = key;
    IdempotencyKey(digest)
}

/// In which world a merchant lives.
pub(super) fn mode_of(merchant: u16) -> Mode {
    if merchant.is_multiple_of(2) { Mode::Test } else { Mode::Live }
}

/// How a refusal is counted.
pub(super) fn refused(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::IdempotencyKeyReused => "refused: key with another request",
        Rejection::NothingToRepeat => "refused: no new payment of its kind",
        Rejection::CardExpired => "refused: card expired",
        Rejection::PaymentNotFound(_) => "refused: no such payment",
        Rejection::OrderNotFound(_) => "refused: no such order",
        Rejection::OrderCurrencyDiffers(_) => "refused: other currency than the order's",
        Rejection::OrderAmountExceeded { .. } => "refused: more than the order",
        Rejection::UnexpectedState { .. } => "refused: for its state",
        Rejection::OperationInProgress(_) => "refused: another operation is under way",
        Rejection::CaptureExceedsAuthorized { .. } => "refused: more than is held",
        Rejection::RefundExceedsCaptured { .. } => "refused: more than is left to refund",
        Rejection::ReversalAfterRefund => "refused: reversal after a refund",
        Rejection::CaseNotResolvable { .. } => "refused: not the way to close the case",
        Rejection::AttemptNotFound(_)
        | Rejection::OperationNotFound(_)
        | Rejection::CaseNotFound(_)
        | Rejection::OrderPaid(_)
        | Rejection::TooManyOperations => unreachable!("no play goes so far: {rejection}"),
    }
}

pub(super) fn currency(coin: Coin) -> Currency {
    let code = match coin {
        Coin::Inr => "INR",
        Coin::Jpy => "JPY",
        Coin::Bhd => "BHD",
    };
    Currency::from_code(code).expect("a currency")
}

pub(super) fn method(method: Method) -> PaymentMethod {
    match method {
        Method::Card | Method::OldCard => PaymentMethod::Card(CardFacts {
            brand: CardBrand::Visa,
            bin: 424_242,
            last4: 4_242,
            expiry_month: 12,
            expiry_year: 2_030,
            fingerprint: CardFingerprint([7; 16]),
            funding: None,
            issuer_country: None,
        }),
        Method::Upi => PaymentMethod::Upi(UpiFacts {
            handle: "okbank".into(),
            fingerprint: VpaFingerprint([8; 16]),
            payee_name: "Tea House".into(),
        }),
        Method::NetBanking => PaymentMethod::NetBanking(NetBankingFacts { bank: "SBIN".into() }),
        Method::Wallet => PaymentMethod::Wallet(WalletFacts {
            provider: "paytm".into(),
            fingerprint: WalletFingerprint([9; 16]),
        }),
    }
}

/// How long the text is that a merchant sends along: a frame holds some 4,000 bytes, a record 64 KiB.
fn length_of(size: Size) -> usize {
    match size {
        Size::Small => 10,
        Size::Large => 9_000,
        Size::Enormous => 70_000,
    }
}
