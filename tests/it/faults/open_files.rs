//! A process that may open no more files: what it cannot look at is not nothing.

use std::process::Command;

use crate::project::{Project, RUN, orchestra};
use crate::server::Server;

#[test]
fn too_few_open_files_are_told_by_every_command_and_never_taken_for_no_runs() {
    let server = Server::start();
    let project = Project::new().file("orchestras/x_orchestra.yaml", orchestra("", &["name: a, description: do a"]));
    let project = project.server(&server).args(RUN);
    project.args(["run", "x", "--goal", "Build a simple login feature"]).run().exits(0);
    let run = project.runs().remove(0);
    let limited = |most: usize, arguments: &[&str]| {
        let script = format!("ulimit -n {most} && exec \"$0\" \"$@\"");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_orch")]).args(arguments);
        let output = command.current_dir(project.path("")).env_clear().env("HOME", project.path("")).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let commands: [(&[&str], &str, i32); 8] = [
        (&["runs"], &run, 0),
        (&["runs", "--json"], &run, 0),
        (&["show"], &run, 0),
        (&["why", "a"], &run, 0),
        (&["clean", "--all", "--dry-run"], &run, 0),
        (&["resume"], "every run of this project is finished", 0),
        (&["list"], "x_orchestra.yaml", 0),
        (&["validate"], "ok: ", 0),
    ];
    for (arguments, shows, code) in commands {
        let mut refused = 0;
        for most in 4..24 {
            let (ended, stdout, stderr) = limited(most, arguments);
            let said = format!("{most} files, {arguments:?}: {ended:?}\n{stdout}\n{stderr}");
            assert!(!stderr.contains("panicked"), "{said}");
            if ended == Some(code) {
                assert!((stdout + &stderr).contains(shows), "{said}");
            } else {
                // 127 is the linker's, which cannot open a library.
                assert!(stderr.contains("Too many open files") || ended == Some(127), "{said}");
                refused += i32::from(ended != Some(127));
            }
        }
        assert!((1..20).contains(&refused), "{arguments:?} is refused {refused} times");
        assert_eq!(project.runs().len(), 1);
    }
}
