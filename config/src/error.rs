//! Why a configuration is refused.

use std::path::PathBuf;

use figment::{Figment, error::Kind};

/// Why a configuration is refused; one line for the one who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file given on the command line is not there.
    #[error("no configuration file {0}")]
    NoFile(PathBuf),
    /// A source cannot be read, or one of its keys is unknown or of the wrong type.
    #[error("{key}: {fault} (in {source_name})")]
    Source {
        /// The key, with its section.
        key: String,
        /// What is wrong with it.
        fault: String,
        /// Which source says it.
        source_name: String,
    },
    /// A value of the right type that cannot be meant.
    #[error("{key}: {fault}")]
    Value {
        /// The key, with its section.
        key: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
}

impl Error {
    pub(crate) fn from_figment(error: figment::Error, sources: &Figment) -> Self {
        let mut path = error.path.clone();
        // serde reports an unknown field at the section that holds it.
        if let Kind::UnknownField(field, _known) = &error.kind
            && path.last() != Some(field)
        {
            path.push(field.clone());
        }
        let key = path.join(".");
        let source = error.metadata.clone().or_else(|| sources.find_metadata(&key).cloned());
        let source_name = source.map_or_else(
            || "the configuration".to_owned(),
            |metadata| match &metadata.source {
                Some(source) => source.to_string(),
                None => metadata.name.to_string(),
            },
        );
        let fault = error.kind.to_string().replace('\n', " ");
        let key = if key.is_empty() { "configuration".to_owned() } else { key };
        Self::Source { key, fault, source_name }
    }
}
