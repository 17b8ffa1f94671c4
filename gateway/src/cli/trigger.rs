//! `tollgate trigger`: does with test payments what leads to an event, and waits until it is told.
//!
//! Nothing is made up: the gateway is asked for what a shop would ask it for, the simulator for what a
//! provider would answer, and an endpoint is disabled because its receiver has gone.

use std::time::Duration;

use clap::{Args, ValueEnum};
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    api::{Api, ApiError, MerchantArguments, runtime},
    events::EventsError,
    gone_receiver::GoneReceiver,
    output,
    told_events::{ToldEvent, ToldEvents},
};

#[derive(Debug, Args)]
pub(super) struct TriggerArguments {
    /// Which event.
    event: Trigger,
    /// What is to be paid, in rupees: `payment.review` needs as much as is held for reviews.
    #[arg(long, value_name = "AMOUNT", default_value = "100.00")]
    amount: String,
    #[command(flatten)]
    gateway: MerchantArguments,
}

/// What can be triggered: every event that there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Trigger {
    #[value(name = "payment.created")]
    PaymentCreated,
    #[value(name = "payment.processing")]
    PaymentProcessing,
    #[value(name = "payment.requires_action")]
    PaymentRequiresAction,
    #[value(name = "payment.review")]
    PaymentReview,
    #[value(name = "payment.authorized")]
    PaymentAuthorized,
    #[value(name = "payment.captured")]
    PaymentCaptured,
    #[value(name = "payment.completed")]
    PaymentCompleted,
    #[value(name = "payment.voided")]
    PaymentVoided,
    #[value(name = "payment.reversed")]
    PaymentReversed,
    #[value(name = "payment.failed")]
    PaymentFailed,
    #[value(name = "payment.expired")]
    PaymentExpired,
    #[value(name = "payment.unknown")]
    PaymentUnknown,
    #[value(name = "refund.processing")]
    RefundProcessing,
    #[value(name = "refund.completed")]
    RefundCompleted,
    #[value(name = "refund.failed")]
    RefundFailed,
    #[value(name = "order.created")]
    OrderCreated,
    #[value(name = "order.attempted")]
    OrderAttempted,
    #[value(name = "order.partially_paid")]
    OrderPartiallyPaid,
    #[value(name = "order.paid")]
    OrderPaid,
    #[value(name = "webhook.disabled")]
    WebhookDisabled,
}

/// How long to wait until an event is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// A part of any amount that is worth a try.
const PART: &str = "1.00";

/// Cards with a meaning to the simulator.
const GOOD: &str = "4242424242424242";
const DECLINED: &str = "4000000000000002";
const CHALLENGED: &str = "4000000000003220";

const ENDPOINTS: &str = "/api/v1/webhooks";

/// Why an endpoint is disabled otherwise than because its receiver has gone.
const NOT_DELIVERED_HERE: &str = "\
the gateway delivers nothing to this machine (`webhooks.allowed_cidrs` and `webhooks.ports` say what it
does): the endpoint is disabled by its owner and not because its receiver has gone
";

/// Where an endpoint can be that nothing is ever sent to.
const ANYWHERE: &str = "https://shop.example/hooks";

/// An event that only a test of an endpoint tells.
const NOTHING: &str = "webhook.test";

/// A VPA whose owner neither approves nor declines.
const SILENT_VPA: &str = "pending@sim";

pub(super) fn run(arguments: TriggerArguments) -> Result<(), EventsError> {
    let TriggerArguments { event, amount, gateway } = arguments;
    let api = gateway.into_api()?;
    let name = event.name();
    runtime()?.block_on(async {
        let told = ToldEvents::open(&api, None).await?;
        let mut shop = Shop { api: &api, amount, made: Vec::new(), endpoint: None };
        let id = match shop.lead_to(event).await {
            Ok(()) if event == Trigger::PaymentExpired => Ok(None),
            Ok(()) => id_of(told, &name, &shop.made).await.map(Some),
            Err(error) => Err(error),
        };
        // Whatever has come of it, nothing is left behind that is delivered to.
        let left = shop.leave().await;
        if let Some(id) = id? {
            output::print(&format!("{id} {name}\n"))?;
        }
        left
    })
}

