//! Card numbers that have a meaning to the simulator.

use tollgate_domain::DeclineCode;

use crate::card_number::passes_luhn;

/// What the simulated issuer says of a card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The funds are there.
    Approve,
    /// No.
    Decline(DeclineCode),
    /// Only once the cardholder has proven to be it (3-D Secure).
    Challenge,
}

/// What the issuer says of the card of that number. Any number without a meaning is approved;
/// 4000 0000 0000 0259 too, whose dispute follows later.
pub(super) fn verdict(number: &str) -> Verdict {
    match number {
        "4000000000000002" => Verdict::Decline(DeclineCode::GenericDecline),
        "4000000000009995" => Verdict::Decline(DeclineCode::InsufficientFunds),
        "4000000000009987" => Verdict::Decline(DeclineCode::LostCard),
        "4000000000009979" => Verdict::Decline(DeclineCode::StolenCard),
        "4000000000000069" => Verdict::Decline(DeclineCode::ExpiredCard),
        "4000000000000127" => Verdict::Decline(DeclineCode::IncorrectCvc),
        "4000000000000119" => Verdict::Decline(DeclineCode::ProcessingError),
        "4000000000003220" => Verdict::Challenge,
        // No issuer knows it. Numbers are checked long before, so this is a second look.
        number if !passes_luhn(number) => Verdict::Decline(DeclineCode::ProcessingError),
        _ => Verdict::Approve,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_magic_card() {
        for (number, expected) in [
            ("4242424242424242", Verdict::Approve),
            ("4111111111111111", Verdict::Approve),
            ("5555555555554444", Verdict::Approve),
            ("378282246310005", Verdict::Approve),
            ("6011111111111117", Verdict::Approve),
            ("4000000000000259", Verdict::Approve),
            ("30569309025904", Verdict::Approve),
            ("4000000000000002", Verdict::Decline(DeclineCode::GenericDecline)),
            ("4000000000009995", Verdict::Decline(DeclineCode::InsufficientFunds)),
            ("4000000000009987", Verdict::Decline(DeclineCode::LostCard)),
            ("4000000000009979", Verdict::Decline(DeclineCode::StolenCard)),
            ("4000000000000069", Verdict::Decline(DeclineCode::ExpiredCard)),
            ("4000000000000127", Verdict::Decline(DeclineCode::IncorrectCvc)),
            ("4000000000000119", Verdict::Decline(DeclineCode::ProcessingError)),
            ("4000000000003220", Verdict::Challenge),
            ("4242424242424241", Verdict::Decline(DeclineCode::ProcessingError)),
            ("4242 4242 4242 4242", Verdict::Decline(DeclineCode::ProcessingError)),
            ("", Verdict::Decline(DeclineCode::ProcessingError)),
        ] {
            assert_eq!(verdict(number), expected, "{number}");
        }
    }

    #[test]
    fn every_magic_card_is_a_valid_number() {
        for number in ["0002", "9995", "9987", "9979", "0069", "0127", "0119", "3220", "0259"] {
            assert!(passes_luhn(&format!("400000000000{number}")), "{number}");
        }
    }
}
