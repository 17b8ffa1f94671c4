//! Which snapshots are kept, and from which of them on the log is.
//!
//! A log that is cut begins at a snapshot: that holds what the records before came to, and is the
//! only thing that does. So snapshots are kept as milestones, an eighth of the retention apart, and
//! the log is cut at the oldest of them once that is older than the retention: by one at a time, so
//! that a mistake about the time does not cost more.
//!
//! ```text
//!            cut here                          kept in any case
//!   ┄┄┄┄┄┄┄┄┄┄┄┄┃━━━━━━━━━━┃━━━━━━━━━━┃━━━━━━━━━━┃━━━━━━┃━━━ live
//!   older than the retention │    milestones    older  newest
//! ```
//!
//! Invariant: the two newest snapshots are kept, and the one that the log begins at; nothing is let go
//! of that is younger than the retention, or behind the older of the two newest.
//!
//! Not here: deleting; see `snapshotter.rs`.

use std::time::Duration;

/// How many snapshots are always kept: the newest, and one in case that is damaged.
const NEWEST: usize = 2;

/// Into how many parts milestones divide the retention.
const PARTS: u32 = 8;

/// A snapshot, by the frame that names it, and how long ago it was made, about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Aged {
    pub(crate) frame: u64,
    pub(crate) age: Duration,
}

/// What is to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    /// Snapshots, the newest first.
    pub(crate) snapshots: Vec<u64>,
    /// Before which second copies are needless: the older of the two newest.
    pub(crate) proven: Option<u64>,
}

/// The snapshot at which a log is to begin that begins with the frame `beginning`, of these, the newest
/// first; `None` where it is to begin as it does.
pub(crate) fn next_beginning(
    snapshots: &[Aged],
    beginning: u64,
    retention: Duration,
) -> Option<u64> {
    let mut milestones = snapshots.iter().skip(NEWEST).rev();
    let next = milestones.find(|snapshot| snapshot.frame > beginning)?;
    (next.age >= retention).then_some(next.frame)
}

/// Plans for snapshots, the newest first, of a log that begins with the frame `beginning`.
pub(crate) fn plan(snapshots: &[Aged], beginning: u64, retention: Option<Duration>) -> Plan {
    let (newest, others) = snapshots.split_at(snapshots.len().min(NEWEST));
    let proven = newest.get(NEWEST - 1).map(|snapshot| snapshot.frame);
    let mut kept: Vec<u64> = Vec::new();
    let mut last_age = None;
    for Aged { frame, age } in others.iter().rev().copied() {
        if frame < beginning {
            continue;
        }
        let is_milestone = retention.is_some_and(|retention| {
            last_age.is_none_or(|last: Duration| last.saturating_sub(age) >= retention / PARTS)
        });
        if frame == beginning || is_milestone {
            kept.push(frame);
            last_age = Some(age);
        }
    }
    kept.extend(newest.iter().rev().map(|snapshot| snapshot.frame));
    kept.reverse();
    Plan { snapshots: kept, proven }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    /// Snapshots by frame and age in hours.
    fn aged(snapshots: &[(u64, u64)]) -> Vec<Aged> {
        let aged = |(frame, hours): &(u64, u64)| Aged {
            frame: *frame,
            age: Duration::from_secs(hours * 3_600),
        };
        snapshots.iter().map(aged).collect()
    }

    /// Where the log is cut, and what is kept then.
    fn of(snapshots: &[(u64, u64)], beginning: u64, days: Option<u64>) -> (Vec<u64>, Option<u64>) {
        let snapshots = aged(snapshots);
        let retention = days.map(|days| Duration::from_secs(days * DAY));
        let cut = retention.and_then(|retention| next_beginning(&snapshots, beginning, retention));
        let plan = plan(&snapshots, cut.unwrap_or(beginning), retention);
        assert_eq!(plan.proven, snapshots.get(1).map(|snapshot| snapshot.frame));
        (plan.snapshots, cut)
    }

    #[test]
    fn where_all_is_kept_two_snapshots_are() {
        assert_eq!(of(&[], 1, None), (vec![], None));
        assert_eq!(of(&[(9, 0)], 1, None), (vec![9], None));
        assert_eq!(of(&[(9, 0), (7, 500), (5, 900)], 1, None), (vec![9, 7], None));
    }

    #[test]
    fn the_snapshot_that_the_log_begins_at_stays() {
        let snapshots = [(9, 0), (7, 1), (6, 2), (5, 900)];
        assert_eq!(of(&snapshots, 5, None), (vec![9, 7, 5], None));
        // Switched on again with a longer span, for which there is a milestone.
        assert_eq!(of(&snapshots, 5, Some(90)), (vec![9, 7, 6, 5], None));
    }

    #[test]
    fn milestones_are_an_eighth_apart() {
        // Eight days: one for each day.
        let hourly: Vec<(u64, u64)> = (0..72).map(|hours| (1_000 - hours, hours)).collect();
        let (kept, cut) = of(&hourly, 1, Some(8));
        assert_eq!((kept, cut), (vec![1_000, 999, 977, 953, 929], None));
    }

    #[test]
    fn the_log_is_cut_by_one_milestone_at_a_time() {
        let snapshots = [(90, 0), (80, 1), (70, 30), (60, 180), (50, 192), (40, 216), (30, 240)];
        assert_eq!(of(&snapshots, 1, Some(8)), (vec![90, 80, 70, 50, 40, 30], Some(30)));
        assert_eq!(of(&snapshots, 30, Some(8)), (vec![90, 80, 70, 50, 40], Some(40)));
        assert_eq!(of(&snapshots, 40, Some(8)), (vec![90, 80, 70, 50], Some(50)));
        assert_eq!(of(&snapshots, 50, Some(8)), (vec![90, 80, 70, 50], None));
        // What the two newest stand for stays, however old it is.
        assert_eq!(of(&[(90, 500), (80, 600)], 1, Some(8)), (vec![90, 80], None));
    }

    #[test]
    fn a_log_that_cannot_be_cut_keeps_milestones_alone() {
        let hourly: Vec<(u64, u64)> = (0..400).map(|hours| (1_000 - hours, hours)).collect();
        let kept = plan(&aged(&hourly), 1, Some(Duration::from_secs(8 * DAY))).snapshots;
        assert_eq!(kept.len(), 2 + 17, "the two newest, and one for each day");
        assert!(kept.contains(&601), "where it is to be cut, once it can be");
    }
}
