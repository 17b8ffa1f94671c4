//! The client beside a server of its own kind, and beside servers that misbehave.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use tokio::net::TcpListener as AsyncListener;
use tollgate_domain::{DeclineCode, PaymentId};

use super::*;
use crate::{
    http::{BodyLimits, Server, ServerOptions},
    provider::{
        conformance::{self, Call, CallFault, Customer, NOW, Subject, attempt, card_facts},
        simulator::{self, SimulatorOptions, tests::Desk},
    },
};

/// A simulator, a server over it, and a client of that.
struct Online {
    desk: Desk,
    remote: RemoteSimulator,
    _server: Server,
}

impl Online {
    fn new() -> Self {
        Self::with(|_options| {})
    }

    /// Must be called on a runtime.
    fn with(change: impl FnOnce(&mut SimulatorOptions)) -> Self {
        let desk = Desk::with(change);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let minute = Duration::from_secs(60);
        let limits = BodyLimits { bytes: 65_536, time: minute };
        let router = simulator::router(desk.simulator.clone(), limits);
        let options =
            ServerOptions { max_connections: 100, header_timeout: minute, idle_timeout: minute };
        let listener = AsyncListener::from_std(listener).unwrap();
        let server =
            Server::start(listener, router, None, options, metrics::Gauge::noop()).unwrap();
        Self { desk, remote: client(&format!("http://{address}"), NOW), _server: server }
    }

    async fn authorize(&self, number: u64, faults: &str) -> ProviderOutcome {
        authorize(&self.remote, number, faults).await
    }

    async fn inquire(&self, number: u64, faults: &str) -> Standing {
        inquire(&self.remote, number, faults).await
    }

    fn booked(&self) -> usize {
        self.desk.ledger().len()
    }
}

impl Subject for Online {
    fn provider(&self) -> &dyn Provider {
        &self.remote
    }

    fn approved(&self) -> Vec<Customer> {
        self.desk.approved()
    }

    fn declined(&self) -> Vec<(Customer, DeclineCode)> {
        self.desk.declined()
    }

    fn acting(&self) -> Vec<Customer> {
        self.desk.acting()
    }

    fn decisions(&self, attempt: AttemptId) -> usize {
        Subject::decisions(&self.desk, attempt)
    }

    fn operations(&self, operation: OperationId) -> usize {
        self.desk.operations(operation)
    }

    fn paid(&self, attempt: AttemptId) -> i64 {
        self.desk.paid(attempt)
    }

    fn act(&self, attempt: AttemptId, approves: bool) {
        self.desk.act(attempt, approves);
    }

    fn failing(&self, call: Call, failure: CallFault) -> Vec<(String, String)> {
        self.desk.failing(call, failure)
    }
}

/// A client whose clock stands at `now`.
fn client(url: &str, now: Timestamp) -> RemoteSimulator {
    let options = RemoteSimulatorOptions {
        url: url.to_owned(),
        inquiry_horizon: Millis::from_seconds(2),
        connect_timeout: Duration::from_secs(30),
        header_timeout: Duration::from_secs(30),
        body_timeout: Duration::from_secs(30),
    };
    client_of(&options, now)
}

fn client_of(options: &RemoteSimulatorOptions, now: Timestamp) -> RemoteSimulator {
    RemoteSimulator::new(options, Arc::new(move || now)).unwrap()
}

fn payment(number: u64, faults: &str) -> Arc<PaymentIntent> {
    let metadata = [("simulator", faults)];
    let metadata = if faults.is_empty() { &[][..] } else { &metadata[..] };
    conformance::intent(PaymentId::from_u128(number.into()), card_facts(), metadata)
}

async fn authorize(remote: &RemoteSimulator, number: u64, faults: &str) -> ProviderOutcome {
    let (intent, instrument) = (payment(number, faults), conformance::card());
    remote.authorize(Authorize { intent, attempt: attempt(number), instrument }).wait().await
}

async fn inquire(remote: &RemoteSimulator, number: u64, faults: &str) -> Standing {
    let intent = payment(number, faults);
    remote.inquire(Inquire { intent, attempt: attempt(number) }).wait().await
}

#[tokio::test]
async fn conforms() {
    conformance::suite(Online::new).await;
    conformance::suite(|| Online::with(|options| options.latency = Duration::from_millis(2))).await;
}

