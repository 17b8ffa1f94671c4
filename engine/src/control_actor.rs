//! The control shard: owns merchants and keys. Its durable records are published to the gateway.

use std::sync::Arc;

use actix::{Actor, Context, Handler, Message};
use rand::{RngExt, rngs::StdRng};
use tokio::sync::oneshot;
use tollgate_domain::{
    ControlCommand, ControlEvent, ControlState, CreateMerchant, Env, Merchant, Policy, ShardId,
    codec,
};

use crate::{
    abort_guard::AbortOnPanic,
    admission::Permit,
    clock::Clock,
    completion::{Completion, Reply},
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
}

/// An operator's request for a merchant.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SubmitMerchant {
    pub(crate) command: CreateMerchant,
    pub(crate) reply: oneshot::Sender<Result<Merchant, CommandError>>,
    pub(crate) permit: Permit,
}

impl<A: Attachment> Actor for ControlActor<A> {
    type Context = Context<Self>;
}

impl<A: Attachment> Handler<SubmitMerchant> for ControlActor<A> {
    type Result = ();

    fn handle(&mut self, message: SubmitMerchant, _context: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        if !self.lane.has_room() {
            drop(message.reply.send(Err(CommandError::StorageFull)));
            return;
        }
        let env = Env {
            now: self.clock.now(self.state.last_time()),
            shard: ShardId::CONTROL,
            entropy: self.entropy.random(),
            policy: &self.policy,
        };
        let record = self.state.decide(ControlCommand::CreateMerchant(message.command), &env);
        let Ok(bytes) = codec::encode_control(&record) else {
            drop(message.reply.send(Err(CommandError::TooLarge)));
            return;
        };
        self.state.apply(&record);
        let created = record.events.iter().find_map(|event| match event {
            ControlEvent::MerchantCreated(merchant) => Some(merchant.clone()),
            ControlEvent::ApiKeyIssued(_) => None,
        });
        let merchant = created.expect("the command creates a merchant");
        let completion = Completion {
            reply: Some(Reply::Merchant(message.reply, merchant)),
            calls: Vec::new(),
            publication: Some(record),
            permit: Some(message.permit),
        };
        self.lane.append(bytes, completion);
    }
}

impl<A: Attachment> Handler<AreYouThere> for ControlActor<A> {
    type Result = ();

    fn handle(&mut self, _message: AreYouThere, _context: &mut Context<Self>) {}
}
