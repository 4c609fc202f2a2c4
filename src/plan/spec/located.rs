//! From the tree to typed values, through serde, keeping places where a type asks for them.
//!
//! Two types speak to the deserializer below by name: [`Spanned`] asks for its place, and [`Either`] asks whether a
//! scalar or a collection stands there. Runs after the check, so its own errors are a last resort.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::plan::spec::yaml::{Node, Value};
use crate::words::diagnostic::Span;

/// A value and its place in the file.
#[derive(Debug, Clone, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place, in bytes.
    pub span: Span,
}

/// Two values are the same wherever they stand.
impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A short form, written as a scalar, or a full one, written as a list or a mapping.
#[derive(Debug, Clone, PartialEq)]
pub enum Either<A, B> {
    /// The scalar.
    Short(A),
    /// The collection.
    Full(B),
}

/// Why a tree is not a `T`: a fault of the check, which should have said so before.
pub type ConvertError = serde::de::value::Error;

/// Makes a typed value of a tree that has passed the check.
///
/// # Errors
/// If the type and its schema disagree.
pub fn convert<T: for<'de> Deserialize<'de>>(node: &Node) -> Result<T, ConvertError> {
    T::deserialize(Tree(node))
}

const LOCATED: &str = "$located";
const LOCATED_FIELDS: &[&str] = &["value", "start", "end"];
const EITHER: &str = "$either";
const EITHER_VARIANTS: &[&str] = &["short", "full"];

#[derive(Clone, Copy)]
struct Tree<'n>(&'n Node);

impl<'n> IntoDeserializer<'n, ConvertError> for Tree<'n> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Tree<'de> {
    type Error = ConvertError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_borrowed_str(value),
            Value::List(items) => SeqDeserializer::new(items.iter().map(Tree)).deserialize_any(visitor),
            Value::Map(entries) => MapDeserializer::new(entries.iter().map(|(key, value)| (Tree(key), Tree(value))))
                .deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        if name == LOCATED {
            visitor.visit_map(LocatedAccess { node: self.0, next: 0 })
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        let variant = match &self.0.value {
            _ if name == EITHER => EITHER_VARIANTS[usize::from(matches!(self.0.value, Value::List(_) | Value::Map(_)))],
            Value::Text(text) => text,
            other => return Err(ConvertError::custom(format!("a word was expected, and {} is there", other.kind()))),
        };
        visitor.visit_enum(Variant { name: variant, node: self.0 })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct LocatedAccess<'n> {
    node: &'n Node,
    next: usize,
}

impl<'n> MapAccess<'n> for LocatedAccess<'n> {
    type Error = ConvertError;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Result<Option<K::Value>, ConvertError> {
        let Some(&field) = LOCATED_FIELDS.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(StrDeserializer::new(field)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'n>>(&mut self, seed: V) -> Result<V::Value, ConvertError> {
        match self.next {
            1 => seed.deserialize(Tree(self.node)),
            2 => seed.deserialize(self.node.span.start.into_deserializer()),
            _ => seed.deserialize(self.node.span.end.into_deserializer()),
        }
    }
}

struct Variant<'n> {
    name: &'n str,
    node: &'n Node,
}

impl<'n> EnumAccess<'n> for Variant<'n> {
    type Error = ConvertError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'n>>(self, seed: V) -> Result<(V::Value, Self), ConvertError> {
        Ok((seed.deserialize(StrDeserializer::new(self.name))?, self))
    }
}

impl<'n> VariantAccess<'n> for Variant<'n> {
    type Error = ConvertError;

    fn unit_variant(self) -> Result<(), ConvertError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'n>>(self, seed: T) -> Result<T::Value, ConvertError> {
        seed.deserialize(Tree(self.node))
    }

    fn tuple_variant<V: Visitor<'n>>(self, _len: usize, _visitor: V) -> Result<V::Value, ConvertError> {
        Err(ConvertError::custom("the format has no such variants"))
    }

    fn struct_variant<V: Visitor<'n>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, ConvertError> {
        Err(ConvertError::custom("the format has no such variants"))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LocatedVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for LocatedVisitor<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spanned<T>, A::Error> {
                let missing = || A::Error::custom("a value without a place");
                let (_, value) = map.next_entry::<Cow<'_, str>, T>()?.ok_or_else(missing)?;
                let (_, start) = map.next_entry::<Cow<'_, str>, usize>()?.ok_or_else(missing)?;
                let (_, end) = map.next_entry::<Cow<'_, str>, usize>()?.ok_or_else(missing)?;
                Ok(Spanned { value, span: start..end })
            }
        }

        deserializer.deserialize_struct(LOCATED, LOCATED_FIELDS, LocatedVisitor(PhantomData))
    }
}

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Deserialize<'de> for Either<A, B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EitherVisitor<A, B>(PhantomData<(A, B)>);

        impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Visitor<'de> for EitherVisitor<A, B> {
            type Value = Either<A, B>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a short or a full form")
            }

            fn visit_enum<E: EnumAccess<'de>>(self, access: E) -> Result<Either<A, B>, E::Error> {
                let (variant, content) = access.variant::<String>()?;
                if variant == EITHER_VARIANTS[0] {
                    content.newtype_variant().map(Either::Short)
                } else {
                    content.newtype_variant().map(Either::Full)
                }
            }
        }

        deserializer.deserialize_enum(EITHER, EITHER_VARIANTS, EitherVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<A: JsonSchema, B: JsonSchema> JsonSchema for Either<A, B> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}_or_{}", A::schema_name(), B::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"anyOf": [generator.subschema_for::<A>(), generator.subschema_for::<B>()]})
    }
}
