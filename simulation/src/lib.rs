//! The engine, simulated: one thread, one seed, simulated time.
//!
//! ```text
//!   seed ─▶ Story: steps ─▶ Play ─┬▶ Shard, Lane, release, GroupWriter, recover   (the real ones)
//!                                 ├▶ a disk, a provider, clients, a clock         (simulated)
//!                                 └▶ Model: what each command must come to
//! ```
//!
//! A story is data, so that a failing one can be shrunk, told as text and played again. Nothing in
//! it is timed, threaded, read from a file or sent: equal stories give equal plays.
//!
//! Not here: actors, channels between threads, HTTP, sled and real files. Those have tests of their
//! own; README.md beside this crate says which.

mod chance;
mod coverage;
mod model;
mod play;
mod provider;
mod runner;
mod shrink;
mod step;
mod story;

pub use coverage::Coverage;
pub use runner::{Failure, find_failure, play, play_aloud, play_seeds};
pub use shrink::shrink;
pub use step::{
    Ask, Claim, Coin, Copy, Crash, Damage, DamageKind, Deed, Fate, Method, NewOrder, Pay, Size,
    Step, Verdict,
};
pub use story::Story;
