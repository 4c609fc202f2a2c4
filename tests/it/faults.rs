//! What goes wrong around a run, whatever the orchestra says.

// A release build has no boundaries to stop at.
#[cfg(all(debug_assertions, unix))]
mod growth;
