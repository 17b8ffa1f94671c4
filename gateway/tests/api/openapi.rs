//! The OpenAPI document against what a server answers: methods, every example, and the shape of
//! every answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};

use crate::server::{GOOD, OPERATOR, Reply, TestServer, payment};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn document(server: &TestServer) -> Value {
    let reply = server.send("GET", "/api/openapi.json", "", &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

/// What there is to know of an answer's form.
struct Schemas {
    components: Value,
}

impl Schemas {
    /// Objects of the document are closed, so that a field which is answered and not described is
    /// found.
    fn of(document: &Value) -> Self {
        let mut components = document["components"].clone();
        let schemas = components["schemas"].as_object_mut().unwrap();
        for (_name, schema) in schemas {
            close(schema);
        }
        Self { components }
    }

    #[track_caller]
    fn check(&self, schema: &Value, value: &Value, what: &str) {
        let mut root = json!({"components": self.components});
        root.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
        let validator = jsonschema::options().build(&root).unwrap();
        let faults: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{what}: {faults:#?}\n{value:#}");
    }
}

fn close(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    if members.contains_key("properties") {
        members.entry("additionalProperties").or_insert(json!(false));
    }
    for (_name, member) in members {
        match member {
            Value::Array(items) => items.iter_mut().for_each(close),
            member => close(member),
        }
    }
}

/// Operations with their path and method.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            METHODS.into_iter().filter_map(move |method| Some((path, method, item.get(method)?)))
        })
        .map(|(path, method, operation)| (path.as_str(), method, operation))
        .collect()
}

/// The key that an operation is for.
fn authorization(operation: &Value, server: &TestServer) -> Option<String> {
    match operation["x-key"].as_str().unwrap() {
        "anybody" => None,
        "merchant" | "any" => Some(format!("Bearer {}", server.key())),
        "operator" => Some(format!("Bearer {OPERATOR}")),
        other => panic!("no key of a {other}"),
    }
}

/// Checks that the answer is one that the document has.
#[track_caller]
fn check_answer(schemas: &Schemas, operation: &Value, reply: &Reply) {
    let what = format!("{} answered {}", operation["operationId"], reply.status);
    let response = &operation["responses"][reply.status.to_string()];
    let media_type = reply.header("content-type").unwrap().split(';').next().unwrap();
    let content = &response["content"][media_type];
    assert!(content.is_object(), "{what} with {media_type}, which is not described: {reply:?}");
    if media_type.ends_with("json") {
        schemas.check(&content["schema"], &reply.json(), &what);
    }
    for (name, _header) in response["headers"].as_object().into_iter().flatten() {
        let may_be_absent = name == "Idempotent-Replayed" || name.starts_with("RateLimit-");
        let header = reply.header(&name.to_lowercase());
        assert!(header.is_some() || may_be_absent, "{what} without {name}");
    }
}

