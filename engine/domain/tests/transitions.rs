//! Every state of a payment and its attempt, and what each thing that can happen makes of it.
//!
//! The table is closed: whatever state a row leads to has rows of its own, so no reachable state
//! is missing, and each state meets every happening.

#[path = "stage/stage.rs"]
mod stage;

use std::collections::BTreeSet;

use stage::{
    HOUR, SHARD, Stage, action_required, approved, card, create_payment, declined, effects,
    idempotency, last_attempt, merchant, money, net_banking, standing, upi, wallet,
};
use tollgate_domain::{
    AttemptState, CaptureMode, Command, CreatePayment, Decision, Effect, Millis, Mode,
    OutcomeSource, Payment, PaymentId, PaymentMethod, Policy, ProviderOutcome,
    RecordProviderOutcome, Rejection, Subject, ledger::Account,
};

/// A state is named `payment/attempt`, and `+void` or `+reversal` where such an operation has no
/// outcome. Below it stands each happening, what becomes of the payment, what is booked, and which
/// calls are owed. Where the capture mode matters, automatic stands left of the bar and manual
/// right; a state that only one mode reaches says which. After `; asked` stands what comes of the
/// answer to an inquiry, or of an operator's word, where that differs.
///
/// The method makes no difference but in what is asked of the customer: each row is played by card,
/// by net banking, by wallet and by UPI.
///
/// - *not found early*, *late*: an inquiry finds nothing before, after the provider's horizon.
/// - *due*: a tick when the payment's own timer is due, or an hour later where it has none.
/// - *restart*: the process died; what has no outcome is resolved.
/// - *repeat*: the same key with the same request; the answer is the first final one.
/// - *reuse*: the same key with another request.
///
/// What becomes of operations themselves is the table of `operations.rs`.
const TABLE: &str = "
processing/open
    approved            completed/approved, captured 100.00 | authorized/approved
    declined            failed/declined
    action required     requires_action/action_required
    pending             processing/pending
    not sent            failed/not_sent
    unknown             unknown/unknown
    not found early     unknown/unknown
    not found late      failed/not_sent
    due                 unchanged
    restart             unknown/unknown, inquire
    repeat              answered processing
    reuse               idempotency key was used with another request

processing/pending
    approved            completed/approved, captured 100.00 | authorized/approved
    declined            failed/declined
    action required     requires_action/action_required
    pending             unchanged
    not sent            failed/not_sent
    unknown             unchanged
    not found early     unchanged
    not found late      failed/not_sent
    due                 processing/pending, inquire
    restart             processing/pending, inquire
    repeat              answered processing
    reuse               idempotency key was used with another request

unknown/unknown
    approved            completed/approved, captured 100.00 | authorized/approved
    declined            failed/declined
    action required     requires_action/action_required
    pending             processing/pending
    not sent            failed/not_sent
    unknown             unchanged
    not found early     unchanged
    not found late      failed/not_sent
    due                 unknown/unknown, inquire
    restart             unknown/unknown, inquire
    repeat              answered unknown
    reuse               idempotency key was used with another request

requires_action/action_required
    approved            completed/approved, captured 100.00 | authorized/approved
    declined            failed/declined
    action required     unchanged
    pending             unchanged
    not sent            failed/not_sent
    unknown             unchanged
    not found early     unchanged
    not found late      failed/not_sent
    due                 requires_action/overdue, inquire
    restart             unchanged
    repeat              answered requires_action
    reuse               idempotency key was used with another request

requires_action/overdue
    approved            completed/approved, captured 100.00 | authorized/approved
    declined            failed/declined
    action required     unchanged ; asked requires_action/overdue+void, void
    pending             unchanged ; asked requires_action/overdue+void, void
    not sent            failed/not_sent
    unknown             unchanged
    not found early     unchanged
    not found late      failed/not_sent
    due                 requires_action/overdue, inquire
    restart             unchanged
    repeat              answered requires_action
    reuse               idempotency key was used with another request

