//! Who signs what a customer brings back to the shop.
//!
//! Where the simulator is part of a gateway, that is the gateway, with the merchant's own secret
//! (`http/simulator_actions.rs`); where it is a process of its own, it knows no merchant's secret and
//! signs as a provider does.

use tollgate_domain::{PaymentIntent, Timestamp};

use super::Simulator;

/// Signs news of a payment that its customer brings back.
pub(crate) trait SignReturn {
    /// The signature, as it stands in an address; `None` where there is nothing to sign with.
    fn sign(&self, intent: &PaymentIntent, status: &str, at: Timestamp) -> Option<String>;
}

impl SignReturn for Simulator {
    fn sign(&self, intent: &PaymentIntent, status: &str, at: Timestamp) -> Option<String> {
        let messenger = self.0.messenger.as_ref()?;
        Some(messenger.key().sign_return(intent.id, status, at.as_seconds()))
    }
}
