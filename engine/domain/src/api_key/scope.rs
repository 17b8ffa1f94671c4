//! What a key may do: a small closed set of named rights.
//!
//! A new operation that none of the rights covers adds one here, with the next number; keys that
//! hold everything of their kind then hold it too, and keys with chosen scopes do not.

use super::ApiKeyKind;

/// A right, as operations ask for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// Look at payments.
    PaymentsRead,
    /// Make payments, and act on them.
    PaymentsWrite,
    /// Look at merchants; for a merchant's key: at the merchant itself.
    MerchantsRead,
    /// Register and change merchants.
    MerchantsWrite,
    /// List merchants' keys; for a merchant's key: its own.
    KeysRead,
    /// Issue, rotate and revoke merchants' keys; for a merchant's key: its own.
    KeysWrite,
    /// List operators' keys.
    OperatorKeysRead,
    /// Issue, rotate and revoke operators' keys.
    OperatorKeysWrite,
    /// Look into the books of the provider simulator.
    SimulatorRead,
    /// Look at providers and what they can do.
    ProvidersRead,
    /// Erase what is known of customers.
    CustomersWrite,
    /// Read what has happened, as a list or a stream.
    EventsRead,
    /// Look at endpoints, at their deliveries and at the queues.
    WebhooksRead,
    /// Create, change and delete endpoints, and deliver again.
    WebhooksWrite,
    /// Look at orders.
    OrdersRead,
    /// Create orders.
    OrdersWrite,
    /// Look at accounts and what was booked; for a merchant's key: its own.
    LedgerRead,
    /// Look at what operators have to decide, and at what is unknown.
    ExceptionsRead,
    /// Decide it, and enter outcomes that were learnt elsewhere.
    ExceptionsWrite,
    /// Make snapshots, and take backups of everything.
    BackupsWrite,
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScopeSet(u64);

impl Scope {
    /// Every scope, in the order of [`Scope::code`].
    pub const ALL: [Self; 20] = [
        Self::PaymentsRead,
        Self::PaymentsWrite,
        Self::MerchantsRead,
        Self::MerchantsWrite,
        Self::KeysRead,
        Self::KeysWrite,
        Self::OperatorKeysRead,
        Self::OperatorKeysWrite,
        Self::SimulatorRead,
        Self::ProvidersRead,
        Self::CustomersWrite,
        Self::EventsRead,
        Self::WebhooksRead,
        Self::WebhooksWrite,
        Self::OrdersRead,
        Self::OrdersWrite,
        Self::LedgerRead,
        Self::ExceptionsRead,
        Self::ExceptionsWrite,
        Self::BackupsWrite,
    ];

