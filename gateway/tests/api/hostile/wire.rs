//! Bytes as they are on the connection: what is sent, and what comes back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::server::{Reply, TestServer};

/// How long a connection may take to end; far longer than any limit of these tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends bytes on a connection of their own, and reads until the server ends it.
pub(super) async fn talk(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has heard enough may close while we still write.
    let _ = stream.write_all(bytes).await;
    to_the_end(&mut stream).await
}

/// Reads until the server ends the connection.
pub(super) async fn to_the_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset after the answer is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it ends in time");
    answer
}

/// The same, where one answer of HTTP/1 is expected.
pub(super) async fn ask(address: SocketAddr, bytes: &[u8]) -> Reply {
    Reply::parse(&talk(address, bytes).await)
}

/// Checks that nothing failed on our side, and stops.
pub(super) async fn unharmed(server: TestServer) {
    let health = server.send("GET", "/health", "", &[]).await;
    assert_eq!(health.status, 200, "{health:?}");
    let page = server.metrics().await;
    assert!(page.contains("tollgate_handler_panics_total 0"), "{page}");
    assert!(!page.contains("status=\"500\""), "{page}");
    server.stop().await;
}
