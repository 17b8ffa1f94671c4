//! The client against receivers of every kind, over real sockets.

use std::{net::IpAddr, sync::atomic::AtomicUsize, sync::atomic::Ordering};

use hyper::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tollgate_domain::Mode;

use super::*;
use crate::webhook::destination::Resolving;

/// Finds this machine under every name, and counts how often it is asked.
#[derive(Default)]
struct Here(AtomicUsize);

impl Resolve for Here {
    fn resolve(&self, _host: Arc<str>, port: u16) -> Resolving {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(vec![(IpAddr::from([127, 0, 0, 1]), port).into()]) })
    }
}

fn options() -> ClientOptions {
    ClientOptions {
        connect_timeout: Duration::from_secs(5),
        header_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(200),
        total_timeout: Duration::from_secs(5),
    }
}

fn client(resolver: Arc<Here>, roots: RootCertStore) -> Client {
    let rules = AddressRules::new(vec!["127.0.0.0/8".parse().unwrap()], Vec::new());
    Client::new(options(), rules, resolver, roots)
}

/// Sends to a receiver that answers every request on a connection with the next of `answers`.
async fn sent(answers: &'static [&'static str], times: usize) -> (Vec<Answer>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut served = 0;
        while let Ok((mut stream, _peer)) = listener.accept().await {
            let mut bytes = vec![0; 4_096];
            while stream.read(&mut bytes).await.unwrap_or(0) > 0 {
                let answer = answers[served.min(answers.len() - 1)];
                served += 1;
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    let resolver = Arc::new(Here::default());
    let client = client(Arc::clone(&resolver), RootCertStore::empty());
    let url = format!("http://shop.example:{port}/hooks");
    let destination = Destination::parse(&url, Mode::Test, client.rules()).unwrap();
    let mut found = Vec::new();
    for _time in 0..times {
        found.push(client.send(&destination, request).await);
    }
    (found, resolver.0.load(Ordering::Relaxed))
}

fn request() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::from_static(b"{}")));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert("host", "shop.example".parse().unwrap());
    request
}

#[tokio::test]
async fn answers_are_told_by_their_status() {
    for (head, result) in [
        ("HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nok", AttemptResult::Delivered),
        ("HTTP/1.1 204 X\r\n\r\n", AttemptResult::Delivered),
        (
            "HTTP/1.1 302 X\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            AttemptResult::Redirected,
        ),
        ("HTTP/1.1 410 X\r\nContent-Length: 0\r\n\r\n", AttemptResult::Gone),
        ("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", AttemptResult::Refused),
        ("no HTTP at all\r\n\r\n", AttemptResult::Broken),
    ] {
        let answers: &'static [&'static str] = Box::leak(Box::new([head]));
        let (found, _asked) = sent(answers, 1).await;
        assert_eq!(found[0].result, result, "{head}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_and_its_name_asked_for_once() {
    let (found, asked) = sent(&["HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nok"], 5).await;
    assert!(found.iter().all(|answer| answer.result == AttemptResult::Delivered));
    assert_eq!((found[4].body.as_slice(), asked), (&b"ok"[..], 1));
}

#[tokio::test]
async fn a_body_is_cut_and_its_connection_not_used_again() {
    let long = format!("HTTP/1.1 200 X\r\nContent-Length: 30000\r\n\r\n{}", "x".repeat(30_000));
    let answers: &'static [&'static str] = Box::leak(Box::new([&*long.leak()]));
    let (found, asked) = sent(answers, 2).await;
    assert_eq!((found[1].body.len(), found[1].is_cut, asked), (KEPT_BODY, true, 2));
}

#[tokio::test]
async fn slow_heads_and_bodies_are_given_up() {
    for half in ["HTTP/1.1 200", "HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhalf"] {
        let answers: &'static [&'static str] = Box::leak(Box::new([half]));
        let (found, _asked) = sent(answers, 1).await;
        assert_eq!(found[0].result, AttemptResult::TimedOut, "{half}");
    }
}

#[test]
fn receivers_ask_for_seconds_or_a_date() {
    assert_eq!(span("120"), Some(Duration::from_secs(120)));
    assert_eq!(span("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO), "it is past");
    let later = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(3_600));
    assert!(span(&later).unwrap() > Duration::from_secs(3_500));
    assert_eq!(span("soon"), None);
}

#[tokio::test]
async fn certificates_are_checked_by_name_and_authority() {
    let key = rcgen::generate_simple_self_signed(vec!["shop.example".to_owned()]).unwrap();
    let certificate = key.cert.der().clone();
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], private.unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _peer)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut bytes = vec![0; 4_096];
            if stream.read(&mut bytes).await.unwrap_or(0) > 0 {
                let answer = b"HTTP/1.1 204 X\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            }
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    for (roots, host, result) in [
        (roots.clone(), "shop.example", AttemptResult::Delivered),
        (roots, "other.example", AttemptResult::Untrusted),
        (RootCertStore::empty(), "shop.example", AttemptResult::Untrusted),
    ] {
        let client = client(Arc::new(Here::default()), roots);
        let url = format!("https://{host}:{port}/hooks");
        let destination = Destination::parse(&url, Mode::Live, client.rules()).unwrap();
        assert_eq!(client.send(&destination, request).await.result, result, "{host}");
    }
}