/// The id of the event of this name that tells of one of these, once it is told.
async fn id_of(mut told: ToldEvents, name: &str, about: &[String]) -> Result<String, EventsError> {
    let waiting = async {
        while let Some(event) = told.next().await {
            if event.name == name && is_about(&event, about) {
                return Some(event.id);
            }
        }
        None
    };
    let id = timeout(PATIENCE, waiting).await.ok().flatten();
    id.ok_or_else(|| EventsError::NotTold(name.to_owned()))
}

/// Whether an event tells of one of these.
fn is_about(event: &ToldEvent, made: &[String]) -> bool {
    let body: Value = serde_json::from_str(&event.data).unwrap_or_default();
    let is_made = |field: &str| {
        body["data"][field].as_str().is_some_and(|id| made.iter().any(|made| made == id))
    };
    is_made("id") || is_made("payment_id")
}

/// One who sells something for the sake of an event.
struct Shop<'a> {
    api: &'a Api,
    amount: String,
    /// The ids of what has been made.
    made: Vec<String>,
    /// The path of the endpoint that has been made, if one has.
    endpoint: Option<String>,
}

impl Shop<'_> {
    async fn lead_to(&mut self, event: Trigger) -> Result<(), EventsError> {
        match event {
            Trigger::PaymentCreated | Trigger::PaymentCompleted => {
                self.pay(json!({})).await?;
            }
            Trigger::PaymentProcessing => {
                self.pay(simulated("pending")).await?;
            }
            Trigger::PaymentRequiresAction => {
                self.pay(by_card(CHALLENGED)).await?;
            }
            Trigger::PaymentReview => {
                let payment = self.pay(json!({})).await?;
                if payment["status"] != "review" {
                    return Err(EventsError::NotHeld(self.amount.clone()));
                }
            }
            Trigger::PaymentAuthorized => {
                self.hold().await?;
            }
            Trigger::PaymentCaptured => {
                let payment = self.hold().await?;
                self.operate(&payment, "capture", json!({"amount": PART, "final": false})).await?;
            }
            Trigger::PaymentVoided => {
                let payment = self.hold().await?;
                self.operate(&payment, "void", json!({})).await?;
            }
            Trigger::PaymentReversed => {
                let payment = self.pay(json!({})).await?;
                self.operate(&payment, "reverse", json!({})).await?;
            }
            Trigger::PaymentFailed => {
                self.pay(by_card(DECLINED)).await?;
            }
            Trigger::PaymentExpired => {
                let request = json!({"payment_method": "upi", "card": null, "vpa": SILENT_VPA});
                let payment = self.pay(request).await?;
                let expires_at = payment["expires_at"].as_str().unwrap_or_default();
                output::print(&format!("payment.expired is told once it is {expires_at}\n"))?;
            }
            Trigger::PaymentUnknown => {
                self.pay(simulated("timeout_after_approval")).await?;
            }
            Trigger::RefundProcessing | Trigger::RefundCompleted => {
                let payment = self.pay(json!({})).await?;
                self.operate(&payment, "refund", json!({})).await?;
            }
            Trigger::RefundFailed => {
                let payment = self.pay(simulated("refund:refused")).await?;
                self.operate(&payment, "refund", json!({})).await?;
            }
            Trigger::OrderCreated => {
                self.order().await?;
            }
            Trigger::OrderAttempted => {
                let order = self.order().await?;
                self.pay(for_order(&order, by_card(DECLINED))).await?;
            }
            Trigger::OrderPartiallyPaid => {
                let order = self.order().await?;
                self.pay(for_order(&order, json!({"amount": PART}))).await?;
            }
            Trigger::OrderPaid => {
                let order = self.order().await?;
                self.pay(for_order(&order, json!({}))).await?;
            }
            Trigger::WebhookDisabled => {
                let receiver = GoneReceiver::open(self.api.address()).await;
                let receiver = receiver.map_err(EventsError::Receiver)?;
                match self.subscribe(&receiver.url(), "order.created").await {
                    // What is told to it finds that it has gone.
                    Ok(()) => {
                        self.order().await?;
                    }
                    Err(ApiError::Refused(refusal)) if refusal.is_about("/url") => {
                        output::print(NOT_DELIVERED_HERE)?;
                        self.subscribe(ANYWHERE, NOTHING).await?;
                        self.disable().await?;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Makes an endpoint that wants events of one name.
    async fn subscribe(&mut self, url: &str, event: &str) -> Result<(), ApiError> {
        let request = json!({
            "url": url, "events": [event], "description": "tollgate trigger webhook.disabled",
        });
        let endpoint = self.api.call(Method::POST, ENDPOINTS, Some(&request)).await?;
        let endpoint = self.note(endpoint)?;
        let id = endpoint["id"].as_str().unwrap_or_default();
        self.endpoint = Some(format!("{ENDPOINTS}/{id}"));
        Ok(())
    }

    /// Disables the endpoint, as its owner may.
    async fn disable(&mut self) -> Result<(), ApiError> {
        if let Some(path) = &self.endpoint {
            let request = json!({"status": "disabled"});
            let endpoint = self.api.call(Method::PATCH, path, Some(&request)).await?;
            self.note(endpoint)?;
        }
        Ok(())
    }

    /// Takes away what nobody needs any more.
    async fn leave(self) -> Result<(), EventsError> {
        if let Some(path) = self.endpoint {
            self.api.call(Method::DELETE, &path, None).await?;
        }
        Ok(())
    }

    /// Makes a payment by card that is approved, but for what is to be otherwise.
    async fn pay(&mut self, change: Value) -> Result<Value, EventsError> {
        let mut request = json!({
            "amount": self.amount, "currency": "INR", "payment_method": "card",
            "card": card(GOOD),
        });
        let (members, changes) = (request.as_object_mut(), change.as_object());
        for (members, changes) in members.into_iter().zip(changes) {
            members.extend(changes.clone());
            members.retain(|_name, value| !value.is_null());
        }
        let answer = self.api.call(Method::POST, "/api/v1/payments", Some(&request)).await?;
        // One that is declined comes with the problem that it is.
        let payment = if answer["payment"].is_object() { &answer["payment"] } else { &answer };
        Ok(self.note(payment.clone())?)
    }

    /// Makes one whose amount is reserved.
    async fn hold(&mut self) -> Result<Value, EventsError> {
        self.pay(json!({"capture": "manual"})).await
    }

    async fn order(&mut self) -> Result<Value, EventsError> {
        let request = json!({"amount": self.amount, "currency": "INR"});
        let order = self.api.call(Method::POST, "/api/v1/orders", Some(&request)).await?;
        Ok(self.note(order)?)
    }

    /// Does something with a payment.
    async fn operate(
        &mut self,
        payment: &Value,
        operation: &str,
        request: Value,
    ) -> Result<(), EventsError> {
        let id = payment["id"].as_str().unwrap_or_default();
        let path = format!("/api/v1/payments/{id}/{operation}");
        let answer = self.api.call(Method::POST, &path, Some(&request)).await?;
        self.note(answer)?;
        Ok(())
    }

    /// Tells what there is now.
    fn note(&mut self, object: Value) -> Result<Value, ApiError> {
        let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        let (id, status) = (text("id"), text("status"));
        output::print(&format!("{id} is {status}\n"))?;
        self.made.push(id);
        Ok(object)
    }
}

impl Trigger {
    /// The event's name.
    fn name(self) -> String {
        let value = self.to_possible_value().expect("none is hidden");
        value.get_name().to_owned()
    }
}

fn card(number: &str) -> Value {
    json!({"number": number, "expiry_month": 12, "expiry_year": 2040, "cvv": "123"})
}

fn by_card(number: &str) -> Value {
    json!({"card": card(number)})
}

/// What the simulator is to do, in its own words.
fn simulated(words: &str) -> Value {
    json!({"metadata": {"simulator": words}})
}

fn for_order(order: &Value, mut change: Value) -> Value {
    change["order_id"] = order["id"].clone();
    change
}
