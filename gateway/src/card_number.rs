//! The check digit of card numbers.

/// Whether the text is all digits, of which the last is the check digit of the others (the Luhn
/// formula, ISO/IEC 7812-1, annex B).
pub(crate) fn passes_luhn(number: &str) -> bool {
    let mut sum = 0;
    for (position, byte) in number.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return false;
        }
        let digit = u32::from(byte - b'0');
        sum += match position % 2 {
            0 => digit,
            _ if digit < 5 => digit * 2,
            // The digits of the double are summed: 16 counts as 1 + 6.
            _ => digit * 2 - 9,
        };
    }
    !number.is_empty() && sum % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_count() {
        for number in ["4242424242424242", "378282246310005", "6011111111111117", "0"] {
            assert!(passes_luhn(number), "{number}");
        }
        for number in ["4242424242424241", "4242 4242 4242 4242", "\u{664}", ""] {
            assert!(!passes_luhn(number), "{number}");
        }
    }
}
