//! The control shard: owns merchants, keys and endpoints. Its durable records are published to the gateway.

use std::sync::Arc;

use actix::{Actor, Context, Handler, Message};
use rand::{RngExt, rngs::StdRng};
use tollgate_domain::{
    ControlCommand, ControlDecision, ControlState, ControlSubject, Env, Policy, ShardId, codec,
};

use crate::{
    abort_guard::AbortOnPanic,
    admission::Permit,
    clock::Clock,
    completion::{Completion, ControlReply, Reply},
    control_request::ControlAnswer,
    durable_record::DurableRecord,
    effects::Attachment,
    error::CommandError,
    lane::Lane,
    router::AreYouThere,
};

/// The actor.
pub(crate) struct ControlActor<A> {
    pub(crate) state: ControlState,
    pub(crate) lane: Lane<Completion<A>>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) entropy: StdRng,
    /// Whether anybody observes.
    pub(crate) observed: bool,
}

/// A command on merchants or keys.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SubmitControl {
    pub(crate) command: ControlCommand,
    pub(crate) reply: ControlReply,
    pub(crate) permit: Permit,
}

impl<A: Attachment> ControlActor<A> {
    fn submit(&mut self, submission: SubmitControl) {
        let SubmitControl { command, reply, permit } = submission;
        let env = Env {
            now: self.clock.now(self.state.last_time()),
            shard: ShardId::CONTROL,
            entropy: self.entropy.random(),
            policy: &self.policy,
        };
        let (record, subject) = match self.state.decide(command, &env) {
            Ok(ControlDecision { record: Some(_), .. }) if !self.lane.has_room() => {
                return self.answer(reply, Err(CommandError::StorageFull), permit);
            }
            Ok(ControlDecision { record: Some(record), subject }) => (record, subject),
            Ok(ControlDecision { record: None, subject }) => {
                let answer = self.answer_of(subject);
                return self.answer(reply, Ok(answer), permit);
            }
            Err(rejection) => {
                return self.answer(reply, Err(CommandError::ControlRejected(rejection)), permit);
            }
        };
        let Ok(bytes) = codec::encode_control(&record) else {
            return self.answer(reply, Err(CommandError::TooLarge), permit);
        };
        self.state.apply(&record);
        let sequence = self.lane.sequence() + 1;
        let observation =
            self.observed.then(|| DurableRecord::of_control(&self.state, sequence, record.clone()));
        let completion = Completion {
            reply: Some(Reply::Control(reply, Ok(self.answer_of(subject)))),
            publication: Some(record),
            observation,
            ..Completion::quiet(Some(permit))
        };
        self.lane.append(bytes, completion);
    }

    /// Answers without a record: once all that the answer rests on is published as well.
    fn answer(
        &self,
        reply: ControlReply,
        answer: Result<ControlAnswer, CommandError>,
        permit: Permit,
    ) {
        self.lane.after_released(Completion::reply(Reply::Control(reply, answer), Some(permit)));
    }

    fn answer_of(&self, subject: ControlSubject) -> ControlAnswer {
        let known = "what was decided on is known";
        match subject {
            ControlSubject::Merchant(id) => {
                ControlAnswer::Merchant(self.state.merchant(id).expect(known).clone())
            }
            ControlSubject::ApiKey(id) => {
                ControlAnswer::ApiKey(self.state.key(id).expect(known).clone())
            }
            ControlSubject::WebhookEndpoint(id) => {
                let endpoint = self.state.webhook_endpoint(id).expect(known);
                ControlAnswer::WebhookEndpoint(Box::new(endpoint.clone()))
            }
            ControlSubject::DeletedWebhookEndpoint(id) => ControlAnswer::WebhookEndpointId(id),
        }
    }
}

impl<A: Attachment> Actor for ControlActor<A> {
    type Context = Context<Self>;
}

impl<A: Attachment> Handler<SubmitControl> for ControlActor<A> {
    type Result = ();

    fn handle(&mut self, message: SubmitControl, _context: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        self.submit(message);
    }
}

impl<A: Attachment> Handler<AreYouThere> for ControlActor<A> {
    type Result = ();

    fn handle(&mut self, _message: AreYouThere, _context: &mut Context<Self>) {}
}
