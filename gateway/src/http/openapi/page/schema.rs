//! A schema as a table of its fields, or as a line.

use serde_json::Value;

use super::{
    items,
    markup::{Html, prose, sentence},
    members, text,
};

/// A schema of the components.
pub(super) fn render(html: &mut Html, schema: &Value) {
    prose(html, text(&schema["description"]));
    if schema["properties"].is_object() {
        fields(html, schema);
    } else {
        html.raw("<p>");
        kind(html, schema);
        html.raw("</p>");
    }
}

/// The type in a few words, with links to what it is made of.
pub(super) fn kind(html: &mut Html, schema: &Value) {
    if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        html.raw("<a href=\"#schema-").text(name).raw("\">").text(name).raw("</a>");
        return;
    }
    for (key, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " with ")] {
        if schema[key].is_array() {
            for (place, part) in items(&schema[key]).enumerate() {
                if place > 0 {
                    html.text(between);
                }
                kind(html, part);
            }
            return;
        }
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        several => items(several).map(text).collect(),
    };
    html.text(&names.join(" or "));
    if schema["items"].is_object() {
        html.raw(" of ");
        kind(html, &schema["items"]);
    }
    for (field, schema) in members(&schema["properties"]).filter(|_| !schema["enum"].is_array()) {
        html.raw(" <code>").text(field).raw("</code> ");
        kind(html, schema);
    }
    limits(html, schema);
}

fn fields(html: &mut Html, schema: &Value) {
    html.raw("<div class=\"wide\"><table><thead><tr><th>Field</th><th>Type</th>");
    html.raw("<th>Meaning</th></tr></thead><tbody>");
    for (name, field) in members(&schema["properties"]) {
        let required = items(&schema["required"]).any(|required| required == name);
        html.raw("<tr><td><code>").text(name).raw("</code>");
        if required {
            html.raw(" <b title=\"always there\">*</b>");
        }
        if field["deprecated"] == true {
            html.raw(" <i>older</i>");
        }
        html.raw("</td><td>");
        kind(html, field);
        html.raw("</td><td>");
        sentence(html, text(&field["description"]));
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table></div>");
}

/// What a value is bounded by.
fn limits(html: &mut Html, schema: &Value) {
    if schema["enum"].is_array() {
        html.raw(": ");
        for (place, value) in items(&schema["enum"]).enumerate() {
            if place > 0 {
                html.raw(", ");
            }
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            html.raw("<code>").text(&shown).raw("</code>");
        }
    }
    for (key, words) in [
        ("format", ""),
        ("pattern", "of the form "),
        ("minimum", "from "),
        ("maximum", "to "),
        ("exclusiveMinimum", "above "),
        ("minLength", "of at least "),
        ("maxLength", "of at most "),
        ("minItems", "at least "),
        ("maxItems", "at most "),
        ("maxProperties", "at most "),
        ("default", "by default "),
    ] {
        if schema[key].is_null() {
            continue;
        }
        let shown = schema[key].as_str().map_or_else(|| schema[key].to_string(), str::to_owned);
        html.raw(", ").text(words).raw("<code>").text(&shown).raw("</code>");
    }
}
