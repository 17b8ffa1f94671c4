//! Sockets: accepts connections, bounds how many and how long, and lets them finish at the end.
//!
//! Invariant: a connection never outlives [`Server::drain`], and neither does one that HTTP has handed
//! over to another protocol, as long as whoever took it keeps its [`Seat`] and goes when told.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body};
use bytes::Bytes;
use hyper::{
    Request,
    body::{Frame, Incoming, SizeHint},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use metrics::Gauge;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tower::Service;

use super::refusal_stream::{RefusalStream, Refuse};

tokio::task_local! {
    /// The connection, for what answers a request of it.
    static CONNECTION: Seat;
}

/// A connection's place among all that are open. It is free once every clone is gone.
#[derive(Clone)]
pub(super) struct Seat(Arc<Held>);

struct Held {
    /// Who is at the other end.
    peer: IpAddr,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
    _open: Open,
}

/// How connections are bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerOptions {
    pub(crate) max_connections: u32,
    /// For the head of a request; on HTTP/1.1 from the end of the one before.
    pub(crate) header_timeout: Duration,
    /// For a connection without any request.
    pub(crate) idle_timeout: Duration,
}

/// A listener that serves a router.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    drain: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

struct Shared {
    router: Router,
    http: auto::Builder<TokioExecutor>,
    options: ServerOptions,
    refuse: Option<Refuse>,
    /// One permit for each open connection.
    room: Arc<Semaphore>,
    open: Gauge,
}

/// When a connection last had something to do.
struct Activity {
    begun: Instant,
    requests: AtomicUsize,
    /// Milliseconds after `begun`.
    last: AtomicU64,
}

/// How long to wait when the system refuses another descriptor: others have to close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The largest head of a request, in bytes, and the most that is read from a connection ahead of
/// its handler. Longer than the longest target that is told so in words (`request_head`).
const LARGEST_HEAD: usize = 65_536;

/// Requests of one HTTP/2 connection at once; the usual bound of other servers.
const MOST_STREAMS: u32 = 256;

/// Requests that an HTTP/2 client may take back before we have looked at them, and those that we
/// take back because they are wrong, until the connection is ended: a client that does so on purpose
/// costs us more than itself (CVE-2023-44487, RUSTSEC-2024-0003).
const MOST_RESETS_BEFORE_ACCEPTED: usize = 20;
const MOST_RESETS_FOR_ERRORS: usize = 256;

/// The largest head on HTTP/2, in bytes. h2 also bounds by it how many CONTINUATION frames one may
/// be spread over (CVE-2024-27316).
const LARGEST_HEADER_LIST: u32 = 32_768;

/// What an HTTP/2 client may send ahead of its handlers: in one request, and on the connection.
const STREAM_WINDOW: u32 = 65_535;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// How long a connection that was told to finish may take when it has no request.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

impl Server {
    /// Begins to serve `router` on `listener`; `refuse` renders what never gets to it.
    ///
    /// # Errors
    /// If the listener has no address.
    pub(crate) fn start(
        listener: TcpListener,
        router: Router,
        refuse: Option<Refuse>,
        options: ServerOptions,
        open: Gauge,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(options.header_timeout)
            .max_buf_size(LARGEST_HEAD);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .max_pending_accept_reset_streams(MOST_RESETS_BEFORE_ACCEPTED)
            .max_local_error_reset_streams(MOST_RESETS_FOR_ERRORS)
            .max_header_list_size(LARGEST_HEADER_LIST)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let room = usize::try_from(options.max_connections)
            .unwrap_or(Semaphore::MAX_PERMITS)
            .min(Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(room));
        let shared = Arc::new(Shared { router, http, refuse, options, room, open });
        let (drain, draining) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), draining));
        Ok(Self { address, shared, drain, accepting })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, and waits up to `grace` for requests under way; then cuts them off.
    pub(crate) async fn drain(self, grace: Duration) {
        self.drain.send_replace(true);
        // The listener closes with its task.
        let _ = self.accepting.await;
        let every = self.shared.options.max_connections;
        if timeout(grace, self.shared.room.acquire_many(every)).await.is_err() {
            tracing::warn!(?grace, "requests were still under way; they are cut off");
            self.shared.room.close();
        }
    }
}

/// Who is at the other end of the connection whose request is being answered; `None` where there is
/// no connection.
pub(super) fn peer() -> Option<IpAddr> {
    CONNECTION.try_with(|seat| seat.0.peer).ok()
}

impl Seat {
    /// That of the connection whose request is being answered; `None` where there is none. Whoever
    /// takes a connection over from HTTP keeps it to the end.
    pub(super) fn taken() -> Option<Self> {
        CONNECTION.try_with(Self::clone).ok()
    }