requires_action/overdue+void
    approved            completed/approved+void, captured 100.00 | authorized/approved+void
    declined            failed/declined+void
    action required     unchanged
    pending             unchanged
    not sent            failed/not_sent+void
    unknown             unchanged
    not found early     unchanged
    not found late      failed/not_sent+void
    due                 unchanged
    restart             requires_action/overdue+void, ask after void
    repeat              answered requires_action
    reuse               idempotency key was used with another request

completed/approved (automatic)
    approved            unchanged
    declined            completed/contradicted, inquire
    action required     unchanged
    pending             unchanged
    not sent            completed/contradicted, inquire
    unknown             unchanged
    not found early     unchanged
    not found late      completed/contradicted, inquire
    due                 unchanged
    restart             unchanged
    repeat              answered completed
    reuse               idempotency key was used with another request

completed/contradicted (automatic)
    approved            completed/approved
    declined            unchanged ; asked completed/denied, case
    action required     unchanged
    pending             unchanged
    not sent            unchanged ; asked completed/denied, case
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged ; asked completed/denied, case
    due                 completed/contradicted, inquire
    restart             unchanged
    repeat              answered completed
    reuse               idempotency key was used with another request

completed/denied (automatic)
    approved            completed/approved
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 unchanged
    restart             unchanged
    repeat              answered completed
    reuse               idempotency key was used with another request

authorized/approved (manual)
    approved            unchanged
    declined            authorized/contradicted, inquire
    action required     unchanged
    pending             unchanged
    not sent            authorized/contradicted, inquire
    unknown             unchanged
    not found early     unchanged
    not found late      authorized/contradicted, inquire
    due                 authorized/approved+void, void
    restart             unchanged
    repeat              answered authorized
    reuse               idempotency key was used with another request

authorized/contradicted (manual)
    approved            authorized/approved
    declined            unchanged ; asked authorized/denied, case
    action required     unchanged
    pending             unchanged
    not sent            unchanged ; asked authorized/denied, case
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged ; asked authorized/denied, case
    due                 authorized/contradicted, inquire
    restart             unchanged
    repeat              answered authorized
    reuse               idempotency key was used with another request

authorized/denied (manual)
    approved            authorized/approved
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 authorized/denied+void, void
    restart             unchanged
    repeat              answered authorized
    reuse               idempotency key was used with another request

failed/declined
    approved            failed/approved_late+reversal, exceptions 100.00, case, reverse | failed/approved_late+void, case, void
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 unchanged
    restart             unchanged
    repeat              answered failed
    reuse               idempotency key was used with another request

failed/not_sent
    approved            failed/approved_late+reversal, exceptions 100.00, case, reverse | failed/approved_late+void, case, void
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 unchanged
    restart             unchanged
    repeat              answered failed
    reuse               idempotency key was used with another request

failed/approved_late+reversal (automatic)
    approved            unchanged
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 unchanged
    restart             failed/approved_late+reversal, ask after reversal
    repeat              answered failed
    reuse               idempotency key was used with another request

failed/approved_late+void (manual)
    approved            unchanged
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 unchanged
    restart             failed/approved_late+void, ask after void
    repeat              answered failed
    reuse               idempotency key was used with another request

failed/declined+void
    approved            failed/approved_late+void, exceptions 100.00, case | failed/approved_late+void, case
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 unchanged
    restart             failed/declined+void, ask after void
    repeat              answered requires_action
    reuse               idempotency key was used with another request

failed/not_sent+void
    approved            failed/approved_late+void, exceptions 100.00, case | failed/approved_late+void, case
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 unchanged
    restart             failed/not_sent+void, ask after void
    repeat              answered requires_action
    reuse               idempotency key was used with another request

