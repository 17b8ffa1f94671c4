//! A group's records, as the payload of its frames.
//!
//! ```text
//!  record  stream u16 │ sequence u64 │ length u32 │ bytes     (little-endian)
//!
//!  payload of the group   [record 1][record 2    ][record 3]
//!  split into frames      [frame a        ][frame b        ]   cut anywhere, also in a record
//! ```
//!
//! Frames are filled to the brim and only the last of a group is short: sled's cost is by
//! insert, so that a frame which is not full is wasted time.

use crate::{
    chain::Tip,
    error::RecordFault,
    frame::{self, Frame, HEADER, Header, MAX_PAYLOAD, field},
    record::{MAX_RECORD, Record, RecordRef, Stream},
};

/// Bytes before a record's content.
pub(crate) const RECORD_HEADER: usize = 2 + 8 + 4;

/// A group in the form in which it is stored; kept and refilled from group to group.
#[derive(Default, Debug)]
pub(crate) struct PackedGroup {
    bytes: Vec<u8>,
    /// Where each frame ends in `bytes`.
    ends: Vec<usize>,
    first_sequence: u64,
}

impl PackedGroup {
    /// Replaces the content by the frames of `records`, which follow `tip`.
    ///
    /// The records must have passed [`Positions::check`].
    pub(crate) fn pack(&mut self, tip: &Tip, epoch: u32, records: &[Record]) {
        self.bytes.clear();
        self.ends.clear();
        self.first_sequence = tip.sequence;
        let mut packer = Packer { group: self, tip, epoch, start: 0, count: 0 };
        packer.open_frame();
        for record in records {
            packer.put_record(record);
        }
        packer.close_frame(true);
    }

    /// The tip after the group. Apart from packing, because it costs a hash over all bytes, and
    /// only the next group needs it.
    pub(crate) fn tip_after(&self, tip: &Tip, epoch: u32) -> Tip {
        tip.after(epoch, self.ends.len(), &self.bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn frame_count(&self) -> usize {
        self.ends.len()
    }

    /// Every frame with its sequence.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(self.ends.iter().copied());
        (self.first_sequence..).zip(spans.map(|(start, end)| &self.bytes[start..end]))
    }
}

struct Packer<'a> {
    group: &'a mut PackedGroup,
    tip: &'a Tip,
    epoch: u32,
    /// Where the open frame starts.
    start: usize,
    /// Records that start in the open frame.
    count: u16,
}

impl Packer<'_> {
    fn put_record(&mut self, record: &Record) {
        if self.room() == 0 {
            self.next_frame();
        }
        self.count += 1;
        let length = u32::try_from(record.bytes.len()).expect("checked against MAX_RECORD");
        let mut header = [0; RECORD_HEADER];
        header[..2].copy_from_slice(&record.stream.0.to_le_bytes());
        header[2..10].copy_from_slice(&record.sequence.to_le_bytes());
        header[10..].copy_from_slice(&length.to_le_bytes());
        self.put(&header);
        self.put(&record.bytes);
    }

    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.room() == 0 {
                self.next_frame();
            }
            let (now, later) = bytes.split_at(bytes.len().min(self.room()));
            self.group.bytes.extend_from_slice(now);
            bytes = later;
        }
    }

    fn room(&self) -> usize {
        self.start + HEADER + MAX_PAYLOAD - self.group.bytes.len()
    }

    fn next_frame(&mut self) {
        self.close_frame(false);
        self.open_frame();
    }

    fn open_frame(&mut self) {
        self.start = self.group.bytes.len();
        self.count = 0;
        self.group.bytes.extend_from_slice(&[0; HEADER]);
    }

    fn close_frame(&mut self, last: bool) {
        let index = self.group.ends.len();
        let header = Header {
            first: index == 0,
            last,
            epoch: self.epoch,
            sequence: self.tip.sequence + index as u64,
            group: self.tip.group,
            count: self.count,
            previous: self.tip.hash,
        };
        frame::seal(&mut self.group.bytes, self.start, &header);
        self.group.ends.push(self.group.bytes.len());
    }
}

