//! What a load can ask for: a closed list, with a file for each.
//!
//! An operation is one request. It is drawn before it is sent, from the request's own stream of
//! random numbers and from what was answered earlier, and it says what a right answer is. What needs
//! an earlier payment is a payment of the kind that it needs until there is one, and counts as that.
//! What is done to a payment has it for itself until it is answered, so that what a right answer is
//! can be said beforehand; reads and repeats come in between.
//!
//! A new operation is its file, a `mod` and a line of the list below.
//!
//! Not here: sending, measuring, and what an answer means under the contract.

mod async_payment;
mod cancellation;
mod capture;
mod card_payment;
mod confirmation;
mod customer_action;
mod decline;
mod excess;
mod invalid;
mod manual_authorization;
mod netbanking_payment;
mod order_excess;
mod order_payment;
mod partial_capture;
mod partial_refund;
mod provider_fault;
mod read;
mod refund;
mod repeat;
mod repeat_deed;
mod reuse;
mod reuse_deed;
mod reversal;
mod review_approval;
mod review_payment;
mod review_rejection;
mod shop_order;
mod three_d_secure;
mod upi_payment;
mod void;
mod wallet_payment;
mod wrong_state;

mod draw;
mod failure;
mod history;
mod task;

use serde::{Deserialize, Deserializer, de};

pub(crate) use draw::Draw;
pub(crate) use failure::Failure;
pub(crate) use history::{Action, Bill, Funds, History, Left, Past, PastDeed, Wait};
pub(crate) use task::{Expected, Subject, Task};

/// Declares the operations: each has the name of its module.
macro_rules! operations {
    ($($operation:ident = $module:ident;)*) => {
        /// An operation of a scenario's mix.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $($operation,)*
        }

        impl Operation {
            /// Every operation, each at its `Operation::index`.
            pub const ALL: &[Self] = &[$(Self::$operation,)*];

            /// The name in scenarios and reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$operation => stringify!($module),)*
                }
            }

            /// What it asks for and what a right answer is, in a line.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$operation => $module::ABOUT,)*
                }
            }

            pub(crate) fn draw(self, draw: &mut Draw<'_>) -> Task {
                match self {
                    $(Self::$operation => $module::draw(draw),)*
                }
            }
        }
    };
}

operations! {
    CardPayment = card_payment;
    ManualAuthorization = manual_authorization;
    AsyncPayment = async_payment;
    ThreeDSecure = three_d_secure;
    UpiPayment = upi_payment;
    NetbankingPayment = netbanking_payment;
    WalletPayment = wallet_payment;
    Decline = decline;
    ProviderFault = provider_fault;
    ReviewPayment = review_payment;
    ReviewApproval = review_approval;
    ReviewRejection = review_rejection;
    ShopOrder = shop_order;
    OrderPayment = order_payment;
    OrderExcess = order_excess;
    CustomerAction = customer_action;
    Confirmation = confirmation;
    Cancellation = cancellation;
    Capture = capture;
    PartialCapture = partial_capture;
    Void = void;
    Reversal = reversal;
    Refund = refund;
    PartialRefund = partial_refund;
    Repeat = repeat;
    RepeatDeed = repeat_deed;
    Reuse = reuse;
    ReuseDeed = reuse_deed;
    Read = read;
    Invalid = invalid;
    Excess = excess;
    WrongState = wrong_state;
}

impl Operation {
    /// Its place in [`Operation::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The operation of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.name() == name)
    }
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|operation| operation.name()).collect();
            de::Error::custom(format!(
                "there is no operation {name}; there are {}",
                names.join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_its_place_and_its_name() {
        for (place, &operation) in Operation::ALL.iter().enumerate() {
            assert_eq!(operation.index(), place);
            assert_eq!(Operation::named(operation.name()), Some(operation));
            assert!(!operation.about().is_empty());
        }
        assert_eq!(Operation::named("capture_everything"), None);
    }
}
