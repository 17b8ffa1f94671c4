//! What an export is asked for: a day or another span of time, whose, and as what.
//!
//! ```text
//!   ?date=2026-11-25&tz=+05:30&format=csv
//!   ?created[gte]=2026-11-01T00:00:00Z&created[lt]=2026-12-01T00:00:00Z
//! ```

use hyper::{
    HeaderMap,
    header::{ACCEPT, HeaderValue},
};

use crate::http::{
    error::{ErrorCode, Problem},
    list_query::{Bounds, Filters, ListOf, Reader},
    surface::Surface,
    wire::{Offset, parse_rfc3339},
};

/// A query of an export.
#[derive(Debug)]
pub(super) struct ExportQuery {
    pub(super) filters: Filters,
    pub(super) format: Format,
    /// What the file's name says of the span.
    pub(super) label: String,
}

/// As what rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// An object a line.
    JsonLines,
}

const DAY_MILLIS: u64 = 86_400_000;

impl Format {
    const ALL: [(&str, Self); 2] = [("csv", Self::Csv), ("jsonl", Self::JsonLines)];

    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    pub(super) const fn media_type(self) -> HeaderValue {
        match self {
            Self::Csv => HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
            Self::JsonLines => HeaderValue::from_static("application/jsonl"),
        }
    }

    /// What somebody accepts who names no format: tables where he accepts nothing but them.
    fn accepted(headers: &HeaderMap) -> Self {
        let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("*/*");
        let is = |wanted: &str| {
            accepted.split(',').any(|range| {
                let range = range.split(';').next().unwrap_or_default().trim();
                range.eq_ignore_ascii_case(wanted)
            })
        };
        let takes_lines = is("application/jsonl")
            || is("application/x-ndjson")
            || is("*/*")
            || is("application/*");
        if is("text/csv") && !takes_lines { Self::Csv } else { Self::JsonLines }
    }
}

impl ExportQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// All faults at once.
    pub(super) fn parse(
        list: ListOf,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let mut reader = Reader::of(list, Surface::V1);
        let mut filters = Filters::of(list);
        let (mut date, mut offset, mut format) = (None, None, None);
        for (name, value) in reader.pairs(query) {
            match &*name {
                "date" => {
                    let day = midnight(&value).map(|midnight| (value, midnight));
                    reader.set(&mut date, &name, day, "A date is written as 2026-11-25.");
                }
                "tz" => {
                    let detail = "An offset from UTC is written as +05:30 or Z.";
                    reader.set(&mut offset, &name, offset_of(&value), detail);
                }
                "format" => {
                    let known = Format::ALL.iter().find(|(known, _format)| *known == value);
                    let known = known.map(|(_name, format)| *format);
                    reader.set(&mut format, &name, known, "It is csv or jsonl.");
                }
                name if name.starts_with("created")
                    || name == "merchant_id"
                    || name == "livemode" =>
                {
                    if !reader.take(&mut filters, name, name, &value) {
                        reader.fault(name, ErrorCode::ParameterUnknown, NO_PARAMETER);
                    }
                }
                name => reader.fault(name, ErrorCode::ParameterUnknown, NO_PARAMETER),
            }
        }
        let has_span = filters.created != Bounds::EVERYTHING;
        let mut label = String::new();
        match date {
            Some(_) if has_span => {
                let detail = "A date and a span of `created` exclude each other.";
                reader.fault("date", ErrorCode::ParameterConflict, detail);
            }
            Some((text, local)) => match offset.unwrap_or(Offset::UTC).to_utc(local) {
                Some(begin) => {
                    filters.created = Bounds::of_span(begin, DAY_MILLIS);
                    label = format!("-{text}");
                }
                None => reader.fault("date", ErrorCode::ParameterInvalid, "It is before 1970."),
            },
            None if !has_span => {
                let detail = "A `date` is needed, or a span of time such as `created[gte]`.";
                reader.fault("date", ErrorCode::ParameterMissing, detail);
            }
            None if offset.is_some() => {
                let detail =
                    "It says where the day of `date` begins; other times say it themselves.";
                reader.fault("tz", ErrorCode::ParameterConflict, detail);
            }
            None => {}
        }
        reader.finish()?;
        let format = format.unwrap_or_else(|| Format::accepted(headers));
        Ok(Self { filters, format, label })
    }
}

