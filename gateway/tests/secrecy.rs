//! Card numbers, security codes and personal data, looked for wherever the gateway writes.
//!
//! The payments here hold values that stand nowhere else. After an approval, a decline and several
//! refusals, no file below the data directory or in a backup, no line of output, no metric, no export and
//! no refusal has one; and no answer has another than those that a merchant is shown of his customers, which are kept
//! sealed: a restart shows them again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "process/server.rs"]
mod server;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use serde_json::{Value, json};

use crate::server::Server;

/// Approved, because it has no meaning to the simulator.
const GOOD: &str = "4929713862051347";
/// Declined by the simulator.
const POOR: &str = "4000000000009987";
/// With a check digit that is wrong.
const FALSE: &str = "4929713862051348";

const CVV: &str = "8513";
const EMAIL: &str = "xavier.quimby@mailbox.example";
const PHONE: &str = "+917396482051";
const HOLDER: &str = "Xaviera Quimbleton";
const STREET: &str = "47 Zwetschgenweg";
const CITY: &str = "Vrchotovy";
const ZIP_CODE: &str = "Q7X 3ZJ";
const IP: &str = "203.0.113.219";
const DEVICE: &str = "fp-zx81-quokka";
const USER_AGENT: &str = "Quagmire/7.31";
const VPA: &str = "xq.zwetschge47";
const WALLET: &str = "purse-7396482051-q";
/// What an endpoint's owner lets deliveries carry.
const WEBHOOK_TOKEN: &str = "quoll-token-5520193";

