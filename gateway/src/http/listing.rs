//! Rows of a list: found in the views, and read from the engine as they are now.
//!
//! Invariants: a list shows what its reader was answered before he asked. What is shown is what
//! reading the object by its id shows, and still is what was asked for. A row of another merchant or
//! mode is never found, and is no cursor either.

use std::{collections::HashMap, sync::Arc, time::Duration};

use hyper::{HeaderMap, Uri};
use tokio::time::timeout;
use tollgate_domain::{
    Id, IdKind, MerchantId, Mode, Operation, OperationId, Payment, PaymentId, Scope,
};

use super::{
    authentication::{self, Caller},
    error::{ErrorCode, Fault, Problem},
    list_query::{Filters, ListOf, ListQuery},
    state::{Gateway, Serving},
};
use crate::{
    vault::Realm,
    views::{Found, Part, Row, Selection, ViewError, Views},
};

/// How long a list waits for the views to take in what was durable when it was asked for.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A row, as it is now.
pub(super) struct Listed {
    id: u128,
    pub(super) payment: Arc<Payment>,
}

/// Rows of a page, in the order in which they were looked for.
pub(super) struct Listing {
    pub(super) rows: Vec<Listed>,
    pub(super) has_more: bool,
}

impl Listed {
    /// What was done to the payment that the row is of; `None` where it is the payment's own.
    pub(super) fn operation(&self) -> Option<&Operation> {
        self.payment.operation(OperationId::from_u128(self.id))
    }
}

/// What is asked for. Whoever has no key learns that first.
///
/// # Errors
/// Without a key that may; all faults of the query.
pub(super) fn query<K: IdKind>(
    gateway: &Gateway,
    headers: &HeaderMap,
    list: ListOf,
    uri: &Uri,
) -> Result<ListQuery<Id<K>>, Problem> {
    authentication::caller(gateway, headers, Scope::PaymentsRead)?;
    ListQuery::parse(list, uri.query())
}

/// Finds the rows of a page.
///
/// # Errors
/// Without a key that may; where another merchant is asked for; where the cursor is none; while the
/// views are behind.
pub(super) async fn page<K: IdKind>(
    gateway: &Gateway,
    headers: &HeaderMap,
    query: &ListQuery<Id<K>>,
) -> Result<Listing, Problem> {
    let serving = gateway.serving()?;
    let realm = realm_of(gateway, headers, &query.filters, None)?;
    let selection = selection(serving, realm, &query.filters);
    catch_up(serving).await?;
    if let Some((name, id)) = query.page.cursor() {
        let id = id.to_u128();
        let row = reading(&serving.views, move |views| views.row(realm, id)).await?;
        if !row.is_some_and(|row| selection.kind.is_none_or(|kind| kind == row.kind)) {
            let detail = "There is no such row in this list.";
            let fault = Fault::new(name, ErrorCode::ParameterInvalid, detail);
            return Err(Problem::of_faults(vec![fault]));
        }
    }
    find(serving, selection, query.page.part(), query.page.limit()).await
}

/// Whose rows are asked for. A merchant's key opens its own, an operator's those of the merchant
/// that it names.
///
/// # Errors
/// Without a key that may; for a merchant that is not the key's own, or that there is not.
pub(super) fn realm_of(
    gateway: &Gateway,
    headers: &HeaderMap,
    filters: &Filters,
    in_path: Option<MerchantId>,
) -> Result<Realm, Problem> {
    let caller = authentication::caller(gateway, headers, Scope::PaymentsRead)?;
    let named = in_path.or(filters.merchant);
    match caller {
        Caller::Merchant(own) | Caller::Checkout(own) => {
            if named.is_some_and(|named| named != own.merchant) {
                return Err(Problem::of(ErrorCode::MerchantMismatch));
            }
            if filters.mode.is_some_and(|mode| mode != own.mode) {
                let detail = "The key is of the other mode.";
                let fault = Fault::new("livemode", ErrorCode::ParameterInvalid, detail);
                return Err(Problem::of_faults(vec![fault]));
            }
            Ok(Realm { merchant: own.merchant, mode: own.mode })
        }
        Caller::Operator(_) => {
            let Some(merchant) = named else {
                let detail = "An operator names the merchant.";
                let fault = Fault::new("merchant_id", ErrorCode::ParameterMissing, detail);
                return Err(Problem::of_faults(vec![fault]));
            };
            if gateway.serving()?.engine.control().merchant(merchant).is_none() {
                return Err(Problem::of(ErrorCode::MerchantNotFound));
            }
            Ok(Realm { merchant, mode: filters.mode.unwrap_or(Mode::Test) })
        }
    }
}

