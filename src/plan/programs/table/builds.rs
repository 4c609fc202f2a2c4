//! Programs that build a project or install packages. A row has one reason.

use crate::plan::programs::table::{PROGRAM, Program, ROW, Row, SETTINGS, WRITES};

const BUILDS: &str = "it runs what its build file says, which a model may have written";

pub(super) static PROGRAMS: &[Program] = &[
    Program {
        names: &["make", "gmake", "bmake", "remake", "nmake"],
        shell: Some("its targets run what the Makefile says, which a model may have written"),
        rows: &[
            Row {
                short: "fECI",
                valued: "jloW",
                long: &["file", "makefile", "eval", "directory", "include-dir"],
                why: "brings rules from another place",
                ..ROW
            },
            Row { assigns: true, why: "sets a variable that names programs in its rules", ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &[
            "just", "task", "ninja", "samu", "mage", "invoke", "rake", "ant", "bazel", "scons", "meson", "tox", "nox",
        ],
        shell: Some(BUILDS),
        rows: &[
            Row {
                short: "fdtCIce",
                valued: "jlk",
                long: &[
                    "justfile",
                    "working-directory",
                    "shell",
                    "shell-arg",
                    "command",
                    "chooser",
                    "edit",
                    "taskfile",
                    "dir",
                    "file",
                    "buildfile",
                    "rakefile",
                    "require",
                    "execute",
                    "libdir",
                    "bazelrc",
                    "conf",
                ],
                why: "brings rules from another place, or code",
                ..ROW
            },
            Row { assigns: true, why: "sets a variable that may name programs", ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &["mvn", "mvnw"],
        shell: Some(BUILDS),
        rows: &[Row {
            words: &["-f", "-file", "-s", "-settings", "-gs", "-global-settings", "-t", "-toolchains"],
            begins: &["exec:", "-Dexec.", "antrun:"],
            contains: &["exec-maven-plugin", "maven-antrun-plugin"],
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["gradle", "gradlew"],
        shell: Some(BUILDS),
        rows: &[Row {
            short: "Ibcp",
            valued: "DPgx",
            long: &["init-script", "build-file", "settings-file", "project-dir", "include-build"],
            why: "brings rules from another place",
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["cmake"],
        shell: Some(BUILDS),
        rows: &[Row { short: "PECD", why: "is a script, a command or a setting that names programs", ..ROW }],
        ..PROGRAM
    },
    Program {
        names: &["cargo"],
        shell: Some("it builds and runs any code"),
        rows: &[
            Row { long: &["config", "manifest-path"], short: "CZ", valued: "pjF", why: SETTINGS, ..ROW },
            Row { begins: &["+"], why: "chooses another toolchain, which may be any program", ..ROW },
            Row {
                subcommands: &[
                    "run", "r", "install", "rustc", "rustdoc", "login", "publish", "owner", "yank", "script",
                ],
                why: "is a subcommand that the entry does not name",
                ..ROW
            },
        ],
        ..PROGRAM
    },
    Program {
        names: &["go"],
        shell: Some("it builds and runs any code"),
        rows: &[
            Row {
                words: &["-exec", "-toolexec", "-vettool", "-overlay", "-modfile", "-C", "-ldflags", "-gccgoflags"],
                ..ROW
            },
            Row {
                words: &["-o", "-coverprofile", "-outputdir", "-cpuprofile", "-memprofile", "-trace"],
                runs: false,
                why: WRITES,
                ..ROW
            },
            Row {
                subcommands: &["run", "generate", "install", "tool", "env"],
                why: "is a subcommand that the entry does not name",
                ..ROW
            },
        ],
        ..PROGRAM
    },
    Program {
        names: &["npm", "pnpm", "yarn", "corepack"],
        shell: Some("it runs any script of package.json, which a model may have written, and any package"),
        rows: &[
            Row {
                short: "cC",
                long: &[
                    "call",
                    "script-shell",
                    "shell-mode",
                    "prefix",
                    "dir",
                    "cwd",
                    "node-options",
                    "userconfig",
                    "globalconfig",
                    "use-yarnrc",
                    "git",
                    "editor",
                    "viewer",
                    "browser",
                    "onload-script",
                    "shell",
                ],
                why: "brings code or settings that name programs to run",
                ..ROW
            },
            Row {
                subcommands: &[
                    "exec",
                    "x",
                    "dlx",
                    "explore",
                    "edit",
                    "config",
                    "c",
                    "set",
                    "init",
                    "create",
                    "innit",
                    "node",
                    "pkg",
                    "plugin",
                    "publish",
                    "login",
                    "token",
                    "link",
                    "patch",
                    "patch-commit",
                ],
                why: "is a subcommand that runs other programs, or changes what is run",
                ..ROW
            },
        ],
        ..PROGRAM
    },
    Program {
        names: &["pip", "uv", "poetry", "pipenv", "conda", "mamba", "hatch", "pdm", "rye"],
        shell: Some("it runs and installs any code"),
        rows: &[
            Row {
                short: "Cc",
                long: &[
                    "config-file",
                    "project",
                    "directory",
                    "python",
                    "target",
                    "prefix",
                    "root",
                    "log",
                    "index-url",
                    "constraint",
                ],
                why: "brings settings or packages from another place",
                ..ROW
            },
            Row { subcommands: &["run", "shell", "config", "tool", "x", "self", "env", "python"], ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &[
            "bundle",
            "gem",
            "composer",
            "mix",
            "rails",
            "dotnet",
            "stack",
            "cabal",
            "opam",
            "nix",
            "nix-shell",
            "mise",
            "asdf",
            "brew",
            "apt",
            "apt-get",
            "dpkg",
        ],
        shell: Some("it runs and installs any code"),
        rows: &[Row {
            subcommands: &[
                "exec",
                "run",
                "run-script",
                "runner",
                "console",
                "c",
                "r",
                "shell",
                "develop",
                "eval",
                "x",
                "config",
                "global",
                "tool",
            ],
            ..ROW
        }],
        ..PROGRAM
    },
];
