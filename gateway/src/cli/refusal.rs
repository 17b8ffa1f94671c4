//! What a component refuses of the configuration, told as the configuration's own faults are: each in a
//! line with who said the value.
//!
//! Not here: what is refused, which each component knows best.

use tollgate_config::{Config, Flags, Loaded, Refusal};

use super::{
    Error,
    serve::{self, ServeError},
};
use crate::startup;

/// Reads what a gateway is to serve with; all that it would refuse is told at once.
///
/// # Errors
/// If something of it cannot be meant, or is refused.
pub(super) fn read(flags: &Flags) -> Result<Loaded, Error> {
    let refused = |config: &Config| {
        let mut refused = log_level(config);
        refused.extend(startup::refused(config));
        refused
    };
    Ok(Loaded::read_for(flags, refused)?)
}

/// Whether the level of the log is refused.
pub(super) fn log_level(config: &Config) -> Vec<Refusal> {
    let error = serve::log_filter(config).err();
    error.as_ref().and_then(ServeError::refusal).into_iter().collect()
}

/// What only the start itself found: the error as a fault of the value that is refused, where one is;
/// any other as it is.
pub(super) fn told<E: Into<Error>>(
    error: E,
    refusal: impl FnOnce(&E) -> Option<Refusal>,
    loaded: &Loaded,
) -> Error {
    match refusal(&error) {
        Some(refusal) => tollgate_config::Error::Faults(vec![loaded.fault(refusal)]).into(),
        None => error.into(),
    }
}
