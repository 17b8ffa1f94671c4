//! Our own books, as the server shows them: accounts, balances and postings.
//!
//! What stands there has to be what the provider moved: account by account at the end, and posting
//! by posting for each payment that is asked for.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;

use super::provider_books::Sums;
use super::{Auditor, Reading, Standing};
use crate::answer::Answer;
use crate::violation::{Violation, ViolationKind};

/// `GET /api/v1/ledger/accounts`, of all merchants together.
#[derive(Debug, Deserialize)]
pub(crate) struct AccountsPage {
    data: Vec<AccountRow>,
}

#[derive(Debug, Deserialize)]
struct AccountRow {
    account: String,
    currency: String,
    debits_minor: i128,
    credits_minor: i128,
    livemode: bool,
}

/// `GET /api/v1/balance`, of one merchant.
#[derive(Debug, Deserialize)]
pub(crate) struct BalancesPage {
    balances: Vec<BalanceRow>,
}

#[derive(Debug, Deserialize)]
struct BalanceRow {
    currency: String,
    available_minor: i128,
    pending_minor: i128,
}

/// `GET /api/v1/ledger/entries`, of one payment.
#[derive(Debug, Deserialize)]
struct PostingsPage {
    data: Vec<Posting>,
}

#[derive(Debug, Deserialize)]
struct Posting {
    payment_id: String,
    transaction_id: String,
    r#type: String,
    debit: AccountName,
    credit: AccountName,
    amount_minor: i64,
    currency: String,
}

#[derive(Debug, Deserialize)]
struct AccountName {
    account: String,
}

/// Where the provider's debt to us stands.
const RECEIVABLE: &str = "provider_receivable";

/// Our books at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct OurBooks {
    debits: Sums,
    credits: Sums,
    /// What the provider owes us.
    receivable: Sums,
    fees: Sums,
    /// What merchants have and what is on its way to their customers, by merchant.
    balances: Vec<Sums>,
}

impl OurBooks {
    pub(crate) fn of(accounts: AccountsPage, balances: Vec<BalancesPage>) -> Self {
        let mut books = Self::default();
        for row in accounts.data.iter().filter(|row| !row.livemode) {
            let AccountRow { account, currency, debits_minor, credits_minor, .. } = row;
            books.debits.add(currency, *debits_minor);
            books.credits.add(currency, *credits_minor);
            match account.as_str() {
                RECEIVABLE => books.receivable.add(currency, debits_minor - credits_minor),
                "fees" => books.fees.add(currency, credits_minor - debits_minor),
                _ => {}
            }
        }
        books.balances = balances.into_iter().map(|page| page.sums()).collect();
        books
    }

    /// What has come since.
    pub(crate) fn since(mut self, start: &Self) -> Self {
        let less = |sums: &mut Sums, other: &Sums| {
            for currency in other.currencies() {
                sums.add(currency, -other.of(currency));
            }
        };
        less(&mut self.receivable, &start.receivable);
        less(&mut self.fees, &start.fees);
        self
    }

    /// Where the books do not balance, or do not have what the provider moved: in all, and for each
    /// merchant, as far as that is known of each.
    pub(super) fn findings(&self, moved: Option<&Moved>) -> Vec<Violation> {
        let mut findings = Vec::new();
        let mut find = |details| {
            let kind = ViolationKind::BooksDiffer;
            findings.push(Violation { kind, key: None, payment: None, details });
        };
        let of_merchants = moved.map(|moved| moved.by_merchant.as_slice()).unwrap_or_default();
        let mut currencies: BTreeSet<&String> = self.debits.currencies().collect();
        currencies.extend(self.credits.currencies());
        currencies.extend(moved.iter().flat_map(|moved| moved.in_all.currencies()));
        for currency in currencies {
            let (debits, credits) = (self.debits.of(currency), self.credits.of(currency));
            if debits != credits {
                find(format!("{currency}: debits {debits}, credits {credits}"));
            }
            let Some(moved) = moved else { continue };
            let (ours, theirs) = (self.receivable.of(currency), moved.in_all.of(currency));
            let beyond = moved.contradicted.of(currency);
            if !(theirs..=theirs + beyond).contains(&ours) {
                let but = match beyond {
                    0 => String::new(),
                    _ => format!(", but for {beyond} of declines that were contradicted"),
                };
                find(format!(
                    "{currency}: the provider owes us {ours}, and has moved {theirs}{but}"
                ));
            }
            // What merchants do not have of it are our fees.
            let mut kept = 0;
            for (merchant, (balance, moved)) in (0..).zip(self.balances.iter().zip(of_merchants)) {
                let (has, moved): (i128, i128) = (balance.of(currency), moved.of(currency));
                kept += moved - has;
                if has > moved + beyond || (has < moved && self.fees.of(currency) == 0) {
                    let merchant: u32 = merchant;
                    find(format!(
                        "{currency}: merchant {merchant} has {has} of {moved} that was moved"
                    ));
                }
            }
            let fees = self.fees.of(currency);
            if !of_merchants.is_empty() && !(fees - beyond..=fees).contains(&kept) {
                find(format!("{currency}: merchants lack {kept}, and our fees are {fees}"));
            }
        }
        findings
    }
}

