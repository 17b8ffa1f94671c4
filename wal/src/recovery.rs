//! Which records the log holds, from the bytes of its two copies; and what must be mended.
//!
//! A segment's journal is walked group by group. Where it ends too early or is damaged, and
//! always for the newest segment, its sled copy is read as well, and the chain decides which
//! frames of the two continue it.
//!
//! Invariant: a group is visited only whole and in its place. A tail is cut only if it can be
//! one group that a crash interrupted: nothing intact belongs to a later group, no later segment
//! exists, and the disk gives it. Anything else missing is damage, healed from the other copy or
//! refused.
//!
//! Not here: files. [`Copies`] stands for them, so that the same code runs on the real
//! directory, on a simulated disk and, read-only, for verification.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    chain::{Tip, next_group},
    checkpoint::Checkpoint,
    error::{Damage, DamageFault, Error, SledFault},
    frame::{Frame, FrameFault, intact},
    group::{Positions, Unpacker},
    planted_fault::{PlantedFault, is_planted},
    record::Visit,
    superblock::{Ending, Geometry},
};

/// What opening a log found and did.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// As the directory was created.
    pub geometry: Geometry,
    /// Whether this open created the log.
    pub created: bool,
    /// The incarnation that begins with this open; higher than any before.
    pub epoch: u32,
    /// Records visited.
    pub records: u64,
    /// Groups they were committed in.
    pub groups: u64,
    /// Hash of the last group: the whole log in 32 bytes. Zeros if there is none.
    pub last_hash: [u8; 32],
    /// Bytes of a group that a crash interrupted, which were cut off.
    pub torn_bytes: u64,
    /// What was mended, in log order.
    pub repairs: Vec<Repair>,
    /// How long opening took, visits included.
    pub elapsed: Duration,
}

/// One thing that was not as it should be, and is now; in a verification, would be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Repair {
    /// The last group was interrupted by a crash: it was never acknowledged.
    #[error("segment {segment:020}: group {group} at frame {sequence} was torn and is cut off")]
    TornGroupCut {
        /// First frame sequence of the segment.
        segment: u64,
        /// The group that was cut.
        group: u64,
        /// Its first frame.
        sequence: u64,
        /// Bytes cut from the journal.
        journal_bytes: u64,
        /// Bytes of the group's frames that only sled had.
        sled_bytes: u64,
    },
    /// The journal was damaged or incomplete; sled had what it lacked.
    #[error("segment {segment:020}: journal healed with {frames} frames at byte {offset}")]
    JournalHealed {
        /// First frame sequence of the segment.
        segment: u64,
        /// Where the damage began.
        offset: u64,
        /// How many frames were written anew from there on.
        frames: u64,
    },
    /// Bytes behind the proven end of a segment.
    #[error("segment {segment:020}: {bytes} foreign bytes cut off the journal at byte {offset}")]
    JournalTrimmed {
        /// First frame sequence of the segment.
        segment: u64,
        /// Where the segment ends.
        offset: u64,
        /// How many bytes followed.
        bytes: u64,
    },
    /// The sled copy was not the journal's equal.
    #[error("segment {segment:020}: sled copy rebuilt: {fault}")]
    SledRebuilt {
        /// First frame sequence of the segment.
        segment: u64,
        /// What was wrong with it.
        fault: SledFault,
    },
}

/// The two copies of a log's segments. A segment is named by its first frame's sequence.
pub(crate) trait Copies {
    /// All segments of which there is a trace, in order.
    fn segments(&self) -> Result<Vec<u64>, Error>;

    /// The first segment that is to have a sled copy: those before it were let go of, for a snapshot
    /// stands in for them.
    fn first_with_sled(&self) -> Result<u64, Error>;

