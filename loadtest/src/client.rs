//! HTTP towards one server on this machine: a pool of connections that are kept alive.
//!
//! Not here: retries and judgement. Each call is one request, and a [`Silence`] means that no whole
//! answer arrived, whatever the reason.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::answer::Answer;
use crate::auditor::{AccountsPage, BalancesPage, EventPage, LedgerPage};
use crate::connection::{Connection, Silence};
use crate::credentials::Credentials;
use crate::deed::Deed;
use crate::order::PaymentOrder;
use crate::request::{Key, Request};
use crate::shop_order::ShopOrder;

/// Entries asked for per ledger page: the most that the simulator's ledger gives at once.
const LEDGER_PAGE: u32 = 1_000;

/// Events asked for per page of the feed: the most that it gives at once.
const EVENT_PAGE: u32 = 100;

/// A server and the connections to it; as many as there are requests at once.
#[derive(Debug)]
pub(crate) struct Client {
    server: SocketAddr,
    credentials: Arc<Credentials>,
    patience: Duration,
    /// The one used last is used next, so that few are kept busy and the others may grow cold.
    idle: Mutex<Vec<Connection>>,
}

impl Client {
    /// A client for a server on the loopback address; any other address is refused.
    pub(crate) fn new(
        server: SocketAddr,
        credentials: Arc<Credentials>,
        patience: Duration,
    ) -> Result<Self> {
        ensure!(server.ip().is_loopback(), "{server} is not on this machine");
        Ok(Self { server, credentials, patience, idle: Mutex::default() })
    }

    /// The same server, with keys of these merchants beside the operator's.
    pub(crate) fn with_merchants(&self, keys: Vec<String>) -> Self {
        let credentials = Arc::new(self.credentials.with_merchants(keys));
        Self { server: self.server, credentials, patience: self.patience, idle: Mutex::default() }
    }

    /// Sends a request and hears the answer, on a connection that is free or on a new one.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Silence> {
        let bytes = request.render(self.server, &self.credentials);
        let exchange = async {
            let mut connection = match self.idle_connection() {
                Some(connection) => connection,
                None => Connection::open(self.server).await?,
            };
            let answer = connection.exchange(&bytes).await?;
            self.idle.lock().push(connection);
            Ok(answer)
        };
        tokio::time::timeout(self.patience, exchange)
            .await
            .unwrap_or(Err(Silence::TimedOut(self.patience)))
    }

    /// `POST /api/v1/payments` with the order's key and request.
    pub(crate) async fn pay(&self, order: &PaymentOrder) -> Result<Answer, Silence> {
        known(self.send(&order.request()).await?)
    }

    /// The order's key with another request.
    pub(crate) async fn pay_another_amount(&self, order: &PaymentOrder) -> Result<Answer, Silence> {
        known(self.send(&order.request_for_another_amount()).await?)
    }

    /// `GET /api/v1/payments/{id}` with the key of the merchant whose payment it is.
    pub(crate) async fn read(&self, merchant: u32, payment: &str) -> Result<Answer, Silence> {
        known(self.send(&read(merchant, payment)).await?)
    }

    /// What the deed asks for, with its key.
    pub(crate) async fn carry_out(&self, deed: &Deed) -> Result<Answer, Silence> {
        known(self.send(&deed.request()).await?)
    }

    /// The deed's key with another request.
    pub(crate) async fn carry_out_something_else(&self, deed: &Deed) -> Result<Answer, Silence> {
        known(self.send(&deed.request_for_something_else()).await?)
    }

    /// `GET /api/v1/refunds/{id}` with the key of the merchant whose it is.
    pub(crate) async fn read_refund(&self, merchant: u32, refund: &str) -> Result<Answer, Silence> {
        let path = format!("/api/v1/refunds/{refund}");
        known(self.send(&Request::get(path, Key::Merchant(merchant))).await?)
    }

    /// `POST /api/v1/orders` with the order's key and request.
    pub(crate) async fn create_order(&self, order: &ShopOrder) -> Result<Answer, Silence> {
        known(self.send(&order.request()).await?)
    }

    /// The order's key with another request.
    pub(crate) async fn create_another_order(&self, order: &ShopOrder) -> Result<Answer, Silence> {
        known(self.send(&order.request_for_another_amount()).await?)
    }

    /// `GET /api/v1/orders/{id}` with the key of the merchant whose it is.
    pub(crate) async fn read_order(&self, merchant: u32, order: &str) -> Result<Answer, Silence> {
        let path = format!("/api/v1/orders/{order}");
        known(self.send(&Request::get(path, Key::Merchant(merchant))).await?)
    }

    /// What was booked for a payment.
    pub(crate) async fn read_postings(
        &self,
        merchant: u32,
        payment: &str,
    ) -> Result<Answer, Silence> {
        let path = format!("/api/v1/ledger/entries?payment_id={payment}");
        known(self.send(&Request::get(path, Key::Merchant(merchant))).await?)
    }

    /// The accounts of our books, of all merchants together.
    pub(crate) async fn accounts(&self) -> Result<AccountsPage> {
        self.read_json("/api/v1/ledger/accounts".to_owned(), Key::Operator).await
    }

    /// What a merchant has.
    pub(crate) async fn balances(&self, merchant: u32) -> Result<BalancesPage> {
        self.read_json("/api/v1/balance".to_owned(), Key::Merchant(merchant)).await
    }

    /// A page of a merchant's feed behind that event, or from the first one on.
    pub(crate) async fn events(&self, merchant: u32, after: Option<&str>) -> Result<EventPage> {
        let mut path = format!("/api/v1/events?limit={EVENT_PAGE}");
        if let Some(after) = after {
            path.push_str(&format!("&after={after}"));
        }
        self.read_json(path, Key::Merchant(merchant)).await
    }

    /// How many merchants it has keys of.
    pub(crate) fn merchants(&self) -> u32 {
        self.credentials.merchants()
    }

    async fn read_json<T: DeserializeOwned>(&self, path: String, key: Key) -> Result<T> {
        let answer = self.send(&Request::get(path.clone(), key)).await?;
        ensure!(answer.status == 200, "{path} answered {}", answer.quote());
        serde_json::from_slice(&answer.body)
            .with_context(|| format!("{path} answered what is not understood: {}", answer.quote()))
    }

    /// Registers a merchant with the operator's key; gives its test key.
    pub(crate) async fn create_merchant(&self, name: &str) -> Result<String> {
        let body = json!({ "name": name }).to_string();
        let request = Request::post("/api/v1/merchants", Key::Operator, body);
        let answer = self.send(&request).await.context("no merchant can be registered")?;
        ensure!(answer.status == 201, "no merchant can be registered: {}", answer.quote());
        let merchant: NewMerchant = serde_json::from_slice(&answer.body)
            .with_context(|| format!("an answer of {} bytes is no merchant", answer.body.len()))?;
        Ok(merchant.api_keys.secret_test)
    }

    /// A page of the simulator's ledger, from the cursor on.
    pub(crate) async fn ledger_page(&self, after: Option<u64>) -> Result<LedgerPage> {
        let mut path = format!("/simulator/ledger?limit={LEDGER_PAGE}");
        if let Some(after) = after {
            path.push_str(&format!("&after={after}"));
        }
        self.read_json(path, Key::Operator).await
    }

    fn idle_connection(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some(connection) = idle.pop() {
            if connection.is_reusable() {
                return Some(connection);
            }
        }
        None
    }
}

