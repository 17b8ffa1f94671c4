//! Paths to operations.
//!
//! A new operation is a line in the table of routes.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{MethodRouter, delete, get, post},
};
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::{
    classic,
    edge::Edge,
    envelope::EnvelopeLayer,
    error::{ErrorCode, Problem},
    error_page, health, openapi, provider_callback,
    refusal_stream::Refuse,
    simulator_actions, simulator_ledger,
    state::Gateway,
    v1,
};

/// Declares the routes: for each its name, its template and its operations.
macro_rules! routes {
    ($($name:ident = $template:literal => $operations:expr;)*) => {
        /// The paths that are served; their templates are the only paths in metrics.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Route {
            $($name,)*
            /// No path of ours.
            Unmatched,
        }

        impl Route {
            /// How many there are, counted by their templates: types are made of this number, so it
            /// must not rest on a function that is compiled with them.
            pub(crate) const COUNT: usize = [$($template,)* "unmatched"].len();

            /// Every route, each at its [`Route::index`].
            pub(crate) const ALL: [Self; Self::COUNT] = [$(Self::$name,)* Self::Unmatched];

            /// The path with its parameters' names.
            pub(crate) const fn template(self) -> &'static str {
                match self {
                    $(Self::$name => $template,)*
                    Self::Unmatched => "unmatched",
                }
            }

            /// Its place in [`Route::ALL`].
            pub(crate) const fn index(self) -> usize {
                self as usize
            }
        }

        /// What each path serves.
        fn operations() -> Vec<(Route, MethodRouter<Arc<Gateway>>)> {
            vec![$((Route::$name, $operations),)*]
        }
    };
}

