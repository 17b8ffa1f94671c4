//! Which gateway a command asks, and by whose key.

use std::{fmt, fs, path::PathBuf, str::FromStr};

use clap::Args;
use hyper::{Uri, header::HeaderValue};
use zeroize::Zeroizing;

use super::{Api, ApiError, connection::PATIENCE};
use crate::cli::serve::ADMIN_KEY;

/// The environment's key of a merchant.
const MERCHANT_KEY: &str = "TOLLGATE_API_KEY";

// Which gateway is asked, by whom, and how its answer is shown. A documentation comment on arguments
// that several commands take would stand in the place of each command's own.
#[derive(Debug, Args)]
pub(in crate::cli) struct ApiArguments {
    /// The gateway. It speaks plain HTTP: ask it on its own machine or through a tunnel.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: ServerAddress,
    /// The key to ask with: an operator's, unless said otherwise. Without it: TOLLGATE_ADMIN_KEY.
    #[arg(long = "key", value_name = "KEY", conflicts_with = "key_file")]
    asking_key: Option<KeyText>,
    /// A file whose first line is the key, such as data/operator.key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Print what the API answers, as JSON.
    #[arg(long)]
    json: bool,
}

// The same for what a merchant's developer does.
#[derive(Debug, Args)]
pub(in crate::cli) struct MerchantArguments {
    /// The gateway. It speaks plain HTTP: ask it on its own machine or through a tunnel.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: ServerAddress,
    /// A file with the merchant's key in its first line; the environment's TOLLGATE_API_KEY goes
    /// before it.
    #[arg(long, value_name = "FILE", default_value = "./data/demo.key")]
    key_file: PathBuf,
}

/// Where somebody listens who speaks plain HTTP: host and port.
#[derive(Clone, Debug)]
pub(in crate::cli) struct ServerAddress(String);

/// The text of a key, which nothing prints.
#[derive(Clone)]
struct KeyText(Zeroizing<String>);

impl ApiArguments {
    /// Whether JSON is asked for.
    pub(in crate::cli) fn is_json(&self) -> bool {
        self.json
    }

    /// The gateway they name.
    ///
    /// # Errors
    /// Without a key.
    pub(in crate::cli) fn into_api(self) -> Result<Api, ApiError> {
        let given = match (self.asking_key, self.key_file) {
            (Some(KeyText(key)), _) => Some(key),
            (None, Some(path)) => Some(read_key(path)?),
            (None, None) => from_environment(ADMIN_KEY),
        };
        let key = given.filter(|key| !key.is_empty()).ok_or(ApiError::NoKey)?;
        api(self.server, &key, self.json)
    }
}

impl MerchantArguments {
    /// The gateway they name.
    ///
    /// # Errors
    /// Without a key.
    pub(in crate::cli) fn into_api(self) -> Result<Api, ApiError> {
        let key = match from_environment(MERCHANT_KEY) {
            Some(key) => key,
            None => read_key(self.key_file)?,
        };
        api(self.server, &key, false)
    }
}

impl ServerAddress {
    pub(in crate::cli) fn as_str(&self) -> &str {
        &self.0
    }

    /// The address that a URL of plain HTTP names, whatever its path.
    ///
    /// # Errors
    /// What it is not.
    pub(in crate::cli) fn of(url: &Uri) -> Result<Self, &'static str> {
        if url.scheme_str() != Some("http") {
            return Err("it is such as http://127.0.0.1:8080; TLS ends in front of a gateway");
        }
        let authority = url.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("it is host and port alone");
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self(format!("{}:{port}", authority.host())))
    }
}

impl FromStr for ServerAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let url: Uri = text.parse().map_err(|_fault| "it is no URL")?;
        let address = Self::of(&url)?;
        match url.path_and_query().map(|rest| rest.as_str()) {
            None | Some("/") => Ok(address),
            Some(_path) => Err("it is host and port alone"),
        }
    }
}

impl FromStr for KeyText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyText(..)")
    }
}

fn api(server: ServerAddress, key: &str, as_json: bool) -> Result<Api, ApiError> {
    let bearer = Zeroizing::new(format!("Bearer {key}"));
    let mut authorization = HeaderValue::from_str(&bearer).map_err(ApiError::KeyUnusable)?;
    authorization.set_sensitive(true);
    Ok(Api { address: server.0, authorization, as_json, patience: PATIENCE })
}

fn from_environment(variable: &str) -> Option<Zeroizing<String>> {
    std::env::var(variable).ok().filter(|key| !key.is_empty()).map(Zeroizing::new)
}

/// The first line of a file.
fn read_key(path: PathBuf) -> Result<Zeroizing<String>, ApiError> {
    let text = fs::read_to_string(&path).map(Zeroizing::new);
    let text = text.map_err(|source| ApiError::KeyFile { path, source })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_host_and_port() {
        for (url, address) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://gateway.internal/", "gateway.internal:80"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(url.parse::<ServerAddress>().unwrap().0, address);
        }
        for url in ["https://h:1", "h:1", "", "http://h/api", "http://k@h:1", "http://h:1?q"] {
            assert!(url.parse::<ServerAddress>().is_err(), "{url}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let key: KeyText = "ak_secret".parse().unwrap();
        assert!(!format!("{key:?}").contains("secret"));
    }
}
