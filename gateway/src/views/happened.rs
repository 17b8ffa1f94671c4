//! What a record's events did to one payment, as far as rows follow from it.

use tollgate_domain::{Event, OperationId, Payment, Record};

/// What happened to a payment.
pub(super) struct Happened {
    pub(super) created: bool,
    /// Operations that began or changed, each once, and whether it began.
    pub(super) moved: Vec<(OperationId, bool)>,
}

impl Happened {
    pub(super) fn to(payment: &Payment, record: &Record<Event>) -> Self {
        let mut happened = Self { created: false, moved: Vec::new() };
        for event in record.events.iter().filter(|event| event.payment() == Some(payment.id())) {
            happened.created |= matches!(event, Event::PaymentCreated(_));
            let Some(operation) = event.operation() else { continue };
            let began = matches!(event, Event::OperationStarted { .. });
            match happened.moved.iter_mut().find(|(known, _began)| *known == operation) {
                Some((_known, known)) => *known |= began,
                None => happened.moved.push((operation, began)),
            }
        }
        happened
    }
}
