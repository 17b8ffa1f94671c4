//! What a component refuses of the configuration, told as the configuration's own faults are: in a line
//! with who said the value.
//!
//! Not here: what is refused, which each component knows best.

use tollgate_config::Loaded;

use super::Error;

/// A key of the configuration, and why what it says is refused.
pub(super) type Refusal = (&'static str, String);

/// The error as a fault of the value that is refused, where one is; any other as it is.
pub(super) fn told<E: Into<Error>>(
    error: E,
    refusal: impl FnOnce(&E) -> Option<Refusal>,
    loaded: &Loaded,
) -> Error {
    match refusal(&error) {
        Some((key, reason)) => {
            tollgate_config::Error::Faults(vec![loaded.fault(key, reason)]).into()
        }
        None => error.into(),
    }
}

/// An error with its causes, in one line.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text.replace('\n', " ")
}
