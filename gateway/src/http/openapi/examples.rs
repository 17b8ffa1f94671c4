//! Requests and answers to show. Tests send every request to a server, and hold every answer against
//! its schema.

use serde_json::{Value, json};

use crate::http::error::{ErrorCode, Problem};

/// A payment to create, and what becomes of it; `None` where that is no 201.
pub(super) struct PaymentExample {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) request: Value,
    pub(super) payment: Option<Value>,
}

const TIME: &str = "2026-01-15T10:30:00.000Z";
const FINGERPRINT: &str = "5d41402abc4b2a76b9719d911017c592";
const UPI_LINK: &str = "upi://pay?pa=tollgate@sim&pn=Acme&tr=sim_42&tn=order_456&am=100.00&cu=INR";
const QR_CODE: &str = "data:image/png;base64,iVBORw0KGgo=";

/// Payments by each method on version 1.
pub(super) fn payments() -> [PaymentExample; 6] {
    let card = |number: &str| {
        json!({
            "amount": "100.00", "currency": "INR", "payment_method": "card",
            "card": {"number": number, "expiry_month": 12, "expiry_year": 2030, "cvv": "123"},
        })
    };
    [
        PaymentExample {
            name: "card",
            summary: "A card, with all there is to say",
            request: json!({
                "amount": "100.00", "currency": "INR", "payment_method": "card",
                "card": {
                    "number": "4111111111111111", "expiry_month": 12, "expiry_year": 2030,
                    "cvv": "123", "holder_name": "A Holder",
                },
                "customer": {
                    "id": "your-own-customer-7", "email": "customer@example.com",
                    "phone": "+919876543210",
                },
                "billing_address": {
                    "street": "1 Main Street", "city": "Mumbai", "state": "MH",
                    "zip_code": "400001", "country": "IN",
                },
                "order_id": "order_456", "description": "Two books",
                "callback_url": "https://shop.example/callback",
                "return_url": "https://shop.example/thanks", "metadata": {"cart": "7"},
                "device": {"fingerprint": "d-1", "ip": "203.0.113.7", "user_agent": "Mozilla/5.0"},
                "capture": "automatic",
            }),
            payment: Some(card_payment()),
        },
        PaymentExample {
            name: "card_3ds",
            summary: "A card whose holder has to be proven",
            request: card("4000000000003220"),
            payment: Some(with(
                &card_payment(),
                &json!({
                    "status": "requires_action", "amount_captured": "0.00",
                    "amount_authorized": "0.00", "gateway_response": null,
                    "external_txn_id": null, "processed_at": null, "sequence": 2,
                    "next_action": {
                        "type": "redirect_to_url", "url": "https://simulator.invalid/3ds/42",
                    },
                    "expires_at": "2026-01-15T10:45:00.000Z",
                }),
            )),
        },
        PaymentExample {
            name: "card_declined",
            summary: "A card without enough money",
            request: card("4000000000009995"),
            payment: None,
        },
        PaymentExample {
            name: "upi",
            summary: "UPI, which the customer has to approve",
            request: json!({
                "amount_paisa": 10000, "currency": "INR", "payment_method": "upi",
                "upi": {"vpa": "pending@sim"}, "order_id": "order_456",
            }),
            payment: Some(upi_payment()),
        },
        PaymentExample {
            name: "netbanking",
            summary: "Net banking",
            request: json!({
                "amount_minor": 10000, "currency": "INR", "payment_method": "netbanking",
                "netbanking": {"bank": "HDFC"},
            }),
            payment: Some(with(
                &card_payment(),
                &json!({
                    "payment_method": "netbanking", "card": null, "netbanking": {"bank": "HDFC"},
                }),
            )),
        },
        PaymentExample {
            name: "wallet",
            summary: "A wallet",
            request: json!({
                "amount": "100.00", "currency": "INR", "payment_method": "wallet",
                "wallet": {"provider": "paytm", "wallet_id": "9876543210"},
            }),
            payment: Some(with(
                &card_payment(),
                &json!({
                    "payment_method": "wallet", "card": null,
                    "wallet": {
                        "provider": "paytm", "wallet_id": "9876543210", "fingerprint": FINGERPRINT,
                    },
                }),
            )),
        },
    ]
}