    /// Replaces `into` by the journal's bytes, with zeros where the disk does not give them; by
    /// nothing if there is no journal. Tells where the last bytes that are not given end, as far
    /// as that is known: 0 if all are given, the maximum if the journal's size is not known.
    fn read_journal(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<usize, Error>;

    /// Replaces `into` by the frames that sled gives, one after the other, until it fails.
    fn read_sled(&mut self, segment: u64, into: &mut Vec<u8>) -> Result<Option<SledFault>, Error>;

    /// Makes the journal end at `length`, durably.
    fn truncate_journal(&mut self, segment: u64, length: usize) -> Result<(), Error>;

    /// Makes the journal consist of two pieces, durably, and at no time of less than it had.
    fn rewrite_journal(&mut self, segment: u64, pieces: [&[u8]; 2]) -> Result<(), Error>;

    /// Makes the sled copy consist of the frames in two pieces, durably.
    fn rebuild_sled(&mut self, segment: u64, pieces: [&[u8]; 2]) -> Result<(), Error>;

    /// Makes a journal durable that is about to be accepted. `last_group` lies in it at `offset`:
    /// the only bytes whose sync may have failed in the life before.
    fn settle_journal(
        &mut self,
        segment: u64,
        offset: usize,
        last_group: &[u8],
    ) -> Result<(), Error>;

    /// Makes a sled copy durable that is about to be accepted as it is.
    fn settle_sled(&mut self, segment: u64) -> Result<(), Error>;
}

/// For which segments sled is read although the journal is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compare {
    /// The newest that holds anything: the only one whose end nothing else proves.
    Newest,
    /// All that are to have one.
    Every,
}

/// The log as far as it was accepted.
pub(crate) struct Recovered {
    pub(crate) tip: Tip,
    pub(crate) positions: Positions,
    pub(crate) records: u64,
    pub(crate) torn_bytes: u64,
    pub(crate) repairs: Vec<Repair>,
}

/// Reads the log from a checkpoint on, visits its records, and mends its copies.
///
/// Segments before the checkpoint are not looked at. There has to be one that begins with it: a log
/// that ends earlier has lost what was durable.
pub(crate) fn recover(
    copies: &mut dyn Copies,
    from: Checkpoint,
    compare: Compare,
    ending: Ending,
    visit: &mut Visit<'_>,
) -> Result<Recovered, Error> {
    let Checkpoint { tip, positions } = from;
    let mut segments = copies.segments()?;
    segments.retain(|segment| *segment >= tip.sequence);
    if segments.is_empty() && tip != Tip::GENESIS {
        let (segment, sequence, behind) = (tip.sequence, tip.sequence, positions.total());
        let fault = DamageFault::SegmentMissing;
        return Err(Damage { segment, offset: 0, sequence, behind, fault }.into());
    }
    let mut replay = Replay {
        log: Recovered { tip, positions, records: 0, torn_bytes: 0, repairs: Vec::new() },
        visit,
        last_group: 0,
        spill: Vec::new(),
    };
    let (mut journal, mut sled) = (Vec::new(), Vec::new());
    let newest = newest_with_frames(copies, &segments, &mut journal)?;
    let first_with_sled = copies.first_with_sled()?;
    for (index, &segment) in segments.iter().enumerate() {
        let newest = newest.is_none_or(|newest| index >= newest);
        let place = Place {
            segment,
            end: segments.get(index + 1).copied(),
            newest,
            compare: newest || (compare == Compare::Every && segment >= first_with_sled),
            ending: if newest { ending } else { Ending::Closed },
        };
        replay.segment(copies, place, &mut journal, &mut sled)?;
    }
    Ok(replay.log)
}

