//! Who is asking, and whether he may: API keys, told by their digest.
//!
//! Every operation begins with one of the functions here, and names the scope that it needs. That a
//! merchant never meets what is another's is then the operation's part.
//!
//! Invariant: a key's text is hashed and forgotten; comparisons take the same time for any digest.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderName},
};
use subtle::ConstantTimeEq;
use tollgate_domain::{
    ApiKey, ApiKeyHash, ApiKeyId, ApiKeyKind, Asker, KeyOwner, KeyStanding, MerchantId, Mode,
    Scope, ScopeSet,
};
use tollgate_engine::{ControlView, KeyPass};
use zeroize::Zeroizing;

use super::{
    error::{ErrorCode, Problem},
    request_scope,
    state::Gateway,
};
use crate::secrets::api_key_hash;

/// The older headers for keys: the key itself, or its public name beside the secret.
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_API_SECRET: HeaderName = HeaderName::from_static("x-api-secret");

/// Longer than any key of ours; more is not hashed.
const LONGEST_KEY: usize = 255;

/// The id under which the operator's own key goes, which comes from the environment or a file and
/// not from the control shard.
pub(super) const ROOT_OPERATOR: ApiKeyId = ApiKeyId::from_u128(0);

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Caller {
    /// A merchant's server.
    Merchant(MerchantCaller),
    /// A merchant's page, on its customers' machines: it may be anybody.
    Checkout(MerchantCaller),
    /// An operator.
    Operator(OperatorCaller),
}

/// On whose behalf, and by which key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MerchantCaller {
    pub(super) key: ApiKeyId,
    pub(super) merchant: MerchantId,
    pub(super) mode: Mode,
    pub(super) scopes: ScopeSet,
    suspended: bool,
    /// Whether the merchant takes no second payment for an order that is paid.
    pub(super) one_payment_per_order: bool,
}

/// By which key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OperatorCaller {
    pub(super) key: ApiKeyId,
    pub(super) scopes: ScopeSet,
}

