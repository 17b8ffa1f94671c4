//! A record of the log as one line of JSON.
//!
//! ```text
//!   {"sequence":7,"shard":3,"shard_sequence":2,"time":"2026-…Z","kind":"payments",
//!    "events":[{"event":"attempt_started","payment":"pay_…", …}],"idempotency":{…},"effects":[…]}
//! ```
//!
//! Events are named as in the glossary, in snake case, with the glossary's fields. Digests are
//! written in hexadecimal: they are keyed, or of secrets that cannot be guessed.
//!
//! Not here: card numbers, security codes and personal data: no record holds the former, and the latter only
//! sealed.

mod operation;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::Value;
use tollgate_domain::{
    ApiKey, ApiKeyKind, CaptureMode, ControlEvent, DeclineCode, Effect, Event, EventFilter,
    FailureReason, IdempotencyEntry, KeyTail, Merchant, Mode, NextAction, OutcomeSource,
    PaymentIntent, PaymentMethod, ProviderReceipt, Record, Scope, Sealed, Subject, Timestamp,
    WebhookEndpoint, WebhookSettings,
};
use tollgate_engine::{LoggedRecord, RecordContent};

use crate::http::Rfc3339;

/// A record, to be serialized.
pub(crate) struct RecordLine<'r>(pub(crate) &'r LoggedRecord);

impl Serialize for RecordLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let LoggedRecord { number, shard, shard_sequence, content } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sequence", number)?;
        map.serialize_entry("shard", &shard.0)?;
        map.serialize_entry("shard_sequence", shard_sequence)?;
        match content {
            RecordContent::Payments(record) => {
                write_record(&mut map, "payments", record, payment_event)?;
            }
            RecordContent::Control(record) => {
                write_record(&mut map, "control", record, control_event)?;
            }
        }
        map.end()
    }
}

fn write_record<M: SerializeMap, E>(
    map: &mut M,
    kind: &str,
    record: &Record<E>,
    render: fn(&E) -> Object,
) -> Result<(), M::Error> {
    let Record { at, events, idempotency, effects } = record;
    map.serialize_entry("time", &Rfc3339(*at))?;
    map.serialize_entry("kind", kind)?;
    map.serialize_entry("events", &List(events, render))?;
    map.serialize_entry("idempotency", &idempotency.as_ref().map(idempotency_entry))?;
    map.serialize_entry("effects", &List(effects, effect))
}