/// An answer that says something. While its log fails, a server can only say that it does not know.
fn known(answer: Answer) -> Result<Answer, Silence> {
    if answer.says_outcome_unknown() { Err(Silence::OutcomeUnknown) } else { Ok(answer) }
}

/// The request that reads a payment.
pub(crate) fn read(merchant: u32, payment: &str) -> Request {
    Request::get(format!("/api/v1/payments/{payment}"), Key::Merchant(merchant))
}

/// Asks `/ready` once, without a key.
pub(crate) async fn is_ready(server: SocketAddr, patience: Duration) -> bool {
    let Ok(client) = Client::new(server, Arc::default(), patience) else { return false };
    client.send(&Request::get("/ready", Key::None)).await.is_ok_and(|answer| answer.status == 200)
}

/// A merchant as its registration is answered; what else is in it is not needed.
#[derive(Deserialize)]
struct NewMerchant {
    api_keys: NewKeys,
}

#[derive(Deserialize)]
struct NewKeys {
    secret_test: String,
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::workload::{Step, Workload};

    const PATIENCE: Duration = Duration::from_secs(5);

    fn client(server: SocketAddr) -> Client {
        let credentials = Credentials::of(vec!["sk_test_1".to_owned()], Some("ak_1".to_owned()));
        Client::new(server, Arc::new(credentials), PATIENCE).unwrap()
    }

    fn order() -> PaymentOrder {
        match Workload::new(7, 0, 0, 10).next_step() {
            Step::Pay(order) | Step::PayTwice(order) => order,
            other => panic!("{other:?} before any order"),
        }
    }

