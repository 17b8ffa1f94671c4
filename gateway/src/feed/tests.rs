//! The feed over its own store: what is taken in is there once, in order, after any end, and tells
//! what happened as it was.

use std::{fs, path::Path};

use parking_lot::Mutex;
use tollgate_domain::{Mode, Payment};

use super::*;
use crate::{
    http::payment_event_data,
    metrics::Metrics,
    secrets::Secrets,
    shop::{BEGINNING, Sale, Shop, realm},
    vault::{DamagedKeys, VaultOptions},
};

type Begun = Arc<Mutex<Vec<QueueId>>>;

fn open(directory: &Path) -> (EventFeed, Begun) {
    let (feed, begun) = open_beside(directory, 0);
    (feed.unwrap(), begun)
}

/// Beside a log that has let go of so many records.
fn open_beside(directory: &Path, let_go: u64) -> (Result<EventFeed, FeedError>, Begun) {
    let begun = Begun::default();
    let noted = Arc::clone(&begun);
    let options = FeedOptions {
        retention: Millis::from_seconds(86_400),
        attempt_retention: Millis::from_seconds(86_400),
        clock: Arc::new(|| Timestamp::from_millis(BEGINNING)),
        cache_bytes: 1 << 20,
    };
    let metrics = Metrics::new().feed.clone();
    let created = move |queue| noted.lock().push(queue);
    (EventFeed::open(directory, options, metrics, let_go, created), begun)
}

/// The store is free once nobody holds it.
fn shut(feed: EventFeed) {
    feed.close();
}

fn vault(directory: &Path) -> Vault {
    let options = VaultOptions {
        directory: directory.join("keys"),
        data_dir: directory.to_owned(),
        damaged_keys: DamagedKeys::Refuse,
    };
    let secrets = Secrets::open(directory).unwrap().key_store();
    Vault::open(&options, secrets, Metrics::new().vault.clone()).unwrap()
}

fn all(feed: &EventFeed) -> Vec<FeedEvent> {
    let page = feed.read(realm(), Cursor::START, 10_000).unwrap();
    let places: Vec<u64> = page.events.iter().map(|(cursor, _event)| cursor.0).collect();
    assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>(), "no gap");
    page.events.into_iter().map(|(_cursor, event)| event).collect()
}

fn ids(feed: &EventFeed) -> Vec<FeedEventId> {
    all(feed).into_iter().map(|event| event.id).collect()
}

fn shop_with(payments: usize) -> Shop {
    let mut shop = Shop::new();
    for _payment in 0..payments {
        shop.pay(Sale::USUAL);
    }
    shop
}

#[test]
fn what_is_taken_in_is_there_once_and_the_same_however_often_it_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop_with(50);
    let (shard, records) = (shop.state.shard(), shop.records);

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

fn data_of(feed: &EventFeed, vault: &Vault, event: &FeedEvent) -> String {
    feed.body(realm(), event, vault).unwrap().data().get().to_owned()
}

fn shown(payment: &Payment) -> String {
    payment_event_data(payment, None).get().to_owned()
}

