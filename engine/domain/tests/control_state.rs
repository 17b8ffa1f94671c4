//! The control shard: merchants, their keys, and that replay tells the same of them.

use tollgate_domain::{
    ApiKeyHash, ControlCommand, ControlState, CreateMerchant, Env, Mode, Policy, ShardId,
    Timestamp, codec,
};

#[test]
fn a_merchant_is_registered_with_its_first_keys() {
    let (state, log) = registered(&["Café", "Bakery"]);
    let names: Vec<&str> = state.merchants().map(|merchant| &*merchant.name).collect();
    assert_eq!(names, ["Café", "Bakery"]);
    assert_eq!((state.version(), state.last_time()), (2, Timestamp::from_millis(2_000)));
    for merchant in state.merchants() {
        assert_eq!(merchant.id.shard(), ShardId::CONTROL);
        assert_eq!(merchant.id.time(), merchant.created_at);
        let modes: Vec<Mode> =
            state.keys().filter(|key| key.merchant == merchant.id).map(|key| key.mode).collect();
        assert_eq!(modes, Mode::ALL);
    }
    let mut replayed = ControlState::default();
    for bytes in &log {
        replayed.apply(&codec::decode_control(bytes).unwrap());
    }
    assert_eq!(replayed.hash(), state.hash());
}

#[test]
fn the_hash_tells_control_states_apart() {
    let (one, _log) = registered(&["Café"]);
    let (other, _log) = registered(&["Cafe"]);
    let (both, _log) = registered(&["Café", "Cafe"]);
    assert!(one.hash() != other.hash() && one.hash() != both.hash());
    assert_eq!(one.hash(), registered(&["Café"]).0.hash());
}

fn registered(names: &[&str]) -> (ControlState, Vec<Vec<u8>>) {
    let (mut state, mut log) = (ControlState::default(), Vec::new());
    for (number, name) in (1..).zip(names) {
        let policy = Policy::default();
        let now = Timestamp::from_millis(1_000 * u64::from(number));
        let entropy = [number.into(), 0, 0];
        let env = Env { now, shard: ShardId::CONTROL, entropy, policy: &policy };
        let keys = vec![
            (Mode::Test, ApiKeyHash([2 * number; 32])),
            (Mode::Live, ApiKeyHash([2 * number + 1; 32])),
        ];
        let command = CreateMerchant { name: (*name).into(), keys };
        let record = state.decide(ControlCommand::CreateMerchant(command), &env);
        log.push(codec::encode_control(&record).expect("a record fits the log"));
        state.apply(&record);
    }
    (state, log)
}
