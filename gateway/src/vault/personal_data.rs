//! What a payment knows of a person, and the bytes it becomes before they are sealed.
//!
//! ```text
//!    0  1  format, 1
//!    1     fields, in the order of their codes:
//!          1  code
//!          2  length, big-endian
//!             text, UTF-8
//! ```
//!
//! A field that a reader does not know is passed over, so that an older gateway reads what a newer
//! one wrote.
//!
//! Invariant: a code is given once and never again.

use zeroize::Zeroizing;

const FORMAT: u8 = 1;

/// Of a field's head.
const HEAD_LENGTH: usize = 3;

/// Declares the fields, in the order of their codes.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// A fact about a person.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum PersonalField {
            $($(#[$doc])* $name,)*
        }

        impl PersonalField {
            /// Every field, in the order of their codes.
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            const CODES: &[u8] = &[$($code,)*];
        }
    };
}

fields! {
    Email = 1,
    Phone = 2,
    /// As it stands on the card.
    HolderName = 3,
    Street = 4,
    City = 5,
    State = 6,
    ZipCode = 7,
    Country = 8,
    DeviceFingerprint = 9,
    Ip = 10,
    UserAgent = 11,
    /// The virtual payment address of UPI.
    Vpa = 12,
    WalletId = 13,
}

const FIELDS: usize = PersonalField::ALL.len();

/// What a request tells of a person.
#[derive(Clone, Copy, Default)]
pub(crate) struct PersonalData<'t>([Option<&'t str>; FIELDS]);

/// What was sealed, open again; wiped when dropped.
pub(crate) struct OpenedData {
    text: Zeroizing<Vec<u8>>,
    /// Where each field's text lies.
    spans: [Option<(u16, u16)>; FIELDS],
}

impl PersonalField {
    const fn index(self) -> usize {
        self as usize
    }

    const fn code(self) -> u8 {
        Self::CODES[self.index()]
    }
}

impl<'t> PersonalData<'t> {
    /// The same with a field more, if there is one.
    #[must_use]
    pub(crate) fn with(mut self, field: PersonalField, text: Option<&'t str>) -> Self {
        self.0[field.index()] = text;
        self
    }

    /// Whether there is nothing to seal.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    fn given(&self) -> impl Iterator<Item = (PersonalField, &'t str)> {
        PersonalField::ALL.iter().zip(self.0).filter_map(|(field, text)| Some((*field, text?)))
    }

    /// How many bytes [`PersonalData::encode_into`] adds.
    pub(super) fn encoded_length(&self) -> usize {
        1 + self.given().map(|(_field, text)| HEAD_LENGTH + text.len()).sum::<usize>()
    }

    /// Adds the bytes to `out`; `None` where a text is longer than its length can say.
    pub(super) fn encode_into(&self, out: &mut Vec<u8>) -> Option<()> {
        out.push(FORMAT);
        for (field, text) in self.given() {
            out.push(field.code());
            out.extend_from_slice(&u16::try_from(text.len()).ok()?.to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Some(())
    }
}

impl OpenedData {
    /// Reads what [`PersonalData::encode_into`] wrote; `None` where it is something else.
    pub(super) fn decode(text: Zeroizing<Vec<u8>>) -> Option<Self> {
        let mut spans = [None; FIELDS];
        let (FORMAT, mut rest) = text.split_first().map(|(format, rest)| (*format, rest))? else {
            return None;
        };
        let mut last = 0;
        while let Some((&[code, high, low], body)) = rest.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let field = body.get(..length)?;
            if code <= last || std::str::from_utf8(field).is_err() {
                return None;
            }
            last = code;
            rest = &body[length..];
            if let Some(known) = PersonalField::CODES.iter().position(|known| *known == code) {
                let end = text.len() - rest.len();
                let start = u16::try_from(end - length).ok()?;
                spans[known] = Some((start, u16::try_from(end).ok()?));
            }
        }
        rest.is_empty().then_some(Self { text, spans })
    }

    /// A field's text.
    pub(crate) fn get(&self, field: PersonalField) -> Option<&str> {
        let (start, end) = self.spans[field.index()]?;
        std::str::from_utf8(&self.text[usize::from(start)..usize::from(end)]).ok()
    }
}

impl std::fmt::Debug for PersonalData<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PersonalData({} fields, redacted)", self.given().count())
    }
}

impl std::fmt::Debug for OpenedData {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("OpenedData(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(data: &PersonalData<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        data.encode_into(&mut bytes).unwrap();
        assert_eq!(bytes.len(), data.encoded_length());
        bytes
    }

    fn decoded(bytes: &[u8]) -> Option<OpenedData> {
        OpenedData::decode(Zeroizing::new(bytes.to_vec()))
    }

    /// Stored for as long as the log is.
    #[test]
    fn golden_bytes() {
        let data = PersonalData::default()
            .with(PersonalField::WalletId, Some("w"))
            .with(PersonalField::Email, Some("a@b.co"))
            .with(PersonalField::Phone, None)
            .with(PersonalField::City, Some("K\u{f6}ln"));
        let golden = b"\x01\x01\x00\x06a@b.co\x05\x00\x05K\xc3\xb6ln\x0d\x00\x01w";
        assert_eq!(encoded(&data), golden);
        let codes: Vec<u8> = PersonalField::ALL.iter().map(|field| field.code()).collect();
        assert_eq!(codes, (1..=13).collect::<Vec<u8>>());
    }

    #[test]
    fn what_is_sealed_is_read() {
        for present in 0..1_u32 << FIELDS {
            // All subsets are too many to decode; each pair of neighbours is in one of these.
            if present % 37 != 0 {
                continue;
            }
            let mut data = PersonalData::default();
            for (place, field) in PersonalField::ALL.iter().enumerate() {
                let text = ["", "x", "longer text", "\u{20ac}"][place % 4];
                data = data.with(*field, (present >> place & 1 == 1).then_some(text));
            }
            let opened = decoded(&encoded(&data)).unwrap();
            for field in PersonalField::ALL {
                assert_eq!(opened.get(*field), data.0[field.index()]);
            }
            assert_eq!(data.is_empty(), present == 0);
        }
    }

    #[test]
    fn other_bytes_are_refused_and_newer_fields_passed_over() {
        let opened = decoded(b"\x01\x01\x00\x01e\xc8\x00\x02??").unwrap();
        assert_eq!(opened.get(PersonalField::Email), Some("e"));
        for bytes in [
            &b""[..],
            b"\x02",
            b"\x01\x01",
            b"\x01\x01\x00\x02e",
            b"\x01\x02\x00\x00\x01\x00\x00",
            b"\x01\x01\x00\x00\x01\x00\x00",
            b"\x01\x01\x00\x01\xff",
        ] {
            assert!(decoded(bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn nothing_personal_is_printed() {
        let data = PersonalData::default().with(PersonalField::Email, Some("a@b.co"));
        assert_eq!(format!("{data:?}"), "PersonalData(1 fields, redacted)");
        assert_eq!(format!("{:?}", decoded(&encoded(&data)).unwrap()), "OpenedData(redacted)");
    }
}
