//! The control shard: what may be done with merchants and keys, and that replay tells the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use tollgate_domain::{
    ApiKey, ApiKeyHash, ApiKeyId, ApiKeyKind, Asker, ControlCommand, ControlRejection,
    ControlState, ControlSubject, CreateMerchant, CreateWebhookEndpoint, DeleteWebhookEndpoint,
    DisableReason, DisableWebhookEndpoint, Env, EventFilter, IssueApiKey, KeyAuthority, KeyImprint,
    KeyOwner, KeyStanding, KeyTail, MerchantId, Millis, Mode, Policy, RevokeApiKey, RotateApiKey,
    RotateCallbackSecret, RotateWebhookSecret, Scope, ScopeSet, SealedSecret, ShardId, Timestamp,
    UpdateMerchant, UpdateWebhookEndpoint, WebhookEndpoint, WebhookEndpointId, WebhookSettings,
    codec, invariant,
};

const DAY: Millis = Millis::from_seconds(86_400);

/// A control shard whose time and chance are the test's.
#[derive(Default)]
struct Stage {
    state: ControlState,
    now: Timestamp,
    log: Vec<Vec<u8>>,
    drawn: u16,
}

impl Stage {
    /// A shard with one merchant, which has a key of each mode.
    fn with_merchant() -> (Self, MerchantId) {
        let mut stage = Self { now: Timestamp::from_millis(1_768_473_000_000), ..Self::default() };
        let merchant = stage.create("Café");
        (stage, merchant)
    }

    fn run(&mut self, command: ControlCommand) -> Result<ControlSubject, ControlRejection> {
        let policy = Policy::default();
        let entropy = [self.log.len() as u64, 0, 0];
        let env = Env { now: self.now, shard: ShardId::CONTROL, entropy, policy: &policy };
        let before = self.state.hash();
        let decision = self.state.decide(command, &env);
        assert_eq!(self.state.hash(), before, "deciding changes nothing");
        let decision = decision?;
        if let Some(record) = decision.record {
            self.log.push(codec::encode_control(&record).expect("a record fits the log"));
            self.state.apply(&record);
            invariant::control(&self.state).unwrap();
        }
        Ok(decision.subject)
    }

    fn imprint(&mut self) -> KeyImprint {
        self.drawn += 1;
        let mut hash = [0; 32];
        hash[..2].copy_from_slice(&self.drawn.to_be_bytes());
        KeyImprint { hash: ApiKeyHash(hash), tail: KeyTail::new(*b"x7q9").unwrap() }
    }

    fn create(&mut self, name: &str) -> MerchantId {
        let keys = Mode::ALL.map(|mode| (mode, self.imprint())).to_vec();
        let asker = Asker::Process;
        let command = CreateMerchant { asker, name: name.into(), email: None, keys };
        match self.run(ControlCommand::CreateMerchant(command)).unwrap() {
            ControlSubject::Merchant(id) => id,
            other => panic!("a merchant was created, not {other:?}"),
        }
    }

    fn update(&mut self, command: UpdateMerchant) -> Result<(), ControlRejection> {
        self.run(ControlCommand::UpdateMerchant(command)).map(drop)
    }

    fn issue(&mut self, command: IssueApiKey) -> Result<ApiKey, ControlRejection> {
        let subject = self.run(ControlCommand::IssueApiKey(command))?;
        Ok(self.key(subject))
    }

    fn rotate(&mut self, command: RotateApiKey) -> Result<ApiKey, ControlRejection> {
        let subject = self.run(ControlCommand::RotateApiKey(command))?;
        Ok(self.key(subject))
    }

    fn revoke(&mut self, by: KeyAuthority, key: ApiKeyId) -> Result<ApiKey, ControlRejection> {
        let command = RevokeApiKey { authority: by, key };
        let subject = self.run(ControlCommand::RevokeApiKey(command))?;
        Ok(self.key(subject))
    }

    fn issue_to_operators(&mut self) -> ApiKeyId {
        let command = IssueApiKey {
            authority: KeyAuthority::over_operators(Asker::Process, ScopeSet::ALL),
            kind: ApiKeyKind::Operator,
            imprint: self.imprint(),
            name: None,
            scopes: None,
            expires_at: None,
        };
        self.issue(command).unwrap().id
    }

    fn key(&self, subject: ControlSubject) -> ApiKey {
        match subject {
            ControlSubject::ApiKey(id) => self.state.key(id).unwrap().clone(),
            other => panic!("the command was on a key, not on {other:?}"),
        }
    }

