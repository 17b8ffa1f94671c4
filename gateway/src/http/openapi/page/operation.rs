//! An operation: what it takes, what it answers, and a line for the shell.

use serde_json::Value;

use super::{
    Operation, items,
    markup::{Html, prose, sentence},
    members, resolved,
    schema::kind,
    text,
};

/// Where a server listens that was started without configuration.
const SERVER: &str = "http://127.0.0.1:8080";

pub(super) fn render(html: &mut Html, document: &Value, operation: &Operation<'_>) {
    let contents = operation.contents;
    html.raw("<article><h3 id=\"").text(text(&contents["operationId"])).raw("\"><span class=\"");
    html.text(operation.method).raw("\">").text(&operation.method.to_uppercase());
    html.raw("</span> <code>").text(operation.path).raw("</code></h3><p><b>");
    html.text(text(&contents["summary"])).raw(".</b> For ");
    html.text(audience(text(&contents["x-key"]))).raw(".</p>");
    prose(html, text(&contents["description"]));
    parameters(html, document, contents);
    request(html, operation);
    answers(html, document, contents);
    html.raw("</article>");
}

fn audience(key: &str) -> &str {
    match key {
        "merchant" => "merchants",
        "operator" => "the operator",
        "any" => "whoever has a key",
        other => other,
    }
}

fn parameters(html: &mut Html, document: &Value, operation: &Value) {
    if operation["parameters"].as_array().is_none_or(Vec::is_empty) {
        return;
    }
    html.raw("<h4>Parameters</h4><div class=\"wide\"><table><thead><tr><th>Name</th>");
    html.raw("<th>Type</th><th>Meaning</th></tr></thead><tbody>");
    for parameter in items(&operation["parameters"]) {
        let parameter = resolved(document, parameter);
        html.raw("<tr><td><code>").text(text(&parameter["name"])).raw("</code>");
        if parameter["required"] == true {
            html.raw(" <b title=\"needed\">*</b>");
        }
        html.raw(" in ").text(text(&parameter["in"])).raw("</td><td>");
        kind(html, &parameter["schema"]);
        html.raw("</td><td>");
        sentence(html, text(&parameter["description"]));
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table></div>");
}

fn request(html: &mut Html, operation: &Operation<'_>) {
    html.raw("<h4>Request</h4>");
    let forms = &operation.contents["requestBody"]["content"];
    if !forms.is_object() {
        html.raw("<pre>").text(&curl(operation, None)).raw("</pre>");
        return;
    }
    for (media_type, form) in members(forms) {
        html.raw("<p><code>").text(media_type).raw("</code>: ");
        kind(html, &form["schema"]);
        html.raw("</p>");
        for (place, (_name, example)) in members(&form["examples"]).enumerate() {
            html.raw(if place == 0 { "<details open><summary>" } else { "<details><summary>" });
            html.text(text(&example["summary"])).raw("</summary><pre>");
            html.text(&curl(operation, Some((media_type, &example["value"]))));
            html.raw("</pre></details>");
        }
    }
}

/// The request as a line for the shell, in which `$KEY` is the API key.
fn curl(operation: &Operation<'_>, body: Option<(&str, &Value)>) -> String {
    let mut line = String::from("curl");
    if operation.method != "get" {
        line.push_str(&format!(" -X {}", operation.method.to_uppercase()));
    }
    line.push_str(&format!(" '{SERVER}{}'", operation.path));
    if operation.contents["security"].is_array() {
        line.push_str(" \\\n  -H \"Authorization: Bearer $KEY\"");
    }
    match body {
        Some(("application/json", value)) => {
            let shown = serde_json::to_string_pretty(value).unwrap_or_default();
            line.push_str(" \\\n  -H 'Content-Type: application/json' \\\n  -d '");
            line.push_str(&shown.replace('\'', "'\\''"));
            line.push('\'');
        }
        Some((_form, value)) => {
            for (name, value) in members(value) {
                line.push_str(&format!(" \\\n  --data-urlencode '{name}={}'", text(value)));
            }
        }
        None => {}
    }
    line
}

fn answers(html: &mut Html, document: &Value, operation: &Value) {
    html.raw("<h4>Answers</h4>");
    for (status, response) in members(&operation["responses"]) {
        html.raw("<details><summary><b>").text(status).raw("</b> ");
        sentence(html, text(&response["description"]));
        html.raw("</summary>");
        for (media_type, content) in members(&response["content"]) {
            html.raw("<p><code>").text(media_type).raw("</code>: ");
            kind(html, &content["schema"]);
            html.raw("</p>");
            for (_name, example) in members(&content["examples"]) {
                let example = resolved(document, example);
                let shown = serde_json::to_string_pretty(&example["value"]).unwrap_or_default();
                html.raw("<p>").text(text(&example["summary"])).raw("</p><pre>");
                html.text(&shown).raw("</pre>");
            }
        }
        if response["headers"].is_object() {
            html.raw("<p>Headers:");
            for (name, header) in members(&response["headers"]) {
                let header = resolved(document, header);
                html.raw(" <code>").text(name).raw("</code> – ");
                sentence(html, text(&header["description"]));
            }
            html.raw("</p>");
        }
        html.raw("</details>");
    }
}
