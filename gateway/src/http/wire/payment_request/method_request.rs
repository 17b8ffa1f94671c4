//! `payment_method`: a name, or an object of older clients that holds the instrument beside it.
//!
//! ```text
//!   "payment_method": "card"
//!   "paymentMethod": {"type": "card", "cardNumber": "…", "expiryMonth": 12, …}
//! ```

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeSeed, MapAccess,
        value::{CowStrDeserializer, MapAccessDeserializer},
    },
};

use crate::http::wire::{object::Field, text::Text};

/// How the customer pays; `I` is what the instrument is written as.
pub(crate) enum MethodRequest<'a, I> {
    /// The method's name; the instrument stands elsewhere.
    Name(Text<'a>),
    /// The name, as `type`, among the instrument's fields.
    Object { kind: Option<Text<'a>>, instrument: Box<I> },
}

impl<I: Field> Field for MethodRequest<'_, I> {
    fn spelled(&self, pointer: &str) -> String {
        match self {
            Self::Object { instrument, .. } if pointer != "/type" => instrument.spelled(pointer),
            Self::Object { .. } | Self::Name(_) => pointer.to_owned(),
        }
    }

    fn is_renamed(&self) -> bool {
        match self {
            Self::Object { instrument, .. } => instrument.is_renamed(),
            Self::Name(_) => false,
        }
    }

    fn forget_unknown(&mut self) {
        match self {
            Self::Object { instrument, .. } => instrument.forget_unknown(),
            Self::Name(_) => {}
        }
    }
}

impl<'a, I: Deserialize<'a>> Deserialize<'a> for MethodRequest<'a, I> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<I>(PhantomData<I>);

        impl<'a, I: Deserialize<'a>> de::Visitor<'a> for Visitor<I> {
            type Value = MethodRequest<'a, I>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a payment method, or an object")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'a str) -> Result<Self::Value, E> {
                Ok(MethodRequest::Name(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(MethodRequest::Name(Text::from(text.to_owned())))
            }

            fn visit_map<M: MapAccess<'a>>(self, map: M) -> Result<Self::Value, M::Error> {
                let mut kind = None;
                let fields = WithoutKind { map, kind: &mut kind };
                let instrument = Box::new(I::deserialize(MapAccessDeserializer::new(fields))?);
                Ok(MethodRequest::Object { kind: kind.flatten(), instrument })
            }
        }

        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// The fields of an object but `type`, which is put aside.
struct WithoutKind<'k, 'a, M> {
    map: M,
    kind: &'k mut Option<Option<Text<'a>>>,
}

impl<'a, M: MapAccess<'a>> MapAccess<'a> for WithoutKind<'_, 'a, M> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, M::Error> {
        while let Some(key) = self.map.next_key::<Text<'a>>()? {
            if key.as_str() != "type" {
                return seed.deserialize(CowStrDeserializer::new(key.into_inner())).map(Some);
            }
            if self.kind.is_some() {
                return Err(de::Error::duplicate_field("type"));
            }
            *self.kind = Some(self.map.next_value()?);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.map.next_value_seed(seed)
    }
}