#[tokio::test]
async fn each_path_has_the_methods_that_are_described() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let reply = server.send("TRACE", &with_each_id(path, "x"), "", &[]).await;
        assert_eq!(reply.status, 405, "{path}: {reply:?}");
        let allowed = reply.header("allow").unwrap().to_lowercase();
        let mut allowed: Vec<&str> =
            allowed.split(',').filter(|method| *method != "head").collect();
        let mut described: Vec<&str> =
            item.as_object().unwrap().keys().map(String::as_str).collect();
        allowed.sort_unstable();
        described.sort_unstable();
        assert_eq!(allowed, described, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_example_is_answered_as_it_says() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let schemas = Schemas::of(&document);
    let mut sent = 0;
    for (path, method, operation) in operations(&document) {
        let key = authorization(operation, &server);
        let Some(forms) = operation["requestBody"]["content"].as_object() else { continue };
        for (media_type, form) in forms {
            for (name, example) in form["examples"].as_object().into_iter().flatten() {
                let what = format!("{} {name}", operation["operationId"]);
                schemas.check(&form["schema"], &example["value"], &what);
                // Signed with what only its provider knows; `provider_callbacks.rs` sends some.
                if operation["operationId"].as_str().unwrap().ends_with("Callback") {
                    continue;
                }
                let mut value = example["value"].clone();
                if let Some(payment) = value.get_mut("payment_id") {
                    *payment = paid(&server).await["id"].clone();
                }
                let body = match media_type.as_str() {
                    "application/json" => value.to_string(),
                    "application/x-www-form-urlencoded" => as_form(&value),
                    other => panic!("no body of {other}"),
                };
                let mut headers = vec![("Content-Type", media_type.as_str())];
                headers.extend(key.as_deref().map(|key| ("Authorization", key)));
                let id = own_id(&server, operation).await;
                let path = filled(&server, path, &id).await;
                let reply = server.send(&method.to_uppercase(), &path, &body, &headers).await;
                let answer = &operation["responses"][reply.status.to_string()]["content"];
                let expected = answer
                    .as_object()
                    .into_iter()
                    .flatten()
                    .any(|(_type, content)| content["examples"].get(name).is_some());
                assert!(expected, "{what} has no example for {reply:?}");
                check_answer(&schemas, operation, &reply);
                sent += 1;
            }
        }
    }
    assert!(sent > 8, "{sent}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_read_is_as_described() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let schemas = Schemas::of(&document);
    for (path, method, operation) in operations(&document) {
        if operation["requestBody"].is_object() {
            continue;
        }
        // Streams have no end, an exception comes of what a provider does late, and a parked callback
        // of what it knows alone; `event_readers.rs`, `books.rs` and `provider_callbacks.rs` have them.
        let elsewhere =
            ["streamEvents", "openEventSocket", "readException", "dismissParkedCallback"];
        if elsewhere.iter().any(|id| operation["operationId"] == *id) {
            continue;
        }
        let id = own_id(&server, operation).await;
        let key = authorization(operation, &server);
        let headers: Vec<_> = key.iter().map(|key| ("Authorization", key.as_str())).collect();
        let mut path = filled(&server, path, &id).await;
        if operation["operationId"] == "listLedgerEntries" {
            path = format!("{path}?payment_id={}", paid(&server).await["id"].as_str().unwrap());
        }
        if path.starts_with("/api/v1/exports/") {
            path = format!("{path}?date=2026-01-15");
            let mut headers = headers.clone();
            headers.push(("Accept", "text/csv"));
            let reply = server.send("GET", &path, "", &headers).await;
            check_answer(&schemas, operation, &reply);
        }
        let reply = server.send(&method.to_uppercase(), &path, "", &headers).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        check_answer(&schemas, operation, &reply);
    }
    server.stop().await;
}

#[tokio::test]
async fn examples_of_answers_are_of_their_schemas() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let schemas = Schemas::of(&document);
    let mut checked = 0;
    for (_path, _method, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (_type, content) in response["content"].as_object().unwrap() {
                for (name, example) in content["examples"].as_object().into_iter().flatten() {
                    let target = example["$ref"].as_str().map(|target| &target[1..]);
                    let example =
                        target.map_or(example, |target| document.pointer(target).unwrap());
                    let what = format!("{} {status} {name}", operation["operationId"]);
                    schemas.check(&content["schema"], &example["value"], &what);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 100, "{checked}");
    server.stop().await;
}

#[tokio::test]
async fn refusals_are_as_described() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let schemas = Schemas::of(&document);
    let merchant = format!("Bearer {}", server.key());
    let operator = format!("Bearer {OPERATOR}");
    for (path, method, operation) in operations(&document) {
        if operation["x-key"] == "anybody" || operation["operationId"] == "streamEvents" {
            continue;
        }
        let path = with_each_id(path, "pay_0");
        let (own, other) = match operation["x-key"].as_str().unwrap() {
            "merchant" | "any" => (merchant.as_str(), operator.as_str()),
            _operator => (operator.as_str(), merchant.as_str()),
        };
        for (key, media_type, body) in [
            (None, "application/json", "{}"),
            (Some("Bearer sk_test_nobodys"), "application/json", "{}"),
            (Some(other), "application/json", "{}"),
            (Some(own), "text/plain", "{}"),
            (Some(own), "application/json", "{}"),
            (Some(own), "application/json", "{\"payments\":7,\"amount\":1e999}"),
            (Some(own), "application/json", "["),
        ] {
            let mut headers = vec![("Content-Type", media_type)];
            headers.extend(key.map(|key| ("Authorization", key)));
            let reply = server.send(&method.to_uppercase(), &path, body, &headers).await;
            check_answer(&schemas, operation, &reply);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn the_page_needs_nothing_else() {
    let server = TestServer::start().await;
    let reply = server.send("GET", "/docs", "", &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(reply.body.starts_with("<!doctype html>"));
    for part in ["createPayment", "curl -X POST", "/docs/errors", "schema-Payment"] {
        assert!(reply.body.contains(part), "{part}");
    }
    server.stop().await;
}

/// A payment of somebody who is known by name.
async fn paid(server: &TestServer) -> Value {
    let mut request = payment(GOOD);
    request["customer"] = json!({"id": "somebody", "email": "somebody@example.com"});
    let reply = server.pay(&request, &[]).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()
}

/// An id of what the operation is about, where that stands as the operation needs it.
async fn own_id(server: &TestServer, operation: &Value) -> String {
    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str())];
    let (object, field) = match operation["operationId"].as_str().unwrap() {
        "readProvider" => return "simulator".to_owned(),
        "eraseCustomer" => {
            paid(server).await;
            return "somebody".to_owned();
        }
        "readPayment" | "listPaymentEvents" | "readClassicPayment" | "readClassicPaymentStatus" => {
            (paid(server).await, "/id")
        }
        "readTransaction" | "readClassicTransaction" => (paid(server).await, "/transaction_id"),
        "capturePayment" => {
            let mut request = payment(GOOD);
            request["capture"] = "manual".into();
            (server.pay(&request, &[]).await.json(), "/id")
        }
        "readRefund" | "readClassicRefundStatus" => {
            let payment = paid(server).await;
            let path = format!("/api/v1/payments/{}/refund", payment["id"].as_str().unwrap());
            (server.post(&path, "{}", &headers).await.json(), "/id")
        }
        "readOrder" => {
            let body = json!({"amount": "5.00", "currency": "INR"}).to_string();
            (server.post("/api/v1/orders", &body, &headers).await.json(), "/id")
        }
        "showSimulatorAction" => {
            let mut request = payment(GOOD);
            request["card"]["number"] = "4000000000003220".into();
            (server.pay(&request, &[]).await.json(), "/attempts/0/id")
        }
        _other => return String::new(),
    };
    object.pointer(field).and_then(Value::as_str).expect("it has an id").to_owned()
}

/// The path with the same text for every id in it.
fn with_each_id(path: &str, id: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.starts_with('{') {
        true => id,
        false => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// An object of texts as a form.
fn as_form(value: &Value) -> String {
    let pairs = value.as_object().unwrap().iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
    pairs.collect::<Vec<_>>().join("&")
}

/// The path with ids in it: that one, or the demo merchant's and that of a new key of its or of an
/// operator's.
async fn filled(server: &TestServer, path: &str, id: &str) -> String {
    let merchant = server.get("/api/v1/merchants/me").await.json();
    let (mut event, mut endpoint) = (String::new(), String::new());
    if path.contains("/events/{id}") {
        server.pay(&payment(GOOD), &[]).await;
        event = first_of(server, "/api/v1/events").await;
    }
    if path.contains("/webhooks/{id}") {
        let authorization = format!("Bearer {}", server.key());
        let body = json!({"url": "https://shop.invalid/hooks"}).to_string();
        let headers = [("Authorization", authorization.as_str())];
        let reply = server.post("/api/v1/webhooks", &body, &headers).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        endpoint = reply.json()["id"].as_str().unwrap().to_owned();
    }
    let id = match path {
        _ if path.contains("/merchants/") || path.contains("/merchant/") => {
            merchant["id"].as_str().unwrap()
        }
        _ if !event.is_empty() => &event,
        _ if !endpoint.is_empty() => &endpoint,
        _ => id,
    };
    let mut path = path.replace("{id}", id).replace("{attempt}", id);
    if path.contains("{key}") {
        let (keys, by) = match path.contains("/operator-keys/") {
            true => ("/api/v1/operator-keys", OPERATOR),
            false => ("/api/v1/keys", server.key()),
        };
        let authorization = format!("Bearer {by}");
        let reply = server.post(keys, "{}", &[("Authorization", &authorization)]).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        path = path.replace("{key}", reply.json()["id"].as_str().unwrap());
    }
    assert!(!path.contains(['{', '}']), "{path} needs an id");
    path
}

/// The id of a list's first row, once it has one.
async fn first_of(server: &TestServer, path: &str) -> String {
    loop {
        let list = server.get(path).await.json();
        if let Some(id) = list["data"][0]["id"].as_str() {
            return id.to_owned();
        }
        tokio::task::yield_now().await;
    }
}
