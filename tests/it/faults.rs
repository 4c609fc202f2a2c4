//! What goes wrong around a run, whatever the orchestra says.

#[cfg(unix)]
mod compaction;
#[cfg(unix)]
mod effects;
#[cfg(unix)]
mod hostile;
mod hostile_files;
mod locks;
#[cfg(unix)]
mod not_regular;
#[cfg(target_os = "linux")]
mod open_files;
mod replies;
mod secrets;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod unreadable;

// A release build has no boundaries to stop at.
#[cfg(debug_assertions)]
mod disk;
#[cfg(all(debug_assertions, unix))]
mod growth;
#[cfg(debug_assertions)]
pub(crate) mod killed;
mod waiting;