const NO_PARAMETER: &str = "There is no such parameter.";

/// When a day begins, by a clock of its own place.
fn midnight(date: &str) -> Option<tollgate_domain::Timestamp> {
    parse_rfc3339(&format!("{date}T00:00:00Z")).filter(|_time| date.len() == "2026-11-25".len())
}

fn offset_of(text: &str) -> Option<Offset> {
    // A `+` that was not escaped has become a space.
    if text == "Z" { Some(Offset::UTC) } else { Offset::parse(&text.replace(' ', "+")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<ExportQuery, Problem> {
        ExportQuery::parse(ListOf::Payments, Some(query), &HeaderMap::new())
    }

    #[test]
    fn a_day_begins_where_its_clock_says() {
        for (query, first, last) in [
            ("date=1970-01-02", 86_400_000, 172_799_999),
            ("date=1970-01-02&tz=Z", 86_400_000, 172_799_999),
            ("date=1970-01-02&tz=%2B05:30", 66_600_000, 152_999_999),
            ("date=1970-01-02&tz=+05:30", 66_600_000, 152_999_999),
            ("date=1970-01-02&tz=-08:00", 115_200_000, 201_599_999),
            ("created[gte]=1&created[lt]=2", 1_000, 1_999),
        ] {
            let query = parse(query).unwrap();
            assert_eq!(query.filters.created.of_times(), first..=last, "{query:?}");
        }
        assert_eq!(parse("date=2026-11-25").unwrap().label, "-2026-11-25");
    }

    #[test]
    fn what_is_no_export_is_refused() {
        for (query, code) in [
            ("", ErrorCode::ParameterMissing),
            ("format=csv", ErrorCode::ParameterMissing),
            ("date=2026-02-29", ErrorCode::ParameterInvalid),
            ("date=2026-11-25T00:00:00Z", ErrorCode::ParameterInvalid),
            ("date=today", ErrorCode::ParameterInvalid),
            ("date=1970-01-01&tz=%2B05:30", ErrorCode::ParameterInvalid),
            ("date=2026-11-25&tz=IST", ErrorCode::ParameterInvalid),
            ("date=2026-11-25&format=xml", ErrorCode::ParameterInvalid),
            ("date=2026-11-25&date=2026-11-26", ErrorCode::ParameterConflict),
            ("date=2026-11-25&created[gte]=1", ErrorCode::ParameterConflict),
            ("created[gte]=1&tz=Z", ErrorCode::ParameterConflict),
            ("date=2026-11-25&status=failed", ErrorCode::ParameterUnknown),
            ("date=2026-11-25&createdAt=1", ErrorCode::ParameterUnknown),
            ("date=2026-11-25&limit=7", ErrorCode::ParameterUnknown),
        ] {
            assert_eq!(parse(query).unwrap_err().code(), code, "{query}");
        }
    }

    #[test]
    fn the_format_is_what_is_named_or_accepted() {
        let with = |accept: &'static str, query: &str| {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            ExportQuery::parse(ListOf::Refunds, Some(query), &headers).unwrap().format
        };
        let day = "date=2026-11-25";
        assert_eq!(with("text/csv", day), Format::Csv);
        assert_eq!(with("Text/CSV;q=1, text/plain", day), Format::Csv);
        assert_eq!(with("text/csv, */*", day), Format::JsonLines);
        assert_eq!(with("application/x-ndjson", day), Format::JsonLines);
        assert_eq!(with("text/csv", "date=2026-11-25&format=jsonl"), Format::JsonLines);
        assert_eq!(with("*/*", "date=2026-11-25&format=csv"), Format::Csv);
    }
}