#[tokio::test]
async fn an_answer_is_the_same_as_from_the_simulator_itself() {
    let online = Online::new();
    let over_http = online.authorize(1, "").await;
    let (intent, instrument) = (payment(1, ""), conformance::card());
    let request = Authorize { intent, attempt: attempt(1), instrument };
    assert_eq!(online.desk.simulator.authorize(request).wait().await, over_http);
    assert_eq!(online.booked(), 1);
    assert_eq!(online.remote.ledger_page(0, 10).await.unwrap()[..8], *br#"{"data":"#);
}

#[tokio::test]
async fn what_is_lost_on_the_wire_is_unknown() {
    let online = Online::new();
    assert_eq!(online.authorize(1, "timeout_before_approval").await, ProviderOutcome::Unknown);
    assert_eq!((online.inquire(1, "").await, online.booked()), (Standing::NotFound, 0));
    assert_eq!(online.authorize(2, "timeout_after_approval").await, ProviderOutcome::Unknown);
    assert!(matches!(online.inquire(2, "").await, Standing::Approved(_)));
    assert_eq!(online.authorize(3, "late:70").await, ProviderOutcome::Unknown);
    assert_eq!(online.inquire(3, "late:70").await, Standing::NotFound);
    online.desk.wait(Millis(70));
    assert!(matches!(online.inquire(3, "late:70").await, Standing::Approved(_)));
    assert_eq!(online.authorize(4, "not_sent").await, ProviderOutcome::NotSent);
    assert_eq!(online.authorize(5, "pending").await, ProviderOutcome::Pending);
    assert_eq!(online.booked(), 3);
}

/// Over HTTP an outage is a server that says 503: it may have seen the request, so that nobody can
/// say that it was not sent.
#[tokio::test]
async fn an_outage_leaves_attempts_unknown() {
    let online = Online::new();
    assert_eq!(online.authorize(1, "down:500").await, ProviderOutcome::NotSent);
    assert_eq!(online.authorize(2, "").await, ProviderOutcome::Unknown);
    assert_eq!(online.inquire(2, "").await, Standing::Unknown);
    online.desk.wait(Millis(500));
    assert_eq!(online.inquire(2, "").await, Standing::NotFound);
    assert!(matches!(online.authorize(2, "").await, ProviderOutcome::Approved(_)));
}

/// An inquiry made past the horizon may have been told that there is no such attempt.
#[tokio::test]
async fn past_its_horizon_an_attempt_is_neither_written_nor_decided() {
    let online = Online::new();
    // On its way for so long that it arrives too late.
    online.desk.wait(Millis::from_seconds(2));
    assert_eq!(online.authorize(1, "").await, ProviderOutcome::NotSent);
    assert_eq!(online.booked(), 0);
    // Too late already when it would be written: the server hears nothing, or it would answer.
    let url = served(APPROVED, Then::Close);
    let late = client(&url, NOW.after(Millis::from_seconds(2)));
    assert_eq!(authorize(&late, 1, "").await, ProviderOutcome::NotSent);
    let in_time = client(&url, NOW.after(Millis(1_999)));
    assert!(!matches!(authorize(&in_time, 1, "").await, ProviderOutcome::NotSent));
}

#[tokio::test]
async fn nobody_there_is_not_sent() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let remote = client(&format!("http://{gone}"), NOW);
    assert_eq!(authorize(&remote, 1, "").await, ProviderOutcome::NotSent);
    assert_eq!(inquire(&remote, 1, "").await, Standing::Unknown);
    assert_eq!(remote.ledger_page(0, 1).await, None);
}

const APPROVED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 89\r\n\r\n\
    {\"outcome\":\"approved\",\"receipt\":{\"external_id\":\"sim_1\",\"rrn\":\"12\",\"approval_code\":\"345\"}}";

/// What a server does behind its answer.
#[derive(Clone, Copy)]
enum Then {
    Close,
    /// Waits until the client has closed.
    Hold,
}

/// A server that reads requests whole, one a connection, and says to each what it is told to.
fn served(answer: &'static str, then: Then) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the process; a client that fails must not be waited for.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if read_request(&mut stream) {
                stream.write_all(answer.as_bytes()).unwrap();
                match then {
                    Then::Close => {}
                    Then::Hold => drop(stream.read(&mut [0])),
                }
            }
        }
    });
    format!("http://{address}")
}

/// Whether a whole request came.
fn read_request(stream: &mut TcpStream) -> bool {
    let (mut text, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return false,
            count => text.extend_from_slice(&buffer[..count]),
        }
        let text = String::from_utf8_lossy(&text);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if body.len() == length {
            return true;
        }
    }
}

