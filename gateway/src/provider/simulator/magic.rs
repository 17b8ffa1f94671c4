//! Cards, VPAs, banks and wallets that have a meaning to the simulator.

use tollgate_domain::{DeclineCode, PaymentMethod};

use super::accounts;
use crate::{card_number::passes_luhn, provider::Instrument};

/// What the simulated issuer, bank or wallet says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The funds are there.
    Approve,
    /// No.
    Decline(DeclineCode),
    /// Only once the customer has acted: proven to be the cardholder (3-D Secure), approved in the
    /// UPI app, gone to the bank's or the wallet's page.
    Challenge,
}

/// What is said of a customer who pays by `method` with `instrument`.
pub(super) fn verdict(method: &PaymentMethod, instrument: &Instrument) -> Verdict {
    match (method, instrument) {
        (PaymentMethod::Card(_), Instrument::Card(card)) => verdict_on_card(card.number()),
        (PaymentMethod::Upi(_), Instrument::Upi(vpa)) => verdict_on_vpa(vpa.as_str()),
        (PaymentMethod::NetBanking(facts), Instrument::NetBanking) => verdict_on_bank(&facts.bank),
        (PaymentMethod::Wallet(_), Instrument::Wallet(id)) => verdict_on_wallet(id.as_str()),
        // The request was not made whole.
        (
            PaymentMethod::Card(_)
            | PaymentMethod::Upi(_)
            | PaymentMethod::NetBanking(_)
            | PaymentMethod::Wallet(_),
            Instrument::Card(_)
            | Instrument::Upi(_)
            | Instrument::NetBanking
            | Instrument::Wallet(_),
        ) => Verdict::Decline(DeclineCode::ProcessingError),
    }
}

/// What the issuer says of the card of that number. Any number without a meaning is approved;
/// 4000 0000 0000 0259 too, whose dispute follows later.
fn verdict_on_card(number: &str) -> Verdict {
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

/// What becomes of a request that is sent to that address; capitals make no difference to UPI.
fn verdict_on_vpa(vpa: &str) -> Verdict {
    match vpa.to_ascii_lowercase().as_str() {
        "success@sim" => Verdict::Approve,
        "failure@sim" => Verdict::Decline(DeclineCode::GenericDecline),
        "insufficient@sim" => Verdict::Decline(DeclineCode::InsufficientFunds),
        "pending@sim" => Verdict::Challenge,
        // Nobody has this address.
        _ => Verdict::Decline(DeclineCode::ProcessingError),
    }
}

/// What the bank of that code says: every real one approves.
fn verdict_on_bank(code: &str) -> Verdict {
    match code {
        "SIMD" => Verdict::Decline(DeclineCode::GenericDecline),
        "SIMN" => Verdict::Decline(DeclineCode::InsufficientFunds),
        "SIMR" => Verdict::Challenge,
        _ => Verdict::Approve,
    }
}

/// What becomes of the wallet of that id, or of that link: without a meaning it has money enough.
fn verdict_on_wallet(id: &str) -> Verdict {
    match accounts::unlinked(id) {
        "wallet_unknown" => Verdict::Decline(DeclineCode::ProcessingError),
        "wallet_failure" => Verdict::Decline(DeclineCode::GenericDecline),
        "wallet_insufficient" => Verdict::Decline(DeclineCode::InsufficientFunds),
        "wallet_redirect" => Verdict::Challenge,
        _ => Verdict::Approve,
    }
}

#[cfg(test)]
mod tests {
    use tollgate_domain::NetBankingFacts;

    use super::*;
    use crate::provider::SecretText;

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
            assert_eq!(verdict_on_card(number), expected, "{number}");
        }
    }

    #[test]
    fn every_other_magic_value() {
        let declined = |code| Verdict::Decline(code);
        for (vpa, expected) in [
            ("success@sim", Verdict::Approve),
            ("Success@SIM", Verdict::Approve),
            ("failure@sim", declined(DeclineCode::GenericDecline)),
            ("insufficient@sim", declined(DeclineCode::InsufficientFunds)),
            ("pending@sim", Verdict::Challenge),
            ("asha@okbank", declined(DeclineCode::ProcessingError)),
        ] {
            assert_eq!(verdict_on_vpa(vpa), expected, "{vpa}");
        }
        for (bank, expected) in [
            ("SBIN", Verdict::Approve),
            ("SIMD", declined(DeclineCode::GenericDecline)),
            ("SIMN", declined(DeclineCode::InsufficientFunds)),
            ("SIMR", Verdict::Challenge),
        ] {
            assert_eq!(verdict_on_bank(bank), expected, "{bank}");
        }
        for (id, expected) in [
            ("9876543210", Verdict::Approve),
            ("wallet_failure", declined(DeclineCode::GenericDecline)),
            ("wallet_insufficient", declined(DeclineCode::InsufficientFunds)),
            ("wallet_redirect", Verdict::Challenge),
            ("wallet_unknown", declined(DeclineCode::ProcessingError)),
            ("link_insufficient_00", declined(DeclineCode::InsufficientFunds)),
            ("link_approved_00", Verdict::Approve),
        ] {
            assert_eq!(verdict_on_wallet(id), expected, "{id}");
        }
    }

    /// A method with the secrets of another is no request that anybody means.
    #[test]
    fn method_and_instrument_belong_together() {
        let bank = PaymentMethod::NetBanking(NetBankingFacts { bank: "SBIN".into() });
        assert_eq!(verdict(&bank, &Instrument::NetBanking), Verdict::Approve);
        let other = Instrument::Upi(SecretText::new("success@sim"));
        assert_eq!(verdict(&bank, &other), Verdict::Decline(DeclineCode::ProcessingError));
    }

    #[test]
    fn every_magic_card_is_a_valid_number() {
        for number in ["0002", "9995", "9987", "9979", "0069", "0127", "0119", "3220", "0259"] {
            assert!(passes_luhn(&format!("400000000000{number}")), "{number}");
        }
    }
}