    fn standing(&self, key: ApiKeyId) -> KeyStanding {
        self.state.key(key).unwrap().standing(self.now)
    }

    fn first_key(&self, merchant: MerchantId) -> ApiKey {
        self.state.keys_of(KeyOwner::Merchant(merchant)).next().unwrap().clone()
    }

    /// A merchant's say over its own keys, by its first key of that mode.
    fn by_own_key(&self, merchant: MerchantId, mode: Mode, scopes: ScopeSet) -> KeyAuthority {
        let mut keys = self.state.keys_of(KeyOwner::Merchant(merchant));
        let key = keys.find(|key| key.kind.mode() == Some(mode)).unwrap().id;
        KeyAuthority::of_merchant(key, merchant, mode, scopes)
    }

    fn wait(&mut self, span: Millis) {
        self.now = self.now.after(span);
    }

    /// Plays the log again: it comes to the same.
    fn check_replay(&self) {
        let mut replayed = ControlState::default();
        for bytes in &self.log {
            replayed.apply(&codec::decode_control(bytes).unwrap());
        }
        assert_eq!(replayed.hash(), self.state.hash());
    }
}

/// A secret test key, asked for by an operator.
fn secret(stage: &mut Stage, merchant: MerchantId) -> IssueApiKey {
    IssueApiKey {
        authority: KeyAuthority::over_merchant(Asker::Process, merchant),
        kind: ApiKeyKind::Secret { merchant, mode: Mode::Test },
        imprint: stage.imprint(),
        name: Some("till 3".into()),
        scopes: None,
        expires_at: None,
    }
}

fn rotation(stage: &mut Stage, by: KeyAuthority, key: ApiKeyId) -> RotateApiKey {
    let imprint = stage.imprint();
    RotateApiKey { authority: by, key, imprint, overlap: DAY, expires_at: None }
}

fn set<const N: usize>(scopes: [Scope; N]) -> ScopeSet {
    scopes.into_iter().collect()
}

#[test]
fn a_merchant_is_registered_with_its_first_keys() {
    let (mut stage, first) = Stage::with_merchant();
    stage.wait(DAY);
    let second = stage.create("Bakery");
    let names: Vec<&str> = stage.state.merchants().map(|merchant| &*merchant.name).collect();
    assert_eq!(names, ["Café", "Bakery"]);
    assert_eq!((stage.state.version(), stage.state.last_time()), (2, stage.now));
    for id in [first, second] {
        let merchant = stage.state.merchant(id).unwrap();
        assert_eq!((id.shard(), id.time()), (ShardId::CONTROL, merchant.created_at));
        let keys: Vec<&ApiKey> = stage.state.keys_of(KeyOwner::Merchant(id)).collect();
        let modes: Vec<Option<Mode>> = keys.iter().map(|key| key.kind.mode()).collect();
        assert_eq!(modes, Mode::ALL.map(Some));
        for key in keys {
            assert_eq!(key.scopes, ScopeSet::ALL);
            assert_eq!(key.standing(Timestamp::MAX), KeyStanding::Usable);
            assert_eq!(stage.state.key_of_hash(&key.hash), Some(key));
        }
    }
    stage.check_replay();
}

#[test]
fn a_merchant_changes_and_what_stays_leaves_no_record() {
    let (mut stage, id) = Stage::with_merchant();
    let created = stage.now;
    stage.wait(DAY);
    let nothing = UpdateMerchant {
        asker: Asker::Process,
        merchant: id,
        name: None,
        email: None,
        suspended: None,
        one_payment_per_order: None,
    };
    let email = Some(Some("owner@example.com".into()));
    let all = UpdateMerchant {
        name: Some("Bar".into()),
        email,
        suspended: Some(true),
        one_payment_per_order: Some(true),
        ..nothing.clone()
    };
    stage.update(all.clone()).unwrap();
    let merchant = stage.state.merchant(id).unwrap().clone();
    assert_eq!((&*merchant.name, merchant.email.as_deref()), ("Bar", Some("owner@example.com")));
    assert_eq!((merchant.created_at, merchant.updated_at), (created, stage.now));
    assert_eq!(merchant.suspended_at, Some(stage.now));
    assert!(merchant.one_payment_per_order);
    stage.wait(DAY);
    for same in [all, nothing.clone()] {
        stage.update(same).unwrap();
        assert_eq!(stage.state.version(), 2);
        assert_eq!(stage.state.merchant(id), Some(&merchant));
    }
    let back = UpdateMerchant {
        email: Some(None),
        suspended: Some(false),
        one_payment_per_order: Some(false),
        ..nothing.clone()
    };
    stage.update(back).unwrap();
    let merchant = stage.state.merchant(id).unwrap();
    assert_eq!((&merchant.email, merchant.suspended_at), (&None, None));
    assert!(!merchant.one_payment_per_order);
    let unknown = MerchantId::from_u128(7);
    let refused = stage.update(UpdateMerchant { merchant: unknown, ..nothing });
    assert_eq!(refused, Err(ControlRejection::MerchantNotFound(unknown)));
    stage.check_replay();
}

