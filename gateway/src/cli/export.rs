//! `tollgate export`: every row of a day or another span of time, from a running gateway into a file.
//!
//! Invariant: a file that bears the name that was asked for is whole. Until it is, it has another.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use http_body_util::BodyExt;
use hyper::{HeaderMap, body::Incoming};
use tokio::time::timeout;

use super::{
    api::{ApiArguments, ApiError, runtime},
    output::{OutputError, Reader, reader},
};

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// What is exported.
    of: ExportOf,
    /// The day on which they began, such as 2026-11-25.
    #[arg(long, value_name = "DATE", required_unless_present_any = ["from", "to"])]
    date: Option<String>,
    /// How far the day's clock is from UTC, such as +05:30.
    #[arg(long, value_name = "OFFSET", requires = "date", allow_hyphen_values = true)]
    tz: Option<String>,
    /// Begun then or later: RFC 3339.
    #[arg(long, value_name = "TIME", conflicts_with = "date")]
    from: Option<String>,
    /// Begun earlier: RFC 3339.
    #[arg(long, value_name = "TIME", conflicts_with = "date")]
    to: Option<String>,
    /// Whose they are: needed with an operator's key.
    #[arg(long, value_name = "ID")]
    merchant: Option<String>,
    /// Of live mode, with an operator's key.
    #[arg(long)]
    live: bool,
    /// The file; standard output if it is not said.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    gateway: ApiArguments,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum ExportOf {
    /// Payments.
    Payments,
    /// Payments and all that was done to them.
    Transactions,
    /// Refunds.
    Refunds,
}

/// How it is used.
pub(super) const EXAMPLES: &str = "\
Examples:
  tollgate export payments --date 2026-11-25 --key-file data/demo.key -o payments.csv
  tollgate export refunds --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z --merchant mer_… --json

The rows come as CSV, or with --json as JSON lines. A day is one of UTC unless --tz says otherwise. The
key may be a merchant's own, or an operator's together with --merchant.";

/// Why nothing was exported, or not all.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The gateway cannot be asked, or says no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The answer breaks off.
    #[error("the export breaks off: rows are missing")]
    Cut(#[source] hyper::Error),
    /// Nothing comes any more.
    #[error("nothing has come for two minutes: rows are missing")]
    Silent,
    /// The last line is missing.
    #[error("the last line does not say that the export is complete: rows are missing")]
    Incomplete,
    /// Standard output cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// How long nothing may come: a gateway that cannot read on gives up earlier.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn run(arguments: ExportArguments) -> Result<(), ExportError> {
    let as_lines = arguments.gateway.is_json();
    let path = arguments.path(as_lines);
    let api = arguments.gateway.into_api()?;
    let Some(output) = arguments.output else {
        let mut out = io::stdout().lock();
        return runtime()?.block_on(async {
            let body = api.open(&path, HeaderMap::new()).await?;
            take(body, as_lines, |part| Ok(reader(out.write_all(part))?)).await?;
            reader(out.flush())?;
            Ok(())
        });
    };
    let mut partial = output.clone().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    runtime()?.block_on(async {
        let body = api.open(&path, HeaderMap::new()).await?;
        let mut file = private_file(&partial).map_err(failed(&partial))?;
        let written = |part: &[u8]| {
            file.write_all(part).map_err(failed(&partial))?;
            Ok(Reader::There)
        };
        take(body, as_lines, written).await?;
        file.sync_all().map_err(failed(&partial))?;
        std::fs::rename(&partial, &output).map_err(failed(&output))
    })
}

/// A new file for its owner alone: JSON lines tell who paid. One that was left over is not kept, for
/// others might have it open.
fn private_file(path: &Path) -> io::Result<File> {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

impl ExportArguments {
    fn path(&self, as_lines: bool) -> String {
        let of = match self.of {
            ExportOf::Payments => "payments",
            ExportOf::Transactions => "transactions",
            ExportOf::Refunds => "refunds",
        };
        let format = if as_lines { "jsonl" } else { "csv" };
        let mut path = format!("/api/v1/exports/{of}?format={format}");
        let parameters = [
            ("date", self.date.as_deref()),
            ("tz", self.tz.as_deref()),
            ("created[gte]", self.from.as_deref()),
            ("created[lt]", self.to.as_deref()),
            ("merchant_id", self.merchant.as_deref()),
            ("livemode", self.live.then_some("true")),
        ];
        for (name, value) in parameters {
            if let Some(value) = value {
                path += &format!("&{name}={}", escaped(value));
            }
        }
        path
    }
}

/// Takes all of a body, as long as somebody reads it.
async fn take(
    mut body: Incoming,
    as_lines: bool,
    mut write: impl FnMut(&[u8]) -> Result<Reader, ExportError>,
) -> Result<(), ExportError> {
    let mut last_line = Vec::new();
    loop {
        let frame =
            timeout(PATIENCE, body.frame()).await.map_err(|_elapsed| ExportError::Silent)?;
        let Some(frame) = frame else { break };
        let Ok(part) = frame.map_err(ExportError::Cut)?.into_data() else { continue };
        if as_lines {
            remember_last_line(&mut last_line, &part);
        }
        if write(&part)? == Reader::Gone {
            return Ok(());
        }
    }
    let is_complete = || {
        let line: Option<serde_json::Value> = serde_json::from_slice(&last_line).ok();
        line.is_some_and(|line| line["object"] == "export" && line["complete"] == true)
    };
    if as_lines && !is_complete() { Err(ExportError::Incomplete) } else { Ok(()) }
}

/// Keeps what follows the last line break but one, so that the last line is whole in the end.
fn remember_last_line(line: &mut Vec<u8>, part: &[u8]) {
    line.extend_from_slice(part);
    let body = line.strip_suffix(b"\n").unwrap_or(line);
    if let Some(end) = body.iter().rposition(|byte| *byte == b'\n') {
        line.drain(..=end);
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ExportError {
    let path = path.to_owned();
    move |source| ExportError::File { path, source }
}

/// A value as it stands in a query.
fn escaped(value: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    value.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        assert_eq!(escaped("2026-11-25T00:00:00+05:30"), "2026-11-25T00:00:00%2B05:30");
        assert_eq!(escaped("a&b=ü "), "a%26b%3D%C3%BC%20");
    }

    #[test]
    fn the_last_line_is_found_in_whatever_parts_it_comes() {
        let text = b"first\nsecond\nthe last\n";
        for size in 1..=text.len() {
            let mut line = Vec::new();
            text.chunks(size).for_each(|part| remember_last_line(&mut line, part));
            assert_eq!(line, b"the last\n", "in parts of {size}");
        }
    }
}
