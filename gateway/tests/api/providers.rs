//! Which providers there are.

use serde_json::json;

use crate::server::{OPERATOR, TestServer};

#[tokio::test]
async fn merchants_and_operators_see_what_is_configured() {
    let server = TestServer::start_with(|config| {
        config.providers.simulator.inquiry_horizon_ms = 1_234;
    })
    .await;
    let methods = ["card", "upi", "netbanking", "wallet"];
    let simulator = json!({
        "id": "simulator", "object": "provider", "status": "active", "modes": ["test"],
        "payment_methods": methods, "capabilities": {
            "inquiry_horizon_ms": 1_234, "multiple_captures": true, "partial_void": true,
            "partial_refunds": true, "reversal": true,
        },
    });
    let list = json!({
        "object": "list", "data": [simulator], "has_more": false, "url": "/api/v1/providers",
    });
    let older = json!({"success": true, "data": [{
        "providerID": "simulator", "status": "active", "modes": ["test"],
        "paymentMethods": methods, "capabilities": {
            "inquiryHorizonMs": 1_234, "multipleCaptures": true, "partialVoid": true,
            "partialRefunds": true, "reversal": true,
        },
    }]});
    for key in [server.key(), OPERATOR] {
        for (path, expected) in [
            ("/api/v1/providers", &list),
            ("/api/v1/providers/simulator", &simulator),
            ("/api/providers", &older),
        ] {
            let reply = server.get_with(path, key).await;
            assert_eq!((reply.status, &reply.json()), (200, expected), "{path}");
        }
    }
    let nobody = server.get("/api/v1/providers/nobody").await;
    nobody.assert_problem(404, "provider_not_found");
    for path in ["/api/v1/providers", "/api/v1/providers/simulator"] {
        server.get_with(path, "sk_test_no").await.assert_problem(401, "api_key_invalid");
    }
    let refused = server.get_with("/api/providers", "sk_test_no").await;
    assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("api_key_invalid")));
    server.stop().await;
}