#[test]
fn a_key_is_issued_as_asked_for() {
    let (mut stage, merchant) = Stage::with_merchant();
    let expires_at = Some(stage.now.after(DAY));
    let command = IssueApiKey {
        kind: ApiKeyKind::Publishable { merchant, mode: Mode::Live },
        expires_at,
        ..secret(&mut stage, merchant)
    };
    let key = stage.issue(command).unwrap();
    assert_eq!((key.name.as_deref(), key.expires_at), (Some("till 3"), expires_at));
    assert_eq!((key.id.time(), key.id.shard()), (stage.now, ShardId::CONTROL));
    assert_eq!(key.allowed().collect::<Vec<_>>(), [Scope::MerchantsRead]);
    assert_eq!(stage.standing(key.id), KeyStanding::Usable);
    stage.wait(Millis(DAY.0 - 1));
    assert_eq!(stage.standing(key.id), KeyStanding::Usable);
    stage.wait(Millis(1));
    assert_eq!(stage.standing(key.id), KeyStanding::Expired);
    stage.check_replay();
}

#[test]
fn what_cannot_be_issued_is_refused() {
    let (mut stage, merchant) = Stage::with_merchant();
    let taken = stage.first_key(merchant);
    let unknown = MerchantId::from_u128(7);
    let base = secret(&mut stage, merchant);
    let now = stage.now;
    let cases = [
        (
            IssueApiKey {
                kind: ApiKeyKind::Secret { merchant: unknown, mode: Mode::Test },
                ..base.clone()
            },
            ControlRejection::MerchantNotFound(unknown),
        ),
        (IssueApiKey { expires_at: Some(now), ..base.clone() }, ControlRejection::ExpiryPast),
        (IssueApiKey { scopes: Some(ScopeSet::NONE), ..base.clone() }, ControlRejection::NoScopes),
        (
            IssueApiKey { scopes: Some(set([Scope::MerchantsWrite])), ..base.clone() },
            ControlRejection::ScopesNotOfKind,
        ),
        (
            IssueApiKey {
                imprint: KeyImprint { hash: taken.hash, ..base.imprint },
                ..base.clone()
            },
            ControlRejection::ApiKeyTaken(taken.id),
        ),
    ];
    for (command, rejection) in cases {
        assert_eq!(stage.issue(command).unwrap_err(), rejection);
    }
    // Two were there from the start.
    for _ in 2..100 {
        let command = secret(&mut stage, merchant);
        stage.issue(command).unwrap();
    }
    let command = secret(&mut stage, merchant);
    assert_eq!(stage.issue(command).unwrap_err(), ControlRejection::TooManyApiKeys);
    // One that is of no use any more makes room.
    stage.revoke(base.authority, taken.id).unwrap();
    let command = secret(&mut stage, merchant);
    stage.issue(command).unwrap();
}