#[test]
fn an_event_tells_its_payment_as_it_stood_whenever_it_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let mut shop = Shop::new();
    let mut expected = Vec::new();
    let (feed, _begun) = open(&directory.path().join("feed"));
    // Some records come together with those before them, others alone.
    let mut shown_up_to = 0;
    for (number, chunk) in [1, 3, 2, 5, 9].into_iter().enumerate() {
        let payments: Vec<_> = (0..chunk).map(|_payment| shop.pay(Sale::USUAL)).collect();
        expected.extend(payments.iter().map(|id| ("payment.created", shown(shop.payment(*id)))));
        if number % 2 == 0 {
            feed.observe(shop.records[shown_up_to..].to_vec());
            shown_up_to = shop.records.len();
        }
        for (index, id) in payments.into_iter().enumerate() {
            let name = if index % 3 == 0 { "payment.failed" } else { "payment.completed" };
            if index % 3 == 0 {
                shop.decline(id)
            } else {
                shop.approve(id)
            }
            expected.push((name, shown(shop.payment(id))));
        }
    }
    feed.observe(shop.records[shown_up_to..].to_vec());
    shut(feed);
    let (feed, _begun) = open(&directory.path().join("feed"));
    let events = all(&feed);
    let told: Vec<_> =
        events.iter().map(|event| (&*event.name, data_of(&feed, &vault, event))).collect();
    let expected: Vec<_> = expected.iter().map(|(name, data)| (*name, data.clone())).collect();
    assert_eq!(told, expected);

    let last = shop.payment(events.last().unwrap().payment());
    let timeline = feed.timeline(realm(), last.id()).unwrap();
    let happened: usize = timeline.iter().map(|record| record.content.events.len()).sum();
    assert_eq!(happened, last.sequence() as usize);
    let firsts: Vec<_> = timeline.iter().map(|record| record.first_event).collect();
    assert_eq!(firsts, [1, 3], "created and attempted, then what the provider said");
    let strange = Realm { mode: Mode::Live, ..realm() };
    assert_eq!(feed.timeline(strange, last.id()).unwrap(), [], "it is not that mode's");
    shut(feed);
}

/// Events lie together in entries, and from anywhere in one the rest is read.
#[test]
fn the_feed_is_read_from_every_place_on() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop_with(300);
    let (feed, _begun) = open(directory.path());
    feed.observe(shop.records[..290].to_vec());
    shut(feed);
    let (feed, _begun) = open(directory.path());
    shop.records[290..].iter().for_each(|record| feed.observe(vec![Arc::clone(record)]));
    shut(feed);
    let (feed, _begun) = open(directory.path());
    let found = ids(&feed);
    assert_eq!(found.len(), 300);
    for after in 0..300 {
        let page = feed.read(realm(), Cursor(after as u64), 3).unwrap();
        let page_ids: Vec<_> = page.events.iter().map(|(_cursor, event)| event.id).collect();
        assert_eq!(page_ids, found[after..(after + 3).min(300)], "behind {after}");
        assert_eq!(page.has_more, after + 3 < 300);
        let next = Cursor(after as u64 + 1);
        assert_eq!(feed.event_at(realm(), next).unwrap().unwrap().id, found[after]);
    }
    assert_eq!(feed.event_at(realm(), Cursor(301)).unwrap(), None);
    shut(feed);
}

#[test]
fn events_leave_with_the_last_of_their_entry() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop_with(300);
    let (feed, _begun) = open(directory.path());
    feed.observe(shop.records.clone());
    shut(feed);
    let (feed, _begun) = open(directory.path());
    // Each is a millisecond behind the one before, and 128 lie in an entry.
    let time = Timestamp::from_millis(BEGINNING + 200);
    assert_eq!(feed.store.remove_before(realm(), time, 10).unwrap(), 128);
    assert_eq!(feed.store.remove_before(realm(), time, 10).unwrap(), 0);
    assert_eq!(feed.begins_behind(realm()).unwrap(), Cursor(128));
    assert_eq!(feed.event_at(realm(), Cursor(128)).unwrap(), None);
    let first = feed.read(realm(), Cursor::START, 1).unwrap().events;
    assert_eq!(first.first().map(|(cursor, _event)| *cursor), Some(Cursor(129)));
    shut(feed);
}

