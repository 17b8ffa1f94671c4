//! Every merchant's operation in every state of a payment, and what every answer of a provider makes
//! of every operation. Each is a table that is read like a specification; what it says is kept in
//! `tests/tables`, and `UPDATE_EXPECT=1` writes it anew.

#[path = "stage/stage.rs"]
mod stage;

use std::fmt::Write as _;

use expect_test::expect_file;
use stage::{
    HOUR, Stage, action_required, approved, create_payment, declined, effects, last_attempt,
    last_operation, money, outcome_of, receipt, standing, target,
};
use tollgate_domain::{
    Amount, CaptureMode, CapturePayment, Command, ConfirmPayment, Currency, DecideReview, Decision,
    Effect, Millis, Mode, Operation, OperationFailure, OperationId, OperationOutcome,
    OutcomeSource, Payment, PaymentId, Policy, ProviderOutcome, RecordOperationOutcome,
    RefundPayment, Rejection, ReversePayment, ReviewVerdict, VoidPayment, ledger::Account,
};

/// Payments as they are found, each with the steps that lead there.
const PAYMENTS: [(&str, &[&str]); 17] = [
    ("processing", &[]),
    ("unknown", &["lost"]),
    ("requires_action", &["action"]),
    ("requires_action, being confirmed", &["action", "confirm"]),
    ("requires_action, being voided", &["action", "void"]),
    ("review", &["hold", "approved"]),
    ("authorized", &["manual", "approved"]),
    ("authorized, being captured", &["manual", "approved", "capture part"]),
    ("partially_captured", &["manual", "approved", "capture part", "done"]),
    ("completed", &["approved"]),
    ("completed, a part refunded", &["approved", "refund part", "done"]),
    ("completed, being reversed", &["approved", "reverse"]),
    ("completed, being voided", &["action", "void", "approved"]),
    ("failed", &["declined"]),
    ("voided", &["manual", "approved", "void", "done"]),
    ("reversed", &["approved", "reverse", "done"]),
    ("expired", &["manual", "approved", "due", "done"]),
];

const OPERATIONS: [&str; 10] = [
    "confirm",
    "capture all",
    "capture part",
    "capture too much",
    "void",
    "reverse",
    "refund part",
    "refund too much",
    "approve",
    "reject",
];

/// Operations under way, each with the steps that lead there.
const UNDER_WAY: [(&str, &[&str]); 14] = [
    ("confirmation", &["action", "confirm"]),
    ("capture of all", &["manual", "approved", "capture all"]),
    ("capture of a part, the rest kept", &["manual", "approved", "capture part"]),
    ("capture of a part, the rest let go", &["manual", "approved", "capture part finally"]),
    ("void of what is reserved", &["manual", "approved", "void"]),
    ("void of the remainder", &["manual", "approved", "capture part", "done", "void"]),
    ("void while the customer acts", &["action", "void"]),
    ("void that an approval has won against", &["action", "void", "approved"]),
    ("void of an authorization that has expired", &["manual", "approved", "due"]),
    ("void of an action that nobody took", &["action", "due", "action"]),
    ("capture after a review", &["hold", "approved", "approve"]),
    ("reversal", &["approved", "reverse"]),
    ("refund of a part", &["approved", "refund part"]),
    ("reversal of an approval that came too late", &["declined", "approved"]),
];

/// How an operation is brought from under way to each of its other states.
const THEN: [(&str, &[&str]); 7] = [
    ("open", &[]),
    ("pending", &["pending"]),
    ("unknown", &["lost it"]),
    ("waiting", &["not sent"]),
    ("succeeded", &["done"]),
    ("contradicted", &["done", "refused"]),
    ("failed", &["refused"]),
];

const ANSWERS: [&str; 10] = [
    "done",
    "refused",
    "expired",
    "captured before",
    "pending",
    "not sent",
    "lost it",
    "not found late",
    "due",
    "restart",
];

#[test]
fn every_operation_in_every_state() {
    let mut table = String::new();
    for (name, way) in PAYMENTS {
        writeln!(table, "{name}").unwrap();
        for operation in OPERATIONS {
            let (mut stage, payment) = reach(way);
            let became = play(&mut stage, payment, operation);
            writeln!(table, "    {operation:<18}{became}").unwrap();
        }
        table.push('\n');
    }
    expect_file!["tables/operations.txt"].assert_eq(&table);
}