completed/approved+void (automatic)
    approved            unchanged
    declined            completed/contradicted+void, inquire
    action required     unchanged
    pending             unchanged
    not sent            completed/contradicted+void, inquire
    unknown             unchanged
    not found early     unchanged
    not found late      completed/contradicted+void, inquire
    due                 unchanged
    restart             completed/approved+void, ask after void
    repeat              answered requires_action
    reuse               idempotency key was used with another request

completed/contradicted+void (automatic)
    approved            completed/approved+void
    declined            unchanged ; asked completed/denied+void, case
    action required     unchanged
    pending             unchanged
    not sent            unchanged ; asked completed/denied+void, case
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged ; asked completed/denied+void, case
    due                 completed/contradicted+void, inquire
    restart             completed/contradicted+void, ask after void
    repeat              answered requires_action
    reuse               idempotency key was used with another request

completed/denied+void (automatic)
    approved            completed/approved+void
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 unchanged
    restart             completed/denied+void, ask after void
    repeat              answered requires_action
    reuse               idempotency key was used with another request

authorized/approved+void (manual)
    approved            unchanged
    declined            authorized/contradicted+void, inquire
    action required     unchanged
    pending             unchanged
    not sent            authorized/contradicted+void, inquire
    unknown             unchanged
    not found early     unchanged
    not found late      authorized/contradicted+void, inquire
    due                 unchanged
    restart             authorized/approved+void, ask after void
    repeat              answered authorized
    reuse               idempotency key was used with another request

authorized/contradicted+void (manual)
    approved            authorized/approved+void
    declined            unchanged ; asked authorized/denied+void, case
    action required     unchanged
    pending             unchanged
    not sent            unchanged ; asked authorized/denied+void, case
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged ; asked authorized/denied+void, case
    due                 authorized/contradicted+void, inquire
    restart             authorized/contradicted+void, ask after void
    repeat              answered authorized
    reuse               idempotency key was used with another request

authorized/denied+void (manual)
    approved            authorized/approved+void
    declined            unchanged
    action required     unchanged
    pending             unchanged
    not sent            unchanged
    unknown             unchanged
    not found early     unchanged
    not found late      unchanged
    due                 unchanged
    restart             authorized/denied+void, ask after void
    repeat              answered authorized
    reuse               idempotency key was used with another request
";

/// How each state is reached from a payment just created.
const WAYS: [(&str, &[&str]); 24] = [
    ("processing/open", &[]),
    ("processing/pending", &["pending"]),
    ("unknown/unknown", &["unknown"]),
    ("requires_action/action_required", &["action required"]),
    ("requires_action/overdue", &["action required", "due"]),
    ("requires_action/overdue+void", &["action required", "due", "asked: action required"]),
    ("completed/approved", &["approved"]),
    ("completed/contradicted", &["approved", "declined"]),
    ("completed/denied", &["approved", "declined", "asked: declined"]),
    ("authorized/approved", &["approved"]),
    ("authorized/contradicted", &["approved", "declined"]),
    ("authorized/denied", &["approved", "declined", "asked: declined"]),
    ("failed/declined", &["declined"]),
    ("failed/not_sent", &["not sent"]),
    ("failed/approved_late+reversal", &["declined", "approved"]),
    ("failed/approved_late+void", &["declined", "approved"]),
    ("failed/declined+void", &["action required", "due", "asked: action required", "declined"]),
    ("failed/not_sent+void", &["action required", "due", "asked: action required", "not sent"]),
    ("completed/approved+void", &["action required", "due", "asked: action required", "approved"]),
    (
        "completed/contradicted+void",
        &["action required", "due", "asked: action required", "approved", "declined"],
    ),
    (
        "completed/denied+void",
        &[
            "action required",
            "due",
            "asked: action required",
            "approved",
            "declined",
            "asked: declined",
        ],
    ),
    ("authorized/approved+void", &["approved", "due"]),
    ("authorized/contradicted+void", &["approved", "due", "declined"]),
    ("authorized/denied+void", &["approved", "declined", "asked: declined", "due"]),
];

