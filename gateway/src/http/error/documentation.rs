//! `docs/errors.md`, as it has to be.

use std::{fmt::Write, path::Path};

use super::ErrorCode;

/// Renders the page.
fn page() -> String {
    let mut page = String::from(
        "# Error codes\n\n\
         Made from the table in the gateway's source; a test compares the two.\n\n\
         An error is `application/problem+json` (RFC 9457) with the members `type`, `title`, \
         `status`, `detail`, `code`,\n`retryable` and `request_id`, and where they apply `instance`, \
         `param`, `errors`, `decline_code`, `advice_code` and\n`payment`. A request with several \
         faults lists all of them in `errors`, each with its JSON pointer.\n\n\
         The problem of a payment that failed carries no `request_id`, because its bytes are \
         repeated under its idempotency key;\nthe `X-Request-Id` header of each answer has it.\n",
    );
    for code in ErrorCode::ALL {
        let retry = if code.retryable() { "may be retried" } else { "not to be retried" };
        write!(
            page,
            "\n## {name}\n\n{title}. Status {status}, {retry}.\n\n{meaning}\n",
            name = code.as_str(),
            title = code.title(),
            status = code.status().as_u16(),
            meaning = code.meaning(),
        )
        .expect("writing to a string");
    }
    page
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    let expected = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/errors.md is out of date; run the test with UPDATE_DOCS=1");
}

#[test]
fn codes_are_distinct() {
    let mut codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), ErrorCode::ALL.len());
}
