//! The views over their own store: what is taken in is found as it was left, after any end.

use std::{env, fs, os::unix::process::ExitStatusExt, path::PathBuf, process::Command as Process};

use tollgate_domain::{Mode, PaymentId, PaymentStatus};

use super::{
    crash_point::{CrashPoint, arm},
    *,
};
use crate::{
    secrets::Secrets,
    shop::{BEGINNING, Sale, Shop, realm},
};

fn open(directory: &Path) -> Views {
    open_within(directory, 1_000)
}

fn open_within(directory: &Path, most_rows: usize) -> Views {
    open_in(directory, most_rows, ROOM)
}

fn open_in(directory: &Path, most_rows: usize, room: Room) -> Views {
    let limits = ViewLimits { cache_bytes: 1 << 20, most_rows };
    let secrets = Secrets::from_key(&[7; 32]).views();
    Views::open_with(directory, secrets, limits, 0, room).unwrap()
}

const ALL: Part = Part { from: 0, to: u128::MAX, newest_first: true };

fn ids(views: &Views, selection: &Selection) -> Vec<PaymentId> {
    let found = views.find(selection, ALL, (0, 1_000)).unwrap();
    found.into_iter().map(|(id, _row)| PaymentId::from_u128(id)).collect()
}

fn in_status(status: PaymentStatus) -> Selection {
    Selection { status: Some(RowStatus::Payment(status)), ..Selection::all_of(realm()) }
}

#[test]
fn rows_are_found_by_what_they_are_now() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::new();
    let first = shop.pay(Sale { order: Some("o-1"), customer: Some("anna"), ..Sale::USUAL });
    let second = shop.pay(Sale { minor: 200, order: Some("o-1"), ..Sale::USUAL });
    let third = shop.pay(Sale { minor: 300, customer: Some("anna"), ..Sale::USUAL });
    let views = open(directory.path());
    views.observe(shop.records.clone());
    assert!(views.wait_until_caught_up());
    let all = Selection::all_of(realm());
    assert_eq!(ids(&views, &all), [third, second, first]);
    assert_eq!(ids(&views, &in_status(PaymentStatus::Processing)), [third, second, first]);
    let order = Some(views.secrets().order(realm(), "o-1"));
    assert_eq!(ids(&views, &Selection { order, ..all.clone() }), [second, first]);
    let customer = Some(views.secrets().customer(realm(), "anna"));
    assert_eq!(ids(&views, &Selection { customer, ..all.clone() }), [third, first]);
    assert_eq!(ids(&views, &Selection { amounts: 150..=200, ..all.clone() }), [second]);
    let created = BEGINNING + 1..=BEGINNING + 2;
    assert_eq!(ids(&views, &Selection { created, ..all.clone() }), [third, second]);
    let payment = Some(second);
    assert_eq!(ids(&views, &Selection { payment, ..all.clone() }), [second]);
    let other = Realm { mode: Mode::Live, ..realm() };
    assert_eq!(ids(&views, &Selection::all_of(other)), []);

    let before = shop.records.len();
    shop.decline(second);
    views.observe(shop.records[before..].to_vec());
    assert!(views.wait_until_caught_up());
    assert_eq!(ids(&views, &in_status(PaymentStatus::Processing)), [third, first]);
    assert_eq!(ids(&views, &in_status(PaymentStatus::Failed)), [second]);
    let failed = Selection { standing: Some(Standing::Failed), ..all.clone() };
    assert_eq!(ids(&views, &failed), [second]);
    assert_eq!(views.count(&failed).unwrap(), 1);
    assert_eq!(views.count(&in_status(PaymentStatus::Processing)).unwrap(), 2);
    assert_eq!(views.count(&all).unwrap(), 3);
    assert_eq!(views.count(&Selection { amounts: 150..=300, ..all }).unwrap(), 2);
    views.close();
}

#[test]
fn what_is_shown_again_changes_nothing_and_what_was_missed_is_made_up_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::new();
    let payments: Vec<_> = (1..=50).map(|minor| shop.pay(Sale { minor, ..Sale::USUAL })).collect();
    payments.iter().step_by(2).for_each(|payment| shop.decline(*payment));
    let shard = shop.state.shard();
    let all = Selection::all_of(realm());

    let views = open(directory.path());
    views.observe(shop.records[..60].to_vec());
    views.close();
    drop(views);
    let views = open(directory.path());
    assert_eq!(views.position(shard), 60, "rows and position are one");
    views.replay(shop.records[40..].to_vec());
    assert!(views.wait_until_caught_up());
    assert_eq!(views.position(shard), 75, "who has something already need not wait for the rest");
    assert_eq!(views.count(&all).unwrap(), 50);
    assert_eq!(views.count(&in_status(PaymentStatus::Failed)).unwrap(), 25);
    assert_eq!(ids(&views, &in_status(PaymentStatus::Processing)).len(), 25);
    views.close();
}