/// Reads a group's records back, without a copy where a record lies in one frame.
pub(crate) struct Unpacker<'a> {
    frames: &'a [Frame<'a>],
    frame: usize,
    at: usize,
    started: u16,
}

/// The payload of an intact group makes no sense: no crash does this, only a foreign writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed;

impl<'a> Unpacker<'a> {
    pub(crate) fn new(frames: &'a [Frame<'a>]) -> Self {
        Self { frames, frame: 0, at: 0, started: 0 }
    }

    /// The next record; `spill` holds it where it spans frames.
    pub(crate) fn next<'s>(
        &mut self,
        spill: &'s mut Vec<u8>,
    ) -> Result<Option<RecordRef<'s>>, Malformed>
    where
        'a: 's,
    {
        if !self.skip_exhausted()? {
            return Ok(None);
        }
        self.started += 1;
        let mut header = [0; RECORD_HEADER];
        if let Some(bytes) = self.take_within(RECORD_HEADER) {
            header.copy_from_slice(bytes);
        } else {
            self.take_across(RECORD_HEADER, spill)?;
            header.copy_from_slice(spill);
        }
        let length = usize::try_from(u32::from_le_bytes(field(&header, 10)))
            .expect("the platform addresses 32 bits");
        if length > MAX_RECORD {
            return Err(Malformed);
        }
        let bytes = if let Some(bytes) = self.take_within(length) {
            bytes
        } else {
            self.take_across(length, spill)?;
            spill.as_slice()
        };
        Ok(Some(RecordRef {
            stream: Stream(u16::from_le_bytes(field(&header, 0))),
            sequence: u64::from_le_bytes(field(&header, 2)),
            bytes,
        }))
    }

    fn take_within(&mut self, length: usize) -> Option<&'a [u8]> {
        let bytes = self.frames[self.frame].payload().get(self.at..self.at + length)?;
        self.at += length;
        Some(bytes)
    }

    fn take_across(&mut self, length: usize, spill: &mut Vec<u8>) -> Result<(), Malformed> {
        spill.clear();
        while spill.len() < length {
            if !self.skip_exhausted()? {
                return Err(Malformed);
            }
            let rest = &self.frames[self.frame].payload()[self.at..];
            let now = rest.len().min(length - spill.len());
            spill.extend_from_slice(&rest[..now]);
            self.at += now;
        }
        Ok(())
    }

    /// Steps to a frame with bytes left, and checks the count of each frame it leaves behind;
    /// false at the end of the group.
    fn skip_exhausted(&mut self) -> Result<bool, Malformed> {
        while let Some(frame) = self.frames.get(self.frame) {
            if self.at < frame.payload().len() {
                return Ok(true);
            }
            if self.started != frame.header.count {
                return Err(Malformed);
            }
            if self.frame + 1 == self.frames.len() {
                return Ok(false);
            }
            self.frame += 1;
            self.at = 0;
            self.started = 0;
        }
        Ok(false)
    }
}

/// The last sequence of every stream. Invariant: each stream's records are contiguous from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Positions(Vec<u64>);

impl Positions {
    pub(crate) fn new(streams: u16) -> Self {
        Self(vec![0; usize::from(streams)])
    }

    pub(crate) fn as_slice(&self) -> &[u64] {
        &self.0
    }

    /// How many records there are of all streams.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Whether the group continues its streams without a gap; changes nothing if not.
    pub(crate) fn check(&mut self, group: &[Record]) -> Result<(), RecordFault> {
        let mut taken = 0;
        let verdict = group.iter().try_for_each(|record| {
            record.check_size()?;
            self.advance(record.stream, record.sequence)?;
            taken += 1;
            Ok(())
        });
        if verdict.is_err() {
            for record in &group[..taken] {
                self.0[record.stream.index()] -= 1;
            }
        }
        verdict
    }

