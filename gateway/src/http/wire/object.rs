//! JSON objects that remember how they were written: which fields they did not know, and which came
//! under another of their names.
//!
//! serde's derive stops at the first unknown field and does not say where it is. Clients are told
//! all of them at once with their pointers, so requests are read by the visitor below. It refuses a
//! field that is given twice, and takes `null` for absent.

/// What a field's value has to know of itself. Objects have fields of their own; for any other
/// value there is nothing to do.
pub(crate) trait Field {
    /// A JSON pointer into the value by the fields' first names, as the client has written them.
    fn spelled(&self, pointer: &str) -> String {
        pointer.to_owned()
    }

    /// Whether anything in the value came under another name than its first.
    fn is_renamed(&self) -> bool {
        false
    }

    /// Whether nothing is in it.
    fn is_empty(&self) -> bool {
        false
    }

    /// Forgets the names that no field has, where they are to be ignored.
    fn forget_unknown(&mut self) {}
}

impl<T: Field> Field for Vec<T> {}

impl Field for bool {}

/// The names of an object's fields: all that each field may come under, its first name first.
pub(crate) type Names = &'static [&'static [&'static str]];

/// Declares a request object: for each field its names on the wire and its type.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $key:literal $(| $alias:literal)* => $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(crate) struct $name<'a> {
            $($(#[$field_doc])* pub(crate) $field: Option<$kind>,)*
            /// Names that are none of the above.
            pub(crate) unknown: Vec<$crate::http::wire::text::Text<'a>>,
            /// Fields that came under another name than their first, and that name.
            renamed: Vec<(&'static str, $crate::http::wire::text::Text<'a>)>,
        }

        impl $name<'_> {
            /// The names of each field, its first name first.
            pub(crate) const NAMES: $crate::http::wire::Names = &[$(&[$key $(, $alias)*],)*];
        }

        impl $crate::http::wire::object::Field for $name<'_> {
            fn spelled(&self, pointer: &str) -> String {
                let Some(below) = pointer.strip_prefix('/') else { return pointer.to_owned() };
                let (field, rest) = below.split_at(below.find('/').unwrap_or(below.len()));
                let written = self.renamed.iter().find(|(first, _written)| *first == field);
                let written = written.map_or(field, |(_first, written)| written.as_str());
                let rest = match field {
                    $($key => self.$field.as_ref().map(|value| value.spelled(rest)),)*
                    _unknown => None,
                }
                .unwrap_or_else(|| rest.to_owned());
                format!("/{written}{rest}")
            }

            fn is_renamed(&self) -> bool {
                !self.renamed.is_empty()
                    $(|| self.$field.as_ref().is_some_and(|value| value.is_renamed()))*
            }

            fn is_empty(&self) -> bool {
                self.unknown.is_empty() $(&& self.$field.is_none())*
            }

            fn forget_unknown(&mut self) {
                self.unknown.clear();
                $(if let Some(value) = &mut self.$field {
                    value.forget_unknown();
                })*
            }
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
                        let (mut unknown, mut renamed) = (Vec::new(), Vec::new());
                        while let Some(key) =
                            map.next_key::<$crate::http::wire::text::Text<'a>>()?
                        {
                            match key.as_str() {
                                $($key $(| $alias)* => {
                                    if $field.is_some() {
                                        return Err(serde::de::Error::duplicate_field($key));
                                    }
                                    $field = Some(map.next_value()?);
                                    if key.as_str() != $key {
                                        renamed.push(($key, key));
                                    }
                                })*
                                _unknown => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                    unknown.push(key);
                                }
                            }
                        }
                        Ok($name { $($field: $field.flatten(),)* unknown, renamed })
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}

pub(super) use object;
