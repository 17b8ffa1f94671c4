//! Pages of a list: newest first, by cursor.
//!
//! Rows are in the order of their ids, which begin with the time. A cursor is an id, so that a page
//! stays where it is while rows arrive.

use std::{ops::Bound, str::FromStr};

use serde::Serialize;
use tollgate_domain::{Id, IdKind};

use super::error::{ErrorCode, Fault, Problem};
use crate::views::Part;

/// Rows of a page if the request does not say, and at the most.
pub(super) const USUAL_LIMIT: usize = 10;
const LARGEST_LIMIT: usize = 100;

/// Which page of a list is asked for; `I` is the id of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageRequest<I> {
    limit: usize,
    from: From<I>,
}

/// From where on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum From<I> {
    /// The newest rows.
    Newest,
    /// Those that are older than this one.
    After(I),
    /// Those that are newer than this one.
    Before(I),
}

impl<K: IdKind> PageRequest<Id<K>> {
    /// The part of the views that the page's rows lie in.
    pub(super) fn part(&self) -> Part {
        let (lowest, highest) = (0, u128::MAX);
        match self.from {
            From::Newest => Part { from: lowest, to: highest, newest_first: true },
            From::After(id) => {
                let to = id.to_u128().saturating_sub(1);
                Part { from: lowest, to, newest_first: true }
            }
            From::Before(id) => {
                let from = id.to_u128().saturating_add(1);
                Part { from, to: highest, newest_first: false }
            }
        }
    }
}

/// A page, to be serialized.
#[derive(Serialize)]
pub(super) struct PageBody<'u, R> {
    object: &'static str,
    data: Vec<R>,
    has_more: bool,
    url: &'u str,
}

impl<I: Copy + PartialEq + FromStr> PageRequest<I> {
    /// Reads `limit`, `starting_after` and `ending_before` of a query. None of them ever holds
    /// anything that is escaped.
    ///
    /// # Errors
    /// All faults at once.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut page = Self::newest();
        let mut faults = Vec::new();
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !page.take_parameter(name, value, &mut faults) {
                let detail = "There is no such parameter.";
                faults.push(Fault::new(name.to_owned(), ErrorCode::ParameterUnknown, detail));
            }
        }
        if faults.is_empty() { Ok(page) } else { Err(Problem::of_faults(faults)) }
    }

    /// The newest rows, as many as are usual.
    pub(super) fn newest() -> Self {
        Self { limit: USUAL_LIMIT, from: From::Newest }
    }

    /// Takes one parameter of a query, if it is one of a page's.
    pub(super) fn take_parameter(
        &mut self,
        name: &str,
        value: &str,
        faults: &mut Vec<Fault>,
    ) -> bool {
        match name {
            "limit" => take_limit(value, &mut self.limit, faults),
            "starting_after" | "ending_before" => {
                let is_after = name == "starting_after";
                let pointer = if is_after { "starting_after" } else { "ending_before" };
                if self.from != From::Newest {
                    let detail = "Only one cursor can be given.";
                    faults.push(Fault::new(pointer, ErrorCode::ParameterConflict, detail));
                }
                match value.parse() {
                    Ok(id) if is_after => self.from = From::After(id),
                    Ok(id) => self.from = From::Before(id),
                    Err(_) => faults.push(invalid(pointer, "A cursor is the id of a row.")),
                }
            }
            _other => return false,
        }
        true
    }

    /// The row that the page begins or ends at, with the parameter that names it.
    pub(super) fn cursor(&self) -> Option<(&'static str, I)> {
        match self.from {
            From::Newest => None,
            From::After(id) => Some(("starting_after", id)),
            From::Before(id) => Some(("ending_before", id)),
        }
    }

    /// The most rows of the page.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A page of these rows, which are no more than fit and come in the order in which they were
    /// looked for: from the cursor on.
    pub(super) fn body<'u, R>(
        &self,
        mut data: Vec<R>,
        has_more: bool,
        url: &'u str,
    ) -> PageBody<'u, R> {
        if let From::Before(_) = self.from {
            data.reverse();
        }
        PageBody { object: "list", data, has_more, url }
    }

    /// In which range of ids the rows lie.
    pub(super) fn range(&self) -> (Bound<I>, Bound<I>) {
        match self.from {
            From::Newest => (Bound::Unbounded, Bound::Unbounded),
            From::After(id) => (Bound::Unbounded, Bound::Excluded(id)),
            From::Before(id) => (Bound::Excluded(id), Bound::Unbounded),
        }
    }

    /// How many rows the page is made of, with the one that tells whether there are more; and whether
    /// they are the newest of its range.
    pub(super) fn rows(&self) -> (usize, bool) {
        let newest = match self.from {
            From::Newest | From::After(_) => true,
            From::Before(_) => false,
        };
        (self.limit + 1, newest)
    }

    /// Takes the page's rows from those of its range, which come oldest first.
    pub(super) fn take<'u, R>(
        &self,
        rows: impl DoubleEndedIterator<Item = R>,
        url: &'u str,
    ) -> PageBody<'u, R> {
        let room = self.room();
        let mut data: Vec<R> = match self.from {
            From::Newest | From::After(_) => rows.rev().take(room).collect(),
            From::Before(_) => rows.take(room).collect(),
        };
        let has_more = data.len() > self.limit;
        data.truncate(self.limit);
        if let From::Before(_) = self.from {
            data.reverse();
        }
        PageBody { object: "list", data, has_more, url }
    }

    /// In which range of ids the rows of a queue lie, which is shown oldest first: what follows a
    /// row there is newer.
    pub(super) fn queue_range(&self) -> (Bound<I>, Bound<I>) {
        let (from, to) = self.range();
        (to, from)
    }

    /// Takes the page's rows from those of its range in a queue, which come oldest first.
    pub(super) fn take_queued<'u, R>(
        &self,
        rows: impl DoubleEndedIterator<Item = R>,
        url: &'u str,
    ) -> PageBody<'u, R> {
        self.take(rows.rev(), url)
    }

    /// How many rows are looked for: one more than fits tells whether there are more.
    pub(super) fn room(&self) -> usize {
        self.limit + 1
    }

    /// Keeps the rows of a queue that may be on the page, of those in its range, oldest first.
    pub(super) fn keep_nearest<R>(&self, rows: &mut Vec<R>) {
        match self.from {
            From::Newest | From::After(_) => rows.truncate(self.room()),
            From::Before(_) => drop(rows.drain(..rows.len().saturating_sub(self.room()))),
        }
    }
}