routes! {
    Payments = "/api/v1/payments" => get(v1::payments::list).post(v1::payments::create);
    PaymentBatch = "/api/v1/payments/batch" => post(v1::payment_batch::create);
    Payment = "/api/v1/payments/{id}" => get(v1::payments::read);
    PaymentEvents = "/api/v1/payments/{id}/events" => get(v1::payment_events::list);
    PaymentConfirmation = "/api/v1/payments/{id}/confirm" =>
        post(v1::payment_operations::confirm);
    PaymentCapture = "/api/v1/payments/{id}/capture" => post(v1::payment_operations::capture);
    PaymentVoid = "/api/v1/payments/{id}/void" => post(v1::payment_operations::void);
    PaymentReversal = "/api/v1/payments/{id}/reverse" => post(v1::payment_operations::reverse);
    PaymentRefund = "/api/v1/payments/{id}/refund" => post(v1::refunds::create_for_payment);
    Refunds = "/api/v1/refunds" => get(v1::refunds::list).post(v1::refunds::create);
    Refund = "/api/v1/refunds/{id}" => get(v1::refunds::read);
    Reviews = "/api/v1/reviews" => get(v1::reviews::list);
    ReviewApproval = "/api/v1/reviews/{id}/approve" => post(v1::payment_operations::approve);
    ReviewRejection = "/api/v1/reviews/{id}/reject" => post(v1::payment_operations::reject);
    PaymentMethods = "/api/v1/payment-methods" => get(v1::payment_methods::list);
    VpaValidation = "/api/v1/payment-methods/upi/validate" =>
        post(v1::customer_accounts::validate_vpa);
    WalletBalance = "/api/v1/payment-methods/wallet/balance" =>
        post(v1::customer_accounts::wallet_balance);
    WalletLink = "/api/v1/payment-methods/wallet/link" =>
        post(v1::customer_accounts::link_wallet);
    Orders = "/api/v1/orders" => get(v1::orders::list).post(v1::orders::create);
    Order = "/api/v1/orders/{id}" => get(v1::orders::read);
    Transactions = "/api/v1/transactions" => get(v1::transactions::list);
    Transaction = "/api/v1/transactions/{id}" => get(v1::transactions::read);
    PaymentExport = "/api/v1/exports/payments" => get(v1::exports::payments);
    TransactionExport = "/api/v1/exports/transactions" => get(v1::exports::transactions);
    RefundExport = "/api/v1/exports/refunds" => get(v1::exports::refunds);
    LedgerAccounts = "/api/v1/ledger/accounts" => get(v1::ledger::accounts);
    LedgerEntries = "/api/v1/ledger/entries" => get(v1::ledger::entries);
    Balance = "/api/v1/balance" => get(v1::ledger::balance);
    Exceptions = "/api/v1/admin/exceptions" => get(v1::exceptions::list);
    Exception = "/api/v1/admin/payments/{id}/exceptions/{case}" => get(v1::exceptions::read);
    ExceptionResolution = "/api/v1/admin/payments/{id}/exceptions/{case}/resolve" =>
        post(v1::exceptions::resolve);
    UnknownOutcomes = "/api/v1/admin/unknown" => get(v1::exceptions::unknown);
    ParkedCallbacks = "/api/v1/admin/callbacks" => get(v1::parked_callbacks::list);
    ParkedCallback = "/api/v1/admin/callbacks/{id}" => delete(v1::parked_callbacks::dismiss);
    TransactionOutcome = "/api/v1/admin/transactions/{id}/outcome" =>
        post(v1::transactions::record_outcome);
    Snapshots = "/api/v1/admin/snapshots" => post(v1::storage::take_snapshot);
    Backup = "/api/v1/admin/backup" => get(v1::storage::backup);
    Providers = "/api/v1/providers" => get(v1::providers::list);
    Provider = "/api/v1/providers/{id}" => get(v1::providers::read);
    ProviderCallback = "/api/v1/providers/{id}/webhook" => post(provider_callback::of_provider);
    Customer = "/api/v1/customers/{id}" => delete(v1::customers::erase);
    Merchants = "/api/v1/merchants" => get(v1::merchants::list).post(v1::merchants::create);
    OwnMerchant = "/api/v1/merchants/me" => get(v1::merchants::read_own);
    Merchant = "/api/v1/merchants/{id}" =>
        get(v1::merchants::read).patch(v1::merchants::update);
    MerchantKeys = "/api/v1/merchants/{id}/keys" =>
        get(v1::keys::list_of_merchant).post(v1::keys::issue_for_merchant);
    MerchantKey = "/api/v1/merchants/{id}/keys/{key}" => delete(v1::keys::revoke_of_merchant);
    MerchantKeyRotation = "/api/v1/merchants/{id}/keys/{key}/rotate" =>
        post(v1::keys::rotate_of_merchant);
    OwnKeys = "/api/v1/keys" => get(v1::keys::list_own).post(v1::keys::issue_own);
    OwnKey = "/api/v1/keys/{key}" => delete(v1::keys::revoke_own);
    OwnKeyRotation = "/api/v1/keys/{key}/rotate" => post(v1::keys::rotate_own);
    OperatorKeys = "/api/v1/operator-keys" =>
        get(v1::keys::list_of_operators).post(v1::keys::issue_for_operators);
    OperatorKey = "/api/v1/operator-keys/{key}" => delete(v1::keys::revoke_of_operators);
    OperatorKeyRotation = "/api/v1/operator-keys/{key}/rotate" =>
        post(v1::keys::rotate_of_operators);
    Events = "/api/v1/events" => get(v1::events::list);
    EventStream = "/api/v1/events/stream" => get(v1::event_stream::open);
    EventSocket = "/api/v1/events/ws" => get(v1::event_socket::open);
    Event = "/api/v1/events/{id}" => get(v1::events::read);
    EventResend = "/api/v1/events/{id}/resend" => post(v1::events::resend);
    Webhooks = "/api/v1/webhooks" => get(v1::webhooks::list).post(v1::webhooks::create);
    CallbackSecret = "/api/v1/webhooks/callback-secret" => get(v1::webhooks::callback_secret);
    CallbackSecretRotation = "/api/v1/webhooks/callback-secret/rotate" =>
        post(v1::webhooks::rotate_callback_secret);
    Webhook = "/api/v1/webhooks/{id}" =>
        get(v1::webhooks::read).patch(v1::webhooks::update).delete(v1::webhooks::delete);
    WebhookSecretRotation = "/api/v1/webhooks/{id}/rotate-secret" =>
        post(v1::webhooks::rotate_secret);
    WebhookEnabling = "/api/v1/webhooks/{id}/enable" => post(v1::webhooks::enable);
    WebhookTest = "/api/v1/webhooks/{id}/test" => post(v1::webhooks::test);
    WebhookAttempts = "/api/v1/webhooks/{id}/attempts" => get(v1::deliveries::attempts);
    WebhookDeadLetters = "/api/v1/webhooks/{id}/dead-letters" =>
        get(v1::deliveries::dead_letters);
    WebhookRecovery = "/api/v1/webhooks/{id}/recover" => post(v1::deliveries::recover);
    QueueStatus = "/api/v1/queue/status" => get(v1::queue_status::read);
    ClassicPaymentProcess = "/api/payments/process" => post(classic::payments::process);
    ClassicPayment = "/api/payments/{id}" => get(classic::payments::read);
    ClassicPaymentStatus = "/api/payments/{id}/status" => get(classic::payments::read_status);
    ClassicPaymentCapture = "/api/payments/{id}/capture" =>
        post(classic::payment_operations::capture);
    ClassicPaymentVoid = "/api/payments/{id}/void" => post(classic::payment_operations::void);
    ClassicPaymentReversal = "/api/payments/{id}/reverse" =>
        post(classic::payment_operations::reverse);
    ClassicPaymentRefund = "/api/payments/{id}/refund" =>
        post(classic::refunds::process_for_payment);
    ClassicRefundProcess = "/api/refunds/process" => post(classic::refunds::process);
    ClassicRefundStatus = "/api/refunds/{id}/status" => get(classic::refunds::read_status);
    ClassicTransactions = "/api/transactions" => get(classic::transactions::list);
    ClassicMerchantTransactions = "/api/transactions/merchant/{id}" =>
        get(classic::transactions::list_of_merchant);
    ClassicTransaction = "/api/transactions/{id}" => get(classic::transactions::read);
    ClassicTransactionStatus = "/api/transactions/{id}/status" =>
        post(classic::transactions::record_status);
    ClassicProviders = "/api/providers" => get(classic::providers::list);
    ClassicProviderCallback = "/api/providers/{id}/webhook" =>
        post(provider_callback::of_provider);
    ClassicEvents = "/api/webhooks/events" => get(classic::events::list);
    ClassicCallback = "/api/webhooks/{provider}" => post(provider_callback::of_provider);
    ClassicPaymentCallback = "/api/webhooks/payment" => post(provider_callback::of_default);
    ClassicRefundCallback = "/api/webhooks/refund" => post(provider_callback::of_default);
    Health = "/health" => get(health::health);
    Ready = "/ready" => get(health::ready);
    SimulatorAction = "/simulator/actions/{attempt}" =>
        get(simulator_actions::show).post(simulator_actions::decide);
    SimulatorLedger = "/simulator/ledger" => get(simulator_ledger::page);
    OpenApi = "/api/openapi.json" => get(openapi::document);
    Docs = "/docs" => get(openapi::docs);
    ErrorPage = "/docs/errors" => get(error_page::page);
}

