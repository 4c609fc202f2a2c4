//! Numbered tracks, for what happens at the same time.

use std::collections::BTreeSet;

/// Hands out the lowest track that is free, from 0, so that a run has as many tracks as it ever had tasks at once.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    free: BTreeSet<u32>,
    made: u32,
}

impl Tracks {
    pub(crate) fn take(&mut self) -> u32 {
        self.free.pop_first().unwrap_or_else(|| {
            self.made += 1;
            self.made - 1
        })
    }

    pub(crate) fn give_back(&mut self, track: u32) {
        self.free.insert(track);
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
        let mut tracks = Tracks::default();
        assert_eq!([tracks.take(), tracks.take(), tracks.take()], [0, 1, 2]);
        tracks.give_back(2);
        tracks.give_back(0);
        assert_eq!([tracks.take(), tracks.take(), tracks.take()], [0, 2, 3]);
        assert_eq!(tracks.made(), 4);
    }
}
