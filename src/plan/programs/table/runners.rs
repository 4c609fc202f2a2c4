//! Programs that run another program, and shells. A row has one reason.

use crate::plan::programs::table::{CODE, Kind, PROGRAM, Program, ROW, Row, SETTINGS};

pub(super) static PROGRAMS: &[Program] = &[
    Program {
        names: &["xargs", "gxargs"],
        kind: Kind::Wrapper { before: 0 },
        shell: Some("it runs what it is given"),
        valued: "adEIiLlnPs",
        valued_words: &["arg-file", "delimiter", "max-args", "max-procs", "max-lines", "max-chars", "replace"],
        ..PROGRAM
    },
    Program {
        names: &["env", "genv"],
        kind: Kind::Wrapper { before: 0 },
        shell: Some("it runs what it is given"),
        valued: "uCaS",
        valued_words: &["unset", "chdir", "argv0"],
        rows: &[
            Row { in_front: true, short: "SC", valued: "ua", long: &["split-string", "chdir"], ..ROW },
            Row { in_front: true, assigns: true, why: "sets a variable, which may name programs to run", ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &[
            "nohup",
            "setsid",
            "time",
            "stdbuf",
            "ionice",
            "nice",
            "sudo",
            "doas",
            "pkexec",
            "strace",
            "ltrace",
            "watch",
            "parallel",
            "busybox",
            "toybox",
            "command",
            "exec",
            "builtin",
            "unshare",
            "nsenter",
            "firejail",
            "bwrap",
            "systemd-run",
            "dbus-run-session",
            "xvfb-run",
            "entr",
            "script",
            "expect",
            "unbuffer",
            "rlwrap",
            "caffeinate",
            "npx",
            "bunx",
            "pnpx",
            "uvx",
            "pipx",
            "direnv",
            "winpty",
            "proot",
            "fakeroot",
            "torsocks",
            "proxychains",
            "valgrind",
            "perf",
            "hyperfine",
            "catchsegv",
            "ld.so",
            "start-stop-daemon",
            "daemonize",
        ],
        kind: Kind::Wrapper { before: 0 },
        shell: Some("it runs what it is given"),
        valued: "nioecupgCU",
        rows: &[Row {
            in_front: true,
            short: "c",
            valued: "nioeupgU",
            long: &["call", "package", "command"],
            why: "runs what it names",
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["timeout", "gtimeout", "chroot", "flock", "taskset", "chrt", "setarch", "su", "runuser", "gosu"],
        kind: Kind::Wrapper { before: 1 },
        shell: Some("it runs what it is given"),
        valued: "ksEwG",
        valued_words: &["kill-after", "signal", "userspec", "groups"],
        rows: &[Row {
            in_front: true,
            short: "c",
            valued: "ksEwG",
            long: &["command"],
            why: "runs what it names",
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "csh", "tcsh", "fish", "elvish", "nu", "xonsh"],
        shell: Some("it is a shell"),
        valued: "oO",
        last: "c",
        rows: &[Row {
            in_front: true,
            short: "cisSC",
            valued: "oO",
            long: &["init-file", "rcfile", "command", "init-command", "commands", "execute"],
            why: CODE,
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["pwsh", "powershell", "cmd", "osascript", "wscript", "cscript", "mshta", "rundll"],
        shell: Some("it is a shell"),
        rows: &[Row {
            short: "ceEC",
            words: &["-Command", "-command", "-EncodedCommand", "-encodedcommand", "-File"],
            begins: &["/c", "/C", "/k", "/K"],
            why: CODE,
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["docker", "podman", "nerdctl", "kubectl", "oc", "helm"],
        shell: Some("what runs in a container may have every file of this machine"),
        rows: &[
            Row {
                in_front: true,
                short: "cH",
                long: &["config", "context", "host", "kubeconfig", "post-renderer"],
                why: SETTINGS,
                ..ROW
            },
            Row {
                subcommands: &[
                    "run",
                    "exec",
                    "create",
                    "compose",
                    "build",
                    "buildx",
                    "cp",
                    "plugin",
                    "debug",
                    "attach",
                    "import",
                    "load",
                    "container",
                    "image",
                    "edit",
                    "apply",
                    "proxy",
                    "config",
                    "stack",
                    "service",
                ],
                ..ROW
            },
        ],
        ..PROGRAM
    },
];
