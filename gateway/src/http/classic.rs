//! The classic surface, for clients that were written for the older API: one file for each kind of
//! object. Its operations are those of version 1, with older names and answers.

pub(super) mod payments;
pub(super) mod providers;
