//! Backups of a running engine: they come to what life had come to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    io::Read,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tollgate_domain::{
    ControlState, CreateOrder, CreatePayment, Payment, ShardId, ShardState, StateHash, codec,
};
use tollgate_engine::{
    ArchiveError, Error, LogBackup, OpenLogFile, OrderPlace, StateClaim, check_archive,
    plan_idle_backup, restore_archive, verify, verify_against,
};
use tollgate_wal::{SnapshotStore, beginning};

use super::{
    PATIENT,
    stage::{Script, Stage, payment},
};

/// Copies what is to be copied, and gives the claims and where each shard ends.
fn copy(backup: LogBackup, to: &Path) -> (Vec<StateClaim>, Vec<u64>) {
    let LogBackup { files, end, claims, archive, hold } = backup;
    let mut last = String::new();
    for file in files {
        let OpenLogFile { path, bytes, file } = file.open().unwrap();
        let place = to.join(&path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let mut content = Vec::new();
        file.take(bytes).read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, bytes, "{path}");
        fs::write(place, content).unwrap();
        last = path;
    }
    assert_eq!(last, "superblock");
    fs::write(to.join("lock"), "").unwrap();
    if let Some(mut archive) = archive {
        let builder = restore_archive(to).unwrap();
        while let Some(part) = archive.next_part().unwrap() {
            builder.take(&part).unwrap();
        }
        builder.finish().unwrap();
    }
    drop(hold);
    (claims, end.positions)
}

async fn plan(stage: &Stage) -> LogBackup {
    let hold = stage.engine.hold_log().await.unwrap();
    stage.engine.plan_backup(hold).await.unwrap()
}

