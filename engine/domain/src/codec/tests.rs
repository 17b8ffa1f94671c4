//! The stored format: its golden bytes, and that no bytes do harm.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "positions lie within the bytes at hand; a slip fails the test"
)]

mod operation;

use std::{collections::BTreeSet, fmt::Write as _, num::NonZeroU32, sync::Arc};

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::{
    api_key::{ApiKey, ApiKeyHash, ApiKeyKind, KeyTail, Scope, ScopeSet},
    card::{CardBrand, CardFacts, CardFingerprint, CardFunding},
    country::Country,
    effect::Effect,
    history::Chapter,
    id::Id,
    idempotency::{Fingerprint, IdempotencyEntry, IdempotencyKey, Subject},
    image::{ImageEnd, OrderImage, PaidOrder},
    ledger::{Account, AccountKey, Balance},
    merchant::{Merchant, Mode},
    money::{Amount, Currency, Money},
    net_banking::NetBankingFacts,
    payment::{
        Booked, CaptureMode, EmiPlan, FailureReason, Matter, NextAction, PaymentIntent,
        PaymentMethod,
    },
    provider::{DeclineCode, OutcomeSource, ProviderId, ProviderReceipt},
    sealed::{SealKeyId, Sealed},
    state_hash::StateHash,
    timestamp::Timestamp,
    upi::{UpiFacts, VpaFingerprint},
    wallet::{WalletFacts, WalletFingerprint},
    webhook_endpoint::{
        DisableReason, EventFilter, SealedSecret, WebhookEndpoint, WebhookSettings,
    },
};

#[test]
fn golden_bytes_of_payment_records() {
    for (name, stored, record) in [
        (
            "payment_record.v2.hex",
            include_str!("../../tests/golden/payment_record.v2.hex"),
            every_event(),
        ),
        (
            "payment_record_bare.v2.hex",
            include_str!("../../tests/golden/payment_record_bare.v2.hex"),
            bare_record(),
        ),
    ] {
        if !is_updated(name, &encode(&record).unwrap()) {
            assert_eq!(decode(&bytes_of(stored)).unwrap(), record, "{name}");
            assert_eq!(hex_of(&encode(&record).unwrap()), stored, "{name}");
        }
    }
}

/// What leaves memory and what comes back, and a history by itself.
#[test]
fn golden_bytes_of_the_archive() {
    let history = some_history();
    let record = Record {
        at: START,
        events: vec![
            Event::PaymentArchived { payment: id(5) },
            Event::PaymentRecalled { payment: history.id(), history: Arc::new(history.clone()) },
        ],
        idempotency: None,
        effects: Vec::new(),
    };
    let name = "payment_record.v3.hex";
    let stored = include_str!("../../tests/golden/payment_record.v3.hex");
    let written = encode(&record).unwrap();
    if !is_updated(name, &written) {
        assert_eq!(decode(&bytes_of(stored)).unwrap(), record, "{name}");
        assert_eq!(hex_of(&written), stored, "{name}");
        for length in 0..written.len() {
            assert!(decode(&written[..length]).is_err(), "cut to {length} bytes");
        }
    }
    let name = "history.v1.hex";
    let stored = include_str!("../../tests/golden/history.v1.hex");
    let written = encode_history(&history).unwrap();
    assert_eq!(written.len(), history_size(&history) + 2, "with kind and version");
    if !is_updated(name, &written) {
        assert_eq!(decode_history(&bytes_of(stored)).unwrap(), history, "{name}");
        assert_eq!(hex_of(&written), stored, "{name}");
        for length in 0..written.len() {
            assert!(decode_history(&written[..length]).is_err(), "cut to {length} bytes");
        }
    }
    let mixed = Record { events: [record.events, bare_record().events].concat(), ..bare_record() };
    assert!(matches!(encode(&mixed), Err(CodecError::Value(_))), "no decision comes to both");
}

/// Orders that leave memory and come back, and an order by itself.
#[test]
fn golden_bytes_of_orders_that_leave() {
    let order = Order::of_image(some_order());
    let record = Record {
        at: START,
        events: vec![
            Event::OrderArchived { order: id(5) },
            Event::OrderRecalled { order: Arc::new(order.clone()) },
        ],
        idempotency: None,
        effects: Vec::new(),
    };
    let name = "payment_record.v4.hex";
    let stored = include_str!("../../tests/golden/payment_record.v4.hex");
    let written = encode(&record).unwrap();
    if !is_updated(name, &written) {
        assert_eq!(decode(&bytes_of(stored)).unwrap(), record, "{name}");
        assert_eq!(hex_of(&written), stored, "{name}");
        for length in 0..written.len() {
            assert!(decode(&written[..length]).is_err(), "cut to {length} bytes");
        }
        changed_bytes_do_no_harm(&written, &[1, 2, 4, 8, 16, 32, 64, 128, 255], payments_again);
    }
    let name = "order.v1.hex";
    let stored = include_str!("../../tests/golden/order.v1.hex");
    let written = encode_order(&order).unwrap();
    if !is_updated(name, &written) {
        assert_eq!(decode_order(&bytes_of(stored)).unwrap(), order, "{name}");
        assert_eq!(hex_of(&written), stored, "{name}");
        for length in 0..written.len() {
            assert!(decode_order(&written[..length]).is_err(), "cut to {length} bytes");
        }
    }
    let payment = Event::PaymentArchived { payment: id(6) };
    let mixed = Record { events: [record.events, vec![payment]].concat(), ..bare_record() };
    assert!(matches!(encode(&mixed), Err(CodecError::Value(_))), "no decision comes to both");
}

/// The piece that is there because orders leave memory.
#[test]
fn golden_bytes_of_image_pieces_of_version_3() {
    let name = "image_pieces.v3.hex";
    let stored = include_str!("../../tests/golden/image_pieces.v3.hex");
    let piece = Piece::DepartedOrders(0x0102_0304);
    let written = encode_piece(&piece).unwrap();
    if is_updated(name, &written) {
        return;
    }
    assert_eq!(hex_of(&written), stored);
    assert_eq!(decode_piece(&written).unwrap(), piece);
    for length in 0..written.len() {
        assert!(decode_piece(&written[..length]).is_err(), "cut to {length} bytes");
    }
}

/// An order that is paid in part, by payments of which some have left.
fn some_order() -> OrderImage {
    let intent = operation::every_event()
        .into_iter()
        .find_map(|event| if let Event::OrderCreated(order) = event { Some(order) } else { None });
    OrderImage {
        intent: intent.unwrap(),
        attempts: 3,
        paid: amount(70),
        reserved: amount(5),
        updated_at: START,
        departed: crate::order::Departed { attempts: 2, paid: Amount::ZERO },
    }
}

/// A payment that was approved.
fn some_history() -> History {
    let is_created = |event: &&Event| matches!(event, Event::PaymentCreated(_));
    let created = every_event().events.iter().find(is_created).cloned().unwrap();
    let payment = created.payment().unwrap();
    let started =
        Event::AttemptStarted { payment, attempt: id(6), provider: ProviderId::SIMULATOR };
    let failed = Event::PaymentFailed { payment, reason: FailureReason::NotSent };
    let later = START.after(crate::timestamp::Millis(1_234));
    History::of_chapters(vec![
        Chapter { at: START, events: vec![created, started] },
        Chapter { at: later, events: vec![failed] },
    ])
    .unwrap()
}

