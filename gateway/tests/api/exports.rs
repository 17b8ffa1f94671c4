//! Exports: every row of a span of time, as tables and as lines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;

use crate::{
    archive::{forgetful, until_left},
    server::{GOOD, OPERATOR, POOR, Reply, TestServer, payment},
};

/// Everything since 1970.
const ALL: &str = "created[gte]=1970-01-01T00:00:00Z";

/// The lines of a body that came in chunks, which is what a body without a length comes in.
fn dechunked(reply: &Reply) -> (String, bool) {
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"), "{reply:?}");
    let (mut text, mut rest) = (String::new(), reply.body.as_str());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (text, true);
        }
        let Some(chunk) = after.get(..size) else { break };
        text.push_str(chunk);
        rest = &after[size + 2..];
    }
    (text, false)
}

fn whole(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    let (text, is_whole) = dechunked(reply);
    assert!(is_whole, "{text}");
    text
}

fn lines(reply: &Reply) -> Vec<Value> {
    whole(reply).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// So many payments, of which every third is declined, and a refund of the first; all of them as they
/// are read, the oldest first.
async fn shop(server: &TestServer, count: usize) -> (Vec<Value>, Value) {
    let mut paid = Vec::new();
    for number in 0..count {
        let mut request = payment(if number % 3 == 2 { POOR } else { GOOD });
        request["order_id"] = format!("=order-{number}").into();
        request["customer"] = serde_json::json!({"id": "somebody", "email": "s@example.com"});
        let answer = server.pay(&request, &[]).await.json();
        paid.push(if answer["payment"].is_object() { answer["payment"].clone() } else { answer });
    }
    let authorization = format!("Bearer {}", server.key());
    let headers = [("Authorization", authorization.as_str())];
    let id = paid[0]["id"].as_str().unwrap().to_owned();
    let body = "{\"amount\":\"40.00\",\"reason\":\"too cold, too late\"}";
    let refund = server.post(&format!("/api/v1/payments/{id}/refund"), body, &headers).await;
    assert_eq!(refund.status, 201, "{refund:?}");
    paid[0] = server.get(&format!("/api/v1/payments/{id}")).await.json();
    (paid, refund.json())
}

async fn check_all(server: &TestServer, paid: &[Value], refund: &Value) {
    let exported = server.get(&format!("/api/v1/exports/payments?{ALL}")).await;
    assert_eq!(exported.header("content-type"), Some("application/jsonl"));
    let disposition = exported.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"payments.jsonl\""));
    let mut rows = lines(&exported);
    let end = rows.pop().unwrap();
    assert_eq!(rows, paid);
    assert_eq!((&end["object"], &end["complete"]), (&"export".into(), &true.into()));
    assert_eq!(end["rows"], paid.len());

    let mut refunds = lines(&server.get(&format!("/api/v1/exports/refunds?{ALL}")).await);
    assert_eq!(refunds.pop().unwrap()["rows"], 1);
    assert_eq!(refunds, std::slice::from_ref(refund));
    let mut transactions = lines(&server.get(&format!("/api/v1/exports/transactions?{ALL}")).await);
    assert_eq!(transactions.pop().unwrap()["rows"], paid.len() + 1);
    assert_eq!(transactions.last().unwrap()["refund_id"], refund["id"]);
}

#[tokio::test]
async fn everything_of_a_span_is_exported_page_by_page() {
    let server = TestServer::start().await;
    // More than one page, and exactly two.
    let (mut paid, refund) = shop(&server, 101).await;
    check_all(&server, &paid, &refund).await;
    let (more, _refund) = shop(&server, 99).await;
    paid.extend(more);
    let rows = lines(&server.get(&format!("/api/v1/exports/payments?{ALL}")).await);
    assert_eq!(rows[..200], paid);
    assert_eq!(rows[200]["rows"], 200);
    server.stop().await;
}

#[tokio::test]
async fn what_has_left_memory_is_exported_as_well() {
    let server = forgetful().await;
    let (paid, refund) = shop(&server, 4).await;
    until_left(&server, 4).await;
    check_all(&server, &paid, &refund).await;
    server.stop().await;
}

