//! A payment provider with a ledger of its own: the truth that ours has to agree with in the end.
//!
//! What has no outcome there is told to whoever asks. Only where the provider changes what it had
//! decided, or has told what was not so, does it owe us a word of its own; it keeps a list of those.
//!
//! Invariant: it is never asked to authorize one attempt twice, nor to carry out an operation again
//! that may have reached it.

mod books;
mod operations;

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::{
    AttemptId, CaptureMode, DeclineCode, Millis, NextAction, OperationId, PaymentId, PaymentIntent,
    PaymentMethod, ProviderOutcome, ProviderReceipt, Timestamp,
};

pub(crate) use self::operations::{Job, JobStands, Task};
use crate::step::Fate;

/// How long after an attempt began a call may still arrive: from then on an inquiry that finds
/// nothing is believed.
pub(crate) const HORIZON: Millis = Millis::from_seconds(120);

/// The provider.
#[derive(Default)]
pub(crate) struct Provider {
    ledger: BTreeMap<AttemptId, Booking>,
    /// Attempts that it was ever asked to authorize, whether or not the call arrived.
    asked: BTreeSet<AttemptId>,
    /// What was ever to be done to an attempt, as far as it arrived.
    jobs: BTreeMap<OperationId, (Job, JobStands)>,
    /// Operations of which a call may have arrived.
    ordered: BTreeSet<OperationId>,
    /// Calls that are under way for long.
    delayed: Vec<Delayed>,
    /// Of what it owes us a word that nobody will ask for.
    owes_word: BTreeSet<Word>,
}

/// A call that is under way for long.
enum Delayed {
    Charge(Charge),
    Job(Job),
}

/// What a provider can call us about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Word {
    Attempt(PaymentId, AttemptId),
    Operation(PaymentId, OperationId),
}

/// What a provider is asked to charge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    pub(crate) payment: PaymentId,
    pub(crate) attempt: AttemptId,
    pub(crate) minor_units: i64,
    pub(crate) capture: CaptureMode,
    pub(crate) by_upi: bool,
    pub(crate) began: Timestamp,
}

/// An attempt in the provider's ledger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Booking {
    pub(crate) charge: Charge,
    pub(crate) stands: Stands,
    /// What was reserved is not there any more: let go by us, or by itself.
    pub(crate) gone: bool,
}

/// Where an attempt stands at the provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stands {
    Approved,
    /// Approved, and taken back by its own doing.
    TakenBack,
    Declined,
    /// Called off before it was approved.
    CalledOff,
    ActionRequired,
    Pending,
}

impl Charge {
    pub(crate) fn of(intent: &PaymentIntent, attempt: AttemptId, began: Timestamp) -> Self {
        Self {
            payment: intent.id,
            attempt,
            minor_units: intent.money.amount.minor_units(),
            capture: intent.provider_capture(),
            by_upi: matches!(intent.method, PaymentMethod::Upi(_)),
            began,
        }
    }
}

impl Provider {
    /// A call to authorize: what we are told, where we are told anything certain.
    pub(crate) fn authorize(
        &mut self,
        charge: Charge,
        fate: Fate,
        now: Timestamp,
    ) -> ProviderOutcome {
        if is_past_horizon(charge.began, now) {
            // As the gateway's worker does: an inquiry may have been believed by now.
            return ProviderOutcome::NotSent;
        }
        let first = self.asked.insert(charge.attempt);
        assert!(first, "attempt {} was sent twice", charge.attempt);
        let stands = match fate {
            Fate::NotSent => return ProviderOutcome::NotSent,
            Fate::Lost => return ProviderOutcome::Unknown,
            Fate::Delayed => {
                self.delayed.push(Delayed::Charge(charge));
                return ProviderOutcome::Unknown;
            }
            Fate::Approve | Fate::ApproveUnheard => Stands::Approved,
            Fate::Decline | Fate::DeclineUnheard => Stands::Declined,
            Fate::Act => Stands::ActionRequired,
            Fate::Pend => Stands::Pending,
        };
        self.ledger.insert(charge.attempt, Booking { charge, stands, gone: false });
        match fate {
            Fate::ApproveUnheard | Fate::DeclineUnheard => ProviderOutcome::Unknown,
            Fate::Approve
            | Fate::Decline
            | Fate::Act
            | Fate::Pend
            | Fate::NotSent
            | Fate::Lost
            | Fate::Delayed => told(&charge, stands),
        }
    }

    /// An inquiry.
    pub(crate) fn inquire(
        &self,
        attempt: AttemptId,
        began: Timestamp,
        fate: Fate,
        now: Timestamp,
    ) -> ProviderOutcome {
        match fate {
            Fate::Lost | Fate::Delayed | Fate::NotSent => return ProviderOutcome::Unknown,
            Fate::Approve
            | Fate::Decline
            | Fate::Act
            | Fate::Pend
            | Fate::ApproveUnheard
            | Fate::DeclineUnheard => {}
        }
        match self.ledger.get(&attempt) {
            Some(booking) => told(&booking.charge, booking.stands),
            None => ProviderOutcome::NotFound { past_horizon: is_past_horizon(began, now) },
        }
    }