#[test]
fn nothing_secret_is_written_anywhere() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let server = Server::start(&data, |command| {
        // The most talkative it can be.
        command
            .env("TOLLGATE__LOG__LEVEL", "trace")
            .env("TOLLGATE__PAYMENTS__WAIT_MS", "200")
            .env("TOLLGATE__WEBHOOKS__ALLOWED_CIDRS", "[\"127.0.0.0/8\"]")
            .env("TOLLGATE__WEBHOOKS__PORTS", "[]");
    });
    // One who is told everything, and answers with what he was told.
    let endpoint = json!({"url": echo(), "headers": {"X-Token": WEBHOOK_TOKEN}}).to_string();
    let endpoint = server.caller().post("/api/v1/webhooks", &endpoint).unwrap();
    assert_eq!(endpoint.status, 201, "{}", endpoint.body);
    let endpoint: Value = serde_json::from_str(&endpoint.body).unwrap();
    let attempts =
        format!("/api/v1/webhooks/{}/attempts?limit=100", endpoint["id"].as_str().unwrap());
    let caller = server.caller();
    let operator = server.operator();
    let (mut answers, mut refusals) = (String::new(), String::new());
    let mut ask = |status: u16, code: &str, headers: &str, body: &str| {
        let answer = caller.pay(headers, body).unwrap();
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.contains(code), "{}", answer.body);
        let told = if matches!(status, 400 | 422) { &mut refusals } else { &mut answers };
        told.push_str(&answer.head);
        told.push_str(&answer.body);
    };
    let text = |request: Value| request.to_string();
    let with = |pointer: &str, value: Value| {
        let mut request = payment(GOOD);
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        request.pointer_mut(parent).unwrap()[field] = value;
        request.to_string()
    };
    let key = |key: &str| format!("Idempotency-Key: {key}\r\n");

    ask(201, "completed", &key("good"), &text(payment(GOOD)));
    ask(201, "completed", &key("good"), &text(payment(GOOD)));
    ask(202, "processing", "Prefer: respond-async\r\n", &text(payment(GOOD)));
    ask(202, "unknown", "", &with("/metadata/simulator", json!("timeout_before_approval")));
    ask(402, "lost_card", &key("poor"), &text(payment(POOR)));
    ask(400, "card_number_invalid", "", &text(payment(FALSE)));
    let vpa = format!("{VPA}@okbank");
    ask(402, "processing_error", &key("upi"), &text(by("upi", "vpa", &vpa)));
    ask(400, "vpa_invalid", "", &text(by("upi", "vpa", &format!("{VPA}@@"))));
    ask(400, "bank_invalid", "", &text(by("netbanking", "bank", VPA)));
    ask(201, "completed", "", &text(by("wallet", "wallet_id", WALLET)));
    ask(400, "wallet_id", "", &text(by("wallet", "wallet_id", &format!("{WALLET} "))));
    ask(422, "idempotency_key_reused", &key("good"), &text(payment(POOR)));
    let spaced = grouped(GOOD, " ");
    for (pointer, value) in [
        ("/order_id", json!(GOOD)),
        ("/description", json!(format!("by card {spaced}"))),
        ("/callback_url", json!(format!("https://shop.example/{GOOD}"))),
        ("/metadata/note", json!(grouped(GOOD, "-"))),
        ("/customer/id", json!(GOOD)),
    ] {
        ask(400, "card_number_in_text", "", &with(pointer, value));
    }
    ask(400, "card_number_in_text", &key(GOOD), &text(payment(GOOD)));
    // In the wrong place, or broken off in the middle of it.
    ask(400, "body_invalid", "", &with("/currency", json!(4_929_713_862_051_347_u64)));
    ask(400, "body_invalid", "", &with("/customer/email", json!([EMAIL, PHONE])));
    ask(400, "body_invalid", "", &format!("{{\"card\":{{\"number\":\"{GOOD}\",\"cvv\":\"{CVV}"));

    // What was delivered and answered is kept, and shown to its merchant.
    let mut tried = String::new();
    server::until("deliveries are answered", || {
        tried = caller.get(&attempts).unwrap().body;
        tried.contains(EMAIL) && tried.contains(VPA)
    });
    answers.push_str(&tried);
    answers.push_str(&caller.get("/api/v1/events?limit=100").unwrap().body);
    let ledger = operator.get("/simulator/ledger").unwrap().body;
    assert!(ledger.contains("approved") && ledger.contains("declined"), "{ledger}");
    let metrics = server.metrics();
    assert!(metrics.contains("tollgate_payments_total"), "{metrics}");
    let id = answers.split("\"id\":\"pay_").nth(1).unwrap();
    let path = format!("/api/v1/payments/pay_{}", id.split('"').next().unwrap());
    server.signal("TERM");
    let (status, first_said) = server.ended();
    assert_eq!(status.code(), Some(0), "{first_said}");
    // Nothing was dropped: what stands in no file is there all the same, sealed.
    let server = Server::start(&data, |command| {
        command.env("TOLLGATE__LOG__LEVEL", "trace");
    });
    answers.push_str(&server.caller().get(&path).unwrap().body);
    assert!(answers.ends_with('}') && answers.rsplit_once(EMAIL).unwrap().1.contains(PHONE));
    server.signal("TERM");
    let (status, said) = server.ended();
    assert_eq!(status.code(), Some(0), "{said}");
    let said = first_said + &said;
    assert!(said.contains("recovered") && said.contains("stopping"), "its log was seen: {said}");

    for (name, text) in [
        ("answers", answers),
        ("refusals", refusals),
        ("ledger", ledger),
        ("metrics", metrics),
        ("output", said),
    ] {
        for secret in secrets() {
            if name == "answers" && SHOWN.contains(&secret.name) {
                continue;
            }
            assert!(!holds(text.as_bytes(), &secret), "{name}: {}", secret.name);
        }
        assert!(!holds_word(&text, CVV), "{name}: the security code");
    }
    let webhook_secret = endpoint["secret"].as_str().unwrap().trim_start_matches("whsec_");
    let files = files_below(&data);
    assert!(files.iter().any(|file| file.components().any(|part| part.as_os_str() == "feed")));
    assert!(files.iter().any(|file| file.ends_with("simulator/ledger.log")), "{files:?}");
    assert!(files.iter().any(|file| file.ends_with("keys/keys.store")), "{files:?}");
    assert!(files.iter().any(|file| file.components().any(|part| part.as_os_str() == "sled")));
    for file in files {
        let bytes = written(&file);
        for secret in secrets() {
            assert!(!holds(&bytes, &secret), "{}: {}", file.display(), secret.name);
        }
        for secret in [webhook_secret, WEBHOOK_TOKEN] {
            assert!(!contains(&bytes, secret.as_bytes()), "{}: an endpoint's", file.display());
        }
        // Four digits stand in random bytes once in some gigabytes.
        assert!(!contains(&bytes, CVV.as_bytes()), "{}: the security code", file.display());
    }
}