/// A log in which payments move long after they began: they are held and let go on, declined, refunded.
fn eventful_shop() -> Shop {
    let mut shop = Shop::new();
    let names: Vec<String> = (0..7).map(|name| format!("name-{name}")).collect();
    let sales = (0..40).map(|index: usize| Sale {
        minor: 100 + i64::try_from(index).unwrap(),
        order: index.is_multiple_of(2).then(|| names[index % 7].as_str()),
        customer: index.is_multiple_of(3).then(|| names[index % 5].as_str()),
        is_held: index.is_multiple_of(4),
        ..Sale::USUAL
    });
    let payments: Vec<_> = sales.map(|sale| shop.pay(sale)).collect();
    for (index, payment) in payments.iter().enumerate() {
        if index % 5 == 1 { shop.decline(*payment) } else { shop.approve(*payment) }
    }
    let held: Vec<_> = payments.iter().step_by(4).copied().collect();
    let held = held
        .into_iter()
        .filter(|payment| shop.payment(*payment).state().status() == PaymentStatus::Review);
    let held: Vec<_> = held.collect();
    assert!(held.len() > 5);
    held.iter().take(5).for_each(|payment| shop.review(*payment));
    held.iter().take(4).for_each(|payment| shop.settle(*payment));
    for payment in held.iter().take(3).chain([&payments[2], &payments[3]]) {
        shop.refund(*payment, 40);
        shop.refund(*payment, 50);
        shop.settle(*payment);
    }
    shop
}

/// Everything that a store holds, but for tallies that count nothing.
fn held_by(views: &Views) -> Vec<Vec<u8>> {
    let mut copy = views.copy().unwrap();
    let mut parts = Vec::new();
    while let Some(part) = copy.next_part().unwrap() {
        parts.push(part);
    }
    parts
}

#[test]
fn what_is_built_is_what_is_made_live() {
    let shop = eventful_shop();
    let live = tempfile::tempdir().unwrap();
    let live = open(live.path());
    live.observe(shop.records.clone());
    assert!(live.wait_until_caught_up());
    // At once no tally was ever left.
    let live_holds = held_by(&live);
    assert!(live_holds.len() >= 4, "of rows, index, tallies and books");
    let tiny = Room { rows: 6, facets: 7, merged: 0 };
    for (room, at_once) in [(tiny, 3), (tiny, 50), (ROOM, 10)] {
        let directory = tempfile::tempdir().unwrap();
        let built = open_in(directory.path(), 1_000, room);
        for records in shop.records.chunks(at_once) {
            built.replay(records.to_vec());
        }
        built.go_live();
        assert!(built.wait_until_caught_up());
        assert_eq!(held_by(&built), live_holds, "{room:?}");
        built.close();
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing lies aside: {left:?}");
    }
    live.close();
}

#[test]
fn what_was_not_shown_to_its_end_is_not_built() {
    let (directory, shop) = (tempfile::tempdir().unwrap(), busy_shop());
    let views = open(directory.path());
    views.replay(shop.records.clone());
    views.close();
    assert_eq!(views.position(shop.state.shard()), 0);
    drop(views);
    let views = open(directory.path());
    assert_eq!(views.position(shop.state.shard()), 0);
    views.close();
}

/// What the process that dies is told by: where its views lie, and where it dies.
const DIRECTORY: &str = "TOLLGATE_VIEWS_DIRECTORY";
const PLACE: &str = "TOLLGATE_VIEWS_PLACE";

/// While batches are taken in, and while everything is built at once.
const OF_A_BATCH: [CrashPoint; 2] = [CrashPoint::BatchGathered, CrashPoint::BatchWritten];
const OF_A_BUILD: [CrashPoint; 4] = [
    CrashPoint::BuildGathered,
    CrashPoint::RowsBuilt,
    CrashPoint::AllBuilt,
    CrashPoint::BuildWritten,
];

/// Records that are taken in before the process is to die, and at once.
const SPARED: usize = 40;
const AT_ONCE: usize = 10;

/// A log of 75 records; the same whenever it is asked for.
fn busy_shop() -> Shop {
    let mut shop = Shop::new();
    let payments: Vec<_> = (1..=50).map(|minor| shop.pay(Sale { minor, ..Sale::USUAL })).collect();
    payments.iter().step_by(2).for_each(|payment| shop.decline(*payment));
    shop
}

