//! The gateway as a process of its own, and a client that asks it over real sockets.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long anything here may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running gateway; it is killed when the test ends early.
pub(crate) struct Server {
    process: Child,
    #[allow(dead_code, reason = "not every test that starts a server needs it")]
    data: PathBuf,
    caller: Caller,
    metrics: Caller,
    /// What it has written to standard output so far.
    output: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    /// The file of its error output.
    errors: PathBuf,
}

/// Calls a server; one connection a call, so that nothing of one call reaches another.
#[derive(Clone)]
pub(crate) struct Caller {
    address: String,
    key: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Server {
    /// Starts a gateway on free ports with its data in `data`, and waits until it is ready.
    pub(crate) fn start(data: &Path, adjust: impl FnOnce(&mut Command)) -> Self {
        let errors = data.with_extension("stderr");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(data)
            .env_remove("TOLLGATE_ADMIN_KEY")
            // A small disk of the machine that tests is no fault of the gateway.
            .env("TOLLGATE__STORAGE__MIN_FREE_BYTES", "0")
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors).unwrap());
        adjust(&mut command);
        let mut process = command.spawn().unwrap();
        let stdout = process.stdout.take().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let reader = {
            let output = Arc::clone(&output);
            // To the end, so that the server never waits for its reader.
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    let mut output = output.lock().unwrap();
                    output.push_str(&line.unwrap());
                    output.push('\n');
                }
            })
        };
        let (no_address, no_key) = (String::new, String::new);
        let mut server = Self {
            process,
            data: data.to_owned(),
            caller: Caller { address: no_address(), key: no_key() },
            metrics: Caller { address: no_address(), key: no_key() },
            output,
            reader: Some(reader),
            errors,
        };
        server.caller.address = server.announced("listening on http://");
        server.metrics.address = server.announced("metrics on http://");
        until("the server is ready", || {
            server.caller.get("/ready").is_some_and(|answer| answer.status == 200)
        });
        server.caller.key = first_line(&data.join("demo.key"));
        server
    }

    /// What follows `words` in a line of the output.
    fn announced(&mut self, words: &str) -> String {
        let mut found = None;
        until(words, || {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("{status}: {}", fs::read_to_string(&self.errors).unwrap());
            }
            let output = self.output.lock().unwrap();
            found = output.lines().find_map(|line| line.strip_prefix(words)).map(str::to_owned);
            found.is_some()
        });
        found.expect("waited for")
    }

    /// Host and port of the API.
    #[allow(dead_code, reason = "not every test that starts a server needs it")]
    pub(crate) fn address(&self) -> &str {
        &self.caller.address
    }

    /// A client with the demo merchant's key.
    pub(crate) fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// The same with the operator's key.
    #[allow(dead_code, reason = "not every test that starts a server needs it")]
    pub(crate) fn operator(&self) -> Caller {
        Caller { key: first_line(&self.data.join("operator.key")), ..self.caller() }
    }

    /// What Prometheus is told.
    #[allow(dead_code, reason = "not every test that starts a server needs it")]
    pub(crate) fn metrics(&self) -> String {
        self.metrics.get("/metrics").expect("a running server has metrics").body
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until the process has ended: how, and all that it wrote.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let mut status = None;
        until("the process ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        self.reader.take().expect("joined once").join().unwrap();
        let output = self.output.lock().unwrap();
        let errors = fs::read_to_string(&self.errors).unwrap();
        (status.expect("waited for"), format!("{output}{errors}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended in every good run.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Caller {
    /// Posts a payment; `headers` are whole lines. `None` where the server is gone.
    pub(crate) fn pay(&self, headers: &str, body: &str) -> Option<Answer> {
        let length = body.len();
        let head = format!(
            "POST /api/v1/payments HTTP/1.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{headers}"
        );
        self.send(&head, body)
    }

    /// The same with another key.
    #[allow(dead_code, reason = "not every test that starts a server needs it")]
    pub(crate) fn by(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// Posts JSON to a path. `None` where the server is gone.
    #[allow(dead_code, reason = "not every test that starts a server needs it")]
    pub(crate) fn post(&self, path: &str, body: &str) -> Option<Answer> {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n"
        );
        self.send(&head, body)
    }

    /// Gets a path. `None` where the server is gone.
    pub(crate) fn get(&self, path: &str) -> Option<Answer> {
        self.send(&format!("GET {path} HTTP/1.1\r\n"), "")
    }

    fn send(&self, head: &str, body: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let key = &self.key;
        let request = format!(
            "{head}Host: localhost\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }
}

fn first_line(file: &Path) -> String {
    fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned()
}

/// Waits until it holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
