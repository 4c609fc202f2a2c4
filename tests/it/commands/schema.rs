//! `orch schema`: the JSON Schema of an orchestra's file.

use serde_json::json;

use super::parsed;
use crate::project::Project;

#[test]
fn the_schema_is_one_and_knows_the_keys() {
    let schema = parsed(&Project::new().args(["schema"]).run().exits(0).stdout);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], json!(["tasks"]));
    for key in ["metadata", "orchestra", "execution", "models", "agents", "tasks"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}