/// A payment by card that is complete.
pub(super) fn card_payment() -> Value {
    json!({
        "id": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "object": "payment",
        "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "status": "completed",
        "amount": "100.00", "amount_minor": 10000, "amount_paisa": 10000, "currency": "INR",
        "amount_authorized": "100.00", "amount_captured": "100.00", "amount_refunded": "0.00",
        "amount_disputed": "0.00", "fees_minor": 0, "fees_paisa": 0, "payment_method": "card",
        "card": {
            "brand": "visa", "bin": "411111", "last4": "1111", "expiry_month": 12,
            "expiry_year": 2030, "fingerprint": FINGERPRINT, "funding": "credit",
            "issuer_country": "US",
        },
        "upi": null, "netbanking": null, "wallet": null,
        "customer": {
            "id": "your-own-customer-7", "email": "customer@example.com",
            "phone": "+919876543210",
        },
        "order_id": "order_456", "emi": null, "return_url": "https://shop.example/thanks",
        "transaction_id": "txn_06f1q8zr2w000c5b7n2r6q9e1w",
        "external_txn_id": "sim_42", "provider": "simulator",
        "gateway_response": {"rrn": "601510300042", "approval_code": "A1B2C3"},
        "fraud_score": null, "decline_code": null, "failure_reason": null, "next_action": null,
        "payment_url": null, "qr_code": null,
        "attempts": [{
            "id": "att_06f1q8zr2w000c6d1p8s2y4h0g", "provider": "simulator",
            "status": "approved", "created_at": TIME,
        }],
        "metadata": {"cart": "7"}, "sequence": 3, "livemode": false, "created_at": TIME,
        "updated_at": TIME, "processed_at": TIME, "expires_at": null,
    })
}

/// The same, still under way.
pub(super) fn processing_payment() -> Value {
    with(
        &card_payment(),
        &json!({
            "status": "processing", "amount_captured": "0.00", "amount_authorized": "0.00",
            "gateway_response": null, "external_txn_id": null, "processed_at": null, "sequence": 1,
        }),
    )
}

/// A capture of a part.
pub(super) fn capture_request() -> Value {
    json!({"amount": "40.00", "final": true})
}

/// A payment of which that part was captured.
pub(super) fn captured_payment() -> Value {
    with(&card_payment(), &json!({"amount_captured": "40.00"}))
}

/// A refund of a part.
pub(super) fn refund_request() -> Value {
    json!({
        "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "amount": "25.00", "reason": "returned",
        "metadata": {"parcel": "3"},
    })
}

/// A refund that has succeeded.
pub(super) fn refund() -> Value {
    json!({
        "id": "ref_06f1q8zr2w000c7e3w5b1k8n4d", "object": "refund",
        "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "status": "succeeded", "amount": "25.00",
        "amount_minor": 2500, "amount_paisa": 2500, "currency": "INR", "reason": "returned",
        "failure_reason": null, "fees_returned_minor": 0,
        "transaction_id": "txn_06f1q8zr2w000c7e3w5b1k8n4d", "external_txn_id": "sim_43",
        "metadata": {"parcel": "3"}, "livemode": false, "created_at": TIME, "updated_at": TIME,
    })
}

/// The same as the classic surface answers it.
pub(super) fn classic_refund() -> Value {
    json!({"success": true, "data": {
        "refundID": "ref_06f1q8zr2w000c7e3w5b1k8n4d",
        "paymentID": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "status": "completed", "amount": 25.00,
        "currency": "INR", "transactionID": "txn_06f1q8zr2w000c7e3w5b1k8n4d",
        "reason": "returned", "failureReason": null, "createdAt": TIME, "updatedAt": TIME,
    }})
}

/// The same in short.
pub(super) fn classic_refund_status() -> Value {
    json!({"success": true, "data": {
        "refundID": "ref_06f1q8zr2w000c7e3w5b1k8n4d",
        "paymentID": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "status": "completed",
        "transactionID": "txn_06f1q8zr2w000c7e3w5b1k8n4d", "createdAt": TIME, "updatedAt": TIME,
    }})
}

/// An operation that the provider did not carry out.
pub(super) fn undone_problem() -> Value {
    let code = ErrorCode::OperationFailed;
    json!({
        "type": code.type_uri(), "title": code.title(), "status": code.status().as_u16(),
        "detail": "The funds are not reserved any more.",
        "instance": "/api/v1/payments/pay_06f1q8zr2w000c4v9kxj3m5t7a", "code": code.as_str(),
        "decline_code": null, "advice_code": null, "retryable": code.retryable(),
        "payment": with(&card_payment(), &json!({
            "status": "expired", "amount_captured": "0.00", "sequence": 6,
        })),
    })
}

/// A payment that was declined, as version 1 answers it.
pub(super) fn declined_problem() -> Value {
    let code = ErrorCode::PaymentDeclined;
    json!({
        "type": code.type_uri(), "title": code.title(), "status": code.status().as_u16(),
        "detail": "The account has not enough money.",
        "instance": "/api/v1/payments/pay_06f1q8zr2w000c4v9kxj3m5t7a", "code": code.as_str(),
        "decline_code": "insufficient_funds", "advice_code": "try_again_later",
        "retryable": code.retryable(), "payment": declined_payment(),
    })
}

