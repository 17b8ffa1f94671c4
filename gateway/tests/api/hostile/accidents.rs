//! Bodies after some accidents: whatever of them is accepted can also be answered.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::json;

use super::{bodies::post, wire::unharmed};
use crate::server::{GOOD, TestServer, payment};

/// How many bodies are sent; each is a payment's way through the log where it is accepted.
const BODIES: usize = 150;

/// What has to be escaped somewhere.
const ODD: &[&str] =
    &["\u{0}", "\u{2028}", "\u{1F600}", "\"", "\\", "</script>", "%00", "\u{202e}", ""];

/// Texts that a payment may hold and that an answer has to hold again.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), vec(select(ODD), 0..8).prop_map(|parts| parts.concat())]
}

/// The usual payment with odd texts and an odd amount, and then perhaps a few wrong bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let texts = (odd_text(), odd_text(), odd_text());
    let amount = "[0-9]{1,17}(\\.[0-9]{1,2})?";
    let currency = select(&["INR", "JPY", "BHD", "USD", "CLF"][..]);
    let wrong = prop_oneof![
        3 => Just(Vec::new()),
        1 => vec((any::<Index>(), any::<u8>()), 1..4),
    ];
    (texts, amount, currency, wrong).prop_map(|((one, two, three), amount, currency, wrong)| {
        let mut request = payment(GOOD);
        request["amount"] = json!(amount);
        request["currency"] = json!(currency);
        request["description"] = json!(one);
        request["order_id"] = json!(two);
        request["metadata"] = json!({"k": three, two: one});
        let mut bytes = request.to_string().into_bytes();
        for (place, byte) in wrong {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

#[tokio::test]
async fn what_is_accepted_can_be_answered() {
    let server = TestServer::start().await;
    // The same bodies in every run; the parsers alone meet others each time.
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused) = (0, 0);
    for _number in 0..BODIES {
        let bytes = body().new_tree(&mut runner).unwrap().current();
        let reply = post(&server, &bytes).await;
        let answer = reply.json();
        match reply.status {
            201 => {
                assert_eq!(answer["status"], "completed", "{answer}");
                accepted += 1;
            }
            status => {
                let code = answer["code"].as_str().unwrap();
                assert!(matches!(status, 400 | 422), "{reply:?}");
                reply.assert_problem(status, code);
                refused += 1;
            }
        }
    }
    assert!(accepted > BODIES / 10 && refused > BODIES / 10, "{accepted}, {refused}");
    unharmed(server).await;
}