const HAPPENINGS: [&str; 12] = [
    "approved",
    "declined",
    "action required",
    "pending",
    "not sent",
    "unknown",
    "not found early",
    "not found late",
    "due",
    "restart",
    "repeat",
    "reuse",
];

#[test]
fn every_state_meets_every_happening() {
    for state in states() {
        for (happening, expected) in &state.rows {
            for (capture, expected) in
                state.captures.iter().zip(expected_by_capture(&state, expected))
            {
                for (source, method) in
                    OutcomeSource::ALL.into_iter().zip([card(), net_banking(), wallet(), card()])
                {
                    let expected = expected_by_source(expected, source);
                    for method in [method, upi()] {
                        let name = method.as_str();
                        let (mut stage, payment) = reach(state.name, *capture, source, method);
                        let became = happen(&mut stage, payment, happening, source);
                        let case =
                            format!("{}, {happening}, {capture:?}, {source:?}, {name}", state.name);
                        assert_eq!(became, expected, "{case}");
                        assert_eq!(stage.replayed().hash(), stage.state().hash(), "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_table_is_complete_and_closed() {
    let states = states();
    let named: BTreeSet<&str> = states.iter().map(|state| state.name).collect();
    assert_eq!(named.len(), states.len(), "each state stands once");
    assert_eq!(named, WAYS.iter().map(|(name, _way)| *name).collect());
    for state in &states {
        let happenings: Vec<&str> = state.rows.iter().map(|(happening, _)| *happening).collect();
        assert_eq!(happenings, HAPPENINGS, "{}", state.name);
        for (_happening, expected) in &state.rows {
            for alternative in expected.split(" | ").flat_map(|mode| mode.split(" ; asked ")) {
                let became = alternative.split(", ").next().expect("a first part");
                assert!(!became.contains('/') || named.contains(became), "{became} has no rows");
            }
        }
    }
}

/// A transition happens to one payment: its neighbours stay as they are. A restart alone asks about
/// all of them.
#[test]
fn nothing_happens_to_other_payments() {
    for state in states() {
        for happening in HAPPENINGS.into_iter().filter(|happening| *happening != "restart") {
            let (name, capture) = (state.name, state.captures[0]);
            let (mut stage, payment) = reach(name, capture, OutcomeSource::Call, card());
            let mut other = create_payment(money("7.00", "INR"), CaptureMode::Manual);
            other.merchant = merchant(2);
            let accepted = stage.send(Command::CreatePayment(Box::new(other))).unwrap();
            let other = created(&accepted);
            let before = stage.payment(other).clone();
            happen(&mut stage, payment, happening, OutcomeSource::Call);
            assert_eq!(*stage.payment(other), before, "{name}, {happening}");
        }
    }
}

#[test]
fn answers_to_what_was_never_asked_are_refused() {
    for (name, _way) in WAYS.iter().take(4) {
        let (mut stage, payment) = reach(name, CaptureMode::Automatic, OutcomeSource::Call, card());
        let attempt = last_attempt(stage.payment(payment)).id;
        let (stranger, tried) = (PaymentId::from_u128(1), tollgate_domain::AttemptId::from_u128(1));
        let before = stage.state().hash();
        for (payment, attempt, rejection) in [
            (stranger, attempt, Rejection::PaymentNotFound(stranger)),
            (payment, tried, Rejection::AttemptNotFound(tried)),
        ] {
            let source = OutcomeSource::Callback;
            let outcome = approved();
            let answer = RecordProviderOutcome { payment, attempt, source, outcome };
            assert_eq!(stage.send(Command::RecordProviderOutcome(answer)), Err(rejection));
        }
        assert_eq!(stage.send(Command::ResolveUnsettled(vec![stranger])), Ok(Decision::Unchanged));
        assert_eq!(stage.state().hash(), before);
    }
}

/// The rows of one state.
struct State {
    name: &'static str,
    captures: &'static [CaptureMode],
    rows: Vec<(&'static str, &'static str)>,
}

fn states() -> Vec<State> {
    let mut states = Vec::<State>::new();
    for line in TABLE.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(row) = line.strip_prefix("    ") {
            let (happening, expected) = row.split_at(row.find("  ").expect("two columns"));
            let state = states.last_mut().expect("rows follow their state");
            state.rows.push((happening.trim(), expected.trim()));
        } else {
            let (name, captures) = match line.split_once(" (") {
                None => (line, &CaptureMode::ALL[..]),
                Some((name, "automatic)")) => (name, &[CaptureMode::Automatic][..]),
                Some((name, "manual)")) => (name, &[CaptureMode::Manual][..]),
                Some(_) => panic!("not a state: {line}"),
            };
            states.push(State { name, captures, rows: Vec::new() });
        }
    }
    states
}

/// What a row expects under each of the state's capture modes.
fn expected_by_capture<'a>(state: &State, expected: &'a str) -> Vec<&'a str> {
    match expected.split_once(" | ") {
        None => vec![expected; state.captures.len()],
        Some((automatic, manual)) => vec![automatic, manual],
    }
}

/// What a row expects of an answer that came that way.
fn expected_by_source(expected: &str, source: OutcomeSource) -> &str {
    match expected.split_once(" ; asked ") {
        None => expected,
        Some((_unasked, asked)) if source.is_answer_to_inquiry() => asked,
        Some((unasked, _asked)) => unasked,
    }
}

/// A stage whose only payment stands at `name`.
fn reach(
    name: &str,
    capture: CaptureMode,
    source: OutcomeSource,
    method: PaymentMethod,
) -> (Stage, PaymentId) {
    // Longer than any authorization holds, so that keys stay for the whole row.
    let policy =
        Policy { idempotency_retention: Millis::from_seconds(30 * 86_400), ..Policy::default() };
    let mut stage = Stage::new(policy);
    let accepted = stage.send(request("a", capture, method)).expect("a new key");
    let payment = created(&accepted);
    let attempt = last_attempt(stage.payment(payment)).id;
    assert_eq!(effects(&accepted), [Effect::Authorize { payment, attempt }]);
    let (_name, way) = WAYS.iter().find(|(state, _way)| *state == name).expect("a way there");
    for happening in *way {
        match happening.strip_prefix("asked: ") {
            Some(happening) => {
                happen(&mut stage, payment, happening, OutcomeSource::Inquiry);
            }
            None => {
                happen(&mut stage, payment, happening, source);
            }
        }
    }
    assert_eq!(standing_with_operation(stage.payment(payment)), name);
    (stage, payment)
}

/// The same key with a request that `fingerprint` tells apart.
fn request(fingerprint: &str, capture: CaptureMode, method: PaymentMethod) -> Command {
    let payment = create_payment(money("100.00", "INR"), capture);
    let idempotency = Some(idempotency("key", fingerprint));
    Command::CreatePayment(Box::new(CreatePayment { method, idempotency, ..payment }))
}

fn created(decision: &Decision) -> PaymentId {
    match decision {
        Decision::Accepted { subject: Some(Subject::Payment(payment)), .. } => *payment,
        Decision::Accepted { .. } | Decision::Replayed { .. } | Decision::Unchanged => {
            panic!("no payment was created: {decision:?}")
        }
    }
}

/// Lets it happen, and tells what became of the payment in the words of the table.
fn happen(stage: &mut Stage, payment: PaymentId, happening: &str, source: OutcomeSource) -> String {
    let captured = stage.credit(Mode::Test, inr(), Account::MerchantPayable(merchant(1)));
    let exceptions = stage.credit(Mode::Test, inr(), Account::Exceptions);
    let sequence = stage.payment(payment).sequence();
    let cases = stage.payment(payment).cases().len();
    let capture = stage.payment(payment).intent().capture;
    let method = stage.payment(payment).intent().method.clone();
    let outcome = |outcome| (Some(outcome), None);
    let (outcome, command) = match happening {
        "approved" => outcome(approved()),
        "declined" => outcome(declined()),
        "action required" => outcome(action_required(&method)),
        "pending" => outcome(ProviderOutcome::Pending),
        "not sent" => outcome(ProviderOutcome::NotSent),
        "unknown" => outcome(ProviderOutcome::Unknown),
        "not found early" => outcome(ProviderOutcome::NotFound { past_horizon: false }),
        "not found late" => outcome(ProviderOutcome::NotFound { past_horizon: true }),
        "due" => {
            let due_at = stage.payment(payment).due_at();
            stage.wait_until(due_at.unwrap_or(stage.now().after(HOUR)));
            (None, Some(Command::Tick))
        }
        "restart" => (None, None),
        "repeat" => (None, Some(request("a", capture, method))),
        "reuse" => (None, Some(request("b", capture, method))),
        _ => panic!("nothing happens by the name of {happening}"),
    };
    let decided = match (outcome, command) {
        (Some(outcome), _) => stage.answer(payment, source, outcome),
        (None, Some(command)) => stage.send(command),
        (None, None) => stage.restart(),
    };
    let decision = match decided {
        Ok(decision) => decision,
        Err(rejection) => return rejection.to_string(),
    };
    match &decision {
        Decision::Unchanged => return "unchanged".to_owned(),
        Decision::Replayed { subject } => {
            assert_eq!(*subject, Subject::Payment(payment));
            let answer = stage.payment(payment).as_first_answered();
            return format!("answered {}", answer.state().status().as_str());
        }
        Decision::Accepted { .. } => {}
    }
    let now = stage.payment(payment);
    assert!(now.sequence() > sequence, "every event of a payment counts");
    assert_eq!((now.updated_at(), now.id().shard()), (stage.now(), SHARD));
    let mut words = vec![standing_with_operation(now)];
    for (name, account, before) in [
        ("captured", Account::MerchantPayable(merchant(1)), captured),
        ("exceptions", Account::Exceptions, exceptions),
    ] {
        let moved = stage.credit(Mode::Test, inr(), account) - before;
        if moved != 0 {
            words.push(format!("{name} {}.{:02}", moved / 100, moved % 100));
        }
    }
    if now.cases().len() > cases {
        words.push("case".to_owned());
    }
    words.extend(effects(&decision).iter().map(|effect| owed(now, *effect)));
    words.join(", ")
}

/// Where the payment and its last attempt stand, and which operation has no outcome.
fn standing_with_operation(payment: &Payment) -> String {
    let overdue = matches!(&last_attempt(payment).state,
        AttemptState::ActionRequired(schedule) if schedule.inquiries > 0);
    let standing = if overdue { "requires_action/overdue".to_owned() } else { standing(payment) };
    match payment.exclusive_operation() {
        None => standing,
        Some(open) => format!("{standing}+{}", open.intent.kind.as_str()),
    }
}

/// A call in the words of the table; only a new payment is charged.
fn owed(payment: &Payment, effect: Effect) -> String {
    let attempt = last_attempt(payment).id;
    let kind = |operation| payment.operation(operation).expect("it is there").intent.kind.as_str();
    match effect {
        Effect::Inquire { attempt: asked, .. } if asked == attempt => "inquire".to_owned(),
        Effect::Operate { operation, .. } => match kind(operation) {
            "reversal" => "reverse".to_owned(),
            kind => kind.to_owned(),
        },
        Effect::InquireOperation { operation, .. } => format!("ask after {}", kind(operation)),
        Effect::Inquire { .. } | Effect::Authorize { .. } => panic!("not owed: {effect:?}"),
    }
}

fn inr() -> tollgate_domain::Currency {
    tollgate_domain::Currency::INR
}