#[test]
fn nobody_gives_more_than_he_has() {
    let (mut stage, merchant) = Stage::with_merchant();
    let other = stage.create("Bakery");
    let few = set([Scope::PaymentsRead, Scope::KeysWrite]);
    let by_few = stage.by_own_key(merchant, Mode::Test, few);
    let by_all = stage.by_own_key(merchant, Mode::Test, ScopeSet::ALL);
    let base = secret(&mut stage, merchant);
    let live = ApiKeyKind::Secret { merchant, mode: Mode::Live };
    let others = ApiKeyKind::Secret { merchant: other, mode: Mode::Test };
    let publishable = ApiKeyKind::Publishable { merchant, mode: Mode::Test };
    let more = Some(set([Scope::PaymentsRead, Scope::PaymentsWrite]));
    for (authority, kind, scopes, rejection) in [
        (by_all, live, None, ControlRejection::OtherMode),
        (by_all, others, None, ControlRejection::OtherMode),
        (by_all, ApiKeyKind::Operator, None, ControlRejection::OtherMode),
        (by_few, base.kind, more, ControlRejection::ScopesExceedAuthority),
        (by_few, base.kind, Some(ScopeSet::ALL), ControlRejection::ScopesExceedAuthority),
        // Of what he may do, such a key may do nothing.
        (by_few, publishable, None, ControlRejection::NoScopes),
    ] {
        let command = IssueApiKey { authority, kind, scopes, ..base.clone() };
        assert_eq!(stage.issue(command).unwrap_err(), rejection, "{kind:?}");
    }
    let command = IssueApiKey { authority: by_few, ..base.clone() };
    assert_eq!(stage.issue(command).unwrap().scopes, few);
    let command = IssueApiKey { authority: by_all, ..secret(&mut stage, merchant) };
    let strong = stage.issue(command).unwrap();
    assert_eq!(strong.scopes, ScopeSet::ALL);
    // A key that may do more is not to be had by renewing it either; taking it away is no gain.
    let command = rotation(&mut stage, by_few, strong.id);
    assert_eq!(stage.rotate(command).unwrap_err(), ControlRejection::ScopesExceedAuthority);
    stage.revoke(by_few, strong.id).unwrap();
}

#[test]
fn operators_give_operators_no_more_than_they_have() {
    let (mut stage, merchant) = Stage::with_merchant();
    let base = IssueApiKey {
        authority: KeyAuthority::over_operators(Asker::Process, ScopeSet::ALL),
        kind: ApiKeyKind::Operator,
        ..secret(&mut stage, merchant)
    };
    let key = stage.issue(base.clone()).unwrap();
    assert_eq!((key.owner(), key.kind.mode()), (KeyOwner::Operators, None));
    let few = set([Scope::OperatorKeysWrite, Scope::MerchantsRead]);
    let by_few = KeyAuthority::over_operators(Asker::Process, few);
    let command = IssueApiKey {
        authority: by_few,
        scopes: Some(set([Scope::MerchantsWrite])),
        imprint: stage.imprint(),
        ..base
    };
    assert_eq!(stage.issue(command).unwrap_err(), ControlRejection::ScopesExceedAuthority);
    let merchants = stage.first_key(merchant).id;
    let refused = stage.revoke(by_few, merchants).unwrap_err();
    assert_eq!(refused, ControlRejection::ApiKeyNotFound(merchants));
}

#[test]
fn a_rotated_key_is_good_until_its_overlap_ends() {
    let (mut stage, merchant) = Stage::with_merchant();
    let by = stage.by_own_key(merchant, Mode::Test, ScopeSet::ALL);
    let few = set([Scope::PaymentsRead]);
    let command = IssueApiKey { scopes: Some(few), ..secret(&mut stage, merchant) };
    let old = stage.issue(command).unwrap();
    stage.wait(DAY);
    let command = rotation(&mut stage, by, old.id);
    let new = stage.rotate(command).unwrap();
    assert_eq!((new.kind, new.scopes, &new.name), (old.kind, few, &old.name));
    assert_eq!((new.created_at, new.expires_at), (stage.now, None));
    assert_ne!((new.id, new.hash), (old.id, old.hash));
    let replaced = stage.state.key(old.id).unwrap();
    assert_eq!(replaced.successor, Some(new.id));
    assert_eq!(replaced.expires_at, Some(stage.now.after(DAY)));
    let again = rotation(&mut stage, by, old.id);
    let rejection = ControlRejection::ApiKeyRotated { key: old.id, successor: new.id };
    assert_eq!(stage.rotate(again).unwrap_err(), rejection);
    stage.wait(Millis(DAY.0 - 1));
    assert_eq!(stage.standing(old.id), KeyStanding::Usable);
    stage.wait(Millis(1));
    assert_eq!(stage.standing(old.id), KeyStanding::Expired);
    assert_eq!(stage.standing(new.id), KeyStanding::Usable);
    // Without overlap the old key ends at once.
    let command = RotateApiKey { overlap: Millis(0), ..rotation(&mut stage, by, new.id) };
    stage.rotate(command).unwrap();
    assert_eq!(stage.standing(new.id), KeyStanding::Expired);
    stage.check_replay();
}