/// A batch of a good payment, one that is declined and one that cannot be made; and its answer.
pub(super) fn batch() -> (Value, Value) {
    let payment = |number: &str, key: &str| {
        json!({
            "amount": "100.00", "currency": "INR", "payment_method": "card",
            "card": {"number": number, "expiry_month": 12, "expiry_year": 2030, "cvv": "123"},
            "idempotencyKey": key,
        })
    };
    let mut faulty = payment("4111111111111111", "batch-1-c");
    faulty["amount"] = json!("10.005");
    let request = json!({"payments": [
        payment("4111111111111111", "batch-1-a"), payment("4000000000009995", "batch-1-b"), faulty,
    ]});
    let mut problem = refusal(ErrorCode::AmountInvalid);
    if let Some(members) = problem.as_object_mut() {
        members.remove("request_id");
    }
    let answer = json!({"object": "list", "data": [
        {"index": 0, "status": 201, "payment": card_payment()},
        {"index": 1, "status": 402, "payment": declined_payment()},
        {"index": 2, "status": 400, "error": problem},
    ]});
    (request, answer)
}

/// Payments as clients of the older API make them.
pub(super) fn classic_payments() -> [PaymentExample; 3] {
    let card = |number: &str| {
        json!({
            "amount": 100.00, "currency": "INR", "paymentMethod": "card",
            "cardDetails": {
                "cardNumber": number, "expiryMonth": 12, "expiryYear": 30, "cvv": "123",
            },
            "customerInfo": {"customerID": "your-own-customer-7"}, "orderID": "order_456",
        })
    };
    [
        PaymentExample {
            name: "method_object",
            summary: "A card in the method's own object",
            request: json!({
                "amount": 100.00, "currency": "INR",
                "paymentMethod": {
                    "type": "credit_card", "cardNumber": "4111111111111111", "expiryMonth": "12",
                    "expiryYear": "2030", "cvv": "123", "holderName": "A Holder",
                },
                "billingAddress": {"city": "Mumbai", "zipCode": "400001", "country": "IN"},
            }),
            payment: Some(classic_created("completed")),
        },
        PaymentExample {
            name: "card",
            summary: "A card",
            request: card("4111111111111111"),
            payment: Some(classic_created("completed")),
        },
        PaymentExample {
            name: "card_declined",
            summary: "A card without enough money",
            request: card("4000000000009995"),
            payment: Some(with_data(
                classic_created("failed"),
                &json!({"declineCode": "insufficient_funds", "failureReason": "declined"}),
            )),
        },
    ]
}

/// A payment as a form, and its answer.
pub(super) fn classic_form() -> (Value, Value) {
    let form = json!({
        "amount": "100.00", "currency": "INR", "payment_method": "card",
        "cardNumber": "4111111111111111", "expiryMonth": "12", "expiryYear": "2030", "cvv": "123",
    });
    (form, classic_created("completed"))
}

/// A payment that is read on the classic surface.
pub(super) fn classic_card_payment() -> Value {
    with_data(
        classic_created("completed"),
        &json!({
            "amountAuthorized": 100.00, "amountCaptured": 100.00, "amountRefunded": 0.00,
            "amountDisputed": 0.00, "paymentMethod": "card",
            "card": {
                "brand": "visa", "bin": "411111", "last4": "1111", "expiryMonth": 12,
                "expiryYear": 2030, "fingerprint": FINGERPRINT, "funding": "credit",
                "issuerCountry": "US",
            },
            "upi": null, "netbanking": null, "wallet": null, "emi": null,
            "customerID": "your-own-customer-7", "orderID": "order_456",
            "returnURL": "https://shop.example/thanks",
            "externalTxnID": "sim_42",
            "gatewayResponse": {"rrn": "601510300042", "approvalCode": "A1B2C3"},
            "declineCode": null, "failureReason": null, "nextAction": null, "paymentURL": null,
            "qrCode": null, "metadata": {"cart": "7"}, "livemode": false, "updatedAt": TIME,
            "processedAt": TIME, "expiresAt": null,
        }),
    )
}

/// The same in short.
pub(super) fn classic_status() -> Value {
    json!({"success": true, "data": {
        "paymentID": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "status": "completed",
        "transactionID": "txn_06f1q8zr2w000c5b7n2r6q9e1w", "createdAt": TIME, "updatedAt": TIME,
    }})
}

