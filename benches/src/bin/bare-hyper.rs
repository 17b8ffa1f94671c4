//! The yardstick: hyper 1 alone, which parses a JSON body and sends it back.
//!
//! The same runtime, listener options and protocol as the gateway's, and nothing else of it. Prints
//! the address it listens on; ends when it is killed.

#![expect(clippy::print_stdout, reason = "the script that runs it reads the address")]

use std::{convert::Infallible, net::SocketAddr};

use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, header, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[derive(Parser)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Threads of the runtime.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.threads)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(serve(arguments.listen));
}

async fn serve(listen: SocketAddr) {
    let listener = TcpListener::bind(listen).await.expect("a free address");
    println!("listening on http://{}", listener.local_addr().expect("bound"));
    loop {
        let Ok((stream, _peer)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            stream.set_nodelay(true).expect("a TCP socket");
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(echo));
            // A client that goes away is no matter of ours.
            let _ = connection.await;
        });
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let parsed: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let body = serde_json::to_vec(&parsed).expect("a value is JSON");
    Ok(Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("a well-formed response"))
}
