//! Merchants and keys: who may do what, for how long, and how everybody else is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::{GOOD, OPERATOR, Reply, TestServer, payment};

const DAY: Duration = Duration::from_secs(86_400);

/// A merchant with its first test key.
struct Merchant {
    id: String,
    key: String,
}

/// A request whose body has not come yet.
struct BegunRequest {
    stream: TcpStream,
    body: String,
}

impl BegunRequest {
    async fn finish(mut self) -> Reply {
        self.stream.write_all(self.body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer).await.unwrap();
        Reply::parse(&answer)
    }
}

impl TestServer {
    async fn call(&self, method: &str, path: &str, key: &str, body: &Value) -> Reply {
        let authorization = format!("Bearer {key}");
        let headers = [("Authorization", &*authorization), ("Content-Type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &body, &headers).await
    }

    async fn merchant(&self, name: &str) -> Merchant {
        let reply = self.call("POST", "/api/v1/merchants", OPERATOR, &json!({"name": name})).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let merchant = reply.json();
        Merchant {
            id: merchant["id"].as_str().unwrap().to_owned(),
            key: merchant["api_keys"]["secret_test"].as_str().unwrap().to_owned(),
        }
    }

    /// Issues a key: its id and its text.
    async fn issue(&self, path: &str, by: &str, body: Value) -> (String, String) {
        let reply = self.call("POST", path, by, &body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let key = reply.json();
        (key["id"].as_str().unwrap().to_owned(), key["key"].as_str().unwrap().to_owned())
    }

    /// Begins a request, up to its body: the server waits for that, so it knows who asks.
    async fn begin(&self, method: &str, path: &str, by: &str, body: String) -> BegunRequest {
        const LEAVE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\
             Expect: 100-continue\r\nAuthorization: Bearer {by}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut leave = [0; LEAVE.len()];
        stream.read_exact(&mut leave).await.unwrap();
        assert_eq!(leave, LEAVE);
        BegunRequest { stream, body }
    }

    async fn pay_by(&self, key: &str) -> Reply {
        self.call("POST", "/api/v1/payments", key, &payment(GOOD)).await
    }
}

#[tokio::test]
async fn a_merchant_is_registered_changed_and_seen_by_few() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let other = server.merchant("Bakery").await;
    let path = format!("/api/v1/merchants/{}", shop.id);
    let change = json!({"name": "Acme & Co", "email": "owner@acme.example"});
    let changed = server.call("PATCH", &path, OPERATOR, &change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let seen = changed.json();
    assert_eq!((&seen["name"], &seen["email"]), (&change["name"], &change["email"]));
    assert_eq!((&seen["object"], &seen["status"]), (&json!("merchant"), &json!("active")));
    assert!(seen.get("api_keys").is_none(), "keys are shown once");
    for (path, key) in
        [(&*path, OPERATOR), (&*path, &*shop.key), ("/api/v1/merchants/me", &*shop.key)]
    {
        let reply = server.get_with(path, key).await;
        assert_eq!((reply.status, reply.json()), (200, seen.clone()), "{path}");
    }
    server.get_with(&path, &other.key).await.assert_problem(404, "merchant_not_found");
    let reply = server.get_with("/api/v1/merchants/mer_1", OPERATOR).await;
    reply.assert_problem(404, "merchant_not_found");
    let reply = server.get_with("/api/v1/merchants/me", OPERATOR).await;
    reply.assert_problem(403, "merchant_key_required");
    let reply = server.call("PATCH", &path, &shop.key, &change).await;
    reply.assert_problem(403, "operator_key_required");
    let reply = server.get_with("/api/v1/merchants", &shop.key).await;
    reply.assert_problem(403, "operator_key_required");
    let wrong = json!({"name": "", "email": "x", "status": "gone"});
    let reply = server.call("PATCH", &path, OPERATOR, &wrong).await;
    let problem = reply.assert_problem(400, "parameter_invalid");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
    let cleared = server.call("PATCH", &path, OPERATOR, &json!({"email": ""})).await.json();
    assert_eq!((&cleared["name"], &cleared["email"]), (&change["name"], &Value::Null));
    server.stop().await;
}

#[tokio::test]
async fn merchants_are_listed_newest_first_page_by_page() {
    let server = TestServer::start().await;
    for name in ["One", "Two", "Three"] {
        server.merchant(name).await;
    }
    let names = |reply: &Reply| -> Vec<String> {
        let rows = reply.json()["data"].as_array().unwrap().clone();
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = server.get_with("/api/v1/merchants", OPERATOR).await;
    // Those of one millisecond are in the order of their ids.
    let order = names(&all);
    assert_eq!(order.len(), 4, "and the demo merchant: {order:?}");
    let mut page = server.get_with("/api/v1/merchants?limit=3", OPERATOR).await;
    let body = page.json();
    assert_eq!((&body["object"], &body["has_more"]), (&json!("list"), &json!(true)));
    assert_eq!(body["url"], "/api/v1/merchants");
    let mut found = names(&page);
    let last = body["data"][2]["id"].as_str().unwrap().to_owned();
    page = server.get_with(&format!("/api/v1/merchants?starting_after={last}"), OPERATOR).await;
    assert_eq!(page.json()["has_more"], false);
    found.extend(names(&page));
    assert_eq!(found, order);
    let reply = server.get_with("/api/v1/merchants?limit=0", OPERATOR).await;
    reply.assert_problem(400, "parameter_invalid");
    server.stop().await;
}

#[tokio::test]
async fn a_suspended_merchant_takes_no_new_payments_and_reads_its_old_ones() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let paid = server.pay_by(&shop.key).await.json();
    let authorization = format!("Bearer {}", shop.key);
    let keyed = async |key: &str| {
        let headers = [("Authorization", authorization.as_str()), ("Idempotency-Key", key)];
        server.post("/api/v1/payments", &payment(GOOD).to_string(), &headers).await
    };
    let first = keyed("first").await;
    assert_eq!(first.status, 201, "{first:?}");
    let path = format!("/api/v1/merchants/{}", shop.id);
    let suspend = json!({"status": "suspended"});
    let reply = server.call("PATCH", &path, OPERATOR, &suspend).await;
    assert_eq!(reply.json()["status"], "suspended");
    server.pay_by(&shop.key).await.assert_problem(403, "merchant_suspended");
    keyed("second").await.assert_problem(403, "merchant_suspended");
    let again = keyed("first").await;
    assert_eq!((again.status, &again.body), (201, &first.body), "a repeat begins nothing");
    let old = format!("/api/v1/payments/{}", paid["id"].as_str().unwrap());
    assert_eq!(server.get_with(&old, &shop.key).await.status, 200);
    server.call("PATCH", &path, OPERATOR, &json!({"status": "active"})).await;
    assert_eq!(server.pay_by(&shop.key).await.status, 201);
    server.stop().await;
}

#[tokio::test]
async fn a_key_does_what_its_kind_and_its_scopes_allow() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let body = json!({"name": "reports", "scopes": ["payments:read"]});
    let reply = server.call("POST", "/api/v1/keys", &shop.key, &body).await;
    let issued = reply.json();
    assert_eq!(reply.status, 201, "{reply:?}");
    let text = issued["key"].as_str().unwrap();
    assert!(text.starts_with("sk_test_") && text.ends_with(issued["last4"].as_str().unwrap()));
    for (field, value) in [
        ("object", json!("api_key")),
        ("kind", json!("secret")),
        ("merchant_id", json!(shop.id)),
        ("mode", json!("test")),
        ("livemode", json!(false)),
        ("name", json!("reports")),
        ("scopes", json!(["payments:read"])),
        ("status", json!("active")),
        ("expires_at", Value::Null),
    ] {
        assert_eq!(issued[field], value, "{field}");
    }
    let problem = server.pay_by(text).await.assert_problem(403, "scope_missing");
    assert!(problem["detail"].as_str().unwrap().contains("payments:write"));
    let reply = server.get_with("/api/v1/keys", text).await;
    reply.assert_problem(403, "scope_missing");

    let body = json!({"kind": "publishable"});
    let (_id, publishable) = server.issue("/api/v1/keys", &shop.key, body).await;
    assert!(publishable.starts_with("pk_test_"));
    server.pay_by(&publishable).await.assert_problem(403, "secret_key_required");
    for path in ["/api/v1/keys", "/api/v1/merchants", "/simulator/ledger"] {
        let reply = server.get_with(path, &publishable).await;
        assert_eq!(reply.status, 403, "{path}: {reply:?}");
    }
    let own = server.get_with("/api/v1/merchants/me", &publishable).await;
    let public = json!({"id": shop.id, "object": "merchant", "name": "Acme"});
    assert_eq!((own.status, own.json()), (200, public));

    let body = json!({"mode": "live"});
    let keys = format!("/api/v1/merchants/{}/keys", shop.id);
    let (_id, live) = server.issue(&keys, OPERATOR, body).await;
    assert!(live.starts_with("sk_live_"));
    server.pay_by(&live).await.assert_problem(422, "provider_not_configured");
    server.stop().await;
}

#[tokio::test]
async fn nobody_gives_more_than_he_has() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let few = json!({"scopes": ["keys:read", "keys:write"]});
    let (_id, weak) = server.issue("/api/v1/keys", &shop.key, few).await;
    let (strong, _text) = server.issue("/api/v1/keys", &shop.key, json!({})).await;
    for (by, body, status, code) in [
        (&weak, json!({"scopes": ["payments:write"]}), 403, "scope_exceeded"),
        (&shop.key, json!({"mode": "live"}), 403, "mode_mismatch"),
        (&shop.key, json!({"scopes": ["merchants:write"]}), 400, "parameter_invalid"),
        (&shop.key, json!({"scopes": ["everything"]}), 400, "parameter_invalid"),
        (&shop.key, json!({"scopes": []}), 400, "parameter_invalid"),
        (&shop.key, json!({"kind": "operator"}), 400, "parameter_invalid"),
        (&shop.key, json!({"expires_at": "2020-01-01T00:00:00Z"}), 400, "parameter_invalid"),
        (&shop.key, json!({"expires_at": "soon"}), 400, "parameter_invalid"),
        (&shop.key, json!({"expires_in_seconds": 0}), 400, "parameter_invalid"),
        (&shop.key, json!({"expires": 1}), 400, "parameter_unknown"),
    ] {
        let reply = server.call("POST", "/api/v1/keys", by, &body).await;
        reply.assert_problem(status, code);
    }
    let path = format!("/api/v1/keys/{strong}/rotate");
    let reply = server.call("POST", &path, &weak, &Value::Null).await;
    reply.assert_problem(403, "scope_exceeded");
    let given = server.call("POST", "/api/v1/keys", &weak, &json!({})).await.json();
    assert_eq!(given["scopes"], json!(["keys:read", "keys:write"]), "as much as it has");
    server.stop().await;
}

#[tokio::test]
async fn anothers_keys_do_not_exist() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let other = server.merchant("Bakery").await;
    let (others, _text) = server.issue("/api/v1/keys", &other.key, json!({})).await;
    let theirs = format!("/api/v1/merchants/{}/keys", other.id);
    let own = format!("/api/v1/merchants/{}/keys", shop.id);
    for (method, path, by, code) in [
        ("GET", theirs.clone(), &*shop.key, "merchant_not_found"),
        ("POST", theirs.clone(), &shop.key, "merchant_not_found"),
        ("DELETE", format!("{theirs}/{others}"), &shop.key, "merchant_not_found"),
        ("DELETE", format!("{own}/{others}"), &shop.key, "api_key_not_found"),
        ("DELETE", format!("/api/v1/keys/{others}"), &shop.key, "api_key_not_found"),
        ("POST", format!("/api/v1/keys/{others}/rotate"), &shop.key, "api_key_not_found"),
        ("DELETE", "/api/v1/keys/key_1".to_owned(), &shop.key, "api_key_not_found"),
        ("DELETE", format!("{own}/{others}"), OPERATOR, "api_key_not_found"),
        ("DELETE", format!("/api/v1/operator-keys/{others}"), OPERATOR, "api_key_not_found"),
    ] {
        let reply = server.call(method, &path, by, &Value::Null).await;
        reply.assert_problem(404, code);
    }
    let listed = server.get_with("/api/v1/keys", &shop.key).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "its own, of its mode: {listed}");
    let listed = server.get_with(&own, OPERATOR).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "of both modes: {listed}");
    assert!(listed["data"][0].get("key").is_none());
    server.stop().await;
}

