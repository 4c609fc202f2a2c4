//! A record as one flat JSON object.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::words::event::{Event, Record};
use crate::words::id::Name;

#[derive(Serialize)]
struct Written<'r, E> {
    seq: u64,
    at_ms: u64,
    mono_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'r Name>,
    #[serde(flatten)]
    event: &'r E,
}

#[derive(Deserialize)]
struct Read {
    seq: u64,
    at_ms: u64,
    mono_us: u64,
    task: Option<Name>,
    #[serde(flatten)]
    event: Map<String, Value>,
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { seq, at_ms, mono_us, event } = self;
        let (seq, at_ms, mono_us) = (*seq, *at_ms, *mono_us);
        match event {
            Event::Run(event) => Written { seq, at_ms, mono_us, task: None, event }.serialize(serializer),
            Event::Task { task, event } => {
                Written { seq, at_ms, mono_us, task: Some(task), event }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Read { seq, at_ms, mono_us, task, event } = Read::deserialize(deserializer)?;
        let event = Value::Object(event);
        let event = match task {
            None => serde_json::from_value(event).map(Event::Run),
            Some(task) => serde_json::from_value(event).map(|event| Event::Task { task, event }),
        };
        Ok(Self { seq, at_ms, mono_us, event: event.map_err(D::Error::custom)? })
    }
}

/// A value that is there, and may be `null`.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