/// Views whose process has died at a place, opened anew.
fn after_a_kill(directory: &Path, place: CrashPoint) -> Views {
    let test = if OF_A_BATCH.contains(&place) { "is_killed_live" } else { "is_killed_building" };
    let died = Process::new(env::current_exe().unwrap())
        .args(["--exact", &format!("views::tests::{test}"), "--ignored"])
        .env(DIRECTORY, directory)
        .env(PLACE, format!("{place:?}"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&died.stdout);
    assert_eq!(died.status.signal(), Some(9), "{place:?} was not reached: {said}");
    open(directory)
}

/// Shows views what they lack of the log, and sees that they hold all of it then.
fn catches_up(views: &Views, place: CrashPoint) {
    let (shop, all) = (busy_shop(), Selection::all_of(realm()));
    let position = usize::try_from(views.position(shop.state.shard())).unwrap();
    views.replay(shop.records[position..].to_vec());
    views.go_live();
    assert!(views.wait_until_caught_up());
    assert_eq!(views.position(shop.state.shard()), 75);
    assert_eq!(views.count(&all).unwrap(), 50, "{place:?}");
    assert_eq!(ids(views, &all).len(), 50, "{place:?}");
    assert_eq!(views.count(&in_status(PaymentStatus::Failed)).unwrap(), 25, "{place:?}");
    assert_eq!(ids(views, &in_status(PaymentStatus::Failed)).len(), 25, "{place:?}");
    views.close();
}

#[test]
fn a_kill_while_records_are_taken_in_loses_nothing() {
    let (shard, all) = (busy_shop().state.shard(), Selection::all_of(realm()));
    for place in OF_A_BATCH {
        let directory = tempfile::tempdir().unwrap();
        let views = after_a_kill(directory.path(), place);
        let position = usize::try_from(views.position(shard)).unwrap();
        let written = if place == CrashPoint::BatchWritten { AT_ONCE } else { 0 };
        assert_eq!(position, SPARED + written, "{place:?}");
        assert_eq!(views.count(&all).unwrap(), position.min(50) as u64, "{place:?}");
        catches_up(&views, place);
    }
}

#[test]
fn a_kill_while_the_views_are_built_begins_them_anew() {
    let (shard, all) = (busy_shop().state.shard(), Selection::all_of(realm()));
    for place in OF_A_BUILD {
        let directory = tempfile::tempdir().unwrap();
        let views = after_a_kill(directory.path(), place);
        let (position, rows) = if place == CrashPoint::BuildWritten { (75, 50) } else { (0, 0) };
        assert_eq!(views.position(shard), position, "{place:?}");
        assert_eq!(ids(&views, &all).len(), rows, "{place:?}");
        assert_eq!(views.count(&all).unwrap(), rows as u64, "{place:?}");
        catches_up(&views, place);
    }
}

/// Where the process is to die that a test above runs.
fn doom() -> (PathBuf, CrashPoint) {
    let directory = env::var_os(DIRECTORY).expect("is told by the test that runs it");
    let place = env::var(PLACE).unwrap();
    let place =
        OF_A_BATCH.into_iter().chain(OF_A_BUILD).find(|known| format!("{known:?}") == place);
    (directory.into(), place.unwrap())
}

#[test]
#[ignore = "a test above runs it, as a process of its own"]
fn is_killed_live() {
    let (directory, place) = doom();
    let views = open(&directory);
    for (taken, records) in (0..).step_by(AT_ONCE).zip(busy_shop().records.chunks(AT_ONCE)) {
        if taken == SPARED {
            arm(place);
        }
        views.observe(records.to_vec());
        assert!(views.wait_until_caught_up());
    }
}

#[test]
#[ignore = "a test above runs it, as a process of its own"]
fn is_killed_building() {
    let (directory, place) = doom();
    let views = open_in(&directory, 1_000, Room { rows: 20, facets: 20, merged: 0 });
    arm(place);
    for records in busy_shop().records.chunks(AT_ONCE) {
        views.replay(records.to_vec());
    }
    views.go_live();
    assert!(views.wait_until_caught_up());
}

#[test]
fn what_is_damaged_or_of_another_format_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::new();
    shop.pay(Sale::USUAL);
    let shard = shop.state.shard();
    let fill = || {
        let views = open(directory.path());
        assert_eq!(views.position(shard), 0, "nothing is there");
        views.observe(shop.records.clone());
        views.close();
    };
    fill();
    let views = open(directory.path());
    assert_eq!(views.position(shard), 1);
    views.store.condemn();
    views.close();
    drop(views);
    fill();
    let database = fjall::Database::builder(directory.path().join("store")).open().unwrap();
    let books = database.keyspace("books", fjall::KeyspaceCreateOptions::default).unwrap();
    books.insert("v", 0_u32.to_be_bytes()).unwrap();
    drop((books, database));
    fill();
}