#[test]
fn every_answer_to_every_operation() {
    let mut table = String::new();
    for (name, way) in UNDER_WAY {
        for (state, then) in THEN {
            let reached = || {
                let (mut stage, payment) = reach(way);
                let operation = last_operation(stage.payment(payment)).id();
                for step in then {
                    answer(&mut stage, payment, Some(operation), step, OutcomeSource::Callback);
                }
                (stage, payment, operation)
            };
            let (stage, payment, operation) = reached();
            // Not every operation can be in every state: what a merchant asks for is never sent
            // again, say.
            let found = stage.payment(payment).operation(operation).expect("it is there");
            if outcome_of(found) != state {
                continue;
            }
            writeln!(table, "{name}: {state}, the payment {}", standing(stage.payment(payment)))
                .unwrap();
            for happening in ANSWERS {
                let (mut stage, payment, operation) = reached();
                let source = OutcomeSource::Inquiry;
                let became = answer(&mut stage, payment, Some(operation), happening, source);
                assert_eq!(stage.replayed().hash(), stage.state().hash(), "{name}, {happening}");
                writeln!(table, "    {happening:<18}{became}").unwrap();
            }
            table.push('\n');
        }
    }
    expect_file!["tables/answers.txt"].assert_eq(&table);
}

/// A stage whose only payment was led this way.
fn reach(way: &[&str]) -> (Stage, PaymentId) {
    let policy =
        Policy { idempotency_retention: Millis::from_seconds(90 * 86_400), ..Policy::default() };
    let mut stage = Stage::new(policy);
    let manual = way.first() == Some(&"manual");
    let capture = if manual { CaptureMode::Manual } else { CaptureMode::Automatic };
    let mut request = create_payment(money("100.00", "INR"), capture);
    request.hold_for_review = way.first() == Some(&"hold");
    stage.send(Command::CreatePayment(Box::new(request))).expect("nothing is against it");
    let payment = stage.state().payments_sorted()[0].id();
    for step in way.iter().filter(|step| !["manual", "hold"].contains(step)) {
        play(&mut stage, payment, step);
    }
    (stage, payment)
}

/// Takes one step, and tells what came of it.
fn play(stage: &mut Stage, payment: PaymentId, step: &str) -> String {
    let shown = stage.payment(payment).clone();
    let target = target(&shown, None);
    let capture = |amount, release_rest| {
        Command::CapturePayment(CapturePayment { target, amount, release_rest })
    };
    let refund = |amount| {
        let (reason, metadata) = (None, Vec::new());
        Command::RefundPayment(RefundPayment { target, amount, reason, metadata })
    };
    let review = |verdict| Command::DecideReview(DecideReview { target, verdict });
    let provider =
        |stage: &mut Stage, outcome| stage.answer(payment, OutcomeSource::Inquiry, outcome);
    let before = Books::of(stage);
    let decided = match step {
        "approved" => provider(stage, approved()),
        "declined" => provider(stage, declined()),
        "lost" => provider(stage, ProviderOutcome::Unknown),
        "action" => provider(stage, action_required(&shown.intent().method)),
        "confirm" => stage.send(Command::ConfirmPayment(ConfirmPayment { target })),
        "capture all" => stage.send(capture(None, true)),
        "capture part" => stage.send(capture(Some(amount(4_000)), false)),
        "capture part finally" => stage.send(capture(Some(amount(4_000)), true)),
        "capture too much" => stage.send(capture(Some(amount(10_001)), true)),
        "void" => stage.send(Command::VoidPayment(VoidPayment { target })),
        "reverse" => stage.send(Command::ReversePayment(ReversePayment { target })),
        "refund part" => stage.send(refund(Some(amount(2_500)))),
        "refund too much" => stage.send(refund(Some(amount(10_001)))),
        "approve" => stage.send(review(ReviewVerdict::Approve)),
        "reject" => stage.send(review(ReviewVerdict::Reject)),
        other => {
            let last = shown.operations().last().map(Operation::id);
            return answer(stage, payment, last, other, OutcomeSource::Inquiry);
        }
    };
    told(stage, payment, decided, &before)
}

