//! How the customer pays: as much of it as may be remembered in the clear.

use crate::{card::CardFacts, net_banking::NetBankingFacts, upi::UpiFacts, wallet::WalletFacts};

/// How the customer pays.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PaymentMethod {
    /// By card.
    Card(CardFacts),
    /// By UPI, the Unified Payments Interface of India: the payee asks, the payer approves in an
    /// app.
    Upi(UpiFacts),
    /// From a bank account, on the bank's own pages.
    NetBanking(NetBankingFacts),
    /// From a wallet that holds money in advance.
    Wallet(WalletFacts),
}

impl PaymentMethod {
    /// The name on the wire and in labels.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Card(_) => "card",
            Self::Upi(_) => "upi",
            Self::NetBanking(_) => "netbanking",
            Self::Wallet(_) => "wallet",
        }
    }
}