/// Finds out who asks, and whether his key has that scope.
///
/// # Errors
/// 401 without a key that opens anything, 403 where it does not open this, 429 where it asked too
/// often.
pub(super) fn caller(
    gateway: &Gateway,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<Caller, Problem> {
    let caller = known_caller(gateway, headers)?;
    let kind = caller.kind();
    if !scope.is_of(kind) {
        return Err(Problem::of(match kind {
            ApiKeyKind::Secret { .. } => ErrorCode::OperatorKeyRequired,
            ApiKeyKind::Publishable { .. } => ErrorCode::SecretKeyRequired,
            ApiKeyKind::Operator => ErrorCode::MerchantKeyRequired,
        }));
    }
    if !caller.scopes().contains(scope) {
        let detail = format!("The API key lacks the scope `{}`.", scope.as_str());
        return Err(Problem::new(ErrorCode::ScopeMissing, detail));
    }
    Ok(caller)
}

/// The same for an operation of merchants' servers.
///
/// # Errors
/// As [`caller`], and 403 for whoever else asks.
pub(super) fn merchant(
    gateway: &Gateway,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<MerchantCaller, Problem> {
    match caller(gateway, headers, scope)? {
        Caller::Merchant(merchant) => Ok(merchant),
        Caller::Checkout(_) => Err(Problem::of(ErrorCode::SecretKeyRequired)),
        Caller::Operator(_) => Err(Problem::of(ErrorCode::MerchantKeyRequired)),
    }
}

/// The same for an operation of operators.
///
/// # Errors
/// As [`caller`], and 403 for whoever else asks.
pub(super) fn operator(
    gateway: &Gateway,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<OperatorCaller, Problem> {
    match caller(gateway, headers, scope)? {
        Caller::Operator(operator) => Ok(operator),
        Caller::Merchant(_) | Caller::Checkout(_) => {
            Err(Problem::of(ErrorCode::OperatorKeyRequired))
        }
    }
}

/// Whether the key that somebody came with still opens that, for what lasts longer than a request.
pub(super) fn is_usable(gateway: &Gateway, own: &MerchantCaller, scope: Scope) -> bool {
    let Some(serving) = gateway.try_serving() else { return false };
    let now = (gateway.clock)();
    serving.engine.control().read(|state| {
        let usable = |key: &&ApiKey| key.standing(now) == KeyStanding::Usable;
        let key = state.key(own.key).filter(usable);
        key.is_some_and(|key| key.allowed().any(|allowed| allowed == scope))
    })
}

impl OperatorCaller {
    /// What the control shard looks at again when it decides.
    pub(super) fn asker(&self) -> Asker {
        if self.key == ROOT_OPERATOR { Asker::Process } else { Asker::Key(self.key) }
    }
}

impl MerchantCaller {
    /// What the control shard looks at again when it decides.
    pub(super) fn asker(&self) -> Asker {
        Asker::Key(self.key)
    }

    /// Why the merchant takes no new payments, while it is suspended.
    pub(super) fn suspension(&self) -> Option<Problem> {
        self.suspended.then(|| Problem::of(ErrorCode::MerchantSuspended))
    }
}

impl Caller {
    fn of(pass: &KeyPass) -> Self {
        let KeyPass { id: key, scopes, suspended, one_payment_per_order, .. } = *pass;
        let of_merchant = |merchant, mode| MerchantCaller {
            key,
            merchant,
            mode,
            scopes,
            suspended,
            one_payment_per_order,
        };
        match pass.kind {
            ApiKeyKind::Secret { merchant, mode } => Self::Merchant(of_merchant(merchant, mode)),
            ApiKeyKind::Publishable { merchant, mode } => {
                Self::Checkout(of_merchant(merchant, mode))
            }
            ApiKeyKind::Operator => Self::Operator(OperatorCaller { key, scopes }),
        }
    }

    fn kind(&self) -> ApiKeyKind {
        match *self {
            Self::Merchant(MerchantCaller { merchant, mode, .. }) => {
                ApiKeyKind::Secret { merchant, mode }
            }
            Self::Checkout(MerchantCaller { merchant, mode, .. }) => {
                ApiKeyKind::Publishable { merchant, mode }
            }
            Self::Operator(_) => ApiKeyKind::Operator,
        }
    }

    fn scopes(&self) -> ScopeSet {
        match self {
            Self::Merchant(caller) | Self::Checkout(caller) => caller.scopes,
            Self::Operator(caller) => caller.scopes,
        }
    }
}

/// Whose key it is that the request came with.
fn known_caller(gateway: &Gateway, headers: &HeaderMap) -> Result<Caller, Problem> {
    let serving = gateway.serving()?;
    let control = serving.engine.control();
    let now = || (gateway.clock)();
    let Credentials { secret, name } = credentials(headers)?;
    let Some(pass) = known(control, &secret) else {
        // The operator's own key has no public name that could stand beside it.
        if name.is_none() && is_same(&serving.operator, &secret) {
            request_scope::authenticated(&secret, None)?;
            let root = OperatorCaller { key: ROOT_OPERATOR, scopes: ScopeSet::ALL };
            return Ok(Caller::Operator(root));
        }
        return Err(Problem::of(ErrorCode::ApiKeyInvalid));
    };
    if !name.is_none_or(|name| belongs_together(control, &pass, name, now)) {
        return Err(Problem::of(ErrorCode::ApiKeyInvalid));
    }
    match pass.standing(now) {
        KeyStanding::Usable => {
            let merchant = match pass.kind.owner() {
                KeyOwner::Merchant(merchant) => Some(merchant),
                KeyOwner::Operators => None,
            };
            request_scope::authenticated(&pass.hash, merchant)?;
            Ok(Caller::of(&pass))
        }
        KeyStanding::Expired => Err(Problem::of(ErrorCode::ApiKeyExpired)),
        KeyStanding::Revoked => Err(Problem::of(ErrorCode::ApiKeyRevoked)),
    }
}

fn known(control: &ControlView, hash: &ApiKeyHash) -> Option<KeyPass> {
    control.find_key(hash).filter(|pass| is_same(&pass.hash, hash))
}

/// Whether a public name is that of the key, or of a publishable key of the same merchant and mode.
fn belongs_together(
    control: &ControlView,
    pass: &KeyPass,
    name: PublicName,
    now: impl FnOnce() -> tollgate_domain::Timestamp,
) -> bool {
    match name {
        PublicName::Id(id) => id == pass.id,
        PublicName::Publishable(hash) => known(control, &hash).is_some_and(|publishable| {
            let of_same = match (pass.kind, publishable.kind) {
                (
                    ApiKeyKind::Secret { merchant, mode },
                    ApiKeyKind::Publishable { merchant: other, mode: other_mode },
                ) => (merchant, mode) == (other, other_mode),
                _any_others => false,
            };
            of_same && publishable.standing(now) == KeyStanding::Usable
        }),
    }
}

fn is_same(one: &ApiKeyHash, other: &ApiKeyHash) -> bool {
    one.0.ct_eq(&other.0).into()
}

/// What a request authenticates with: the digest of a key, and its public name where that is given
/// as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Credentials {
    secret: ApiKeyHash,
    name: Option<PublicName>,
}

/// What older clients send beside the secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PublicName {
    /// The key's id.
    Id(ApiKeyId),
    /// The digest of a publishable key.
    Publishable(ApiKeyHash),
}

/// The credentials, from whichever headers hold them; `Authorization` goes first.
fn credentials(headers: &HeaderMap) -> Result<Credentials, Problem> {
    let text = |name| match headers.get(name) {
        Some(value) => value.to_str().map(Some).map_err(|_not_ascii| invalid()),
        None => Ok(None),
    };
    if let Some(authorization) = text(AUTHORIZATION)? {
        let (scheme, credentials) = authorization.split_once(' ').ok_or_else(invalid)?;
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Credentials::alone(credentials);
        }
        return if scheme.eq_ignore_ascii_case("basic") {
            basic(credentials)
        } else {
            Err(invalid())
        };
    }
    match (text(X_API_KEY)?, text(X_API_SECRET)?) {
        (Some(key), None) => Credentials::alone(key),
        (Some(name), Some(secret)) => Credentials::named(name, secret),
        (None, Some(_) | None) => Err(Problem::of(ErrorCode::ApiKeyMissing)),
    }
}

