//! Which version of a known program is installed, in its own words.

use std::path::Path;
use std::time::Duration;

use crate::model::command::preset::Preset;
use crate::os::process::{self, Command, Stdin};
use crate::words::text::clean;

/// How long a program may take to say it. Those in JavaScript need seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than a line is none.
const MAX_BYTES: usize = 4096;

/// What a program says to `--version`, in one line. `None` where it says nothing, and for a program that is not known by
/// name: it is not asked, since who knows what it would do.
pub async fn version(program: &Path, environment: Vec<(String, String)>) -> Option<String> {
    let name = program.to_str()?;
    if Preset::of(name) == Preset::Unknown {
        return None;
    }
    let command = Command {
        argv: vec![name.to_owned(), "--version".to_owned()],
        directory: std::env::temp_dir(),
        environment,
        stdin: Stdin::Null,
        timeout: PATIENCE,
        max_output_bytes: MAX_BYTES,
        grace: Duration::from_millis(500),
    };
    let finished = process::run(command).await.ok()?;
    let said = String::from_utf8_lossy(&finished.stdout);
    let line = said.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(clean(line).into_owned())
}
