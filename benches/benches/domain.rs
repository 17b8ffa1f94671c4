//! The domain alone, on one core: decide and apply, with and without encoding, and decode + apply.
//!
//! A payment is two commands: its creation and its provider's outcome. Each iteration takes a
//! fresh shard through `PAYMENTS` of them, so that the table grows as it would in life.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tollgate_benches::{merchant, payment, receipt};
use tollgate_domain::{
    Command, Decision, Effect, Env, Event, OutcomeSource, Policy, ProviderOutcome, Record,
    RecordProviderOutcome, ShardId, ShardState, Timestamp, codec,
};

const PAYMENTS: u64 = 10_000;

fn accept(state: &mut ShardState, policy: &Policy, number: u64, command: Command) -> Record<Event> {
    let env = Env {
        now: Timestamp::from_millis(1_700_000_000_000 + number / 100),
        shard: ShardId(1),
        entropy: [number, number + 1, number + 2],
        policy,
    };
    match state.decide(command, &env) {
        Ok(Decision::Accepted { record, .. }) => record,
        other => panic!("accepted, not {other:?}"),
    }
}

/// Takes a shard through its payments; `each` sees every record before it is applied.
fn live(
    creations: Vec<Command>,
    policy: &Policy,
    mut each: impl FnMut(&Record<Event>),
) -> ShardState {
    let mut state = ShardState::new(ShardId(1));
    for (number, creation) in (0..).zip(creations) {
        let record = accept(&mut state, policy, number, creation);
        each(&record);
        state.apply(&record);
        let Some(Effect::Authorize { payment, attempt }) = record.effects.first().copied() else {
            panic!("a payment owes a call");
        };
        let outcome = ProviderOutcome::Approved(receipt());
        let source = OutcomeSource::Call;
        let outcome = RecordProviderOutcome { payment, attempt, source, outcome };
        let record = accept(&mut state, policy, number, Command::RecordProviderOutcome(outcome));
        each(&record);
        state.apply(&record);
    }
    state
}

fn creations() -> Vec<Command> {
    (0..PAYMENTS)
        .map(|number| Command::CreatePayment(Box::new(payment(merchant(number % 100), number))))
        .collect()
}

fn domain(criterion: &mut Criterion) {
    let policy = Policy::default();
    let mut group = criterion.benchmark_group("domain");
    group.sample_size(30);
    group.throughput(Throughput::Elements(2 * PAYMENTS));
    group.bench_function("decide_apply", |bencher| {
        bencher.iter_batched(
            creations,
            |creations| live(creations, &policy, |_record| {}),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("decide_encode_apply", |bencher| {
        bencher.iter_batched(
            creations,
            |creations| {
                live(creations, &policy, |record| {
                    std::hint::black_box(codec::encode(record).expect("small"));
                })
            },
            BatchSize::PerIteration,
        );
    });
    let mut records = Vec::new();
    live(creations(), &policy, |record| records.push(codec::encode(record).expect("small")));
    group.bench_function("decode_apply", |bencher| {
        bencher.iter(|| {
            let mut state = ShardState::new(ShardId(1));
            for bytes in &records {
                state.apply(&codec::decode(bytes).expect("valid"));
            }
            state
        });
    });
    group.finish();
}

criterion_group!(benches, domain);
criterion_main!(benches);