/// Basic authentication (RFC 7617): the key as user, or its public name with the key as password.
fn basic(credentials: &str) -> Result<Credentials, Problem> {
    let decoded = Zeroizing::new(STANDARD.decode(credentials).map_err(|_not_base64| invalid())?);
    let text = std::str::from_utf8(&decoded).map_err(|_not_text| invalid())?;
    match text.split_once(':').unwrap_or((text, "")) {
        (user, "") => Credentials::alone(user),
        (user, password) => Credentials::named(user, password),
    }
}

impl Credentials {
    fn alone(secret: &str) -> Result<Self, Problem> {
        Ok(Self { secret: hashed(secret)?, name: None })
    }

    fn named(name: &str, secret: &str) -> Result<Self, Problem> {
        let name = match name.parse() {
            Ok(id) => PublicName::Id(id),
            Err(_no_id) if name.starts_with("pk_") => PublicName::Publishable(hashed(name)?),
            Err(_no_id) => return Err(invalid()),
        };
        Ok(Self { secret: hashed(secret)?, name: Some(name) })
    }
}

fn hashed(key: &str) -> Result<ApiKeyHash, Problem> {
    if key.len() > LONGEST_KEY { Err(invalid()) } else { Ok(api_key_hash(key)) }
}

fn invalid() -> Problem {
    Problem::of(ErrorCode::ApiKeyInvalid)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn given(headers: &[(HeaderName, &'static str)]) -> Result<Credentials, ErrorCode> {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        credentials(&headers.collect()).map_err(|problem| problem.code())
    }

    #[test]
    fn keys_come_in_three_ways() {
        let key = Credentials { secret: api_key_hash("sk_test_1"), name: None };
        for (name, value) in [
            (AUTHORIZATION, "Bearer sk_test_1"),
            (AUTHORIZATION, "bearer  sk_test_1 "),
            (AUTHORIZATION, "Basic c2tfdGVzdF8xOg=="),
            (AUTHORIZATION, "Basic c2tfdGVzdF8x"),
            (X_API_KEY, "sk_test_1"),
        ] {
            assert_eq!(given(&[(name, value)]), Ok(key), "{value}");
        }
        let both = [(X_API_KEY, "sk_test_2"), (AUTHORIZATION, "Bearer sk_test_1")];
        assert_eq!(given(&both), Ok(key));
    }

    #[test]
    fn a_public_name_may_stand_beside_the_key() {
        const ID: &str = "key_00000000000000000000000007";
        let key = |name| Ok(Credentials { secret: api_key_hash("sk_1"), name: Some(name) });
        let by_id = key(PublicName::Id(ApiKeyId::from_u128(7)));
        assert_eq!(given(&[(X_API_KEY, ID), (X_API_SECRET, "sk_1")]), by_id);
        let encoded = STANDARD.encode(format!("{ID}:sk_1"));
        assert_eq!(basic(&encoded).map_err(|problem| problem.code()), by_id);
        let publishable = key(PublicName::Publishable(api_key_hash("pk_1")));
        assert_eq!(given(&[(X_API_KEY, "pk_1"), (X_API_SECRET, "sk_1")]), publishable);
        let refused = Err(ErrorCode::ApiKeyInvalid);
        assert_eq!(given(&[(X_API_KEY, "sk_1"), (X_API_SECRET, "sk_1")]), refused);
    }

    #[test]
    fn other_schemes_are_refused() {
        for value in ["sk_test_1", "Digest abc", "Basic !!!", "Bearer"] {
            let refused = Err(ErrorCode::ApiKeyInvalid);
            assert_eq!(given(&[(AUTHORIZATION, value)]), refused, "{value}");
        }
        for headers in [&[][..], &[(X_API_SECRET, "sk_1")]] {
            assert_eq!(given(headers), Err(ErrorCode::ApiKeyMissing));
        }
    }
}