/// What is made of the log afterwards has nothing either: segments that are compressed, snapshots,
/// payments that have left memory, views, feed, exports, a backup, and what is printed of the log.
#[test]
fn nothing_secret_is_in_what_is_made_of_the_log() {
    let parent = tempfile::tempdir().unwrap();
    let (data, backup) = (parent.path().join("data"), parent.path().join("backup"));
    let server = Server::start(&data, |command| {
        command
            .env("TOLLGATE__LOG__LEVEL", "trace")
            .env("TOLLGATE__ENGINE__ARCHIVE_AFTER_S", "0")
            .env("TOLLGATE__ENGINE__FINISHED_PAYMENTS", "0")
            .env("TOLLGATE__STORAGE__SEGMENT_BYTES", "16384")
            .env("TOLLGATE__STORAGE__COMPRESS_SEALED", "true");
    });
    let (caller, operator) = (server.caller(), server.operator());
    let pay = |request: Value| {
        let answer = caller.pay("", &request.to_string()).unwrap();
        assert!(matches!(answer.status, 201 | 402), "{}", answer.body);
    };
    // Twice, as what lies before the older of two snapshots is compressed.
    for _snapshot in 0..2 {
        for _round in 0..10 {
            pay(payment(GOOD));
            pay(payment(POOR));
            pay(by("upi", "vpa", &format!("{VPA}@okbank")));
            pay(by("wallet", "wallet_id", WALLET));
        }
        let made = operator.post("/api/v1/admin/snapshots", "").unwrap();
        assert_eq!(made.status, 200, "{}", made.body);
    }
    let ends = |path: &Path, ending: &str| path.extension().is_some_and(|found| found == ending);
    server::until("a segment is compressed", || {
        files_below(&data.join("log/journal")).iter().any(|file| ends(file, "zst"))
    });
    server::until("payments have left memory", || {
        let metrics = server.metrics();
        let archived = |line: &&str| line.starts_with("tollgate_payments_archived ");
        metrics.lines().find(archived).is_some_and(|line| !line.ends_with(" 0"))
    });
    let listed = caller.get("/api/v1/payments?limit=100").unwrap();
    assert!(listed.body.contains(EMAIL), "{}", listed.body);
    let export = caller.get("/api/v1/exports/payments?created[gte]=2020-01-01T00:00:00Z").unwrap();
    assert!(export.status == 200 && export.body.contains("pay_"), "{export:?}");
    let address = format!("http://{}", server.address());
    let key_file = data.join("operator.key");
    let asked = ["--server", &address, "--key-file", key_file.to_str().unwrap()];
    let backup = backup.to_str().unwrap();
    let backed_up = tollgate(&[&["backup", backup], &asked[..]].concat());
    server.signal("TERM");
    let (status, said) = server.ended();
    assert_eq!(status.code(), Some(0), "{said}");
    let dump = tollgate(&["wal", "dump", "--data-dir", data.to_str().unwrap()]);
    assert!(dump.contains("pay_"), "{dump}");

    let texts = [("export", export.body), ("output", said), ("backup", backed_up), ("dump", dump)];
    for (name, text) in texts {
        for secret in secrets() {
            if name == "export" && SHOWN.contains(&secret.name) {
                continue;
            }
            assert!(!holds(text.as_bytes(), &secret), "{name}: {}", secret.name);
        }
        assert!(!holds_word(&text, CVV), "{name}: the security code");
    }
    let mut files = files_below(&data);
    let copied = files_below(Path::new(backup));
    assert!(
        !copied.iter().any(|file| file.ends_with("keys.store")),
        "keys are backed up: {copied:?}"
    );
    files.extend(copied);
    for made in ["archive", "snapshots", "views", "feed"] {
        let is_there = |file: &PathBuf| file.components().any(|part| part.as_os_str() == made);
        assert!(files.iter().any(is_there), "{made}");
    }
    for file in files {
        let bytes = written(&file);
        for secret in secrets() {
            assert!(!holds(&bytes, &secret), "{}: {}", file.display(), secret.name);
        }
    }
}

