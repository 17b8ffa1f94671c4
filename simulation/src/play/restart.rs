//! A process dies, and the next one begins with what the log still holds.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tollgate_domain::{Effect, ShardId, ShardState};
use tollgate_engine::{
    Archive, Clock, Error, Lane, LogError, Repair, ReplayThreads, Replayed, Shard, recover,
};
use tollgate_wal::{
    Checkpoint, GroupWriter, LogStore, Released, WriterOptions,
    store::faulty::{Faulty, Kept},
};

use super::{Card, Groups, Handed, Life, Play, ReleaseLater, archive::note_away};
use crate::{
    model::Model,
    step::{Copy, Crash, Damage, DamageKind},
};

impl Play<'_> {
    pub(super) fn crash(&mut self, mut life: Life, crash: Crash) -> Life {
        if crash.deciding && !life.failed {
            self.decide_in_vain(&mut life);
        }
        if life.failed {
            self.coverage.saw("crash: after the log failed");
        } else if life.log.queue_depth() > 0 {
            match crash.committing {
                Some((journal, sled)) => {
                    self.fail(&mut life, journal, sled);
                    self.coverage.saw("crash: in the middle of a commit");
                }
                None => self.coverage.saw("crash: between append and durable"),
            }
        }
        if life.groups.borrow().iter().any(|group| matches!(group, Released::Durable(_))) {
            self.coverage.saw("crash: between durable and release");
        }
        if life.calls.iter().any(|call| matches!(call.call.effect, Effect::Authorize { .. })) {
            self.coverage.saw("crash: after release, before its call");
        }
        if !life.answers.is_empty() {
            self.coverage.saw("crash: after a call, before its answer");
        }
        drop(life);
        self.compare_diary();
        self.diary.lose_the_end(&mut self.chance);
        let all_of_archive = self.chance.one_in(12);
        if all_of_archive && !self.away.is_empty() {
            self.coverage.saw("archive: lost");
        }
        self.vault.lose(&mut self.chance, all_of_archive);
        if let Some((journal, sled)) = crash.power {
            self.disk.lose_power(journal, sled);
            self.coverage.saw("crash: with the power");
        }
        if crash.snapshot_lost && self.shelf.damage_newest() {
            self.coverage.saw("snapshot: lost");
        }
        self.start(crash.damage, crash.recovering)
    }

    /// Recovers what the log holds, compares it with what it should hold, and asks about what is not
    /// known.
    pub(super) fn start(&mut self, damage: Option<Damage>, dies_after: Option<u8>) -> Life {
        let (sound, scars) = (self.disk.snapshot(), self.scars.clone());
        let damage = damage.filter(|damage| self.damage(*damage));
        if let Some(mendings) = dies_after {
            self.die_in_recovery(mendings.into());
        }
        let (store, replayed) = match (self.open(), damage) {
            (Ok(opened), _) => opened,
            // What cannot be read may have been acknowledged: somebody has to bring the disk back.
            (Err(Error::Log(LogError::Damaged(_))), Some(damage))
                if damage.copy == Copy::Both || damage.kind == DamageKind::Unread =>
            {
                self.coverage.saw(match damage.copy {
                    Copy::Both => "recovery: refused a damaged log",
                    Copy::Journal | Copy::Sled => "recovery: refused what cannot be read",
                });
                (self.disk, self.scars) = (sound, scars);
                self.open().expect("a sound disk opens")
            }
            (Err(error), damage) => panic!("cannot start after {damage:?}: {error:?}"),
        };
        self.take_back(&replayed);
        let mut life = self.life(store, replayed);
        for index in 0..life.shards.len() {
            self.compare_shard(&life, index);
            self.resolve(&mut life, index);
        }
        life
    }

    /// A process dies while it mends the log, and the power with it. What it had read was shown to
    /// nobody.
    fn die_in_recovery(&mut self, mendings: u64) {
        self.disk.fail_mending(Some(mendings));
        if let Err(Error::Log(LogError::Injected)) = self.open() {
            self.coverage.saw("crash: in recovery");
        }
        self.disk.fail_mending(None);
        self.disk.lose_power(Kept::Nothing, Kept::Nothing);
    }

    pub(super) fn open(&mut self) -> Result<(Box<dyn LogStore>, Replayed), Error> {
        let mut begun_at = None;
        let vault = Arc::clone(&self.vault) as Arc<dyn Archive>;
        let (store, replayed, report) = recover(
            self.shards,
            &self.observers,
            Some(vault),
            &self.shelf,
            ReplayThreads::Caller,
            |geometry, from, visit| {
                begun_at = from.as_ref().map(Checkpoint::frame);
                let opened = Faulty::open_from(&self.disk, Some(geometry), from, visit);
                opened.map(|(store, recovery)| (Box::new(store) as Box<dyn LogStore>, recovery))
            },
        )?;
        match begun_at {
            Some(_) => self.coverage.saw("snapshot: used at a start"),
            None if self.shelf.reaches() > 0 && report.damaged_snapshots == 0 => {
                self.coverage.saw("snapshot: passed over for an observer");
            }
            None => {}
        }
        if report.created {
            self.coverage.saw("recovery: first start");
        }
        if self.disk.segments().len() > 3 {
            self.coverage.saw("recovery: several segments");
        }
        for repair in report.repairs {
            let (segment, repaired) = match repair {
                Repair::TornGroupCut { segment, .. } => (segment, "recovery: cut a torn group"),
                Repair::JournalHealed { segment, .. } => (segment, "recovery: healed the journal"),
                Repair::JournalTrimmed { segment, .. } => {
                    (segment, "recovery: trimmed the journal")
                }
                Repair::SledRebuilt { segment, .. } => (segment, "recovery: rebuilt sled"),
            };
            self.coverage.saw(repaired);
            self.scars.remove(&segment);
        }
        Ok((store, replayed))
    }

    /// Takes the model back to what the log still holds, and compares. What was replayed may have
    /// begun with a snapshot: it has to come to the same.
    pub(super) fn take_back(&mut self, replayed: &Replayed) {
        let sequences = &replayed.sequences;
        let held =
            |handed: &Handed| handed.entry.sequence <= sequences[usize::from(handed.entry.shard.0)];
        for (shard, sequence) in &self.told.durable {
            let found = sequences[usize::from(shard.0)];
            assert!(
                found >= *sequence,
                "shard {} lost record {}: {sequence} was relied on",
                shard.0,
                found + 1
            );
        }
        let kept = self.history.iter().take_while(|handed| held(handed)).count();
        let lost = self.history.split_off(kept);
        assert!(!lost.iter().any(held), "the log lost a record before one that it kept");
        if !lost.is_empty() {
            self.coverage.saw("recovery: lost what nobody was told");
        }
        self.away.clear();
        for handed in &self.history {
            note_away(&mut self.away, handed.departures.as_ref());
        }
        for (state, model) in replayed.shards.iter().zip(&mut self.models) {
            let shard = state.shard();
            let found = sequences[usize::from(shard.0)];
            let last = self.history.iter().rev().find(|handed| handed.entry.shard == shard);
            let (sequence, hash) = match last {
                Some(Handed { entry, hash, observation: _, departures: _ }) => {
                    *model = entry.model.clone();
                    (entry.sequence, *hash)
                }
                None => {
                    *model = Model::default();
                    (0, ShardState::new(shard).hash())
                }
            };
            assert_eq!(found, sequence, "shard {} has records of nobody's", shard.0);
            assert_eq!(state.hash(), hash, "snapshot and replay give the state that was lived");
            if self.told.durable.get(&shard).copied().unwrap_or(0) < found {
                self.coverage.saw("recovery: kept what nobody was told");
            }
            let shown = self.diary.of(shard).len() as u64;
            let given = self.vault.position(shard);
            assert_eq!(given, state.departures(), "the archive of shard {} has all", shard.0);
            assert_eq!(shown, found, "observers of shard {} know what the log holds", shard.0);
        }
        self.compare_diary();
    }

    /// What was observed is what happened, from the beginning and without a gap.
    fn compare_diary(&self) {
        for shard in (1..=self.shards.get()).map(ShardId) {
            let shown = self.diary.of(shard);
            let mut lived = self.history.iter().filter(|handed| handed.entry.shard == shard);
            for record in shown {
                let handed = lived.next().map(|handed| &handed.observation);
                assert_eq!(Some(&*record), handed, "observers see what happened");
            }
        }
    }

    pub(super) fn life(&mut self, store: Box<dyn LogStore>, replayed: Replayed) -> Life {
        let Replayed { control, shards, sequences } = replayed;
        let last = shards.iter().map(ShardState::last_time).fold(control.last_time(), Ord::max);
        let (wall, monotonic) =
            (Duration::from_millis(self.wall), Duration::from_millis(self.monotonic));
        let clock = Clock::start_at(last, wall, monotonic);
        let groups = Groups::default();
        let released = Rc::clone(&groups);
        let release: ReleaseLater = Box::new(move |group| released.borrow_mut().push_back(group));
        let (log, writer) = GroupWriter::inline(store, WriterOptions::default(), release)
            .expect("a simulated disk says how much space is free");
        let lanes = (1..).map(ShardId).zip(&sequences[1..]);
        Life {
            clock,
            lanes: lanes.map(|(shard, last)| Lane::new(shard, *last, log.clone())).collect(),
            shards: shards
                .into_iter()
                .map(|state| Shard::new(state, Arc::clone(&self.policy)))
                .collect(),
            log,
            writer,
            groups,
            calls: VecDeque::new(),
            answers: Vec::new(),
            waiting: BTreeMap::new(),
            absent: BTreeMap::new(),
            found: Vec::new(),
            lookups: 0,
            failed: false,
        }
    }

    pub(super) fn resolve(&mut self, life: &mut Life, index: usize) {
        let moment = self.moment(life);
        let state = life.shards[index].state();
        let (shard, now) = (state.shard(), moment.time.max(state.last_time()));
        assert_eq!(state.unresolved(), self.models[index].unresolved());
        let asked = self.models[index].restart(now, &self.policy);
        // Plays are small: one record asks about all.
        let mut unsettled = life.shards[index].unsettled();
        let step = life.shards[index].resolve_next(&mut unsettled, moment);
        assert_eq!(step.is_some(), !asked.is_empty(), "each is asked about");
        let rest = life.shards[index].resolve_next::<Card>(&mut unsettled, moment);
        assert!(rest.is_none(), "and once");
        if let Some(step) = step {
            self.expect_calls(&step, index, asked);
            assert!(step.replies.is_empty(), "nobody waits any more");
            self.carry_out(life, shard, step, now);
        }
        self.compare_shard(life, index);
    }
}