#[test]
fn a_rotation_neither_lengthens_the_old_life_nor_forgets_that_lives_end() {
    let (mut stage, merchant) = Stage::with_merchant();
    let by = KeyAuthority::over_merchant(Asker::Process, merchant);
    let week = Millis(7 * DAY.0);
    let ends = stage.now.after(week);
    let command = IssueApiKey { expires_at: Some(ends), ..secret(&mut stage, merchant) };
    let old = stage.issue(command).unwrap();
    stage.wait(Millis(week.0 - 1));
    let command = rotation(&mut stage, by, old.id);
    let new = stage.rotate(command).unwrap();
    assert_eq!(stage.state.key(old.id).unwrap().expires_at, Some(ends));
    assert_eq!(new.expires_at, Some(stage.now.after(week)));
    let asked = Some(stage.now.after(DAY));
    let command = RotateApiKey { expires_at: asked, ..rotation(&mut stage, by, new.id) };
    let third = stage.rotate(command).unwrap();
    assert_eq!(third.expires_at, asked);
    let command =
        RotateApiKey { expires_at: Some(stage.now), ..rotation(&mut stage, by, third.id) };
    assert_eq!(stage.rotate(command).unwrap_err(), ControlRejection::ExpiryPast);
    stage.wait(DAY);
    let command = rotation(&mut stage, by, third.id);
    let expired = ControlRejection::ApiKeyExpired(third.id);
    assert_eq!(stage.rotate(command).unwrap_err(), expired);
}

#[test]
fn a_revoked_key_stays_so() {
    let (mut stage, merchant) = Stage::with_merchant();
    let by = KeyAuthority::over_merchant(Asker::Process, merchant);
    let key = stage.first_key(merchant).id;
    stage.wait(DAY);
    let revoked = stage.revoke(by, key).unwrap();
    assert_eq!(revoked.revoked_at, Some(stage.now));
    assert_eq!(stage.standing(key), KeyStanding::Revoked);
    stage.wait(DAY);
    let version = stage.state.version();
    assert_eq!(stage.revoke(by, key).unwrap(), revoked, "again changes nothing");
    assert_eq!(stage.state.version(), version);
    let command = rotation(&mut stage, by, key);
    assert_eq!(stage.rotate(command).unwrap_err(), ControlRejection::ApiKeyRevoked(key));
    stage.check_replay();
}

/// A request may begin with a key that is good, and end after it was revoked.
#[test]
fn a_key_that_died_since_it_began_to_ask_gets_nothing_done() {
    let (mut stage, merchant) = Stage::with_merchant();
    let operator = stage.issue_to_operators();
    let dying = stage.issue_to_operators();
    let by = KeyAuthority::over_operators(Asker::Process, ScopeSet::ALL);
    stage.revoke(by, dying).unwrap();
    let expires_at = Some(stage.now.after(DAY));
    let short = IssueApiKey { expires_at, ..secret(&mut stage, merchant) };
    let short = stage.issue(short).unwrap().id;
    stage.wait(DAY);
    let unknown = ApiKeyId::from_u128(7);
    for (asker, rejection) in [
        (Asker::Key(operator), None),
        (Asker::Key(dying), Some(ControlRejection::AskerRevoked(dying))),
        (Asker::Key(short), Some(ControlRejection::AskerExpired(short))),
        // It was forgotten; to be forgotten it has to be dead.
        (Asker::Key(unknown), Some(ControlRejection::AskerRevoked(unknown))),
    ] {
        let authority = KeyAuthority::over_merchant(asker, merchant);
        let issue = IssueApiKey { authority, ..secret(&mut stage, merchant) };
        let victim = secret(&mut stage, merchant);
        let victim = stage.issue(victim).unwrap().id;
        let rotate = rotation(&mut stage, authority, victim);
        let keys = vec![(Mode::Test, stage.imprint())];
        for command in [
            ControlCommand::IssueApiKey(issue),
            ControlCommand::RotateApiKey(rotate),
            ControlCommand::RevokeApiKey(RevokeApiKey { authority, key: victim }),
            ControlCommand::CreateMerchant(CreateMerchant {
                asker,
                name: "Deli".into(),
                email: None,
                keys,
            }),
            ControlCommand::UpdateMerchant(UpdateMerchant {
                asker,
                merchant,
                name: Some("Deli".into()),
                email: None,
                suspended: None,
                one_payment_per_order: None,
            }),
        ] {
            assert_eq!(stage.run(command).err(), rejection, "{asker:?}");
        }
    }
    stage.check_replay();
}

