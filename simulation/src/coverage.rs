//! What was ever reached, and how often: a simulation that never meets a fault proves nothing.

use std::{collections::BTreeMap, fmt};

/// Counts by name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Coverage(BTreeMap<&'static str, u64>);

/// Everything that enough seeds must reach.
const EXPECTED: &[&str] = &[
    "answer: changes nothing",
    "answer: contradicts",
    "answer: recorded",
    "answer: to nobody",
    "call: approve",
    "call: approve-unheard",
    "call: act",
    "call: decline",
    "call: decline-unheard",
    "call: delayed",
    "call: inquiry",
    "call: lost",
    "call: not-sent",
    "call: pend",
    "call: too late to be sent",
    "callback: confused",
    "callback: denial",
    "callback: truth",
    "crash: after a call, before its answer",
    "crash: after release, before its call",
    "crash: after the log failed",
    "crash: between append and durable",
    "crash: between decision and append",
    "crash: between durable and release",
    "crash: in recovery",
    "crash: in the middle of a commit",
    "crash: with the power",
    "damage: cut",
    "damage: flip",
    "damage: grow",
    "damage: in both copies",
    "damage: journal",
    "damage: misdirect",
    "damage: sled",
    "damage: unread",
    "damage: zero",
    "delayed call: arrives",
    "delayed call: too late",
    "disk: a record over several frames",
    "disk: commit fails by plan",
    "disk: full while a group is written",
    "disk: no room for new work",
    "disk: slow, many records in a group",
    "keys: forgotten",
    "keys: taken again",
    "method: card",
    "method: card that expires",
    "method: netbanking",
    "method: upi",
    "method: wallet",
    "payment: authorized",
    "payment: completed",
    "payment: expired",
    "payment: failed",
    "payment: processing",
    "payment: requires_action",
    "payment: unknown",
    "heard: act",
    "heard: late yes",
    "heard: later",
    "heard: no",
    "heard: nothing certain",
    "heard: yes",
    "heard: yes, then no",
    "read: at once",
    "read: behind the log",
    "read: nothing there",
    "recovery: cut a torn group",
    "recovery: first start",
    "recovery: healed the journal",
    "recovery: kept what nobody was told",
    "recovery: lost what nobody was told",
    "recovery: rebuilt sled",
    "recovery: refused a damaged log",
    "recovery: refused what cannot be read",
    "recovery: several segments",
    "recovery: trimmed the journal",
    "reply: card expired",
    "reply: in progress",
    "reply: new payment",
    "reply: other request",
    "reply: payment settled",
    "reply: same payment",
    "reply: stopping",
    "reply: storage full",
    "reply: too large",
    "reply: unknown",
    "snapshot: lost",
    "snapshot: nothing new",
    "snapshot: passed over for an observer",
    "snapshot: the first",
    "snapshot: upon another",
    "snapshot: used at a start",
    "tick: asks a provider",
    "tick: expires",
    "tick: nothing due",
    "time: leaps to what is due",
    "time: wall clock back",
    "time: wall clock far ahead",
];

impl Coverage {
    /// This was reached.
    pub(crate) fn saw(&mut self, what: &'static str) {
        debug_assert!(EXPECTED.contains(&what), "{what} is on the list");
        *self.0.entry(what).or_default() += 1;
    }

    /// Adds what another play reached.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// What was never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        EXPECTED.iter().copied().filter(|what| !self.0.contains_key(what)).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, count)| writeln!(f, "{count:>12}  {what}"))
    }
}
