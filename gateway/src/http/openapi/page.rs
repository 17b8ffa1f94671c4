//! A page for people, made from the document alone. It loads nothing: its style stands in it, and
//! there is no script.

mod markup;
mod operation;
mod schema;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use markup::{Html, prose};

const STYLE: &str = include_str!("page/style.css");

/// The Content-Security-Policy of the page: its own style and nothing else.
pub(super) fn security_policy() -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// Renders the document.
pub(super) fn render(document: &Value) -> String {
    let mut html = Html::default();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.raw("<title>Tollgate API</title><style>").raw(STYLE).raw("</style></head><body>");
    contents(&mut html, document);
    html.raw("<main>");
    about(&mut html, document);
    for tag in items(&document["tags"]) {
        let name = text(&tag["name"]);
        html.raw("<section><h2 id=\"group-").text(name).raw("\">").text(name).raw("</h2>");
        prose(&mut html, text(&tag["description"]));
        for operation in operations(document, name) {
            operation::render(&mut html, document, &operation);
        }
        html.raw("</section>");
    }
    schemas(&mut html, document);
    html.raw("</main></body></html>");
    html.finish()
}

/// An operation where it stands in the document.
struct Operation<'d> {
    path: &'d str,
    method: &'d str,
    contents: &'d Value,
}

fn contents(html: &mut Html, document: &Value) {
    html.raw("<nav><p class=\"brand\">Tollgate</p><p><a href=\"#about\">About</a> · ");
    html.raw("<a href=\"#keys\">Keys</a> · <a href=\"/docs/errors\">Error codes</a> · ");
    html.raw("<a href=\"/api/openapi.json\">OpenAPI document</a></p>");
    for tag in items(&document["tags"]) {
        let name = text(&tag["name"]);
        html.raw("<p><a href=\"#group-").text(name).raw("\">").text(name).raw("</a></p><ul>");
        for operation in operations(document, name) {
            let id = text(&operation.contents["operationId"]);
            html.raw("<li><a href=\"#").text(id).raw("\">");
            html.text(text(&operation.contents["summary"])).raw("</a></li>");
        }
        html.raw("</ul>");
    }
    html.raw("<p><a href=\"#schemas\">Schemas</a></p></nav>");
}

fn about(html: &mut Html, document: &Value) {
    let info = &document["info"];
    html.raw("<section><h1 id=\"about\">").text(text(&info["title"])).raw(" API <small>");
    html.text(text(&info["version"])).raw("</small></h1>");
    prose(html, text(&info["description"]));
    html.raw("</section><section><h2 id=\"keys\">Keys</h2>");
    html.raw("<p>An operation that needs a key takes it in any of these ways.</p><dl>");
    for (name, scheme) in members(&document["components"]["securitySchemes"]) {
        html.raw("<dt>").text(name).raw(" <code>");
        match scheme["scheme"].as_str() {
            Some(scheme) => html.text("Authorization: ").text(scheme),
            None => html.text(text(&scheme["name"])),
        };
        html.raw("</code></dt><dd>");
        prose(html, text(&scheme["description"]));
        html.raw("</dd>");
    }
    html.raw("</dl></section>");
}

fn schemas(html: &mut Html, document: &Value) {
    html.raw("<section><h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        html.raw("<article><h3 id=\"schema-").text(name).raw("\">").text(name).raw("</h3>");
        schema::render(html, schema);
        html.raw("</article>");
    }
    html.raw("</section>");
}

/// The operations of a group, in the order of the document.
fn operations<'d>(document: &'d Value, tag: &str) -> Vec<Operation<'d>> {
    let mut operations = Vec::new();
    for (path, item) in members(&document["paths"]) {
        for (method, contents) in members(item) {
            if items(&contents["tags"]).any(|name| name == tag) {
                operations.push(Operation { path, method, contents });
            }
        }
    }
    operations
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What a reference leads to; anything else is itself.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}
