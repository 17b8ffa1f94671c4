//! Where the actors' chance comes from.

use rand::rngs::StdRng;

/// A generator for one actor, seeded from the thread's own. `StdRng` is cryptographic, so that ids
/// cannot be foretold from others, and it may move to the actor's thread, which `rand::rng()` may
/// not.
pub(crate) fn generator() -> StdRng {
    rand::SeedableRng::from_rng(&mut rand::rng())
}
