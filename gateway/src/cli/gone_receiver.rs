//! A receiver of webhooks that has gone for good: it answers 410 to whatever it is sent.

use std::{convert::Infallible, io, net::SocketAddr};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// A receiver that answers for as long as the runtime lives that it was opened on.
pub(super) struct GoneReceiver {
    address: SocketAddr,
}

impl GoneReceiver {
    /// Listens where the gateway at this address can reach it: where this machine is for it.
    ///
    /// # Errors
    /// If nobody listens there, or the machine has no port.
    pub(super) async fn open(gateway: &str) -> io::Result<Self> {
        let here = TcpStream::connect(gateway).await?.local_addr()?.ip();
        let listener = TcpListener::bind((here, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let service = service_fn(gone);
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // Whoever breaks it off has asked for nothing more.
                tokio::spawn(async { drop(connection.await) });
            }
        });
        Ok(Self { address })
    }

    /// Where it is sent something.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

async fn gone(_request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::GONE;
    Ok(response)
}