    /// A call that was long under way arrives, or never will.
    pub(crate) fn arrive(&mut self, which: usize, fate: Fate, now: Timestamp) -> bool {
        match self.delayed.swap_remove(which) {
            Delayed::Charge(charge) => {
                if is_past_horizon(charge.began, now) {
                    return false;
                }
                let stands = Stands::of(fate);
                self.ledger.insert(charge.attempt, Booking { charge, stands, gone: false });
                true
            }
            Delayed::Job(job) => self.job_arrives(job, fate, now),
        }
    }

    /// The provider or its customer makes up its mind; what was approved can only be taken back, and
    /// what is reserved can lapse.
    pub(crate) fn settle(&mut self, attempt: AttemptId, fate: Fate) -> Stands {
        let booking = self.ledger.get_mut(&attempt).expect("an attempt of this ledger");
        let before = booking.stands;
        booking.stands = match (before, Stands::of(fate)) {
            (Stands::Approved, Stands::Declined) => Stands::TakenBack,
            (Stands::Approved, Stands::ActionRequired)
                if booking.charge.capture == CaptureMode::Manual =>
            {
                booking.gone = true;
                before
            }
            (Stands::Approved | Stands::TakenBack | Stands::CalledOff, _) => before,
            (Stands::Declined, Stands::Approved) => Stands::Approved,
            (Stands::Declined, _) => Stands::Declined,
            (Stands::ActionRequired | Stands::Pending, stands) => stands,
        };
        let (after, payment) = (booking.stands, booking.charge.payment);
        if before != after && before.is_decided() {
            self.owes_word.insert(Word::Attempt(payment, attempt));
        }
        after
    }

    /// What it has told of this was not so.
    pub(crate) fn owe_word(&mut self, word: Word) {
        self.owes_word.insert(word);
    }

    /// Everything that it owes us a word of.
    pub(crate) fn owed_words(&self) -> Vec<Word> {
        self.owes_word.iter().copied().collect()
    }

    /// What a truthful callback says.
    pub(crate) fn truth(&self, attempt: AttemptId) -> ProviderOutcome {
        self.ledger
            .get(&attempt)
            .map(|booking| told(&booking.charge, booking.stands))
            .expect("an attempt of this ledger")
    }

    pub(crate) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    /// Every attempt in the ledger.
    pub(crate) fn attempts(&self) -> Vec<(PaymentId, AttemptId)> {
        self.ledger.values().map(|found| (found.charge.payment, found.charge.attempt)).collect()
    }

    pub(crate) fn booking(&self, attempt: AttemptId) -> Option<&Booking> {
        self.ledger.get(&attempt)
    }
}

impl Stands {
    /// Whether nothing follows by itself.
    pub(crate) fn is_decided(self) -> bool {
        match self {
            Self::Approved | Self::TakenBack | Self::Declined | Self::CalledOff => true,
            Self::ActionRequired | Self::Pending => false,
        }
    }

    fn of(fate: Fate) -> Self {
        match fate {
            Fate::Approve | Fate::ApproveUnheard => Self::Approved,
            Fate::Decline | Fate::DeclineUnheard | Fate::NotSent => Self::Declined,
            Fate::Act => Self::ActionRequired,
            Fate::Pend | Fate::Lost | Fate::Delayed => Self::Pending,
        }
    }
}

fn is_past_horizon(began: Timestamp, now: Timestamp) -> bool {
    now.since(began) > HORIZON
}

fn told(charge: &Charge, stands: Stands) -> ProviderOutcome {
    match stands {
        Stands::Approved => ProviderOutcome::Approved(receipt(charge.attempt)),
        Stands::TakenBack | Stands::Declined | Stands::CalledOff => {
            ProviderOutcome::Declined(DeclineCode::InsufficientFunds)
        }
        Stands::ActionRequired => action_required(charge.by_upi),
        Stands::Pending => ProviderOutcome::Pending,
    }
}

/// What a provider says that boasts of an approval.
pub(crate) fn boast(attempt: AttemptId) -> ProviderOutcome {
    ProviderOutcome::Approved(receipt(attempt))
}

/// What comes with an approval.
pub(crate) fn receipt(attempt: AttemptId) -> ProviderReceipt {
    ProviderReceipt {
        external_id: format!("ext {attempt}").into(),
        rrn: "600115000001".into(),
        approval_code: "A1B2C3".into(),
    }
}

/// What a customer is asked to do.
pub(crate) fn action_required(by_upi: bool) -> ProviderOutcome {
    let action = if by_upi {
        NextAction::ApproveUpi { payee_vpa: "shop@okbank".into(), reference: "att_1".into() }
    } else {
        NextAction::Redirect { url: "https://bank.example/3ds".into() }
    };
    ProviderOutcome::ActionRequired { action }
}