#[tokio::test]
async fn a_whole_answer_is_its_outcome_and_anything_else_unknown() {
    let whole = authorize(&client(&served(APPROVED, Then::Close), NOW), 1, "").await;
    let ProviderOutcome::Approved(receipt) = whole else { panic!("{whole:?}") };
    assert_eq!((&*receipt.external_id, &*receipt.rrn), ("sim_1", "12"));
    for answer in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{\"outcome\":\"pend",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"outcome\":\"maybe\"}",
        "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{\"outcome\":\"not_found\"}",
        "HTTP/1.1 202 Accepted\r\nContent-Length: 21\r\n\r\n{\"outcome\":\"pending\"}",
        "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 22\r\n\r\n{\"outcome\":\"not_sent\"}",
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 22\r\n\r\n{\"outcome\":\"not_sent\"}",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 22\r\n\r\n{\"outcome\":\"not_sent\"}",
        "nonsense\r\n\r\n",
    ] {
        let remote = client(&served(answer, Then::Close), NOW);
        assert_eq!(authorize(&remote, 1, "").await, ProviderOutcome::Unknown, "{answer:?}");
    }
    for (answer, standing) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{\"outcome\":\"not_found\"}",
            Standing::NotFound,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{\"outcome\":\"not_sent\"}",
            Standing::Unknown,
        ),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Standing::Unknown),
    ] {
        let remote = client(&served(answer, Then::Close), NOW);
        assert_eq!(inquire(&remote, 1, "").await, standing, "{answer:?}");
    }
}

/// The server takes one connection and no other.
#[tokio::test]
async fn connections_are_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _peer) = listener.accept().unwrap();
        drop(listener);
        while read_request(&mut stream) {
            stream.write_all(APPROVED.as_bytes()).unwrap();
        }
    });
    let remote = client(&url, NOW);
    for number in 1..=3 {
        let outcome = authorize(&remote, number, "").await;
        assert!(matches!(outcome, ProviderOutcome::Approved(_)), "{number}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_to_be_closed_is_left() {
    let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 21\r\n\r\n\
        {\"outcome\":\"pending\"}";
    let remote = client(&served(closing, Then::Close), NOW);
    for number in 1..=3 {
        assert_eq!(authorize(&remote, number, "").await, ProviderOutcome::Pending, "{number}");
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_unknown() {
    let soon = Duration::from_millis(50);
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"outcome\":"] {
        let options = RemoteSimulatorOptions {
            url: served(answer, Then::Hold),
            inquiry_horizon: Millis::from_seconds(2),
            connect_timeout: Duration::from_secs(30),
            header_timeout: soon,
            body_timeout: soon,
        };
        let remote = client_of(&options, NOW);
        assert_eq!(authorize(&remote, 1, "").await, ProviderOutcome::Unknown, "{answer:?}");
    }
}

#[test]
fn an_address_is_a_host_and_a_port() {
    let refused = |url: &str| {
        let options = RemoteSimulatorOptions {
            url: url.to_owned(),
            inquiry_horizon: Millis(1),
            connect_timeout: Duration::ZERO,
            header_timeout: Duration::ZERO,
            body_timeout: Duration::ZERO,
        };
        RemoteSimulator::new(&options, Arc::new(|| NOW)).is_err()
    };
    for good in ["http://127.0.0.1:8070", "http://simulator:80/", "http://[::1]:8070"] {
        assert!(!refused(good), "{good}");
    }
    for bad in
        ["127.0.0.1:8070", "https://a:1", "http://", "http://a b", "http://a/b", "http://u@a"]
    {
        assert!(refused(bad), "{bad}");
    }
}

#[tokio::test]
async fn accounts_are_the_same_over_http() {
    let online = Online::new();
    let local = &online.desk.simulator;
    let providers: [&dyn Provider; 2] = [local, &online.remote];
    let wallet = |id: &str| Wallet { provider: "paytm", id: SecretText::new(id) };
    let inr = tollgate_domain::Currency::from_code("INR").unwrap();
    let mut told = Vec::new();
    for provider in providers {
        let mut answers = Vec::new();
        for vpa in ["success@sim", "nobody@okbank"] {
            let request = LookUpVpa { vpa: SecretText::new(vpa) };
            answers.push(format!("{:?}", provider.look_up_vpa(request).wait().await));
        }
        for id in ["wallet_redirect", "wallet_insufficient", "wallet_unknown"] {
            let request = AskBalance { wallet: wallet(id), currency: inr };
            answers.push(format!("{:?}", provider.balance(request).wait().await));
            let link = provider.link_wallet(LinkWallet { wallet: wallet(id) }).wait().await;
            answers.push(match link {
                Known::Found(token) => token.as_str().to_owned(),
                Known::NotFound => "no wallet".to_owned(),
                Known::Unknown => "unknown".to_owned(),
            });
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0][..3], [r#"Found("Asha Rao")"#, "NotFound", "Found(Amount(1000000))"]);
    assert_eq!(online.authorize(1, "down:500").await, ProviderOutcome::NotSent);
    let request = LookUpVpa { vpa: SecretText::new("success@sim") };
    assert!(matches!(online.remote.look_up_vpa(request).wait().await, Known::Unknown));
}