/// Index of the newest segment that holds anything. An empty one behind it is normal: an open
/// begins a segment, and may end without a commit.
fn newest_with_frames(
    copies: &mut dyn Copies,
    segments: &[u64],
    buffer: &mut Vec<u8>,
) -> Result<Option<usize>, Error> {
    for (index, &segment) in segments.iter().enumerate().rev() {
        copies.read_journal(segment, buffer)?;
        if intact(buffer).next().is_some() {
            return Ok(Some(index));
        }
        copies.read_sled(segment, buffer)?;
        if intact(buffer).next().is_some() {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

struct Place {
    segment: u64,
    /// Where the next segment begins, which proves where this one ends.
    end: Option<u64>,
    /// Whether no later segment holds anything.
    newest: bool,
    compare: bool,
    /// How the life that wrote it ended: an older one was sealed by a life that went on.
    ending: Ending,
}

impl Place {
    /// What should continue `log` here is damaged.
    fn damage(&self, offset: usize, log: &Recovered, fault: DamageFault) -> Error {
        self.damage_at(offset, log.tip.sequence, log, fault)
    }

    /// A frame that belongs behind `log` is damaged.
    fn damage_at(
        &self,
        offset: usize,
        sequence: u64,
        log: &Recovered,
        fault: DamageFault,
    ) -> Error {
        let (segment, offset, behind) = (self.segment, offset as u64, log.positions.total());
        Damage { segment, offset, sequence, behind, fault }.into()
    }
}

struct Replay<'v, 'f> {
    log: Recovered,
    visit: &'v mut Visit<'f>,
    /// Size of the last group visited, in bytes.
    last_group: usize,
    spill: Vec<u8>,
}

/// How far a walk came: always to the end of a whole group.
struct Walked {
    length: usize,
    fault: Option<FrameFault>,
}

impl Replay<'_, '_> {
    fn segment(
        &mut self,
        copies: &mut dyn Copies,
        place: Place,
        journal: &mut Vec<u8>,
        sled: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let segment = place.segment;
        if segment > self.log.tip.sequence {
            return Err(place.damage(0, &self.log, DamageFault::SegmentMissing));
        }
        if segment < self.log.tip.sequence {
            return Err(place.damage(0, &self.log, DamageFault::Overlap));
        }
        let unread = copies.read_journal(segment, journal)?;
        let walked = self.walk(journal, &place, 0)?;
        let proven = place.end.is_none_or(|end| end == self.log.tip.sequence);
        if walked.fault.is_none() && proven && !place.compare {
            return Ok(());
        }

        let fault = copies.read_sled(segment, sled)?;
        let (kept, rest) = journal.split_at(walked.length);
        let mut added = self.continuation(&place, walked.length, rest, sled)?;
        let healed = self.walk(&added, &place, walked.length)?;
        added.truncate(healed.length);
        let pieces = [kept, added.as_slice()];

        check_agreement(&place, &self.log, pieces, sled)?;
        let ends = [&walked, &healed];
        let torn = self.judge_end(&place, ends, rest, unread, sled, fault.as_ref())?;
        let repairs_before = self.log.repairs.len();
        if let Some(torn) = torn {
            self.log.repairs.push(torn);
        }
        if kept.is_empty() && added.is_empty() {
            // Nothing to keep in either copy: the store begins this segment anew.
            return Ok(());
        }
        if !added.is_empty() {
            copies.rewrite_journal(segment, pieces)?;
            self.log.repairs.push(Repair::JournalHealed {
                segment,
                offset: walked.length as u64,
                frames: intact(&added).count() as u64,
            });
        } else if !rest.is_empty() {
            copies.truncate_journal(segment, kept.len())?;
            if self.log.repairs.len() == repairs_before {
                self.log.repairs.push(Repair::JournalTrimmed {
                    segment,
                    offset: kept.len() as u64,
                    bytes: rest.len() as u64,
                });
            }
        }
        // First the journal: while sled is replaced it is the only copy.
        let total = kept.len() + added.len();
        let tail = if added.is_empty() { kept } else { &added };
        let last_group = &tail[tail.len() - self.last_group..];
        copies.settle_journal(segment, total - last_group.len(), last_group)?;
        self.mend_sled(copies, &place, fault, pieces, sled)
    }

    /// Visits every whole group at the head of `bytes`, which continue the journal at `offset`.
    fn walk(&mut self, bytes: &[u8], place: &Place, offset: usize) -> Result<Walked, Error> {
        let mut frames = Vec::new();
        let mut length = 0;
        loop {
            let group = match next_group(&self.log.tip, &bytes[length..], &mut frames) {
                Ok(Some(group)) => group,
                Ok(None) => return Ok(Walked { length, fault: None }),
                Err(fault) => return Ok(Walked { length, fault: Some(fault) }),
            };
            let last = place.newest && length + group.bytes.len() == bytes.len();
            if last && is_planted(PlantedFault::LastGroupDropped) {
                return Ok(Walked { length, fault: None });
            }
            self.visit_group(&frames, place, offset + length)?;
            self.log.tip = group.next;
            self.last_group = group.bytes.len();
            length += group.bytes.len();
        }
    }

    fn visit_group(
        &mut self,
        frames: &[Frame<'_>],
        place: &Place,
        offset: usize,
    ) -> Result<(), Error> {
        let log = &mut self.log;
        let mut unpacker = Unpacker::new(frames);
        loop {
            let record = match unpacker.next(&mut self.spill) {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(()),
                Err(crate::group::Malformed) => {
                    return Err(place.damage(offset, log, DamageFault::Malformed));
                }
            };
            let (stream, sequence) = (record.stream, record.sequence);
            log.positions
                .advance(stream, sequence)
                .map_err(|fault| place.damage(offset, log, DamageFault::Record(fault)))?;
            log.records += 1;
            (self.visit)(record).map_err(|source| Error::Visit { stream, sequence, source })?;
        }
    }

    /// The frames of both copies that follow the tip without a gap, in order.
    fn continuation(
        &self,
        place: &Place,
        offset: usize,
        journal: &[u8],
        sled: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let tip = &self.log.tip;
        let mut candidates = BTreeMap::new();
        for frame in intact(journal).chain(intact(sled)) {
            let sequence = frame.header.sequence;
            if sequence >= tip.sequence
                && candidates.insert(sequence, frame.bytes).is_some_and(|had| had != frame.bytes)
            {
                return Err(place.damage_at(offset, sequence, &self.log, DamageFault::Conflict));
            }
        }
        let mut frames = Vec::new();
        for (expected, (sequence, frame)) in (tip.sequence..).zip(candidates) {
            if sequence != expected {
                break;
            }
            frames.extend_from_slice(frame);
        }
        Ok(frames)
    }

    /// Decides what it means that the chain ends here; gives the torn group, if that is why.
    fn judge_end(
        &mut self,
        place: &Place,
        [walked, healed]: [&Walked; 2],
        journal: &[u8],
        unread: usize,
        sled: &[u8],
        fault: Option<&SledFault>,
    ) -> Result<Option<Repair>, Error> {
        let tip = &self.log.tip;
        let journal_unread = unread > walked.length + healed.length;
        let lost = || {
            let sled = fault.cloned().unwrap_or(SledFault::Differs);
            if journal_unread {
                DamageFault::Unread { sled }
            } else {
                DamageFault::Lost { journal: walked.fault, sled }
            }
        };
        match place.end {
            Some(end) if end == tip.sequence => Ok(None),
            Some(end) if end < tip.sequence => {
                Err(place.damage(walked.length, &self.log, DamageFault::Overlap))
            }
            Some(_) => Err(place.damage(walked.length, &self.log, lost())),
            None => {
                let beyond = |frame: &Frame<'_>| frame.header.sequence >= tip.sequence;
                if intact(journal)
                    .chain(intact(sled))
                    .any(|frame| beyond(&frame) && !tip.admits(&frame.header))
                {
                    return Err(place.damage(walked.length, &self.log, lost()));
                }
                // What was healed stood at the same place in the journal.
                let journal_bytes = journal.len().saturating_sub(healed.length) as u64;
                let sled_bytes =
                    intact(sled).filter(beyond).map(|frame| frame.bytes.len() as u64).sum();
                // What a crash leaves can be read. What the disk does not give, of the journal or
                // of the sled copy that would complete it, may have been acknowledged.
                let sled_unread = matches!(fault, Some(SledFault::Unread(_)));
                if journal_unread || (sled_unread && journal_bytes > 0) {
                    return Err(place.damage(walked.length, &self.log, lost()));
                }
                if journal_bytes == 0 && sled_bytes == 0 {
                    return Ok(None);
                }
                self.log.torn_bytes += u64::max(journal_bytes, sled_bytes);
                Ok(Some(Repair::TornGroupCut {
                    segment: place.segment,
                    group: tip.group,
                    sequence: tip.sequence,
                    journal_bytes,
                    sled_bytes,
                }))
            }
        }
    }

    fn mend_sled(
        &mut self,
        copies: &mut dyn Copies,
        place: &Place,
        fault: Option<SledFault>,
        pieces: [&[u8]; 2],
        sled: &[u8],
    ) -> Result<(), Error> {
        let same = sled.len() == pieces[0].len() + pieces[1].len()
            && sled.starts_with(pieces[0])
            && sled.ends_with(pieces[1]);
        let segment = place.segment;
        let fault = match fault {
            // An older sealed segment's sled copy is dropped once a snapshot covers it.
            Some(SledFault::Missing) if !place.newest => return Ok(()),
            Some(fault) => fault,
            None if !same => SledFault::Differs,
            None => {
                return match place.ending {
                    Ending::Closed => copies.settle_sled(segment),
                    // It was the page cache, not the disk, that was compared. Which pages a failed
                    // sync left behind is sled's secret, so that all are written anew.
                    Ending::Open => copies.rebuild_sled(segment, pieces),
                };
            }
        };
        copies.rebuild_sled(segment, pieces)?;
        self.log.repairs.push(Repair::SledRebuilt { segment, fault });
        Ok(())
    }
}

/// Refuses a sled copy with an intact frame that differs from the accepted one in its place.
/// One incarnation writes a sequence once, so that nothing here can say which is right.
fn check_agreement(
    place: &Place,
    log: &Recovered,
    pieces: [&[u8]; 2],
    sled: &[u8],
) -> Result<(), Error> {
    let mut offset = 0;
    let accepted: BTreeMap<u64, (usize, &[u8])> = pieces
        .into_iter()
        .flat_map(intact)
        .map(|frame| {
            let start = offset;
            offset += frame.bytes.len();
            (frame.header.sequence, (start, frame.bytes))
        })
        .collect();
    for frame in intact(sled) {
        let sequence = frame.header.sequence;
        match accepted.get(&sequence) {
            Some(&(offset, accepted)) if accepted != frame.bytes => {
                return Err(place.damage_at(offset, sequence, log, DamageFault::Conflict));
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! Only what no store can write; the rest is in `tests/crash.rs`.

    use super::*;
    use crate::{
        error::RecordFault,
        group::PackedGroup,
        record::{Record, Stream},
        store::faulty::{Disk, Faulty},
    };

    const GEOMETRY: Geometry = Geometry { streams: 2 };

    /// A disk whose first segment holds `bytes` in both copies.
    fn forged(bytes: &[u8]) -> Disk {
        let disk = Disk::new();
        drop(Faulty::open(&disk, Some(GEOMETRY), &mut |_| Ok(())).unwrap());
        disk.damage_journal(1, |journal| *journal = bytes.to_vec());
        disk.damage_sled(1, |sled| *sled = bytes.to_vec());
        disk
    }

    fn packed(records: &[(u16, u64)]) -> PackedGroup {
        let records = records.iter().map(|&(stream, sequence)| Record {
            stream: Stream(stream),
            sequence,
            bytes: vec![],
        });
        let mut group = PackedGroup::default();
        group.pack(&Tip::GENESIS, 1, &records.collect::<Vec<_>>());
        group
    }

    fn fault_of(disk: &Disk) -> DamageFault {
        match Faulty::open(disk, None, &mut |_| Ok(())) {
            Err(Error::Damaged(damage)) => damage.fault,
            other => panic!("should be refused: {other:?}"),
        }
    }

    #[test]
    fn a_gap_in_a_stream_is_refused() {
        let fault = fault_of(&forged(packed(&[(0, 1), (1, 1), (0, 3)]).bytes()));
        let gap = RecordFault::Sequence { stream: Stream(0), expected: 2, found: 3 };
        assert_eq!(fault, DamageFault::Record(gap));
        let fault = fault_of(&forged(packed(&[(2, 1)]).bytes()));
        let unknown = RecordFault::Stream { stream: Stream(2), streams: 2 };
        assert_eq!(fault, DamageFault::Record(unknown));
    }

    #[test]
    fn an_intact_group_of_nonsense_is_refused() {
        let group = packed(&[(0, 1)]);
        let frame = Frame::parse(group.bytes()).unwrap();
        let mut bytes = frame.bytes[..frame.bytes.len() - crate::frame::TRAILER].to_vec();
        bytes.extend([0; 3]);
        crate::frame::seal(&mut bytes, 0, &frame.header);
        assert_eq!(fault_of(&forged(&bytes)), DamageFault::Malformed);
    }

    #[test]
    fn two_intact_frames_of_one_sequence_are_refused() {
        let disk = forged(packed(&[(0, 1)]).bytes());
        let other = packed(&[(1, 1)]);
        disk.damage_sled(1, |sled| *sled = other.bytes().to_vec());
        assert_eq!(fault_of(&disk), DamageFault::Conflict);
        disk.damage_journal(1, |journal| {
            let frame = journal.clone();
            journal.insert(0, 0);
            journal.extend(frame);
        });
        assert_eq!(fault_of(&disk), DamageFault::Conflict);
    }

    #[test]
    fn segments_that_overlap_are_refused() {
        let group = packed(&[(0, 1)]);
        let mut bytes = group.bytes().to_vec();
        let disk = forged(&bytes);
        drop(Faulty::open(&disk, None, &mut |_| Ok(())).unwrap());
        assert_eq!(disk.segments(), [1, 2]);
        let mut next = PackedGroup::default();
        let record = Record { stream: Stream(1), sequence: 1, bytes: vec![] };
        next.pack(&group.tip_after(&Tip::GENESIS, 1), 1, &[record]);
        bytes.extend(next.bytes());
        disk.damage_journal(1, |journal| *journal = bytes);
        assert_eq!(fault_of(&disk), DamageFault::Overlap);
    }
}
