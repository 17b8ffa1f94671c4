//! The table of error codes; `docs/errors.md` is made from it.

use hyper::StatusCode;

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $status:ident, retryable: $retryable:literal, $title:literal, $meaning:literal;)*) => {
        /// What went wrong, as clients tell it apart.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub(crate) enum ErrorCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code on the wire.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Where the code is documented: a reference relative to the server.
            pub(crate) const fn type_uri(self) -> &'static str {
                match self { $(Self::$variant => concat!("/docs/errors#", $code),)* }
            }

            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// Whether the same request may succeed later.
            pub(crate) const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }

            /// The same few words each time.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What it means and what to do.
            pub(crate) const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

error_codes! {
    BodyInvalid = "body_invalid", BAD_REQUEST, retryable: false, "Body cannot be read",
        "The body is not JSON of the documented form. The detail tells the first fault with its line and column.";
    RequestInvalid = "request_invalid", BAD_REQUEST, retryable: false, "Request cannot be read",
        "The request is not HTTP as it should be: its first line or a header is malformed, `Host` is missing, or a header that says one thing is given twice.";
    ParameterUnknown = "parameter_unknown", BAD_REQUEST, retryable: false, "Unknown parameter",
        "The body holds a field that this version does not know.";
    ParameterMissing = "parameter_missing", BAD_REQUEST, retryable: false, "Missing parameter",
        "A field that the operation needs is absent.";
    ParameterInvalid = "parameter_invalid", BAD_REQUEST, retryable: false, "Invalid parameter",
        "A field has a value that is not of its form.";
    ParameterConflict = "parameter_conflict", BAD_REQUEST, retryable: false, "Conflicting parameters",
        "Several fields say the same thing, and only one of them may be given.";
    AmountInvalid = "amount_invalid", BAD_REQUEST, retryable: false, "Invalid amount",
        "The amount is not a decimal number with at most as many decimals as its currency has.";
    AmountTooSmall = "amount_too_small", BAD_REQUEST, retryable: false, "Amount too small",
        "The amount is zero or negative.";
    AmountTooLarge = "amount_too_large", BAD_REQUEST, retryable: false, "Amount too large",
        "The amount is above the largest that one payment may have.";
    CaptureExceedsAuthorized = "capture_exceeds_authorized", BAD_REQUEST, retryable: false, "Capture exceeds what is reserved",
        "The amount is more than what is reserved and not captured yet. The detail tells how much that is.";
    RefundExceedsCaptured = "refund_exceeds_captured", BAD_REQUEST, retryable: false, "Refund exceeds what is left",
        "The amount is more than what was captured and is neither refunded nor about to be. The detail tells how much is left.";
    OrderAmountExceeded = "order_amount_exceeded", BAD_REQUEST, retryable: false, "More than the order",
        "The amount is more than what is open of the order: what is paid and what other payments may yet pay counts. The detail tells how much is open.";
    OrderCurrencyDiffers = "order_currency_differs", BAD_REQUEST, retryable: false, "Not the order's currency",
        "The payment is in another currency than its order.";
    CurrencyInvalid = "currency_invalid", BAD_REQUEST, retryable: false, "Invalid currency",
        "The currency is not an upper-case ISO 4217 code with minor units.";
    CardNumberInvalid = "card_number_invalid", BAD_REQUEST, retryable: false, "Invalid card number",
        "The card number is not 13 to 19 digits with a correct check digit.";
    CardNumberInText = "card_number_in_text", BAD_REQUEST, retryable: false, "Card number in a text",
        "A text that is kept, such as `order_id`, `description` or a metadata value, or the idempotency key, holds the number of the request's card.";
    CardExpired = "card_expired", BAD_REQUEST, retryable: false, "Expired card",
        "The card's expiry date is past.";
    CardCvvInvalid = "card_cvv_invalid", BAD_REQUEST, retryable: false, "Invalid security code",
        "The card's security code is not three or four digits.";
    CurrencyUnsupported = "currency_unsupported", BAD_REQUEST, retryable: false, "Unsupported currency",
        "The payment method is not offered in this currency; `GET /api/v1/payment-methods` tells in which it is.";
    EmiUnavailable = "emi_unavailable", BAD_REQUEST, retryable: false, "Instalments not offered",
        "These instalments are not offered: for so many months, in this currency, for so little, or by this card. The detail tells which, and `GET /api/v1/payment-methods` what is.";
    VpaInvalid = "vpa_invalid", BAD_REQUEST, retryable: false, "Invalid UPI address",
        "The UPI address is not of the form `name@handle`.";
    BankInvalid = "bank_invalid", BAD_REQUEST, retryable: false, "Invalid bank",
        "The code is that of no bank which net banking is offered for.";
    WalletProviderInvalid = "wallet_provider_invalid", BAD_REQUEST, retryable: false, "Invalid wallet",
        "The name is that of no wallet which is offered.";
    PaymentMethodUnsupported = "payment_method_unsupported", BAD_REQUEST, retryable: false, "Unsupported payment method",
        "The payment method is not offered here.";
    IdempotencyKeyInvalid = "idempotency_key_invalid", BAD_REQUEST, retryable: false, "Invalid idempotency key",
        "The idempotency key is not 1 to 255 visible ASCII characters, header and body give different ones, or a batch came with one in its header.";
    ApiKeyMissing = "api_key_missing", UNAUTHORIZED, retryable: false, "Missing API key",
        "No API key came with the request. Send it as `Authorization: Bearer`, as the user name of Basic authentication, or as `X-Api-Key`; or its id as `X-Api-Key` and the key as `X-Api-Secret`.";
    ApiKeyInvalid = "api_key_invalid", UNAUTHORIZED, retryable: false, "Invalid API key",
        "The API key is not one of ours, or key and secret do not belong together.";
    ApiKeyExpired = "api_key_expired", UNAUTHORIZED, retryable: false, "Expired API key",
        "The API key's time is over, or it was rotated and the overlap has ended.";
    ApiKeyRevoked = "api_key_revoked", UNAUTHORIZED, retryable: false, "Revoked API key",
        "The API key was revoked.";
    PaymentDeclined = "payment_declined", PAYMENT_REQUIRED, retryable: false, "Payment declined",
        "The issuer declined. `decline_code` tells why, `advice_code` what to do; the payment is in the body.";
    OperationFailed = "operation_failed", PAYMENT_REQUIRED, retryable: false, "Operation failed",
        "The provider did not carry out the capture, void or reversal. The payment is in the body; `detail` tells why.";
    ProviderUnavailable = "provider_unavailable", PAYMENT_REQUIRED, retryable: true, "Provider unavailable",
        "No provider could be reached, and nothing was sent. The payment has failed; a new one, with a new idempotency key, may succeed.";
    CallbackSignatureInvalid = "callback_signature_invalid", UNAUTHORIZED, retryable: false, "Invalid signature of a callback",
        "A provider's callback has no signature, or none that is right: `v1=` and the HMAC-SHA-256 of timestamp, dot and raw body under the shared secret.";
    CallbackOutOfTime = "callback_out_of_time", UNAUTHORIZED, retryable: true, "Callback out of time",
        "A provider's callback is more than five minutes old, or from the future. It is signed anew each time it is sent.";
    MerchantMismatch = "merchant_mismatch", FORBIDDEN, retryable: false, "Not the key's merchant",
        "The request names another merchant than the one the API key belongs to.";
    OperatorKeyRequired = "operator_key_required", FORBIDDEN, retryable: false, "Operator key required",
        "The operation is the operator's, and the API key is a merchant's.";
    MerchantKeyRequired = "merchant_key_required", FORBIDDEN, retryable: false, "Merchant key required",
        "The operation is a merchant's, and the API key is the operator's.";
    SecretKeyRequired = "secret_key_required", FORBIDDEN, retryable: false, "Secret key required",
        "The operation is not for publishable keys, which anybody can read. Use a secret key, on a server.";
    ScopeMissing = "scope_missing", FORBIDDEN, retryable: false, "Missing scope",
        "The API key lacks the scope that the operation needs; the detail names it.";
    ScopeExceeded = "scope_exceeded", FORBIDDEN, retryable: false, "Scope exceeded",
        "The key to be issued or rotated might do more than the API key that asks for it.";
    ModeMismatch = "mode_mismatch", FORBIDDEN, retryable: false, "Not the key's mode",
        "The key to be issued is of another mode than the API key that asks for it.";
    MerchantSuspended = "merchant_suspended", FORBIDDEN, retryable: false, "Merchant suspended",
        "The merchant is suspended and may take no new payments. All else goes on; the operator knows why.";
    RouteNotFound = "route_not_found", NOT_FOUND, retryable: false, "No such path",
        "Nothing is served at this path.";
    CustomerNotFound = "customer_not_found", NOT_FOUND, retryable: false, "No such customer",
        "Nothing is kept of a customer with this id for the API key's merchant in the key's mode: there never was anything, or it is erased.";
    PaymentNotFound = "payment_not_found", NOT_FOUND, retryable: false, "No such payment",
        "The API key's merchant has no payment with this id in the key's mode.";
    PaymentNotFoundAsOf = "payment_not_found_as_of", NOT_FOUND, retryable: false, "No such payment then",
        "There is the payment, but not as of the moment that `as_of` names: it was created later, or it has not come to this sequence number. The detail tells which.";
    RefundNotFound = "refund_not_found", NOT_FOUND, retryable: false, "No such refund",
        "The API key's merchant has no refund with this id in the key's mode.";
    OrderNotFound = "order_not_found", NOT_FOUND, retryable: false, "No such order",
        "The API key's merchant has no order with this id in the key's mode.";
    TransactionNotFound = "transaction_not_found", NOT_FOUND, retryable: false, "No such transaction",
        "There is no transaction with this id.";
    CaseNotFound = "case_not_found", NOT_FOUND, retryable: false, "No such case",
        "There is no open case with this id.";
    ProviderNotFound = "provider_not_found", NOT_FOUND, retryable: false, "No such provider",
        "No provider of this name is configured.";
    MerchantNotFound = "merchant_not_found", NOT_FOUND, retryable: false, "No such merchant",
        "There is no merchant with this id, or it is not the API key's.";
    ApiKeyNotFound = "api_key_not_found", NOT_FOUND, retryable: false, "No such API key",
        "There is no key with this id, or none that the API key has a say over.";
    CallbackUnmatched = "callback_unmatched", NOT_FOUND, retryable: true, "No such payment for a callback",
        "A provider's callback is about a payment, attempt or operation that is not known here, and there is no room to keep it. It is not acknowledged, so that the provider sends it again.";
    ParkedCallbackNotFound = "parked_callback_not_found", NOT_FOUND, retryable: false, "No such parked callback",
        "No callback with this id waits for its payment: it has found it, or was dismissed.";
    WebhookEndpointNotFound = "webhook_endpoint_not_found", NOT_FOUND, retryable: false, "No such webhook endpoint",
        "The API key's merchant has no endpoint with this id in the key's mode.";
    WalletNotFound = "wallet_not_found", NOT_FOUND, retryable: false, "No such wallet",
        "The wallet's provider knows no wallet with this id.";
    EventNotFound = "event_not_found", NOT_FOUND, retryable: false, "No such event",
        "The API key's merchant has no event with this id in the key's mode, or it is no longer kept.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, retryable: false, "Method not allowed",
        "The path exists, but not for this method. The `Allow` header lists those it has.";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, retryable: true, "Request timeout",
        "The body did not arrive in time. Nothing was begun.";
    IdempotencyKeyInUse = "idempotency_key_in_use", CONFLICT, retryable: true, "Idempotency key in use",
        "The first request with this idempotency key still waits for its outcome. Repeat it after `Retry-After` seconds.";
    PaymentUnexpectedState = "payment_unexpected_state", CONFLICT, retryable: false, "Unexpected state",
        "The payment's state does not allow the operation.";
    OperationInProgress = "operation_in_progress", CONFLICT, retryable: true, "Operation in progress",
        "Another operation on the payment has no outcome yet, and excludes this one. Repeat after `Retry-After` seconds.";
    OperationLimitReached = "operation_limit_reached", CONFLICT, retryable: false, "Too many operations",
        "The payment has as many captures, refunds and other operations as it may have.";
    OrderPaid = "order_paid", CONFLICT, retryable: false, "Order paid already",
        "The order is paid, and the merchant takes one payment for each order.";
    CaseUnexpectedState = "case_unexpected_state", CONFLICT, retryable: false, "Unexpected state of the case",
        "A case of this kind is not resolved in this way.";
    ApiKeyUnexpectedState = "api_key_unexpected_state", CONFLICT, retryable: false, "Unexpected state of the key",
        "The key has expired, was revoked or has a successor already, and cannot be rotated.";
    ApiKeyLimitReached = "api_key_limit_reached", CONFLICT, retryable: false, "Too many API keys",
        "The owner has as many usable keys as there may be. Revoke one that is not needed.";
    WebhookEndpointLimitReached = "webhook_endpoint_limit_reached", CONFLICT, retryable: false, "Too many webhook endpoints",
        "The merchant has as many endpoints in this mode as there may be. Delete one that is not needed.";
    CursorExpired = "cursor_expired", GONE, retryable: false, "Cursor too old",
        "Events behind this cursor are no longer kept. The detail names the first cursor that can be read from.";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, retryable: false, "Body too large",
        "The body is larger than is accepted.";
    UriTooLong = "uri_too_long", URI_TOO_LONG, retryable: false, "Path too long",
        "Path and query are longer than 8192 bytes.";
    ContentTypeUnsupported = "content_type_unsupported", UNSUPPORTED_MEDIA_TYPE, retryable: false, "Unsupported content type",
        "The body has to be `application/json`.";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, retryable: false, "Idempotency key reused",
        "The idempotency key stands for another request.";
    ListTooBroad = "list_too_broad", UNPROCESSABLE_ENTITY, retryable: false, "List too broad",
        "More rows would have to be looked at than one request may: what is asked for is narrowed by no index. Ask for a shorter span of time with `created`, or for one status, order, customer or payment.";
    ProviderNotConfigured = "provider_not_configured", UNPROCESSABLE_ENTITY, retryable: false, "No provider configured",
        "No payment provider is configured for live mode. Test keys use the simulator.";
    UpgradeRequired = "upgrade_required", UPGRADE_REQUIRED, retryable: false, "WebSocket required",
        "The path is a WebSocket, and the request does not open one: it has to be a GET over HTTP/1.1 with `Upgrade: websocket` and `Sec-WebSocket-Version: 13`.";
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS, retryable: true, "Too many requests",
        "The merchant has too many requests under way. Nothing was begun; repeat after `Retry-After` seconds.";
    RateLimitExceeded = "rate_limit_exceeded", TOO_MANY_REQUESTS, retryable: true, "Rate limit exceeded",
        "The API key has made more requests than it may, or too many wrong keys have come from this address. Nothing was begun; repeat after `Retry-After` seconds.";
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, retryable: false, "Headers too large",
        "The request's headers are larger than is accepted, or there are too many of them.";
    OutcomeUnknown = "outcome_unknown", INTERNAL_SERVER_ERROR, retryable: true, "Outcome unknown",
        "The gateway failed while the request was under way, and cannot tell whether it was carried out. Repeat it with the same idempotency key to learn.";
    InternalError = "internal_error", INTERNAL_SERVER_ERROR, retryable: true, "Internal error",
        "The gateway failed. Repeat the request with the same idempotency key.";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, retryable: true, "Overloaded",
        "The gateway has too many requests under way. Nothing was begun; repeat after `Retry-After` seconds.";
    StorageFull = "storage_full", SERVICE_UNAVAILABLE, retryable: true, "Storage full",
        "The gateway has too little disk space for new work. Nothing was begun.";
    KeyStoreUnavailable = "key_store_unavailable", SERVICE_UNAVAILABLE, retryable: true, "Key store unavailable",
        "The keys of personal data cannot be written, so that no new customer's data can be kept and none be erased. No payment was begun; repeat after `Retry-After` seconds.";
    ProviderUnreachable = "provider_unreachable", SERVICE_UNAVAILABLE, retryable: true, "Provider unreachable",
        "The provider could not be asked, or did not answer. Nothing was changed.";
    ArchiveUnreadable = "archive_unreadable", SERVICE_UNAVAILABLE, retryable: true, "Archive unreadable",
        "The payment or order has left memory, and the archive that it is in cannot be read. Nothing was begun; repeat after `Retry-After` seconds.";
    ListsUnavailable = "lists_unavailable", SERVICE_UNAVAILABLE, retryable: true, "Lists unavailable",
        "What lists are read from is too far behind the log, is read by too many at once, or has failed until the next start. Payments go on; repeat after `Retry-After` seconds.";
    NotReady = "not_ready", SERVICE_UNAVAILABLE, retryable: true, "Not ready",
        "The gateway is starting or stopping. Nothing was begun; repeat after `Retry-After` seconds.";
}
