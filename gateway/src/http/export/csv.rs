//! Rows as CSV (RFC 4180): a header, lines that end in CR LF, quotes where they are needed.
//!
//! Columns are members of the JSON that the row is elsewhere, so that both say the same. Amounts stand
//! in major units, exact, and in minor units beside. Programs that calculate with tables take a text
//! that begins like a formula for one: such a text gets an apostrophe in front.
//!
//! Invariant: columns keep their names and their order; new ones come last.

use serde_json::Value;

use super::ExportOf;

/// A column: its name, the member of the JSON, and how that is written.
struct Column {
    name: &'static str,
    pointer: &'static str,
    writes: Writes,
}

#[derive(Clone, Copy)]
enum Writes {
    /// What it is.
    Plain,
    /// An amount in major units as one in minor units.
    Minor,
}

const fn plain(name: &'static str, pointer: &'static str) -> Column {
    Column { name, pointer, writes: Writes::Plain }
}

const fn minor(name: &'static str, pointer: &'static str) -> Column {
    Column { name, pointer, writes: Writes::Minor }
}

static PAYMENTS: [Column; 35] = [
    plain("id", "/id"),
    plain("created_at", "/created_at"),
    plain("updated_at", "/updated_at"),
    plain("processed_at", "/processed_at"),
    plain("status", "/status"),
    plain("currency", "/currency"),
    plain("amount", "/amount"),
    plain("amount_minor", "/amount_minor"),
    plain("amount_authorized", "/amount_authorized"),
    minor("amount_authorized_minor", "/amount_authorized"),
    plain("amount_captured", "/amount_captured"),
    minor("amount_captured_minor", "/amount_captured"),
    plain("amount_refunded", "/amount_refunded"),
    minor("amount_refunded_minor", "/amount_refunded"),
    plain("amount_disputed", "/amount_disputed"),
    minor("amount_disputed_minor", "/amount_disputed"),
    plain("fees_minor", "/fees_minor"),
    plain("payment_method", "/payment_method"),
    plain("card_brand", "/card/brand"),
    plain("card_last4", "/card/last4"),
    plain("card_funding", "/card/funding"),
    plain("card_issuer_country", "/card/issuer_country"),
    plain("upi_handle", "/upi/handle"),
    plain("netbanking_bank", "/netbanking/bank"),
    plain("wallet_provider", "/wallet/provider"),
    plain("order_id", "/order_id"),
    plain("customer_id", "/customer/id"),
    plain("transaction_id", "/transaction_id"),
    plain("external_txn_id", "/external_txn_id"),
    plain("provider", "/provider"),
    plain("decline_code", "/decline_code"),
    plain("failure_reason", "/failure_reason"),
    plain("sequence", "/sequence"),
    plain("livemode", "/livemode"),
    plain("metadata", "/metadata"),
];

static TRANSACTIONS: [Column; 18] = [
    plain("id", "/id"),
    plain("created_at", "/created_at"),
    plain("updated_at", "/updated_at"),
    plain("type", "/type"),
    plain("status", "/status"),
    plain("currency", "/currency"),
    plain("amount", "/amount"),
    plain("amount_minor", "/amount_minor"),
    plain("payment_id", "/payment_id"),
    plain("refund_id", "/refund_id"),
    plain("order_id", "/order_id"),
    plain("merchant_id", "/merchant_id"),
    plain("external_txn_id", "/external_txn_id"),
    plain("provider", "/provider"),
    plain("decline_code", "/decline_code"),
    plain("failure_reason", "/failure_reason"),
    plain("returned_at", "/returned_at"),
    plain("livemode", "/livemode"),
];

static REFUNDS: [Column; 15] = [
    plain("id", "/id"),
    plain("created_at", "/created_at"),
    plain("updated_at", "/updated_at"),
    plain("status", "/status"),
    plain("currency", "/currency"),
    plain("amount", "/amount"),
    plain("amount_minor", "/amount_minor"),
    plain("fees_returned_minor", "/fees_returned_minor"),
    plain("payment_id", "/payment_id"),
    plain("transaction_id", "/transaction_id"),
    plain("external_txn_id", "/external_txn_id"),
    plain("reason", "/reason"),
    plain("failure_reason", "/failure_reason"),
    plain("livemode", "/livemode"),
    plain("metadata", "/metadata"),
];