/// Takes how many rows a query asks for.
pub(super) fn take_limit(value: &str, limit: &mut usize, faults: &mut Vec<Fault>) {
    match value.parse() {
        Ok(asked @ 1..=LARGEST_LIMIT) => *limit = asked,
        Ok(_) | Err(_) => faults.push(invalid("limit", "A limit is from 1 to 100.")),
    }
}

fn invalid(name: &'static str, detail: &'static str) -> Fault {
    Fault::new(name, ErrorCode::ParameterInvalid, detail)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tollgate_domain::MerchantId;

    use super::*;

    fn page(query: &str) -> (Vec<u128>, bool) {
        let rows: BTreeSet<MerchantId> = (1..=5).map(MerchantId::from_u128).collect();
        let request = PageRequest::<MerchantId>::parse(Some(query)).unwrap();
        let body = request.take(rows.range(request.range()), "/rows");
        (body.data.iter().map(|id| id.to_u128()).collect(), body.has_more)
    }

    fn id(number: u128) -> String {
        MerchantId::from_u128(number).to_string()
    }

    #[test]
    fn pages_are_newest_first_and_lead_both_ways() {
        assert_eq!(page(""), (vec![5, 4, 3, 2, 1], false));
        assert_eq!(page("limit=2"), (vec![5, 4], true));
        assert_eq!(page(&format!("limit=2&starting_after={}", id(4))), (vec![3, 2], true));
        assert_eq!(page(&format!("limit=2&starting_after={}", id(3))), (vec![2, 1], false));
        assert_eq!(page(&format!("limit=2&ending_before={}", id(2))), (vec![4, 3], true));
        assert_eq!(page(&format!("limit=2&ending_before={}", id(3))), (vec![5, 4], false));
        assert_eq!(page(&format!("starting_after={}", id(1))), (vec![], false));
    }

    #[test]
    fn queues_are_oldest_first() {
        let rows: BTreeSet<MerchantId> = (1..=5).map(MerchantId::from_u128).collect();
        let queue = |query: &str| {
            let request = PageRequest::<MerchantId>::parse(Some(query)).unwrap();
            let mut found: Vec<_> = rows.range(request.queue_range()).collect();
            request.keep_nearest(&mut found);
            assert!(found.len() <= request.room());
            let body = request.take_queued(found.into_iter(), "/rows");
            let ids: Vec<u128> = body.data.iter().map(|id| id.to_u128()).collect();
            (ids, body.has_more)
        };
        assert_eq!(queue("limit=2"), (vec![1, 2], true));
        assert_eq!(queue(&format!("limit=2&starting_after={}", id(2))), (vec![3, 4], true));
        assert_eq!(queue(&format!("limit=2&starting_after={}", id(3))), (vec![4, 5], false));
        assert_eq!(queue(&format!("limit=2&ending_before={}", id(4))), (vec![2, 3], true));
        assert_eq!(queue(&format!("limit=2&ending_before={}", id(3))), (vec![1, 2], false));
    }

    #[test]
    fn what_is_no_page_is_refused() {
        let both = format!("starting_after={0}&ending_before={0}", id(1));
        for (query, code) in [
            ("limit=0", ErrorCode::ParameterInvalid),
            ("limit=101", ErrorCode::ParameterInvalid),
            ("limit=ten", ErrorCode::ParameterInvalid),
            ("starting_after=mer_1", ErrorCode::ParameterInvalid),
            ("offset=1", ErrorCode::ParameterUnknown),
            (&both, ErrorCode::ParameterConflict),
        ] {
            let refused = PageRequest::<MerchantId>::parse(Some(query));
            assert_eq!(refused.unwrap_err().code(), code, "{query}");
        }
    }
}
