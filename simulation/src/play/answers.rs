//! What passes between the engine and the provider: calls, answers, callbacks.

use tollgate_domain::{
    AttemptId, DeclineCode, Effect, NextAction, OutcomeSource, PaymentId, ProviderOutcome,
    RecordProviderOutcome, Rejection, ShardId,
};
use tollgate_engine::{PreparedCall, Step as Decided};

use super::{
    Answered, Card, Client, Life, Play, START, expectation::compare, expectation::expect_inquiries,
    index_of, pick,
};
use crate::{
    model::Hearing,
    provider::{Charge, action_required},
    step::{Claim, Fate},
};

impl Play<'_> {
    pub(super) fn call(&mut self, life: &mut Life, which: u16, fate: Fate) {
        let Some(which) = pick(which, life.calls.len()) else { return };
        let PreparedCall { call, attachment, .. } = life.calls.remove(which).expect("picked");
        let (payment, attempt, began) = (call.intent.id, call.attempt, call.started_at);
        let now = self.time(life);
        let (source, outcome) = match call.effect {
            Effect::Authorize { .. } => {
                let card = attachment.expect("a card rides with the call").0;
                assert_eq!(self.cards.get(&payment), Some(&card), "the client's own card");
                let charge = Charge::of(&call.intent, attempt, began);
                let outcome = self.provider.authorize(charge, fate, now);
                let too_late = outcome == ProviderOutcome::NotSent && fate != Fate::NotSent;
                self.coverage.saw(if too_late {
                    "call: too late to be sent"
                } else {
                    called(fate)
                });
                (OutcomeSource::Call, outcome)
            }
            Effect::Inquire { .. } => {
                assert_eq!(attachment, None, "an inquiry needs no card");
                self.coverage.saw("call: inquiry");
                let outcome = self.provider.inquire(attempt, began, fate, now);
                (OutcomeSource::Inquiry, outcome)
            }
        };
        (self.tell)(format!("  {payment} will hear {outcome:?}"));
        life.answers.push(Answered { payment, attempt, source, outcome });
    }

    pub(super) fn arrive(&mut self, life: &Life, which: u16, fate: Fate) {
        let Some(which) = pick(which, self.provider.delayed()) else { return };
        let now = self.time(life);
        let arrived = self.provider.arrive(which, fate, now);
        self.coverage.saw(if arrived { "delayed call: arrives" } else { "delayed call: too late" });
    }

    pub(super) fn answer(&mut self, life: &mut Life, which: u16, twice: bool) {
        let Some(which) = pick(which, life.answers.len()) else { return };
        let Answered { payment, attempt, source, outcome } = life.answers.swap_remove(which);
        if twice {
            self.hear(life, payment, attempt, source, outcome.clone());
        }
        self.hear(life, payment, attempt, source, outcome);
    }

    pub(super) fn settle(&mut self, which: u16, fate: Fate) {
        let attempts = self.provider.attempts();
        let Some(which) = pick(which, attempts.len()) else { return };
        let stands = self.provider.settle(attempts[which].1, fate);
        (self.tell)(format!("  {} stands {stands:?} at the provider", attempts[which].0));
    }

    pub(super) fn callback(&mut self, life: &mut Life, which: u16, claim: Claim) {
        let attempts = self.provider.attempts();
        let Some(which) = pick(which, attempts.len()) else { return };
        let (payment, attempt) = attempts[which];
        let outcome = match claim {
            Claim::Truth => {
                self.coverage.saw("callback: truth");
                self.provider.truth(attempt)
            }
            Claim::Denial => {
                self.coverage.saw("callback: denial");
                ProviderOutcome::Declined(DeclineCode::GenericDecline)
            }
            Claim::Act | Claim::ActInVain | Claim::Pend | Claim::Unknown => {
                self.coverage.saw("callback: confused");
                confused(claim)
            }
        };
        self.hear(life, payment, attempt, OutcomeSource::Callback, outcome);
    }

    /// The provider is heard.
    pub(super) fn hear(
        &mut self,
        life: &mut Life,
        payment: PaymentId,
        attempt: AttemptId,
        source: OutcomeSource,
        outcome: ProviderOutcome,
    ) {
        let index = index_of(payment.shard());
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        assert!(
            self.models[index].payments.contains_key(&payment),
            "the provider was asked about {payment}, of which the log knows nothing"
        );
        let hearing = self.models[index].hear(payment, &outcome, now, &self.policy);
        let command = RecordProviderOutcome { payment, attempt, source, outcome };
        let step = life.shards[index].record_outcome(command, moment);
        let step = step.expect("what a provider reports is always accepted");
        let recorded = step.is_some();
        assert_eq!(recorded, hearing != Hearing::Nothing, "what is new is recorded, and only that");
        self.coverage.saw(match hearing {
            Hearing::Nothing => "answer: changes nothing",
            Hearing::Recorded => "answer: recorded",
            Hearing::Contradicted => "answer: contradicts",
        });
        let expected = &self.models[index].payments[&payment];
        let found = life.shards[index].state().payment(payment).expect("it is there");
        compare(found, expected);
        let Some(step) = step else { return };
        let asked = (hearing == Hearing::Contradicted).then_some(attempt);
        expect_inquiries(&step, &asked.into_iter().collect());
        let waits = if expected.is_final() { life.waiting.remove(&payment) } else { None };
        assert_eq!(step.reply.is_some(), waits.is_some(), "who waits is answered, once");
        if waits.is_some() {
            self.expect_answer(&step, payment, false);
            self.coverage.saw("reply: payment settled");
        }
        self.carry_out(life, payment.shard(), step, now);
    }

    pub(super) fn answer_nobody(&mut self, life: &mut Life) {
        let shard = ShardId(1 + self.chance.short() % self.shards);
        let payment = PaymentId::new(START, shard, self.chance.word());
        let attempt = AttemptId::new(START, shard, self.chance.word());
        let known = self.models[index_of(shard)].payments.keys().next().copied();
        let refusals = [
            Some((payment, Rejection::PaymentNotFound(payment))),
            known.map(|known| (known, Rejection::AttemptNotFound(attempt))),
        ];
        for (payment, refusal) in refusals.into_iter().flatten() {
            let (source, outcome) = (OutcomeSource::Callback, ProviderOutcome::Pending);
            let command = RecordProviderOutcome { payment, attempt, source, outcome };
            let moment = self.moment(life);
            let step: Result<Option<Decided<Client, Card>>, _> =
                life.shards[index_of(shard)].record_outcome(command, moment);
            assert_eq!(step.err(), Some(refusal));
        }
        self.coverage.saw("answer: to nobody");
    }
}

pub(super) fn called(fate: Fate) -> &'static str {
    match fate {
        Fate::Approve => "call: approve",
        Fate::Decline => "call: decline",
        Fate::Act => "call: act",
        Fate::Pend => "call: pend",
        Fate::ApproveUnheard => "call: approve-unheard",
        Fate::DeclineUnheard => "call: decline-unheard",
        Fate::NotSent => "call: not-sent",
        Fate::Lost => "call: lost",
        Fate::Delayed => "call: delayed",
    }
}

/// What a provider says that has lost its thread.
pub(super) fn confused(claim: Claim) -> ProviderOutcome {
    match claim {
        Claim::Act => action_required(false),
        // Nobody can follow half an address.
        Claim::ActInVain => {
            let url = "x".repeat(NextAction::MAX_URL + 1).into();
            ProviderOutcome::ActionRequired { action: NextAction::Redirect { url } }
        }
        Claim::Pend => ProviderOutcome::Pending,
        Claim::Truth | Claim::Denial | Claim::Unknown => ProviderOutcome::Unknown,
    }
}
