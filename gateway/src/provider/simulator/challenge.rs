//! Payments whose customers have to act: what their page needs to know, in a file, for the customer
//! acts when no request is there to tell it.
//!
//! ```text
//!   {"attempt":"att_…","rail":"card","payment":{…}}        one line each, see `protocol.rs`
//! ```
//!
//! Invariant: whom a page was promised finds it after a restart, for a day. The file is written anew
//! by each start, without what is older.
//!
//! Not here: what was decided, which the ledger knows.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
    sync::Arc,
};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tollgate_domain::{AttemptId, Millis, PaymentIntent, Timestamp};

use super::{
    asked_payment,
    protocol::{PaymentPart, Rail},
};

/// How many a generation remembers; there are two generations. Each takes about 1 KiB.
const GENERATION: usize = 32_768;

/// How long a page is kept.
const KEPT: Millis = Millis::from_seconds(86_400);

/// The pages that customers may call up.
pub(super) struct Challenges(Mutex<Inner>);

struct Inner {
    file: File,
    young: FxHashMap<AttemptId, Arc<PaymentIntent>>,
    old: FxHashMap<AttemptId, Arc<PaymentIntent>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    attempt: String,
    rail: Rail,
    #[serde(borrow)]
    payment: PaymentPart<'a>,
}

impl Challenges {
    /// Opens the file, or begins it. Blocks.
    pub(super) fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        let (mut young, old) = (FxHashMap::default(), FxHashMap::default());
        let draft = path.with_extension("draft");
        let mut kept = BufWriter::new(File::create(&draft)?);
        match File::open(path) {
            Ok(file) => {
                for line in BufReader::new(file).split(b'\n') {
                    let line = line?;
                    // The last line may be torn; nobody was told of its page.
                    let Some((attempt, intent)) = read(&line) else { continue };
                    let is_kept = attempt.time().after(KEPT) > now && young.len() < GENERATION;
                    if is_kept && young.insert(attempt, intent).is_none() {
                        kept.write_all(&line)?;
                        kept.write_all(b"\n")?;
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        kept.into_inner().map_err(io::IntoInnerError::into_error)?;
        fs::rename(&draft, path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self(Mutex::new(Inner { file, young, old })))
    }

    /// Remembers the payment for the customer's page. False where that cannot be written.
    pub(super) fn remember(&self, attempt: AttemptId, intent: &Arc<PaymentIntent>) -> bool {
        let mut inner = self.0.lock();
        if inner.get(attempt).is_some() {
            return true;
        }
        let rail = Rail::of(&intent.method);
        let line = Line { attempt: attempt.to_string(), rail, payment: PaymentPart::of(intent) };
        let mut text = serde_json::to_vec(&line).expect("lines have string keys");
        text.push(b'\n');
        if let Err(error) = inner.file.write_all(&text) {
            tracing::error!(%attempt, %error, "a customer's page cannot be kept");
            return false;
        }
        if inner.young.len() >= GENERATION {
            inner.old = std::mem::take(&mut inner.young);
        }
        inner.young.insert(attempt, Arc::clone(intent));
        true
    }

    /// The payment of a page.
    pub(super) fn get(&self, attempt: AttemptId) -> Option<Arc<PaymentIntent>> {
        self.0.lock().get(attempt).cloned()
    }
}

impl Inner {
    fn get(&self, attempt: AttemptId) -> Option<&Arc<PaymentIntent>> {
        self.young.get(&attempt).or_else(|| self.old.get(&attempt))
    }
}

fn read(line: &[u8]) -> Option<(AttemptId, Arc<PaymentIntent>)> {
    let Line { attempt, rail, payment } = serde_json::from_slice(line).ok()?;
    let intent = asked_payment::intent(payment, asked_payment::method(rail))?;
    Some((attempt.parse().ok()?, intent))
}

#[cfg(test)]
mod tests {
    use tollgate_domain::PaymentId;

    use super::*;
    use crate::provider::conformance::{self, NOW, attempt, card_facts};

    fn asked(number: u64) -> Arc<PaymentIntent> {
        let id = PaymentId::from_u128(number.into());
        let mut intent = conformance::intent(id, card_facts(), &[("simulator", "callback:none")]);
        Arc::make_mut(&mut intent).return_url = Some("https://shop.example/back?a=1".into());
        intent
    }

    #[test]
    fn pages_outlive_the_process_for_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("challenges.log");
        let challenges = Challenges::open(&path, NOW).unwrap();
        assert!(
            challenges.remember(attempt(1), &asked(1))
                && challenges.remember(attempt(1), &asked(1))
        );
        assert!(challenges.remember(attempt(2), &asked(2)));
        assert_eq!(challenges.get(attempt(3)), None);
        drop(challenges);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 9]).unwrap();

        let challenges = Challenges::open(&path, NOW.after(KEPT).before(Millis(1))).unwrap();
        let found = challenges.get(attempt(1)).unwrap();
        assert_eq!((found.id, found.money), (asked(1).id, asked(1).money));
        assert_eq!(found.return_url.as_deref(), Some("https://shop.example/back?a=1"));
        assert_eq!(found.metadata("simulator"), Some("callback:none"));
        assert_eq!(challenges.get(attempt(2)), None, "its line is torn");
        assert!(challenges.remember(attempt(4), &asked(4)));
        drop(challenges);

        let challenges = Challenges::open(&path, NOW.after(KEPT).before(Millis(1))).unwrap();
        assert!(challenges.get(attempt(1)).is_some() && challenges.get(attempt(4)).is_some());
        drop(challenges);
        let challenges = Challenges::open(&path, NOW.after(KEPT)).unwrap();
        assert_eq!(challenges.get(attempt(1)), None, "its day is over");
    }
}