/// What a command that succeeds prints.
fn tollgate(arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {errors}");
    format!("{}{errors}", String::from_utf8_lossy(&done.stdout))
}

#[test]
fn texts_of_keys_are_in_the_answers_to_their_issue_alone() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let server = Server::start(&data, |command| {
        command.env("TOLLGATE__LOG__LEVEL", "trace");
    });
    let operator = server.operator();
    let post = |path: &str, body: &str| -> Value {
        let answer = operator.post(path, body).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    let merchant = post("/api/v1/merchants", "{\"name\":\"Acme\"}");
    let keys = format!("/api/v1/merchants/{}/keys", merchant["id"].as_str().unwrap());
    let secret = post(&keys, "{\"name\":\"till\"}");
    let publishable = post(&keys, "{\"kind\":\"publishable\"}");
    let of_operator = post("/api/v1/operator-keys", "{}");
    let rotated = post(&format!("{keys}/{}/rotate", secret["id"].as_str().unwrap()), "");
    let listed = operator.get(&keys).unwrap().body;
    assert!(listed.contains("till"), "{listed}");
    let texts = [
        &merchant["api_keys"]["secret_test"],
        &merchant["api_keys"]["secret_live"],
        &secret["key"],
        &publishable["key"],
        &of_operator["key"],
        &rotated["key"],
    ]
    .map(|text| text.as_str().unwrap());
    // It is used, so that it might be logged.
    let used = server.caller().by(texts[0]).get("/api/v1/merchants/me").unwrap();
    assert_eq!(used.status, 200);
    let metrics = server.metrics();
    server.signal("TERM");
    let (_status, said) = server.ended();
    for text in texts {
        // Without the prefix, and without the last four characters, which are shown.
        let digits = &text[text.rfind('_').unwrap() + 1..text.len() - 4];
        assert_eq!(digits.len(), 48, "{text}");
        for (name, place) in [("list", &listed), ("metrics", &metrics), ("output", &said)] {
            assert!(!place.contains(digits), "{name}");
        }
        for file in files_below(&data) {
            let bytes = written(&file);
            assert!(!contains(&bytes, digits.as_bytes()), "{}", file.display());
        }
    }
}

fn payment(number: &str) -> Value {
    json!({
        "amount": "100.00", "currency": "INR", "payment_method": "card",
        "card": {
            "number": number, "expiry_month": 12, "expiry_year": 2040, "cvv": CVV,
            "holder_name": HOLDER,
        },
        "customer": {"id": "customer-7", "email": EMAIL, "phone": PHONE},
        "billing_address": {
            "street": STREET, "city": CITY, "state": "", "zip_code": ZIP_CODE, "country": "IN",
        },
        "device": {"fingerprint": DEVICE, "ip": IP, "user_agent": USER_AGENT},
        "order_id": "order-7", "metadata": {"note": "kept"},
    })
}

