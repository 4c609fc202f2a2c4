//! Programs that look for, show, pack or change files. A row has one reason.

use crate::plan::programs::script::Language;
use crate::plan::programs::table::{CODE, Kind, PROGRAM, Program, ROW, Row, WRITES};

pub(super) static PROGRAMS: &[Program] = &[
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
        names: &["vi", "vim", "nvim", "view", "ex", "ed", "nano", "pico", "micro", "hx", "kak", "joe"],
        shell: Some("an editor runs commands and writes any file"),
        rows: &[Row { short: "cSsuwW", long: &["cmd", "command"], begins: &["+"], why: CODE, ..ROW }],
        ..PROGRAM
    },
];
