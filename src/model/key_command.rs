//! Keys that commands print. All models of a run that name the same command share one key, and ask for it again
//! together when a server refuses it: such keys expire.
//!
//! Knows the command, the key and whether a newer one can be had; knows neither servers nor what they answer.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::net::http::HeaderValue;
use crate::os::process::{self, Exit, Stdin};
use crate::words::redact::Redactor;

/// How long a command may take; some ask a person for a password.
const TIME: Duration = Duration::from_secs(60);

/// No key is longer, in bytes.
const MAX_KEY_BYTES: usize = 16 * 1024;

/// How long the processes of a command that takes too long have to end by themselves.
const GRACE: Duration = Duration::from_secs(1);

/// The keys of a run's commands, by their command lines.
#[derive(Default)]
pub(crate) struct KeyCommands(Mutex<HashMap<Vec<String>, Arc<PrintedKey>>>);

impl KeyCommands {
    /// The key that `argv` prints; the command is started where no model has asked for it yet.
    ///
    /// # Errors
    /// Why there is none, to stand after the name of the command.
    pub(super) fn key(&self, argv: &[String], environment: &[(String, String)]) -> Result<Arc<PrintedKey>, String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(argv) {
            return Ok(key.clone());
        }
        let key = Arc::new(PrintedKey::ask(argv.to_vec(), environment.to_vec())?);
        known.insert(argv.to_vec(), key.clone());
        Ok(key)
    }
}

/// The key that a command has printed last.
pub(crate) struct PrintedKey {
    argv: Vec<String>,
    environment: Vec<(String, String)>,
    current: RwLock<Current>,
    /// Held while the command runs, so that it runs once however many calls have been refused.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Current {
    key: SecretString,
    /// How many keys were printed before it.
    generation: u64,
    /// Why no newer key is asked for.
    no_newer: Option<String>,
}

impl PrintedKey {
    fn ask(argv: Vec<String>, environment: Vec<(String, String)>) -> Result<Self, String> {
        let key = key_of(&printed(&argv, &environment)?)?;
        let current = RwLock::new(Current { key, generation: 0, no_newer: None });
        Ok(Self { argv, environment, current, asking: tokio::sync::Mutex::default() })
    }

    pub(super) fn key(&self) -> SecretString {
        self.current().key
    }

    /// Which key it is, see [`PrintedKey::renew`].
    pub(super) fn generation(&self) -> u64 {
        self.current().generation
    }

    /// Asks for another key in place of the one of this generation, which a server has refused, unless another call has
    /// done so already. The redactor knows the new key before any request has it. Returns the new generation.
    ///
    /// # Errors
    /// Why there is no other key.
    pub(super) async fn renew(&self, refused: u64, redactor: &Redactor) -> Result<u64, String> {
        let _asking = self.asking.lock().await;
        let current = self.current();
        if let Some(why) = current.no_newer {
            return Err(why);
        }
        if current.generation > refused {
            return Ok(current.generation);
        }
        let printed = match self.ask_again().await {
            Ok(key) if key.expose_secret() == current.key.expose_secret() => Err("printed the same key".to_owned()),
            printed => printed,
        };
        let key = printed.map_err(|why| self.give_up(format!("its api_key_command was asked again and {why}")))?;
        redactor.learn([key.clone()]);
        let generation = current.generation + 1;
        self.change(|current| *current = Current { key, generation, no_newer: None });
        Ok(generation)
    }

    /// Takes in that a server has refused a key of this generation that had just been printed: another one is not asked
    /// for, since it would be refused too.
    pub(super) fn refuse(&self, generation: u64) {
        if self.generation() == generation {
            self.give_up("its api_key_command was asked again, and the new key was refused too".to_owned());
        }
    }

    async fn ask_again(&self) -> Result<SecretString, String> {
        let command = process::Command {
            argv: self.argv.clone(),
            directory: PathBuf::from("."),
            environment: self.environment.clone(),
            stdin: Stdin::Null,
            timeout: TIME,
            max_output_bytes: MAX_KEY_BYTES,
            grace: GRACE,
        };
        let finished = process::run(command).await.map_err(|error| match error {
            process::Error::TimedOut { .. } => too_slow(),
            error => format!("cannot be run: {error}"),
        })?;
        match finished.exit {
            Exit::Code(0) => key_of(&String::from_utf8_lossy(&finished.stdout)),
            exit => Err(format!("failed ({exit})")),
        }
    }

    fn give_up(&self, why: String) -> String {
        self.change(|current| current.no_newer = Some(why.clone()));
        why
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Current)) {
        change(&mut self.current.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Debug for PrintedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrintedKey")
    }
}

/// What a command prints before the run, where nothing else is to be done meanwhile.
fn printed(argv: &[String], environment: &[(String, String)]) -> Result<String, String> {
    let Some((program, arguments)) = argv.split_first() else { return Err("is empty".to_owned()) };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot be run: {error}"))?;
    let stdout = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut printed = String::new();
        let read = stdout.map(|stdout| stdout.take(MAX_KEY_BYTES as u64).read_to_string(&mut printed));
        let _ = sender.send(matches!(read, Some(Ok(_))).then_some(printed));
    });
    let Ok(printed) = receiver.recv_timeout(TIME) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(too_slow());
    };
    let status = child.wait().map_err(|error| format!("cannot be waited for: {error}"))?;
    match status.success() {
        true => Ok(printed.unwrap_or_default()),
        false => Err(format!("failed ({status})")),
    }
}

fn too_slow() -> String {
    format!("printed nothing within {} s", TIME.as_secs())
}

fn key_of(printed: &str) -> Result<SecretString, String> {
    match printed.trim() {
        "" => Err("printed no key".to_owned()),
        key if key.contains('\n') => Err("printed more than one line".to_owned()),
        key if HeaderValue::from_str(key).is_err() => Err("printed what no header can carry".to_owned()),
        key => Ok(SecretString::from(key)),
    }
}