#[tokio::test]
async fn a_key_expires() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let body = json!({"expires_in_seconds": 3_600});
    let (_id, text) = server.issue("/api/v1/keys", &shop.key, body).await;
    assert_eq!(server.pay_by(&text).await.status, 201);
    server.advance(DAY);
    let reply = server.pay_by(&text).await;
    reply.assert_problem(401, "api_key_expired");
    assert!(reply.header("www-authenticate").is_some());
    assert_eq!(server.pay_by(&shop.key).await.status, 201, "others go on");
    server.stop().await;
}

#[tokio::test]
async fn a_rotated_key_is_good_until_its_overlap_ends() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let (old, old_text) = server.issue("/api/v1/keys", &shop.key, json!({"name": "till"})).await;
    let path = format!("/api/v1/keys/{old}/rotate");
    let reply = server.call("POST", &path, &shop.key, &Value::Null).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let new = reply.json();
    assert_eq!(new["name"], "till");
    let new_text = new["key"].as_str().unwrap();
    for key in [&old_text, new_text] {
        assert_eq!(server.pay_by(key).await.status, 201);
    }
    let again = server.call("POST", &path, &shop.key, &Value::Null).await;
    let problem = again.assert_problem(409, "api_key_unexpected_state");
    assert!(problem["detail"].as_str().unwrap().contains(new["id"].as_str().unwrap()));
    server.advance(DAY - Duration::from_secs(60));
    assert_eq!(server.pay_by(&old_text).await.status, 201);
    server.advance(Duration::from_secs(120));
    server.pay_by(&old_text).await.assert_problem(401, "api_key_expired");
    assert_eq!(server.pay_by(new_text).await.status, 201);

    let at_once = json!({"overlap_seconds": 0});
    let path = format!("/api/v1/keys/{}/rotate", new["id"].as_str().unwrap());
    let reply = server.call("POST", &path, &shop.key, &at_once).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    server.pay_by(new_text).await.assert_problem(401, "api_key_expired");
    let long = json!({"overlap_seconds": 2_592_001});
    let path = format!("/api/v1/keys/{}/rotate", reply.json()["id"].as_str().unwrap());
    let reply = server.call("POST", &path, &shop.key, &long).await;
    reply.assert_problem(400, "parameter_invalid");
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_even_after_a_restart() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let (id, text) = server.issue("/api/v1/keys", &shop.key, json!({})).await;
    let (_id, kept) = server.issue("/api/v1/keys", &shop.key, json!({})).await;
    let path = format!("/api/v1/keys/{id}");
    // By itself.
    let reply = server.call("DELETE", &path, &text, &Value::Null).await;
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("revoked")), "{reply:?}");
    server.pay_by(&text).await.assert_problem(401, "api_key_revoked");
    let again = server.call("DELETE", &path, &shop.key, &Value::Null).await;
    assert_eq!((again.status, again.json()), (200, reply.json()));
    let server = server.restart().await;
    server.pay_by(&text).await.assert_problem(401, "api_key_revoked");
    assert_eq!(server.pay_by(&kept).await.status, 201);
    let listed = server.get_with("/api/v1/keys", &shop.key).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 3, "{listed}");
    server.stop().await;
}

