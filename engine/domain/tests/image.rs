//! A shard's image: whatever has happened, its pieces come to the same state again.

#![allow(clippy::unwrap_used, reason = "this is a test, in its helpers too")]

#[path = "stage/stage.rs"]
mod stage;

use stage::{
    DAY, HOUR, MINUTE, SHARD, Stage, approved, create_payment, declined, idempotency, money,
};
use tollgate_domain::{
    CaptureMode, Command, Decision, OutcomeSource, PaymentId, Policy, ProviderOutcome, Record,
    ShardState, Subject, codec,
    image::{ImageEnd, Piece, Restoration, Restored},
    invariant,
};

/// The pieces of a shard that has lived through this log, as bytes.
fn pieces(state: &ShardState, log: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let sequence = u64::try_from(log.len()).unwrap();
    state.pieces(sequence).map(|piece| codec::encode_piece(&piece).unwrap()).collect()
}

/// The same as snapshots kept it when no payment ever left memory: the records, and how the books
/// stand.
fn older_pieces(state: &ShardState, log: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let history = log.iter().map(|bytes| {
        let record = codec::decode(bytes).unwrap();
        Piece::History(Record { idempotency: None, effects: Vec::new(), ..record })
    });
    let books = state.pieces(u64::try_from(log.len()).unwrap());
    let books =
        books.filter(|piece| matches!(piece, Piece::Account(..) | Piece::Key(..) | Piece::End(_)));
    history.chain(books).map(|piece| codec::encode_piece(&piece).unwrap()).collect()
}

fn restored(pieces: &[Vec<u8>]) -> (ShardState, ImageEnd) {
    let mut restoration = Restoration::new(SHARD);
    for bytes in pieces {
        match restoration.take(codec::decode_piece(bytes).unwrap()) {
            Restored::InPart(further) => restoration = further,
            Restored::Whole(state, end) => return (*state, end),
        }
    }
    panic!("the last piece is the end");
}

fn create(stage: &mut Stage, capture: CaptureMode) -> PaymentId {
    let mut request = create_payment(money("12.34", "INR"), capture);
    request.idempotency = Some(idempotency(&format!("order {}", stage.log().len()), "request"));
    match stage.send(Command::CreatePayment(Box::new(request))).unwrap() {
        Decision::Accepted { subject: Some(Subject::Payment(payment)), .. } => payment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_image_of_an_eventful_shard_comes_to_the_same_state() {
    let mut stage = Stage::new(Policy::default());
    for round in 0..40 {
        let capture = if round % 2 == 0 { CaptureMode::Automatic } else { CaptureMode::Manual };
        let payment = create(&mut stage, capture);
        let outcomes = match round % 5 {
            0 => vec![approved()],
            1 => vec![declined()],
            2 => vec![ProviderOutcome::Unknown, approved()],
            3 => vec![declined(), approved()],
            _ => vec![ProviderOutcome::Pending],
        };
        for outcome in outcomes {
            stage.wait(MINUTE);
            stage.answer(payment, OutcomeSource::Call, outcome).unwrap();
        }
        stage.wait(if round == 30 { DAY } else { HOUR });
        stage.send(Command::Tick).unwrap();
        for pieces in [pieces(stage.state(), stage.log()), older_pieces(stage.state(), stage.log())]
        {
            let (state, end) = restored(&pieces);
            assert_eq!((state.hash(), end.hash), (stage.state().hash(), stage.state().hash()));
            assert_eq!(end.sequence, u64::try_from(stage.log().len()).unwrap());
            assert_eq!(end.shard, SHARD);
            assert_eq!(state.next_due(stage.policy()), stage.state().next_due(stage.policy()));
            assert_eq!(state.unknown(), stage.state().unknown());
            assert_eq!(state.unresolved(), stage.state().unresolved());
            assert_eq!(invariant::shard(&state), Ok(()));
            assert_eq!(invariant::histories(&state), Ok(()));
        }
    }
}

#[test]
fn a_piece_that_is_missing_shows_in_the_hash() {
    let mut stage = Stage::new(Policy::default());
    let payment = create(&mut stage, CaptureMode::Automatic);
    stage.answer(payment, OutcomeSource::Call, approved()).unwrap();
    let whole = pieces(stage.state(), stage.log());
    // The first is the payment's creation, without which there is nothing; a count of none is the
    // same as no count.
    for missing in 1..whole.len() - 2 {
        let mut cut = whole.clone();
        cut.remove(missing);
        let (state, end) = restored(&cut);
        assert_ne!(state.hash(), end.hash, "without piece {missing}");
    }
}

#[test]
fn an_empty_shard_has_an_image_too() {
    let state = ShardState::new(SHARD);
    let (again, end) = restored(&pieces(&state, &[]));
    assert_eq!((again.hash(), end.hash, end.sequence), (state.hash(), state.hash(), 0));
}