/// The API, and what renders the refusal of a request that cannot be read and so never gets to it.
pub(crate) fn api(gateway: Arc<Gateway>, edge: Arc<Edge>) -> (Router, Refuse) {
    let envelope = EnvelopeLayer::new(Arc::clone(&gateway.metrics), edge);
    let mut router = Router::new();
    for (route, methods) in operations() {
        let methods = methods.fallback(method_not_allowed).layer(envelope.at(route));
        router = router.route(route.template(), methods);
    }
    let unmatched = axum::routing::any(not_found).layer(envelope.at(Route::Unmatched));
    let router = router.fallback_service(unmatched.with_state(())).with_state(gateway);
    (router, Arc::new(move |status| envelope.refuse(status)))
}

/// What Prometheus reads, on a listener of its own.
pub(crate) fn metrics(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/metrics", get(render_metrics))
        .fallback(async || Problem::of(ErrorCode::RouteNotFound).code().status())
        .with_state(gateway)
}

/// The text format of Prometheus, version 0.0.4.
const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

async fn render_metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let serving = gateway.try_serving();
    if let Some(serving) = serving {
        serving.views.measure(&gateway.metrics.views);
    }
    let engine = serving.map(|serving| &serving.engine);
    ([(CONTENT_TYPE, PROMETHEUS_TEXT)], gateway.metrics.render(engine)).into_response()
}

async fn not_found() -> Problem {
    Problem::of(ErrorCode::RouteNotFound)
}

async fn method_not_allowed() -> Problem {
    Problem::of(ErrorCode::MethodNotAllowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_list() {
        for (index, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(route.index(), index);
        }
    }
}