const fn columns(of: ExportOf) -> &'static [Column] {
    match of {
        ExportOf::Payments => &PAYMENTS,
        ExportOf::Transactions => &TRANSACTIONS,
        ExportOf::Refunds => &REFUNDS,
    }
}

/// The header.
pub(super) fn head(of: ExportOf) -> Vec<u8> {
    let names: Vec<_> = columns(of).iter().map(|column| column.name).collect();
    format!("{}\r\n", names.join(",")).into_bytes()
}

/// Writes what is JSON elsewhere as a line.
pub(super) fn write_row(of: ExportOf, row: &Value, into: &mut Vec<u8>) {
    for (index, column) in columns(of).iter().enumerate() {
        if index > 0 {
            into.push(b',');
        }
        match (row.pointer(column.pointer), column.writes) {
            (None | Some(Value::Null), _) => {}
            (Some(Value::String(text)), Writes::Plain) => write_text(text, into),
            (Some(Value::String(amount)), Writes::Minor) => write_plain(&in_minor(amount), into),
            // What it is in JSON; its form is no formula's.
            (Some(other), _) => write_plain(&other.to_string(), into),
        }
    }
    into.extend(b"\r\n");
}

/// What somebody may have written who wishes ill.
fn write_text(text: &str, into: &mut Vec<u8>) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if is_formula { write_plain(&format!("'{text}"), into) } else { write_plain(text, into) }
}

fn write_plain(text: &str, into: &mut Vec<u8>) {
    let is_bare = !text.contains(['"', ',', '\r', '\n', ';'])
        && !text.starts_with(' ')
        && !text.ends_with(' ');
    if is_bare {
        into.extend(text.as_bytes());
    } else {
        into.push(b'"');
        into.extend(text.replace('"', "\"\"").as_bytes());
        into.push(b'"');
    }
}

/// An amount with all the decimals of its currency, without its point.
fn in_minor(major: &str) -> String {
    let digits: String = major.chars().filter(|sign| *sign != '.').collect();
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() { "0".to_owned() } else { significant.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(of: ExportOf, row: &Value) -> String {
        let mut text = Vec::new();
        write_row(of, row, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_line_has_a_field_for_each_column() {
        for of in [ExportOf::Payments, ExportOf::Transactions, ExportOf::Refunds] {
            let head = String::from_utf8(head(of)).unwrap();
            let commas = head.matches(',').count();
            assert!(head.ends_with("\r\n") && head.starts_with("id,created_at,"), "{head}");
            assert_eq!(line(of, &json!({})), format!("{}\r\n", ",".repeat(commas)));
        }
    }

    #[test]
    fn texts_are_quoted_and_are_no_formulas() {
        let fields = |reason: &str| {
            let line = line(ExportOf::Refunds, &json!({"reason": reason}));
            line.trim_start_matches(',').trim_end_matches("\r\n").trim_end_matches(',').to_owned()
        };
        for (reason, written) in [
            ("too cold", "too cold"),
            ("too cold, too late", "\"too cold, too late\""),
            ("\"cold\"", "\"\"\"cold\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" padded ", "\" padded \""),
            ("=1+1", "'=1+1"),
            ("=HYPERLINK(\"a\",\"b\")", "\"'=HYPERLINK(\"\"a\"\",\"\"b\"\")\""),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "'\t=1"),
            ("a=1", "a=1"),
        ] {
            assert_eq!(fields(reason), written, "{reason:?}");
        }
    }

    #[test]
    fn amounts_are_exact_in_both_units() {
        for (major, minor) in [
            ("100.00", "10000"),
            ("0.05", "5"),
            ("0.00", "0"),
            ("1500", "1500"),
            ("0", "0"),
            ("1.234", "1234"),
            ("9999999999.99", "999999999999"),
        ] {
            assert_eq!(in_minor(major), minor, "{major}");
        }
        let row = json!({"amount_captured": "0.05", "metadata": {"a": "b,c"}});
        let line = line(ExportOf::Payments, &row);
        assert!(line.contains(",0.05,5,"), "{line}");
        assert!(line.ends_with(",\"{\"\"a\"\":\"\"b,c\"\"}\"\r\n"), "{line}");
    }
}