/// What version 1 wrote is read as the events of today; nobody writes it any more.
#[test]
fn golden_bytes_of_payment_records_of_version_1() {
    for (stored, record) in [
        (GOLDEN_V1, with_cases(every_event_of_version_1())),
        (include_str!("../../tests/golden/payment_record_bare.v1.hex"), bare_record()),
    ] {
        let bytes = bytes_of(stored);
        assert_eq!(decode(&bytes).unwrap(), record);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
        let mut changed = bytes.clone();
        for position in 0..bytes.len() {
            for bit in 0..8 {
                changed[position] ^= 1 << bit;
                assert_ne!(decode(&changed).ok(), Some(record.clone()), "byte {position}");
                changed[position] = bytes[position];
            }
        }
    }
}

const GOLDEN_V1: &str = include_str!("../../tests/golden/payment_record.v1.hex");

#[test]
fn golden_bytes_of_control_records() {
    let name = "control_record.v2.hex";
    let stored = include_str!("../../tests/golden/control_record.v2.hex");
    let record = every_control_event();
    if !is_updated(name, &encode_control(&record).unwrap()) {
        assert_eq!(decode_control(&bytes_of(stored)).unwrap(), record, "{name}");
        assert_eq!(hex_of(&encode_control(&record).unwrap()), stored, "{name}");
    }
}

/// The first version knew secret keys alone, which might do everything for ever and had no ids.
#[test]
fn control_records_of_version_1_are_lifted() {
    let stored = bytes_of(include_str!("../../tests/golden/control_record.v1.hex"));
    let merchant = Merchant { email: None, ..cafe() };
    let key = |mode| {
        ControlEvent::ApiKeyIssued(ApiKey {
            id: Id::new(START, crate::id::ShardId::CONTROL, u64::from_be_bytes(*b"a hash o")),
            tail: None,
            kind: ApiKeyKind::Secret { merchant: merchant.id, mode },
            scopes: ScopeSet::ALL,
            name: None,
            expires_at: None,
            ..full_key()
        })
    };
    let created = ControlEvent::MerchantCreated(merchant.clone());
    let events = vec![created, key(Mode::Test), key(Mode::Live)];
    assert_eq!(decode_control(&stored).unwrap(), control_record(events));
    for length in 0..stored.len() {
        assert!(decode_control(&stored[..length]).is_err(), "cut to {length} bytes");
    }
}