    /// Resolves when the drain's grace is over and the connection has to end.
    pub(super) async fn is_cut(&self) {
        closed(&self.0.shared.room).await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut draining: watch::Receiver<bool>) {
    loop {
        let permit = Arc::clone(&shared.room).acquire_owned();
        let accepted = async {
            let permit = permit.await.expect("closed only after this task");
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => return,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (shared, draining) = (Arc::clone(&shared), draining.clone());
                tokio::spawn(connection(stream, peer.ip(), permit, shared, draining));
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: IpAddr,
    permit: OwnedSemaphorePermit,
    shared: Arc<Shared>,
    mut draining: watch::Receiver<bool>,
) {
    let open = Open::new(shared.open.clone());
    let held = Held { peer, shared: Arc::clone(&shared), _permit: permit, _open: open };
    let seat = Seat(Arc::new(held));
    // Answers are written whole, so that waiting to fill a packet only delays them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let activity = Arc::new(Activity::new());
    let service = {
        let (router, activity) = (shared.router.clone(), Arc::clone(&activity));
        let seat = seat.clone();
        service_fn(move |request: Request<Incoming>| {
            let busy = Busy::new(Arc::clone(&activity));
            let answer = router.clone().call(request.map(Body::new));
            CONNECTION.scope(seat.clone(), async move {
                let Ok(answer) = answer.await;
                Ok::<_, Infallible>(answer.map(|body| AnswerBody { body, _busy: busy }))
            })
        })
    };
    let stream = TokioIo::new(RefusalStream::new(stream, shared.refuse.clone()));
    let mut served = pin!(shared.http.serve_connection_with_upgrades(stream, service));
    let mut deadline = Instant::now() + shared.options.idle_timeout;
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            result = served.as_mut() => {
                if let Err(error) = result {
                    // Broken connections are the clients' everyday business.
                    tracing::debug!(error, "a connection broke");
                }
                return;
            }
            _ = draining.wait_for(|draining| *draining), if !told => {
                served.as_mut().graceful_shutdown();
                told = true;
                deadline = Instant::now() + CLOSE_GRACE;
            }
            () = sleep_until(deadline) => {
                let idle_for = activity.idle_for();
                if told && activity.is_idle() {
                    return;
                }
                if !told && idle_for.is_some_and(|idle| idle >= shared.options.idle_timeout) {
                    served.as_mut().graceful_shutdown();
                    told = true;
                }
                deadline = if told {
                    Instant::now() + CLOSE_GRACE
                } else {
                    Instant::now() + shared.options.idle_timeout - idle_for.unwrap_or_default()
                };
            }
            // Closed when the drain's grace is over.
            () = closed(&shared.room), if told => return,
        }
    }
}

/// Resolves once the semaphore is closed.
async fn closed(room: &Semaphore) {
    while !room.is_closed() {
        sleep(ACCEPT_PAUSE).await;
    }
}

/// Counts an open connection.
struct Open(Gauge);

impl Open {
    fn new(open: Gauge) -> Self {
        open.increment(1);
        Self(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

impl Activity {
    fn new() -> Self {
        Self { begun: Instant::now(), requests: AtomicUsize::new(0), last: AtomicU64::new(0) }
    }

    fn is_idle(&self) -> bool {
        self.requests.load(Ordering::Acquire) == 0
    }

    /// Since when nothing is asked, if nothing is.
    fn idle_for(&self) -> Option<Duration> {
        let last = Duration::from_millis(self.last.load(Ordering::Acquire));
        self.is_idle().then(|| self.begun.elapsed().saturating_sub(last))
    }
}

/// Marks a request until its answer is on its way to the last byte, even one whose client goes away
/// before that.
struct Busy(Arc<Activity>);

/// What an answer says. As long as it is being made the connection has something to do: a backup takes
/// longer than a connection may be idle.
struct AnswerBody {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Busy {
    fn new(activity: Arc<Activity>) -> Self {
        activity.requests.fetch_add(1, Ordering::AcqRel);
        Self(activity)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last.store(now, Ordering::Release);
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::http::stream_body::stream;

    #[tokio::test]
    async fn a_connection_is_busy_until_its_answer_ends() {
        let activity = Arc::new(Activity::new());
        let (writer, body) = stream();
        let mut answer = AnswerBody { body, _busy: Busy::new(Arc::clone(&activity)) };
        writer.write(Bytes::from_static(b"a part")).await.unwrap();
        assert!(answer.frame().await.unwrap().is_ok());
        assert!(!activity.is_idle(), "more may follow");
        assert_eq!(activity.idle_for(), None);
        drop(answer);
        assert!(activity.is_idle());
    }
}
