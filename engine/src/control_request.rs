//! What can be asked of the control shard, each with the type of its answer.

use tollgate_domain::{
    ApiKey, ControlCommand, CreateMerchant, CreateWebhookEndpoint, DeleteWebhookEndpoint,
    DisableWebhookEndpoint, IssueApiKey, Merchant, RevokeApiKey, RotateApiKey,
    RotateCallbackSecret, RotateWebhookSecret, UpdateMerchant, UpdateWebhookEndpoint,
    WebhookEndpoint, WebhookEndpointId,
};

/// A command to the control shard, for [`Engine::control_command`](crate::Engine::control_command).
pub trait ControlRequest: Send {
    /// What it is answered with: its subject, as it is afterwards.
    type Answer;

    /// The command.
    fn into_command(self) -> ControlCommand;

    /// The answer; `None` if it is of another kind, which it never is.
    fn answer(answer: ControlAnswer) -> Option<Self::Answer>;
}

/// The subject of a command, as it is afterwards.
#[derive(Clone, Debug)]
pub enum ControlAnswer {
    /// A merchant.
    Merchant(Merchant),
    /// A key.
    ApiKey(ApiKey),
    /// An endpoint.
    WebhookEndpoint(Box<WebhookEndpoint>),
    /// The id of an endpoint that was deleted.
    WebhookEndpointId(WebhookEndpointId),
}

macro_rules! control_requests {
    ($($command:ident => $answer:ident: $type:ty;)*) => {
        $(impl ControlRequest for $command {
            type Answer = $type;

            fn into_command(self) -> ControlCommand {
                ControlCommand::$command(self)
            }

            fn answer(answer: ControlAnswer) -> Option<$type> {
                match answer {
                    ControlAnswer::$answer(answer) => Some(answer),
                    _other => None,
                }
            }
        })*
    };
}

control_requests! {
    CreateMerchant => Merchant: Merchant;
    UpdateMerchant => Merchant: Merchant;
    IssueApiKey => ApiKey: ApiKey;
    RotateApiKey => ApiKey: ApiKey;
    RevokeApiKey => ApiKey: ApiKey;
    CreateWebhookEndpoint => WebhookEndpoint: Box<WebhookEndpoint>;
    UpdateWebhookEndpoint => WebhookEndpoint: Box<WebhookEndpoint>;
    RotateWebhookSecret => WebhookEndpoint: Box<WebhookEndpoint>;
    RotateCallbackSecret => Merchant: Merchant;
    DisableWebhookEndpoint => WebhookEndpoint: Box<WebhookEndpoint>;
    DeleteWebhookEndpoint => WebhookEndpointId: WebhookEndpointId;
}
