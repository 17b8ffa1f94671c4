//! What else a field of a request is called, from the parsers' own lists.
//!
//! ```text
//!   version 1   the first name; its other names beside it, as deprecated
//!   classic     the name in camelCase where there is one; its other names beside it; anything else
//!               is ignored
//! ```
//!
//! Invariant: the schema of a request has exactly the names that its parser takes.

use serde_json::{Map, Value, json};

use crate::http::wire::{
    BatchRequest, EventResendRequest, KeyRequest, MerchantChange, MerchantRequest, Names,
    OrderRequest, OutcomeRequest, RecoverRequest, ResolutionRequest, RotationRequest,
    SecretRequest, TestRequest, VpaRequest, WalletBalanceRequest, WalletLinkRequest,
    WebhookRequest, operation_request_names, payment_request_names,
};

/// The classic surface's names of requests.
pub(super) const CLASSIC_PAYMENT_REQUEST: &str = "ClassicPaymentRequest";
pub(super) const CLASSIC_PLAIN_OPERATION_REQUEST: &str = "ClassicPlainOperationRequest";
pub(super) const CLASSIC_CAPTURE_REQUEST: &str = "ClassicCaptureRequest";
pub(super) const CLASSIC_REFUND_REQUEST: &str = "ClassicRefundRequest";
pub(super) const CLASSIC_OUTCOME_REQUEST: &str = "ClassicOutcomeRequest";

/// Before the names of the schemas that the classic surface has of its own.
const CLASSIC: &str = "Classic";

/// A method with its instrument in it: the one that holds it, and the instrument's own schema.
const METHOD_REQUEST: &str = "MethodRequest";
const METHOD_OBJECT: &str = "MethodObject";
const INSTRUMENT: &str = "PaymentDetails";

/// Adds the other names of each field to the schemas of requests, and makes those of the classic
/// surface.
///
/// # Panics
/// Where a parser has no schema, or knows a field that its schema has not, or the other way round.
pub(super) fn add(schemas: &mut Map<String, Value>) {
    let on_both: Vec<_> = payment_request_names()
        .into_iter()
        .chain(operation_request_names())
        .chain([("OutcomeRequest", OutcomeRequest::NAMES)])
        .collect();
    let others = [
        ("BatchRequest", BatchRequest::NAMES),
        ("OrderRequest", OrderRequest::NAMES),
        ("ResolutionRequest", ResolutionRequest::NAMES),
        ("MerchantRequest", MerchantRequest::NAMES),
        ("MerchantChange", MerchantChange::NAMES),
        ("KeyRequest", KeyRequest::NAMES),
        ("RotationRequest", RotationRequest::NAMES),
        ("WebhookRequest", WebhookRequest::NAMES),
        ("SecretRequest", SecretRequest::NAMES),
        ("TestRequest", TestRequest::NAMES),
        ("EventResendRequest", EventResendRequest::NAMES),
        ("RecoverRequest", RecoverRequest::NAMES),
        ("VpaRequest", VpaRequest::NAMES),
        ("WalletBalanceRequest", WalletBalanceRequest::NAMES),
        ("WalletLinkRequest", WalletLinkRequest::NAMES),
    ];
    let mut names_of_all: Vec<_> = on_both.iter().map(|(name, _names)| *name).collect();
    names_of_all.extend([METHOD_REQUEST, METHOD_OBJECT]);
    for (name, names) in on_both.iter().copied() {
        let mut classic = renamed(name, &schemas[name], names, camel_case);
        ignore_others(&mut classic);
        lead_to_classic(&mut classic, &names_of_all);
        schemas.insert(format!("{CLASSIC}{name}"), classic);
    }
    let mut method = schemas[METHOD_REQUEST].clone();
    lead_to_classic(&mut method, &names_of_all);
    schemas.insert(format!("{CLASSIC}{METHOD_REQUEST}"), method);
    for (name, names) in on_both.into_iter().chain(others) {
        let with_others = renamed(name, &schemas[name], names, first);
        schemas.insert(name.to_owned(), with_others);
    }
    let object = schemas[METHOD_OBJECT].clone();
    for prefix in ["", CLASSIC] {
        let instrument = &schemas[&format!("{prefix}{INSTRUMENT}")];
        let mut object = object.clone();
        if let (Some(fields), Some(others)) =
            (object["properties"].as_object_mut(), instrument["properties"].as_object())
        {
            fields.extend(others.clone());
        }
        if prefix == CLASSIC {
            ignore_others(&mut object);
        }
        schemas.insert(format!("{prefix}{METHOD_OBJECT}"), object);
    }
}

fn first(names: &[&'static str]) -> &'static str {
    names[0]
}

/// The name as the classic surface documents it.
fn camel_case(names: &[&'static str]) -> &'static str {
    let is_camel =
        |name: &&&str| !name.contains('_') && name.contains(|letter: char| letter.is_uppercase());
    names.iter().find(is_camel).copied().unwrap_or(names[0])
}

/// The schema with each field under the name that `main` chooses, and under its others.
fn renamed(
    schema: &str,
    object: &Value,
    names: Names,
    main: impl Fn(&[&'static str]) -> &'static str,
) -> Value {
    let mut fields = object["properties"].as_object().cloned().unwrap_or_default();
    let mut properties = Map::new();
    let mut others = Map::new();
    let mut required = Vec::new();
    for names in names {
        let (first, main) = (names[0], main(names));
        let field = fields.remove(first);
        let field = field.unwrap_or_else(|| panic!("{schema} is described without {first}"));
        for other in names.iter().filter(|name| **name != main) {
            let mut other_field = field.clone();
            other_field["deprecated"] = json!(true);
            other_field["description"] = json!(format!("Another name of `{main}`."));
            others.insert((*other).to_owned(), other_field);
        }
        if object["required"].as_array().is_some_and(|names| names.contains(&json!(first))) {
            required.push(main);
        }
        properties.insert(main.to_owned(), field);
    }
    assert!(fields.is_empty(), "{schema} is described with more than there is: {fields:?}");
    properties.extend(others);
    let mut object = object.clone();
    object["properties"] = properties.into();
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// Unknown names are ignored.
fn ignore_others(object: &mut Value) {
    if let Some(members) = object.as_object_mut() {
        members.remove("additionalProperties");
    }
}

/// Leads references to those schemas to their classic likes.
fn lead_to_classic(value: &mut Value, schemas: &[&str]) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let target = member.as_str().and_then(|text| text.rsplit_once('/'));
                match target {
                    Some((path, name)) if key == "$ref" && schemas.contains(&name) => {
                        *member = json!(format!("{path}/{CLASSIC}{name}"));
                    }
                    Some(_) | None => lead_to_classic(member, schemas),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                lead_to_classic(item, schemas);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
