//! Values that several schemas are made of: texts of a form, and numbers that may be texts.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{
            AdditionalProperties, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type,
        },
    },
};

/// Declares texts: for each its form, an example and what it is.
macro_rules! texts {
    ($($(#[doc = $doc:literal])* $name:ident = $pattern:literal, $example:literal;)*) => {$(
        $(#[doc = $doc])*
        pub(in crate::http::openapi) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some([$($doc.trim()),*].join("\n")))
                    .pattern(Some($pattern))
                    .examples([$example])
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

texts! {
    /// A payment's id.
    PaymentId = "^pay_[0-7][0-9a-hjkmnp-tv-z]{25}$", "pay_06f1q8zr2w000c4v9kxj3m5t7a";
    /// The id of an attempt to pay, at one provider.
    AttemptId = "^att_[0-7][0-9a-hjkmnp-tv-z]{25}$", "att_06f1q8zr2w000c6d1p8s2y4h0g";
    /// The id of a movement of money.
    TransactionId = "^txn_[0-7][0-9a-hjkmnp-tv-z]{25}$", "txn_06f1q8zr2w000c5b7n2r6q9e1w";
    /// A refund's id.
    RefundId = "^ref_[0-7][0-9a-hjkmnp-tv-z]{25}$", "ref_06f1q8zr2w000c7e3w5b1k8n4d";
    /// An order's id.
    OrderId = "^ord_[0-7][0-9a-hjkmnp-tv-z]{25}$", "ord_06f1q8zr2w000c8f4x6c2m9p5e";
    /// The id of something that an operator has to decide.
    ExceptionId = "^exc_[0-7][0-9a-hjkmnp-tv-z]{25}$", "exc_06f1q8zr2w000c9g5y7d3n0q6f";
    /// The id of a callback that waits for what it is about.
    ParkedCallbackId = "^cbk_[0-7][0-9a-hjkmnp-tv-z]{25}$", "cbk_06f1q8zr2w000092mt7v4x1c8h";
    /// An amount in major units, with all decimals of its currency; it may be below zero.
    SignedAmount = "^-?[0-9]+(\\.[0-9]+)?$", "100.00";
    /// The merchant's own name of a customer.
    CustomerId = "^.{1,64}$", "your-own-customer-7";
    /// A provider's name.
    ProviderId = "^[a-z0-9_-]{1,32}$", "simulator";
    /// A merchant's id.
    MerchantId = "^mer_[0-7][0-9a-hjkmnp-tv-z]{25}$", "mer_06f1q8zr2w000051t3a9v8c2kd";
    /// A key's id, which is no secret.
    ApiKeyId = "^key_[0-7][0-9a-hjkmnp-tv-z]{25}$", "key_06f1q8zr2w0000qm2x7c4t9v1h";
    /// A country: ISO 3166-1 alpha-2, in upper case.
    CountryCode = "^[A-Z]{2}$", "IN";
    /// An event's id, which is the cursor behind it.
    EventId = "^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$", "evt_06f1q8zr2w000c000000qr1c4t";
    /// An endpoint's id.
    WebhookEndpointId = "^whe_[0-7][0-9a-hjkmnp-tv-z]{25}$", "whe_06f1q8zr2w0000hd3s8x2m6v9k";
    /// Whom deliveries are for: an endpoint's id, or `callbacks`, the merchant's payments' own addresses.
    WebhookReceiver = "^(whe_[0-7][0-9a-hjkmnp-tv-z]{25}|callbacks)$", "whe_06f1q8zr2w0000hd3s8x2m6v9k";
    /// The id of a try to deliver an event.
    DeliveryId = "^dlv_[0-7][0-9a-hjkmnp-tv-z]{25}$", "dlv_06f1q8zr2w0000p4k7w1z5c8rt";
    /// What an event stream holds: server-sent events.
    EventStreamText = "^", "id: evt_06f1q8zr2w000c000000qr1c4t\nevent: payment.completed\ndata: {}\n\n";
    /// A table as RFC 4180 has it: a header, and a line for each row, which ends in CR LF.
    CsvText = "^id,", "id,created_at,updated_at\r\nref_06f1q8zr2w000c7e3w5b1k8n4d,2026-01-15T10:30:00.000Z,2026-01-15T10:30:00.000Z\r\n";
    /// An object a line, as each is read by itself, and a last line with `complete` and the number of
    /// rows. Where that is missing, rows are.
    JsonLinesText = "\\n$", "{\"object\":\"export\",\"complete\":true,\"rows\":0,\"from\":\"2026-01-15T00:00:00.000Z\",\"to\":\"2026-01-15T23:59:59.999Z\"}\n";
    /// A point in time: RFC 3339, from 1970 on.
    WrittenTime = "^(19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$", "2030-01-31T12:00:00Z";
    /// A point in time: RFC 3339, UTC, with milliseconds.
    Time = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$", "2026-01-15T10:30:00.000Z";
    /// An ISO 4217 code of a currency with minor units, in upper case.
    Currency = "^[A-Z]{3}$", "INR";
    /// An amount in major units, with all decimals of its currency.
    MajorAmount = "^[0-9]+(\\.[0-9]+)?$", "100.00";
    /// A keyed digest: the same instrument of the same merchant has the same one.
    InstrumentDigest = "^[0-9a-f]{32}$", "5d41402abc4b2a76b9719d911017c592";
    /// An idempotency key: 1 to 255 visible ASCII characters.
    IdempotencyKey = "^[!-~]{1,255}$", "order-456-first-try";
    /// A page of text for people, as Markdown.
    ErrorPage = "^# ", "# Error codes";
}

/// The merchant's own keys and values.
pub(in crate::http::openapi) struct Metadata;

impl PartialSchema for Metadata {
    fn schema() -> RefOr<Schema> {
        let text =
            |longest| ObjectBuilder::new().schema_type(Type::String).max_length(Some(longest));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "The merchant's own keys and values: at most 50, keys of 1 to 40 characters.",
            ))
            .property_names(Some(text(40).min_length(Some(1))))
            .additional_properties(Some(AdditionalProperties::RefOr(text(500).into())))
            .max_properties(Some(50))
            .examples([serde_json::json!({"cart": "7"})])
            .into()
    }
}

impl ToSchema for Metadata {
    fn name() -> Cow<'static, str> {
        "Metadata".into()
    }
}

/// What an event happened to.
pub(in crate::http::openapi) struct EventData;

impl PartialSchema for EventData {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("What it happened to as it stood then, such as a payment."))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for EventData {
    fn name() -> Cow<'static, str> {
        "EventData".into()
    }
}