/// The pieces of an image that are no records, one after the other.
#[test]
fn golden_bytes_of_image_pieces() {
    let name = "image_pieces.v1.hex";
    let stored = include_str!("../../tests/golden/image_pieces.v1.hex");
    let pieces = every_piece();
    let written: Vec<Vec<u8>> = pieces.iter().map(|piece| encode_piece(piece).unwrap()).collect();
    if is_updated(name, &written.concat()) {
        return;
    }
    assert_eq!(hex_of(&written.concat()), stored);
    for (bytes, piece) in written.iter().zip(pieces) {
        assert_eq!(decode_piece(bytes).unwrap(), piece);
        for length in 0..bytes.len() {
            assert!(decode_piece(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
    }
    let history = Piece::History(bare_record());
    assert_eq!(encode_piece(&history).unwrap(), encode(&bare_record()).unwrap());
    assert_eq!(decode_piece(&encode_piece(&history).unwrap()).unwrap(), history);
    assert!(decode_piece(&encode_control(&every_control_event()).unwrap()).is_err());
}

/// The pieces that are there because payments leave memory, one after the other.
#[test]
fn golden_bytes_of_image_pieces_of_version_2() {
    let name = "image_pieces.v2.hex";
    let stored = include_str!("../../tests/golden/image_pieces.v2.hex");
    let account = Account::MerchantPayable(id(1));
    let key = AccountKey { mode: Mode::Live, currency: Currency::INR, account };
    let paid =
        PaidOrder { merchant: id(2), mode: Mode::Test, order_id: "order 7".into(), payment: id(3) };
    let mut pieces = vec![
        Piece::Order(some_order()),
        Piece::DepartedAccount(key, Balance { debits: 1 << 70, credits: -2 }),
        Piece::PaidOrder(paid),
        Piece::Departed { count: 6, departures: 7 },
    ];
    pieces.extend(some_history().chapters().iter().cloned().map(Piece::Chapter));
    let written: Vec<Vec<u8>> = pieces.iter().map(|piece| encode_piece(piece).unwrap()).collect();
    if is_updated(name, &written.concat()) {
        return;
    }
    assert_eq!(hex_of(&written.concat()), stored);
    for (bytes, piece) in written.iter().zip(pieces) {
        assert_eq!(decode_piece(bytes).unwrap(), piece);
        for length in 0..bytes.len() {
            assert!(decode_piece(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
    }
}

fn every_piece() -> Vec<Piece> {
    let key = |account| AccountKey { mode: Mode::Live, currency: Currency::INR, account };
    let balance = Balance { debits: 1 << 70, credits: -2 };
    let accounts = [
        Account::ProviderReceivable(ProviderId::SIMULATOR),
        Account::Bank,
        Account::MerchantPayable(id(1)),
        Account::RefundsPending(id(2)),
        Account::DisputesHeld(id(3)),
        Account::Fees,
        Account::Exceptions,
    ];
    let entry = |subject| IdempotencyEntry {
        key: IdempotencyKey([7; 16]),
        fingerprint: Fingerprint(0x0102_0304),
        subject,
    };
    let subjects = [
        Subject::Payment(id(4)),
        Subject::Operation(id(5)),
        Subject::Order(id(6)),
        Subject::Review(id(7)),
    ];
    let keys = subjects.map(|subject| Piece::Key(entry(subject), 1_768_473_000));
    let end = |oldest_key| {
        Piece::End(ImageEnd {
            shard: crate::id::ShardId(0x0102),
            sequence: 5,
            last_time: START,
            oldest_key,
            hash: StateHash::from_bytes([9; 32]),
        })
    };
    let accounts = accounts.into_iter().map(|account| Piece::Account(key(account), balance));
    accounts.chain(keys).chain([end(None), end(Some(START))]).collect()
}

/// A variant that is new here needs a new version of the format, and golden bytes of its own.
#[test]
fn golden_records_hold_every_event() {
    let variant = |event: &Event| match event {
        Event::PaymentCreated(_) => 0,
        Event::AttemptStarted { .. } => 1,
        Event::AttemptApproved { .. } => 2,
        Event::AttemptDeclined { .. } => 3,
        Event::AttemptActionRequired { .. } => 4,
        Event::AttemptPending { .. } => 5,
        Event::AttemptNotSent { .. } => 6,
        Event::AttemptUnknown { .. } => 7,
        Event::InquiryStarted { .. } => 8,
        Event::AttemptApprovedLate { .. } => 9,
        Event::AttemptContradicted { .. } => 10,
        Event::PaymentAuthorized { .. } => 11,
        Event::PaymentCaptured { .. } => 12,
        Event::PaymentFailed { .. } => 13,
        Event::PaymentExpired { .. } => 14,
        Event::IdempotencyKeysForgotten { .. } => 15,
        Event::AttemptReaffirmed { .. } => 16,
        Event::AttemptCancelled { .. } => 17,
        Event::PaymentHeldForReview { .. } => 18,
        Event::ReviewApproved { .. } => 19,
        Event::PaymentPartlyCaptured { .. } => 20,
        Event::RemainderReleased { .. } => 21,
        Event::PaymentVoided { .. } => 22,
        Event::PaymentReversed { .. } => 23,
        Event::OperationStarted { .. } => 24,
        Event::OperationSucceeded { .. } => 25,
        Event::OperationFailed { .. } => 26,
        Event::OperationPending { .. } => 27,
        Event::OperationUnknown { .. } => 28,
        Event::OperationDelayed { .. } => 29,
        Event::OperationResent { .. } => 30,
        Event::OperationInquiryStarted { .. } => 31,
        Event::OperationContradicted { .. } => 32,
        Event::OperationReaffirmed { .. } => 33,
        Event::RefundReturned { .. } => 34,
        Event::OperationSucceededLate { .. } => 35,
        Event::CaseOpened { .. } => 36,
        Event::CaseResolved { .. } => 37,
        Event::OrderCreated(_) => 38,
        // Versions 3 and 4 have golden bytes of their own.
        Event::PaymentArchived { .. }
        | Event::PaymentRecalled { .. }
        | Event::OrderArchived { .. }
        | Event::OrderRecalled { .. } => 39,
    };
    let held: BTreeSet<u8> = every_event().events.iter().map(variant).collect();
    assert_eq!(held, (0..39).collect());
    let variant = |event: &ControlEvent| match event {
        ControlEvent::MerchantCreated(_) => 0,
        ControlEvent::MerchantRenamed { .. } => 1,
        ControlEvent::MerchantEmailChanged { .. } => 2,
        ControlEvent::MerchantSuspended { .. } => 3,
        ControlEvent::MerchantResumed { .. } => 4,
        ControlEvent::ApiKeyIssued(_) => 5,
        ControlEvent::ApiKeyRotated { .. } => 6,
        ControlEvent::ApiKeyRevoked { .. } => 7,
        ControlEvent::WebhookEndpointCreated(_) => 8,
        ControlEvent::WebhookEndpointChanged { .. } => 9,
        ControlEvent::WebhookSecretRotated { .. } => 10,
        ControlEvent::WebhookEndpointEnabled { .. } => 11,
        ControlEvent::WebhookEndpointDisabled { .. } => 12,
        ControlEvent::WebhookEndpointDeleted { .. } => 13,
        ControlEvent::MerchantOrderRuleChanged { .. } => 14,
        ControlEvent::ApiKeyForgotten { .. } => 15,
        ControlEvent::CallbackSecretRotated { .. } => 16,
    };
    let held: BTreeSet<u8> = every_control_event().events.iter().map(variant).collect();
    assert_eq!(held, (0..17).collect());
}

#[test]
fn no_beginning_of_a_record_is_a_record() {
    let bytes = encode(&every_event()).unwrap();
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    let bytes = encode_control(&every_control_event()).unwrap();
    for length in 0..bytes.len() {
        assert!(decode_control(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
}

/// Whatever decodes is what would have been written: a changed byte is refused or becomes another
/// record of exactly these bytes.
#[test]
fn any_changed_byte_is_refused_or_another_record() {
    // Every change of every byte takes seconds on a long record: there, each bit and all of them.
    let every: Vec<u8> = (1..=u8::MAX).collect();
    let bits = [1, 2, 4, 8, 16, 32, 64, 128, 255];
    changed_bytes_do_no_harm(&encode(&every_event()).unwrap(), &bits, payments_again);
    let created = Event::PaymentCreated(Arc::new(full_intent(1, CardBrand::Visa)));
    let created = Record { events: vec![created], ..bare_record() };
    changed_bytes_do_no_harm(&encode(&created).unwrap(), &every, payments_again);
    for method in other_methods() {
        let intent = PaymentIntent { method, ..full_intent(1, CardBrand::Visa) };
        let created =
            Record { events: vec![Event::PaymentCreated(Arc::new(intent))], ..bare_record() };
        changed_bytes_do_no_harm(&encode(&created).unwrap(), &bits, payments_again);
    }
    let control = encode_control(&every_control_event()).unwrap();
    changed_bytes_do_no_harm(&control, &every, control_again);
}

#[track_caller]
fn changed_bytes_do_no_harm(unchanged: &[u8], changes: &[u8], again: fn(&[u8]) -> Option<Vec<u8>>) {
    let mut changed = unchanged.to_vec();
    for position in 0..unchanged.len() {
        for change in changes {
            changed[position] = unchanged[position] ^ change;
            assert!(
                again(&changed).is_none_or(|again| again == changed),
                "byte {position} changed by {change:#04x}"
            );
        }
        changed[position] = unchanged[position];
    }
}

/// Memory for a claimed length is taken only as the bytes behind it are read.
#[test]
fn lengths_beyond_the_bytes_are_refused() {
    let bytes = encode(&every_event()).unwrap();
    for claim in [u64::MAX, u64::MAX / 2, 1 << 48, 1 << 32, 1 << 20, 65_537] {
        for position in 2..=bytes.len() - 8 {
            let mut claiming = bytes.clone();
            claiming[position..position + 8].copy_from_slice(&claim.to_le_bytes());
            let again = payments_again(&claiming);
            assert!(again.is_none_or(|again| again == claiming), "{claim} at byte {position}");
        }
        // The number of events follows kind, version and time.
        let mut events = bytes.clone();
        events[10..18].copy_from_slice(&claim.to_le_bytes());
        assert!(matches!(decode(&events), Err(CodecError::Body(_))), "{claim} events");
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = encode(&every_event()).unwrap();
    let mut control = encode_control(&every_control_event()).unwrap();
    for byte in [0, 1, 255] {
        bytes.push(byte);
        control.push(byte);
        assert!(matches!(decode(&bytes), Err(CodecError::Body(_))));
        assert!(matches!(decode_control(&control), Err(CodecError::Body(_))));
    }
}

#[test]
fn unknown_kinds_and_versions_are_refused() {
    let payments = encode(&every_event()).unwrap();
    let control = encode_control(&every_control_event()).unwrap();
    for kind in 0..=u8::MAX {
        for version in 0..=u8::MAX {
            let with = |bytes: &[u8]| [&[kind, version], &bytes[2..]].concat();
            let refused = |result: Option<CodecError>| {
                matches!(
                    result,
                    Some(CodecError::Unknown { kind: found, version: of })
                        if (found, of) == (kind, version)
                )
            };
            if kind != KIND_PAYMENTS || !matches!(version, 1..=4) {
                assert!(refused(decode(&with(&payments)).err()), "{kind} {version}");
            }
            if ![(KIND_CONTROL, 1), (KIND_CONTROL, 2)].contains(&(kind, version)) {
                assert!(refused(decode_control(&with(&control)).err()), "{kind} {version}");
            }
        }
    }
    for bytes in [&[][..], &[KIND_PAYMENTS]] {
        assert!(matches!(decode(bytes), Err(CodecError::TooShort)));
        assert!(matches!(decode_control(bytes), Err(CodecError::TooShort)));
    }
}

#[test]
fn records_end_at_the_limit_of_the_log() {
    let named = |length: usize| {
        let name = "n".repeat(length).into();
        control_record(vec![ControlEvent::MerchantCreated(Merchant { name, ..cafe() })])
    };
    let overhead = encode_control(&named(0)).unwrap().len();
    let largest = named(MAX_RECORD - overhead);
    let bytes = encode_control(&largest).unwrap();
    assert_eq!(bytes.len(), MAX_RECORD);
    assert_eq!(decode_control(&bytes).unwrap(), largest);
    let larger = named(MAX_RECORD - overhead + 1);
    assert!(matches!(encode_control(&larger), Err(CodecError::TooLarge)));

    // The same one byte larger, as an encoder without a limit would have written it.
    let mut bytes = bytes;
    bytes.push(b'n');
    let length = u64::try_from(MAX_RECORD - overhead + 1).unwrap();
    let position = bytes.len() - usize::try_from(length).unwrap() - 16;
    bytes[position..position + 8].copy_from_slice(&length.to_le_bytes());
    assert!(matches!(decode_control(&bytes), Err(CodecError::TooLarge)));

    let mut intent = full_intent(1, CardBrand::Visa);
    intent.description = Some("d".repeat(MAX_RECORD).into());
    let mut record = bare_record();
    record.events = vec![Event::PaymentCreated(Arc::new(intent))];
    assert!(matches!(encode(&record), Err(CodecError::TooLarge)));
}

/// Every text at the longest that the API takes, all of it of letters of two bytes, with a sealed
/// part as large as there is.
#[test]
fn a_payment_with_everything_at_its_longest_fits() {
    let text = |letters| Box::<str>::from("é".repeat(letters));
    let sealed = Sealed::new(SealKeyId([1; 16]), vec![0; Sealed::MAX_BYTES]).unwrap();
    let intent = PaymentIntent {
        method: PaymentMethod::Upi(UpiFacts {
            handle: text(64),
            fingerprint: VpaFingerprint([2; 16]),
            payee_name: text(128),
        }),
        order_id: Some(text(64)),
        customer_id: Some(text(64)),
        personal: Some(sealed),
        description: Some(text(1_000)),
        callback_url: Some(text(1_024)),
        metadata: (0..50).map(|_| (text(40), text(500))).collect(),
        ..full_intent(1, CardBrand::Visa)
    };
    let created = Event::PaymentCreated(Arc::new(intent));
    let (payment, attempt) = (id(1), id(2));
    let started = Event::AttemptStarted { payment, attempt, provider: ProviderId::SIMULATOR };
    let record = Record { events: vec![created, started], ..every_event() };
    assert!(encode(&record).unwrap().len() <= MAX_RECORD);
}

/// What no build ever wrote is refused, field by field.
#[test]
fn values_out_of_range_are_refused() {
    let refused = |record: &Record<Event>, from: &[u8], to: &[u8], what: &str| {
        let bytes = encode(record).unwrap();
        let mut places = bytes.windows(from.len()).enumerate().filter(|(_, found)| *found == from);
        let (place, _) = places.next().expect("the value stands in the record");
        assert!(places.next().is_none(), "{what} stands there once");
        let mut changed = bytes.clone();
        changed[place..place + to.len()].copy_from_slice(to);
        match decode(&changed) {
            Err(CodecError::Value(found)) => assert_eq!(found, what),
            other => panic!("{what}: {other:?}"),
        }
    };
    let record = |event| Record { events: vec![event], ..bare_record() };
    let amount = amount(0x1234_5678);
    let captured =
        record(Event::PaymentCaptured { payment: id(1), captured: amount, fee: Amount::ZERO });
    let stored = amount.minor_units().to_le_bytes();
    for wrong in [0, -1, Amount::MAX.minor_units() + 1, i64::MIN, i64::MAX] {
        refused(&captured, &stored, &wrong.to_le_bytes(), "amount");
    }
    let expires_at = Timestamp::from_millis(0x1234_5678_9abc);
    let authorized = record(Event::PaymentAuthorized { payment: id(1), expires_at });
    let stored = expires_at.as_millis().to_le_bytes();
    refused(&authorized, &stored, &(1_u64 << 48).to_le_bytes(), "time");
    let provider = ProviderId::SIMULATOR;
    let started = record(Event::AttemptStarted { payment: id(1), attempt: id(2), provider });
    refused(&started, b"simulator", b"Simulator", "provider name");
    refused(&started, b"simulator\0", b"simu\0ator\0", "provider name");
    let mut intent = full_intent(1, CardBrand::Visa);
    intent.money.currency = Currency::from_code("BHD").unwrap();
    intent.money.amount = amount;
    let created = record(Event::PaymentCreated(Arc::new(intent)));
    let stored = [&amount.minor_units().to_le_bytes()[..], &48_u16.to_le_bytes()].concat();
    let gold = [&amount.minor_units().to_le_bytes()[..], &959_u16.to_le_bytes()].concat();
    refused(&created, &stored, &gold, "currency");
    let mut intent = full_intent(1, CardBrand::Visa);
    let length = Sealed::MAX_BYTES;
    intent.personal = Sealed::new(SealKeyId([0xee; 16]), vec![0xab; length]);
    let created = record(Event::PaymentCreated(Arc::new(intent)));
    let mut bytes = encode(&created).unwrap();
    let start = bytes.windows(length).position(|found| found == vec![0xab; length]).unwrap();
    bytes.insert(start, 0xab);
    let longer = u64::try_from(length + 1).unwrap().to_le_bytes();
    bytes[start - 8..start].copy_from_slice(&longer);
    assert!(matches!(decode(&bytes), Err(CodecError::Value("sealed part"))));

    let nothing = Record { events: Vec::new(), ..bare_record() };
    let bytes = encode(&nothing).unwrap();
    assert!(matches!(decode(&bytes), Err(CodecError::Value("event"))));
}

/// Currencies are stored by number: each number must lead back to the one it came from.
#[test]
fn every_currency_comes_back_from_its_number() {
    let letters = || b'A'..=b'Z';
    let mut found = 0;
    for first in letters() {
        for second in letters() {
            for third in letters() {
                let code = [first, second, third];
                let code = std::str::from_utf8(&code).unwrap();
                if let Ok(currency) = Currency::from_code(code) {
                    assert_eq!(Currency::from_numeric(currency.numeric()), Ok(currency), "{code}");
                    found += 1;
                }
            }
        }
    }
    assert!(found > 150, "ISO 4217 knows more than {found} currencies");
}

proptest! {
    #[test]
    fn no_event_takes_more_than_histories_think(event in any_event()) {
        // The record takes more beside its event than a history does.
        let record = Record { at: START, events: vec![event], idempotency: None, effects: vec![] };
        let written = encode(&record).unwrap().len();
        prop_assert!(written <= History::most_bytes_of(&record.events[0]), "{record:?}");
    }

    #[test]
    fn any_record_comes_back(record in any_record()) {
        let bytes = encode(&record).unwrap();
        prop_assert_eq!(decode(&bytes).unwrap(), record);
    }

    #[test]
    fn any_control_record_comes_back(record in any_control_record()) {
        let bytes = encode_control(&record).unwrap();
        prop_assert_eq!(decode_control(&bytes).unwrap(), record);
    }

    #[test]
    fn any_bytes_are_refused_or_a_record(body in vec(any::<u8>(), 0..600)) {
        let payments = [&[KIND_PAYMENTS, PAYMENTS_VERSION], &body[..]].concat();
        prop_assert!(payments_again(&payments).is_none_or(|again| again == payments));
        let control = [&[KIND_CONTROL, CONTROL_VERSION], &body[..]].concat();
        prop_assert!(control_again(&control).is_none_or(|again| again == control));
    }

    /// Damage that leaves the structure plausible: bytes of one record inside another.
    #[test]
    fn spliced_records_are_refused_or_a_record(
        one in any_record(),
        other in any_record(),
        cut: prop::sample::Index,
        splice: prop::sample::Index,
    ) {
        let (one, other) = (encode(&one).unwrap(), encode(&other).unwrap());
        let spliced = [&one[..cut.index(one.len())], &other[splice.index(other.len())..]].concat();
        prop_assert!(payments_again(&spliced).is_none_or(|again| again == spliced));
    }
}

fn payments_again(bytes: &[u8]) -> Option<Vec<u8>> {
    decode(bytes).ok().map(|record| encode(&record).unwrap())
}

fn control_again(bytes: &[u8]) -> Option<Vec<u8>> {
    decode_control(bytes).ok().map(|record| encode_control(&record).unwrap())
}

/// Writes a golden file instead of comparing with it, where `UPDATE_GOLDEN` is set.
///
/// That is for the golden bytes of a *new* version alone, before its first release: bytes that were
/// ever written must decode for ever, so a golden file that differs is a broken format and never an
/// outdated file.
#[expect(clippy::disallowed_methods, reason = "the one switch of these tests")]
fn is_updated(name: &str, bytes: &[u8]) -> bool {
    let updates = std::env::var("UPDATE_GOLDEN").is_ok();
    if updates {
        let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(&path, hex_of(bytes)).unwrap();
    }
    updates
}

/// 32 bytes a line.
fn hex_of(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn bytes_of(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|digit| !digit.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

const START: Timestamp = Timestamp::from_millis(1_768_473_000_123);

fn id<K: crate::id::IdKind>(number: u64) -> Id<K> {
    Id::new(START, crate::id::ShardId(0x0102), number)
}

fn amount(minor_units: i64) -> Amount {
    Amount::from_minor_units(minor_units).unwrap()
}

/// Every event, every stored number, every method and every optional field.
fn every_event() -> Record<Event> {
    let mut record = every_event_of_version_1();
    let (payment, attempt, source) = (id(1), id(2), OutcomeSource::Callback);
    let intents = other_methods().into_iter().zip(30..).map(|(method, number)| PaymentIntent {
        method,
        hold_for_review: true,
        emi: Some(EmiPlan { months: 6, annual_rate: 1_450, no_cost: true }),
        order: Some(id(8)),
        one_payment_per_order: true,
        return_url: Some("https://shop.example/back".into()),
        personal: Sealed::new(SealKeyId(*b"key of a custome"), *b"nobody reads this"),
        ..full_intent(number, CardBrand::Visa)
    });
    let created = intents.map(|intent| Event::PaymentCreated(Arc::new(intent)));
    record.events.extend(created);
    record.events.push(Event::AttemptActionRequired {
        payment,
        attempt,
        source,
        action: NextAction::ApproveUpi {
            payee_vpa: "tollgate@okbank".into(),
            reference: "att_1".into(),
        },
        expires_at: START.after(crate::timestamp::Millis(900_000)),
    });
    record.events.extend(operation::every_event());
    record.idempotency.as_mut().unwrap().subject = Subject::Operation(id(6));
    let operation = id(6);
    record.effects.extend([
        Effect::Operate { payment, operation },
        Effect::InquireOperation { payment, operation },
    ]);
    record
}

/// One of each method but the card.
fn other_methods() -> [PaymentMethod; 3] {
    [
        PaymentMethod::Upi(UpiFacts {
            handle: "okbank".into(),
            fingerprint: VpaFingerprint(*b"vpa fingerprint!"),
            payee_name: "Café Größe".into(),
        }),
        PaymentMethod::NetBanking(NetBankingFacts { bank: "SBIN".into() }),
        PaymentMethod::Wallet(WalletFacts {
            provider: "paytm".into(),
            fingerprint: WalletFingerprint(*b"wallet digest 16"),
        }),
    ]
}

/// What version 1 booked alone opens a case today.
fn with_cases(mut record: Record<Event>) -> Record<Event> {
    let late = |event: &Event| matches!(event, Event::AttemptApprovedLate { .. });
    let place = record.events.iter().position(late).unwrap() + 1;
    let (payment, attempt) = (id(1), id(2));
    let case = Event::CaseOpened {
        payment,
        case: id(2),
        matter: Matter::LateApproval(attempt),
        booked: Booked::Received(amount(10_000)),
    };
    record.events.insert(place, case);
    record
}

/// Every event, every stored number and every optional field that version 1 knew.
fn every_event_of_version_1() -> Record<Event> {
    let (payment, attempt, source) = (id(1), id(2), OutcomeSource::Call);
    let receipt = Arc::new(ProviderReceipt {
        external_id: "sim_7f3a".into(),
        rrn: "600115000001".into(),
        approval_code: "A1B2C3".into(),
    });
    // As many as version 1 knew.
    let brands = CardBrand::ALL
        .into_iter()
        .take(6)
        .zip(10..)
        .map(|(brand, number)| Event::PaymentCreated(Arc::new(full_intent(number, brand))));
    let bare = PaymentIntent {
        mode: Mode::Live,
        money: Money { amount: Amount::MAX, currency: Currency::from_code("JPY").unwrap() },
        capture: CaptureMode::Manual,
        order_id: None,
        customer_id: None,
        description: None,
        callback_url: None,
        metadata: Vec::new(),
        ..full_intent(20, CardBrand::Visa)
    };
    let declines = DeclineCode::ALL.into_iter().flat_map(|code| {
        [
            Event::AttemptDeclined { payment, attempt, source: OutcomeSource::Callback, code },
            Event::PaymentFailed { payment, reason: FailureReason::Declined(code) },
        ]
    });
    let others = [
        Event::AttemptStarted { payment, attempt, provider: ProviderId::SIMULATOR },
        Event::AttemptApproved { payment, attempt, source, receipt: Arc::clone(&receipt) },
        Event::AttemptActionRequired {
            payment,
            attempt,
            source,
            action: NextAction::Redirect { url: "https://bank.example/3ds?id=ü".into() },
            expires_at: START.after(crate::timestamp::Millis(900_000)),
        },
        Event::AttemptPending { payment, attempt, source, inquire_at: START },
        Event::AttemptNotSent { payment, attempt, source: OutcomeSource::Inquiry },
        Event::AttemptUnknown { payment, attempt, source, inquire_at: START },
        Event::InquiryStarted { payment, attempt, inquire_at: Timestamp::MAX },
        Event::AttemptApprovedLate {
            payment,
            attempt,
            source: OutcomeSource::Callback,
            receipt,
            taken: amount(10_000),
        },
        Event::AttemptContradicted {
            payment,
            attempt,
            source: OutcomeSource::Inquiry,
            inquire_at: START,
        },
        Event::PaymentAuthorized { payment, expires_at: START },
        Event::PaymentCaptured { payment, captured: amount(10_000), fee: amount(290) },
        Event::PaymentCaptured { payment, captured: amount(1), fee: Amount::ZERO },
        Event::PaymentFailed { payment, reason: FailureReason::NotSent },
        Event::PaymentExpired { payment },
        Event::IdempotencyKeysForgotten { created_before: START },
    ];
    let bare = std::iter::once(Event::PaymentCreated(Arc::new(bare)));
    Record {
        at: START,
        events: brands.chain(bare).chain(declines).chain(others).collect(),
        idempotency: Some(IdempotencyEntry {
            key: IdempotencyKey(*b"0123456789abcdef"),
            fingerprint: Fingerprint(0x0123_4567_89ab_cdef),
            subject: Subject::Payment(payment),
        }),
        effects: vec![Effect::Authorize { payment, attempt }, Effect::Inquire { payment, attempt }],
    }
}

/// A record without key and effects.
fn bare_record() -> Record<Event> {
    Record {
        at: START,
        events: vec![Event::PaymentExpired { payment: id(1) }],
        idempotency: None,
        effects: Vec::new(),
    }
}

fn full_intent(number: u64, brand: CardBrand) -> PaymentIntent {
    PaymentIntent {
        id: id(number),
        transaction: id(3),
        merchant: id(4),
        mode: Mode::Test,
        money: Money { amount: amount(10_000), currency: Currency::INR },
        capture: CaptureMode::Automatic,
        method: PaymentMethod::Card(CardFacts {
            brand,
            bin: 424_242,
            last4: 42,
            expiry_month: 12,
            expiry_year: 2_030,
            fingerprint: CardFingerprint(*b"card fingerprint"),
            funding: None,
            issuer_country: None,
        }),
        hold_for_review: false,
        emi: None,
        order: None,
        one_payment_per_order: false,
        order_id: Some("order_456".into()),
        customer_id: Some("customer-7".into()),
        personal: None,
        description: Some("two coffees".into()),
        callback_url: Some("https://shop.example/paid".into()),
        return_url: None,
        metadata: vec![("table".into(), "12".into()), ("".into(), "café".into())],
        control_version: 9,
        created_at: START,
    }
}

fn every_control_event() -> Record<ControlEvent> {
    let merchant = cafe().id;
    let key = full_key();
    let bare = ApiKey {
        kind: ApiKeyKind::Publishable { merchant, mode: Mode::Live },
        tail: None,
        scopes: ScopeSet::ALL,
        name: None,
        expires_at: None,
        ..key.clone()
    };
    let operators = ApiKey { kind: ApiKeyKind::Operator, scopes: ScopeSet::NONE, ..key.clone() };
    let every_scope = ApiKey { scopes: Scope::ALL.into_iter().collect(), ..key.clone() };
    control_record(vec![
        ControlEvent::MerchantCreated(cafe()),
        ControlEvent::MerchantCreated(Merchant { email: None, ..cafe() }),
        ControlEvent::MerchantRenamed { merchant, name: "Bakery".into() },
        ControlEvent::MerchantEmailChanged { merchant, email: Some("b@example.com".into()) },
        ControlEvent::MerchantEmailChanged { merchant, email: None },
        ControlEvent::MerchantSuspended { merchant },
        ControlEvent::MerchantResumed { merchant },
        ControlEvent::ApiKeyIssued(key),
        ControlEvent::ApiKeyIssued(bare),
        ControlEvent::ApiKeyIssued(operators),
        ControlEvent::ApiKeyIssued(every_scope),
        ControlEvent::ApiKeyRotated { key: id(5), successor: id(6), expires_at: Timestamp::MAX },
        ControlEvent::ApiKeyRevoked { key: id(5) },
        ControlEvent::WebhookEndpointCreated(endpoint(full_settings())),
        ControlEvent::WebhookEndpointCreated(endpoint(bare_settings())),
        ControlEvent::WebhookEndpointChanged { endpoint: id(7), settings: full_settings() },
        ControlEvent::WebhookSecretRotated {
            endpoint: id(7),
            secret: SealedSecret([8, 9].into()),
            previous_until: Timestamp::MAX,
        },
        ControlEvent::WebhookEndpointEnabled { endpoint: id(7) },
        ControlEvent::WebhookEndpointDisabled { endpoint: id(7), reason: DisableReason::Requested },
        ControlEvent::WebhookEndpointDisabled { endpoint: id(7), reason: DisableReason::Gone },
        ControlEvent::WebhookEndpointDisabled { endpoint: id(7), reason: DisableReason::Failing },
        ControlEvent::WebhookEndpointDeleted { endpoint: id(7) },
        ControlEvent::MerchantOrderRuleChanged { merchant, one_payment_per_order: true },
        ControlEvent::ApiKeyForgotten { key: id(6) },
        ControlEvent::CallbackSecretRotated {
            merchant,
            mode: Mode::Test,
            previous_until: Timestamp::MAX,
        },
    ])
}

fn endpoint(settings: WebhookSettings) -> WebhookEndpoint {
    WebhookEndpoint {
        id: id(7),
        merchant: id(4),
        mode: Mode::Live,
        settings,
        secret: SealedSecret([1, 2, 3].into()),
        previous_secret: None,
        disabled: None,
        created_at: START,
        updated_at: START,
    }
}

fn full_settings() -> WebhookSettings {
    WebhookSettings {
        url: "https://shop.example/hooks".into(),
        description: Some("the till's".into()),
        filters: ["payment.*", "refund.failed"].map(|text| EventFilter::new(text).unwrap()).into(),
        headers: Some(SealedSecret([4, 5, 6].into())),
        rate_per_s: NonZeroU32::new(20),
    }
}

fn bare_settings() -> WebhookSettings {
    WebhookSettings {
        description: None,
        filters: vec![EventFilter::new("*").unwrap()],
        headers: None,
        rate_per_s: None,
        ..full_settings()
    }
}

fn control_record(events: Vec<ControlEvent>) -> Record<ControlEvent> {
    Record { at: START, events, idempotency: None, effects: Vec::new() }
}

fn cafe() -> Merchant {
    Merchant {
        id: id(4),
        name: "Café Größe".into(),
        email: Some("owner@example.com".into()),
        suspended_at: None,
        one_payment_per_order: false,
        created_at: START,
        updated_at: START,
    }
}

fn full_key() -> ApiKey {
    ApiKey {
        id: id(5),
        hash: ApiKeyHash(*b"a hash of 32 bytes, no one's key"),
        tail: KeyTail::new(*b"x7q9"),
        kind: ApiKeyKind::Secret { merchant: id(4), mode: Mode::Test },
        scopes: [Scope::PaymentsRead, Scope::KeysWrite].into_iter().collect(),
        name: Some("till 3".into()),
        created_at: START,
        expires_at: Some(START.after(crate::timestamp::Millis(86_400_000))),
        revoked_at: None,
        successor: None,
    }
}

fn any_record() -> impl Strategy<Value = Record<Event>> {
    let entry =
        (any::<[u8; 16]>(), any::<u64>(), any_subject()).prop_map(|(key, fingerprint, subject)| {
            let (key, fingerprint) = (IdempotencyKey(key), Fingerprint(fingerprint));
            IdempotencyEntry { key, fingerprint, subject }
        });
    let ids = || (any_id(), any::<u128>());
    let effect = prop_oneof![
        ids().prop_map(|(payment, id)| Effect::Authorize { payment, attempt: Id::from_u128(id) }),
        ids().prop_map(|(payment, id)| Effect::Inquire { payment, attempt: Id::from_u128(id) }),
        ids().prop_map(|(payment, id)| Effect::Operate { payment, operation: Id::from_u128(id) }),
        ids().prop_map(|(payment, id)| Effect::InquireOperation {
            payment,
            operation: Id::from_u128(id)
        }),
    ];
    (any_time(), vec(any_event(), 1..6), option::of(entry), vec(effect, 0..4))
        .prop_map(|(at, events, idempotency, effects)| Record { at, events, idempotency, effects })
}

fn any_subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        any_id().prop_map(Subject::Payment),
        any_id().prop_map(Subject::Operation),
        any_id().prop_map(Subject::Order),
        any_id().prop_map(Subject::Review),
    ]
}

fn any_control_record() -> impl Strategy<Value = Record<ControlEvent>> {
    let merchant = (any_id(), any_text(), option::of(any_text()), any_time()).prop_map(
        |(id, name, email, created_at)| {
            ControlEvent::MerchantCreated(Merchant {
                id,
                name,
                email,
                suspended_at: None,
                one_payment_per_order: false,
                created_at,
                updated_at: created_at,
            })
        },
    );
    let event = prop_oneof![
        merchant,
        (any_id(), any_text())
            .prop_map(|(merchant, name)| ControlEvent::MerchantRenamed { merchant, name }),
        (any_id(), option::of(any_text()))
            .prop_map(|(merchant, email)| ControlEvent::MerchantEmailChanged { merchant, email }),
        any_id().prop_map(|merchant| ControlEvent::MerchantSuspended { merchant }),
        (any_id(), any::<bool>()).prop_map(|(merchant, one_payment_per_order)| {
            ControlEvent::MerchantOrderRuleChanged { merchant, one_payment_per_order }
        }),
        any_id().prop_map(|merchant| ControlEvent::MerchantResumed { merchant }),
        any_key().prop_map(ControlEvent::ApiKeyIssued),
        (any_id(), any_id(), any_time()).prop_map(|(key, successor, expires_at)| {
            ControlEvent::ApiKeyRotated { key, successor, expires_at }
        }),
        any_id().prop_map(|key| ControlEvent::ApiKeyRevoked { key }),
        any_id().prop_map(|key| ControlEvent::ApiKeyForgotten { key }),
        (any_id(), any_time()).prop_map(|(merchant, previous_until)| {
            ControlEvent::CallbackSecretRotated { merchant, mode: Mode::Live, previous_until }
        }),
        (any_id(), any_id(), any_settings(), any_sealed(), any_time()).prop_map(
            |(id, merchant, settings, secret, created_at)| {
                ControlEvent::WebhookEndpointCreated(WebhookEndpoint {
                    id,
                    merchant,
                    secret,
                    created_at,
                    updated_at: created_at,
                    ..endpoint(settings)
                })
            }
        ),
        (any_id(), any_settings()).prop_map(|(endpoint, settings)| {
            ControlEvent::WebhookEndpointChanged { endpoint, settings }
        }),
        (any_id(), any_sealed(), any_time()).prop_map(|(endpoint, secret, previous_until)| {
            ControlEvent::WebhookSecretRotated { endpoint, secret, previous_until }
        }),
        any_id().prop_map(|endpoint| ControlEvent::WebhookEndpointEnabled { endpoint }),
        (any_id(), select(&DisableReason::ALL[..])).prop_map(|(endpoint, reason)| {
            ControlEvent::WebhookEndpointDisabled { endpoint, reason }
        }),
        any_id().prop_map(|endpoint| ControlEvent::WebhookEndpointDeleted { endpoint }),
    ];
    (any_time(), vec(event, 1..6)).prop_map(|(at, events)| Record {
        at,
        events,
        idempotency: None,
        effects: Vec::new(),
    })
}

fn any_settings() -> impl Strategy<Value = WebhookSettings> {
    let filter = select(&["*", "payment.*", "refund.failed"][..])
        .prop_map(|text| EventFilter::new(text).unwrap());
    let rate = any::<u32>().prop_map(NonZeroU32::new);
    (any_text(), option::of(any_text()), vec(filter, 0..3), option::of(any_sealed()), rate)
        .prop_map(|(url, description, filters, headers, rate_per_s)| WebhookSettings {
            url,
            description,
            filters,
            headers,
            rate_per_s,
        })
}

fn any_sealed() -> impl Strategy<Value = SealedSecret> {
    vec(any::<u8>(), 0..64).prop_map(|bytes| SealedSecret(bytes.into()))
}

fn any_key() -> impl Strategy<Value = ApiKey> {
    let kind =
        (0..3_u8, any_id(), select(&Mode::ALL[..])).prop_map(|(kind, merchant, mode)| match kind {
            0 => ApiKeyKind::Secret { merchant, mode },
            1 => ApiKeyKind::Publishable { merchant, mode },
            _ => ApiKeyKind::Operator,
        });
    let chosen = vec(select(&Scope::ALL[..]), 0..4).prop_map(|chosen| chosen.into_iter().collect());
    let scopes = prop_oneof![1 => Just(ScopeSet::ALL), 3 => chosen];
    let texts = (option::of(Just(KeyTail::new(*b"0z!~").unwrap())), option::of(any_text()));
    let times = (any_time(), option::of(any_time()));
    (any_id(), any::<[u8; 32]>(), texts, kind, scopes, times).prop_map(
        |(id, hash, (tail, name), kind, scopes, (created_at, expires_at))| ApiKey {
            id,
            hash: ApiKeyHash(hash),
            tail,
            kind,
            scopes,
            name,
            created_at,
            expires_at,
            revoked_at: None,
            successor: None,
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    let answer = || (any_id(), any_id(), select(&OutcomeSource::ALL[..]));
    let started = (any_id(), any_id(), select(vec!["simulator", "sixteen-letters_", "a", "0-9"]))
        .prop_map(|(payment, attempt, name)| Event::AttemptStarted {
            payment,
            attempt,
            provider: ProviderId::new(name).unwrap(),
        });
    prop_oneof![
        any_intent().prop_map(|intent| Event::PaymentCreated(Arc::new(intent))),
        started,
        (answer(), any_receipt()).prop_map(|((payment, attempt, source), receipt)| {
            Event::AttemptApproved { payment, attempt, source, receipt }
        }),
        (answer(), select(&DeclineCode::ALL[..])).prop_map(|((payment, attempt, source), code)| {
            Event::AttemptDeclined { payment, attempt, source, code }
        }),
        (answer(), any_action(), any_time()).prop_map(
            |((payment, attempt, source), action, expires_at)| {
                Event::AttemptActionRequired { payment, attempt, source, action, expires_at }
            }
        ),
        (answer(), any_time()).prop_map(|((payment, attempt, source), inquire_at)| {
            Event::AttemptPending { payment, attempt, source, inquire_at }
        }),
        answer().prop_map(|(payment, attempt, source)| Event::AttemptNotSent {
            payment,
            attempt,
            source
        }),
        (answer(), any_time()).prop_map(|((payment, attempt, source), inquire_at)| {
            Event::AttemptUnknown { payment, attempt, source, inquire_at }
        }),
        (any_id(), any_id(), any_time()).prop_map(|(payment, attempt, inquire_at)| {
            Event::InquiryStarted { payment, attempt, inquire_at }
        }),
        (answer(), any_receipt(), any_amount_or_zero()).prop_map(
            |((payment, attempt, source), receipt, taken)| {
                Event::AttemptApprovedLate { payment, attempt, source, receipt, taken }
            }
        ),
        (answer(), any_time()).prop_map(|((payment, attempt, source), inquire_at)| {
            Event::AttemptContradicted { payment, attempt, source, inquire_at }
        }),
        operation::any_event(),
        (any_id(), any_time())
            .prop_map(|(payment, expires_at)| Event::PaymentAuthorized { payment, expires_at }),
        (any_id(), any_amount(), any_amount_or_zero()).prop_map(|(payment, captured, fee)| {
            Event::PaymentCaptured { payment, captured, fee }
        }),
        (any_id(), option::of(select(&DeclineCode::ALL[..]))).prop_map(|(payment, code)| {
            let reason = code.map_or(FailureReason::NotSent, FailureReason::Declined);
            Event::PaymentFailed { payment, reason }
        }),
        any_id().prop_map(|payment| Event::PaymentExpired { payment }),
        any_time().prop_map(|created_before| Event::IdempotencyKeysForgotten { created_before }),
    ]
}

fn any_intent() -> impl Strategy<Value = PaymentIntent> {
    let what = (
        any_amount(),
        select(vec!["INR", "JPY", "BHD", "CLF"]),
        select(&Mode::ALL[..]),
        select(&CaptureMode::ALL[..]),
    );
    let sealed = (any::<[u8; 16]>(), vec(any::<u8>(), 0..40))
        .prop_map(|(key, bytes)| Sealed::new(SealKeyId(key), bytes).unwrap());
    let text = || option::of(any_text());
    let texts = (text(), text(), text(), text(), vec((any_text(), any_text()), 0..4));
    let emi = (any::<u8>(), any::<u16>(), any::<bool>())
        .prop_map(|(months, annual_rate, no_cost)| EmiPlan { months, annual_rate, no_cost });
    let options = (any::<bool>(), option::of(emi), option::of(any_id()), any::<bool>(), text());
    let texts = (texts, option::of(sealed), options);
    ((any_id(), any_id(), any_id()), what, any_method(), texts, any::<u64>(), any_time()).prop_map(
        |(
            (id, transaction, merchant),
            (amount, code, mode, capture),
            method,
            (
                (order_id, customer_id, description, callback_url, metadata),
                personal,
                (hold_for_review, emi, order, one_payment_per_order, return_url),
            ),
            control_version,
            created_at,
        )| PaymentIntent {
            id,
            transaction,
            merchant,
            mode,
            money: Money { amount, currency: Currency::from_code(code).unwrap() },
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
        },
    )
}

fn any_method() -> impl Strategy<Value = PaymentMethod> {
    let card = (
        select(&CardBrand::ALL[..]),
        any::<(u32, u16, u8, u16)>(),
        any::<[u8; 16]>(),
        option::of(select(&CardFunding::ALL[..])),
        option::of(select(&["IN", "US", "AA", "ZZ"][..])),
    )
        .prop_map(
            |(brand, (bin, last4, expiry_month, expiry_year), fingerprint, funding, country)| {
                PaymentMethod::Card(CardFacts {
                    brand,
                    bin,
                    last4,
                    expiry_month,
                    expiry_year,
                    fingerprint: CardFingerprint(fingerprint),
                    funding,
                    issuer_country: country.and_then(Country::from_code),
                })
            },
        );
    let upi = (any_text(), any::<[u8; 16]>(), any_text()).prop_map(
        |(handle, fingerprint, payee_name)| {
            let fingerprint = VpaFingerprint(fingerprint);
            PaymentMethod::Upi(UpiFacts { handle, fingerprint, payee_name })
        },
    );
    let net_banking =
        any_text().prop_map(|bank| PaymentMethod::NetBanking(NetBankingFacts { bank }));
    let wallet = (any_text(), any::<[u8; 16]>()).prop_map(|(provider, fingerprint)| {
        let fingerprint = WalletFingerprint(fingerprint);
        PaymentMethod::Wallet(WalletFacts { provider, fingerprint })
    });
    prop_oneof![card, upi, net_banking, wallet]
}

fn any_action() -> impl Strategy<Value = NextAction> {
    prop_oneof![
        any_text().prop_map(|url| NextAction::Redirect { url }),
        (any_text(), any_text())
            .prop_map(|(payee_vpa, reference)| NextAction::ApproveUpi { payee_vpa, reference }),
    ]
}

fn any_receipt() -> impl Strategy<Value = Arc<ProviderReceipt>> {
    (any_text(), any_text(), any_text()).prop_map(|(external_id, rrn, approval_code)| {
        Arc::new(ProviderReceipt { external_id, rrn, approval_code })
    })
}

fn any_id<K: crate::id::IdKind>() -> impl Strategy<Value = Id<K>> {
    any::<u128>().prop_map(Id::from_u128)
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::MAX.as_millis()).prop_map(Timestamp::from_millis)
}

fn any_amount() -> impl Strategy<Value = Amount> {
    (1..=Amount::MAX.minor_units()).prop_map(amount)
}

fn any_amount_or_zero() -> impl Strategy<Value = Amount> {
    prop_oneof![1 => Just(Amount::ZERO), 3 => any_amount()]
}

fn any_text() -> impl Strategy<Value = Box<str>> {
    any::<String>().prop_map(Into::into)
}