#[test]
fn of_dead_keys_those_that_died_last_are_kept() {
    let (mut stage, merchant) = Stage::with_merchant();
    let by = KeyAuthority::over_merchant(Asker::Process, merchant);
    let owner = KeyOwner::Merchant(merchant);
    // The oldest key of all dies last.
    let oldest = stage.first_key(merchant);
    let mut ended = Vec::new();
    for _ in 0..150 {
        let command = secret(&mut stage, merchant);
        let key = stage.issue(command).unwrap();
        stage.wait(Millis(1));
        stage.revoke(by, key.id).unwrap();
        ended.push(key);
    }
    stage.revoke(by, oldest.id).unwrap();
    let command = secret(&mut stage, merchant);
    stage.issue(command).unwrap();
    let dead: Vec<ApiKeyId> = stage
        .state
        .keys_of(owner)
        .filter(|key| key.standing(stage.now) != KeyStanding::Usable)
        .map(|key| key.id)
        .collect();
    assert_eq!(dead.len(), 100);
    assert!(dead.contains(&oldest.id) && dead.contains(&ended[149].id));
    for forgotten in &ended[..51] {
        assert_eq!(stage.state.key(forgotten.id), None);
        assert_eq!(stage.state.key_of_hash(&forgotten.hash), None, "its text opens nothing");
    }
    assert!(ended[51..].iter().all(|kept| dead.contains(&kept.id)));
    stage.check_replay();
}

#[test]
fn a_rotation_makes_room_as_well_and_a_successor_may_be_forgotten_first() {
    let (mut stage, merchant) = Stage::with_merchant();
    let by = KeyAuthority::over_merchant(Asker::Process, merchant);
    let old = stage.first_key(merchant).id;
    let command = RotateApiKey { overlap: Millis(365 * DAY.0), ..rotation(&mut stage, by, old) };
    let successor = stage.rotate(command).unwrap().id;
    stage.revoke(by, successor).unwrap();
    let mut live = secret(&mut stage, merchant);
    for _ in 0..101 {
        stage.wait(Millis(1));
        let key = stage.issue(live).unwrap().id;
        let command = RotateApiKey { overlap: Millis(0), ..rotation(&mut stage, by, key) };
        let next = stage.rotate(command).unwrap().id;
        stage.revoke(by, next).unwrap();
        live = secret(&mut stage, merchant);
    }
    assert_eq!(stage.state.key(successor), None);
    assert_eq!(stage.standing(old), KeyStanding::Usable);
    assert_eq!(stage.state.key(old).unwrap().successor, Some(successor));
    let again = rotation(&mut stage, by, old);
    let rejection = ControlRejection::ApiKeyRotated { key: old, successor };
    assert_eq!(stage.rotate(again).unwrap_err(), rejection);
    stage.check_replay();
}

/// The process may be given any text as its root key; a revoked one must not come back so.
#[test]
fn operators_dead_keys_are_not_forgotten() {
    let (mut stage, _merchant) = Stage::with_merchant();
    let by = KeyAuthority::over_operators(Asker::Process, ScopeSet::ALL);
    for _ in 0..102 {
        let key = stage.issue_to_operators();
        stage.revoke(by, key).unwrap();
    }
    stage.issue_to_operators();
    assert_eq!(stage.state.keys_of(KeyOwner::Operators).count(), 103);
}

#[test]
fn keys_out_of_reach_do_not_exist() {
    let (mut stage, merchant) = Stage::with_merchant();
    let other = stage.create("Bakery");
    let key = stage.first_key(other).id;
    let unknown = ApiKeyId::from_u128(7);
    let own_live = stage.by_own_key(other, Mode::Live, ScopeSet::ALL);
    for (by, key) in [
        (KeyAuthority::over_merchant(Asker::Process, merchant), key),
        (stage.by_own_key(merchant, Mode::Test, ScopeSet::ALL), key),
        (KeyAuthority::over_operators(Asker::Process, ScopeSet::ALL), key),
        (own_live, key),
        (KeyAuthority::over_merchant(Asker::Process, other), unknown),
    ] {
        let rejection = ControlRejection::ApiKeyNotFound(key);
        let command = rotation(&mut stage, by, key);
        assert_eq!(stage.rotate(command).unwrap_err(), rejection);
        assert_eq!(stage.revoke(by, key).unwrap_err(), rejection);
    }
}