#[tokio::test]
async fn tables_are_as_they_should_be() {
    let server = TestServer::start().await;
    let (paid, refund) = shop(&server, 3).await;
    let date = &paid[0]["created_at"].as_str().unwrap()[..10];
    let last = &paid[2]["created_at"].as_str().unwrap()[..10];
    let query = match date == last {
        true => format!("date={date}&format=csv"),
        // It is midnight.
        false => format!("{ALL}&format=csv"),
    };
    let exported = server.get(&format!("/api/v1/exports/payments?{query}")).await;
    let media_type = exported.header("content-type");
    assert_eq!(media_type, Some("text/csv; charset=utf-8; header=present"));
    let table = whole(&exported);
    assert!(!table.contains("s@example.com"), "tables hold nothing personal: {table}");
    let lines: Vec<&str> = table.split("\r\n").collect();
    assert_eq!((lines.len(), lines[4]), (5, ""), "{table}");
    let names: Vec<&str> = lines[0].split(',').collect();
    let of = |line: &str, name: &str| {
        let place = names.iter().position(|known| *known == name).unwrap();
        line.split(',').nth(place).unwrap().to_owned()
    };
    for (line, payment) in lines[1..4].iter().zip(&paid) {
        assert_eq!(of(line, "id"), payment["id"].as_str().unwrap());
        assert_eq!(of(line, "status"), payment["status"].as_str().unwrap());
        assert_eq!(of(line, "amount_minor"), payment["amount_minor"].to_string());
        assert_eq!(of(line, "created_at"), payment["created_at"].as_str().unwrap());
        let order = format!("'{}", payment["order_id"].as_str().unwrap());
        assert_eq!(of(line, "order_id"), order, "no formula");
    }
    assert_eq!(of(lines[1], "amount_refunded"), "40.00");
    assert_eq!(of(lines[1], "amount_refunded_minor"), "4000");
    assert_eq!(of(lines[3], "decline_code"), "insufficient_funds");
    let refunds = whole(&server.get(&format!("/api/v1/exports/refunds?{query}")).await);
    assert!(refunds.contains(",\"too cold, too late\","), "{refunds}");
    assert!(refunds.contains(refund["id"].as_str().unwrap()));
    let empty = whole(&server.get("/api/v1/exports/payments?date=1999-12-31&format=csv").await);
    assert_eq!(empty, format!("{}\r\n", lines[0]));
    server.stop().await;
}

#[tokio::test]
async fn nobody_exports_what_he_may_not_read() {
    let server = TestServer::start().await;
    let (paid, _refund) = shop(&server, 2).await;
    let merchant = server.get("/api/v1/merchants/me").await.json()["id"].clone();
    let path = format!("/api/v1/exports/payments?{ALL}");
    server.send("GET", &path, "", &[]).await.assert_problem(401, "api_key_missing");
    let unnamed = server.get_with(&path, OPERATOR).await;
    assert_eq!(unnamed.assert_problem(400, "parameter_missing")["param"], "merchant_id");
    let named = format!("{path}&merchant_id={}", merchant.as_str().unwrap());
    assert_eq!(lines(&server.get_with(&named, OPERATOR).await).len(), paid.len() + 1);

    let operator = format!("Bearer {OPERATOR}");
    let other = server
        .post("/api/v1/merchants", "{\"name\":\"Other\"}", &[("Authorization", &operator)])
        .await
        .json();
    let key = other["api_keys"]["secret_test"].as_str().unwrap();
    let nothing = lines(&server.get_with(&path, key).await);
    assert_eq!((nothing.len(), &nothing[0]["rows"]), (1, &0.into()));
    server.get_with(&named, key).await.assert_problem(403, "merchant_mismatch");
    for (query, param) in [("", "date"), ("date=x", "date"), ("date=2026-11-25&tz=IST", "tz")] {
        let refused = server.get(&format!("/api/v1/exports/payments?{query}")).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["param"], param);
    }
    server.stop().await;
}