    /// The scope's bit in stored sets. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::PaymentsRead => 0,
            Self::PaymentsWrite => 1,
            Self::MerchantsRead => 2,
            Self::MerchantsWrite => 3,
            Self::KeysRead => 4,
            Self::KeysWrite => 5,
            Self::OperatorKeysRead => 6,
            Self::OperatorKeysWrite => 7,
            Self::SimulatorRead => 8,
            Self::ProvidersRead => 9,
            Self::CustomersWrite => 10,
            Self::EventsRead => 11,
            Self::WebhooksRead => 12,
            Self::WebhooksWrite => 13,
            Self::OrdersRead => 14,
            Self::OrdersWrite => 15,
            Self::LedgerRead => 16,
            Self::ExceptionsRead => 17,
            Self::ExceptionsWrite => 18,
            Self::BackupsWrite => 19,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentsRead => "payments:read",
            Self::PaymentsWrite => "payments:write",
            Self::MerchantsRead => "merchants:read",
            Self::MerchantsWrite => "merchants:write",
            Self::KeysRead => "keys:read",
            Self::KeysWrite => "keys:write",
            Self::OperatorKeysRead => "operator_keys:read",
            Self::OperatorKeysWrite => "operator_keys:write",
            Self::SimulatorRead => "simulator:read",
            Self::ProvidersRead => "providers:read",
            Self::CustomersWrite => "customers:write",
            Self::EventsRead => "events:read",
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::OrdersRead => "orders:read",
            Self::OrdersWrite => "orders:write",
            Self::LedgerRead => "ledger:read",
            Self::ExceptionsRead => "exceptions:read",
            Self::ExceptionsWrite => "exceptions:write",
            Self::BackupsWrite => "backups:write",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// Whether keys of that kind may have it at all.
    #[must_use]
    pub const fn is_of(self, kind: ApiKeyKind) -> bool {
        match (kind, self) {
            (
                ApiKeyKind::Secret { .. },
                Self::PaymentsRead
                | Self::PaymentsWrite
                | Self::MerchantsRead
                | Self::KeysRead
                | Self::KeysWrite
                | Self::ProvidersRead
                | Self::CustomersWrite
                | Self::EventsRead
                | Self::WebhooksRead
                | Self::WebhooksWrite
                | Self::OrdersRead
                | Self::OrdersWrite
                | Self::LedgerRead,
            )
            | (ApiKeyKind::Publishable { .. }, Self::MerchantsRead)
            | (
                ApiKeyKind::Operator,
                Self::PaymentsRead
                | Self::MerchantsRead
                | Self::MerchantsWrite
                | Self::KeysRead
                | Self::KeysWrite
                | Self::OperatorKeysRead
                | Self::OperatorKeysWrite
                | Self::SimulatorRead
                | Self::ProvidersRead
                | Self::WebhooksRead
                | Self::LedgerRead
                | Self::ExceptionsRead
                | Self::ExceptionsWrite
                | Self::BackupsWrite,
            ) => true,
            (
                ApiKeyKind::Secret { .. },
                Self::MerchantsWrite
                | Self::OperatorKeysRead
                | Self::OperatorKeysWrite
                | Self::SimulatorRead
                | Self::ExceptionsRead
                | Self::ExceptionsWrite
                | Self::BackupsWrite,
            )
            | (
                ApiKeyKind::Publishable { .. },
                Self::PaymentsRead
                | Self::PaymentsWrite
                | Self::MerchantsWrite
                | Self::KeysRead
                | Self::KeysWrite
                | Self::OperatorKeysRead
                | Self::OperatorKeysWrite
                | Self::SimulatorRead
                | Self::ProvidersRead
                | Self::CustomersWrite
                | Self::EventsRead
                | Self::WebhooksRead
                | Self::WebhooksWrite
                | Self::OrdersRead
                | Self::OrdersWrite
                | Self::LedgerRead
                | Self::ExceptionsRead
                | Self::ExceptionsWrite
                | Self::BackupsWrite,
            )
            | (
                ApiKeyKind::Operator,
                Self::PaymentsWrite
                | Self::CustomersWrite
                | Self::EventsRead
                | Self::WebhooksWrite
                | Self::OrdersRead
                | Self::OrdersWrite,
            ) => false,
        }
    }

    const fn bit(self) -> u64 {
        1 << self.code()
    }
}

impl ScopeSet {
    /// Everything that a key's kind may do, today and in releases to come.
    pub const ALL: Self = Self(u64::MAX);

    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Whether the scope is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether every scope of `other` is in this set.
    #[must_use]
    pub const fn includes(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Its scopes that keys of that kind may have.
    pub fn within(self, kind: ApiKeyKind) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope) && scope.is_of(kind))
    }

    /// The set's number in stored records.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The set of a stored number; `None` where it holds what no release has had.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Self> {
        let set = Self(bits);
        let known: Self = Scope::ALL.into_iter().collect();
        (set == Self::ALL || known.includes(set)).then_some(set)
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_tell_scopes_apart() {
        for (bit, scope) in (0..).zip(Scope::ALL) {
            assert_eq!(scope.code(), bit);
            assert_eq!(Scope::from_name(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::from_name("payments"), None);
    }

    #[test]
    fn everything_includes_what_is_chosen_and_not_the_other_way_round() {
        let chosen: ScopeSet = Scope::ALL.into_iter().collect();
        assert!(ScopeSet::ALL.includes(chosen) && !chosen.includes(ScopeSet::ALL));
        assert_eq!(ScopeSet::from_bits(u64::MAX), Some(ScopeSet::ALL));
        assert_eq!(ScopeSet::from_bits(chosen.to_bits()), Some(chosen));
        assert_eq!(ScopeSet::from_bits(1 << Scope::ALL.len()), None);
    }
}
