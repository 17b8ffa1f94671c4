//! Version 3 of the pieces of a shard's image: what version 2 does not know, for it was made when no
//! order ever left memory. What the others know is still written as theirs.
//!
//! Invariant: nothing here ever changes once a release has written it; a new need is a new version.

use serde::{Deserialize, Serialize};

use crate::image;

/// bincode numbers variants in order; the order is frozen.
#[derive(Serialize, Deserialize)]
pub(super) enum Piece {
    /// How many orders have left and are not back.
    DepartedOrders(u64),
}

impl From<Piece> for image::Piece {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::DepartedOrders(count) => Self::DepartedOrders(count),
        }
    }
}