/// An event of a payment shard.
pub(crate) fn payment_event(event: &Event) -> Object {
    match event {
        Event::PaymentCreated(intent) => payment_created(intent),
        Event::AttemptStarted { payment, attempt, provider } => named("attempt_started")
            .text("payment", payment)
            .text("attempt", attempt)
            .text("provider", provider),
        Event::AttemptApproved { payment, attempt, source, receipt } => named("attempt_approved")
            .text("payment", payment)
            .text("attempt", attempt)
            .with("source", source_name(*source))
            .with("receipt", receipt_of(receipt)),
        Event::AttemptDeclined { payment, attempt, source, code } => named("attempt_declined")
            .text("payment", payment)
            .text("attempt", attempt)
            .with("source", source_name(*source))
            .with("code", code.as_str()),
        Event::AttemptActionRequired { payment, attempt, source, action, expires_at } => {
            named("attempt_action_required")
                .text("payment", payment)
                .text("attempt", attempt)
                .with("source", source_name(*source))
                .with("action", action_of(action))
                .with("expires_at", time(*expires_at))
        }
        Event::AttemptPending { payment, attempt, source, inquire_at } => named("attempt_pending")
            .text("payment", payment)
            .text("attempt", attempt)
            .with("source", source_name(*source))
            .with("inquire_at", time(*inquire_at)),
        Event::AttemptNotSent { payment, attempt, source } => named("attempt_not_sent")
            .text("payment", payment)
            .text("attempt", attempt)
            .with("source", source_name(*source)),
        Event::AttemptUnknown { payment, attempt, source, inquire_at } => named("attempt_unknown")
            .text("payment", payment)
            .text("attempt", attempt)
            .with("source", source_name(*source))
            .with("inquire_at", time(*inquire_at)),
        Event::InquiryStarted { payment, attempt, inquire_at } => named("inquiry_started")
            .text("payment", payment)
            .text("attempt", attempt)
            .with("inquire_at", time(*inquire_at)),
        Event::AttemptApprovedLate { payment, attempt, source, receipt, taken } => {
            named("attempt_approved_late")
                .text("payment", payment)
                .text("attempt", attempt)
                .with("source", source_name(*source))
                .with("receipt", receipt_of(receipt))
                .with("taken_minor", taken.minor_units())
        }
        Event::AttemptContradicted { payment, attempt, source, inquire_at } => {
            named("attempt_contradicted")
                .text("payment", payment)
                .text("attempt", attempt)
                .with("source", source_name(*source))
                .with("inquire_at", time(*inquire_at))
        }
        Event::AttemptReaffirmed { payment, attempt, source } => named("attempt_reaffirmed")
            .text("payment", payment)
            .text("attempt", attempt)
            .with("source", source_name(*source)),
        Event::AttemptCancelled { payment, attempt, source } => named("attempt_cancelled")
            .text("payment", payment)
            .text("attempt", attempt)
            .with("source", source_name(*source)),
        Event::PaymentHeldForReview { payment, expires_at } => named("payment_held_for_review")
            .text("payment", payment)
            .with("expires_at", time(*expires_at)),
        Event::ReviewApproved { payment } => named("review_approved").text("payment", payment),
        Event::PaymentPartlyCaptured { payment, captured, fee } => named("payment_partly_captured")
            .text("payment", payment)
            .with("captured_minor", captured.minor_units())
            .with("fee_minor", fee.minor_units()),
        Event::RemainderReleased { payment } => {
            named("remainder_released").text("payment", payment)
        }
        Event::PaymentVoided { payment } => named("payment_voided").text("payment", payment),
        Event::PaymentReversed { payment } => named("payment_reversed").text("payment", payment),
        Event::PaymentAuthorized { payment, expires_at } => named("payment_authorized")
            .text("payment", payment)
            .with("expires_at", time(*expires_at)),
        Event::PaymentCaptured { payment, captured, fee } => named("payment_captured")
            .text("payment", payment)
            .with("captured_minor", captured.minor_units())
            .with("fee_minor", fee.minor_units()),
        Event::PaymentFailed { payment, reason } => {
            let (reason, code) = failure(*reason);
            named("payment_failed")
                .text("payment", payment)
                .with("reason", reason)
                .with("code", code.map(DeclineCode::as_str))
        }
        Event::PaymentExpired { payment } => named("payment_expired").text("payment", payment),
        Event::IdempotencyKeysForgotten { created_before } => {
            named("idempotency_keys_forgotten").with("created_before", time(*created_before))
        }
        Event::OrderCreated(order) => operation::order_created(order),
        Event::PaymentArchived { payment } => named("payment_archived").text("payment", payment),
        Event::PaymentRecalled { payment, history } => named("payment_recalled")
            .text("payment", payment)
            .with("records", history.chapters().len()),
        Event::OrderArchived { order } => named("order_archived").text("order", order),
        Event::OrderRecalled { order } => operation::order_recalled(order),
        Event::OperationStarted { .. }
        | Event::OperationSucceeded { .. }
        | Event::OperationFailed { .. }
        | Event::OperationPending { .. }
        | Event::OperationUnknown { .. }
        | Event::OperationDelayed { .. }
        | Event::OperationResent { .. }
        | Event::OperationInquiryStarted { .. }
        | Event::OperationContradicted { .. }
        | Event::OperationReaffirmed { .. }
        | Event::RefundReturned { .. }
        | Event::OperationSucceededLate { .. }
        | Event::CaseOpened { .. }
        | Event::CaseResolved { .. } => operation::event(event),
    }
}

fn control_event(event: &ControlEvent) -> Object {
    match event {
        ControlEvent::MerchantCreated(merchant) => {
            // What else a merchant has, it has not yet.
            let Merchant {
                id,
                name,
                email,
                suspended_at: _,
                one_payment_per_order: _,
                created_at,
                updated_at: _,
            } = merchant;
            named("merchant_created")
                .text("merchant", id)
                .with("name", &**name)
                .with("email", email.as_deref())
                .with("created_at", time(*created_at))
        }
        ControlEvent::MerchantRenamed { merchant, name } => {
            named("merchant_renamed").text("merchant", merchant).with("name", &**name)
        }
        ControlEvent::MerchantEmailChanged { merchant, email } => named("merchant_email_changed")
            .text("merchant", merchant)
            .with("email", email.as_deref()),
        ControlEvent::MerchantSuspended { merchant } => {
            named("merchant_suspended").text("merchant", merchant)
        }
        ControlEvent::MerchantResumed { merchant } => {
            named("merchant_resumed").text("merchant", merchant)
        }
        ControlEvent::ApiKeyIssued(key) => api_key_issued(key),
        ControlEvent::ApiKeyRotated { key, successor, expires_at } => named("api_key_rotated")
            .text("key", key)
            .text("successor", successor)
            .with("expires_at", time(*expires_at)),
        ControlEvent::ApiKeyRevoked { key } => named("api_key_revoked").text("key", key),
        ControlEvent::ApiKeyForgotten { key } => named("api_key_forgotten").text("key", key),
        ControlEvent::WebhookEndpointCreated(endpoint) => {
            let WebhookEndpoint { id, merchant, mode, settings, .. } = endpoint;
            let object = named("webhook_endpoint_created")
                .text("endpoint", id)
                .text("merchant", merchant)
                .with("mode", mode_name(*mode));
            webhook_settings(object, settings)
        }
        ControlEvent::WebhookEndpointChanged { endpoint, settings } => {
            webhook_settings(named("webhook_endpoint_changed").text("endpoint", endpoint), settings)
        }
        ControlEvent::WebhookSecretRotated { endpoint, secret: _, previous_until } => {
            named("webhook_secret_rotated")
                .text("endpoint", endpoint)
                .with("previous_until", time(*previous_until))
        }
        ControlEvent::WebhookEndpointEnabled { endpoint } => {
            named("webhook_endpoint_enabled").text("endpoint", endpoint)
        }
        ControlEvent::WebhookEndpointDisabled { endpoint, reason } => {
            named("webhook_endpoint_disabled")
                .text("endpoint", endpoint)
                .with("reason", reason.as_str())
        }
        ControlEvent::WebhookEndpointDeleted { endpoint } => {
            named("webhook_endpoint_deleted").text("endpoint", endpoint)
        }
        ControlEvent::MerchantOrderRuleChanged { merchant, one_payment_per_order } => {
            named("merchant_order_rule_changed")
                .text("merchant", merchant)
                .with("one_payment_per_order", *one_payment_per_order)
        }
        ControlEvent::CallbackSecretRotated { merchant, mode, previous_until } => {
            named("callback_secret_rotated")
                .text("merchant", merchant)
                .with("mode", mode_name(*mode))
                .with("previous_until", time(*previous_until))
        }
    }
}

