//! The programs, and for each the arguments by which it runs others or writes files. A row has one reason.
//!
//! Sources are the programs' manual pages: git 2.51, GNU findutils 4.10, tar 1.35, sed 4.9, coreutils 9.7, gawk 5.3,
//! ripgrep 15, curl 8.16, OpenSSH 10, GNU make 4.4, npm 11, cargo 1.90, CPython 3.13, Node 24.

use crate::plan::programs::script::Language;

/// A program.
#[derive(Debug)]
pub(super) struct Program {
    /// Its names.
    pub names: &'static [&'static str],
    /// What kind of program it is.
    pub kind: Kind,
    /// Why an entry of an allow-list that names nothing but this program amounts to a shell, if it does.
    pub shell: Option<&'static str>,
    /// The letters of options before a subcommand, or before a wrapped program, whose value is the next argument.
    pub valued: &'static str,
    /// The same for long options.
    pub valued_words: &'static [&'static str],
    /// The letters of options behind whose value all arguments are those of what is run.
    pub last: &'static str,
    /// Whether these are all that there are, so that a subcommand is found for certain.
    pub is_front_known: bool,
    /// What it may not be given.
    pub rows: &'static [Row],
}

/// What a program does with its arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// It reads them.
    Plain,
    /// One of them is a text in a language that can run programs.
    Script(Language),
    /// It runs the program that they name, behind so many arguments of its own.
    Wrapper {
        /// How many, options aside.
        before: usize,
    },
}

/// Arguments of one kind, and what they would do.
#[derive(Debug)]
pub(super) struct Row {
    /// The subcommands that they are arguments of; none is all.
    pub of: &'static [&'static str],
    /// Whether they stand before the subcommand only.
    pub in_front: bool,
    /// Letters of short options.
    pub short: &'static str,
    /// Letters of short options that take a value, so that what is joined to them is no option.
    pub valued: &'static str,
    /// Long options, without their dashes.
    pub long: &'static [&'static str],
    /// Long options that only begin like one of these.
    pub harmless: &'static [&'static str],
    /// Options that are taken as they stand here, with one dash or two, alone or with `=` and a value.
    pub words: &'static [&'static str],
    /// How arguments begin.
    pub begins: &'static [&'static str],
    /// What arguments contain.
    pub contains: &'static [&'static str],
    /// Whether every `NAME=VALUE` is one.
    pub assigns: bool,
    /// Subcommands.
    pub subcommands: &'static [&'static str],
    /// Whether a program is run that the argument, or what follows it, names.
    pub runs: bool,
    /// What they would do, as a clause that goes on after the argument.
    pub why: &'static str,
}

const ROW: Row = Row {
    of: &[],
    in_front: false,
    short: "",
    valued: "",
    long: &[],
    harmless: &[],
    words: &[],
    begins: &[],
    contains: &[],
    assigns: false,
    subcommands: &[],
    runs: true,
    why: RUNS,
};

const PROGRAM: Program = Program {
    names: &[],
    kind: Kind::Plain,
    shell: None,
    valued: "",
    valued_words: &[],
    last: "",
    is_front_known: false,
    rows: &[],
};

const RUNS: &str = "runs another program";
const WRITES: &str = "writes a file that it names";
const CODE: &str = "is code that is run";
const SETTINGS: &str = "brings settings that name programs to run";
const BUILDS: &str = "it runs what its build file says, which a model may have written";
const RUNS_SUB: &str = "is a subcommand that runs other programs or changes what Git runs";

/// The program of that name or path.
pub(super) fn find(name: &str) -> Option<&'static Program> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    let file = [".exe", ".cmd", ".bat"].iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(&file);
    // `python3.13`, `clang-19`
    let plain = file.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let named = |name: &str| PROGRAMS.iter().find(|program| program.names.contains(&name));
    named(file).or_else(|| named(plain))
}

