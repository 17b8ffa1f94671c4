//! The document against what the source knows. What a server answers is compared in `tests/api`.

use std::collections::BTreeSet;

use serde_json::Value;
use tollgate_domain::{DeclineCode, Scope};

use super::{document::document, operations::descriptions, page};
use crate::http::{error::ErrorCode, router::Route};

/// Every value of the document with its key, depth first.
fn each<'d>(key: &'d str, value: &'d Value, visit: &mut impl FnMut(&'d str, &'d Value)) {
    visit(key, value);
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                each(key, member, visit);
            }
        }
        Value::Array(items) => {
            for item in items {
                each(key, item, visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_route_is_described() {
    let described: BTreeSet<&str> =
        descriptions().iter().map(|description| description.route.template()).collect();
    let served: BTreeSet<&str> = Route::ALL
        .into_iter()
        .filter(|route| *route != Route::Unmatched)
        .map(Route::template)
        .collect();
    assert_eq!(described, served);
}

#[test]
fn every_code_is_given_by_some_operation() {
    let described: BTreeSet<&str> = descriptions()
        .iter()
        .flat_map(|description| &description.refusals)
        .map(|code| code.as_str())
        .collect();
    let elsewhere = [
        // Problems with a payment in them, described as answers.
        ErrorCode::PaymentDeclined,
        ErrorCode::ProviderUnavailable,
        // No operation's.
        ErrorCode::RouteNotFound,
        ErrorCode::MethodNotAllowed,
    ];
    for code in ErrorCode::ALL {
        let is_elsewhere = elsewhere.contains(code);
        assert_eq!(described.contains(code.as_str()), !is_elsewhere, "{}", code.as_str());
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = 0;
    each("", &document, &mut |key, value| {
        if let (true, Some(target)) = (key == "$ref", value.as_str()) {
            let pointer = target.strip_prefix('#').expect("a reference within the document");
            assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
            references += 1;
        }
    });
    assert!(references > 100, "{references}");
}

#[test]
fn nothing_is_described_for_nobody() {
    let document = document();
    let mut referred = BTreeSet::new();
    each("", &document, &mut |key, value| {
        if key == "$ref" {
            referred.extend(value.as_str());
        }
    });
    for kind in ["schemas", "examples", "headers", "parameters"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let target = format!("#/components/{kind}/{name}");
            assert!(referred.contains(target.as_str()), "nothing leads to {target}");
        }
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let descriptions = descriptions();
    let names: BTreeSet<&str> = descriptions.iter().map(|description| description.id).collect();
    assert_eq!(names.len(), descriptions.len());
}

#[test]
fn decline_codes_are_those_of_the_domain() {
    let document = document();
    let described = document["components"]["schemas"]["DeclineCode"]["enum"].as_array().unwrap();
    let described: Vec<&str> = described.iter().filter_map(Value::as_str).collect();
    assert_eq!(described, DeclineCode::ALL.map(DeclineCode::as_str));
}

#[test]
fn scopes_are_those_of_the_domain() {
    let document = document();
    let described = document["components"]["schemas"]["Scope"]["enum"].as_array().unwrap();
    let described: Vec<&str> = described.iter().filter_map(Value::as_str).collect();
    assert_eq!(described, Scope::ALL.map(Scope::as_str));
}

#[test]
fn fields_of_requests_come_under_all_their_names() {
    let document = document();
    let names = |schema: &str| {
        let properties = &document["components"]["schemas"][schema]["properties"];
        properties.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>()
    };
    assert!(names("CardRequest").is_superset(&["number", "card_number"].map(str::to_owned).into()));
    assert_eq!(names("PaymentRequest"), names("ClassicPaymentRequest"));
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["PaymentRequest"]["additionalProperties"], false);
    assert_eq!(schemas["ClassicPaymentRequest"]["additionalProperties"], Value::Null);
    assert_eq!(
        schemas["CardRequest"]["properties"]["card_number"]["description"],
        "Another name of `number`."
    );
}

#[test]
fn the_page_leads_nowhere_else_and_its_anchors_are_there() {
    let html = page::render(&document());
    let attributes = |name: &str| -> Vec<String> {
        html.split(&format!(" {name}=\""))
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
            .collect()
    };
    let anchors = attributes("id");
    let distinct: BTreeSet<&String> = anchors.iter().collect();
    assert_eq!(distinct.len(), anchors.len(), "an anchor stands twice");
    for target in attributes("href") {
        match target.strip_prefix('#') {
            Some(anchor) => assert!(anchors.iter().any(|known| known == anchor), "{target}"),
            None => assert!(["/docs/errors", "/api/openapi.json"].contains(&target.as_str())),
        }
    }
    assert_eq!(attributes("src"), Vec::<String>::new());
    for forbidden in ["<script", "<link", "@import", "url("] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    for description in descriptions() {
        assert!(anchors.iter().any(|anchor| anchor == description.id), "{}", description.id);
    }
}
