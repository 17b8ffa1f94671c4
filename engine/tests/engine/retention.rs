//! A log that lets go of what it need not keep, and what is still known afterwards.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs::{self, File},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tollgate_domain::{Amount, Payment, PaymentStatus, RefundPayment, ShardId};
use tollgate_engine::{
    ArchiveError, Error, PaymentCommand, RecordObserver, RecordObservers, Selection, Until, dump,
    replay, show_log, verify,
};
use tollgate_wal::{
    Geometry, LogStore, Options, Record, SledStore, SnapshotStore, Stream, beginning,
};

use super::{
    PATIENT,
    stage::{Notes, Script, Stage, payment, target},
};

const ROUNDS: u32 = 4;
const PER_ROUND: u32 = 4;

/// Pays in rounds, each with a snapshot behind it.
async fn pay_in_rounds(stage: &Stage) -> Vec<Payment> {
    let mut paid = Vec::new();
    for round in 0..ROUNDS {
        for number in 0..PER_ROUND {
            let command = payment(&format!("{round}-{number}"));
            paid.push(stage.create(command, PATIENT).await.unwrap().payment);
        }
        let count = paid.len() as u64;
        stage.until_health(|health| health.archived == count && health.payments == 0).await;
        stage.engine.take_snapshot().await.unwrap();
    }
    paid
}

/// A log of four rounds that begins behind the second.
async fn cut_log(directory: &Path) -> Vec<Payment> {
    let stage = Stage::letting_go(directory, Script::approving(), &[]).unwrap();
    let paid = pay_in_rounds(&stage).await;
    stage.close().await;
    paid
}

