//! A provider's answer: there at once, or to be waited for.
//!
//! Not simply a future: the simulator answers within the call, and then neither a task nor an
//! allocation is spent on waiting.

use std::{fmt, future::Future, pin::Pin};

/// An answer of type `T`.
#[must_use = "a call without an answer leaves its attempt unknown"]
pub(crate) enum Answer<T> {
    /// It is here.
    Now(T),
    /// It comes. Dropping the future gives up waiting, and does not take the call back.
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> Answer<T> {
    /// An answer that `future` comes to.
    pub(crate) fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }

    /// The answer in other words. Immediate ones stay immediate.
    pub(crate) fn map<U>(self, say: impl FnOnce(T) -> U + Send + 'static) -> Answer<U>
    where
        T: 'static,
    {
        match self {
            Self::Now(answer) => Answer::Now(say(answer)),
            Self::Later(future) => Answer::later(async move { say(future.await) }),
        }
    }

    /// Waits for it.
    pub(crate) async fn wait(self) -> T {
        match self {
            Self::Now(answer) => answer,
            Self::Later(future) => future.await,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(answer) => formatter.debug_tuple("Now").field(answer).finish(),
            Self::Later(_) => formatter.write_str("Later"),
        }
    }
}