/// What each shard of a log comes to at those of its records.
fn replayed_until(directory: &Path, positions: &[u64]) -> Vec<(ShardId, StateHash)> {
    let mut control = ControlState::default();
    let numbers = 1..u16::try_from(positions.len()).unwrap();
    let mut shards: Vec<_> = numbers.map(|number| ShardState::new(ShardId(number))).collect();
    tollgate_wal::verify::verify(directory, &mut |record| {
        let stream = usize::from(record.stream.0);
        if record.sequence <= positions[stream] {
            match stream.checked_sub(1) {
                None => control.apply(&codec::decode_control(record.bytes)?),
                Some(place) => shards[place].apply(&codec::decode(record.bytes)?),
            }
        }
        Ok(())
    })
    .unwrap();
    let payments = shards.iter().map(|state| (state.shard(), state.hash()));
    std::iter::once((ShardId::CONTROL, control.hash())).chain(payments).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_taken_under_load_comes_to_the_same_state() {
    for snapshots in 0..=2 {
        let parent = tempfile::tempdir().unwrap();
        let (directory, backup) = (parent.path().join("log"), parent.path().join("backup"));
        let stage = Arc::new(Stage::open(&directory, Script::approving()));
        stage.register(1).await;
        for number in 0..20 {
            stage.create(payment(&format!("before{number}")), PATIENT).await.unwrap();
        }
        for number in 0..snapshots {
            stage.engine.take_snapshot().await.unwrap();
            stage.create(payment(&format!("between{number}")), PATIENT).await.unwrap();
        }
        let enough = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..4)
            .map(|task| {
                let (stage, enough) = (Arc::clone(&stage), Arc::clone(&enough));
                tokio::spawn(async move {
                    let mut number = 0;
                    while !enough.load(Ordering::Relaxed) {
                        let key = format!("load{task}-{number}");
                        stage.create(payment(&key), PATIENT).await.unwrap();
                        number += 1;
                    }
                    number
                })
            })
            .collect();
        stage.create(payment("during"), PATIENT).await.unwrap();
        let plan = plan(&stage).await;
        stage.create(payment("behind"), PATIENT).await.unwrap();
        let (claims, positions) = copy(plan, &backup);
        stage.create(payment("after"), PATIENT).await.unwrap();
        enough.store(true, Ordering::Relaxed);
        for task in load {
            assert!(task.await.unwrap() > 0);
        }
        Arc::into_inner(stage).unwrap().close().await;

        let report = verify_against(&backup, &claims).unwrap();
        assert_eq!(report.claimed, Ok(claims.len()), "what lived, and what was copied");
        assert!(claims.iter().all(|claim| claim.sequence <= positions[usize::from(claim.shard.0)]));
        assert_eq!(report.hashes, replayed_until(&directory, &positions), "{snapshots}");
        assert_ne!(report.hashes, verify(&directory).unwrap().hashes, "life went on");
        assert_eq!(report.snapshots.len(), snapshots);
        assert!(report.snapshots.iter().all(|snapshot| snapshot.finding.is_ok()), "{report:?}");

        let stage = Stage::open(&backup, Script::approving());
        let keys = (0..20).map(|number| format!("before{number}"));
        for key in keys.chain(["during".to_owned()]) {
            let again = stage.create(payment(&key), PATIENT).await.unwrap();
            assert!(again.replayed, "{key} was acknowledged before the backup");
        }
        stage.close().await;
        verify(&backup).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_has_open_is_copied_as_it_is() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, backup) = (parent.path().join("log"), parent.path().join("backup"));
    let stage = Stage::open(&directory, Script::approving());
    let locked = plan_idle_backup(&directory).unwrap_err();
    assert!(locked.to_string().contains("log"), "{locked}");
    for number in 0..5 {
        stage.create(payment(&number.to_string()), PATIENT).await.unwrap();
    }
    stage.close().await;
    let before = verify(&directory).unwrap().hashes;
    let (claims, _positions) = copy(plan_idle_backup(&directory).unwrap(), &backup);
    let report = verify_against(&backup, &claims).unwrap();
    assert_eq!((report.hashes, report.claimed), (before, Ok(claims.len())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_does_not_hold_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let stage = Stage::open(directory.path(), Script::approving());
    stage.create(payment("one"), PATIENT).await.unwrap();
    stage.close().await;
    let hashes = verify(directory.path()).unwrap().hashes;
    let LogBackup { claims, .. } = plan_idle_backup(directory.path()).unwrap();
    assert_eq!(verify_against(directory.path(), &claims).unwrap().claimed, Ok(claims.len()));
    for claim in &claims {
        let mut wrong = claims.clone();
        wrong.retain(|other| other.shard != claim.shard);
        wrong.push(StateClaim { hash: StateHash::from_bytes([7; 32]), ..*claim });
        let told = verify_against(directory.path(), &wrong).unwrap().claimed.unwrap_err();
        assert_eq!(told, format!("shard {} is not what the log comes to", claim.shard.0));
        wrong.last_mut().unwrap().sequence += 1;
        let told = verify_against(directory.path(), &wrong).unwrap().claimed.unwrap_err();
        assert_eq!(told, "the log ends before it");
    }
    assert!(hashes.len() > claims.len(), "shards without a record claim nothing");
}

const PER_ROUND: u64 = 4;

/// Pays in rounds, each of which leaves memory and has a snapshot behind it.
async fn pay_in_rounds(stage: &Stage, rounds: std::ops::Range<u32>) -> Vec<Payment> {
    let mut paid = Vec::new();
    for round in rounds {
        for number in 0..PER_ROUND {
            let command = payment(&format!("{round}-{number}"));
            paid.push(stage.create(command, PATIENT).await.unwrap().payment);
        }
        let count = u64::from(round + 1) * PER_ROUND;
        stage.until_health(|health| health.archived == count && health.payments == 0).await;
        stage.engine.take_snapshot().await.unwrap();
    }
    paid
}

fn packed_segments(log: &Path) -> usize {
    let names = fs::read_dir(log.join("journal")).unwrap();
    names.filter(|name| name.as_ref().unwrap().path().extension().unwrap() == "zst").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_that_are_compressed_meanwhile_are_copied_as_they_are_then() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, backup) = (parent.path().join("log"), parent.path().join("backup"));
    let stage = Stage::compressing(8 << 10, &directory, Script::approving());
    pay_in_rounds(&stage, 0..2).await;
    assert_eq!(packed_segments(&directory), 1);
    let plan = plan(&stage).await;
    assert!(plan.archive.is_none(), "the log makes it again");
    // The segment that is the newest now is compressed as well before its turn comes.
    pay_in_rounds(&stage, 2..5).await;
    stage.close().await;
    let (claims, _positions) = copy(plan, &backup);
    assert!(packed_segments(&backup) > 1);
    let report = verify_against(&backup, &claims).unwrap();
    assert_eq!((report.claimed, report.payments), (Ok(claims.len()), 2 * PER_ROUND));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_cut_and_compressed_is_backed_up_under_load_with_its_archive() {
    let parent = tempfile::tempdir().unwrap();
    let (directory, of_life) = (parent.path().join("log"), parent.path().join("live"));
    let stage = Arc::new(Stage::compressing_and_letting_go(&directory, Script::approving()));
    let CreatePayment { merchant, mode, money, idempotency, .. } = payment("order");
    let (receipt, notes) = (None, Vec::new());
    let order = CreateOrder { merchant, mode, money, receipt, notes, idempotency };
    let order = stage.engine.create_order(order).await.unwrap().order;
    let paid = pay_in_rounds(&stage, 0..5).await;
    let begins = beginning(&directory).unwrap();
    assert!(begins.frame() > 1 && packed_segments(&directory) > 0);
    let enough = Arc::new(AtomicBool::new(false));
    let load = {
        let (stage, enough) = (Arc::clone(&stage), Arc::clone(&enough));
        tokio::spawn(async move {
            let mut number = 0;
            while !enough.load(Ordering::Relaxed) {
                stage.create(payment(&format!("load-{number}")), PATIENT).await.unwrap();
                number += 1;
            }
        })
    };
    let plan = plan(&stage).await;
    assert!(plan.archive.is_some(), "the log alone could not make it again");
    for number in 0..3 {
        stage.create(payment(&format!("snapshot{number}")), PATIENT).await.unwrap();
        stage.engine.take_snapshot().await.unwrap();
    }
    assert_eq!(beginning(&directory).unwrap(), begins, "it is held");
    let (claims, positions) = copy(plan, &of_life);
    enough.store(true, Ordering::Relaxed);
    load.await.unwrap();
    stage.create(payment("last"), PATIENT).await.unwrap();
    stage.engine.take_snapshot().await.unwrap();
    assert!(beginning(&directory).unwrap().frame() > begins.frame(), "and no longer");
    Arc::into_inner(stage).unwrap().close().await;

    let report = verify_against(&of_life, &claims).unwrap();
    assert_eq!(report.claimed, Ok(claims.len()));
    assert_eq!(
        (&report.log.end.positions, &report.log.let_go[..]),
        (&positions, begins.positions())
    );
    check_archive(&of_life, &report).unwrap();
    let idle = plan_idle_backup(&directory).unwrap();
    let of_files = parent.path().join("files");
    let (claims, _positions) = copy(idle, &of_files);
    assert_eq!(verify_against(&of_files, &claims).unwrap().claimed, Ok(claims.len()));
    for restored in [of_life, of_files] {
        let stage = Stage::compressing_and_letting_go(&restored, Script::approving());
        for payment in &paid {
            assert_eq!(*stage.engine.payment(payment.id()).await.unwrap().unwrap(), *payment);
        }
        assert!(stage.create(payment("0-0"), PATIENT).await.unwrap().replayed);
        assert_eq!(
            stage.engine.order(OrderPlace::of(&order)).await.unwrap().as_ref(),
            Some(&order)
        );
        stage.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_cut_is_not_copied_without_what_it_begins_at() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("log");
    let stage = Stage::letting_go(&directory, Script::approving(), &[]).unwrap();
    pay_in_rounds(&stage, 0..4).await;
    stage.close().await;
    let (archive, aside) = (directory.join("archive"), directory.join("aside"));
    fs::rename(&archive, &aside).unwrap();
    let refused = plan_idle_backup(&directory).unwrap_err();
    assert!(matches!(refused, Error::Archive(ArchiveError::Gone(_))), "{refused}");
    assert!(!archive.exists(), "looking makes none");
    fs::rename(&aside, &archive).unwrap();
    plan_idle_backup(&directory).unwrap();
    let snapshots = SnapshotStore::look(&directory);
    fs::remove_file(snapshots.path(snapshots.beginning().unwrap())).unwrap();
    assert!(plan_idle_backup(&directory).is_err());
}