/// Which payment methods are offered.
pub(super) fn payment_method_list() -> Value {
    let brands = json!(["visa", "mastercard", "amex", "rupay"]);
    json!({
        "object": "list",
        "data": [
            {
                "method": "card", "object": "payment_method", "currencies": ["*"],
                "countries": ["*"], "banks": null, "wallets": null, "brands": brands,
                "emi": {
                    "plans": [{"months": 6, "annual_rate": "14.00", "no_cost": true}],
                    "minimums": [
                        {"currency": "INR", "amount": "3000.00", "amount_minor": 300_000},
                    ],
                    "brands": brands,
                },
            },
            {
                "method": "upi", "object": "payment_method", "currencies": ["INR"],
                "countries": ["IN"], "banks": null, "wallets": null, "brands": null, "emi": null,
            },
        ],
        "has_more": false, "url": "/api/v1/payment-methods",
    })
}

/// An order to create.
pub(super) fn order_request() -> Value {
    json!({"amount": "250.00", "currency": "INR", "receipt": "2026-0042", "notes": {"shop": "7"}})
}

/// The order.
pub(super) fn order() -> Value {
    json!({
        "id": "ord_06f1q8zr2w000c8f4x6c2m9p5e", "object": "order", "status": "created",
        "amount": "250.00", "amount_minor": 25000, "amount_paisa": 25000, "amount_paid": "0.00",
        "amount_paid_minor": 0, "amount_due": "250.00", "amount_due_minor": 25000,
        "currency": "INR", "receipt": "2026-0042", "notes": {"shop": "7"}, "attempts": 0,
        "livemode": false, "created_at": TIME, "updated_at": TIME,
    })
}

/// A page of orders.
pub(super) fn order_list() -> Value {
    list(&[order()], "/api/v1/orders")
}

/// A page of payments.
pub(super) fn payment_list(url: &str) -> Value {
    list(&[card_payment()], url)
}

/// What a payment has gone through.
pub(super) fn timeline() -> Value {
    let event = |sequence: u32, kind: &str, data: Value| {
        json!({
            "object": "payment_event", "sequence": sequence, "type": kind, "created_at": TIME,
            "cause": "merchant", "record": {"shard": 3, "sequence": 17}, "data": data,
        })
    };
    let attempt = json!({
        "attempt": "att_06f1q8zr2w000c2m6t8x4p9s3b", "provider": "simulator",
    });
    let intent = json!({"amount_minor": 10000, "currency": "INR", "payment_method": "card"});
    let events = [event(1, "payment_created", intent), event(2, "attempt_started", attempt)];
    list(&events, "/api/v1/payments/pay_06f1q8zr2w000c4v9kxj3m5t7a/events")
}

/// A page of refunds.
pub(super) fn refund_list() -> Value {
    list(&[refund()], "/api/v1/refunds")
}

/// A page of transactions.
pub(super) fn transaction_list() -> Value {
    list(&[transaction()], "/api/v1/transactions")
}

/// The same as the classic surface answers it.
pub(super) fn classic_transaction_list() -> Value {
    let transaction = classic_transaction();
    json!({
        "success": true, "data": {
            "transactions": [transaction["data"]], "total": 1, "limit": 10, "offset": 0,
        },
    })
}

/// A payment as a transaction.
pub(super) fn transaction() -> Value {
    json!({
        "id": "txn_06f1q8zr2w000c4v9kxj3m5t7a", "object": "transaction", "type": "payment",
        "status": "succeeded", "amount": "100.00", "amount_minor": 10000, "currency": "INR",
        "merchant_id": "mer_06f1q8zr2w000051t3a9v8c2kd",
        "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "refund_id": null,
        "order_id": "order_456", "provider": "simulator", "external_txn_id": "sim_42",
        "decline_code": null, "failure_reason": null, "livemode": false, "created_at": TIME,
        "updated_at": TIME, "returned_at": null,
    })
}

/// The same as the classic surface answers it.
pub(super) fn classic_transaction() -> Value {
    json!({"success": true, "data": {
        "transactionID": "txn_06f1q8zr2w000c4v9kxj3m5t7a", "type": "payment",
        "status": "completed", "amount": 100.00, "currency": "INR",
        "merchantID": "mer_06f1q8zr2w000051t3a9v8c2kd",
        "paymentID": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "refundID": null,
        "orderID": "order_456", "provider": "simulator", "externalTxnID": "sim_42",
        "declineCode": null, "failureReason": null, "createdAt": TIME, "updatedAt": TIME,
        "returnedAt": null,
    }})
}

/// A merchant's accounts.
pub(super) fn account_list() -> Value {
    let account = json!({
        "object": "account", "account": "merchant_payable",
        "merchant_id": "mer_06f1q8zr2w000051t3a9v8c2kd", "provider": null, "currency": "INR",
        "normal_side": "credit", "debits": "2.00", "debits_minor": 200, "credits": "100.00",
        "credits_minor": 10000, "balance": "98.00", "balance_minor": 9800, "livemode": false,
    });
    list(&[account], "/api/v1/ledger/accounts")
}

