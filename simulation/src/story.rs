//! A play as data: a seed and its steps, made by chance, written as text and read again.
//!
//! Each seed has its own taste: how slow the disk is, how often the process dies, how far time
//! leaps. What never happens together in one play does in another.

use std::{fmt, str::FromStr};

use tollgate_wal::store::faulty::Kept;

use crate::{
    chance::Chance,
    step::{
        Ask, Claim, Coin, Copy, Crash, Damage, DamageKind, Deed, Fate, Method, NewOrder, Pay, Size,
        Step, Verdict,
    },
};

/// Steps of one play: enough that payments settle, expire and are asked for again, and few enough
/// that a thousand plays are a matter of seconds.
const STEPS: u64 = 240;

/// A play.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Story {
    /// What ids, options and everything else come from that no step says.
    pub seed: u64,
    /// What happens.
    pub steps: Vec<Step>,
}

impl Story {
    /// The play of a seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut author = Author::new(seed);
        let steps = (0..STEPS).map(|_index| author.step()).collect();
        Self { seed, steps }
    }

    /// The same play with other steps.
    #[must_use]
    pub fn with_steps(&self, steps: Vec<Step>) -> Self {
        Self { seed: self.seed, steps }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl FromStr for Story {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let seed = lines.next().and_then(|line| line.strip_prefix("seed ")?.parse().ok());
        let seed = seed.ok_or("a story begins with its seed")?;
        Ok(Self { seed, steps: lines.map(str::parse).collect::<Result<_, _>>()? })
    }
}

/// Makes up steps.
struct Author {
    chance: Chance,
    /// Verbs, each as often as it weighs.
    verbs: Vec<Verb>,
    keys: u64,
    /// What becomes of calls: as much of each as it weighs.
    fates: Vec<Fate>,
    /// What the provider says unasked.
    claims: Vec<Claim>,
    longest_wait: u64,
    /// One wait in so many leaps to what is due next.
    patience: u64,
}

#[derive(Clone, std::marker::Copy)]
enum Verb {
    Pay,
    Order,
    Ask,
    Repeat,
    Decide,
    Leave,
    Read,
    Group,
    Release,
    Call,
    Arrive,
    Answer,
    Settle,
    Callback,
    SettleJob,
    CallbackJob,
    Nobody,
    Tick,
    Archive,
    Find,
    Wait,
    Jump,
    Space,
    Fail,
    Snapshot,
    Crash,
}

