//! Snapshots of a running engine, and starts from them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tollgate_domain::ShardId;
use tollgate_engine::{Error, snapshot_idle, verify};
use tollgate_wal::SnapshotStore;

use super::{
    PATIENT,
    stage::{Notes, Script, Stage, payment},
};

/// Pays so many times, with keys that begin with `name`.
async fn pay(stage: &Stage, name: &str, times: u32) {
    for number in 0..times {
        stage.create(payment(&format!("{name}{number}")), PATIENT).await.unwrap();
    }
}

fn snapshots(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join("snapshots")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Leaves the first piece of the newest snapshot out: the file is whole, and its state is another.
fn forge(directory: &Path) {
    let store = SnapshotStore::open(directory).unwrap();
    let newest = store.list().unwrap()[0];
    let mut items = Vec::new();
    let mut reader = store.read(newest).unwrap();
    while let Some(item) = reader.next_item().unwrap() {
        items.push(item.to_vec());
    }
    let mut writer = store.create(reader.checkpoint()).unwrap();
    items[1..].iter().for_each(|item| writer.push(item).unwrap());
    writer.seal().unwrap().publish().unwrap();
}

/// What the whole log comes to, by shard.
fn hashes(directory: &Path) -> Vec<String> {
    let report = verify(directory).unwrap();
    assert!(report.snapshots.iter().all(|snapshot| snapshot.finding.is_ok()), "{report:?}");
    report.hashes.iter().map(|(shard, hash)| format!("{} {hash}", shard.0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_replays_only_what_came_after_the_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    let (merchant, _key) = stage.register(1).await;
    pay(&stage, "before", 10).await;
    let made = stage.engine.take_snapshot().await.unwrap();
    assert_eq!(made.records, 21, "a merchant, ten intents, ten outcomes");
    pay(&stage, "after", 3).await;
    stage.close().await;

    let stage = Stage::open(directory.path(), Script::approving());
    assert_eq!((stage.report.in_snapshot, stage.report.records), (21, 6));
    for (name, count) in [("before", 10), ("after", 3)] {
        for number in 0..count {
            let again = stage.create(payment(&format!("{name}{number}")), PATIENT).await.unwrap();
            assert!(again.replayed, "{name}{number} is known by its key");
        }
    }
    assert_eq!(stage.script.calls(), 0);
    assert!(stage.engine.control().merchant(merchant).is_some());
    assert!(stage.engine.ledger_imbalances().values().all(|difference| *difference == 0));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_snapshot_continues_the_one_before_and_two_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    let mut records = 0;
    for round in 0..4 {
        pay(&stage, &format!("r{round}-"), 5).await;
        records += 10;
        assert_eq!(stage.engine.take_snapshot().await.unwrap().records, records);
    }
    assert_eq!(snapshots(directory.path()).len(), 2);
    let sleds = fs::read_dir(directory.path().join("sled")).unwrap().count();
    assert_eq!(sleds, 2, "second copies go up to the older of the two snapshots");
    stage.close().await;
    let before = hashes(directory.path());

    let stage = Stage::open(directory.path(), Script::approving());
    assert_eq!((stage.report.in_snapshot, stage.report.records), (records, 0));
    stage.close().await;
    assert_eq!(hashes(directory.path()), before, "the archive comes to the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_nothing_new_is_the_last_one_again() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    assert_eq!(stage.engine.take_snapshot().await.unwrap().records, 0);
    pay(&stage, "a", 1).await;
    let first = stage.engine.take_snapshot().await.unwrap();
    let again = stage.engine.take_snapshot().await.unwrap();
    assert_eq!((first.records, first.bytes), (again.records, again.bytes));
    assert_eq!(snapshots(directory.path()).len(), 1);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_snapshot_is_damaged_the_older_one_serves_and_then_the_archive() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    pay(&stage, "a", 5).await;
    stage.engine.take_snapshot().await.unwrap();
    pay(&stage, "b", 5).await;
    stage.engine.take_snapshot().await.unwrap();
    stage.close().await;
    let [older, newer] = &snapshots(directory.path())[..] else { panic!("two are kept") };

    damage(newer);
    let found = verify(directory.path()).unwrap().snapshots;
    assert!(found[0].finding.as_ref().unwrap_err().contains("is damaged"), "{found:?}");
    assert_eq!(found[1].finding, Ok(10));
    let stage = Stage::open(directory.path(), Script::approving());
    let report = &stage.report;
    assert_eq!((report.damaged_snapshots, report.in_snapshot, report.records), (1, 10, 10));
    stage.close().await;

    damage(older);
    let stage = Stage::open(directory.path(), Script::approving());
    let report = &stage.report;
    assert_eq!((report.damaged_snapshots, report.in_snapshot, report.records), (2, 0, 20));
    // The next one begins anew, and the damaged ones are put aside.
    assert_eq!(stage.engine.take_snapshot().await.unwrap().records, 20);
    stage.close().await;
    let names: Vec<_> = snapshots(directory.path());
    let damaged = names.iter().filter(|path| path.extension().unwrap() == "damaged").count();
    assert_eq!((names.len(), damaged), (3, 2));

    let stage = Stage::open(directory.path(), Script::approving());
    assert_eq!((stage.report.damaged_snapshots, stage.report.in_snapshot), (0, 20));
    stage.close().await;
}

/// As after a release that hashes a state otherwise: there is no use in trying for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stands_upon_a_snapshot_that_does_not_come_to_its_own_state() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    pay(&stage, "a", 5).await;
    stage.engine.take_snapshot().await.unwrap();
    stage.close().await;
    forge(directory.path());

    let stage = Stage::open(directory.path(), Script::approving());
    let report = &stage.report;
    assert_eq!((report.damaged_snapshots, report.in_snapshot, report.records), (1, 0, 10));
    pay(&stage, "b", 1).await;
    stage.engine.take_snapshot().await.unwrap_err();
    assert_eq!(stage.engine.take_snapshot().await.unwrap().records, 12, "begun anew");
    stage.close().await;
    let stage = Stage::open(directory.path(), Script::approving());
    assert_eq!((stage.report.damaged_snapshots, stage.report.in_snapshot), (0, 12));
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_ends_before_its_snapshot_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    pay(&stage, "a", 5).await;
    stage.engine.take_snapshot().await.unwrap();
    stage.close().await;
    for part in ["journal", "sled"] {
        let path = directory.path().join(part);
        fs::remove_dir_all(&path).unwrap();
        fs::create_dir(path).unwrap();
    }
    let refused = Stage::try_open(directory.path(), Script::approving(), &[]);
    assert!(matches!(refused.err(), Some(Error::Log(tollgate_engine::LogError::Damaged(_)))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lacks_records_that_a_snapshot_stands_for_is_shown_them() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    pay(&stage, "a", 5).await;
    stage.engine.take_snapshot().await.unwrap();
    pay(&stage, "b", 1).await;
    stage.close().await;

    let notes = Arc::new(Notes::default());
    let stage = Stage::try_open(directory.path(), Script::approving(), &[&notes]).unwrap();
    assert_eq!((stage.report.in_snapshot, stage.report.records), (0, 12));
    assert_eq!(notes.shown().len(), 12);
    stage.close().await;

    // Who knows them all needs the tail alone.
    let notes = Arc::new(Notes::default());
    notes.keep((0..=4).map(|shard| (ShardId(shard), 10)).collect::<BTreeMap<_, _>>());
    let stage = Stage::try_open(directory.path(), Script::approving(), &[&notes]).unwrap();
    assert_eq!((stage.report.in_snapshot, stage.report.records), (10, 2));
    assert_eq!(notes.shown().len(), 2);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_has_open_gets_a_snapshot_of_all_that_it_holds() {
    let parent = tempfile::tempdir().unwrap();
    let directory = &parent.path().join("log");
    assert!(snapshot_idle(directory).is_err(), "there is no log");
    assert!(!directory.exists(), "and none is made");
    let stage = Stage::archiving(directory, Script::approving());
    pay(&stage, "one", 3).await;
    stage.until_health(|health| health.archived == 3).await;
    assert!(snapshot_idle(directory).is_err(), "it is in use");
    stage.close().await;
    // What leaves memory is in the log alone: the archive is given it first.
    fs::remove_dir_all(directory.join("archive")).unwrap();
    let records = verify(directory).unwrap().log.records;
    let made = snapshot_idle(directory).unwrap();
    assert_eq!(made.records, records);
    assert_eq!(snapshot_idle(directory).unwrap().frame, made.frame, "nothing is new");
    assert_eq!((snapshots(directory).len(), hashes(directory).len()), (1, 5));

    let stage = Stage::archiving(directory, Script::approving());
    assert_eq!((stage.report.in_snapshot, stage.report.records), (records, 0));
    for number in 0..3 {
        assert!(stage.create(payment(&format!("one{number}")), PATIENT).await.unwrap().replayed);
    }
    pay(&stage, "two", 1).await;
    stage.close().await;
    let older = snapshots(directory);
    assert!(snapshot_idle(directory).unwrap().records > records);
    assert_eq!(snapshots(directory)[..1], older[..], "it stands upon the one before");
    hashes(directory);
}

/// What cannot be read for the time being may be whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_cannot_be_read_just_now_is_passed_over_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let stage = Stage::open(directory, Script::approving());
    for name in ["one", "two"] {
        pay(&stage, name, 2).await;
        stage.engine.take_snapshot().await.unwrap();
    }
    let newest = snapshots(directory).pop().unwrap();
    let aside = directory.join("aside");
    fs::rename(&newest, &aside).unwrap();
    fs::create_dir(&newest).unwrap();
    pay(&stage, "three", 2).await;
    let made = stage.engine.take_snapshot().await;
    assert!(newest.is_dir(), "it is not put aside");
    fs::remove_dir(&newest).unwrap();
    fs::rename(&aside, &newest).unwrap();
    assert!(made.is_ok(), "the older one serves: {made:?}");
    stage.close().await;
    hashes(directory);
}
