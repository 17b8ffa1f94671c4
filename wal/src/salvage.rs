//! What is left of a damaged log: every group that is whole in either copy, in log order, and what is
//! missing between them.
//!
//! Where the chain breaks, the next group that is whole begins it anew: that group's own header says
//! which hash it follows. So what comes behind a gap is proven by the chain from there on, and that it
//! belongs to this log by its segment, its numbers and its epoch alone.
//!
//! The log is read twice. How many records a gap has swallowed shows only when their streams go on
//! behind it; known before, it lets each record be told with its own number.
//!
//! Invariant: records are visited whole, in order, each once, and no gap goes untold. A group that a
//! crash cut short at the very end is none. Nothing is changed.
//!
//! Not here: mending. What both copies have lost, nobody can.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Range,
    path::Path,
};

use crate::{
    beginning::beginning,
    chain::{Tip, next_group},
    checkpoint::Checkpoint,
    directory::Directory,
    error::{Error, VisitError},
    frame::{Frame, Header, intact_at},
    group::Unpacker,
    record::{RecordRef, Stream},
    recovery::Copies,
    verify::ReadOnly,
};

/// A part of the log of which neither copy is whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The segment in which it begins, by its first frame.
    pub segment: u64,
    /// Where in that segment's journal file the valid part before it ends.
    pub offset: u64,
    /// The frames that are missing; to the maximum where nothing whole comes behind.
    pub frames: Range<u64>,
    /// The last record before it, by its number in the log.
    pub behind: u64,
    /// The records that it has swallowed, as far as their streams go on behind it. One that went
    /// missing between two gaps, in a stream that has nothing between them, is counted to the first.
    pub lost: Vec<LostRecords>,
}

/// Records of one stream, all from the first to the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LostRecords {
    /// Whose.
    pub stream: Stream,
    /// The first that is missing.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// What comes next in a log that is read around its damage.
#[derive(Clone, Copy, Debug)]
pub enum Salvage<'s> {
    /// A record, and its number in the log.
    Record(u64, RecordRef<'s>),
    /// Something is missing here.
    Gap(&'s Gap),
}

/// Is shown what there is, in log order; an error ends the reading and comes back as
/// [`Error::Visit`].
pub type ShowSalvage<'v> = dyn FnMut(Salvage<'_>) -> Result<(), VisitError> + 'v;

impl Gap {
    /// How many records are known to be missing.
    #[must_use]
    pub fn lost_records(&self) -> u64 {
        self.lost.iter().map(|lost| lost.last - lost.first + 1).sum()
    }
}

/// Reads a log that nobody has open, around its damage, and gives how many gaps it has.
///
/// # Errors
///
/// Where there is no log or it is in use, where the file system refuses, and what `show` returned.
pub fn salvage(directory: &Path, show: &mut ShowSalvage<'_>) -> Result<usize, Error> {
    let directory = Directory::inspect(directory)?;
    let from = beginning(directory.root())?;
    let mut copies = ReadOnly(directory);

    let mut survey = Survey::new(&from);
    Walk::new(&from).run(&mut copies, &mut |step| {
        survey.note(step);
        Ok(())
    })?;
    let gaps = survey.finish();

    let mut number: u64 = from.positions().iter().sum();
    let mut next_gap = gaps.iter();
    Walk::new(&from).run(&mut copies, &mut |step| match step {
        Step::Record(record) => {
            number += 1;
            let (stream, sequence) = (record.stream, record.sequence);
            show(Salvage::Record(number, record)).map_err(|source| Error::Visit {
                stream,
                sequence,
                source,
            })
        }
        Step::Gap { .. } => {
            // Where a disk gives less the second time, the first is what was counted.
            let Some(gap) = next_gap.next() else { return Ok(()) };
            number += gap.lost_records();
            let last = gap.lost.last();
            let (stream, sequence) = last.map_or((Stream(0), 0), |lost| (lost.stream, lost.last));
            show(Salvage::Gap(gap)).map_err(|source| Error::Visit { stream, sequence, source })
        }
    })?;
    Ok(gaps.len())
}

/// What a walk meets.
enum Step<'s> {
    Record(RecordRef<'s>),
    Gap { segment: u64, offset: u64, frames: Range<u64> },
}

type Meet<'m> = dyn FnMut(Step<'_>) -> Result<(), Error> + 'm;