fn let_go(directory: &Path) -> u64 {
    beginning(directory).unwrap().positions().iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_has_let_go_of_is_still_read_repeated_and_refunded() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let paid = cut_log(directory).await;
    let gone = let_go(directory);
    assert!(gone >= u64::from(2 * PER_ROUND * 2), "two records for each payment, and who left");
    let report = verify(directory).unwrap();
    assert_eq!((report.log.begins_behind, report.payments), (gone, 16));
    assert_eq!(report.snapshots.len(), 3, "the two newest, and the one that it begins at");
    assert!(report.snapshots.iter().all(|snapshot| snapshot.finding.is_ok()), "{report:?}");

    let stage = Stage::letting_go(directory, Script::approving(), &[]).unwrap();
    for payment in &paid {
        assert_eq!(*stage.engine.payment(payment.id()).await.unwrap().unwrap(), *payment);
    }
    assert!(stage.create(payment("0-0"), PATIENT).await.unwrap().replayed);
    let command = PaymentCommand::Refund(RefundPayment {
        target: target(&paid[0], "refund"),
        amount: Some(Amount::from_minor_units(10).unwrap()),
        reason: None,
        metadata: Vec::new(),
    });
    let refunded = stage.engine.operate(command, PATIENT).await.unwrap().payment;
    assert_eq!(refunded.amount_refunded().minor_units(), 10);
    assert!(stage.engine.ledger_imbalances().values().all(|difference| *difference == 0));
    stage.close().await;
    verify(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_compressed_comes_to_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let stage = Stage::compressing(8 << 10, directory, Script::approving());
    let paid = pay_in_rounds(&stage).await;
    stage.close().await;
    let journals = fs::read_dir(directory.join("journal")).unwrap();
    let compressed = journals.filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "zst")
    });
    assert!(compressed.count() > 0);
    let report = verify(directory).unwrap();
    assert_eq!((report.log.begins_behind, report.payments), (0, 16));
    assert!(report.snapshots.iter().all(|snapshot| snapshot.finding.is_ok()), "{report:?}");

    // From the whole log, for neither snapshots nor the archive are there.
    fs::remove_dir_all(directory.join("snapshots")).unwrap();
    fs::remove_dir_all(directory.join("archive")).unwrap();
    let stage = Stage::compressing(8 << 10, directory, Script::approving());
    assert_eq!(stage.report.in_snapshot, 0);
    for payment in &paid {
        assert_eq!(*stage.engine.payment(payment.id()).await.unwrap().unwrap(), *payment);
    }
    stage.close().await;
    assert_eq!(verify(directory).unwrap().payments, 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_keep_their_numbers_and_are_replayed_from_the_beginning_on() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    cut_log(directory).await;
    let gone = let_go(directory);
    let mut first = None;
    let selection = Selection { from: 1, to: u64::MAX, shard: None };
    dump(directory, selection, &mut |record| {
        first = Some(record.number);
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(first, Some(gone + 1));

    let refused = replay(directory, Until::Record(gone - 1));
    assert!(matches!(refused, Err(Error::BeginsBehind { records }) if records == gone));
    let at_its_beginning = replay(directory, Until::Record(gone)).unwrap();
    assert_eq!((at_its_beginning.records, at_its_beginning.departed_before), (gone, 8));
    let whole = replay(directory, Until::End).unwrap();
    let completed = whole.payments.get(&PaymentStatus::Completed).copied();
    assert_eq!((whole.departed_before, completed), (8, Some(8)));
    let hashes: Vec<_> = whole.shards.iter().map(|(shard, _last, hash)| (*shard, *hash)).collect();
    assert_eq!(hashes, verify(directory).unwrap().hashes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_needs_one_good_snapshot_and_the_archive() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    cut_log(directory).await;
    let store = SnapshotStore::look(directory);
    let begins = store.beginning().unwrap();
    // The last resort is the one that the log begins at.
    for frame in store.list().unwrap() {
        if frame != begins {
            fs::remove_file(store.path(frame)).unwrap();
        }
    }
    let stage = Stage::letting_go(directory, Script::approving(), &[]).unwrap();
    assert_eq!(stage.report.in_snapshot, let_go(directory));
    assert!(stage.report.records > 0);
    stage.close().await;

    let archive = directory.join("archive");
    let aside = directory.join("aside");
    fs::rename(&archive, &aside).unwrap();
    let refused = Stage::letting_go(directory, Script::approving(), &[]).err();
    assert!(matches!(refused, Some(Error::Archive(ArchiveError::Gone(_)))), "{refused:?}");
    fs::remove_dir_all(&archive).unwrap();
    fs::rename(&aside, &archive).unwrap();

    fs::remove_file(store.path(begins)).unwrap();
    let refused = Stage::letting_go(directory, Script::approving(), &[]).err();
    assert!(matches!(refused, Some(Error::NoBeginning { .. })), "{refused:?}");
    assert!(matches!(verify(directory), Err(Error::Beginning { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_lags_behind_holds_the_log_and_whoever_is_new_begins_where_it_begins() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let slow = Arc::new(Notes::default());
    let stage = Stage::letting_go(directory, Script::approving(), &[&slow]).unwrap();
    pay_in_rounds(&stage).await;
    assert_eq!(let_go(directory), 0, "nobody is to lose what he has not read");
    slow.keep((0..=4).map(|shard| (ShardId(shard), u64::MAX)).collect());
    stage.create(payment("last"), PATIENT).await.unwrap();
    stage.engine.take_snapshot().await.unwrap();
    stage.close().await;
    let gone = let_go(directory);
    assert!(gone > 0);

    let newcomer = Arc::new(Notes::default());
    let stage = Stage::letting_go(directory, Script::approving(), &[&newcomer]).unwrap();
    assert_eq!(stage.report.in_snapshot, gone);
    stage.close().await;
    assert!(!newcomer.shown().is_empty());

    let other = Arc::new(Notes::default());
    let observers = RecordObservers::new(vec![Arc::clone(&other) as Arc<dyn RecordObserver>]);
    assert_eq!(show_log(directory, &observers).unwrap(), other.shown().len() as u64);
}

/// Sets a bit of a snapshot, so many bytes before its end.
fn damage(store: &SnapshotStore, frame: u64, before_end: usize) {
    let mut bytes = fs::read(store.path(frame)).unwrap();
    let place = bytes.len() - before_end;
    bytes[place] ^= 1;
    fs::write(store.path(frame), bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_milestone_that_is_damaged_does_not_become_the_beginning() {
    // At its head, and behind it.
    for before_end in [usize::MAX, 40] {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let slow = Arc::new(Notes::default());
        let stage = Stage::letting_go(directory, Script::approving(), &[&slow]).unwrap();
        pay_in_rounds(&stage).await;
        let store = SnapshotStore::look(directory);
        let frames = store.list().unwrap();
        assert_eq!((frames.len(), let_go(directory)), (4, 0), "somebody has not read so far");
        let oldest = frames[3];
        let length = usize::try_from(fs::metadata(store.path(oldest)).unwrap().len()).unwrap();
        damage(&store, oldest, before_end.min(length));
        slow.keep((0..=4).map(|shard| (ShardId(shard), u64::MAX)).collect());

        stage.create(payment("behind"), PATIENT).await.unwrap();
        stage.engine.take_snapshot().await.unwrap();
        assert_eq!(let_go(directory), 0, "nothing else tells what came before");
        assert!(!store.path(oldest).exists() && store.path(frames[2]).exists());
        assert!(store.path(oldest).with_extension("damaged").exists());
        // What can be done besides is done.
        let newest = store.list().unwrap();
        let copies = fs::read_dir(directory.join("sled")).unwrap();
        let copies = copies.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let oldest_copy: Option<u64> = copies.min();
        assert_eq!(oldest_copy, Some(newest[1]), "second copies are dropped as ever");

        // The next milestone does.
        stage.create(payment("behind that"), PATIENT).await.unwrap();
        stage.engine.take_snapshot().await.unwrap();
        assert_eq!(store.beginning().unwrap(), frames[2]);
        stage.close().await;
        verify(directory).unwrap();
    }
}

/// A disk that does not answer says nothing of what lies on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_milestone_that_cannot_be_read_just_now_stays_and_becomes_the_beginning_later() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let slow = Arc::new(Notes::default());
    let stage = Stage::letting_go(directory, Script::approving(), &[&slow]).unwrap();
    pay_in_rounds(&stage).await;
    let store = SnapshotStore::look(directory);
    let oldest = *store.list().unwrap().last().unwrap();
    let (path, aside) = (store.path(oldest), directory.join("aside"));
    slow.keep((0..=4).map(|shard| (ShardId(shard), u64::MAX)).collect());
    fs::rename(&path, &aside).unwrap();
    fs::create_dir(&path).unwrap();
    stage.create(payment("behind"), PATIENT).await.unwrap();
    stage.engine.take_snapshot().await.unwrap();
    assert!(path.is_dir() && !path.with_extension("damaged").exists());
    assert_eq!(let_go(directory), 0);

    fs::remove_dir(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    stage.create(payment("behind that"), PATIENT).await.unwrap();
    stage.engine.take_snapshot().await.unwrap();
    assert_eq!(store.beginning().unwrap(), oldest);
    stage.close().await;
    verify(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_claims_to_be_old_does_not_cut_the_log() {
    const DAY: Duration = Duration::from_secs(86_400);
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let stage = Stage::keeping_for(DAY, directory, Script::approving(), &[]).unwrap();
    pay_in_rounds(&stage).await;
    let store = SnapshotStore::look(directory);
    for frame in store.list().unwrap() {
        let file = File::options().append(true).open(store.path(frame)).unwrap();
        file.set_modified(SystemTime::now() - 365 * DAY).unwrap();
    }
    stage.create(payment("behind"), PATIENT).await.unwrap();
    stage.engine.take_snapshot().await.unwrap();
    assert_eq!(let_go(directory), 0, "its records are of today");
    stage.close().await;
}

#[test]
fn a_record_that_cannot_be_replayed_is_no_end_to_be_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let geometry = Geometry { streams: 2 };
    let mut store =
        SledStore::open(Options::new(directory), Some(geometry), &mut |_record| Ok(())).unwrap().0;
    for sequence in 1..=2 {
        // Of no version that there is.
        let record = Record { stream: Stream(1), sequence, bytes: vec![0xFF; 30] };
        store.commit(&[record]).unwrap();
    }
    drop(store);
    assert_eq!(replay(directory, Until::Record(0)).unwrap().records, 0, "nothing of it is read");
    for until in [Until::Record(1), Until::Record(2), Until::End] {
        let refused = replay(directory, until);
        assert!(matches!(refused, Err(Error::Replay { sequence: 1, .. })), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_is_refused_for_whoever_lacks_what_the_log_has_let_go_of() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    cut_log(directory).await;
    let notes = Arc::new(Notes::default());
    notes.refuse_a_gap("the notes are lost");
    let refused = Stage::letting_go(directory, Script::approving(), &[&notes]).err();
    let begins = SnapshotStore::look(directory).beginning().unwrap();
    assert!(
        matches!(refused, Some(Error::Gap { frame, refusal: "the notes are lost" }) if frame == begins),
        "{refused:?}"
    );
    assert!(notes.shown().is_empty());

    // Who was told to do without it may start, however little of some shard is left.
    let observers = RecordObservers::new(vec![Arc::clone(&notes) as Arc<dyn RecordObserver>]);
    let shown = show_log(directory, &observers).unwrap();
    assert_eq!(shown, notes.shown().len() as u64);
    let stage = Stage::letting_go(directory, Script::approving(), &[&notes]).unwrap();
    stage.close().await;
}