pub(super) static PROGRAMS: &[Program] = &[
    Program {
        names: &["git"],
        shell: Some("by its options, aliases and subcommands `git` runs any program"),
        valued: "Cc",
        valued_words: &["git-dir", "work-tree", "namespace", "config-env", "super-prefix", "attr-source"],
        is_front_known: true,
        rows: &[
            Row { in_front: true, short: "c", valued: "C", long: &["config-env"], why: SETTINGS, ..ROW },
            Row {
                in_front: true,
                long: &["exec-path", "git-dir", "work-tree", "bare"],
                why: "makes Git take its programs or settings from another folder",
                ..ROW
            },
            Row { in_front: true, short: "p", long: &["paginate"], why: "runs a pager", ..ROW },
            Row {
                of: &["grep"],
                short: "O",
                valued: "efABCm",
                long: &["open-files-in-pager"],
                why: "runs a pager that it names",
                ..ROW
            },
            Row { long: &["ext-diff", "textconv"], why: "runs programs that the repository names", ..ROW },
            Row { long: &["upload-pack", "receive-pack"], why: "runs a program that it names", ..ROW },
            Row { of: &["clone"], short: "u", valued: "bojc", why: "runs a program that it names", ..ROW },
            Row {
                of: &["ls-remote", "push", "archive", "fetch-pack", "send-pack", "rebase"],
                long: &["exec"],
                why: "runs a program that it names",
                ..ROW
            },
            Row {
                of: &["rebase", "difftool"],
                short: "x",
                valued: "CSXst",
                why: "runs a program that it names",
                ..ROW
            },
            Row { of: &["difftool"], long: &["extcmd", "tool"], short: "t", valued: "x", ..ROW },
            Row {
                of: &["clone", "init"],
                short: "c",
                valued: "bojuh",
                long: &["config", "template", "separate-git-dir"],
                why: "brings settings or hooks that name programs to run",
                ..ROW
            },
            Row {
                of: &["clone", "fetch", "pull", "push", "ls-remote", "remote", "archive", "submodule"],
                begins: &["ext::", "fd::"],
                contains: &["=ext::", "=fd::"],
                why: "is an address that runs a program",
                ..ROW
            },
            Row { of: &["submodule"], words: &["foreach"], begins: &["foreach"], ..ROW },
            Row { of: &["bisect", "hook"], begins: &["run"], ..ROW },
            Row { long: &["output"], runs: false, why: WRITES, ..ROW },
            Row {
                of: &["archive", "format-patch"],
                short: "o",
                valued: "nv",
                long: &["output-directory"],
                runs: false,
                why: WRITES,
                ..ROW
            },
            Row {
                of: &["apply", "am"],
                long: &["unsafe-paths", "build-fake-ancestor"],
                runs: false,
                why: "writes outside of the repository's files",
                ..ROW
            },
            Row {
                subcommands: &[
                    "config",
                    "difftool",
                    "mergetool",
                    "filter-branch",
                    "submodule",
                    "bisect",
                    "hook",
                    "daemon",
                    "instaweb",
                    "gui",
                    "citool",
                    "send-email",
                    "imap-send",
                    "svn",
                    "p4",
                    "shell",
                    "upload-pack",
                    "receive-pack",
                    "remote-ext",
                    "remote-fd",
                    "web--browse",
                    "help",
                    "credential",
                    "credential-store",
                    "credential-cache",
                    "maintenance",
                    "merge-index",
                    "for-each-repo",
                    "http-backend",
                    "var",
                ],
                why: RUNS_SUB,
                ..ROW
            },
        ],
        ..PROGRAM
    },
    Program {
        names: &["find", "gfind"],
        rows: &[
            Row { words: &["-exec", "-execdir", "-ok", "-okdir"], ..ROW },
            Row {
                words: &["-delete", "-fprint", "-fprint0", "-fprintf", "-fls"],
                runs: false,
                why: "removes or writes files",
                ..ROW
            },
        ],
        ..PROGRAM
    },
    Program {
        names: &["fd", "fdfind"],
        rows: &[Row { short: "xX", valued: "dEteSoCcj", long: &["exec", "exec-batch"], ..ROW }],
        ..PROGRAM
    },
    Program {
        names: &["tar", "gtar", "bsdtar"],
        rows: &[
            Row {
                short: "IF",
                valued: "fbCTXgKNVLHW",
                long: &[
                    "to-command",
                    "checkpoint-action",
                    "use-compress-program",
                    "rsh-command",
                    "rmt-command",
                    "info-script",
                    "new-volume-script",
                ],
                harmless: &["checkpoint"],
                ..ROW
            },
            Row {
                short: "PC",
                valued: "fbTXgKNVLHWIF",
                long: &["absolute-names", "directory", "index-file"],
                runs: false,
                why: "writes in other folders",
                ..ROW
            },
        ],
        kind: Kind::Script(Language::Tar),
        ..PROGRAM
    },
    Program {
        names: &["sed", "gsed"],
        kind: Kind::Script(Language::Sed),
        rows: &[
            Row {
                short: "i",
                valued: "efl",
                long: &["in-place"],
                runs: false,
                why: "writes the files that it reads",
                ..ROW
            },
            Row { short: "f", valued: "eil", long: &["file"], why: "is a script that may run programs", ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &["awk", "gawk", "mawk", "nawk"],
        kind: Kind::Script(Language::Awk),
        shell: Some("its scripts run programs"),
        rows: &[Row {
            short: "fEilDdop",
            valued: "vFe",
            long: &["file", "exec", "include", "load", "debug", "dump-variables", "profile", "pretty-print"],
            why: "is a script, an extension or a file to write",
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["rg"],
        rows: &[Row { short: "z", valued: "efgtTABCmMdEjr", long: &["pre", "hostname-bin", "search-zip"], ..ROW }],
        ..PROGRAM
    },
    Program { names: &["ag", "ack"], rows: &[Row { long: &["pager", "ackrc"], ..ROW }], ..PROGRAM },
    Program {
        names: &["sort", "gsort"],
        rows: &[
            Row { long: &["compress-program"], ..ROW },
            Row {
                short: "oT",
                valued: "ktS",
                long: &["output", "temporary-directory"],
                runs: false,
                why: WRITES,
                ..ROW
            },
        ],
        ..PROGRAM
    },
    Program { names: &["split", "gsplit"], rows: &[Row { long: &["filter"], ..ROW }], ..PROGRAM },
    Program {
        names: &["shuf", "iconv", "tree", "sdiff"],
        rows: &[Row {
            short: "o",
            valued: "nftLPI",
            long: &["output", "output-file"],
            runs: false,
            why: WRITES,
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["yq"],
        rows: &[Row { short: "i", long: &["inplace", "in-place"], runs: false, why: WRITES, ..ROW }],
        ..PROGRAM
    },
    Program {
        names: &["patch"],
        rows: &[
            Row { short: "e", valued: "pidDFrBYzgVxo", long: &["ed"], why: "runs an editor", ..ROW },
            Row { short: "o", valued: "pidDFrBYzgVx", long: &["output"], runs: false, why: WRITES, ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &["zip"],
        rows: &[Row { short: "T", valued: "xinb", long: &["unzip-command"], words: &["-TT"], ..ROW }],
        ..PROGRAM
    },
    Program {
        names: &["man", "less", "more", "most"],
        shell: Some("it runs the programs that its options or its prompt name"),
        rows: &[Row { short: "PHoO", long: &["pager", "html", "log-file"], begins: &["+"], ..ROW }],
        ..PROGRAM
    },
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
        names: &["python", "pypy", "ipython", "micropython", "pythonw", "py"],
        shell: Some("it runs any code"),
        valued: "WXQ",
        last: "cm",
        rows: &[Row { in_front: true, short: "cmi", valued: "WXQ", why: CODE, ..ROW }],
        ..PROGRAM
    },
    Program {
        names: &["node", "nodejs", "bun", "tsx", "ts-node"],
        shell: Some("it runs any code"),
        valued: "C",
        rows: &[
            Row {
                in_front: true,
                short: "eprCi",
                long: &[
                    "eval",
                    "print",
                    "require",
                    "import",
                    "loader",
                    "experimental-loader",
                    "env-file",
                    "env-file-if-exists",
                    "preload",
                    "interactive",
                    "inspect-brk",
                    "build-snapshot",
                    "experimental-config-file",
                ],
                why: CODE,
                ..ROW
            },
            Row { subcommands: &["x", "exec", "create"], ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &["deno"],
        shell: Some("it runs any code"),
        rows: &[
            Row { subcommands: &["eval", "repl", "install", "jupyter", "x"], why: CODE, ..ROW },
            Row { short: "cr", long: &["config", "import-map", "preload", "import", "require"], why: SETTINGS, ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &[
            "perl", "ruby", "raku", "lua", "luajit", "rscript", "r", "julia", "elixir", "iex", "erl", "escript",
            "guile", "racket", "scheme", "sbcl", "clojure", "groovy", "scala", "jshell", "irb", "tclsh", "wish",
            "octave", "ghc", "runghc", "ghci", "ocaml", "swift", "crystal", "gnuplot", "emacs",
        ],
        shell: Some("it runs any code"),
        rows: &[Row {
            in_front: true,
            short: "eErmMxidlILgRF",
            long: &["eval", "execute", "require", "print", "load", "batch", "command", "funcall"],
            words: &["-eval", "-pe", "-ne"],
            why: CODE,
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["php"],
        shell: Some("it runs any code"),
        rows: &[Row {
            in_front: true,
            short: "rBREFdcaSz",
            valued: "ft",
            long: &[
                "run",
                "process-begin",
                "process-code",
                "process-end",
                "process-file",
                "define",
                "php-ini",
                "server",
            ],
            why: CODE,
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["vi", "vim", "nvim", "view", "ex", "ed", "nano", "pico", "micro", "hx", "kak", "joe"],
        shell: Some("an editor runs commands and writes any file"),
        rows: &[Row { short: "cSsuwW", long: &["cmd", "command"], begins: &["+"], why: CODE, ..ROW }],
        ..PROGRAM
    },
    Program {
        names: &["gdb", "lldb", "rr"],
        shell: Some("a debugger runs any program"),
        rows: &[Row {
            short: "xo",
            words: &["-ex", "-iex", "-x"],
            long: &["eval-command", "command", "args", "one-line", "source"],
            ..ROW
        }],
        ..PROGRAM
    },
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
        names: &["rustc", "rustdoc", "gcc", "g++", "cc", "c++", "clang", "clang++", "cpp", "ld", "tcc"],
        rows: &[
            Row {
                short: "CB",
                valued: "oILlDUx",
                long: &["codegen"],
                words: &["-wrapper", "-specs", "-fplugin", "-load", "-Xclang"],
                begins: &["@", "-fplugin", "-specs", "-B", "-C"],
                ..ROW
            },
            Row { short: "o", valued: "ILlDUx", long: &["out-dir", "output"], runs: false, why: WRITES, ..ROW },
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
    Program {
        names: &["gh", "glab"],
        shell: Some("its aliases and extensions run any program"),
        rows: &[Row {
            subcommands: &[
                "alias",
                "extension",
                "ext",
                "extensions",
                "config",
                "codespace",
                "cs",
                "auth",
                "secret",
                "ssh-key",
            ],
            ..ROW
        }],
        ..PROGRAM
    },
    Program {
        names: &["ssh", "autossh", "mosh", "sshpass"],
        shell: Some("it runs any program on another machine, and by its options here"),
        rows: &[Row { short: "oFSEDJIwWLR", valued: "ilpcmbBeO", long: &["ssh", "server"], ..ROW }],
        ..PROGRAM
    },
    Program { names: &["scp", "sftp"], rows: &[Row { short: "oFSDJ", valued: "ilPcXBbR", ..ROW }], ..PROGRAM },
    Program {
        names: &["rsync"],
        rows: &[
            Row {
                short: "eM",
                valued: "BTf",
                long: &["rsh", "rsync-path", "remote-option", "server", "daemon", "config"],
                ..ROW
            },
            Row { long: &["log-file", "write-batch", "only-write-batch"], runs: false, why: WRITES, ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &["curl"],
        rows: &[
            Row {
                short: "K",
                valued: CURL,
                long: &["config", "engine"],
                why: "brings options from a file, or code",
                ..ROW
            },
            Row {
                short: "oOJDc",
                valued: CURL,
                long: &[
                    "output",
                    "output-dir",
                    "remote-name",
                    "remote-name-all",
                    "remote-header-name",
                    "dump-header",
                    "cookie-jar",
                    "trace",
                    "trace-ascii",
                    "stderr",
                    "libcurl",
                    "etag-save",
                    "hsts",
                    "alt-svc",
                    "create-dirs",
                    "ssl-sessions",
                ],
                harmless: &["trace-time", "trace-ids", "cookie", "ssl"],
                contains: &["%output{"],
                runs: false,
                why: WRITES,
                ..ROW
            },
            Row {
                short: "n",
                valued: CURL,
                long: &["netrc", "netrc-file", "netrc-optional"],
                runs: false,
                why: "takes passwords from a file",
                ..ROW
            },
            Row { begins: &["file:", "FILE:", "File:"], runs: false, why: "is a file of this machine", ..ROW },
        ],
        ..PROGRAM
    },
    Program {
        names: &["wget"],
        rows: &[
            Row { short: "e", valued: WGET, long: &["execute", "config", "use-askpass"], why: SETTINGS, ..ROW },
            Row {
                short: "OoaP",
                valued: WGET,
                long: &[
                    "output-document",
                    "output-file",
                    "append-output",
                    "directory-prefix",
                    "save-cookies",
                    "hsts-file",
                    "rejected-log",
                    "warc-file",
                    "warc-tempdir",
                    "warc-cdx",
                ],
                runs: false,
                why: WRITES,
                ..ROW
            },
        ],
        ..PROGRAM
    },
    Program {
        names: &["sqlite", "psql", "mysql", "mariadb", "duckdb"],
        shell: Some("its commands run programs and write files"),
        rows: &[Row {
            short: "oLf",
            long: &["init-command", "pager", "tee", "output", "log-file", "file", "init"],
            words: &["-cmd", "-init"],
            begins: &["."],
            contains: &[
                "\\!", ".shell", ".system", ".output", ".once", ".import", ".load", "\\o", "\\copy", "PROGRAM",
                "program", "system ",
            ],
            ..ROW
        }],
        ..PROGRAM
    },
];

/// The letters of curl's options that take a value and are not refused themselves.
const CURL: &str = "AbCdeEFHhmPQrTtuUwxXyYz";

/// The same of wget.
const WGET: &str = "iBtTwQUlADIRX";
