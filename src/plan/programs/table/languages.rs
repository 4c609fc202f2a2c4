//! Interpreters, compilers and debuggers. A row has one reason.

use crate::plan::programs::table::{CODE, PROGRAM, Program, ROW, Row, SETTINGS, WRITES};

pub(super) static PROGRAMS: &[Program] = &[
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