/// What was booked for a payment.
pub(super) fn entry_list() -> Value {
    let entry = json!({
        "object": "ledger_entry", "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a",
        "transaction_id": "txn_06f1q8zr2w000c4v9kxj3m5t7a", "type": "capture",
        "debit": {
            "account": "provider_receivable", "merchant_id": null, "provider": "simulator",
        },
        "credit": {
            "account": "merchant_payable", "merchant_id": "mer_06f1q8zr2w000051t3a9v8c2kd",
            "provider": null,
        },
        "amount": "100.00", "amount_minor": 10000, "currency": "INR", "livemode": false,
        "created_at": TIME,
    });
    list(&[entry], "/api/v1/ledger/entries")
}

/// A merchant's balance.
pub(super) fn balance() -> Value {
    json!({"object": "balance", "livemode": false, "balances": [{
        "currency": "INR", "available": "75.00", "available_minor": 7500, "pending": "25.00",
        "pending_minor": 2500, "refunds_pending_minor": 2500, "disputes_held_minor": 0,
    }]})
}

/// An approval that came too late.
pub(super) fn exception() -> Value {
    json!({
        "id": "exc_06f1q8zr2w000c9g5y7d3n0q6f", "object": "exception", "status": "open",
        "type": "late_approval", "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a",
        "transaction_id": "txn_06f1q8zr2w000c4v9kxj3m5t7a",
        "merchant_id": "mer_06f1q8zr2w000051t3a9v8c2kd",
        "booked": {
            "direction": "received", "amount": "100.00", "amount_minor": 10000, "currency": "INR",
        },
        "resolution": null, "livemode": false, "opened_at": TIME, "resolved_at": null,
    })
}

/// A page of exceptions.
pub(super) fn exception_list() -> Value {
    list(&[exception()], "/api/v1/admin/exceptions")
}

/// A UPI address to ask about.
pub(super) fn vpa_request() -> Value {
    json!({"vpa": "success@sim"})
}

/// Whose it is.
pub(super) fn vpa_validation() -> Value {
    json!({
        "object": "vpa_validation", "vpa": "success@sim", "valid": true,
        "customer_name": "Asha Rao", "livemode": false,
    })
}

/// A wallet to ask about.
pub(super) fn wallet_balance_request() -> Value {
    json!({"provider": "paytm", "wallet_id": "9876543210", "currency": "INR"})
}

/// What it holds.
pub(super) fn wallet_balance() -> Value {
    json!({
        "object": "wallet_balance", "provider": "paytm", "balance": "10000.00",
        "balance_minor": 1_000_000, "currency": "INR", "livemode": false,
    })
}

/// A wallet to link.
pub(super) fn wallet_link_request() -> Value {
    json!({"provider": "paytm", "wallet_id": "9876543210"})
}

/// Its link.
pub(super) fn wallet_link() -> Value {
    json!({
        "object": "wallet_link", "provider": "paytm",
        "link_token": "link_approved_58c9d1b0a2f4e67395128b4c7d6e0f13", "livemode": false,
    })
}

/// A callback that waits for its payment.
fn parked_callback() -> Value {
    json!({
        "id": "cbk_06f1q8zr2w000092mt7v4x1c8h", "object": "parked_callback",
        "provider": "simulator", "callback_id": "cb_1",
        "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a",
        "attempt_id": "att_06f1q8zr2w000c6d1p8s2y4h0g", "operation_id": null,
        "outcome": "approved", "received_at": TIME,
    })
}

/// A page of them.
pub(super) fn parked_callback_list() -> Value {
    list(&[parked_callback()], "/api/v1/admin/callbacks")
}

/// One that was let go.
pub(super) fn dismissed_callback() -> Value {
    json!({"id": "cbk_06f1q8zr2w000092mt7v4x1c8h", "object": "parked_callback", "deleted": true})
}

/// A page of what is unknown.
pub(super) fn unknown_list() -> Value {
    let row = json!({
        "id": "txn_06f1q8zr2w000c4v9kxj3m5t7a", "object": "unknown_outcome", "type": "payment",
        "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a",
        "merchant_id": "mer_06f1q8zr2w000051t3a9v8c2kd", "provider": "simulator",
        "amount": "100.00", "amount_minor": 10000, "currency": "INR", "livemode": false,
        "since": TIME, "inquiries": 2, "next_inquiry_at": TIME, "created_at": TIME,
    });
    list(&[row], "/api/v1/admin/unknown")
}

