//! The feed over its own store: what is taken in is there once, in order, after any end.

use std::{num::NonZeroU16, path::Path};

use parking_lot::Mutex;
use tollgate_domain::{
    Amount, CaptureMode, CardBrand, CardFacts, CardFingerprint, Command, CreatePayment, Currency,
    Decision, Env, Mode, Money, PaymentMethod, Policy, ProviderId, ShardState,
};

use super::*;
use crate::metrics::Metrics;

const NOW: Timestamp = Timestamp::from_millis(1_768_473_000_000);

fn realm() -> Realm {
    Realm { merchant: tollgate_domain::MerchantId::from_u128(7), mode: Mode::Test }
}

/// A shard that takes payments, and its records as observers are shown them.
struct Shop {
    state: ShardState,
    sequence: u64,
}

impl Shop {
    fn new() -> Self {
        let shards = NonZeroU16::new(4).unwrap();
        let shard = ShardId::of_merchant(realm().merchant, shards);
        Self { state: ShardState::new(shard), sequence: 0 }
    }

    fn pay(&mut self, callback_url: Option<&str>) -> Arc<DurableRecord> {
        let command = CreatePayment {
            merchant: realm().merchant,
            mode: realm().mode,
            money: Money {
                amount: Amount::from_minor_units(100).unwrap(),
                currency: Currency::INR,
            },
            capture: CaptureMode::Automatic,
            method: PaymentMethod::Card(CardFacts {
                brand: CardBrand::Visa,
                bin: 424_242,
                last4: 4_242,
                expiry_month: 12,
                expiry_year: 2_030,
                fingerprint: CardFingerprint([1; 16]),
                funding: None,
                issuer_country: None,
            }),
            card_expires_at: None,
            repeats_only: false,
            hold_for_review: false,
            emi: None,
            order: None,
            one_payment_per_order: false,
            order_id: None,
            customer_id: None,
            personal: None,
            description: None,
            callback_url: callback_url.map(Into::into),
            return_url: None,
            metadata: Vec::new(),
            provider: ProviderId::SIMULATOR,
            control_version: 0,
            idempotency: None,
        };
        let policy = Policy::default();
        let entropy = [self.sequence, 1, 2];
        let env = Env { now: NOW, shard: self.state.shard(), entropy, policy: &policy };
        let decision = self.state.decide(Command::CreatePayment(Box::new(command)), &env).unwrap();
        let Decision::Accepted { record, .. } = decision else { panic!("{decision:?}") };
        self.state.apply(&record);
        self.sequence += 1;
        Arc::new(DurableRecord::of_payments(&self.state, self.sequence, record))
    }
}

type Begun = Arc<Mutex<Vec<QueueId>>>;

fn open(directory: &Path) -> (EventFeed, Begun) {
    let begun = Begun::default();
    let noted = Arc::clone(&begun);
    let options = FeedOptions {
        retention: Millis::from_seconds(86_400),
        attempt_retention: Millis::from_seconds(86_400),
        clock: Arc::new(|| NOW),
        cache_bytes: 1 << 20,
    };
    let metrics = Metrics::new().feed.clone();
    let feed = EventFeed::open(directory, options, metrics, move |queue| noted.lock().push(queue));
    (feed.unwrap(), begun)
}

/// The store is free once nobody holds it.
fn shut(feed: EventFeed) {
    feed.close();
}

fn ids(feed: &EventFeed) -> Vec<FeedEventId> {
    let page = feed.read(realm(), Cursor::START, 1_000).unwrap();
    let places: Vec<u64> = page.events.iter().map(|(cursor, _event)| cursor.0).collect();
    assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>(), "no gap");
    page.events.into_iter().map(|(_cursor, event)| event.id).collect()
}

#[test]
fn what_is_taken_in_is_there_once_and_the_same_however_often_it_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::new();
    let records: Vec<_> = (0..50).map(|_payment| shop.pay(None)).collect();
    let shard = shop.state.shard();

    let (feed, _begun) = open(directory.path());
    feed.observe(records[..20].to_vec());
    shut(feed);
    let (feed, _begun) = open(directory.path());
    assert_eq!(feed.position(shard), 20, "events and position are one");
    // Shown again from further back than needed, it is passed over.
    feed.replay(records[10..].to_vec());
    shut(feed);
    let (feed, _begun) = open(directory.path());
    let found = ids(&feed);
    assert_eq!((found.len(), feed.head(realm()), feed.position(shard)), (50, Cursor(50), 50));
    assert_eq!(feed.event(realm(), found[7]).unwrap().unwrap().id, found[7]);
    let strange = Realm { mode: Mode::Live, ..realm() };
    assert_eq!(feed.event(strange, found[7]).unwrap(), None, "another mode's feed is another");
    shut(feed);

    // Derived anew from the log, events have the ids that they had.
    let anew = tempfile::tempdir().unwrap();
    let (feed, _begun) = open(anew.path());
    feed.replay(records);
    shut(feed);
    let (feed, _begun) = open(anew.path());
    assert_eq!(ids(&feed), found);
    shut(feed);
}

#[test]
fn callbacks_get_a_queue_with_the_first_payment_that_has_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::new();
    let records = vec![shop.pay(None), shop.pay(Some("https://shop.example/paid")), shop.pay(None)];
    let (feed, begun) = open(directory.path());
    feed.observe(records);
    shut(feed);
    let queue = QueueId::Callbacks(realm());
    assert_eq!(*begun.lock(), [queue]);
    let (feed, begun) = open(directory.path());
    let state = feed.outbox().state(queue).unwrap().unwrap();
    assert_eq!(state.position, Cursor(1), "before the event that it begins with");
    feed.observe(vec![shop.pay(Some("https://shop.example/paid"))]);
    shut(feed);
    assert_eq!(*begun.lock(), [], "it is there already");
}

#[test]
fn a_time_leads_to_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::new();
    let (feed, _begun) = open(directory.path());
    feed.observe((0..9).map(|_payment| shop.pay(None)).collect());
    shut(feed);
    let (feed, _begun) = open(directory.path());
    assert_eq!(feed.place_of(realm(), NOW).unwrap(), Cursor::START);
    assert_eq!(feed.place_of(realm(), NOW.after(Millis(1))).unwrap(), Cursor(9));
    assert_eq!(feed.begins_behind(realm()).unwrap(), Cursor::START);
    shut(feed);
}
