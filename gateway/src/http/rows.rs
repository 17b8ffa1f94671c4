//! Which rows of a list older clients ask for: `limit` and `offset`.
//!
//! Not here: pages by cursor, see `page.rs`.

use super::{
    error::{ErrorCode, Fault},
    page::{USUAL_LIMIT, take_limit},
};

/// So many rows, behind so many others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rows {
    pub(super) limit: usize,
    pub(super) offset: usize,
}

/// How far into a list its rows can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// Any row is found at once.
    All,
    /// Each row that is passed over is looked at, so that there are bounds.
    Near,
}

/// The most rows that may be passed over where each is looked at.
const MOST_PASSED_OVER: usize = 100_000;

impl Rows {
    /// The first rows, as many as are usual.
    pub(super) fn first() -> Self {
        Self { limit: USUAL_LIMIT, offset: 0 }
    }

    /// Takes one parameter of a query, if it is one of these.
    pub(super) fn take_parameter(
        &mut self,
        name: &str,
        value: &str,
        reach: Reach,
        faults: &mut Vec<Fault>,
    ) -> bool {
        match name {
            "limit" => take_limit(value, &mut self.limit, faults),
            "offset" => {
                let (most, detail) = match reach {
                    Reach::All => (usize::MAX, "An offset is a whole number from 0 on."),
                    Reach::Near => (MOST_PASSED_OVER, "An offset is from 0 to 100000."),
                };
                match value.parse() {
                    Ok(offset) if offset <= most => self.offset = offset,
                    Ok(_) | Err(_) => {
                        faults.push(Fault::new("offset", ErrorCode::ParameterInvalid, detail));
                    }
                }
            }
            _other => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(query: &str, reach: Reach) -> Option<(usize, usize)> {
        let (mut rows, mut faults) = (Rows::first(), Vec::new());
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let is_ours = rows.take_parameter(name, value, reach, &mut faults);
            assert_eq!(is_ours, name != "page", "{query}");
        }
        faults.is_empty().then_some((rows.limit, rows.offset))
    }

    #[test]
    fn rows_are_from_an_offset_on_and_others_are_refused() {
        for reach in [Reach::All, Reach::Near] {
            assert_eq!(rows("", reach), Some((10, 0)));
            assert_eq!(rows("limit=100&offset=7&page=2", reach), Some((100, 7)));
            for query in ["limit=0", "limit=101", "limit=", "offset=-1", "offset=x"] {
                assert_eq!(rows(query, reach), None, "{query}");
            }
        }
        assert_eq!(rows("offset=100001", Reach::All), Some((10, 100_001)));
        assert_eq!(rows("offset=100001", Reach::Near), None);
    }
}
