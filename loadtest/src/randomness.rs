//! Chance from a seed: one stream of random numbers for each purpose.
//!
//! Invariant: streams do not disturb each other, so that a change of one part of a load leaves the
//! others as they were.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// What a stream of random numbers is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The operations of one connection, or of one worker.
    Connection(u32),
    /// The moment of the kill.
    KillMoment,
    /// The sample of older keys to check.
    Sample,
    /// The moments at which requests of an open loop are due.
    Arrivals,
    /// What one request of a load asks for, by its number. The round is its lane.
    Request(u32),
    /// The order in which mishaps come.
    MishapOrder,
}

/// The stream of random numbers for one purpose in one round.
pub(crate) fn randomness(seed: u64, round: u32, purpose: Purpose) -> StdRng {
    let (kind, number) = match purpose {
        Purpose::Connection(number) => (1_u64, number),
        Purpose::KillMoment => (2, 0),
        Purpose::Sample => (3, 0),
        Purpose::Arrivals => (4, 0),
        Purpose::Request(number) => (5, number),
        Purpose::MishapOrder => (6, 0),
    };
    let mut material = [0_u8; 32];
    for (part, value) in
        material.chunks_exact_mut(8).zip([seed, u64::from(round), kind, u64::from(number)])
    {
        part.copy_from_slice(&value.to_le_bytes());
    }
    StdRng::from_seed(material)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn every_purpose_has_a_stream_of_its_own_that_the_seed_repeats() {
        let first = |purpose| randomness(7, 0, purpose).random::<u64>();
        let purposes = [
            Purpose::Connection(0),
            Purpose::Connection(1),
            Purpose::KillMoment,
            Purpose::Sample,
            Purpose::Arrivals,
            Purpose::Request(0),
            Purpose::Request(1),
            Purpose::MishapOrder,
        ];
        let drawn: std::collections::HashSet<u64> = purposes.map(first).into_iter().collect();
        assert_eq!(drawn.len(), purposes.len());
        assert_eq!(first(Purpose::Arrivals), first(Purpose::Arrivals));
    }
}
