//! What happens to the log's bytes while nobody looks.

use super::{Play, pick};
use crate::step::{Copy, Damage, DamageKind};

impl Play<'_> {
    /// Damages the log; tells whether there was anything to damage.
    pub(super) fn damage(&mut self, damage: Damage) -> bool {
        let Damage { copy, kind, segment, at } = damage;
        let mut names = self.disk.segments();
        names.retain(|name| {
            let mut empty = true;
            self.disk.damage_journal(*name, |journal| empty = journal.is_empty());
            // What a snapshot stands for is not read, so that damage there would stay, and meet the
            // start that needs it after all.
            !empty && *name >= self.shelf.reaches()
        });
        names.reverse();
        let Some(segment) = pick(segment, names.len()).map(|index| names[index]) else {
            return false;
        };
        if copy != Copy::Both && self.scars.get(&segment).is_some_and(|scarred| *scarred != copy) {
            return false;
        }
        self.scars.insert(segment, copy);
        let at = usize::try_from(at).expect("the platform addresses 32 bits");
        // Both copies, at their common end, is where a crash and a damage look alike.
        let end = match copy {
            Copy::Both if segment >= self.last_group.0 => self.last_group.1,
            Copy::Both | Copy::Journal | Copy::Sled => usize::MAX,
        };
        if end == 0 || (copy == Copy::Both && kind == DamageKind::Cut) {
            return false;
        }
        if matches!(copy, Copy::Journal | Copy::Both) {
            let mut length = 0;
            self.disk.damage_journal(segment, |journal| {
                length = journal.len();
                spoil(journal, kind, at, end);
            });
            if kind == DamageKind::Unread {
                let from = at % length.min(end);
                let to = length.min(end).min(from + 4096);
                self.disk.fail_journal_reads(segment, from..to);
            }
        }
        if matches!(copy, Copy::Sled | Copy::Both) {
            self.disk.damage_sled(segment, |sled| spoil(sled, kind, at, end));
            if kind == DamageKind::Unread {
                self.disk.fail_sled_reads(segment);
            }
        }
        self.coverage.saw(match copy {
            Copy::Journal => "damage: journal",
            Copy::Sled => "damage: sled",
            Copy::Both => "damage: in both copies",
        });
        self.coverage.saw(match kind {
            DamageKind::Flip => "damage: flip",
            DamageKind::Zero => "damage: zero",
            DamageKind::Misdirect => "damage: misdirect",
            DamageKind::Cut => "damage: cut",
            DamageKind::Grow => "damage: grow",
            DamageKind::Unread => "damage: unread",
        });
        true
    }
}

pub(super) fn spoil(bytes: &mut Vec<u8>, kind: DamageKind, at: usize, end: usize) {
    let end = end.min(bytes.len());
    if end == 0 {
        return;
    }
    let at = at % end;
    let sector = at..end.min(at + 512);
    match kind {
        DamageKind::Flip => bytes[at] ^= 1 << (at % 8),
        DamageKind::Zero => bytes[sector].fill(0),
        DamageKind::Misdirect => {
            // What belongs to the end of the file was written here instead.
            let from = bytes.len() - sector.len();
            let lost = bytes[from..].to_vec();
            if end == bytes.len() {
                bytes[from..].fill(0);
            }
            bytes[sector].copy_from_slice(&lost);
        }
        DamageKind::Cut => bytes.truncate(at),
        DamageKind::Grow => bytes.extend([0x5a; 100]),
        DamageKind::Unread => {}
    }
}