/// A store of a release that rendered what payments' events told, and kept no chapters.
#[test]
fn what_was_told_before_stays_as_it_was_and_the_log_gives_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let vault = vault(directory.path());
    let path = directory.path().join("feed");
    let mut shop = Shop::new();
    let payment = shop.pay(Sale::USUAL);
    let shard = shop.state.shard();
    let (feed, _begun) = open(&path);
    feed.observe(shop.records.clone());
    shut(feed);

    let (feed, _begun) = open(&path);
    let told = FeedEvent {
        content: Content::Rendered(Box::new(Rendered {
            data: br#"{"as":"it was told"}"#[..].into(),
            ..Rendered::default()
        })),
        ..all(&feed).remove(0)
    };
    feed.store.become_older(realm(), Cursor(1), &told, shard);
    shut(feed);

    shop.decline(payment);
    let (feed, _begun) = open(&path);
    assert_eq!(feed.position(shard), 0, "the log is to be shown once more");
    feed.replay(shop.records.clone());
    shut(feed);
    let (feed, _begun) = open(&path);
    assert_eq!(feed.position(shard), 2);
    let events = all(&feed);
    let data: Vec<_> = events.iter().map(|event| data_of(&feed, &vault, event)).collect();
    assert_eq!(data, [r#"{"as":"it was told"}"#.to_owned(), shown(shop.payment(payment))]);
    assert_eq!(events[0].id, told.id);
    assert_eq!(feed.timeline(realm(), payment).unwrap().len(), 2);
    shut(feed);
}

#[test]
fn callbacks_get_a_queue_with_the_first_payment_that_has_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::new();
    let called = Sale { callback_url: Some("https://shop.example/paid"), ..Sale::USUAL };
    for sale in [Sale::USUAL, called, Sale::USUAL, called] {
        shop.pay(sale);
    }
    let (feed, begun) = open(directory.path());
    feed.observe(shop.records[..3].to_vec());
    shut(feed);
    let queue = QueueId::Callbacks(realm());
    assert_eq!(*begun.lock(), [queue]);
    let (feed, begun) = open(directory.path());
    let state = feed.outbox().state(queue).unwrap().unwrap();
    assert_eq!(state.position, Cursor(1), "before the event that it begins with");
    let callbacks: Vec<_> = all(&feed).iter().map(|event| event.has_callback).collect();
    assert_eq!(callbacks, [false, true, false]);
    feed.observe(shop.records[3..].to_vec());
    shut(feed);
    assert_eq!(*begun.lock(), [], "it is there already");
}

#[test]
fn a_time_leads_to_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop_with(9);
    let (feed, _begun) = open(directory.path());
    feed.observe(shop.records);
    shut(feed);
    let (feed, _begun) = open(directory.path());
    let at = |later| Timestamp::from_millis(BEGINNING + later);
    assert_eq!(feed.place_of(realm(), at(0)).unwrap(), Cursor::START);
    assert_eq!(feed.place_of(realm(), at(4)).unwrap(), Cursor(4));
    assert_eq!(feed.place_of(realm(), at(9)).unwrap(), Cursor(9));
    assert_eq!(feed.begins_behind(realm()).unwrap(), Cursor::START);
    shut(feed);
}

/// Bug: a start that a damaged feed stopped said no more than what the store said.
#[test]
fn whoever_has_a_damaged_feed_is_told_what_there_is_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let said = |let_go| open_beside(directory.path(), let_go).0.err().unwrap();
    let shop = shop_with(3);
    let filled = || {
        let (feed, _begun) = open(directory.path());
        feed.observe(shop.records.clone());
        shut(feed);
        let (feed, _begun) = open(directory.path());
        let ids = ids(&feed);
        shut(feed);
        ids
    };
    let before = filled();

    let other = fjall::Database::builder(directory.path()).open().unwrap();
    assert!(matches!(said(0), FeedError::Store(fjall::Error::Locked)), "it may be whole");
    let books = other.keyspace("books", fjall::KeyspaceCreateOptions::default).unwrap();
    books.insert("p", "no shard has that").unwrap();
    drop((books, other));
    let (whole, cut) = (said(0), said(7));
    assert!(matches!(whole, FeedError::Damage(_)), "{whole:?}");
    assert!(whole.to_string().contains("move it away"), "{whole}");
    assert!(matches!(cut, FeedError::Irreplaceable { let_go: 7, .. }), "{cut:?}");
    assert!(cut.to_string().contains("put back a copy"), "{cut}");

    let aside = tempfile::tempdir().unwrap();
    fs::rename(directory.path(), aside.path().join("feed")).unwrap();
    assert_eq!(filled(), before, "the log makes it again");
}
