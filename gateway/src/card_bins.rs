//! What the first digits of a card's number stand for: network, funding and the issuer's country.
//!
//! The table is a text, see `config/card_bins.csv`. Each fact of a number is that of the longest
//! prefix which tells it.
//!
//! Invariant: ranges of one length do not overlap, so that no number has two answers.

use std::{
    io,
    path::{Path, PathBuf},
};

use tollgate_domain::{CardBrand, CardFunding, Country};

/// The longest prefix that a table may tell apart, in digits.
const LONGEST_PREFIX: usize = 10;

/// The table.
#[derive(Clone, Debug)]
pub(crate) struct CardBins {
    /// By the number of their digits, the longest first; each in the order of its prefixes.
    by_length: Vec<(usize, Vec<Range>)>,
}

/// What is known of a card by its first digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CardBin {
    pub(crate) brand: CardBrand,
    pub(crate) funding: Option<CardFunding>,
    pub(crate) issuer_country: Option<Country>,
}

/// Why a table is refused.
#[derive(Debug, thiserror::Error)]
pub enum CardBinsError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Lines are none of a table.
    #[error("{}", lines_in_words(path, faults))]
    Lines {
        /// Of which file.
        path: PathBuf,
        /// Each from 1, with what is wrong with it.
        faults: Vec<(usize, &'static str)>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Range {
    first: u64,
    last: u64,
    brand: Option<CardBrand>,
    funding: Option<CardFunding>,
    issuer_country: Option<Country>,
}

impl CardBins {
    /// The table in that file; the one that is compiled in where the path is empty.
    ///
    /// # Errors
    /// If the file cannot be read or is no table; all faults, with their lines.
    pub(crate) fn open(path: &Path) -> Result<Self, CardBinsError> {
        if path.as_os_str().is_empty() {
            return Ok(Self::built_in());
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| CardBinsError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|faults| CardBinsError::Lines { path: path.to_owned(), faults })
    }

    /// The table that is compiled in.
    pub(crate) fn built_in() -> Self {
        Self::parse(tollgate_config::CARD_BINS).expect("a test reads the table that is compiled in")
    }

    /// What is known of the card with this number.
    pub(crate) fn find(&self, number: &str) -> CardBin {
        let mut found = CardBin { brand: CardBrand::Other, funding: None, issuer_country: None };
        let mut brand = None;
        for (length, ranges) in &self.by_length {
            let prefix = number.get(..*length).and_then(|digits| digits.parse().ok());
            let Some(range) = prefix.and_then(|prefix| covering(ranges, prefix)) else { continue };
            brand = brand.or(range.brand);
            found.funding = found.funding.or(range.funding);
            found.issuer_country = found.issuer_country.or(range.issuer_country);
        }
        CardBin { brand: brand.unwrap_or(found.brand), ..found }
    }

    /// Fails with lines, from 1, and what is wrong with them.
    fn parse(text: &str) -> Result<Self, Vec<(usize, &'static str)>> {
        let mut faults = Vec::new();
        let mut by_length: Vec<(usize, Vec<Range>)> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut refuse = |fault| faults.push((index + 1, fault));
            let (length, range) = match Range::parse(line) {
                Ok(parsed) => parsed,
                Err(fault) => {
                    refuse(fault);
                    continue;
                }
            };
            let place = by_length.iter().position(|(known, _ranges)| *known == length);
            let place = place.unwrap_or_else(|| {
                by_length.push((length, Vec::new()));
                by_length.len() - 1
            });
            let ranges = &mut by_length[place].1;
            let at = ranges.partition_point(|other| other.last < range.first);
            if ranges.get(at).is_some_and(|next| next.first <= range.last) {
                refuse("overlaps an earlier range of as many digits");
                continue;
            }
            ranges.insert(at, range);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        by_length.sort_by_key(|(length, _ranges)| std::cmp::Reverse(*length));
        Ok(Self { by_length })
    }
}

impl Range {
    /// The number of digits, and the range.
    fn parse(line: &str) -> Result<(usize, Self), &'static str> {
        let columns: Vec<&str> = line.split(',').map(str::trim).collect();
        let [first, last, brand, funding, country] = columns[..] else {
            return Err("a line has five columns: first, last, brand, funding and country");
        };
        let is_prefix = |text: &str| {
            (1..=LONGEST_PREFIX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_prefix(first) || !is_prefix(last) || first.len() != last.len() {
            return Err("first and last are 1 to 10 digits, as many of both");
        }
        let number = |digits: &str| digits.parse().unwrap_or(u64::MAX);
        let (length, first, last) = (first.len(), number(first), number(last));
        if first > last {
            return Err("first is after last");
        }
        let brand = known(brand, CardBrand::from_name, "this is no brand")?;
        let funding = known(funding, CardFunding::from_name, "this is no funding")?;
        let issuer_country = known(country, Country::from_code, "this is no country")?;
        Ok((length, Self { first, last, brand, funding, issuer_country }))
    }
}

/// Faults of lines that are told in full: a file that is no table at all has one in each.
const MOST_TOLD: usize = 20;

fn lines_in_words(path: &Path, faults: &[(usize, &'static str)]) -> String {
    let told = faults.iter().take(MOST_TOLD);
    let told = told.map(|(line, fault)| format!("{}:{line}: {fault}", path.display()));
    let told = told.collect::<Vec<_>>().join("; ");
    match faults.len().saturating_sub(MOST_TOLD) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}

/// What a column says, if anything.
fn known<T>(
    column: &str,
    read: impl FnOnce(&str) -> Option<T>,
    fault: &'static str,
) -> Result<Option<T>, &'static str> {
    if column.is_empty() { Ok(None) } else { read(column).map(Some).ok_or(fault) }
}

fn covering(ranges: &[Range], prefix: u64) -> Option<&Range> {
    let at = ranges.partition_point(|range| range.last < prefix);
    ranges.get(at).filter(|range| range.first <= prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bins: &CardBins, number: &str) -> String {
        let CardBin { brand, funding, issuer_country } = bins.find(number);
        let funding = funding.map_or("", CardFunding::as_str);
        let country = issuer_country.map(|country| country.to_string()).unwrap_or_default();
        format!("{} {funding} {country}", brand.as_str())
    }

    #[test]
    fn networks_are_told_by_their_ranges() {
        let bins = CardBins::built_in();
        for (number, expected) in [
            ("4999999999999999", "visa"),
            ("5100000000000000", "mastercard"),
            ("2221000000000000", "mastercard"),
            ("2720990000000000", "mastercard"),
            ("2721000000000000", "unknown"),
            ("340000000000000", "amex"),
            ("6011000000000000", "discover"),
            ("6500000000000000", "discover"),
            ("6521000000000000", "rupay"),
            ("6070000000000000", "rupay"),
            ("5081000000000000", "rupay"),
            ("8171000000000000", "rupay"),
            ("36000000000000", "diners"),
            ("3528000000000000", "jcb"),
            ("6200000000000000", "unionpay"),
            ("6759000000000000", "maestro"),
            ("9000000000000000", "unknown"),
        ] {
            let brand = bins.find(number).brand;
            assert_eq!(brand.as_str(), expected, "{number}");
        }
    }

    #[test]
    fn test_cards_tell_funding_and_country() {
        let bins = CardBins::built_in();
        for (number, expected) in [
            ("4242424242424242", "visa credit US"),
            ("4000000000009995", "visa credit US"),
            ("4000003560000008", "visa credit IN"),
            ("4000056655665556", "visa debit US"),
            ("5200828282828210", "mastercard debit US"),
            ("5105105105105100", "mastercard prepaid US"),
            ("4999999999999999", "visa  "),
        ] {
            assert_eq!(found(&bins, number), expected, "{number}");
        }
    }

    #[test]
    fn each_fact_is_that_of_the_longest_prefix_which_tells_it() {
        let bins = CardBins::parse(
            "# a comment\n4,4,visa,,\n\n41,42,,credit,IN\n411,411,, debit ,\n4111,4112,rupay,,",
        )
        .unwrap();
        for (number, expected) in [
            ("4000000000000", "visa  "),
            ("4200000000000", "visa credit IN"),
            ("4110000000000", "visa debit IN"),
            ("4112000000000", "rupay debit IN"),
            ("5000000000000", "unknown  "),
            ("4", "visa  "),
        ] {
            assert_eq!(found(&bins, number), expected, "{number}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        for (line, fault) in [
            ("4,4,visa", "five columns"),
            ("4,4,visa,,,", "five columns"),
            ("4,41,visa,,", "as many of both"),
            ("x,x,visa,,", "as many of both"),
            ("12345678901,12345678901,visa,,", "1 to 10 digits"),
            ("5,4,visa,,", "after last"),
            ("4,4,Visa,,", "no brand"),
            ("4,4,visa,charge,", "no funding"),
            ("4,4,visa,,India", "no country"),
            ("15,20,visa,,", "overlaps"),
            ("10,16,visa,,", "overlaps"),
        ] {
            let text = format!("# first\n13,17,visa,,\n{line}");
            let faults = CardBins::parse(&text).unwrap_err();
            let [(3, reason)] = faults[..] else { panic!("{line}: {faults:?}") };
            assert!(reason.contains(fault), "{line}: {reason}");
        }
    }

    #[test]
    fn all_lines_that_are_wrong_are_told_and_of_another_kind_of_file_the_first_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bins.csv");
        let told = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let told = CardBins::open(&path).unwrap_err().to_string();
            told.replace(&format!("{}:", path.display()), "")
        };
        let wrong = "4,4,Visa,,\n5,5,visa,,\n6,5,visa,,\n";
        assert_eq!(told(wrong), "1: this is no brand; 3: first is after last");
        let other = told(&"{}\n".repeat(50));
        assert_eq!(other.matches("five columns").count(), 20, "{other}");
        assert!(other.ends_with("; and 30 more"), "{other}");
    }
}
