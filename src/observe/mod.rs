//! Views of a run: each is a fold of its events and shows them somewhere.
//!
//! An observer only reads. None knows another one, and none can delay or end a run: one that fails is dropped.
//! Each does a bounded amount of work for a record, however many tasks there are, and may look at all of them only when
//! a process takes up the run or leaves it.

pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod metrics;
pub(crate) mod plain;
pub(crate) mod progress;
pub(crate) mod trace;

mod batch;
mod live_view;
mod replace;
mod retry_writer;
mod timeline;
mod tracks;

use std::io::{self, Write};
use std::time::Duration;

use crate::run::history::History;
use crate::words::event::Record;

/// A view of a run.
pub trait Observer: Send {
    /// Takes the next record. The history is the run with that record applied.
    ///
    /// # Errors
    /// When it cannot be shown. The observer is dropped then.
    fn see(&mut self, record: &Record, history: &History) -> io::Result<()>;

    /// All records that became durable together have been seen: what was held back for each of them goes out.
    ///
    /// # Errors
    /// When they cannot be shown.
    fn batch_seen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Takes note of a record that an earlier process wrote. Nothing is shown: that process did.
    fn recall(&mut self, _record: &Record) {}

    /// How often it wants [`Observer::tick`], because what it shows changes while nothing happens.
    fn tick_every(&self) -> Option<Duration> {
        None
    }

    /// Some time has passed.
    ///
    /// # Errors
    /// When it cannot be shown.
    fn tick(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The process leaves the run. Also called when there was no [`RunEvent::Finished`](crate::words::event::RunEvent).
    ///
    /// # Errors
    /// When the last of what it has to show cannot be shown.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All views of a run.
pub struct Observers {
    all: Vec<(&'static str, Box<dyn Observer>)>,
    warnings: Box<dyn Write + Send>,
}

impl Observers {
    /// None yet. One that fails later is named on `warnings`, which is standard error outside tests.
    #[must_use]
    pub fn new(warnings: Box<dyn Write + Send>) -> Self {
        Self { all: Vec::new(), warnings }
    }

    /// None at all: the run is shown nowhere.
    #[must_use]
    pub fn none() -> Self {
        Self::new(Box::new(io::sink()))
    }

    /// Adds a view; the name is for the warning if it fails.
    pub fn add(&mut self, name: &'static str, observer: impl Observer + 'static) {
        self.all.push((name, Box::new(observer)));
    }

    /// Passes on a record that an earlier process wrote.
    pub fn recall(&mut self, record: &Record) {
        for (_, observer) in &mut self.all {
            observer.recall(record);
        }
    }

    /// Passes on the next record. `history` is the run with that record applied.
    pub fn see(&mut self, record: &Record, history: &History) {
        self.each(|observer| observer.see(record, history));
    }

    /// Reports the end of a batch of records.
    pub fn batch_seen(&mut self) {
        self.each(Observer::batch_seen);
    }

    /// How often [`Observers::tick`] is to be called; `None` if no view wants it.
    #[must_use]
    pub fn tick_every(&self) -> Option<Duration> {
        self.all.iter().filter_map(|(_, observer)| observer.tick_every()).min()
    }

    /// Reports that some time has passed.
    pub fn tick(&mut self) {
        self.each(Observer::tick);
    }

    /// Closes all views. Later records are shown nowhere.
    pub fn close(&mut self) {
        self.each(Observer::close);
        self.all.clear();
    }

    /// Calls each one, and drops those that fail. A reader that is gone (`orch run --json | head`) is not a failure
    /// worth a warning.
    fn each(&mut self, mut ask: impl FnMut(&mut (dyn Observer + 'static)) -> io::Result<()>) {
        self.all.retain_mut(|(name, observer)| match ask(observer.as_mut()) {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    // There is nobody left to tell when standard error fails.
                    let _ = writeln!(self.warnings, "warning: {name} failed and is left out from here on: {error}");
                }
                false
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::run_builder::RunBuilder;

    /// Standard error, to look at afterwards.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Counts what it sees and fails at the second record, if it has a failure.
    struct Counter {
        seen: Arc<Mutex<u32>>,
        failure: Option<io::ErrorKind>,
    }

    impl Observer for Counter {
        fn see(&mut self, _: &Record, _: &History) -> io::Result<()> {
            let mut seen = self.seen.lock().unwrap();
            *seen += 1;
            match self.failure {
                Some(kind) if *seen == 2 => Err(kind.into()),
                _ => Ok(()),
            }
        }
    }

    /// How many of three records an observer saw beside one that never fails, and what was said about it.
    fn watch_with(failure: Option<io::ErrorKind>) -> (u32, String) {
        let (stderr, seen, others) = (Shared::default(), Arc::default(), Arc::default());
        let mut observers = Observers::new(Box::new(stderr.clone()));
        observers.add("the one", Counter { seen: Arc::clone(&seen), failure });
        observers.add("the other", Counter { seen: Arc::clone(&others), failure: None });
        let story = RunBuilder::of(&[]);
        for _ in 0..3 {
            observers.see(story.last(), &story.history);
        }
        observers.close();
        observers.see(story.last(), &story.history);
        assert_eq!(*others.lock().unwrap(), 3, "the others go on, up to the close");
        (*seen.lock().unwrap(), stderr.text())
    }

    #[test]
    fn one_that_fails_is_dropped_with_one_warning() {
        assert_eq!(watch_with(None), (3, String::new()));
        let (seen, said) = watch_with(Some(io::ErrorKind::StorageFull));
        assert_eq!(
            (seen, said.as_str()),
            (2, "warning: the one failed and is left out from here on: no storage space\n")
        );
    }

    #[test]
    fn one_whose_reader_has_gone_is_dropped_silently() {
        assert_eq!(watch_with(Some(io::ErrorKind::BrokenPipe)), (2, String::new()));
    }
}