/// Views of one payment, and what opening them says.
fn filled(directory: &Path) -> impl Fn(u64) -> Result<u64, ViewError> {
    let mut shop = Shop::new();
    shop.pay(Sale::USUAL);
    let shard = shop.state.shard();
    let views = open(directory);
    views.observe(shop.records.clone());
    views.close();
    let directory = directory.to_owned();
    move |let_go| {
        let limits = ViewLimits { cache_bytes: 1 << 20, most_rows: 10 };
        let secrets = Secrets::from_key(&[7; 32]).views();
        let views = Views::open(&directory, secrets, limits, let_go)?;
        let position = views.position(shard);
        views.close();
        Ok(position)
    }
}

#[test]
fn what_cannot_be_opened_just_now_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let opened = filled(directory.path());
    let store = directory.path().join("store");
    let other = fjall::Database::builder(&store).open().unwrap();
    let refused = opened(0).unwrap_err();
    assert!(matches!(refused, ViewError::Store(fjall::Error::Locked)), "{refused}");
    drop(other);
    assert_eq!(opened(0).unwrap(), 1);

    // No directory where one has to be: the disk answers, and not with what was written.
    let aside = directory.path().join("aside");
    fs::rename(&store, &aside).unwrap();
    fs::write(&store, "").unwrap();
    let refused = opened(0).unwrap_err();
    assert!(matches!(refused, ViewError::Store(_)) && !refused.is_damage(), "{refused}");
    fs::remove_file(&store).unwrap();
    fs::rename(&aside, &store).unwrap();
    assert_eq!(opened(0).unwrap(), 1);
}

#[test]
fn what_the_log_could_not_make_again_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let opened = filled(directory.path());
    assert_eq!(opened(7).unwrap(), 1);
    let damaged = directory.path().join("damaged");
    fs::write(&damaged, "").unwrap();
    for _twice in 0..2 {
        let refused = opened(7).unwrap_err();
        assert!(matches!(refused, ViewError::Irreplaceable { let_go: 7, .. }), "{refused}");
    }
    fs::remove_file(&damaged).unwrap();
    assert_eq!(opened(7).unwrap(), 1, "all of it is there");
    fs::write(&damaged, "").unwrap();
    assert_eq!(opened(0).unwrap(), 0, "the log makes it again");
}

#[tokio::test]
async fn whoever_waits_finds_what_came_before() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::new();
    let views = open(directory.path());
    for minor in 1..=20 {
        let payment = shop.pay(Sale { minor, ..Sale::USUAL });
        views.observe(vec![Arc::clone(shop.records.last().unwrap())]);
        assert!(views.catch_up(Duration::from_secs(60)).await);
        assert_eq!(ids(&views, &Selection::all_of(realm())).first(), Some(&payment));
    }
    assert_eq!(views.waiting(), 0);
    views.close();
}

#[test]
fn no_more_rows_are_looked_at_than_may_be() {
    let (directory, mut shop) = (tempfile::tempdir().unwrap(), Shop::new());
    let payments: Vec<_> = (1..=9).map(|minor| shop.pay(Sale { minor, ..Sale::USUAL })).collect();
    let views = open_within(directory.path(), 5);
    views.observe(shop.records.clone());
    assert!(views.wait_until_caught_up());
    let all = Selection::all_of(realm());
    assert_eq!(views.find(&all, ALL, (0, 5)).unwrap().len(), 5);
    let too_broad = |found: Result<Vec<Found>, ViewError>| {
        assert!(matches!(found, Err(ViewError::TooBroad(5))), "{found:?}");
    };
    too_broad(views.find(&all, ALL, (0, 6)));
    too_broad(views.find(&all, ALL, (5, 1)));
    let least = Selection { amounts: 1..=1, ..all.clone() };
    too_broad(views.find(&least, ALL, (0, 1)));
    let oldest_first = Part { newest_first: false, ..ALL };
    assert_eq!(views.find(&least, oldest_first, (0, 1)).unwrap().len(), 1);
    assert!(matches!(views.count(&least), Err(ViewError::TooBroad(5))));
    assert_eq!(views.count(&all).unwrap(), 9, "counters tell that");
    let created = payments[8].time().as_millis();
    let narrow = Selection { created: created..=created, ..least };
    assert_eq!(views.find(&narrow, ALL, (0, 1)).unwrap(), []);
}