/// What the provider moved since the run began.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) in_all: Sums,
    /// What callbacks may have told us of, and the provider never took.
    pub(super) contradicted: Sums,
    /// By merchant; empty where not every payment of theirs is known.
    pub(super) by_merchant: Vec<Sums>,
}

impl BalancesPage {
    fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for row in &self.balances {
            sums.add(&row.currency, row.available_minor + row.pending_minor);
        }
        sums
    }
}

impl Auditor {
    /// An answer to a question for what was booked for the key's payment.
    pub(crate) fn observe_postings(&mut self, reading: Reading, answer: &Answer) -> Standing {
        let id = reading.id;
        let parse = |body: &[u8]| {
            serde_json::from_slice::<PostingsPage>(body).map_err(|_cause| "no postings".to_owned())
        };
        let page = match self.shown(id, answer, ViolationKind::PaymentLost, parse) {
            Ok(page) => page,
            Err(standing) => return standing,
        };
        let Some(record) = self.records.get(&id) else { return Standing::Settled };
        let (still, order) = (record.moves == reading.moves, record.order);
        self.tally.postings_checked += page.data.len() as u64;
        if let Some(twice) = page.posted_twice() {
            return self.broken(ViolationKind::PostedTwice, id, twice);
        }
        let payment = self.payment(id).unwrap_or_default();
        let ours = |posting: &Posting| {
            *posting.payment_id == *payment && posting.currency == order.currency.code()
        };
        if !page.data.iter().all(ours) {
            let details = format!("postings of something else: {}", answer.quote());
            return self.broken(ViolationKind::BooksDiffer, id, details);
        }
        let booked = page.received();
        match self.expected(id).map(|expected| expected.booked()) {
            Some(moved) if still && !moved.contains(booked) => {
                let details =
                    format!("booked {booked}, answered {} to {}", moved.least, moved.most);
                self.broken(ViolationKind::BooksDiffer, id, details)
            }
            Some(_) | None => Standing::Settled,
        }
    }
}

impl PostingsPage {
    /// What the provider owes us by them.
    fn received(&self) -> i64 {
        let sum = |side: fn(&Posting) -> &AccountName| -> i64 {
            let there = self.data.iter().filter(|posting| side(posting).account == RECEIVABLE);
            there.map(|posting| posting.amount_minor).sum()
        };
        sum(|posting| &posting.debit) - sum(|posting| &posting.credit)
    }

