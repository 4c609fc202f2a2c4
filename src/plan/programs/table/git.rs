//! Git and the tools of its hosts. A row has one reason.

use crate::plan::programs::table::{PROGRAM, Program, ROW, Row, SETTINGS, WRITES};

const RUNS_SUB: &str = "is a subcommand that runs other programs or changes what Git runs";

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
];
