//! What the customer has to do before the provider can go on.

use super::PaymentMethod;

/// What the customer has to do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum NextAction {
    /// Go to a page of the issuer (3-D Secure), the bank or the wallet.
    Redirect {
        /// Where.
        url: Box<str>,
    },
    /// Approve in the UPI app: the request that the provider has sent there, or the link that the
    /// answer shows.
    ApproveUpi {
        /// The address that is paid to.
        payee_vpa: Box<str>,
        /// The provider's reference of the request (`tr` of the link).
        reference: Box<str>,
    },
}

impl NextAction {
    /// The longest address that is passed on, in bytes; browsers take some 2,000.
    pub const MAX_URL: usize = 2_048;

    /// The longest VPA, in bytes. NPCI allows 255 characters.
    pub const MAX_VPA: usize = 255;

    /// The longest reference, in bytes: NPCI's linking specification allows 35 characters.
    pub const MAX_REFERENCE: usize = 35;

    /// Whether a customer who pays by `method` can do this, and all of it can be told. Half an
    /// address leads nowhere, and nobody approves a card in a UPI app.
    #[must_use]
    pub(crate) fn is_possible(&self, method: &PaymentMethod) -> bool {
        match self {
            Self::Redirect { url } => url.len() <= Self::MAX_URL,
            Self::ApproveUpi { payee_vpa, reference } => {
                matches!(method, PaymentMethod::Upi(_))
                    && payee_vpa.len() <= Self::MAX_VPA
                    && reference.len() <= Self::MAX_REFERENCE
            }
        }
    }
}