fn list(rows: &[Value], url: &str) -> Value {
    json!({"object": "list", "data": rows, "has_more": false, "url": url})
}

/// A merchant to register.
pub(super) fn merchant_request() -> Value {
    json!({"name": "Acme", "email": "owner@example.com"})
}

/// What is to change of it.
pub(super) fn merchant_change() -> Value {
    json!({
        "name": "Acme & Co", "email": "owner@acme.example", "status": "active",
        "one_payment_per_order": false,
    })
}

/// The merchant.
pub(super) fn merchant() -> Value {
    json!({
        "id": "mer_06f1q8zr2w000051t3a9v8c2kd", "object": "merchant", "name": "Acme & Co",
        "email": "owner@acme.example", "status": "active", "suspended_at": null,
        "one_payment_per_order": false,
        "created_at": TIME, "updated_at": TIME,
    })
}

/// The same with its first keys.
pub(super) fn registered_merchant() -> Value {
    let mut merchant = merchant();
    merchant["name"] = json!("Acme");
    merchant["email"] = json!("owner@example.com");
    merchant["api_keys"] = json!({"secret_test": "sk_test_…", "secret_live": "sk_live_…"});
    merchant
}

/// The same as customers may know it.
pub(super) fn public_merchant() -> Value {
    json!({"id": "mer_06f1q8zr2w000051t3a9v8c2kd", "object": "merchant", "name": "Acme & Co"})
}

/// A page of merchants.
pub(super) fn merchant_list() -> Value {
    json!({
        "object": "list", "data": [merchant()], "has_more": false, "url": "/api/v1/merchants",
    })
}

/// A merchant's key to issue.
pub(super) fn key_request() -> Value {
    json!({"name": "reports", "scopes": ["payments:read"], "expires_in_seconds": 7_776_000})
}

/// An operator's key to issue.
pub(super) fn operator_key_request() -> Value {
    json!({"name": "support", "scopes": ["merchants:read"]})
}

/// How a key is rotated.
pub(super) fn rotation_request() -> Value {
    json!({"overlap_seconds": 3_600})
}

/// A key.
pub(super) fn key() -> Value {
    json!({
        "id": "key_06f1q8zr2w0000qm2x7c4t9v1h", "object": "api_key", "kind": "secret",
        "merchant_id": "mer_06f1q8zr2w000051t3a9v8c2kd", "mode": "test", "livemode": false,
        "name": "reports", "scopes": ["payments:read"], "last4": "x7q9", "status": "active",
        "replaced_by": null, "created_at": TIME, "expires_at": "2026-04-15T10:30:00.000Z",
        "revoked_at": null,
    })
}

/// The same with its text.
pub(super) fn issued_key() -> Value {
    let mut key = key();
    key["key"] = json!("sk_test_…x7q9");
    key
}

/// The same, revoked.
pub(super) fn revoked_key() -> Value {
    let mut key = key();
    key["status"] = json!("revoked");
    key["revoked_at"] = json!(TIME);
    key
}

/// A page of keys.
pub(super) fn key_list() -> Value {
    json!({"object": "list", "data": [key()], "has_more": false, "url": "/api/v1/keys"})
}

/// A customer who was erased.
pub(super) fn erased_customer() -> Value {
    json!({"id": "your-own-customer-7", "object": "customer", "deleted": true})
}

/// A provider.
pub(super) fn provider() -> Value {
    json!({
        "id": "simulator", "object": "provider", "status": "active", "modes": ["test"],
        "payment_methods": ["card", "upi", "netbanking", "wallet"],
        "capabilities": {
            "inquiry_horizon_ms": 60_000, "multiple_captures": true, "partial_void": true,
            "partial_refunds": true, "reversal": true,
        },
    })
}

/// All providers.
pub(super) fn provider_list() -> Value {
    json!({
        "object": "list", "data": [provider()], "has_more": false, "url": "/api/v1/providers",
    })
}

/// The same on the classic surface.
pub(super) fn classic_providers() -> Value {
    json!({"success": true, "data": [{
        "providerID": "simulator", "status": "active", "modes": ["test"],
        "paymentMethods": ["card", "upi", "netbanking", "wallet"],
        "capabilities": {
            "inquiryHorizonMs": 60_000, "multipleCaptures": true, "partialVoid": true,
            "partialRefunds": true, "reversal": true,
        },
    }]})
}

/// What a provider tells of its own accord.
pub(super) fn provider_callback() -> Value {
    json!({
        "id": "cb_att_06f1q8zr2w000c6d1p8s2y4h0g_approved",
        "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a",
        "attempt_id": "att_06f1q8zr2w000c6d1p8s2y4h0g",
        "answer": {"outcome": "approved", "receipt": {
            "external_id": "sim_0123456789abcdef", "rrn": "081985529216",
            "approval_code": "486895",
        }},
        "created_at": "2026-01-15T10:30:00.000Z",
    })
}

