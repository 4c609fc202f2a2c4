//! `orch schema`: the JSON Schema of the file format, for editors and other programs.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::{Outcome, table, terminal};
use crate::plan::spec;

/// The schema's own name. A URN, since it is found nowhere but here.
const ID: &str = "urn:orch:schema:orchestra";

#[expect(clippy::unnecessary_wraps, reason = "every command returns the same")]
pub(super) fn run() -> Outcome {
    terminal::print(&table::json(&schema()));
    Ok(ExitCode::SUCCESS)
}

fn schema() -> Value {
    let mut schema = spec::schema().clone();
    schema["$id"] = ID.into();
    schema["title"] = "An orchestra of orch".into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_says_what_it_is() {
        let schema = schema();
        assert_eq!((schema["$id"].as_str(), schema["type"].as_str()), (Some(ID), Some("object")));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(schema["properties"]["tasks"].is_object());
    }
}