/// A payment by another method, with the customer of all others.
fn by(method: &str, field: &str, value: &str) -> Value {
    let mut request = payment(GOOD);
    request.as_object_mut().unwrap().remove("card");
    request["payment_method"] = json!(method);
    request[field] = json!(value);
    if method == "wallet" {
        request["provider"] = json!("paytm");
    }
    request
}

/// What a merchant is shown of his own customers.
const SHOWN: [&str; 4] = ["the e-mail address", "the phone number", "the VPA", "the wallet"];

/// Something that may stand nowhere, in each form that it could be written in.
struct Secret {
    name: &'static str,
    forms: Vec<Vec<u8>>,
}

fn secrets() -> Vec<Secret> {
    let number = |name, digits: &str| {
        let value: u64 = digits.parse().unwrap();
        let packed: Vec<u8> = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0'))
            .collect();
        let texts = [digits.to_owned(), grouped(digits, " "), grouped(digits, "-")];
        // Without the zeros in front, which a wider number has more of, and a narrower one less.
        let big: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        let little = big.iter().rev().copied().collect();
        let binary = [little, big, packed];
        let forms = texts.map(String::into_bytes).into_iter().chain(binary).collect();
        Secret { name, forms }
    };
    let text = |name, text: &str| Secret {
        name,
        forms: vec![text.as_bytes().to_vec(), text.replace(' ', "%20").into_bytes()],
    };
    vec![
        number("the approved card", GOOD),
        number("the declined card", POOR),
        number("the false card", FALSE),
        text("the e-mail address", EMAIL),
        text("the phone number", PHONE.trim_start_matches('+')),
        text("the holder", HOLDER),
        text("the street", STREET),
        text("the city", CITY),
        text("the zip code", ZIP_CODE),
        text("the IP address", IP),
        text("the device", DEVICE),
        text("the user agent", USER_AGENT),
        text("the VPA", VPA),
        text("the wallet", WALLET),
    ]
}

/// A receiver that answers each delivery with its own body; gives its address.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || echo_all(stream.unwrap()));
        }
    });
    url
}

fn echo_all(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.trim_end().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

fn grouped(digits: &str, separator: &str) -> String {
    let groups: Vec<_> = digits.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
    groups.join(separator)
}

fn holds(bytes: &[u8], secret: &Secret) -> bool {
    secret.forms.iter().any(|form| contains(bytes, form))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let first = part[0];
    let mut rest = bytes;
    while let Some(place) = rest.iter().position(|byte| *byte == first) {
        rest = &rest[place..];
        if rest.starts_with(part) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// As a word of its own: four digits stand by chance in any duration or fraction.
fn holds_word(text: &str, word: &str) -> bool {
    let is_part = |letter: &u8| letter.is_ascii_alphanumeric() || *letter == b'.';
    text.match_indices(word).any(|(place, _word)| {
        let before = text.as_bytes()[..place].last();
        let after = text.as_bytes().get(place + word.len());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// What a file holds, without the zeros behind it that are there for what is yet to be written: nothing
/// that is looked for ends in one.
fn written(file: &Path) -> Vec<u8> {
    let mut bytes = fs::read(file).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end);
    bytes
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn what_is_looked_for_would_be_found() {
    let secrets = secrets();
    let (card, holder) = (&secrets[0], &secrets[5]);
    for text in ["x4929713862051347x", "4929 7138 6205 1347", "4929-7138-6205-1347"] {
        assert!(holds(text.as_bytes(), card), "{text}");
    }
    assert!(holds(&[&[0], &4_929_713_862_051_347_u64.to_le_bytes()[..]].concat(), card));
    assert!(holds(&[0x49, 0x29, 0x71, 0x38, 0x62, 0x05, 0x13, 0x47], card));
    assert!(holds(b"name=Xaviera Quimbleton;", holder) && !holds(b"Xaviera", holder));
    assert!(holds_word("\"cvv\":\"8513\"", CVV) && !holds_word("0.0008513", CVV));
}
