//! What passes between the engine and the provider: calls, answers, callbacks.

use tollgate_domain::{
    AttemptId, DeclineCode, Effect, NextAction, OperationFailure, OperationId, OperationOutcome,
    OutcomeSource, PaymentId, ProviderCall, ProviderOutcome, ProviderReceipt,
    RecordOperationOutcome, RecordProviderOutcome, Rejection, ShardId,
};
use tollgate_engine::{CallOutcome, Found, PreparedCall, ProviderReport, Step as Decided, Unheard};

use super::{
    Card, Client, Life, Play, START, archive::Waits, expectation::compare, index_of, pick,
};
use crate::{
    provider::{Charge, Job, Task, Word, action_required, boast},
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
                (OutcomeSource::Call, CallOutcome::Attempt(outcome))
            }
            Effect::Inquire { .. } => {
                assert_eq!(attachment, None, "an inquiry needs no card");
                self.coverage.saw("call: inquiry");
                let outcome = self.provider.inquire(attempt, began, fate, now);
                (OutcomeSource::Inquiry, CallOutcome::Attempt(outcome))
            }
            Effect::Operate { .. } => {
                assert_eq!(attachment, None, "an operation needs no card");
                let job = job_of(&call);
                self.coverage.saw(ordered(job.task));
                (OutcomeSource::Call, self.provider.operate(job, fate, now))
            }
            Effect::InquireOperation { .. } => {
                assert_eq!(attachment, None, "an inquiry needs no card");
                self.coverage.saw("call: inquiry into an operation");
                let outcome = self.provider.inquire_job(job_of(&call), fate, now);
                (OutcomeSource::Inquiry, CallOutcome::Operation(outcome))
            }
        };
        (self.tell)(format!("  {payment} will hear {outcome:?}"));
        life.answers.push(match outcome {
            CallOutcome::Attempt(outcome) => {
                ProviderReport::Attempt(RecordProviderOutcome { payment, attempt, source, outcome })
            }
            CallOutcome::Operation(outcome) => {
                let operation = job_of(&call).operation;
                let command = RecordOperationOutcome { payment, operation, source, outcome };
                ProviderReport::Operation(command)
            }
        });
    }

    pub(super) fn arrive(&mut self, life: &Life, which: u16, fate: Fate) {
        let Some(which) = pick(which, self.provider.delayed()) else { return };
        let now = self.time(life);
        let arrived = self.provider.arrive(which, fate, now);
        self.coverage.saw(if arrived { "delayed call: arrives" } else { "delayed call: too late" });
    }

    pub(super) fn answer(&mut self, life: &mut Life, which: u16, twice: bool) {
        let Some(which) = pick(which, life.answers.len()) else { return };
        let report = life.answers.swap_remove(which);
        if twice {
            self.hear(life, report.clone());
        }
        self.hear(life, report);
    }

    pub(super) fn settle(&mut self, which: u16, fate: Fate) {
        let attempts = self.provider.attempts();
        let Some(which) = pick(which, attempts.len()) else { return };
        let stands = self.provider.settle(attempts[which].1, fate);
        (self.tell)(format!("  {} stands {stands:?} at the provider", attempts[which].0));
    }

    pub(super) fn settle_job(&mut self, which: u16, fate: Fate) {
        let jobs = self.provider.jobs();
        let Some(which) = pick(which, jobs.len()) else { return };
        let stands = self.provider.settle_job(jobs[which].1, fate);
        (self.tell)(format!("  {} stands {stands:?} at the provider", jobs[which].1));
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
                self.provider.owe_word(Word::Attempt(payment, attempt));
                ProviderOutcome::Declined(DeclineCode::GenericDecline)
            }
            Claim::Boast => {
                self.coverage.saw("callback: boast");
                self.beyond_compare.insert(payment);
                boast(attempt)
            }
            Claim::Act | Claim::ActInVain | Claim::Pend | Claim::Unknown => {
                self.coverage.saw("callback: confused");
                confused(claim)
            }
        };
        self.call_back(life, payment, attempt, outcome);
    }

    pub(super) fn callback_job(&mut self, life: &mut Life, which: u16, claim: Claim) {
        let jobs = self.provider.jobs();
        let Some(which) = pick(which, jobs.len()) else { return };
        let (payment, operation) = jobs[which];
        let outcome = match claim {
            Claim::Truth => self.provider.truth_of_job(operation),
            Claim::Denial | Claim::ActInVain => {
                self.provider.owe_word(Word::Operation(payment, operation));
                if claim == Claim::Denial {
                    OperationOutcome::Failed(OperationFailure::Refused)
                } else {
                    OperationOutcome::NotSent
                }
            }
            Claim::Boast => {
                self.beyond_compare.insert(payment);
                OperationOutcome::Succeeded(ProviderReceipt::default())
            }
            Claim::Act | Claim::Pend => OperationOutcome::Pending,
            Claim::Unknown => OperationOutcome::Unknown,
        };
        self.coverage.saw("callback: about an operation");
        self.call_back_job(life, payment, operation, outcome);
    }

    pub(super) fn call_back(
        &mut self,
        life: &mut Life,
        payment: PaymentId,
        attempt: AttemptId,
        outcome: ProviderOutcome,
    ) {
        let source = OutcomeSource::Callback;
        let command = RecordProviderOutcome { payment, attempt, source, outcome };
        self.hear(life, ProviderReport::Attempt(command));
    }

    pub(super) fn call_back_job(
        &mut self,
        life: &mut Life,
        payment: PaymentId,
        operation: OperationId,
        outcome: OperationOutcome,
    ) {
        let source = OutcomeSource::Callback;
        let command = RecordOperationOutcome { payment, operation, source, outcome };
        self.hear(life, ProviderReport::Operation(command));
    }

    /// The provider is heard.
    pub(super) fn hear(&mut self, life: &mut Life, report: ProviderReport) {
        let payment = report.payment();
        let index = index_of(payment.shard());
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        assert!(
            self.models[index].payments.contains_key(&payment),
            "the provider was asked about {payment}, of which the log knows nothing"
        );
        let step = match life.shards[index].record_outcome(report.clone(), moment) {
            Ok(step) => step,
            Err(Unheard::Absent(absent)) => return self.look_up(life, Waits::Report(absent)),
            Err(Unheard::Rejected(_) | Unheard::Unreadable) => {
                panic!("what a provider reports is always accepted")
            }
        };
        let owed = self.models[index].hear(&report, now, &self.policy);
        assert_eq!(step.is_some(), owed.is_some(), "what is new is recorded, and only that");
        self.coverage.saw(match &owed {
            None => "answer: changes nothing",
            Some(owed) if owed.is_empty() => "answer: recorded",
            Some(_) => "answer: has consequences",
        });
        if let (Some(step), Some(owed)) = (&step, owed) {
            self.expect_calls(step, index, owed);
        }
        let expected = &self.models[index].payments[&payment];
        let found = life.shards[index].state().payment(payment).expect("it is there");
        compare(found, expected);
        let Some(step) = step else { return };
        self.expect_settled(life, &step, payment);
        self.carry_out(life, payment.shard(), step, now);
    }

    pub(super) fn answer_nobody(&mut self, life: &mut Life) {
        let shard = ShardId(1 + self.chance.short() % self.shards);
        let payment = PaymentId::new(START, shard, self.chance.word());
        let attempt = AttemptId::new(START, shard, self.chance.word());
        let state = life.shards[index_of(shard)].state();
        let known = state.payments_sorted().first().map(|payment| payment.id());
        let refusals = [
            Some((payment, Rejection::PaymentNotFound(payment))),
            known.map(|known| (known, Rejection::AttemptNotFound(attempt))),
        ];
        for (payment, refusal) in refusals.into_iter().flatten() {
            let (source, outcome) = (OutcomeSource::Callback, ProviderOutcome::Pending);
            let command = RecordProviderOutcome { payment, attempt, source, outcome };
            let moment = self.moment(life);
            let shard = &mut life.shards[index_of(shard)];
            let step: Result<Option<Decided<Client, Card>>, _> =
                shard.record_outcome(ProviderReport::Attempt(command), moment);
            let refused = match step {
                Ok(_) => None,
                // It might be away, and is not.
                Err(Unheard::Absent(absent)) => {
                    let found: Result<Found<Client, Card, _>, _> =
                        shard.found_for_report(absent, &Ok(None), moment);
                    found.err()
                }
                Err(unheard) => Some(unheard),
            };
            let Some(Unheard::Rejected(refused)) = refused else { panic!("it is to nobody") };
            assert_eq!(refused, refusal);
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

fn ordered(task: Task) -> &'static str {
    match task {
        Task::Confirm => "call: confirm",
        Task::Capture { .. } => "call: capture",
        Task::Void => "call: void",
        Task::Reverse => "call: reverse",
        Task::Refund { .. } => "call: refund",
    }
}

fn job_of(call: &ProviderCall) -> Job {
    let operation = call.operation.as_ref().expect("a call about an operation tells which");
    Job::of(call.intent.id, &operation.intent)
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
        Claim::Truth | Claim::Denial | Claim::Boast | Claim::Unknown => ProviderOutcome::Unknown,
    }
}