/// Asked for with a key that was good when the request began: its body came after the revocation.
#[tokio::test]
async fn a_key_that_is_revoked_while_a_body_comes_issues_none() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let (id, text) = server.issue("/api/v1/keys", &shop.key, json!({})).await;
    let operators = "/api/v1/operator-keys";
    let (operator_id, operator) = server.issue(operators, OPERATOR, json!({})).await;
    let (spare, _text) = server.issue("/api/v1/keys", &shop.key, json!({})).await;
    let own = format!("/api/v1/keys/{id}");
    let operators_own = format!("{operators}/{operator_id}");
    let of_shop = format!("/api/v1/merchants/{}", shop.id);
    let mut begun = Vec::new();
    for (method, path, by, body) in [
        ("POST", "/api/v1/keys".to_owned(), &text, json!({})),
        ("POST", format!("/api/v1/keys/{spare}/rotate"), &text, json!({})),
        ("POST", operators.to_owned(), &operator, json!({})),
        ("POST", format!("{of_shop}/keys"), &operator, json!({})),
        ("POST", "/api/v1/merchants".to_owned(), &operator, json!({"name": "Bakery"})),
        ("PATCH", of_shop.clone(), &operator, json!({"name": "Bakery"})),
    ] {
        begun.push(server.begin(method, &path, by, body.to_string()).await);
    }
    for (path, by) in [(own, &*shop.key), (operators_own, OPERATOR)] {
        assert_eq!(server.call("DELETE", &path, by, &Value::Null).await.status, 200);
    }
    for request in begun {
        request.finish().await.assert_problem(401, "api_key_revoked");
    }
    let merchants = server.get_with("/api/v1/merchants", OPERATOR).await.json();
    let names = merchants["data"].as_array().unwrap().iter().map(|row| row["name"].clone());
    assert!(names.clone().all(|name| name != "Bakery"), "{merchants}");
    server.stop().await;
}

