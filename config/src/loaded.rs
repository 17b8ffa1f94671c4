//! The configuration that holds, and who said what of it.
//!
//! ```text
//!   default.toml ◀ file ◀ environment ◀ flags      laid over each other, key by key
//!        └──────────┴─────────┴─────────┴──▶ typed parsing ──▶ each section's own check
//!                         ▲                        │                  │
//!                         └── without that value ◀─┴── a fault ◀──────┘
//! ```
//!
//! Invariant: all faults are told at once. Parsing stops at the first, so the value that it stops
//! at is taken away and what is left is parsed again, until nothing is wrong any more or only the
//! defaults are left. What is left is shown to the components, and what they refuse is told with it.

use std::{ffi::OsString, path::Path};

use figment::value::{Dict, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value as TomlValue};

use crate::{
    Config, DEFAULTS, Flags,
    error::{Error, Fault, Refusal, Refused},
    layer::{Layer, Origin, Setting},
};

/// A configuration, with the origin of each of its values.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration itself.
    pub config: Config,
    /// What the sources say beyond the defaults, as far as nothing stronger says otherwise.
    said: Vec<Setting>,
}

impl Loaded {
    /// Reads all sources.
    ///
    /// # Errors
    /// If the file cannot be read, a key is unknown, or a value cannot be meant.
    pub fn read(flags: &Flags) -> Result<Self, Error> {
        Self::read_for(flags, |_config| Vec::new())
    }

    /// The same for components that have something to say to it: `refused` is asked of what can be
    /// meant of the sources, once, and all that it answers is told with their other faults.
    ///
    /// # Errors
    /// As [`Loaded::read`], and if a component refuses something.
    pub fn read_for(
        flags: &Flags,
        refused: impl FnOnce(&Config) -> Vec<Refusal>,
    ) -> Result<Self, Error> {
        Self::read_from(flags, std::env::vars_os(), refused)
    }

    /// The same with variables other than the process's own.
    pub(crate) fn read_from(
        flags: &Flags,
        variables: impl Iterator<Item = (OsString, OsString)>,
        refused: impl FnOnce(&Config) -> Vec<Refusal>,
    ) -> Result<Self, Error> {
        let mut faults = Vec::new();
        let defaults = Layer::defaults(DEFAULTS);
        let known: Vec<_> = defaults.settings.iter().map(|setting| setting.path.clone()).collect();
        let file = match &flags.config {
            Some(path) => Layer::file(path, &text_of(path)?).unwrap_or_else(|fault| {
                faults.push(fault);
                Layer::default()
            }),
            None => Layer::default(),
        };
        let environment = Layer::environment(variables, &defaults, &mut faults);
        let mut layers = [defaults, file, environment, Layer::flags(flags)];
        let config = loop {
            let fault = match typed(&layers, &known) {
                Ok(config) => break config,
                Err(fault) => fault,
            };
            let Refused { path, beside, reason, suggestion } = fault;
            let mut take = |path: &[String]| {
                layers.iter_mut().skip(1).rev().find_map(|layer| layer.take(path))
            };
            // Where no source said the one, the other was said.
            let stated = take(&path).or_else(|| take(&beside?));
            let origin = stated.clone().unwrap_or(Origin::Default);
            faults.push(Fault { origin, key: path.join("."), reason, suggestion });
            if stated.is_none() {
                return Err(Error::Faults(faults));
            }
        };
        let [_defaults, stated @ ..] = layers;
        let mut said: Vec<Setting> = Vec::new();
        for setting in stated.into_iter().flat_map(|layer| layer.settings) {
            said.retain(|weaker| weaker.path != setting.path);
            said.push(setting);
        }
        let loaded = Self { config, said };
        faults.extend(refused(&loaded.config).into_iter().map(|refusal| loaded.fault(refusal)));
        if faults.is_empty() {
            return Ok(loaded);
        }
        faults.sort_by_key(|fault| order(&fault.origin));
        Err(Error::Faults(faults))
    }

    /// What is said beyond the defaults and holds: key, value as in TOML, and where it was said.
    pub fn said(&self) -> impl Iterator<Item = (String, String, &Origin)> {
        self.said.iter().filter(|setting| !is_empty_table(&setting.value)).map(|setting| {
            let value = to_toml(&setting.value).to_string();
            (setting.path.join("."), value, &setting.origin)
        })
    }

