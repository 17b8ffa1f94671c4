//! By which key somebody asks for a command on merchants or keys.
//!
//! The gateway has looked at the key when the request came; until the control shard decides, the
//! body may have taken its time, and the key may have been revoked. So the shard looks again.

use crate::{
    api_key::{ApiKey, KeyStanding},
    control_rejection::ControlRejection,
    id::ApiKeyId,
    timestamp::Timestamp,
};

/// Who asks, as far as it matters whether he still may.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Asker {
    /// Whoever runs the process: the gateway itself at its start, or an operator with the root key.
    /// The control shard does not know that key, and nothing revokes it.
    Process,
    /// Somebody with a key of the control shard's.
    Key(ApiKeyId),
}

impl Asker {
    /// Makes sure that the key still opens something, given what is known of keys. One that was
    /// forgotten was dead before.
    pub(crate) fn check<'k>(
        self,
        key: impl FnOnce(ApiKeyId) -> Option<&'k ApiKey>,
        now: Timestamp,
    ) -> Result<(), ControlRejection> {
        match self {
            Self::Process => Ok(()),
            Self::Key(id) => match key(id).map(|key| key.standing(now)) {
                Some(KeyStanding::Usable) => Ok(()),
                Some(KeyStanding::Expired) => Err(ControlRejection::AskerExpired(id)),
                Some(KeyStanding::Revoked) | None => Err(ControlRejection::AskerRevoked(id)),
            },
        }
    }
}