/// What the views are asked for.
pub(super) fn selection(serving: &Serving, realm: Realm, filters: &Filters) -> Selection {
    let secrets = serving.views.secrets();
    Selection {
        kind: filters.kind,
        status: filters.status,
        standing: filters.standing,
        review: filters.review,
        payment: filters.payment,
        order: filters.order_id.as_deref().map(|id| secrets.order(realm, id)),
        customer: filters.customer_id.as_deref().map(|id| secrets.customer(realm, id)),
        currency: filters.currency,
        method: filters.method,
        amounts: filters.amounts.of_amounts(),
        created: filters.created.of_times(),
        ..Selection::all_of(realm)
    }
}

/// Waits for the views.
///
/// # Errors
/// Where that takes too long.
pub(super) async fn catch_up(serving: &Serving) -> Result<(), Problem> {
    if serving.views.catch_up(PATIENCE).await {
        Ok(())
    } else {
        Err(Problem::of(ErrorCode::ListsUnavailable))
    }
}

/// Reads from the views' disk, where it keeps nobody waiting but whoever asks. Few read at once, for a
/// filter that hardly any row passes makes a long way of it, and the threads are others' as well.
///
/// # Errors
/// Where too many read for too long, where more rows than may be would have to be looked at, and where
/// the views cannot be read.
pub(super) async fn reading<T: Send + 'static>(
    views: &Arc<Views>,
    read: impl FnOnce(&Views) -> Result<T, ViewError> + Send + 'static,
) -> Result<T, Problem> {
    let unavailable = || Problem::of(ErrorCode::ListsUnavailable);
    let turn = timeout(PATIENCE, views.turn_to_read()).await.map_err(|_late| unavailable())?;
    let views = Arc::clone(views);
    // The turn ends with the reading, also where nobody waits for it any more.
    let read = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        read(&views)
    });
    read.await.expect("reading does not panic").map_err(|error| {
        if let ViewError::TooBroad(most) = error {
            return too_broad(most);
        }
        tracing::error!(error = &error as &dyn std::error::Error, "the views cannot be read");
        unavailable()
    })
}

fn too_broad(most: usize) -> Problem {
    let detail = format!(
        "More than {most} rows would have to be looked at. Ask for a shorter span of time with \
         `created`, or for one status, order, customer or payment."
    );
    Problem::new(ErrorCode::ListTooBroad, detail)
}

/// The rows of a part as they are now, and whether there are more.
async fn find(
    serving: &Serving,
    selection: Selection,
    mut part: Part,
    limit: usize,
) -> Result<Listing, Problem> {
    let selection = Arc::new(selection);
    let mut rows = Vec::new();
    loop {
        let wanted = limit + 1 - rows.len();
        let found = found(&serving.views, &selection, part, (0, wanted)).await?;
        let is_last = found.len() < wanted;
        let last = found.last().map(|(id, _row)| *id);
        for (listed, row) in as_they_are(serving, found).await? {
            // What has moved since the views took it in may not be asked for any more.
            let now = row.as_of(listed.id, &listed.payment);
            if now.is_some_and(|now| selection.takes(&now)) {
                rows.push(listed);
            }
        }
        match last {
            Some(last) if !is_last && rows.len() <= limit => part = part.beyond(last),
            Some(_) | None => break,
        }
    }
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    Ok(Listing { rows, has_more })
}

/// Rows as the views have them.
pub(super) async fn found(
    views: &Arc<Views>,
    selection: &Arc<Selection>,
    part: Part,
    places: (usize, usize),
) -> Result<Vec<Found>, Problem> {
    let selection = Arc::clone(selection);
    reading(views, move |views| views.find(&selection, part, places)).await
}

/// The same with their payments as the engine has them.
pub(super) async fn as_they_are(
    serving: &Serving,
    found: Vec<Found>,
) -> Result<Vec<(Listed, Row)>, Problem> {
    let payments = payments(serving, &found).await?;
    let row = |(id, row): Found| {
        let payment = payments.get(&row.payment).ok_or_else(|| {
            tracing::error!(payment = %row.payment, "the views know a payment that nobody has");
            Problem::of(ErrorCode::InternalError)
        })?;
        Ok((Listed { id, payment: Arc::clone(payment) }, row))
    };
    found.into_iter().map(row).collect()
}

async fn payments(
    serving: &Serving,
    found: &[Found],
) -> Result<HashMap<PaymentId, Arc<Payment>>, Problem> {
    let mut ids: Vec<PaymentId> = found.iter().map(|(_id, row)| row.payment).collect();
    ids.sort_unstable();
    ids.dedup();
    let Some(first) = ids.first() else { return Ok(HashMap::new()) };
    // All are of one merchant, and so of one shard.
    let payments = serving.engine.payments(first.shard(), ids.clone()).await?;
    let known = |(id, payment): (PaymentId, Option<Box<Payment>>)| Some((id, Arc::from(payment?)));
    Ok(ids.into_iter().zip(payments).filter_map(known).collect())
}