/// Even the key in the data directory's own file: it is not registered anew.
#[tokio::test]
async fn forgotten_keys_are_unknown_and_stay_so_after_a_restart() {
    let server = TestServer::start().await;
    let demo = server.key().to_owned();
    let first = server.get_with("/api/v1/keys", &demo).await.json();
    let (_id, kept) = server.issue("/api/v1/keys", &demo, json!({})).await;
    let revoke = async |by: &str, id: &str| {
        let path = format!("/api/v1/keys/{id}");
        assert_eq!(server.call("DELETE", &path, by, &Value::Null).await.status, 200);
    };
    revoke(&kept, first["data"][0]["id"].as_str().unwrap()).await;
    server.pay_by(&demo).await.assert_problem(401, "api_key_revoked");
    for _ in 0..101 {
        let (id, _text) = server.issue("/api/v1/keys", &kept, json!({})).await;
        revoke(&kept, &id).await;
    }
    server.issue("/api/v1/keys", &kept, json!({})).await;
    server.pay_by(&demo).await.assert_problem(401, "api_key_invalid");
    let server = server.restart().await;
    server.pay_by(&demo).await.assert_problem(401, "api_key_invalid");
    assert_eq!(server.pay_by(&kept).await.status, 201);
    let merchants = server.get_with("/api/v1/merchants", OPERATOR).await.json();
    assert_eq!(merchants["data"].as_array().unwrap().len(), 1, "no second demo: {merchants}");
    server.stop().await;
}