    /// What a component refuses, with who said it.
    #[must_use]
    pub fn fault(&self, refusal: Refusal) -> Fault {
        let Refusal { key, beside, reason } = refusal;
        let origin = |key: &str| {
            let said = self.said.iter().find(|setting| setting.path.iter().eq(key.split('.')));
            said.map(|setting| setting.origin.clone())
        };
        let said = origin(key).or_else(|| origin(beside?));
        let origin = said.unwrap_or(Origin::Default);
        Fault { origin, key: key.to_owned(), reason, suggestion: None }
    }

    /// The whole configuration as the text of a file: the defaults with their comments, and in them
    /// what was said instead, each with its origin. Given with `--config` it comes to the same.
    ///
    /// Not here: secrets. No key of the configuration is one; keys and passwords are in the data
    /// directory and the environment.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut document: DocumentMut =
            DEFAULTS.parse().expect("the compiled-in defaults are TOML");
        for setting in &self.said {
            if is_empty_table(&setting.value) {
                continue;
            }
            let Some((key, sections)) = setting.path.split_last() else { continue };
            let mut table = document.as_table_mut();
            for section in sections {
                let item = table.entry(section).or_insert_with(|| Item::Table(Table::new()));
                table = item.as_table_mut().expect("what was parsed has a table there");
            }
            let mut value = to_toml(&setting.value);
            value.decor_mut().set_suffix(format!(" # {}", setting.origin));
            match table.get_mut(key) {
                // In its place, so that the comment above it stays.
                Some(item) => {
                    value.decor_mut().set_prefix(" ");
                    *item = Item::Value(value);
                }
                None => {
                    table.insert(key, Item::Value(value));
                }
            }
        }
        document.to_string()
    }
}

fn text_of(path: &Path) -> Result<String, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::NoFile(path.to_owned()))
        }
        Err(source) => Err(Error::Unreadable { path: path.to_owned(), source }),
    }
}

/// What the layers come to, or the first thing that is wrong with it.
fn typed(layers: &[Layer], known: &[Vec<String>]) -> Result<Config, Refused> {
    let mut root = Dict::new();
    for setting in layers.iter().flat_map(|layer| &layer.settings) {
        lay_over(&mut root, &setting.path, &setting.value);
    }
    let config: Config =
        Value::from(root).deserialize().map_err(|error| Refused::by_type(&error, known))?;
    match config.check() {
        Ok(()) => Ok(config),
        Err(Error::Value { key, fault }) => Err(Refused::by_section(key, None, fault)),
        Err(Error::Contradiction { key, beside, fault }) => {
            Err(Refused::by_section(key, Some(beside), fault))
        }
        Err(other) => Err(Refused::by_section("", None, &other.to_string())),
    }
}

fn lay_over(into: &mut Dict, path: &[String], value: &Value) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        // A section that is there and empty takes nothing away.
        if !(is_empty_table(value) && into.get(name).is_some_and(|had| had.as_dict().is_some())) {
            into.insert(name.clone(), value.clone());
        }
        return;
    }
    let inner = into.entry(name.clone()).or_insert_with(|| Value::from(Dict::new()));
    if inner.as_dict().is_none() {
        *inner = Value::from(Dict::new());
    }
    if let Value::Dict(_tag, inner) = inner {
        lay_over(inner, rest, value);
    }
}

fn is_empty_table(value: &Value) -> bool {
    value.as_dict().is_some_and(Dict::is_empty)
}

/// Faults are told from the first line of the file to the last, then the environment's.
fn order(origin: &Origin) -> (u8, usize) {
    match origin {
        Origin::Default => (0, 0),
        Origin::File { line, .. } => (1, *line),
        Origin::Environment(_) => (2, 0),
        Origin::Flag(_) => (3, 0),
    }
}

fn to_toml(value: &Value) -> TomlValue {
    match value {
        Value::String(_, text) => text.as_str().into(),
        Value::Char(_, character) => character.to_string().into(),
        Value::Bool(_, is) => (*is).into(),
        Value::Num(_, number) => match number.to_i128().and_then(|whole| i64::try_from(whole).ok())
        {
            Some(whole) => whole.into(),
            None => number.to_f64().unwrap_or(f64::MAX).into(),
        },
        Value::Empty(..) => InlineTable::new().into(),
        Value::Dict(_, dict) => {
            let pairs = dict.iter().map(|(name, value)| (name, to_toml(value)));
            TomlValue::InlineTable(pairs.collect())
        }
        Value::Array(_, values) => TomlValue::Array(values.iter().map(to_toml).collect::<Array>()),
    }
}

#[cfg(test)]
mod tests;
