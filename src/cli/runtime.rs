//! The runtime of commands that call something. The engine has none of its own: whoever calls it brings one.

use std::io;

/// What cannot be done when the system gives no runtime.
pub(super) const NO_RUNTIME: &str = "nothing can be called from this process";

/// Waits for `work` on this thread.
///
/// # Errors
/// If the system gives no runtime.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // A connection or a look-up of a name that hangs must not keep the process.
    runtime.shutdown_background();
    Ok(done)
}
