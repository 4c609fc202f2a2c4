//! Programs that behave badly, and that nothing of them stays behind.
//!
//! Every script sleeps for a time that no other process on the machine has among its arguments, by which what is left
//! of it is found in `/proc`.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use orch::os::clock;
use orch::os::process::{self, Command, Exit, Finished, RUN_VARIABLE, Stdin, clean_environment};
use tempfile::TempDir;

mod agents;
mod killed;
mod servers;

/// Nothing here takes that long; a process that does hangs.
const LONG: Duration = Duration::from_secs(20);

/// A folder with a script in it.
pub(crate) struct Scene {
    pub folder: TempDir,
    /// What only its processes have among their arguments: a number of seconds.
    mark: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), mark: format!("300.{:020}", clock::random()) }
    }

    /// A command that runs `script`, where `$MARK` is the time to sleep for.
    fn command(&self, script: &str) -> Command {
        fs::write(self.folder.path().join("script"), script).unwrap();
        let mut environment = clean_environment(std::env::vars());
        environment.push(("MARK".to_owned(), self.mark.clone()));
        Command {
            argv: ["/bin/sh", "script"].map(str::to_owned).to_vec(),
            directory: self.folder.path().to_owned(),
            environment,
            stdin: Stdin::Null,
            timeout: LONG,
            max_output_bytes: 1 << 20,
            grace: Duration::from_millis(500),
        }
    }

    async fn run(&self, script: &str) -> Finished {
        process::run(self.command(script)).await.unwrap()
    }

    /// The processes that are left.
    fn left(&self) -> Vec<String> {
        left(&self.mark)
    }

    /// The numbers that the script has written to `pids`.
    fn pids(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.folder.path().join("pids")).unwrap_or_default();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Fails unless every process that the script named has been there and is gone, not even a zombie.
    fn nobody_is_left(&self, expected: usize) {
        assert_eq!(self.left(), [""; 0]);
        let pids = self.pids();
        assert_eq!(pids.len(), expected);
        let there: Vec<_> = pids.into_iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
        assert_eq!(there, [0; 0], "zombies");
    }
}