impl Author {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed ^ 0x5707_1e55);
        let slow_disk = chance.one_in(4);
        // Where little goes wrong, much is done.
        let calm = chance.one_in(3);
        let crashes = if calm { 0 } else { chance.pick(&[1, 2, 3, 8]) };
        let weights = [
            (Verb::Pay, chance.pick(&[8, 14, 24])),
            (Verb::Order, chance.pick(&[0, 2])),
            (Verb::Ask, if calm { 30 } else { chance.pick(&[0, 14, 28]) }),
            (Verb::Repeat, chance.pick(&[1, 4, 12])),
            (Verb::Decide, chance.pick(&[0, 0, 2])),
            (Verb::Leave, chance.pick(&[0, 1, 4])),
            (Verb::Read, chance.pick(&[2, 6])),
            (Verb::Group, if slow_disk { 4 } else { 22 }),
            (Verb::Release, if slow_disk { 6 } else { 22 }),
            (Verb::Call, 30),
            (Verb::Arrive, chance.pick(&[0, 4])),
            (Verb::Answer, 26),
            (Verb::Settle, chance.pick(&[2, 8])),
            (Verb::Callback, chance.pick(&[1, 8])),
            (Verb::SettleJob, chance.pick(&[1, 6])),
            (Verb::CallbackJob, chance.pick(&[1, 6])),
            (Verb::Nobody, 1),
            (Verb::Tick, chance.pick(&[4, 10])),
            (Verb::Archive, chance.pick(&[0, 3, 10])),
            (Verb::Find, chance.pick(&[4, 12])),
            (Verb::Wait, chance.pick(&[4, 10])),
            (Verb::Jump, if calm { 0 } else { chance.pick(&[0, 1]) }),
            (Verb::Space, chance.pick(&[0, 2])),
            (Verb::Fail, if calm { 0 } else { chance.pick(&[0, 1]) }),
            (Verb::Snapshot, chance.pick(&[0, 1, 4])),
            (Verb::Crash, crashes),
        ];
        let verbs =
            weights.into_iter().flat_map(|(verb, weight)| std::iter::repeat_n(verb, weight));
        Self {
            verbs: verbs.collect(),
            keys: chance.pick(&[2, 8, 24]),
            fates: fates(chance.pick(&[0, 8, 30])),
            claims: if chance.one_in(3) {
                Claim::ALL.to_vec()
            } else {
                let honest = Claim::ALL.iter().copied().filter(|claim| *claim != Claim::Boast);
                honest.collect()
            },
            longest_wait: if calm {
                chance.pick(&[200, 2_000])
            } else {
                chance.pick(&[2_000, 60_000, 3_600_000, 48 * 3_600_000])
            },
            patience: if calm { 8 } else { 2 },
            chance,
        }
    }

    fn step(&mut self) -> Step {
        let verb = self.chance.pick(&self.verbs);
        let chance = &mut self.chance;
        let which = chance.short() % 1_000;
        match verb {
            Verb::Pay => self.pay(),
            Verb::Order => self.order(),
            Verb::Ask => self.ask(which),
            Verb::Repeat => Step::Repeat(which, chance.one_in(5)),
            Verb::Decide => Step::Decide(which, chance.pick(Verdict::ALL)),
            Verb::Leave => Step::Leave(which),
            Verb::Read => Step::Read(which),
            Verb::Group => Step::Group,
            Verb::Release => Step::Release,
            Verb::Call => Step::Call(which, chance.pick(&self.fates)),
            Verb::Arrive => Step::Arrive(which, self.verdict()),
            Verb::Answer => Step::Answer(which, chance.one_in(6)),
            Verb::Settle => Step::Settle(which, self.verdict()),
            Verb::Callback => Step::Callback(which, chance.pick(&self.claims)),
            Verb::SettleJob => Step::SettleJob(which, self.verdict()),
            Verb::CallbackJob => Step::CallbackJob(which, chance.pick(&self.claims)),
            Verb::Nobody => Step::Nobody,
            Verb::Tick => Step::Tick(which),
            Verb::Archive => Step::Archive(which),
            Verb::Find => Step::Find(which),
            Verb::Wait if chance.one_in(self.patience) => Step::WaitDue,
            Verb::Wait => Step::Wait(chance.below(self.longest_wait)),
            Verb::Jump => {
                let span = i64::try_from(chance.below(30 * 86_400_000)).expect("a month");
                Step::Jump(if chance.one_in(2) { span } else { -span })
            }
            Verb::Space if chance.one_in(2) => Step::Space(None),
            Verb::Space => Step::Space(Some(chance.below(6_000))),
            Verb::Fail => Step::Fail(self.left(), self.left()),
            Verb::Snapshot => Step::Snapshot,
            Verb::Crash => Step::Crash(self.crash()),
        }
    }

    fn pay(&mut self) -> Step {
        let chance = &mut self.chance;
        let key = (!chance.one_in(5)).then(|| {
            let key = u8::try_from(chance.below(self.keys)).expect("few keys");
            (key, u8::from(chance.one_in(6)))
        });
        Step::Pay(Pay {
            merchant: chance.short() % 7,
            minor_units: chance.pick(&[1, 99, 10_000, 123_456, 999_999_999_999]),
            currency: chance.pick(Coin::ALL),
            manual: chance.one_in(3),
            method: chance.pick(Method::ALL),
            key,
            size: match chance.below(20) {
                0 => Size::Enormous,
                1..=3 => Size::Large,
                _ => Size::Small,
            },
            waiting: chance.one_in(2),
            review: chance.one_in(6),
            order: chance.one_in(4).then(|| chance.short() % 100),
        })
    }

    fn order(&mut self) -> Step {
        let chance = &mut self.chance;
        Step::Order(NewOrder {
            merchant: chance.short() % 7,
            minor_units: chance.pick(&[99, 10_000, 250_000, 999_999_999_999]),
            currency: chance.pick(Coin::ALL),
            key: (!chance.one_in(3)).then(|| {
                let key = u8::try_from(chance.below(self.keys)).expect("few keys");
                (key, u8::from(chance.one_in(6)))
            }),
        })
    }

    fn ask(&mut self, payment: u16) -> Step {
        let chance = &mut self.chance;
        // What is legal often is asked often.
        let deed = chance.pick(&[
            Deed::Confirm,
            Deed::Confirm,
            Deed::Capture,
            Deed::Capture,
            Deed::CapturePart,
            Deed::CapturePart,
            Deed::CaptureFinal,
            Deed::CaptureTooMuch,
            Deed::Void,
            Deed::Void,
            Deed::Reverse,
            Deed::Refund,
            Deed::RefundPart,
            Deed::RefundPart,
            Deed::RefundPart,
            Deed::RefundTooMuch,
            Deed::Approve,
            Deed::Reject,
        ]);
        let key = chance.one_in(2).then(|| u8::try_from(chance.below(200)).expect("below 200"));
        Step::Ask(Ask { payment, deed, key, waiting: chance.one_in(2) })
    }

    fn verdict(&mut self) -> Fate {
        self.chance.pick(&[Fate::Approve, Fate::Approve, Fate::Decline, Fate::Act, Fate::Pend])
    }

    fn left(&mut self) -> Kept {
        match self.chance.below(5) {
            0 => Kept::Nothing,
            1 => Kept::All,
            2 | 3 => Kept::Sectors(self.chance.word()),
            _ => Kept::Prefix(usize::try_from(self.chance.below(6_000)).expect("few bytes")),
        }
    }

    fn crash(&mut self) -> Crash {
        let committing = self.chance.one_in(2).then(|| (self.left(), self.left()));
        let power = self.chance.one_in(2).then(|| (self.left(), self.left()));
        let damage = self.chance.one_in(3).then(|| Damage {
            copy: self.chance.pick(&[
                Copy::Journal,
                Copy::Journal,
                Copy::Sled,
                Copy::Sled,
                Copy::Both,
            ]),
            kind: self.chance.pick(DamageKind::ALL),
            // Mostly the newest segment: it has the end, where damage and a crash look alike.
            segment: if self.chance.one_in(3) { self.chance.short() % 100 } else { 0 },
            at: u32::from(self.chance.short()),
        });
        let recovering = self.chance.one_in(4).then(|| self.chance.pick(&[0, 1, 2]));
        let (deciding, snapshot_lost) = (self.chance.one_in(6), self.chance.one_in(8));
        Crash { committing, power, deciding, damage, recovering, snapshot_lost }
    }
}

/// Every fate, and `approvals` approvals more.
fn fates(approvals: usize) -> Vec<Fate> {
    let mut fates = Fate::ALL.to_vec();
    fates.extend(std::iter::repeat_n(Fate::Approve, approvals));
    fates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_told_and_read_again() {
        for seed in 0..50 {
            let story = Story::of_seed(seed);
            assert_eq!(story.to_string().parse(), Ok(story));
        }
    }
}
