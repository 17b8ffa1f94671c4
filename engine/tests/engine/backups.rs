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

use tollgate_domain::{ControlState, ShardId, ShardState, StateHash, codec};
use tollgate_engine::{LogBackup, StateClaim, plan_idle_backup, verify, verify_against};

use super::{
    PATIENT,
    stage::{Script, Stage, payment},
};

/// Copies what is to be copied, and gives the claims and where each shard ends.
fn copy(backup: LogBackup, to: &Path) -> (Vec<StateClaim>, Vec<u64>) {
    let LogBackup { files, end, claims } = backup;
    assert_eq!(files.last().unwrap().path, "superblock");
    for file in files {
        let (path, bytes) = (to.join(&file.path), file.bytes);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut content = Vec::new();
        file.into_file().unwrap().take(bytes).read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, bytes, "{}", path.display());
        fs::write(path, content).unwrap();
    }
    fs::write(to.join("lock"), "").unwrap();
    (claims, end.positions)
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
        let plan = stage.engine.plan_backup().await.unwrap();
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