    /// A transaction's movement that was posted more than once.
    fn posted_twice(&self) -> Option<String> {
        let mut seen = HashSet::new();
        let twice = self.data.iter().find(|posting| {
            let Posting { transaction_id, r#type, debit, credit, .. } = posting;
            !seen.insert((transaction_id, r#type, &debit.account, &credit.account))
        });
        twice.map(|posting| {
            let Posting { transaction_id, r#type, amount_minor, .. } = posting;
            format!("{type} of {transaction_id} over {amount_minor} stands twice")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{completed, failed, kinds, order, say};
    use super::*;
    use crate::order::{Card, Fault, Method, PaymentOrder};

    fn sums(inr: i128) -> Sums {
        let mut sums = Sums::default();
        sums.add("INR", inr);
        sums
    }

    fn books(receivable: i128, payable: i128, fees: i128) -> OurBooks {
        let row = |account: &str, debits: i128, credits: i128| {
            format!(
                r#"{{"account":"{account}","currency":"INR","debits_minor":{debits},
                    "credits_minor":{credits},"livemode":false}}"#
            )
        };
        let rows = [
            row("provider_receivable", receivable, 0),
            row("merchant_payable", 0, payable),
            row("fees", 0, fees),
        ];
        let accounts = format!(r#"{{"data":[{}]}}"#, rows.join(","));
        let balance = format!(
            r#"{{"balances":[{{"currency":"INR","available_minor":{payable},"pending_minor":0}}]}}"#
        );
        OurBooks::of(
            serde_json::from_str(&accounts).unwrap(),
            vec![serde_json::from_str(&balance).unwrap()],
        )
    }

    fn found(books: &OurBooks, moved: i128) -> Vec<String> {
        let (in_all, by_merchant) = (sums(moved), vec![sums(moved)]);
        let moved = Moved { in_all, by_merchant, contradicted: Sums::default() };
        books.findings(Some(&moved)).into_iter().map(|found| found.details).collect()
    }

    #[test]
    fn books_that_agree_have_no_finding() {
        assert!(found(&books(10_000, 10_000, 0), 10_000).is_empty());
        assert!(found(&books(10_000, 9_700, 300), 10_000).is_empty());
        let since = books(10_000, 10_000, 0).since(&books(10_000, 10_000, 0));
        assert_eq!(since.receivable.of("INR"), 0);
    }

    #[test]
    fn a_sum_that_is_off_by_one_is_found() {
        assert_eq!(
            found(&books(10_001, 10_001, 0), 10_000),
            [
                "INR: the provider owes us 10001, and has moved 10000",
                "INR: merchant 0 has 10001 of 10000 that was moved",
                "INR: merchants lack -1, and our fees are 0",
            ]
        );
        assert_eq!(
            found(&books(10_000, 9_999, 0), 10_000),
            [
                "INR: debits 10000, credits 9999",
                "INR: merchant 0 has 9999 of 10000 that was moved",
                "INR: merchants lack 1, and our fees are 0",
            ]
        );
    }

    #[test]
    fn a_decline_that_was_contradicted_may_stand_in_our_books_alone() {
        let found = |receivable| {
            let (in_all, by_merchant) = (sums(10_000), vec![sums(10_000)]);
            let moved = Moved { in_all, by_merchant, contradicted: sums(500) };
            let ours = books(10_000, 10_000, 0);
            let books = OurBooks { receivable: sums(receivable), ..ours };
            books.findings(Some(&moved)).len()
        };
        assert_eq!([found(10_000), found(10_500)], [0, 0]);
        assert_eq!([found(9_999), found(10_501)], [1, 1]);

        let method = Method::Card(Card::Declined);
        let fault = Some(Fault::CallbackContradicts);
        let contradicted = PaymentOrder { method, fault, ..order(0) };
        for (amount, expected) in [(10_000, vec![]), (10_001, vec![ViolationKind::BooksDiffer])] {
            let mut auditor = Auditor::default();
            let id = auditor.intend(contradicted);
            say(&mut auditor, id, failed("pay_0"));
            let reading = auditor.begin_reading(id);
            let posting =
                ("txn_0", "exception_received", "provider_receivable", "exceptions", amount);
            auditor.observe_postings(reading, &postings(&[posting]));
            assert_eq!(kinds(&auditor), expected);
        }
    }

    fn postings(rows: &[(&str, &str, &str, &str, i64)]) -> Answer {
        let rows: Vec<String> = rows
            .iter()
            .map(|(transaction, kind, debit, credit, amount)| {
                format!(
                    r#"{{"payment_id":"pay_0","transaction_id":"{transaction}","type":"{kind}",
                        "debit":{{"account":"{debit}"}},"credit":{{"account":"{credit}"}},
                        "amount_minor":{amount},"currency":"INR"}}"#
                )
            })
            .collect();
        let body = format!(r#"{{"data":[{}]}}"#, rows.join(",")).into_bytes().into();
        Answer { status: 200, replayed: false, problem: false, body }
    }

    #[test]
    fn postings_have_to_be_what_was_answered_and_once() {
        const CAPTURE: (&str, &str, &str, &str, i64) =
            ("txn_0", "capture", "provider_receivable", "merchant_payable", 10_000);
        for (rows, expected) in [
            (vec![CAPTURE], vec![]),
            (vec![CAPTURE, CAPTURE], vec![ViolationKind::PostedTwice]),
            (vec![], vec![ViolationKind::BooksDiffer]),
            (
                vec![("txn_0", "capture", "provider_receivable", "merchant_payable", 10_001)],
                vec![ViolationKind::BooksDiffer],
            ),
            (
                vec![
                    CAPTURE,
                    ("txn_1", "refund_succeeded", "refunds_pending", "provider_receivable", 5),
                ],
                vec![ViolationKind::BooksDiffer],
            ),
        ] {
            let mut auditor = Auditor::default();
            let id = auditor.intend(order(0));
            say(&mut auditor, id, completed("pay_0"));
            let reading = auditor.begin_reading(id);
            auditor.observe_postings(reading, &postings(&rows));
            assert_eq!(kinds(&auditor), expected, "{rows:?}");
        }
    }
}