/// A callback is durable.
pub(super) fn callback_receipt() -> Value {
    json!({"received": true})
}

/// A page of the simulator's books.
pub(super) fn ledger_page() -> Value {
    json!({"has_more": false, "next": null, "data": [{
        "attempt_id": "att_06f1q8zr2w000c6d1p8s2y4h0g", "operation_id": null,
        "payment_id": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "kind": "attempt", "amount_minor": 10000,
        "currency": "INR", "state": "approved", "reason": null, "moved_minor": 10000, "calls": 1,
    }]})
}

/// An event.
pub(super) fn event() -> Value {
    json!({
        "id": "evt_06f1q8zr2w000c000000qr1c4t", "event": "payment.completed", "sequence": 4,
        "timestamp": TIME, "data": card_payment(),
    })
}

/// A page of the feed.
pub(super) fn event_page() -> Value {
    json!({
        "object": "list", "data": [event()], "has_more": false, "url": "/api/v1/events",
        "next_after": "evt_06f1q8zr2w000c000000qr1c4t",
    })
}

/// A page of the feed as older clients see it.
pub(super) fn classic_event_page() -> Value {
    json!({"success": true, "data": {
        "events": [{
            "eventID": "evt_06f1q8zr2w000c000000qr1c4t", "event": "refund.completed", "sequence": 7,
            "timestamp": TIME, "data": {
                "refundID": "ref_06f1q8zr2w000c7e3w5b1k8n4d", "object": "refund",
                "paymentID": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "status": "completed",
                "amount": 25.00, "currency": "INR", "reason": "returned", "createdAt": TIME,
            },
        }],
        "total": 7, "limit": 1, "offset": 0,
    }})
}

/// An endpoint to create.
pub(super) fn webhook_request() -> Value {
    json!({
        "url": "https://shop.example/hooks", "events": ["payment.*"], "description": "the till's",
    })
}

/// An endpoint.
pub(super) fn webhook_endpoint() -> Value {
    json!({
        "id": "whe_06f1q8zr2w0000hd3s8x2m6v9k", "object": "webhook_endpoint",
        "url": "https://shop.example/hooks", "description": "the till's", "events": ["payment.*"],
        "headers": [], "rate_per_s": null, "status": "enabled", "disabled_reason": null,
        "disabled_at": null, "livemode": false, "previous_secret_expires_at": null,
        "created_at": TIME, "updated_at": TIME,
    })
}

/// The same with its secret.
pub(super) fn new_webhook_endpoint() -> Value {
    let mut endpoint = webhook_endpoint();
    endpoint["secret"] = json!("whsec_…");
    endpoint
}

/// A page of endpoints.
pub(super) fn webhook_list() -> Value {
    json!({
        "object": "list", "data": [webhook_endpoint()], "has_more": false,
        "url": "/api/v1/webhooks",
    })
}

/// An endpoint that is no more.
pub(super) fn deleted_webhook() -> Value {
    json!({
        "id": "whe_06f1q8zr2w0000hd3s8x2m6v9k", "object": "webhook_endpoint", "deleted": true,
    })
}

/// The secret of callbacks.
pub(super) fn callback_secret() -> Value {
    json!({
        "object": "webhook_secret", "secret": "whsec_…", "previous_secret_expires_at": null,
        "livemode": false,
    })
}

/// The next one.
pub(super) fn new_callback_secret() -> Value {
    let mut secret = callback_secret();
    secret["previous_secret_expires_at"] = json!(TIME);
    secret
}

/// A try.
pub(super) fn webhook_attempt() -> Value {
    json!({
        "id": "dlv_06f1q8zr2w0000p4k7w1z5c8rt", "object": "webhook_attempt",
        "event_id": "evt_06f1q8zr2w000c000000qr1c4t", "event": "payment.completed", "number": 1,
        "result": "delivered", "status": 204, "duration_ms": 31, "response_body": "",
        "response_truncated": false, "created_at": TIME,
    })
}

/// A page of tries.
pub(super) fn webhook_attempt_list() -> Value {
    json!({
        "object": "list", "data": [webhook_attempt()], "has_more": false,
        "url": "/api/v1/webhooks/whe_06f1q8zr2w0000hd3s8x2m6v9k/attempts",
    })
}