#[tokio::test]
async fn operators_have_keys_of_their_own() {
    let server = TestServer::start().await;
    let path = "/api/v1/operator-keys";
    let few = json!({"name": "support", "scopes": ["merchants:read", "operator_keys:write"]});
    let (id, support) = server.issue(path, OPERATOR, few).await;
    assert!(support.starts_with("ak_"));
    assert_eq!(server.get_with("/api/v1/merchants", &support).await.status, 200);
    let body = json!({"name": "Shop"});
    let reply = server.call("POST", "/api/v1/merchants", &support, &body).await;
    reply.assert_problem(403, "scope_missing");
    let more = json!({"scopes": ["merchants:write"]});
    let reply = server.call("POST", path, &support, &more).await;
    reply.assert_problem(403, "scope_exceeded");
    let reply = server.call("POST", path, OPERATOR, &json!({"mode": "test"})).await;
    reply.assert_problem(400, "parameter_unknown");
    server.get_with(path, &support).await.assert_problem(403, "scope_missing");
    server.get_with(path, server.key()).await.assert_problem(403, "operator_key_required");
    server.pay_by(&support).await.assert_problem(403, "merchant_key_required");
    let listed = server.get_with(path, OPERATOR).await.json();
    assert_eq!(listed["data"][0]["id"], id);
    let revoke = format!("{path}/{id}");
    assert_eq!(server.call("DELETE", &revoke, OPERATOR, &Value::Null).await.status, 200);
    let reply = server.get_with("/api/v1/merchants", &support).await;
    reply.assert_problem(401, "api_key_revoked");
    server.stop().await;
}

#[tokio::test]
async fn key_and_secret_have_to_belong_together() {
    let server = TestServer::start().await;
    let shop = server.merchant("Acme").await;
    let other = server.merchant("Bakery").await;
    let (id, text) = server.issue("/api/v1/keys", &shop.key, json!({})).await;
    let publishable = json!({"kind": "publishable"});
    let (public_id, public) = server.issue("/api/v1/keys", &shop.key, publishable.clone()).await;
    let (_id, others) = server.issue("/api/v1/keys", &other.key, publishable).await;
    let pay = async |name: &str, secret: &str| {
        let headers = [("X-Api-Key", name), ("X-Api-Secret", secret)];
        server.post("/api/v1/payments", &payment(GOOD).to_string(), &headers).await
    };
    assert_eq!(pay(&id, &text).await.status, 201);
    assert_eq!(pay(&public, &text).await.status, 201);
    for (name, secret) in [
        (&public_id, &text),
        (&others, &text),
        (&id, &shop.key),
        (&text, &text),
        (&id, &public),
        (&id, &OPERATOR.to_owned()),
    ] {
        pay(name, secret).await.assert_problem(401, "api_key_invalid");
    }
    let revoke = format!("/api/v1/keys/{public_id}");
    server.call("DELETE", &revoke, &shop.key, &Value::Null).await;
    pay(&public, &text).await.assert_problem(401, "api_key_invalid");
    server.stop().await;
}