/// Counts what is missing.
struct Survey {
    gaps: Vec<Gap>,
    /// Of each stream: its last record, and how many gaps there were before that.
    streams: Vec<(u64, usize)>,
    /// Records that are there.
    records: u64,
}

impl Survey {
    fn new(from: &Checkpoint) -> Self {
        let streams = from.positions().iter().map(|position| (*position, 0)).collect();
        Self { gaps: Vec::new(), streams, records: from.positions().iter().sum() }
    }

    fn note(&mut self, step: Step<'_>) {
        match step {
            Step::Gap { segment, offset, frames } => {
                let (behind, lost) = (self.records, Vec::new());
                self.gaps.push(Gap { segment, offset, frames, behind, lost });
            }
            Step::Record(record) => {
                let Some((last, gaps_before)) = self.streams.get_mut(record.stream.index()) else {
                    return;
                };
                let (first, sequence) = (*last + 1, record.sequence);
                if first < sequence
                    && let Some(gap) = self.gaps.get_mut(*gaps_before)
                {
                    let (stream, last) = (record.stream, sequence - 1);
                    gap.lost.push(LostRecords { stream, first, last });
                }
                (*last, *gaps_before) = (sequence, self.gaps.len());
                self.records += 1;
            }
        }
    }

    fn finish(mut self) -> Vec<Gap> {
        let mut lost = 0;
        for gap in &mut self.gaps {
            gap.behind += lost;
            lost += gap.lost_records();
        }
        self.gaps
    }
}

/// A frame of one copy, and where it lies in the journal if that has it.
struct Candidate<'b> {
    frame: Frame<'b>,
    offset: Option<u64>,
}

struct Walk {
    tip: Tip,
    /// Where the last whole group ends: its segment, and the place in that segment's journal.
    valid: (u64, u64),
    spill: Vec<u8>,
}

impl Walk {
    fn new(from: &Checkpoint) -> Self {
        Self { tip: from.tip, valid: (from.tip.sequence, 0), spill: Vec::new() }
    }

    fn run(mut self, copies: &mut dyn Copies, meet: &mut Meet<'_>) -> Result<(), Error> {
        let segments = copies.segments()?;
        let (mut journal, mut sled) = (Vec::new(), Vec::new());
        let mut is_open = false;
        for (index, &segment) in segments.iter().enumerate() {
            let end = segments.get(index + 1).copied().unwrap_or(u64::MAX);
            if segment >= self.tip.sequence {
                is_open = self.segment(copies, segment..end, (&mut journal, &mut sled), meet)?;
            }
        }
        match segments.last() {
            Some(&last) if last > self.tip.sequence => self.gap(last, meet),
            Some(_) | None if is_open => self.gap(u64::MAX, meet),
            Some(_) | None => Ok(()),
        }
    }

    /// Visits what is whole of a segment; tells whether there is more than a torn group behind it.
    fn segment(
        &mut self,
        copies: &mut dyn Copies,
        Range { start: segment, end }: Range<u64>,
        (journal, sled): (&mut Vec<u8>, &mut Vec<u8>),
        meet: &mut Meet<'_>,
    ) -> Result<bool, Error> {
        if segment == self.tip.sequence {
            self.valid = (segment, 0);
        }
        let unread = copies.read_journal(segment, journal)?;
        let length = self.chained(segment, journal, meet)?;
        if end == self.tip.sequence {
            return Ok(false);
        }
        // Whatever it gives is held against its checksums and the chain.
        copies.read_sled(segment, sled)?;
        let candidates = candidates(journal, length, sled, self.tip.sequence..end);
        let mut group: Vec<Frame<'_>> = Vec::new();
        let mut at = None;
        let mut rest = Vec::new();
        for Candidate { frame, offset } in candidates.into_values() {
            let header = frame.header;
            if !group.last().is_some_and(|last| goes_on(&last.header, &header)) {
                rest.append(&mut group);
                at = offset;
                if !header.first {
                    rest.push(frame);
                    continue;
                }
            }
            group.push(frame);
            if header.last {
                if self.group(segment, at, &group, meet)? {
                    rest.clear();
                }
                group.clear();
            }
        }
        rest.append(&mut group);
        let is_torn = |frame: &Frame<'_>| self.tip.admits(&frame.header);
        Ok(!rest.iter().all(is_torn) || unread > length)
    }

