//! JSON objects that remember which fields they did not know.
//!
//! serde's derive stops at the first unknown field and does not say where it is. Clients are told
//! all of them at once with their pointers, so requests are read by the visitor below. It refuses a
//! field that is given twice, and takes `null` for absent.

/// Declares a request object: for each field its names on the wire and its type.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $key:literal $(| $alias:literal)* => $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(crate) struct $name<'a> {
            $($(#[$field_doc])* pub(crate) $field: Option<$kind>,)*
            /// Names that are none of the above.
            pub(crate) unknown: Vec<$crate::http::wire::text::Text<'a>>,
        }

        impl<'a> serde::Deserialize<'a> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'a> serde::de::Visitor<'a> for Visitor {
                    type Value = $name<'a>;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str("an object")
                    }

                    fn visit_map<M: serde::de::MapAccess<'a>>(
                        self,
                        mut map: M,
                    ) -> Result<Self::Value, M::Error> {
                        $(let mut $field: Option<Option<$kind>> = None;)*
                        let mut unknown = Vec::new();
                        while let Some(key) =
                            map.next_key::<$crate::http::wire::text::Text<'a>>()?
                        {
                            match key.as_str() {
                                $($key $(| $alias)* => {
                                    if $field.is_some() {
                                        return Err(serde::de::Error::duplicate_field($key));
                                    }
                                    $field = Some(map.next_value()?);
                                })*
                                _unknown => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                    unknown.push(key);
                                }
                            }
                        }
                        Ok($name { $($field: $field.flatten(),)* unknown })
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}

pub(super) use object;
