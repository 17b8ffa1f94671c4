//! A customer who has to act, on the provider simulator's page: what he decides, and what the page
//! says afterwards.
//!
//! The page is no part of the API: it has no key, and its first decision stands.

use std::sync::Arc;

use crate::answer::Answer;
use crate::request::Request;

/// Where a server shows the pages of the simulator that is built into it.
pub(crate) const PAGES: &str = "/simulator/actions";

/// Where a simulator in a process of its own shows them.
pub(crate) const OWN_PAGES: &str = "/actions";

/// One decision of one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomerAct {
    /// The attempt that waits for him.
    pub(crate) attempt: Arc<str>,
    pub(crate) approves: bool,
}

impl CustomerAct {
    /// The page's form, sent to where its pages are.
    pub(crate) fn request(&self, pages: &str) -> Request {
        let decision = if self.approves { "approve" } else { "decline" };
        Request::form(format!("{pages}/{}", self.attempt), format!("decision={decision}"))
    }
}

/// The decision that stands, approval or not, as the page tells it; `None` where it does not.
pub(crate) fn decision_told(answer: &Answer) -> Option<bool> {
    let page = std::str::from_utf8(&answer.body).ok().filter(|_| answer.status == 200)?;
    let title = page.split_once("<h1>")?.1.split_once("</h1>")?.0;
    match title {
        "Approved" => Some(true),
        "Declined" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_the_pages_form() {
        let act = CustomerAct { attempt: "att_1".into(), approves: true };
        let request = act.request(PAGES);
        assert_eq!(&*request.path, "/simulator/actions/att_1");
        assert_eq!(request.body.as_deref(), Some("decision=approve"));
        assert!(request.form && request.idempotency_key.is_none());
    }

    #[test]
    fn the_page_tells_which_decision_stands() {
        let told = |status, page: &str| {
            let body = page.as_bytes().into();
            decision_told(&Answer { status, replayed: false, problem: false, body })
        };
        assert_eq!(told(200, "<body><h1>Approved</h1>"), Some(true));
        assert_eq!(told(200, "<body><h1>Declined</h1>"), Some(false));
        assert_eq!(told(200, "<h1>Confirm your payment</h1>"), None);
        assert_eq!(told(503, "<h1>Approved</h1>"), None);
        assert_eq!(told(404, ""), None);
    }
}
