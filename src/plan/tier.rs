//! The tiers of SuperOptiX: what an orchestra that asks for one may not exceed.
//!
//! One row a tier, for the file, its checks and the command line.

use schemars::JsonSchema;
use serde::Deserialize;

/// A tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// One task at a time.
    Oracles,
    /// One task at a time.
    Genies,
    /// Every strategy.
    Protocols,
    /// Every strategy.
    Superagents,
    /// Every strategy.
    Sovereigns,
}

/// What a tier is called and what it allows.
struct Row {
    tier: Tier,
    name: &'static str,
    /// How many tasks may run at the same time; `None` is any number, with every strategy.
    max_parallel: Option<u32>,
}

/// Every tier, from the lowest to the highest, in the order of the enum.
const TIERS: [Row; 5] = [
    Row { tier: Tier::Oracles, name: "oracles", max_parallel: Some(1) },
    Row { tier: Tier::Genies, name: "genies", max_parallel: Some(1) },
    Row { tier: Tier::Protocols, name: "protocols", max_parallel: None },
    Row { tier: Tier::Superagents, name: "superagents", max_parallel: None },
    Row { tier: Tier::Sovereigns, name: "sovereigns", max_parallel: None },
];

impl Tier {
    /// The names of all tiers, as a file and the command line have them.
    #[must_use]
    pub fn names() -> [&'static str; TIERS.len()] {
        TIERS.map(|row| row.name)
    }

    /// The tier of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TIERS.iter().find(|row| row.name == name).map(|row| row.tier)
    }

    fn row(self) -> &'static Row {
        &TIERS[self as usize]
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// How many tasks may run at the same time; `None` is any number.
    #[must_use]
    pub fn max_parallel(self) -> Option<u32> {
        self.row().max_parallel
    }

    /// Whether tasks may only run one after another.
    #[must_use]
    pub fn is_sequential(self) -> bool {
        self.max_parallel() == Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_tier_in_its_place_and_as_a_file_names_it() {
        for (place, row) in TIERS.iter().enumerate() {
            assert_eq!(row.tier as usize, place, "{}", row.name);
            assert_eq!(serde_json::from_value::<Tier>(row.name.into()).unwrap(), row.tier);
            assert_eq!(Tier::named(row.name), Some(row.tier));
        }
        let schema = serde_json::to_string(&schemars::schema_for!(Tier)).unwrap();
        assert!(Tier::names().iter().all(|name| schema.contains(name)), "{schema}");
        assert_eq!(schema.matches("\"const\"").count(), TIERS.len(), "{schema}");
    }
}