/// A provider speaks of an operation, or time passes; tells what came of it.
fn answer(
    stage: &mut Stage,
    payment: PaymentId,
    operation: Option<OperationId>,
    step: &str,
    source: OutcomeSource,
) -> String {
    let before = Books::of(stage);
    let failed = |reason| Some(OperationOutcome::Failed(reason));
    let outcome = match step {
        "done" => Some(OperationOutcome::Succeeded(receipt())),
        "refused" => failed(OperationFailure::Refused),
        "expired" => failed(OperationFailure::AuthorizationExpired),
        "captured before" => failed(OperationFailure::AlreadyCaptured),
        "pending" => Some(OperationOutcome::Pending),
        "not sent" => Some(OperationOutcome::NotSent),
        "lost it" => Some(OperationOutcome::Unknown),
        "not found late" => Some(OperationOutcome::NotFound { past_horizon: true }),
        "due" | "restart" => None,
        _ => panic!("nothing happens by the name of {step}"),
    };
    let decided = match outcome {
        Some(outcome) => {
            let operation = operation.expect("something was done to the payment");
            let report = RecordOperationOutcome { payment, operation, source, outcome };
            stage.send(Command::RecordOperationOutcome(report))
        }
        None if step == "restart" => stage.restart(),
        None => {
            let due_at = stage.payment(payment).due_at();
            stage.wait_until(due_at.unwrap_or(stage.now().after(HOUR)));
            stage.send(Command::Tick)
        }
    };
    told(stage, payment, decided, &before)
}

fn told(
    stage: &Stage,
    payment: PaymentId,
    decided: Result<Decision, Rejection>,
    before: &Books,
) -> String {
    let decision = match decided {
        Ok(Decision::Unchanged) => return "unchanged".to_owned(),
        Ok(decision) => decision,
        Err(rejection) => return format!("refused: {rejection}"),
    };
    let payment = stage.payment(payment);
    let mut words = vec![standing(payment)];
    words.extend(
        payment.operations().iter().map(|operation| {
            format!("{} {}", operation.intent.kind.as_str(), outcome_of(operation))
        }),
    );
    words.extend(payment.cases().iter().map(|case| {
        let end = case.resolution.map_or("open", |(resolution, _at)| resolution.as_str());
        format!("case {end}")
    }));
    words.extend(before.moved(stage));
    words.extend(effects(&decision).iter().map(|effect| owed(payment, *effect)));
    words.join(", ")
}

/// A call in the words of the tables.
fn owed(payment: &Payment, effect: Effect) -> String {
    let attempt = last_attempt(payment).id;
    let kind = |operation| payment.operation(operation).expect("it is there").intent.kind.as_str();
    match effect {
        Effect::Inquire { attempt: asked, .. } if asked == attempt => "→ ask".to_owned(),
        Effect::Operate { operation, .. } => format!("→ {}", kind(operation)),
        Effect::InquireOperation { operation, .. } => format!("→ ask after {}", kind(operation)),
        Effect::Inquire { .. } | Effect::Authorize { .. } => panic!("not owed: {effect:?}"),
    }
}

/// What stands to the credit of the accounts that operations move.
struct Books([i128; 3]);

impl Books {
    const NAMES: [&'static str; 3] = ["merchant", "refunds pending", "exceptions"];

    fn of(stage: &Stage) -> Self {
        let merchant = stage::merchant(1);
        Self(
            [
                Account::MerchantPayable(merchant),
                Account::RefundsPending(merchant),
                Account::Exceptions,
            ]
            .map(|account| stage.credit(Mode::Test, Currency::INR, account)),
        )
    }

    fn moved(&self, stage: &Stage) -> Vec<String> {
        let now = Self::of(stage);
        Self::NAMES
            .into_iter()
            .zip(now.0.into_iter().zip(self.0))
            .filter(|(_name, (now, before))| now != before)
            .map(|(name, (now, before))| {
                let moved = now - before;
                let sign = if moved < 0 { '−' } else { '+' };
                format!("{name} {sign}{}", moved.unsigned_abs())
            })
            .collect()
    }
}

fn amount(minor_units: i64) -> Amount {
    Amount::from_minor_units(minor_units).expect("an amount")
}