/// Headers that deliveries carry besides their own.
pub(in crate::http::openapi) struct HeaderTexts;

impl PartialSchema for HeaderTexts {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(1_024));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Headers that deliveries carry besides their own: at most 20."))
            .additional_properties(Some(AdditionalProperties::RefOr(text.into())))
            .max_properties(Some(20))
            .examples([serde_json::json!({"X-Shop": "7"})])
            .into()
    }
}

impl ToSchema for HeaderTexts {
    fn name() -> Cow<'static, str> {
        "HeaderTexts".into()
    }
}

/// An amount that a client writes in major units.
pub(in crate::http::openapi) struct WrittenAmount;

impl PartialSchema for WrittenAmount {
    fn schema() -> RefOr<Schema> {
        let text =
            ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]+(\\.[0-9]+)?$"));
        let number = ObjectBuilder::new().schema_type(Type::Number).exclusive_minimum(Some(0));
        OneOfBuilder::new()
            .item(text)
            .item(number)
            .description(Some(
                "An amount in major units, as a decimal text or as a number, with at most as many \
                 decimals as the currency has. It is taken exactly as it is written.",
            ))
            .examples([serde_json::json!("100.00"), serde_json::json!(100.5)])
            .into()
    }
}

impl ToSchema for WrittenAmount {
    fn name() -> Cow<'static, str> {
        "WrittenAmount".into()
    }
}

/// Declares small numbers that may be written as texts of digits.
macro_rules! digits {
    ($($name:ident = $least:literal to $most:literal, $pattern:literal, $description:literal;)*) => {$(
        pub(in crate::http::openapi) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let number = ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
                    .minimum(Some($least))
                    .maximum(Some($most));
                let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some($pattern));
                OneOfBuilder::new()
                    .item(number)
                    .item(text)
                    .description(Some($description))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

digits! {
    ExpiryMonth = 1 to 12, "^(0?[1-9]|1[0-2])$", "A month, as a number or in digits.";
    ExpiryYear = 0 to 9999, "^[0-9]{1,4}$", "A year of two or four digits, as a number or as a text.";
}
