//! Looks for a request's own card number in the texts that it brings along.
//!
//! Those texts enter the log, which keeps them for ever; the number must not. Only the request's
//! own number is looked for: one in ten numbers passes the Luhn check by chance, so a search for
//! card numbers in general would refuse honest order numbers.

/// Most digits of a card number (ISO/IEC 7812-1).
const MOST_DIGITS: usize = 19;

/// A number to look for, as the tables of a bit-parallel search: one pass over a text, whatever
/// stands in it, and no copy of the number.
pub(crate) struct CardNumberSearch {
    /// For each digit the places that it has in the number, one bit each.
    places: [u32; 10],
    /// The bit of the last place.
    last: u32,
}

impl CardNumberSearch {
    /// A search for `number`; `None` where that is no number of 1 to 19 digits.
    pub(crate) fn new(number: &str) -> Option<Self> {
        if !(1..=MOST_DIGITS).contains(&number.len()) {
            return None;
        }
        let mut places = [0; 10];
        for (place, letter) in number.chars().enumerate() {
            places[digit_of(letter)?] |= 1 << place;
        }
        Some(Self { places, last: 1 << (number.len() - 1) })
    }

    /// Whether the number stands in `text`, with or without spaces and dashes between its digits.
    pub(crate) fn finds_in(&self, text: &str) -> bool {
        self.finds_among(text.chars())
    }

    /// The same for an address, in which a space is written `+` or `%20`.
    pub(crate) fn finds_in_url(&self, url: &str) -> bool {
        self.finds_among(decoded(url))
    }

    fn finds_among(&self, letters: impl Iterator<Item = char>) -> bool {
        // Bit n is set where the digits so far end with the number's first n + 1.
        let mut begun: u32 = 0;
        for letter in letters.filter(|letter| !is_separator(*letter)) {
            let places = digit_of(letter).map_or(0, |digit| self.places[digit]);
            begun = (begun << 1 | 1) & places;
            if begun & self.last != 0 {
                return true;
            }
        }
        false
    }
}

fn digit_of(letter: char) -> Option<usize> {
    letter.to_digit(10).and_then(|digit| usize::try_from(digit).ok())
}

/// Spaces and dashes, as people and their programs write them between groups of digits.
fn is_separator(letter: char) -> bool {
    letter == '-'
        || letter.is_whitespace()
        || matches!(letter, '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// An address with its escapes undone (RFC 3986, section 2.1). Bytes beyond ASCII come out as some
/// letter that is neither digit nor separator.
fn decoded(url: &str) -> impl Iterator<Item = char> {
    let bytes = url.as_bytes();
    let mut place = 0;
    std::iter::from_fn(move || {
        let byte = *bytes.get(place)?;
        let hex = |offset: usize| {
            bytes.get(place + offset).and_then(|digit| char::from(*digit).to_digit(16))
        };
        let (letter, length) = match (byte, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                (char::from_u32(high << 4 | low).filter(char::is_ascii), 3)
            }
            (b'+', _, _) => (Some(' '), 1),
            _plain => (Some(char::from(byte)).filter(char::is_ascii), 1),
        };
        place += length;
        Some(letter.unwrap_or(char::REPLACEMENT_CHARACTER))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search() -> CardNumberSearch {
        CardNumberSearch::new("4242424242424242").unwrap()
    }

    #[test]
    fn the_number_is_found_however_it_is_grouped() {
        for text in [
            "4242424242424242",
            "card 4242 4242 4242 4242, exp 12/30",
            "4242-4242-4242-4242",
            "4-2 4-2 4 2 4 2 4 2 4 2 4 2 4 2",
            "4242\u{a0}4242\u{2011}4242\u{2013}4242",
            "order42424242424242424242x",
            "424242 4242424242421 4242424242424242",
        ] {
            assert!(search().finds_in(text), "{text}");
        }
        for url in [
            "https://shop.example/4242424242424242",
            "https://shop.example/?c=4242%204242+4242-4242",
            "https://shop.example/?c=%34242424242424%32%342",
        ] {
            assert!(search().finds_in_url(url), "{url}");
        }
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in
            ["", "424242424242424", "4242424242424241", "4242.4242.4242.4242", "5555555555554444"]
        {
            assert!(!search().finds_in(text), "{text}");
        }
        for url in
            ["https://shop.example/%", "https://shop.example/%4242424242424242%2", "caf\u{e9}"]
        {
            assert!(!search().finds_in_url(url), "{url}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_looked_for() {
        for number in ["", "4242x", "42424242424242424242", "\u{664}242424242424242"] {
            assert!(CardNumberSearch::new(number).is_none(), "{number}");
        }
        let longest = CardNumberSearch::new("6304000000000000000").unwrap();
        assert!(longest.finds_in("no. 6304 0000 0000 0000 000!"));
    }
}