/// The processes that have `mark` among their arguments.
fn left(mark: &str) -> Vec<String> {
    let folders = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let lines = folders.filter_map(|folder| fs::read(folder.join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(mark)).collect()
}

/// Five ways to outlive a parent. Each says its number once it is on its way.
const RUNAWAYS: &str = r#"
stay='echo $$ >> pids; exec sleep $MARK'
sh -c "$stay" &
setsid sh -c "$stay" &
nohup sh -c "$stay" > /dev/null 2>&1 &
( ( sh -c "$stay" & ) & )
( setsid sh -c "( sh -c '$stay' & )" & )
while [ "$(wc -l < pids 2> /dev/null || echo 0)" -lt 5 ]; do sleep 0.01; done
"#;

#[tokio::test]
async fn nobody_outlives_a_success() {
    let scene = Scene::new();
    let started = Instant::now();
    let finished = scene.run(&format!("{RUNAWAYS} echo done")).await;
    assert_eq!((finished.exit, &*finished.stdout), (Exit::Code(0), &b"done\n"[..]));
    assert!(started.elapsed() < LONG, "those in the background hold the output and are not waited for");
    scene.nobody_is_left(5);
}

#[tokio::test]
async fn nobody_outlives_a_timeout_and_what_was_said_is_kept() {
    let scene = Scene::new();
    // One gives up its environment, its group and its session, and is still a child.
    let bare = r#"env -i setsid sh -c "echo \$\$ >> pids; exec sleep $MARK" & echo half; echo bad >&2; sleep $MARK"#;
    let script = format!("{RUNAWAYS} {bare}");
    let timeout = Duration::from_secs(2);
    let trouble = process::run(Command { timeout, ..scene.command(&script) }).await.unwrap_err();
    assert_eq!(trouble.to_string(), "`/bin/sh` was ended, because it was not done after 2 seconds");
    let process::Error::TimedOut { stdout, stderr, .. } = trouble else { panic!() };
    assert_eq!((&*stdout, &*stderr), (&b"half\n"[..], &b"bad\n"[..]));
    scene.nobody_is_left(6);
}

#[tokio::test]
async fn nobody_outlives_a_dropped_future() {
    let scene = Scene::new();
    let run = process::run(scene.command(&format!("trap '' TERM; {RUNAWAYS} echo > ready; sleep $MARK")));
    let ready = scene.folder.path().join("ready");
    let seen = async {
        while !ready.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        ended = run => panic!("{ended:?}"),
        () = seen => {}
    }
    scene.nobody_is_left(5);
}

#[tokio::test]
async fn a_bare_orphan_is_known_from_before() {
    let scene = Scene::new();
    // It has no environment and a session of its own, and its parent ends long after it was first looked at.
    let script = r#"env -i setsid sh -c "echo \$\$ > pids; exec sleep $MARK" & sleep 1.5"#;
    scene.run(script).await;
    scene.nobody_is_left(1);
}

#[tokio::test]
async fn one_who_will_not_end_is_killed_and_one_who_cleans_up_may() {
    let scene = Scene::new();
    let stubborn = "trap '' TERM; echo $$ > pids; while :; do sleep $MARK; done";
    let timeout = Duration::from_millis(500);
    let trouble = process::run(Command { timeout, ..scene.command(stubborn) }).await.unwrap_err();
    assert!(matches!(trouble, process::Error::TimedOut { .. }), "{trouble}");
    scene.nobody_is_left(1);

    let tidy = "trap 'echo bye; exit' TERM; echo $$ > pids; while :; do sleep 0.05; done";
    let command = Command { timeout, grace: LONG, ..scene.command(tidy) };
    let process::Error::TimedOut { stdout, .. } = process::run(command).await.unwrap_err() else { panic!() };
    assert_eq!(stdout, b"bye\n");
    scene.nobody_is_left(1);
}

#[tokio::test]
async fn what_a_killed_run_has_left_is_found_by_its_id() {
    let scene = Scene::new();
    let run = format!("run-{}", scene.mark);
    // As a killed orch leaves it: nobody waits for it any more, and the variable is all that is known.
    let start = |value: &str| -> Child {
        let script = format!("{RUNAWAYS} sleep $MARK");
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", &script]).current_dir(scene.folder.path()).stdout(Stdio::null());
        command.env("MARK", &scene.mark).env(RUN_VARIABLE, value).spawn().unwrap()
    };
    let mut theirs = start("another-run");
    while scene.left().len() < 6 {
        std::thread::yield_now();
    }
    assert_eq!(process::end_leftovers(&run, Duration::from_millis(500)).await, 0);
    assert!(scene.left().len() >= 6);
    fs::remove_file(scene.folder.path().join("pids")).unwrap();
    let mut ours = start(&run);
    while scene.left().len() < 12 {
        std::thread::yield_now();
    }
    assert!(process::end_leftovers(&run, Duration::from_millis(500)).await >= 6);
    let _ = ours.wait();
    assert_eq!(scene.left().len(), 6, "those of the other run are left alone");
    process::end_leftovers("another-run", Duration::from_millis(500)).await;
    let _ = theirs.wait();
    assert_eq!(scene.left(), [""; 0]);
}

#[tokio::test]
async fn any_output_is_taken_and_no_more_of_it_kept_than_asked_for() {
    let scene = Scene::new();
    let finished = scene.run("head -c 50000000 /dev/zero; head -c 50000000 /dev/zero >&2; exit 3").await;
    assert_eq!(finished.exit, Exit::Code(3));
    for (bytes, cut) in [(&finished.stdout, finished.stdout_cut), (&finished.stderr, finished.stderr_cut)] {
        assert_eq!((bytes.len(), cut), (1 << 20, true));
    }
    let finished = scene.run(r"printf '\377\0\200 a'; kill -9 $$").await;
    assert_eq!((finished.exit, &*finished.stdout, finished.stdout_cut), (Exit::Signal(9), &b"\xff\0\x80 a"[..], false));
}

#[tokio::test]
async fn closed_streams_and_unread_input_hang_nobody() {
    let scene = Scene::new();
    let finished = scene.run("echo early; exec >&- 2>&-; sleep 0.2; exit 4").await;
    assert_eq!((finished.exit, &*finished.stdout), (Exit::Code(4), &b"early\n"[..]));
    // Without an input there is its end at once.
    assert_eq!(scene.run("cat; echo end").await.stdout, b"end\n");
    let text = "x".repeat(1 << 20);
    for script in ["exit 0", "exec <&-; sleep 0.2", "sleep 0.2", "head -c 1 > /dev/null"] {
        let command = Command { stdin: Stdin::Text(text.clone()), ..scene.command(script) };
        assert_eq!(process::run(command).await.unwrap().exit, Exit::Code(0), "{script}");
    }
}

#[tokio::test]
async fn what_is_given_arrives_as_it_is() {
    let scene = Scene::new();
    let odd = "-rf $HOME `id` $(id) ; | & > x \"'\\ \n\t* ~ é\u{1f41d}";
    let command = scene.command(r#"printf '%s' "$1" "$#"; cat"#);
    let argv = command.argv.iter().cloned().chain([odd.to_owned(), "-n".to_owned()]).collect();
    let prompt = format!("{odd}{}", "0123456789".repeat(30_000));
    let stdin = Stdin::Text(prompt.clone());
    let finished = process::run(Command { argv, stdin, ..command }).await.unwrap();
    assert_eq!(String::from_utf8(finished.stdout).unwrap(), format!("{odd}2{prompt}"));
}

#[tokio::test]
async fn a_program_sees_the_environment_that_it_is_given_and_no_other() {
    let scene = Scene::new();
    let command = scene.command("env | cut -d= -f1 | sort | tr '\\n' ' '");
    let environment = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned()), ("ONE".to_owned(), "1".to_owned())];
    let finished = process::run(Command { environment, ..command }).await.unwrap();
    // The shell adds its folder; `_` is its own.
    let names = String::from_utf8(finished.stdout).unwrap().replace("_ ", "");
    assert_eq!(names.replace("OLDPWD ", ""), "ONE ORCH_PROCESS PATH PWD ");
}

#[tokio::test]
async fn what_cannot_be_started_is_named() {
    let scene = Scene::new();
    let trouble = async |program: &str, folder: &str| {
        let command = scene.command("");
        let directory = command.directory.join(folder);
        let argv = vec![program.to_owned()];
        process::run(Command { argv, directory, ..command }).await.unwrap_err().to_string()
    };
    let missing = trouble("no-such-program", "").await;
    assert_eq!(missing, "cannot find the program `no-such-program`: is it installed, and is its folder in PATH?");
    let plain = trouble("./script", "").await;
    assert_eq!(plain, "cannot run `./script`: the file is not executable; `chmod +x` makes it so");
    assert!(trouble("/bin/sh", "nowhere").await.ends_with("nowhere: there is no such folder"));
    // Neither a program nor a script.
    let junk = scene.folder.path().join("junk");
    fs::write(&junk, [0x7f, b'E', b'L', b'F', 0]).unwrap();
    fs::set_permissions(&junk, PermissionsExt::from_mode(0o755)).unwrap();
    assert!(trouble("./junk", "").await.starts_with("cannot run `./junk`: Exec format error"));
}
