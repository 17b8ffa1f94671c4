//! One source of configuration: what it says, and where it says it.
//!
//! Not here: which source wins, see `loaded.rs`, and whether a key exists or a value can be meant.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use figment::value::{Dict, Value};
use toml_edit::{Array, Document, Item, TableLike, Value as TomlValue};

use crate::{Flags, error::Fault};

/// What environment variables that override a key begin with. Two underscores also separate
/// section and key, because keys have single ones inside.
const ENVIRONMENT_PREFIX: &str = "TOLLGATE__";

/// Where a value was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// In the defaults that are compiled in.
    Default,
    /// In a file.
    File {
        /// Which, as it was given.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// In the environment variable of that name.
    Environment(String),
    /// By the flag of that name, dashes included.
    Flag(&'static str),
}

/// One value.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Section and key. A table without keys is a setting of its own, so that a section that does
    /// not exist is refused though it is empty.
    pub(crate) path: Vec<String>,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// Everything that one source says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    pub(crate) settings: Vec<Setting>,
    /// Where each section begins; only files have any.
    sections: BTreeMap<Vec<String>, Origin>,
}

impl Layer {
    /// The defaults.
    pub(crate) fn defaults(text: &str) -> Self {
        Self::toml(text, |_line| Origin::Default).expect("the compiled-in defaults are TOML")
    }

    /// A file's text. Fails where it is no TOML.
    pub(crate) fn file(path: &Path, text: &str) -> Result<Self, Fault> {
        Self::toml(text, |line| Origin::File { path: path.to_owned(), line })
    }

    fn toml(text: &str, origin: impl Fn(usize) -> Origin) -> Result<Self, Fault> {
        let document = Document::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let reason = error.message().replace('\n', ", ");
            Fault { origin: origin(line(text, at)), key: String::new(), reason, suggestion: None }
        })?;
        let mut layer = Self::default();
        let origin = |at| origin(line(text, at));
        layer.read_table(document.as_table(), &mut Vec::new(), &origin);
        Ok(layer)
    }

    fn read_table(
        &mut self,
        table: &dyn TableLike,
        path: &mut Vec<String>,
        origin: &impl Fn(usize) -> Origin,
    ) {
        for (name, item) in table.iter() {
            let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let origin_of_key = origin(span.map_or(0, |span| span.start));
            path.push(name.to_owned());
            match item.as_table_like() {
                Some(table) => {
                    self.sections.insert(path.clone(), origin_of_key.clone());
                    if table.is_empty() {
                        let value = Value::from(Dict::new());
                        self.settings.push(Setting {
                            path: path.clone(),
                            value,
                            origin: origin_of_key,
                        });
                    }
                    self.read_table(table, path, origin);
                }
                None => {
                    let setting =
                        Setting { path: path.clone(), value: of_item(item), origin: origin_of_key };
                    self.settings.push(setting);
                }
            }
            path.pop();
        }
    }

    /// The environment's variables that begin with the prefix. `defaults` tell what is text: there
    /// a value stands as it is, without quotes.
    pub(crate) fn environment(
        variables: impl Iterator<Item = (OsString, OsString)>,
        defaults: &Layer,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut layer = Self::default();
        let mut variables: Vec<_> = variables.collect();
        // Their order is not defined, and faults should be told in the same order every time.
        variables.sort_unstable();
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            let path: Vec<String> = key.split("__").map(str::to_ascii_lowercase).collect();
            let origin = Origin::Environment(name.to_owned());
            let Some(text) = value.to_str() else {
                let (key, reason) = (path.join("."), "the value is not UTF-8".to_owned());
                faults.push(Fault { origin, key, reason, suggestion: None });
                continue;
            };
            let value = of_text(text, defaults.value(&path));
            layer.settings.push(Setting { path, value, origin });
        }
        layer
    }

    /// What the command line says.
    pub(crate) fn flags(flags: &Flags) -> Self {
        let Flags { config: _, data_dir, listen, metrics_listen } = flags;
        let data_dir = data_dir.as_ref().map(|path| path.display().to_string());
        let settings = [
            ("--data-dir", ["storage", "data_dir"], data_dir),
            ("--listen", ["server", "listen"], listen.map(|address| address.to_string())),
            (
                "--metrics-listen",
                ["server", "metrics_listen"],
                metrics_listen.map(|address| address.to_string()),
            ),
        ];
        let settings = settings.into_iter().filter_map(|(flag, path, value)| {
            Some(Setting {
                path: path.map(str::to_owned).into(),
                value: Value::from(value?),
                origin: Origin::Flag(flag),
            })
        });
        Self { settings: settings.collect(), sections: BTreeMap::new() }
    }

    /// Takes away what the layer says at `path`, above it or below it, the nearest of these; tells
    /// where it was said.
    pub(crate) fn take(&mut self, path: &[String]) -> Option<Origin> {
        let exact = self.settings.iter().position(|setting| setting.path == path);
        // The fault of an array's element belongs to the array.
        let above = || self.settings.iter().position(|setting| path.starts_with(&setting.path));
        if let Some(index) = exact.or_else(above) {
            return Some(self.settings.remove(index).origin);
        }
        let below = self.settings.iter().find(|setting| setting.path.starts_with(path))?;
        let origin = self.sections.get(path).unwrap_or(&below.origin).clone();
        self.settings.retain(|setting| !setting.path.starts_with(path));
        Some(origin)
    }

    fn value(&self, path: &[String]) -> Option<&Value> {
        self.settings.iter().find(|setting| setting.path == path).map(|setting| &setting.value)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Environment(name) => formatter.write_str(name),
            Self::Flag(flag) => formatter.write_str(flag),
        }
    }
}

/// The line, from 1, that the byte at `at` stands in.
fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn of_item(item: &Item) -> Value {
    match item {
        Item::Value(value) => of_toml(value),
        Item::Table(table) => of_table(table),
        Item::ArrayOfTables(tables) => {
            Value::from(tables.iter().map(|table| of_table(table)).collect::<Vec<_>>())
        }
        Item::None => Value::from(Dict::new()),
    }
}

fn of_toml(value: &TomlValue) -> Value {
    match value {
        TomlValue::String(text) => Value::from(text.value().clone()),
        TomlValue::Integer(number) => Value::from(*number.value()),
        TomlValue::Float(number) => Value::from(*number.value()),
        TomlValue::Boolean(is) => Value::from(*is.value()),
        // No key has a type of its own for times.
        TomlValue::Datetime(time) => Value::from(time.value().to_string()),
        TomlValue::Array(array) => of_array(array),
        TomlValue::InlineTable(table) => of_table(table),
    }
}

fn of_array(array: &Array) -> Value {
    Value::from(array.iter().map(of_toml).collect::<Vec<_>>())
}

fn of_table(table: &dyn TableLike) -> Value {
    Value::from(table.iter().map(|(name, item)| (name.to_owned(), of_item(item))).collect::<Dict>())
}

/// A variable's text as what its key is by default. What is neither text nor a list is read as in
/// TOML; where it is none, the text is told to be of the wrong type later on.
fn of_text(text: &str, default: Option<&Value>) -> Value {
    let as_toml = || text.trim().parse::<TomlValue>().ok().map(|value| of_toml(&value));
    let as_text = || Value::from(text);
    match default {
        Some(Value::String(..) | Value::Char(..)) => as_text(),
        // `a, b` for `["a", "b"]`, which nobody likes to quote in a shell.
        Some(Value::Array(..)) if !text.trim_start().starts_with('[') => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::from(parts.map(Value::from).collect::<Vec<_>>())
        }
        Some(_) | None => as_toml().unwrap_or_else(as_text),
    }
}
