//! What clients do: ask for payments, repeat themselves, read, and give up.

use std::{cell::Cell, rc::Rc};

use tollgate_domain::{
    Amount, CaptureMode, CardBrand, CardFacts, CardFingerprint, CreatePayment, Currency,
    Fingerprint, IdempotencyKey, MerchantId, Millis, Mode, Money, NetBankingFacts, PaymentId,
    PaymentMethod, ProviderId, Rejection, SealKeyId, Sealed, ShardId, UpiFacts, VpaFingerprint,
    WalletFacts, WalletFingerprint,
};
use tollgate_engine::{Caller, CommandError, Completion, Submission};

use super::{
    Card, Client, Life, Play, Reply, START, expectation::authorized_by, expectation::compare,
    expectation::expect_error, index_of, pick,
};
use crate::{
    model::{Expected, Request},
    step::{Coin, Method, Pay, Size},
};

impl Play<'_> {
    pub(super) fn pay(&mut self, life: &mut Life, pay: Pay) {
        let (command, client, card) = self.request(pay);
        let shard = ShardId::of_merchant(command.merchant, self.shards);
        let index = index_of(shard);
        if life.shards[index].has_stopped() {
            return self.coverage.saw("reply: stopping");
        }
        let room = life.lanes[index].has_room();
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let asked = command.clone();
        let submission = Submission {
            command: Box::new(command),
            attachment: card,
            caller: client.clone(),
            until_settled: pay.waiting,
        };
        let step = life.shards[index].create_payment(submission, room, moment);
        match self.models[index].request(&asked, now) {
            Request::New if !room => {
                assert!(step.record.is_none(), "nothing is begun without room");
                expect_error(&step, CommandError::StorageFull);
                self.coverage.saw("reply: storage full");
            }
            Request::New if pay.size == Size::Enormous => {
                expect_error(&step, CommandError::TooLarge);
                self.coverage.saw("reply: too large");
            }
            Request::New => {
                let id = step.created.expect("a payment is created");
                let attempt = authorized_by(&step, id, card);
                let (expected, key) = (Expected::new(&asked, attempt), asked.idempotency);
                self.models[index].create(id, expected, key, now);
                if self.cards.insert(id, card.0).is_some() {
                    panic!("an id is given once: {id}");
                }
                if pay.waiting {
                    assert!(step.reply.is_none(), "who waits is answered later");
                    life.waiting.insert(id, client);
                } else {
                    self.expect_answer(&step, id, false);
                }
                if key.is_some_and(|(key, _fingerprint)| !self.keys.insert(key)) {
                    self.coverage.saw("keys: taken again");
                }
                self.coverage.saw("reply: new payment");
                if pay.size == Size::Large {
                    self.coverage.saw("disk: a record over several frames");
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
            Request::Known(id) if life.waiting.get(&id).is_some_and(Client::is_waiting) => {
                expect_error(&step, CommandError::InProgress);
                self.coverage.saw("reply: in progress");
            }
            Request::Known(id) => {
                assert!(step.record.is_none(), "a repeated request does nothing");
                self.expect_answer(&step, id, true);
                self.coverage.saw("reply: same payment");
            }
            Request::Reused => {
                let reused = CommandError::Rejected(Rejection::IdempotencyKeyReused);
                expect_error(&step, reused);
                self.coverage.saw("reply: other request");
            }
            Request::CardExpired => {
                expect_error(&step, CommandError::Rejected(Rejection::CardExpired));
                self.coverage.saw("reply: card expired");
            }
        }
        self.carry_out(life, shard, step, now);
    }

    pub(super) fn request(&mut self, pay: Pay) -> (CreatePayment, Client, Card) {
        self.clients += 1;
        let number = u64::from(pay.merchant);
        let merchant = MerchantId::new(START, ShardId::CONTROL, number);
        let amount = Amount::from_minor_units(pay.minor_units).expect("stories have amounts");
        let idempotency = pay.key.map(|(key, body)| {
            let mut digest = [key; 16];
            digest[..2].copy_from_slice(&pay.merchant.to_le_bytes());
            (IdempotencyKey(digest), Fingerprint(body.into()))
        });
        let command = CreatePayment {
            merchant,
            mode: if pay.merchant.is_multiple_of(2) { Mode::Test } else { Mode::Live },
            money: Money { amount, currency: currency(pay.currency) },
            capture: if pay.manual { CaptureMode::Manual } else { CaptureMode::Automatic },
            method: method(pay.method),
            card_expires_at: (pay.method == Method::OldCard)
                .then(|| START.after(Millis::from_seconds(3_600))),
            personal: Sealed::new(SealKeyId([1; 16]), [42; 40]),
            order_id: Some(format!("order {}", self.clients).into()),
            customer_id: None,
            description: None,
            callback_url: None,
            metadata: vec![("note".into(), "x".repeat(length_of(pay.size)).into())],
            provider: ProviderId::SIMULATOR,
            control_version: 1,
            idempotency,
        };
        (command, Client(Rc::new(Cell::new(true))), Card(self.clients))
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
        };
        let (command, caller, attachment) = self.request(pay);
        let index = index_of(ShardId::of_merchant(command.merchant, self.shards));
        let command = Box::new(command);
        let submission = Submission { command, attachment, caller, until_settled: true };
        let moment = self.moment(life);
        drop(life.shards[index].create_payment(submission, true, moment));
        self.coverage.saw("crash: between decision and append");
    }
}

pub(super) fn leave(life: &Life, which: u16) {
    let waiting: Vec<&Client> = life.waiting.values().collect();
    if let Some(which) = pick(which, waiting.len()) {
        waiting[which].0.set(false);
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