/// A page of events that were given up.
pub(super) fn dead_letter_list() -> Value {
    json!({
        "object": "list",
        "data": [{
            "id": "evt_06f1q8zr2w000c000000qr1c4t", "object": "dead_letter",
            "event": "payment.completed", "sequence": 4, "timestamp": TIME, "given_up_at": TIME,
        }],
        "has_more": false,
        "url": "/api/v1/webhooks/whe_06f1q8zr2w0000hd3s8x2m6v9k/dead-letters",
    })
}

/// Events that are delivered again.
pub(super) fn redelivery() -> Value {
    json!({"object": "webhook_redelivery", "events": 3, "has_more": false, "next_after": null})
}

/// How queues are.
pub(super) fn queue_status() -> Value {
    json!({"object": "queue_status", "queues": [{
        "name": "whe_06f1q8zr2w0000hd3s8x2m6v9k", "depth": 0, "oldest_age_seconds": null,
        "in_flight": 0, "retries": 0, "dead": 0,
    }]})
}

/// All components, well.
pub(super) fn health() -> Value {
    json!({
        "status": "up", "version": env!("CARGO_PKG_VERSION"),
        "components": {
            "http": {"status": "up"},
            "engine": {
                "status": "up", "shards": 8, "in_flight": 0, "mailbox_depth": 0,
                "unknown_outcomes": 0, "oldest_unknown_outcome_ms": 0, "merchants": 1,
                "open_exceptions": 0, "oldest_exception_ms": 0,
            },
            "log": {"status": "up", "queue_depth": 0, "durable_lag_ms": 0},
            "storage": {"status": "up"},
            "vault": {"status": "up"},
            "event_feed": {"status": "up"},
            "views": {"status": "up", "lag_records": 0, "lag_ms": 0},
            "archive": {"status": "up"},
            "providers": {"status": "up", "calls_in_flight": 0},
        },
    })
}

/// Payments are taken.
pub(super) fn ready() -> Value {
    json!({"ready": true, "status": "up"})
}

/// A refusal on version 1.
pub(super) fn refusal(code: ErrorCode) -> Value {
    let problem = Problem::of(code);
    serde_json::to_value(problem.document(Some(REQUEST_ID))).expect("strings serialize")
}

/// The same on the classic surface.
pub(super) fn classic_refusal(code: ErrorCode) -> Value {
    let problem = Problem::of(code);
    let document = crate::http::error::ClassicDocument(problem.document(Some(REQUEST_ID)));
    serde_json::to_value(document).expect("strings serialize")
}

const REQUEST_ID: &str = "req_8d7f3b2a91c04e560000000000000007";

fn declined_payment() -> Value {
    with(
        &card_payment(),
        &json!({
            "status": "failed", "amount_captured": "0.00", "amount_authorized": "0.00",
            "card": {
                "brand": "visa", "bin": "400000", "last4": "9995", "expiry_month": 12,
                "expiry_year": 2030, "fingerprint": FINGERPRINT, "funding": null,
                "issuer_country": null,
            },
            "decline_code": "insufficient_funds", "failure_reason": "declined",
            "gateway_response": null, "external_txn_id": null,
            "attempts": [{
                "id": "att_06f1q8zr2w000c6d1p8s2y4h0g", "provider": "simulator",
                "status": "declined", "created_at": TIME,
            }],
        }),
    )
}

fn upi_payment() -> Value {
    with(
        &card_payment(),
        &json!({
            "status": "requires_action", "amount_captured": "0.00", "amount_authorized": "0.00",
            "payment_method": "upi", "card": null,
            "upi": {"vpa": "pending@sim", "handle": "sim", "fingerprint": FINGERPRINT},
            "gateway_response": null, "external_txn_id": null, "sequence": 2,
            "next_action": {"type": "approve_upi", "url": UPI_LINK}, "payment_url": UPI_LINK,
            "qr_code": QR_CODE, "processed_at": null, "expires_at": "2026-01-15T10:45:00.000Z",
        }),
    )
}

fn classic_created(status: &str) -> Value {
    json!({"success": true, "data": {
        "paymentID": "pay_06f1q8zr2w000c4v9kxj3m5t7a", "status": status, "amount": 100.00,
        "currency": "INR", "transactionID": "txn_06f1q8zr2w000c5b7n2r6q9e1w", "createdAt": TIME,
        "provider": "simulator", "fraudScore": null,
    }})
}

/// The object with other values for some of its members.
fn with(object: &Value, members: &Value) -> Value {
    let mut changed = object.clone();
    if let (Some(object), Some(members)) = (changed.as_object_mut(), members.as_object()) {
        object.extend(members.clone());
    }
    changed
}

/// The same for what is in an envelope.
fn with_data(envelope: Value, members: &Value) -> Value {
    let mut changed = envelope;
    changed["data"] = with(&changed["data"], members);
    changed
}