#[test]
fn the_hash_tells_control_states_apart() {
    let hash_after = |change: fn(&mut Stage, MerchantId)| {
        let (mut stage, merchant) = Stage::with_merchant();
        change(&mut stage, merchant);
        stage.state.hash()
    };
    let hashes = [
        hash_after(|_stage, _merchant| {}),
        hash_after(|stage, _merchant| {
            stage.create("Bakery");
        }),
        hash_after(|stage, merchant| {
            let key = stage.first_key(merchant).id;
            stage.revoke(KeyAuthority::over_merchant(Asker::Process, merchant), key).unwrap();
        }),
        hash_after(|stage, merchant| {
            let key = stage.first_key(merchant).id;
            let command =
                rotation(stage, KeyAuthority::over_merchant(Asker::Process, merchant), key);
            stage.rotate(command).unwrap();
        }),
        hash_after(|stage, merchant| {
            stage.update(change(merchant, Some(true), None)).unwrap();
        }),
        hash_after(|stage, merchant| {
            stage.update(change(merchant, None, Some(true))).unwrap();
        }),
    ];
    for (index, hash) in hashes.iter().enumerate() {
        assert!(hashes[index + 1..].iter().all(|later| later != hash), "{index}");
    }
    assert_eq!(hashes[0], hash_after(|_stage, _merchant| {}));
}

fn change(
    merchant: MerchantId,
    suspended: Option<bool>,
    one_payment_per_order: Option<bool>,
) -> UpdateMerchant {
    UpdateMerchant {
        asker: Asker::Process,
        merchant,
        name: None,
        email: None,
        suspended,
        one_payment_per_order,
    }
}

#[test]
fn an_endpoint_is_created_changed_rotated_disabled_and_deleted() {
    let (mut stage, merchant) = Stage::with_merchant();
    let id = stage.endpoint(merchant, Mode::Test);
    let created = stage.state.webhook_endpoint(id).unwrap().clone();
    assert_eq!((created.merchant, created.mode), (merchant, Mode::Test));
    assert!(created.disabled.is_none() && created.settings.takes("payment.failed"));

    stage.now = stage.now.after(DAY);
    let settings =
        WebhookSettings { filters: vec![filter("refund.*")], ..created.settings.clone() };
    let changed = stage.update_endpoint(&created, Some(settings.clone()), None);
    assert_eq!((&changed.settings, changed.updated_at), (&settings, stage.now));
    let records = stage.log.len();
    stage.update_endpoint(&changed, Some(settings), Some(true));
    assert_eq!(stage.log.len(), records, "it is so already");

    let rotate = RotateWebhookSecret {
        asker: Asker::Process,
        merchant,
        mode: Mode::Test,
        endpoint: id,
        secret: SealedSecret([2].into()),
    };
    stage.run(ControlCommand::RotateWebhookSecret(rotate)).unwrap();
    let rotated = stage.state.webhook_endpoint(id).unwrap();
    let previous = rotated.previous_secret.as_ref().unwrap();
    assert_eq!((&rotated.secret.0[..], &previous.secret), (&[2][..], &created.secret));
    assert_eq!(previous.until, stage.now.after(DAY), "both are good for a day");

    let disable = |reason| {
        ControlCommand::DisableWebhookEndpoint(DisableWebhookEndpoint { endpoint: id, reason })
    };
    stage.run(disable(DisableReason::Gone)).unwrap();
    stage.run(disable(DisableReason::Failing)).unwrap();
    let disabled = stage.state.webhook_endpoint(id).unwrap().clone();
    assert_eq!(disabled.disabled.unwrap().reason, DisableReason::Gone, "the first reason stands");
    assert!(stage.update_endpoint(&disabled, None, Some(true)).disabled.is_none());
    let requested = stage.update_endpoint(&disabled, None, Some(false)).disabled.unwrap();
    assert_eq!(requested.reason, DisableReason::Requested);

    let delete =
        DeleteWebhookEndpoint { asker: Asker::Process, merchant, mode: Mode::Test, endpoint: id };
    let deleted = stage.run(ControlCommand::DeleteWebhookEndpoint(delete.clone()));
    assert_eq!(deleted, Ok(ControlSubject::DeletedWebhookEndpoint(id)));
    assert_eq!(stage.state.webhook_endpoints_of(merchant, Mode::Test).count(), 0);
    let again = stage.run(ControlCommand::DeleteWebhookEndpoint(delete));
    assert_eq!(again, Err(ControlRejection::WebhookEndpointNotFound(id)));
    stage.replay_tells_the_same();
}