fn api_key_issued(key: &ApiKey) -> Object {
    let ApiKey {
        id,
        hash,
        tail,
        kind,
        scopes: _,
        name,
        created_at,
        expires_at,
        // What happens to a key later has events of its own.
        revoked_at: _,
        successor: _,
    } = key;
    let (kind, merchant) = match kind {
        ApiKeyKind::Secret { merchant, mode: _ } => ("secret", Some(merchant)),
        ApiKeyKind::Publishable { merchant, mode: _ } => ("publishable", Some(merchant)),
        ApiKeyKind::Operator => ("operator", None),
    };
    let scopes: Vec<&str> = key.allowed().map(Scope::as_str).collect();
    named("api_key_issued")
        .text("key", id)
        .with("hash", hex(&hash.0))
        .with("last4", tail.as_ref().map(KeyTail::as_str))
        .with("kind", kind)
        .with("merchant", merchant.map(ToString::to_string))
        .with("mode", key.kind.mode().map(mode_name))
        .with("scopes", scopes)
        .with("name", name.as_deref())
        .with("created_at", time(*created_at))
        .with("expires_at", expires_at.map(time))
}

fn payment_created(intent: &PaymentIntent) -> Object {
    let PaymentIntent {
        id,
        transaction,
        merchant,
        mode,
        money,
        capture,
        method,
        hold_for_review,
        emi,
        order_id,
        order,
        one_payment_per_order,
        customer_id,
        personal,
        description,
        callback_url,
        return_url,
        metadata,
        control_version,
        created_at,
    } = intent;
    let optional = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    let emi = emi.map(|plan| {
        serde_json::json!({
            "months": plan.months,
            "annual_rate_basis_points": plan.annual_rate,
            "no_cost": plan.no_cost,
        })
    });
    let object = named("payment_created")
        .text("payment", id)
        .text("transaction", transaction)
        .text("merchant", merchant)
        .with("mode", mode_name(*mode))
        .with("amount_minor", money.amount.minor_units())
        .with("currency", money.currency.code())
        .with("capture", capture_name(*capture));
    method_of(object, method)
        .with("hold_for_review", *hold_for_review)
        .with("emi", emi)
        .with("order_id", optional(order_id))
        .with("order", order.map(|order| order.to_string()))
        .with("one_payment_per_order", *one_payment_per_order)
        .with("customer_id", optional(customer_id))
        .with("personal", personal.as_ref().map(sealed))
        .with("description", optional(description))
        .with("callback_url", optional(callback_url))
        .with("return_url", optional(return_url))
        .with("metadata", pairs(metadata))
        .with("control_version", *control_version)
        .with("created_at", time(*created_at))
}

