//! HTTP towards one server on this machine: one client is one keep-alive connection's worth.
//!
//! Not here: retries and judgement. Each call is one request, and an error means that no whole
//! answer arrived, whatever the reason.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::answer::Answer;
use crate::auditor::LedgerPage;
use crate::workload::PaymentOrder;

/// No answer of this surface comes near this size; more is refused rather than held in memory.
const LARGEST_BODY: usize = 4 << 20;

/// Entries asked for per ledger page: the most that the simulator's ledger gives at once.
const LEDGER_PAGE: u32 = 1_000;

/// The keys that the server wrote into its data directory.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) merchant: HeaderValue,
    pub(crate) operator: HeaderValue,
}

/// One connection to the server, opened again where the server closed it.
pub(crate) struct Client {
    http: HyperClient<HttpConnector, Full<Bytes>>,
    server: SocketAddr,
    credentials: Arc<Credentials>,
    patience: Duration,
}

impl Client {
    /// A client for a server on the loopback address; any other address is refused.
    pub(crate) fn new(
        server: SocketAddr,
        credentials: Arc<Credentials>,
        patience: Duration,
    ) -> Result<Self> {
        ensure!(server.ip().is_loopback(), "{server} is not on this machine");
        Ok(Self { http: connections(), server, credentials, patience })
    }

    /// `POST /api/v1/payments` with the order's key and request.
    pub(crate) async fn pay(&self, order: &PaymentOrder) -> Result<Answer> {
        self.post_payment(order, order.body()).await
    }

    /// The order's key with another request.
    pub(crate) async fn pay_another_amount(&self, order: &PaymentOrder) -> Result<Answer> {
        self.post_payment(order, order.body_with_another_amount()).await
    }

    /// `GET /api/v1/payments/{id}`.
    pub(crate) async fn read(&self, payment: &str) -> Result<Answer> {
        let path = format!("/api/v1/payments/{payment}");
        let request = self.get(&path, &self.credentials.merchant)?;
        self.send(request).await
    }

    /// A page of the simulator's ledger, from the cursor on.
    pub(crate) async fn ledger_page(&self, after: Option<u64>) -> Result<LedgerPage> {
        let mut path = format!("/simulator/ledger?limit={LEDGER_PAGE}");
        if let Some(after) = after {
            path.push_str(&format!("&after={after}"));
        }
        let request = self.get(&path, &self.credentials.operator)?;
        let answer = self.send(request).await?;
        ensure!(answer.status == 200, "ledger answered {}", answer.quote());
        serde_json::from_slice(&answer.body)
            .with_context(|| format!("not a ledger page: {}", answer.quote()))
    }

    async fn post_payment(&self, order: &PaymentOrder, body: String) -> Result<Answer> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{}/api/v1/payments", self.server))
            .header(AUTHORIZATION, &self.credentials.merchant)
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", order.key());
        if order.respond_async {
            request = request.header("prefer", "respond-async");
        }
        let request = request.body(Full::from(body)).context("payment request")?;
        self.send(request).await
    }

    fn get(&self, path: &str, authorization: &HeaderValue) -> Result<Request<Full<Bytes>>> {
        Request::builder()
            .uri(format!("http://{}{path}", self.server))
            .header(AUTHORIZATION, authorization)
            .body(Full::default())
            .with_context(|| format!("request for {path}"))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        send(&self.http, request, self.patience).await
    }
}

/// Asks `/ready` once, without a key.
pub(crate) async fn is_ready(server: SocketAddr, patience: Duration) -> bool {
    let Ok(request) = Request::get(format!("http://{server}/ready")).body(Full::default()) else {
        return false;
    };
    send(&connections(), request, patience).await.is_ok_and(|answer| answer.status == 200)
}

fn connections() -> HyperClient<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    HyperClient::builder(TokioExecutor::new())
        // Two, because an order may be sent twice at the same moment.
        .pool_max_idle_per_host(2)
        // Each call is one request, so that the auditor counts what was sent.
        .retry_canceled_requests(false)
        .build(connector)
}

async fn send(
    http: &HyperClient<HttpConnector, Full<Bytes>>,
    request: Request<Full<Bytes>>,
    patience: Duration,
) -> Result<Answer> {
    let exchange = async {
        let response = http.request(request).await.context("no answer")?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_BODY)
            .collect()
            .await
            .map_err(|cause| anyhow::anyhow!(cause).context("the answer broke off"))?
            .to_bytes();
        Ok(Answer {
            status: head.status.as_u16(),
            replayed: is_true(&head.headers, HeaderName::from_static("idempotent-replayed")),
            problem: is_problem(&head.headers),
            // Copied, because the bytes are a window into a larger read buffer.
            body: Box::from(&*body),
        })
    };
    tokio::time::timeout(patience, exchange)
        .await
        .with_context(|| format!("no answer within {patience:?}"))?
}

fn is_true(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get(name).is_some_and(|value| value == "true")
}

fn is_problem(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/problem+json"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::workload::{Operation, Workload};

    const PATIENCE: Duration = Duration::from_secs(5);

    fn client(server: SocketAddr) -> Client {
        let credentials = Credentials {
            merchant: HeaderValue::from_static("Bearer sk_test_1"),
            operator: HeaderValue::from_static("Bearer ak_1"),
        };
        Client::new(server, Arc::new(credentials), PATIENCE).unwrap()
    }

    fn order() -> PaymentOrder {
        match Workload::new(7, 0, 0, 10).next_operation() {
            Operation::Pay(order) | Operation::PayTwice(order) => order,
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
        assert!(requests[1].ends_with(&order.body_with_another_amount()));
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
    async fn an_answer_that_breaks_off_is_no_answer() {
        let (address, served) =
            server(vec!["HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"id\":"]).await;
        let answer = client(address).pay(&order()).await;
        assert!(answer.is_err(), "{answer:?}");
        served.await.unwrap();
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
        let credentials = Arc::new(Credentials {
            merchant: HeaderValue::from_static("x"),
            operator: HeaderValue::from_static("x"),
        });
        let outside = SocketAddr::from(([192, 0, 2, 1], 80));
        assert!(Client::new(outside, credentials, PATIENCE).is_err());
    }
}