#[test]
fn a_secret_of_callbacks_is_the_next_one_and_the_one_before_is_good_for_a_day() {
    let (mut stage, merchant) = Stage::with_merchant();
    let of = |stage: &Stage, mode| {
        let secret = stage.state.callback_secret(merchant, mode);
        (secret.number(), secret.previous(stage.now))
    };
    assert_eq!(of(&stage, Mode::Test), (0, None));
    let rotate = |merchant| {
        let asker = Asker::Process;
        let command = RotateCallbackSecret { asker, merchant, mode: Mode::Test };
        ControlCommand::RotateCallbackSecret(command)
    };
    assert_eq!(stage.run(rotate(merchant)), Ok(ControlSubject::Merchant(merchant)));
    assert_eq!(of(&stage, Mode::Test), (1, Some(0)));
    assert_eq!(of(&stage, Mode::Live), (0, None), "the other world has its own");
    stage.run(rotate(merchant)).unwrap();
    assert_eq!(of(&stage, Mode::Test), (2, Some(1)));
    stage.now = stage.now.after(DAY);
    assert_eq!(of(&stage, Mode::Test), (2, None));
    let nobody = MerchantId::from_u128(1);
    assert_eq!(stage.run(rotate(nobody)), Err(ControlRejection::MerchantNotFound(nobody)));
    stage.replay_tells_the_same();
}

#[test]
fn nobody_meets_anothers_endpoint_and_nobody_has_too_many() {
    let (mut stage, merchant) = Stage::with_merchant();
    let other = stage.create("Bakery");
    let id = stage.endpoint(merchant, Mode::Test);
    for (merchant, mode) in [(merchant, Mode::Live), (other, Mode::Test)] {
        let command = UpdateWebhookEndpoint {
            asker: Asker::Process,
            merchant,
            mode,
            endpoint: id,
            settings: None,
            enabled: None,
        };
        let refused = stage.run(ControlCommand::UpdateWebhookEndpoint(command));
        assert_eq!(refused, Err(ControlRejection::WebhookEndpointNotFound(id)));
    }
    for _more in 1..50 {
        stage.endpoint(merchant, Mode::Test);
    }
    let refused = stage.run(ControlCommand::CreateWebhookEndpoint(create(merchant, Mode::Test)));
    assert_eq!(refused, Err(ControlRejection::TooManyWebhookEndpoints));
    stage.endpoint(merchant, Mode::Live);
    stage.endpoint(other, Mode::Test);
    let nobody = MerchantId::from_u128(0);
    let refused = stage.run(ControlCommand::CreateWebhookEndpoint(create(nobody, Mode::Test)));
    assert_eq!(refused, Err(ControlRejection::MerchantNotFound(nobody)));
}

impl Stage {
    fn endpoint(&mut self, merchant: MerchantId, mode: Mode) -> WebhookEndpointId {
        match self.run(ControlCommand::CreateWebhookEndpoint(create(merchant, mode))).unwrap() {
            ControlSubject::WebhookEndpoint(id) => id,
            other => panic!("an endpoint was created, not {other:?}"),
        }
    }

    fn update_endpoint(
        &mut self,
        endpoint: &WebhookEndpoint,
        settings: Option<WebhookSettings>,
        enabled: Option<bool>,
    ) -> WebhookEndpoint {
        let WebhookEndpoint { merchant, mode, id, .. } = *endpoint;
        let command = UpdateWebhookEndpoint {
            asker: Asker::Process,
            merchant,
            mode,
            endpoint: id,
            settings,
            enabled,
        };
        self.run(ControlCommand::UpdateWebhookEndpoint(command)).unwrap();
        self.state.webhook_endpoint(id).unwrap().clone()
    }

    fn replay_tells_the_same(&self) {
        let mut replayed = ControlState::default();
        for bytes in &self.log {
            replayed.apply(&codec::decode_control(bytes).unwrap());
        }
        assert_eq!(replayed.hash(), self.state.hash());
    }
}

fn create(merchant: MerchantId, mode: Mode) -> CreateWebhookEndpoint {
    CreateWebhookEndpoint {
        asker: Asker::Process,
        merchant,
        mode,
        settings: WebhookSettings {
            url: "https://shop.example/hooks".into(),
            description: None,
            filters: vec![filter("payment.*")],
            headers: None,
            rate_per_s: None,
        },
        secret: SealedSecret([1].into()),
    }
}

fn filter(text: &str) -> EventFilter {
    EventFilter::new(text).unwrap()
}
