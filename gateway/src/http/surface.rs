//! The two ways in which the API speaks, told apart by the path.

/// How a path speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Surface {
    /// snake_case, problems as RFC 9457 has them, unknown fields refused. Everything that is not
    /// the API at all, such as probes, speaks like this too.
    V1,
    /// As clients of the older API know it: camelCase in an envelope, unknown fields ignored.
    Classic,
}

impl Surface {
    /// Everything below `/api/` is classic, except what says otherwise by its own name.
    pub(crate) fn of_path(path: &str) -> Self {
        match path.strip_prefix("/api/") {
            None | Some("v1" | "openapi.json") => Self::V1,
            Some(rest) if rest.starts_with("v1/") => Self::V1,
            Some(_older) => Self::Classic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_below_api_is_classic_but_version_1_and_its_description() {
        for (path, surface) in [
            ("/api/payments/process", Surface::Classic),
            ("/api/nothing", Surface::Classic),
            ("/api/", Surface::Classic),
            ("/api/v1x/payments", Surface::Classic),
            ("/api/v1", Surface::V1),
            ("/api/v1/payments", Surface::V1),
            ("/api/v1/nothing", Surface::V1),
            ("/api/openapi.json", Surface::V1),
            ("/api", Surface::V1),
            ("/health", Surface::V1),
            ("/", Surface::V1),
        ] {
            assert_eq!(Surface::of_path(path), surface, "{path}");
        }
    }
}
