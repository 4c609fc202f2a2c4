//! The arguments of a call: the prompt put where the user wants it.

use std::io::Write;

use tempfile::NamedTempFile;

use crate::model::command::scratch;
use crate::words::failure::{Failure, FailureKind};

/// Stands for the prompt.
const PROMPT: &str = "{prompt}";

/// Stands for the path of a file that holds the prompt.
const PROMPT_FILE: &str = "{prompt_file}";

/// The longest prompt that goes into an argument. Linux takes 128 KiB, the zero at the end included.
const MAX_ARGUMENT_BYTES: usize = 100_000;

/// The program and its arguments.
pub(super) struct Arguments {
    pub argv: Vec<String>,
    /// Whether the prompt is among them, and so need not be read.
    pub hold_prompt: bool,
    /// Removed with this value. Only the user may read it.
    _file: Option<NamedTempFile>,
}

impl Arguments {
    /// # Errors
    /// `bad_request` for a prompt that is too long for an argument, `internal` where no file can be written.
    pub(super) fn new(argv: &[String], prompt: &str, environment: &[(String, String)]) -> Result<Self, Failure> {
        let names = |placeholder| argv.iter().any(|argument| argument.contains(placeholder));
        if names(PROMPT) && prompt.len() > MAX_ARGUMENT_BYTES {
            return Err(Failure::new(
                FailureKind::BadRequest,
                format!(
                    "the prompt has {} bytes, and an argument takes {MAX_ARGUMENT_BYTES}: leave {PROMPT} out of the \
                     command to give it on stdin, or use {PROMPT_FILE}",
                    prompt.len()
                ),
            ));
        }
        let file = names(PROMPT_FILE).then(|| write(prompt, environment)).transpose()?;
        let path = file.as_ref().map_or_else(String::new, |file| file.path().to_string_lossy().into_owned());
        Ok(Self {
            argv: argv.iter().map(|argument| fill(argument, prompt, &path)).collect(),
            hold_prompt: names(PROMPT) || names(PROMPT_FILE),
            _file: file,
        })
    }
}

fn write(prompt: &str, environment: &[(String, String)]) -> Result<NamedTempFile, Failure> {
    let write = || {
        let mut file = scratch::file(environment)?;
        file.write_all(prompt.as_bytes())?;
        file.flush()?;
        Ok(file)
    };
    write().map_err(|error: std::io::Error| {
        Failure::new(FailureKind::Internal, format!("cannot write the prompt to a temporary file: {error}"))
    })
}

/// Fills an argument in. What the prompt itself says is not looked at again.
fn fill(argument: &str, prompt: &str, path: &str) -> String {
    let pieces = argument.split(PROMPT).map(|piece| piece.replace(PROMPT_FILE, path));
    pieces.collect::<Vec<_>>().join(prompt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(argv: &[&str], prompt: &str) -> Result<Arguments, Failure> {
        Arguments::new(&argv.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>(), prompt, &[])
    }

    #[test]
    fn the_prompt_goes_where_it_is_wanted_and_is_not_filled_in_itself() {
        let filled = arguments(&["ask", "{prompt}", "--also={prompt}!"], "-x {prompt_file} {prompt}\n").unwrap();
        assert_eq!(filled.argv, ["ask", "-x {prompt_file} {prompt}\n", "--also=-x {prompt_file} {prompt}\n!"]);
        assert!(filled.hold_prompt);
        assert!(!arguments(&["ask", "-"], "p").unwrap().hold_prompt);
    }

    #[test]
    fn a_file_holds_the_prompt_as_long_as_it_is_needed() {
        let long = "x".repeat(300_000);
        let filled = arguments(&["ask", "--file={prompt_file}"], &long).unwrap();
        let path = filled.argv[1].strip_prefix("--file=").unwrap().to_owned();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), long);
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        drop(filled);
        assert!(!std::path::Path::new(&path).exists());
    }

    #[test]
    fn an_argument_has_its_limit() {
        assert!(arguments(&["ask", "{prompt}"], &"x".repeat(MAX_ARGUMENT_BYTES)).is_ok());
        let Err(failure) = arguments(&["ask", "{prompt}"], &"x".repeat(MAX_ARGUMENT_BYTES + 1)) else { panic!() };
        assert_eq!(failure.kind, FailureKind::BadRequest);
        assert!(failure.message.contains("stdin"), "{failure}");
    }
}
