//! Strings of a request: borrowed from the body wherever nothing is escaped in them.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de};

use super::object::Field;

/// A string of a request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Text<'a>(Cow<'a, str>);

/// The merchant's own keys and values, sorted by key; no key stands twice.
#[derive(Default, Debug)]
pub(crate) struct Metadata<'a>(pub(crate) Vec<(Text<'a>, Text<'a>)>);

impl<'a> Text<'a> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_inner(self) -> Cow<'a, str> {
        self.0
    }
}

impl Field for Text<'_> {}

impl Field for Metadata<'_> {}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl<'a> Deserialize<'a> for Text<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'a> de::Visitor<'a> for Visitor {
            type Value = Text<'a>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'a str) -> Result<Text<'a>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'a>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl<'a> Deserialize<'a> for Metadata<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'a> de::Visitor<'a> for Visitor {
            type Value = Metadata<'a>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of strings")
            }

            fn visit_map<M: de::MapAccess<'a>>(self, mut map: M) -> Result<Metadata<'a>, M::Error> {
                let mut entries: Vec<(Text<'a>, Text<'a>)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                // Stored in the order of the keys, which also shows any that stands twice.
                entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                    return Err(de::Error::duplicate_field("metadata key"));
                }
                Ok(Metadata(entries))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}
