//! Orders over HTTP.

use serde_json::{Value, json};

use crate::server::{OPERATOR, Reply, TestServer};

async fn order(server: &TestServer, body: &Value, key: Option<&str>) -> Reply {
    let authorization = format!("Bearer {}", server.key());
    let mut headers = vec![("Authorization", authorization.as_str())];
    headers.extend(key.map(|key| ("Idempotency-Key", key)));
    server.post("/api/v1/orders", &body.to_string(), &headers).await
}

#[tokio::test]
async fn an_order_is_created_once_and_read() {
    let server = TestServer::start().await;
    let request = json!({
        "amount": "250.00", "currency": "INR", "receipt": "2026-0042", "notes": {"b": "2", "a": "1"},
    });
    let first = order(&server, &request, Some("o1")).await;
    assert_eq!(first.status, 201, "{first:?}");
    let shown = first.json();
    for (field, value) in [
        ("object", json!("order")),
        ("status", json!("created")),
        ("amount_paisa", json!(25_000)),
        ("amount_paid", json!("0.00")),
        ("amount_due_minor", json!(25_000)),
        ("receipt", json!("2026-0042")),
        ("notes", json!({"a": "1", "b": "2"})),
        ("attempts", json!(0)),
        ("livemode", json!(false)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let again = order(&server, &request, Some("o1")).await;
    assert_eq!((again.status, &again.body), (201, &first.body), "byte for byte");
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = json!({"amount": "251.00", "currency": "INR"});
    order(&server, &other, Some("o1")).await.assert_problem(422, "idempotency_key_reused");
    let read = server.get(&format!("/api/v1/orders/{}", shown["id"].as_str().unwrap())).await;
    assert_eq!((read.status, &read.body), (200, &first.body));
    server.stop().await;
}

#[tokio::test]
async fn orders_are_listed_newest_first_and_page_by_page() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for amount in 1..=3 {
        let reply = order(&server, &json!({"amount_minor": amount, "currency": "JPY"}), None).await;
        ids.insert(0, reply.json()["id"].clone());
    }
    let page = async |query: String| {
        let page = server.get(&format!("/api/v1/orders{query}")).await.json();
        let rows = page["data"].as_array().unwrap();
        (rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), page["has_more"].clone())
    };
    // Ids of one millisecond are in no order of their creation.
    let (all, more) = page(String::new()).await;
    assert_eq!((all.len(), more), (3, json!(false)));
    assert!(ids.iter().all(|id| all.contains(id)));
    let (first, more) = page("?limit=2".to_owned()).await;
    assert_eq!((&first[..], more), (&all[..2], json!(true)));
    let after = format!("?limit=2&starting_after={}", first[1].as_str().unwrap());
    assert_eq!(page(after).await, (vec![all[2].clone()], json!(false)));
    let before = format!("?limit=2&ending_before={}", all[2].as_str().unwrap());
    assert_eq!(page(before).await, (all[..2].to_vec(), json!(false)));
    server.stop().await;
}

#[tokio::test]
async fn faults_are_told_at_once_and_what_is_anothers_does_not_exist() {
    let server = TestServer::start().await;
    let faulty = json!({"amount": "0", "currency": "inr", "notes": {"": "x"}, "colour": "red"});
    let reply = order(&server, &faulty, None).await;
    let problem = reply.assert_problem(400, "parameter_unknown");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/colour", "/currency", "/notes"]);
    server.get("/api/v1/orders/ord_0").await.assert_problem(404, "order_not_found");

    let own = order(&server, &json!({"amount": "1", "currency": "INR"}), None).await.json();
    let operator = format!("Bearer {OPERATOR}");
    let merchant = server
        .post("/api/v1/merchants", "{\"name\":\"Acme\"}", &[("Authorization", &operator)])
        .await
        .json();
    let other = merchant["api_keys"]["secret_test"].as_str().unwrap();
    let path = format!("/api/v1/orders/{}", own["id"].as_str().unwrap());
    server.get_with(&path, other).await.assert_problem(404, "order_not_found");
    let listed = server.get_with("/api/v1/orders", other).await.json();
    assert_eq!(listed["data"], json!([]));
    server.stop().await;
}
