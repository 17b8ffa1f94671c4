//! Answers for people: a table of a list, lines of a single thing.
//!
//! Invariant: what others have written, such as the name of a key, moves no cursor and changes no
//! colour of the terminal it is shown on.

use std::borrow::Cow;

/// A column: its heading, and what stands in it.
pub(in crate::cli) type Column<R> = (&'static str, fn(&R) -> Option<&str>);

/// What stands where there is nothing.
const NOTHING: &str = "-";

/// A table with a heading; the last column is not filled up.
pub(in crate::cli) fn rows<R>(columns: &[Column<R>], rows: &[R]) -> String {
    let heading: Vec<Cow<'_, str>> =
        columns.iter().map(|(heading, _)| Cow::from(heading.to_uppercase())).collect();
    let cells = rows.iter().map(|row| {
        columns.iter().map(|(_, value)| printable(value(row).unwrap_or(NOTHING))).collect()
    });
    let lines: Vec<Vec<Cow<'_, str>>> = std::iter::once(heading).chain(cells).collect();
    let width = |column: usize| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    lines.iter().map(|line| filled(line, &widths)).collect()
}

/// A line for each thing that is known: its name, and its value; then one for each of the many
/// things of the name `many`.
pub(in crate::cli) fn fields<R>(
    columns: &[Column<R>],
    row: &R,
    many: &str,
    values: &[String],
) -> String {
    let width = columns.iter().map(|(heading, _)| heading.len()).max().unwrap_or_default();
    let known = columns.iter().filter_map(|(heading, value)| Some((*heading, value(row)?)));
    known
        .chain(values.iter().map(|value| (many, &**value)))
        .map(|(heading, value)| format!("{heading:width$}  {}\n", printable(value)))
        .collect()
}

/// The text, with what a terminal would obey made visible.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |letter: char| letter.is_control() || is_direction(letter);
    if !text.contains(obeyed) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if obeyed(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown.into()
}

/// Marks that turn the direction of writing, and so the order in which a line is read.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn filled(line: &[Cow<'_, str>], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in line.iter().zip(widths) {
        text += &format!("{cell:width$}  ");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row {
        id: &'static str,
        name: Option<&'static str>,
    }

    const COLUMNS: [Column<Row>; 2] = [("id", |row| Some(row.id)), ("name", |row| row.name)];

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let all = [Row { id: "key_1", name: Some("Größe") }, Row { id: "k", name: None }];
        assert_eq!(rows(&COLUMNS, &all), "ID     NAME\nkey_1  Größe\nk      -\n");
        assert_eq!(rows(&COLUMNS, &[]), "ID  NAME\n");
        let scopes = ["all".to_owned(), "none".to_owned()];
        let shown = fields(&COLUMNS, &all[0], "may", &scopes);
        assert_eq!(shown, "id    key_1\nname  Größe\nmay   all\nmay   none\n");
        assert_eq!(fields(&COLUMNS, &all[1], "may", &[]), "id    k\n");
    }

    #[test]
    fn names_do_not_command_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\u{d}\\u{a}");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(printable("Café"), "Café");
    }
}
