//! The gateway is killed in the middle of payments and deliveries, again and again, while a receiver
//! fails every third time: then every event arrives, under one id, in the order of its payment, and
//! the feed has no gap.
//!
//! What a run of the tests can wait for: few kills, and failures that the retry after five seconds
//! mends. `TOLLGATE_WEBHOOK_KILLS=20 TOLLGATE_WEBHOOK_PAYMENTS=10000 TOLLGATE_WEBHOOK_FAILURES=2` asks
//! for more, and takes as long as the retry after five minutes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "process/server.rs"]
mod server;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tollgate_domain::FeedEventId;

use crate::server::{Caller, Server};

/// How many payments are under way at once.
const PAYERS: usize = 8;

/// Longer than two events of a payment that each wait for the retry after five minutes, one behind the
/// other, and than the longest run on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

fn asked(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// What a receiver was offered and took.
#[derive(Default)]
struct Inbox {
    /// By event: how often it was refused.
    refused: HashMap<String, usize>,
    /// What was taken, in its order, each event the first time.
    taken: Vec<Value>,
    ids: HashSet<String>,
    /// An event that came with another body than before.
    changed: Vec<String>,
    bodies: HashMap<String, String>,
}

#[test]
fn every_event_arrives_through_kills() {
    let kills = asked("TOLLGATE_WEBHOOK_KILLS", 3);
    let payments = asked("TOLLGATE_WEBHOOK_PAYMENTS", 300);
    let failures = asked("TOLLGATE_WEBHOOK_FAILURES", 1);
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let inbox = Arc::new(Mutex::new(Inbox::default()));
    let url = receive(Arc::clone(&inbox), failures);

    let mut server = start(&data);
    let created = server.caller().post("/api/v1/webhooks", &json!({"url": url}).to_string());
    assert_eq!(created.unwrap().status, 201);
    let paid = Arc::new(Mutex::new(Vec::new()));
    for round in 0..=kills {
        let share = payments / (kills + 1) + usize::from(round == kills) * (payments % (kills + 1));
        let stop = Arc::new(AtomicBool::new(false));
        let left = Arc::new(AtomicUsize::new(share));
        let payers: Vec<_> = (0..PAYERS)
            .map(|_payer| {
                let (caller, paid) = (server.caller(), Arc::clone(&paid));
                let (stop, left) = (Arc::clone(&stop), Arc::clone(&left));
                thread::spawn(move || pay(&caller, &stop, &left, &paid))
            })
            .collect();
        if round < kills {
            // In the middle: some are paid, and some are not.
            while left.load(Ordering::Relaxed) > share / 3 {
                thread::sleep(Duration::from_millis(1));
            }
            server.signal("KILL");
            stop.store(true, Ordering::Relaxed);
        }
        payers.into_iter().for_each(|payer| payer.join().unwrap());
        if round < kills {
            drop(server.ended());
            server = start(&data);
        }
    }

    let paid = paid.lock().unwrap().clone();
    assert!(!paid.is_empty());
    let feed = whole_feed(&server.caller());
    for (place, event) in feed.iter().enumerate() {
        let id: FeedEventId = event["id"].as_str().unwrap().parse().unwrap();
        let number = u64::try_from(id.to_u128() & u128::from(u64::MAX)).unwrap() >> 24;
        assert_eq!(number, place as u64 + 1, "the feed has no gap");
    }
    let mut by_payment: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in &feed {
        let payment = event["data"]["id"].as_str().unwrap();
        by_payment.entry(payment).or_default().push(event["event"].as_str().unwrap());
    }
    for payment in &paid {
        let told = &by_payment[payment.as_str()];
        assert_eq!(told.first(), Some(&"payment.created"), "{payment}");
        assert_eq!(told.last(), Some(&"payment.completed"), "{payment}");
    }

    let began = Instant::now();
    while inbox.lock().unwrap().ids.len() < feed.len() {
        assert!(
            began.elapsed() < PATIENCE,
            "{} of {}",
            inbox.lock().unwrap().ids.len(),
            feed.len()
        );
        thread::sleep(Duration::from_millis(20));
    }
    let inbox = inbox.lock().unwrap();
    assert_eq!(inbox.changed, [""; 0], "an event is the same at each try");
    let known: HashSet<&str> = feed.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert!(inbox.ids.iter().all(|id| known.contains(id.as_str())), "none was made up");
    let mut last: HashMap<&str, u64> = HashMap::new();
    for event in &inbox.taken {
        let payment = event["data"]["id"].as_str().unwrap();
        let sequence = event["sequence"].as_u64().unwrap();
        let before = last.insert(payment, sequence).unwrap_or(0);
        assert!(before < sequence, "{payment}: {before}, then {sequence}");
    }
    println!(
        "{} kills, {} payments acknowledged, {} events, {} refusals",
        kills,
        paid.len(),
        feed.len(),
        inbox.refused.values().sum::<usize>()
    );
}

fn start(data: &Path) -> Server {
    Server::start(data, |command| {
        command
            .env("TOLLGATE__WEBHOOKS__ALLOWED_CIDRS", "[\"127.0.0.0/8\"]")
            .env("TOLLGATE__WEBHOOKS__PORTS", "[]");
    })
}

/// Pays until there is nothing left to pay, or the server is gone.
fn pay(caller: &Caller, stop: &AtomicBool, left: &AtomicUsize, paid: &Mutex<Vec<String>>) {
    let body = json!({
        "amount": "100.00", "currency": "INR", "payment_method": "card",
        "card": {"number": "4242424242424242", "expiry_month": 12, "expiry_year": 2040, "cvv": "123"},
    })
    .to_string();
    while !stop.load(Ordering::Relaxed) {
        let taken =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if taken.is_err() {
            return;
        }
        let Some(answer) = caller.pay("", &body) else { return };
        if answer.status == 201 {
            let payment: Value = serde_json::from_str(&answer.body).unwrap();
            paid.lock().unwrap().push(payment["id"].as_str().unwrap().to_owned());
        }
    }
}

fn whole_feed(caller: &Caller) -> Vec<Value> {
    let (mut feed, mut after) = (Vec::new(), String::new());
    // Twice the same means that nothing is under way any more.
    loop {
        let answer = caller.get(&format!("/api/v1/events?limit=100{after}")).unwrap();
        let page: Value = serde_json::from_str(&answer.body).unwrap();
        let events = page["data"].as_array().unwrap();
        if events.is_empty() && !is_busy(caller) {
            return feed;
        }
        feed.extend(events.iter().cloned());
        if let Some(next) = page["next_after"].as_str() {
            after = format!("&after={next}");
        }
    }
}

/// Whether payments are without an outcome: those that a kill left are asked about.
fn is_busy(caller: &Caller) -> bool {
    let answer = caller.get("/health").unwrap();
    let health: Value = serde_json::from_str(&answer.body).unwrap();
    let engine = &health["components"]["engine"];
    engine["unknown_outcomes"] != 0 || engine["in_flight"] != 0
}

/// A receiver that refuses every third event at first, so often.
fn receive(inbox: Arc<Mutex<Inbox>>, failures: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || serve(stream.unwrap(), &inbox, failures));
        }
    });
    url
}

fn serve(stream: TcpStream, inbox: &Mutex<Inbox>, failures: usize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut id, mut line) = (0, String::new(), String::new());
        loop {
            line.clear();
            // A gateway that is killed leaves its connections in the middle.
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end().split_once(": ") {
                Some(("content-length", text)) => length = text.parse().unwrap(),
                Some(("webhook-id", text)) => text.clone_into(&mut id),
                Some(_) => {}
                None if line == "\r\n" => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let status = inbox.lock().unwrap().offer(&id, &String::from_utf8(body).unwrap(), failures);
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

impl Inbox {
    fn offer(&mut self, id: &str, body: &str, failures: usize) -> u16 {
        if self.bodies.insert(id.to_owned(), body.to_owned()).is_some_and(|before| before != body) {
            self.changed.push(id.to_owned());
        }
        // Three in ten, by the last letter of the id's changing part.
        let letter = id.as_bytes()[id.len() - 6];
        let refused = self.refused.entry(id.to_owned()).or_default();
        if letter % 10 < 3 && *refused < failures {
            *refused += 1;
            return 500;
        }
        if self.ids.insert(id.to_owned()) {
            self.taken.push(serde_json::from_str(body).unwrap());
        }
        200
    }
}
