//! What is left of a tree without its faulty parts, so that the rest can be checked for its meaning in the same go.
//!
//! Knows nothing of orchestras.

use std::collections::HashSet;

use crate::plan::spec::yaml::{Node, Value};

/// The nodes that mistakes of form were found in, by their place in memory.
#[derive(Debug, Default)]
pub(super) struct Faults(HashSet<usize>);

impl Faults {
    /// Marks a value as unusable, or a key with its value, or a mapping that lacks something.
    pub(super) fn mark(&mut self, node: &Node) {
        self.0.insert(address(node));
    }

    fn has(&self, node: &Node) -> bool {
        self.0.contains(&address(node))
    }
}

/// Nodes stay where they are between the check and the salvage, so an address is a name for them.
fn address(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

/// What a salvage left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Omissions {
    /// A setting somewhere: what seems to be missing or to contradict may only be out of sight.
    pub settings: bool,
    /// An entry of a list, such as a whole task: names may seem unknown.
    pub entries: bool,
}

/// The tree without its faulty parts, if its root is sound.
pub(super) fn prune(node: &Node, faults: &Faults) -> Option<(Node, Omissions)> {
    let mut omissions = Omissions::default();
    Some((sound(node, faults, &mut omissions)?, omissions))
}

fn sound(node: &Node, faults: &Faults, omissions: &mut Omissions) -> Option<Node> {
    if faults.has(node) {
        return None;
    }
    let value = match &node.value {
        Value::Map(entries) => {
            let mut kept = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                match (faults.has(key), sound(value, faults, omissions)) {
                    (false, Some(value)) => kept.push((key.clone(), value)),
                    _ => omissions.settings = true,
                }
            }
            Value::Map(kept)
        }
        Value::List(items) => {
            let kept: Vec<Node> = items.iter().filter_map(|item| sound(item, faults, omissions)).collect();
            omissions.entries |= kept.len() < items.len();
            Value::List(kept)
        }
        scalar => scalar.clone(),
    };
    Some(Node { value, span: node.span.clone() })
}
