//! The banks that net banking is offered for, by their codes: the first four letters of their IFSC
//! (Reserve Bank of India), beside the short names that clients also send.
//!
//! Not here: what a bank says of a payment, which is the provider's to tell.

/// Codes, and the other names of each.
const BANKS: &[(&str, &[&str])] = &[
    ("SBIN", &["SBI"]),
    ("HDFC", &[]),
    ("ICIC", &["ICICI"]),
    ("UTIB", &["AXIS"]),
    ("KKBK", &["KOTAK"]),
    ("PUNB", &["PNB"]),
    ("BARB", &["BOB"]),
    ("CNRB", &["CANARA"]),
    ("UBIN", &["UNION"]),
    ("YESB", &["YES"]),
    ("IDFB", &["IDFC"]),
    ("INDB", &["INDUSIND"]),
    // The simulator's own, which decline, have no money, and send the customer to a page.
    ("SIMD", &[]),
    ("SIMN", &[]),
    ("SIMR", &[]),
];

/// The codes of all.
pub(crate) fn bank_codes() -> impl Iterator<Item = &'static str> {
    BANKS.iter().map(|(code, _others)| *code)
}

/// The code of the bank of that name, in capitals or not.
pub(crate) fn bank_code(name: &str) -> Option<&'static str> {
    let is_named = |known: &&str| known.eq_ignore_ascii_case(name);
    BANKS
        .iter()
        .find(|(code, others)| is_named(code) || others.iter().any(is_named))
        .map(|(code, _others)| *code)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn banks_are_known_by_each_of_their_names() {
        for (name, code) in [("SBIN", "SBIN"), ("sbi", "SBIN"), ("Axis", "UTIB"), ("hdfc", "HDFC")]
        {
            assert_eq!(bank_code(name), Some(code), "{name}");
        }
        for name in ["", "SBIN ", "NOSUCHBANK"] {
            assert_eq!(bank_code(name), None, "{name}");
        }
    }

    #[test]
    fn no_name_stands_for_two_banks() {
        let names = BANKS.iter().flat_map(|(code, others)| std::iter::once(code).chain(*others));
        let all: Vec<&&str> = names.collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }
}
