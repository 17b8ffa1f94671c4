//! Why a configuration is refused.

use std::{fmt, io, path::PathBuf};

use figment::error::{Actual, Kind};

use crate::layer::Origin;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file given on the command line is not there.
    #[error("no configuration file {}", .0.display())]
    NoFile(PathBuf),
    /// The file given on the command line cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What the sources say cannot be meant: all of it that is wrong, one line for each.
    #[error("{}", Lines(.0))]
    Faults(Vec<Fault>),
    /// A value of the right type that cannot be meant, as the section says that it belongs to; who
    /// said the value is added to it, and then it is one of [`Error::Faults`].
    #[error("{key}: {fault}")]
    Value {
        /// The key, with its section.
        key: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The same of a value that cannot be meant beside another one.
    #[error("{key}: {fault}")]
    Contradiction {
        /// The key, with its section.
        key: &'static str,
        /// The other's, which is told with its place where `key` has its default.
        beside: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
}

/// What a component refuses of a configuration whose every value could be meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The key, with its section.
    pub key: &'static str,
    /// The key of another value that makes this one wrong, which is told with its place where `key`
    /// has its default.
    pub beside: Option<&'static str>,
    /// Why, in one line.
    pub reason: String,
}

impl Refusal {
    /// The refusal of a key's value for an error and its causes.
    #[must_use]
    pub fn new(key: &'static str, error: &dyn std::error::Error) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            reason += &format!(": {error}");
            cause = error.source();
        }
        Self { key, beside: None, reason: reason.replace('\n', " ") }
    }
}

/// One thing that is wrong: where it was said, of which key, why it is refused and, where that can
/// be guessed, what was meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Who said it.
    pub origin: Origin,
    /// The key with its section; empty where no key can be told.
    pub key: String,
    /// Why it is refused, in words.
    pub reason: String,
    /// A key or value that is spelt nearly the same.
    pub suggestion: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, key, reason, suggestion } = self;
        write!(formatter, "{origin}: ")?;
        if !key.is_empty() {
            write!(formatter, "{key}: ")?;
        }
        formatter.write_str(reason)?;
        match suggestion {
            Some(suggestion) => write!(formatter, "; did you mean {suggestion}?"),
            None => Ok(()),
        }
    }
}

struct Lines<'a>(&'a [Fault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for fault in self.0 {
            write!(formatter, "{separator}{fault}")?;
            separator = "\n";
        }
        Ok(())
    }
}

/// What is wrong with the key at a path, before it is known who said it.
pub(crate) struct Refused {
    pub(crate) path: Vec<String>,
    /// The path of what it contradicts, where it does.
    pub(crate) beside: Option<Vec<String>>,
    pub(crate) reason: String,
    pub(crate) suggestion: Option<String>,
}

impl Refused {
    /// What the typed parsing refuses. `known` are all keys there are, for suggestions.
    pub(crate) fn by_type(error: &figment::Error, known: &[Vec<String>]) -> Self {
        let mut path = error.path.clone();
        let (reason, suggestion) = match &error.kind {
            Kind::UnknownField(field, expected) => {
                if path.last() != Some(field) {
                    path.push(field.clone());
                }
                ("there is no such key".to_owned(), known_key(&path, expected, known))
            }
            Kind::UnknownVariant(found, expected) => {
                let allowed = expected.join(", ");
                (format!("\"{found}\" is none of {allowed}"), nearest(found, expected.iter()))
            }
            Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
                (format!("found {}, expected {}", in_words(found), type_in_words(expected)), None)
            }
            Kind::MissingField(field) => (format!("{field} is missing"), None),
            other => (other.to_string(), None),
        };
        // A fault is one line, whatever a type's own words are.
        Self { path, beside: None, reason: reason.replace('\n', " "), suggestion }
    }

    /// What a section refuses.
    pub(crate) fn by_section(key: &str, beside: Option<&str>, fault: &str) -> Self {
        let path = |key: &str| key.split('.').map(str::to_owned).collect();
        let (path, beside) = (path(key), beside.map(path));
        Self { path, beside, reason: fault.to_owned(), suggestion: None }
    }
}

/// What stands there, as the one who wrote it would call it.
fn in_words(found: &Actual) -> String {
    match found {
        Actual::Bool(is) => is.to_string(),
        Actual::Unsigned(number) => number.to_string(),
        Actual::Signed(number) => number.to_string(),
        Actual::Float(number) => number.to_string(),
        Actual::Str(text) => format!("\"{text}\""),
        Actual::Map => "a section".to_owned(),
        Actual::Seq => "a list".to_owned(),
        other => other.to_string(),
    }
}

/// A type by another name than Rust's.
fn type_in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "a whole number above zero"
        }
        "f64" => "a number",
        "a sequence" => "a list",
        other if other.starts_with("struct ") => "a section",
        other => other,
    }
}

/// The key that is meant by one that does not exist: spelt nearly the same in the same section, or
/// of the same name in another.
fn known_key(path: &[String], expected: &[&str], known: &[Vec<String>]) -> Option<String> {
    let (field, section) = path.split_last()?;
    if let Some(near) = nearest(field, expected.iter()) {
        return Some(
            section.iter().map(String::as_str).chain([&*near]).collect::<Vec<_>>().join("."),
        );
    }
    known.iter().find(|known| known.last() == Some(field)).map(|known| known.join("."))
}

/// From 0, nothing in common, to 1, the same: below this nobody would take one for the other.
const ALIKE: f64 = 0.8;

fn nearest<'a>(found: &str, all: impl Iterator<Item = &'a &'a str>) -> Option<String> {
    all.map(|candidate| (strsim::jaro_winkler(found, candidate), candidate))
        .filter(|(likeness, _candidate)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_likeness, candidate)| (*candidate).to_owned())
}