    /// Visits the groups at the head of a journal that continue the chain; gives where they end.
    fn chained(
        &mut self,
        segment: u64,
        journal: &[u8],
        meet: &mut Meet<'_>,
    ) -> Result<usize, Error> {
        let mut frames = Vec::new();
        let mut length = 0;
        while let Ok(Some(group)) = next_group(&self.tip, &journal[length..], &mut frames) {
            if !is_well_formed(&frames, &mut self.spill) {
                break;
            }
            visit(&frames, &mut self.spill, meet)?;
            self.tip = group.next;
            length += group.bytes.len();
            self.valid = (segment, length as u64);
        }
        Ok(length)
    }

    /// Visits a whole group, behind a gap if it does not continue the chain; false where it is
    /// nothing of this log.
    fn group(
        &mut self,
        segment: u64,
        at: Option<u64>,
        frames: &[Frame<'_>],
        meet: &mut Meet<'_>,
    ) -> Result<bool, Error> {
        let first = &frames[0].header;
        let follows = first.sequence == self.tip.sequence && self.tip.admits(first);
        let is_later = first.group >= self.tip.group && first.epoch >= self.tip.epoch;
        if !is_well_formed(frames, &mut self.spill) || !(follows || is_later) {
            return Ok(false);
        }
        if !follows {
            self.gap(first.sequence, meet)?;
            self.tip = Tip {
                epoch: first.epoch,
                sequence: first.sequence,
                group: first.group,
                hash: first.previous,
            };
        }
        visit(frames, &mut self.spill, meet)?;
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes).copied().collect();
        self.tip = self.tip.after(first.epoch, frames.len(), &bytes);
        let offset = at.map(|at| at + bytes.len() as u64);
        self.valid = (segment, offset.unwrap_or(self.valid.1));
        Ok(true)
    }

    fn gap(&self, to: u64, meet: &mut Meet<'_>) -> Result<(), Error> {
        let (segment, offset) = self.valid;
        meet(Step::Gap { segment, offset, frames: self.tip.sequence..to })
    }
}

/// The intact frames of both copies in a range, in order: of the journal behind `length`. Where the
/// two have different ones in one place, nothing can say which is right, and neither counts.
fn candidates<'b>(
    journal: &'b [u8],
    length: usize,
    sled: &'b [u8],
    range: Range<u64>,
) -> BTreeMap<u64, Candidate<'b>> {
    let of_journal = intact_at(&journal[length..])
        .map(|(at, frame)| Candidate { frame, offset: Some((length + at) as u64) });
    let of_sled = intact_at(sled).map(|(_at, frame)| Candidate { frame, offset: None });
    let mut candidates = BTreeMap::new();
    let mut conflicts = Vec::new();
    for candidate in of_journal.chain(of_sled) {
        let sequence = candidate.frame.header.sequence;
        if !range.contains(&sequence) {
            continue;
        }
        match candidates.entry(sequence) {
            Entry::Vacant(place) => {
                place.insert(candidate);
            }
            Entry::Occupied(had) if had.get().frame.bytes != candidate.frame.bytes => {
                conflicts.push(sequence);
            }
            Entry::Occupied(_same) => {}
        }
    }
    candidates.retain(|sequence, _candidate| !conflicts.contains(sequence));
    candidates
}

/// Whether a frame is the next of the same group.
fn goes_on(last: &Header, next: &Header) -> bool {
    !next.first
        && last.sequence + 1 == next.sequence
        && last.group == next.group
        && last.epoch == next.epoch
        && last.previous == next.previous
}

/// Whether all records of a group can be read.
fn is_well_formed(frames: &[Frame<'_>], spill: &mut Vec<u8>) -> bool {
    let mut unpacker = Unpacker::new(frames);
    loop {
        match unpacker.next(spill) {
            Ok(Some(_record)) => {}
            Ok(None) => return true,
            Err(crate::group::Malformed) => return false,
        }
    }
}

fn visit(frames: &[Frame<'_>], spill: &mut Vec<u8>, meet: &mut Meet<'_>) -> Result<(), Error> {
    let mut unpacker = Unpacker::new(frames);
    while let Ok(Some(record)) = unpacker.next(spill) {
        meet(Step::Record(record))?;
    }
    Ok(())
}
