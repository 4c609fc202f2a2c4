//! Programs that reach other machines. A row has one reason.

use crate::plan::programs::table::{PROGRAM, Program, ROW, Row, SETTINGS, WRITES};

/// The letters of curl's options that take a value and are not refused themselves.
const CURL: &str = "AbCdeEFHhmPQrTtuUwxXyYz";

/// The same of wget.
const WGET: &str = "iBtTwQUlADIRX";

pub(super) static PROGRAMS: &[Program] = &[
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
];
