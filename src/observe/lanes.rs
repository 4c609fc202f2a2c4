//! Lanes: places side by side, for what happens at the same time.

use std::collections::BTreeSet;

/// Hands out the lowest lane that is free, from 0, so that a run has as many lanes as it ever had tasks at once.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    free: BTreeSet<u32>,
    made: u32,
}

impl Lanes {
    pub(crate) fn take(&mut self) -> u32 {
        self.free.pop_first().unwrap_or_else(|| {
            self.made += 1;
            self.made - 1
        })
    }

    pub(crate) fn give_back(&mut self, lane: u32) {
        self.free.insert(lane);
    }

    /// How many there are, free ones included.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_was_given_back_is_the_next_one() {
        let mut lanes = Lanes::default();
        assert_eq!([lanes.take(), lanes.take(), lanes.take()], [0, 1, 2]);
        lanes.give_back(2);
        lanes.give_back(0);
        assert_eq!([lanes.take(), lanes.take(), lanes.take()], [0, 2, 3]);
        assert_eq!(lanes.made(), 4);
    }
}
