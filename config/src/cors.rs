//! `[cors]`: which web pages may call the API.

use serde::Deserialize;

use crate::error::Error;

/// Which web pages may call the API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Their origins, or `*` alone for all; empty for none.
    pub allowed_origins: Vec<String>,
    /// Whether they may send cookies and the like.
    pub allow_credentials: bool,
    /// How long a browser may remember what it may send, in seconds.
    pub max_age_s: u32,
}

impl Cors {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let any = self.allowed_origins.iter().any(|origin| origin == "*");
        let refused = |key, fault| Err(Error::Value { key, fault });
        if any && self.allow_credentials {
            return Err(Error::Contradiction {
                key: "cors.allow_credentials",
                beside: "cors.allowed_origins",
                fault: "must be false where every origin is allowed",
            });
        }
        if any && self.allowed_origins.len() > 1 {
            return refused("cors.allowed_origins", "\"*\" must stand alone");
        }
        if !any && !self.allowed_origins.iter().all(|origin| is_origin(origin)) {
            let fault = "must hold origins such as \"https://shop.example\": scheme, host in lower \
                         case, port, and nothing behind";
            return refused("cors.allowed_origins", fault);
        }
        Ok(())
    }
}

/// Whether this is an origin as browsers write it (RFC 6454, section 6.2).
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    matches!(scheme, "http" | "https")
        && !host.is_empty()
        && host.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte)
        })
}