fn method_of(object: Object, method: &PaymentMethod) -> Object {
    let facts = match method {
        PaymentMethod::Card(card) => serde_json::json!({
            "brand": card.brand.as_str(),
            "bin": format!("{:06}", card.bin),
            "last4": format!("{:04}", card.last4),
            "expiry_month": card.expiry_month,
            "expiry_year": card.expiry_year,
            "fingerprint": hex(&card.fingerprint.0),
        }),
        PaymentMethod::Upi(upi) => serde_json::json!({
            "handle": upi.handle,
            "fingerprint": hex(&upi.fingerprint.0),
            "payee_name": upi.payee_name,
        }),
        PaymentMethod::NetBanking(net_banking) => serde_json::json!({ "bank": net_banking.bank }),
        PaymentMethod::Wallet(wallet) => serde_json::json!({
            "provider": wallet.provider,
            "fingerprint": hex(&wallet.fingerprint.0),
        }),
    };
    object.with("payment_method", method.as_str()).with(method.as_str(), facts)
}

/// What is sealed stays so: under which key, and how much of it there is.
fn sealed(sealed: &Sealed) -> Value {
    serde_json::json!({ "sealed_under": hex(&sealed.key().0), "bytes": sealed.bytes().len() })
}

fn action_of(action: &NextAction) -> Value {
    match action {
        NextAction::Redirect { url } => serde_json::json!({ "redirect": { "url": url } }),
        NextAction::ApproveUpi { payee_vpa, reference } => serde_json::json!({
            "approve_upi": { "payee_vpa": payee_vpa, "reference": reference },
        }),
    }
}

/// The headers are sealed, and stay so.
fn webhook_settings(object: Object, settings: &WebhookSettings) -> Object {
    let WebhookSettings { url, description, filters, headers, rate_per_s } = settings;
    let filters: Vec<&str> = filters.iter().map(EventFilter::as_str).collect();
    object
        .with("url", url.as_ref())
        .with("description", description.as_deref())
        .with("filters", filters)
        .with("headers", headers.is_some())
        .with("rate_per_s", rate_per_s.map(std::num::NonZeroU32::get))
}

fn effect(effect: &Effect) -> Object {
    let named = |name: &'static str| Object(vec![("effect", name.into())]);
    match effect {
        Effect::Authorize { payment, attempt } => {
            named("authorize").text("payment", payment).text("attempt", attempt)
        }
        Effect::Inquire { payment, attempt } => {
            named("inquire").text("payment", payment).text("attempt", attempt)
        }
        Effect::Operate { payment, operation } => {
            named("operate").text("payment", payment).text("operation", operation)
        }
        Effect::InquireOperation { payment, operation } => {
            named("inquire_operation").text("payment", payment).text("operation", operation)
        }
    }
}

fn idempotency_entry(entry: &IdempotencyEntry) -> Object {
    let IdempotencyEntry { key, fingerprint, subject } = entry;
    let object = Object(vec![("key", hex(&key.0).into())])
        .with("fingerprint", format!("{:016x}", fingerprint.0));
    match subject {
        Subject::Payment(id) => object.text("payment", id),
        Subject::Operation(id) => object.text("operation", id),
        Subject::Order(id) => object.text("order", id),
        Subject::Review(id) => object.text("review_of", id),
    }
}

fn pairs(pairs: &[(Box<str>, Box<str>)]) -> Value {
    Value::Object(
        pairs.iter().map(|(key, value)| (key.to_string(), Value::from(&**value))).collect(),
    )
}

fn receipt_of(receipt: &ProviderReceipt) -> Value {
    let ProviderReceipt { external_id, rrn, approval_code } = receipt;
    serde_json::json!({
        "external_id": external_id,
        "rrn": rrn,
        "approval_code": approval_code,
    })
}

fn failure(reason: FailureReason) -> (&'static str, Option<DeclineCode>) {
    match reason {
        FailureReason::Declined(code) => ("declined", Some(code)),
        FailureReason::NotSent => ("not_sent", None),
    }
}

fn source_name(source: OutcomeSource) -> &'static str {
    match source {
        OutcomeSource::Call => "call",
        OutcomeSource::Inquiry => "inquiry",
        OutcomeSource::Callback => "callback",
        OutcomeSource::Operator => "operator",
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "test",
        Mode::Live => "live",
    }
}

fn capture_name(capture: CaptureMode) -> &'static str {
    match capture {
        CaptureMode::Automatic => "automatic",
        CaptureMode::Manual => "manual",
    }
}

fn time(time: Timestamp) -> String {
    Rfc3339(time).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An object that keeps the order of its fields.
pub(crate) struct Object(Vec<(&'static str, Value)>);

/// An event of that name.
fn named(name: &'static str) -> Object {
    Object(vec![("event", name.into())])
}

impl Object {
    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    fn text(self, name: &'static str, value: &impl ToString) -> Self {
        self.with(name, value.to_string())
    }

    /// Its members.
    pub(crate) fn into_map(self) -> serde_json::Map<String, Value> {
        self.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Things, each rendered when its turn comes.
struct List<'e, E>(&'e [E], fn(&E) -> Object);

impl<E> Serialize for List<'_, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|one| sequence.serialize_element(&(self.1)(one)))?;
        sequence.end()
    }
}