    /// Takes one record into account.
    pub(crate) fn advance(&mut self, stream: Stream, sequence: u64) -> Result<(), RecordFault> {
        let streams = self.0.len();
        let Some(position) = self.0.get_mut(stream.index()) else {
            return Err(RecordFault::Stream { stream, streams });
        };
        if sequence != *position + 1 {
            let expected = *position + 1;
            return Err(RecordFault::Sequence { stream, expected, found: sequence });
        }
        *position = sequence;
        Ok(())
    }
}

impl FromIterator<u64> for Positions {
    fn from_iter<T: IntoIterator<Item = u64>>(positions: T) -> Self {
        Self(positions.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chain::next_group;

    fn unpack(bytes: &[u8], tip: &Tip) -> Result<Vec<Record>, Malformed> {
        let mut frames = Vec::new();
        next_group(tip, bytes, &mut frames).unwrap().unwrap();
        let (mut unpacker, mut spill) = (Unpacker::new(&frames), Vec::new());
        let mut records = Vec::new();
        while let Some(record) = unpacker.next(&mut spill)? {
            records.push(Record {
                stream: record.stream,
                sequence: record.sequence,
                bytes: record.bytes.to_vec(),
            });
        }
        Ok(records)
    }

    fn group(lengths: &[usize]) -> Vec<Record> {
        (1..)
            .zip(lengths)
            .map(|(sequence, &length)| Record {
                stream: Stream(3),
                sequence,
                bytes: (0..=250).cycle().take(length).collect(),
            })
            .collect()
    }

    #[test]
    fn records_survive_at_every_cut_between_frames() {
        // The second record's header and content meet the frame's edge at every offset.
        for length in MAX_PAYLOAD - 2 * RECORD_HEADER - 2..=MAX_PAYLOAD + 1 {
            let records = group(&[length, 5, 0]);
            let mut packed = PackedGroup::default();
            packed.pack(&Tip::GENESIS, 1, &records);
            let next = packed.tip_after(&Tip::GENESIS, 1);
            assert_eq!(next.sequence, 1 + packed.frame_count() as u64);
            assert_eq!(unpack(packed.bytes(), &Tip::GENESIS), Ok(records));
        }
    }

    #[test]
    fn a_wrong_count_is_malformed() {
        let mut packed = PackedGroup::default();
        packed.pack(&Tip::GENESIS, 1, &group(&[5, 5]));
        let frame = Frame::parse(packed.bytes()).unwrap();
        let header = Header { count: 1, ..frame.header };
        let mut forged = frame.bytes[..frame.bytes.len() - frame::TRAILER].to_vec();
        frame::seal(&mut forged, 0, &header);
        assert_eq!(unpack(&forged, &Tip::GENESIS), Err(Malformed));
    }

    #[test]
    fn positions_refuse_gaps_and_keep_what_they_had() {
        let mut positions = Positions::new(4);
        let mut records = group(&[1, 1, 1]);
        records[2].sequence = 4;
        let fault = RecordFault::Sequence { stream: Stream(3), expected: 3, found: 4 };
        assert_eq!(positions.check(&records), Err(fault));
        assert_eq!(positions.as_slice(), [0; 4]);
        records[2].sequence = 3;
        positions.check(&records).unwrap();
        assert_eq!(positions.as_slice(), [0, 0, 0, 3]);
        records[0] = Record { stream: Stream(4), sequence: 1, bytes: vec![] };
        let fault = RecordFault::Stream { stream: Stream(4), streams: 4 };
        assert_eq!(positions.check(&records[..1]), Err(fault));
    }

    proptest! {
        #[test]
        fn any_group_comes_back(lengths in prop::collection::vec(0..9000_usize, 1..20)) {
            let records = group(&lengths);
            let mut packed = PackedGroup::default();
            packed.pack(&Tip::GENESIS, 1, &records);
            let payload: usize = lengths.iter().map(|length| length + RECORD_HEADER).sum();
            prop_assert_eq!(packed.frame_count(), payload.div_ceil(MAX_PAYLOAD));
            prop_assert_eq!(unpack(packed.bytes(), &Tip::GENESIS), Ok(records));
        }
    }
}
