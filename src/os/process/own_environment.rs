//! This process's own environment, which the programs that it starts could otherwise read in `/proc`.
//!
//! Linux shows what a process was started with to every process of the same user, and goes on to do so whatever the
//! process does to its variables later. So the values that may be keys are overwritten where they stand, once, before
//! there is a second thread; who needs them takes them from [`environment`].

use std::env;
use std::ffi::OsString;
use std::sync::OnceLock;

#[cfg(target_os = "linux")]
use super::environment::is_clean;
#[cfg(target_os = "linux")]
use super::process_tree::{PROCESS_VARIABLE, RUN_VARIABLE};
#[cfg(target_os = "linux")]
use crate::words::redact::secrets_of_variable;

/// What the process was started with, where that has been overwritten.
static ENVIRONMENT: OnceLock<Vec<(OsString, OsString)>> = OnceLock::new();

/// The variables that this process was started with, as names and values.
#[must_use]
pub fn environment() -> Vec<(OsString, OsString)> {
    ENVIRONMENT.get().cloned().unwrap_or_else(|| env::vars_os().collect())
}

/// Hides this process's environment and memory from the programs that it will start, as far as the system allows: values
/// that may be keys are overwritten, and `/proc` shows the process to root alone. Only for the start of a program that
/// is orch and nothing else: `std::env` says afterwards that such a variable is empty.
pub(crate) fn hide_environment() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        ENVIRONMENT.get_or_init(|| env::vars_os().collect());
        if let Err(error) = overwrite() {
            tracing::debug!("the environment stays readable in /proc: {error}");
        }
        // An orch that was started by another one is found by its mark when that one is gone, so it stays visible.
        if env::var_os(RUN_VARIABLE).is_none() && env::var_os(PROCESS_VARIABLE).is_none() {
            let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        }
    }
}

/// Puts zeros in place of the values that may be keys.
#[cfg(target_os = "linux")]
fn overwrite() -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let block = std::fs::read("/proc/self/environ")?;
    let start = block_start(&std::fs::read_to_string("/proc/self/stat")?)
        .ok_or_else(|| std::io::Error::other("its place is not known"))?;
    let memory = std::fs::OpenOptions::new().write(true).open("/proc/self/mem")?;
    let mut at = start;
    for variable in block.split(|&byte| byte == 0) {
        if let Some(name) = name_of_secret(variable) {
            let (value, length) = (at + name as u64 + 1, variable.len() - name - 1);
            memory.write_all_at(&vec![0; length], value)?;
        }
        at += variable.len() as u64 + 1;
    }
    Ok(())
}

/// Where the environment stands in memory.
#[cfg(target_os = "linux")]
fn block_start(stat: &str) -> Option<u64> {
    // `env_start` is field 50; field 3 is the first behind the name, which may hold anything.
    let start = stat.rsplit_once(')')?.1.split_whitespace().nth(47)?.parse().ok()?;
    (start != 0).then_some(start)
}

/// The length of the name of a variable whose value may be a key. What orch's own libraries take from `std::env` is
/// left: what every program may see, orch's own variables, and the addresses of proxies.
#[cfg(target_os = "linux")]
fn name_of_secret(variable: &[u8]) -> Option<usize> {
    let length = variable.iter().position(|&byte| byte == b'=')?;
    let (name, value) =
        (String::from_utf8_lossy(&variable[..length]), String::from_utf8_lossy(&variable[length + 1..]));
    let is_needed = is_clean(&name) || name.starts_with("ORCH_") || name.to_ascii_uppercase().ends_with("_PROXY");
    (!is_needed && !secrets_of_variable(&name, &value).is_empty()).then_some(length)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_key_is_told_from_what_libraries_need() {
        for secret in ["OPENAI_API_KEY=sk-1", "MY_LOGIN=a1b2c3d4", "DB=pg://u:pass@h/d", "API_KEY=word"] {
            assert_eq!(name_of_secret(secret.as_bytes()), secret.find('='), "{secret}");
        }
        let needed =
            ["PATH=/a:/b", "TERM=xterm-256color", "HTTPS_PROXY=http://u:p@h", "ORCH_RUN=20260101-1", "LC_ALL=C.U8"];
        for needed in needed.iter().chain(&["SSL_CERT_FILE=/etc/x", "XDG_STATE_HOME=/home/x", "NO_COLOR=1", "", "A"]) {
            assert_eq!(name_of_secret(needed.as_bytes()), None, "{needed}");
        }
    }

    #[test]
    fn the_environment_is_where_the_system_says() {
        let fields = (4..=52).map(|field| field.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(block_start(&format!("7 (a) b) S {fields}")), Some(50));
        assert_eq!(block_start("7 (a) S 1 2"), None);
    }
}