    /// A server for one connection: reads one request for each text, answers with it, then closes.
    /// Gives back the requests.
    async fn server(answers: Vec<&'static str>) -> (SocketAddr, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut requests = Vec::new();
            for answer in answers {
                requests.push(read_request(&mut stream).await);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            requests
        });
        (address, served)
    }

    async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
        let mut seen = Vec::new();
        loop {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "the client closed early");
            seen.extend_from_slice(&chunk[..count]);
            let text = String::from_utf8_lossy(&seen).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    return text;
                }
            }
        }
    }

    #[tokio::test]
    async fn a_payment_carries_key_and_authorization_over_one_connection() {
        let (address, served) = server(vec![
            "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 402 Payment Required\r\nidempotent-replayed: true\r\n\
             content-type: application/problem+json; charset=utf-8\r\ncontent-length: 3\r\n\r\n{ }",
        ])
        .await;
        let (client, order) = (client(address), order());
        let first = client.pay(&order).await.unwrap();
        let second = client.pay_another_amount(&order).await.unwrap();
        let body: Box<[u8]> = b"{}".as_slice().into();
        assert_eq!(first, Answer { status: 201, replayed: false, problem: false, body });
        let body: Box<[u8]> = b"{ }".as_slice().into();
        assert_eq!(second, Answer { status: 402, replayed: true, problem: true, body });

        let requests = served.await.unwrap();
        for request in &requests {
            assert!(request.starts_with("POST /api/v1/payments HTTP/1.1\r\n"), "{request}");
            assert!(request.contains("authorization: Bearer sk_test_1\r\n"));
            assert!(request.contains(&format!("idempotency-key: {}\r\n", order.key())));
        }
        assert!(requests[0].ends_with(&order.body()));
        assert!(requests[1].ends_with(&order.request_for_another_amount().body.unwrap()));
    }

    #[tokio::test]
    async fn an_asynchronous_answer_is_asked_for_by_header() {
        let (address, served) =
            server(vec!["HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"]).await;
        let order = PaymentOrder { respond_async: true, ..order() };
        assert_eq!(client(address).pay(&order).await.unwrap().status, 202);
        assert!(served.await.unwrap()[0].contains("prefer: respond-async\r\n"));
    }

    #[tokio::test]
    async fn a_connection_that_the_server_closed_is_replaced() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let client = client(listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                read_request(&mut stream).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
        });
        assert_eq!(client.read(0, "pay_1").await.unwrap().status, 200);
        // The server's end of the connection has to have arrived, or it could not be known.
        while client.idle.lock()[0].is_reusable() {
            tokio::task::yield_now().await;
        }
        assert_eq!(client.read(0, "pay_1").await.unwrap().status, 200);
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_waited_for_so_long_and_no_longer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = listener.local_addr().unwrap();
        let client = Client::new(server, Arc::default(), Duration::from_millis(20)).unwrap();
        let silence = client.read(0, "pay_1").await.unwrap_err();
        assert!(matches!(silence, Silence::TimedOut(_)), "{silence}");
        drop(listener);
        let silence = client.read(0, "pay_1").await.unwrap_err();
        assert!(matches!(silence, Silence::NoConnection(_)), "{silence}");
    }

    #[tokio::test]
    async fn a_new_merchant_is_known_by_its_test_key() {
        let (address, served) = server(vec![
            "HTTP/1.1 201 Created\r\ncontent-length: 63\r\n\r\n\
             {\"id\":\"mer_1\",\"api_keys\":{\"secret_test\":\"a\",\"secret_live\":\"b\"}}",
        ])
        .await;
        assert_eq!(client(address).create_merchant("A Shop").await.unwrap(), "a");
        let request = &served.await.unwrap()[0];
        assert!(request.starts_with("POST /api/v1/merchants HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with("{\"name\":\"A Shop\"}"), "{request}");
    }

    #[tokio::test]
    async fn the_ledger_is_read_with_the_operators_key_and_a_cursor() {
        let (address, served) = server(vec![
            "HTTP/1.1 200 OK\r\ncontent-length: 41\r\n\r\n{\"data\":[],\"has_more\":false,\"next\":null} ",
        ])
        .await;
        let page = client(address).ledger_page(Some(17)).await.unwrap();
        assert!(page.data.is_empty() && !page.has_more);
        let request = &served.await.unwrap()[0];
        assert!(request.starts_with("GET /simulator/ledger?limit=1000&after=17 HTTP/1.1\r\n"));
        assert!(request.contains("authorization: Bearer ak_1\r\n"));
    }

    #[tokio::test]
    async fn readiness_is_status_200() {
        let (address, served) = server(vec!["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"]).await;
        assert!(is_ready(address, PATIENCE).await);
        served.await.unwrap();
        let (address, served) =
            server(vec!["HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"]).await;
        assert!(!is_ready(address, PATIENCE).await);
        served.await.unwrap();
    }

    #[test]
    fn other_machines_are_refused() {
        let outside = SocketAddr::from(([192, 0, 2, 1], 80));
        assert!(Client::new(outside, Arc::default(), PATIENCE).is_err());
    }
}
