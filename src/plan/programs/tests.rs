//! What is refused, what is not, and that no spelling gets around it.

use super::table::programs;
use super::*;

fn words(line: &str) -> Vec<String> {
    // Written with `|` where an argument has spaces.
    let words = if line.contains('|') && line.starts_with('|') {
        line[1..].split('|').collect()
    } else {
        line.split(' ').collect::<Vec<_>>()
    };
    words.into_iter().map(str::to_owned).collect()
}

/// What is refused of a command line of which the author has named the first words.
fn found(named: &str, more: &str) -> Option<Refusal> {
    let named = words(named);
    let argv: Vec<String> = named.iter().cloned().chain(words(more)).collect();
    refused(&argv, &|place| place < named.len())
}

/// What is refused: the words that the author has named, and the others.
const REFUSED: &[(&str, &str)] = &[
    ("git grep", "--open-files-in-pager=touch a"),
    ("git grep", "--open-files-in-pager a"),
    ("git grep", "--open-files a"),
    ("git grep", "--op a"),
    ("git grep", "-Otouch a"),
    ("git grep", "-O a"),
    ("git grep", "-nOtouch a"),
    ("git grep", "-e x -- -O"),
    ("git", "grep -Otouch a"),
    ("git", "-c core.pager=x log"),
    ("git", "-C sub -c core.pager=x log"),
    ("git", "--config-env=core.pager=X log"),
    ("git", "--exec-path=x log"),
    ("git", "-p log"),
    ("git", "--paginate log"),
    ("git", "--git-dir=x log"),
    ("git", "config alias.x !sh"),
    ("git", "--no-pager config alias.x !sh"),
    ("git", "submodule foreach sh"),
    ("git submodule", "foreach sh"),
    ("git log", "--output=x"),
    ("git diff", "--outp x"),
    ("git diff", "--ext-diff"),
    ("git diff", "--ext"),
    ("git log", "--textconv"),
    ("git fetch", "--upload-pack=x origin"),
    ("git fetch", "--upl x origin"),
    ("git fetch", "ext::sh"),
    ("git clone", "ext::sh x"),
    ("git clone", "-u x y"),
    ("git clone", "-cx=y z"),
    ("git clone", "--template=x y"),
    ("git push", "--receive-pack=x"),
    ("git push", "--exec=x"),
    ("git push", "--repo=ext::sh"),
    ("git ls-remote", "--exec=x"),
    ("git rebase", "-x sh"),
    ("git rebase", "--exec sh"),
    ("git archive", "-o x HEAD"),
    ("git format-patch", "-o x"),
    ("git bisect", "run sh"),
    ("/usr/bin/git grep", "-O a"),
    ("find", ". -exec sh ;"),
    ("find", ". -delete"),
    ("find .", "-fprintf x y"),
    ("find", ". -execdir sh ;"),
    ("fd", "x --exec sh"),
    ("fd", "-Hx sh"),
    ("tar", "-cf a --to-command=sh b"),
    ("tar", "--checkpoint-action=exec=sh"),
    ("tar", "--checkpoint-a exec=sh"),
    ("tar", "-Ish"),
    ("tar", "-cIf sh a b"),
    ("tar", "cIf sh a b"),
    ("tar", "--use-compress=sh"),
    ("tar -xf a", "-C /"),
    ("sed", "-i s/a/b/ x"),
    ("sed", "-ni s/a/b/ x"),
    ("sed", "--in-place=.bak s/a/b/ x"),
    ("sed", "-f x y"),
    ("sed", "1e"),
    ("sed", "s/a/b/e x"),
    ("sed", "-n s/a/b/gw|f"),
    ("sed", "-e w"),
    ("sed", "-ne 1!w"),
    ("sed", "--expression=e"),
    ("sed", "--exp e"),
    ("sed -n", "$!{/x/I,+2e}"),
    ("sed", ":a;e"),
    ("sed", "s/[/]/e/"),
    ("awk", "BEGIN{system(\"sh\")}"),
    ("awk", "{print>\"f\"}"),
    ("awk", "-f x"),
    ("gawk", "-i inplace {print}"),
    ("rg", "--pre sh a"),
    ("rg", "--pre=sh a"),
    ("rg", "-nz a"),
    ("rg", "--hostname-bin=x"),
    ("sort", "-o x y"),
    ("sort", "-uox y"),
    ("sort", "--compress-prog=sh"),
    ("sort", "--ou x"),
    ("split", "--filter=sh x"),
    ("xargs", "sh"),
    ("xargs", "-n 1 sh"),
    ("env", "sh"),
    ("env", "A=b"),
    ("env", "-S sh"),
    ("timeout", "10 sh"),
    ("timeout 10", "sh"),
    ("sudo", "-n reboot"),
    ("env git grep", "-O a"),
    ("timeout 10 git grep", "-O a"),
    ("ssh", "-oProxyCommand=sh host"),
    ("ssh host", "-o ProxyCommand=sh"),
    ("scp", "-S sh a b"),
    ("rsync", "-e sh a b"),
    ("rsync", "-ave sh a b"),
    ("curl", "-o x url"),
    ("curl", "-sSLo x url"),
    ("curl", "-O url"),
    ("curl", "-K x"),
    ("curl", "--conf x"),
    ("curl", "--output=x url"),
    ("curl", "-w %output{x} url"),
    ("curl", "file:///etc/passwd"),
    ("wget", "-O x url"),
    ("wget", "--execute=x"),
    ("npm", "exec x"),
    ("npm", "--loglevel silent exec x"),
    ("npm run build", "--script-shell=x"),
    ("npx", "x"),
    ("make test", "SHELL=x"),
    ("make", "-f x"),
    ("make", "--eval=x"),
    ("cargo test", "--config x"),
    ("cargo", "+x test"),
    ("cargo", "run"),
    ("go test", "-exec sh"),
    ("go test", "--exec=sh"),
    ("go", "run x"),
    ("python3", "-c x"),
    ("python3.13", "-Ic x"),
    ("python", "-m http.server"),
    ("node", "-e x"),
    ("node", "--eval=x"),
    ("node", "-r x y"),
    ("bash", "-c x"),
    ("bash", "-lc x"),
    ("perl", "-ne x"),
    ("docker", "run x"),
    ("vim", "+x"),
    ("mvn", "exec:exec"),
];

#[test]
fn an_option_that_runs_or_writes_is_refused_in_every_spelling() {
    for &(named, more) in REFUSED {
        assert!(found(named, more).is_some(), "{named} + {more}");
    }
}

#[test]
fn what_a_program_is_known_for_is_not_refused() {
    for (named, more) in [
        ("git grep", "-n -e x -- src"),
        ("git grep", "-eOn -A3"),
        ("git log", "-p --oneline -n 5"),
        ("git log", "--stat -S config"),
        ("git", "log config"),
        ("git", "-C sub status"),
        ("git", "--no-pager log help"),
        ("git diff", "-u -Oorder --output-indicator-new=x"),
        ("git push", "-u origin main"),
        ("git fetch", "-u origin"),
        ("git commit", "-m ext::x -c HEAD"),
        ("git switch", "-c x"),
        ("git grep", "ext::x"),
        ("git clean", "-x -n"),
        ("find", ". -name *.rs -newer x -print"),
        ("tar", "-xzf a.tgz"),
        ("tar", "xzf a.tgz"),
        ("tar", "--checkpoint=10 -tf a"),
        ("sed", "-n 1,5p x"),
        ("sed", "-E s/a/b/g x"),
        ("sed", "-e s/e/w/ -e s,a,e,2p x"),
        ("sed", "/west/d"),
        ("sed", "y/we/ew/"),
        ("sed", "$!N;P;D"),
        ("sed", ":a;N;ba;s/\\n/w/"),
        ("sed", "s/[^]e]/x/"),
        ("awk", "{print($1)}"),
        ("awk", "-F: $1>3{n++}END{print(n)}"),
        ("rg", "-n --glob *.rs x"),
        ("rg", "-tprotobuf -gz x"),
        ("rg", "--pretty --pre-glob x"),
        ("sort", "-k2 -t: -u"),
        ("sort", "-to"),
        ("env cargo test", "-- SHELL=x -S"),
        ("env A=b cargo test", "--lib"),
        ("timeout 10 cargo test", "-c"),
        ("curl", "-sS -H x -d o url"),
        ("curl", "--cookie x --connect-timeout 3 url"),
        ("npm test", "-- --watch=false"),
        ("npm run", "exec"),
        ("make", "-j4 test"),
        ("cargo test", "--lib foo -- --nocapture"),
        ("cargo run", "--release"),
        ("go test", "./... -run X -v"),
        ("python -m pytest", "-k x -m slow -c cfg"),
        ("python", "script.py -c x"),
        ("bash", "test.sh -c"),
        ("node", "x.js -e"),
        ("ls", "-o -exec --output=x"),
        ("mvn", "-q -ntp -pl x test -DskipTests"),
    ] {
        assert_eq!(found(named, more), None, "{named} + {more}");
    }
}

#[test]
fn what_the_author_names_is_the_authors_word() {
    for (named, more) in [
        ("git grep --open-files-in-pager=less", "a"),
        ("git grep -O", "less a"),
        ("git -c core.pager=less log", "-n 1"),
        ("git config", "--get x"),
        ("git submodule foreach", "git status"),
        ("find . -exec", "wc -l {} ;"),
        ("sed -i", "s/a/b/ x"),
        ("bash -c", "|echo hi"),
        ("python -m", "http.server"),
        ("xargs rm", "-f x"),
        ("npm exec", "x"),
        ("cargo +nightly", "test"),
    ] {
        assert_eq!(found(named, more), None, "{named} + {more}");
    }
    // And nothing besides.
    for (named, more) in [("git -c core.pager=less log", "--output=x"), ("find . -exec wc {} ;", "-delete")] {
        assert!(found(named, more).is_some(), "{named} + {more}");
    }
}

#[test]
fn an_entry_that_amounts_to_a_shell_is_known() {
    for entry in [
        "sh",
        "/bin/bash",
        "bash -c",
        "bash -l",
        "python",
        "python3",
        "python3.12 -u",
        "python -c",
        "python -m",
        "node",
        "make",
        "make -j4",
        "env",
        "env A=b",
        "xargs",
        "xargs -0",
        "npx",
        "git",
        "git -C x",
        "git -c a=b",
        "git --no-pager",
        "sudo",
        "sudo git",
        "timeout 10",
        "timeout 10 sh",
        "env bash",
        "npm",
        "cargo",
        "awk",
        "vim",
        "ssh",
        "docker",
        "find . -exec",
        "git grep -O",
        "nohup",
        "deno",
        "perl",
        "ruby -e",
        "gh",
        "pwsh",
    ] {
        assert!(amounts_to_shell(&words(entry)).is_some(), "{entry}");
    }
    for entry in [
        "git log",
        "git -C x log",
        "git grep",
        "cargo test",
        "npm test",
        "npm run build",
        "make test",
        "python -m pytest",
        "python x.py",
        "node x.js",
        "bash test.sh",
        "env A=b cargo test",
        "timeout 10 cargo test",
        "ls",
        "find",
        "find .",
        "sed",
        "rg",
        "curl",
        "go test",
        "./check.sh",
        "sort",
        "git log --output",
        "xargs wc",
        "tar -xf",
        "cat",
    ] {
        assert_eq!(amounts_to_shell(&words(entry)), None, "{entry}");
    }
}

#[test]
fn no_program_stands_twice() {
    let mut names: Vec<&str> = programs().flat_map(|program| program.names.iter().copied()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(names.iter().all(|name| name.to_lowercase() == *name));
}

/// The table as the docs have it: the programs, what is refused of them, and why their name alone is warned of.
fn page() -> String {
    let line = |program: &table::Program| {
        let names = program.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
        let mut refused: Vec<&str> = program.rows.iter().map(|row| row.why).collect();
        match program.kind {
            Kind::Plain => {}
            Kind::Script(_) => refused.push("is a script or an option that runs a program or writes a file"),
            Kind::Wrapper { .. } => refused.push("is run by it as another program"),
        }
        let refused = refused.iter().enumerate().filter(|(at, why)| !refused[..*at].contains(why));
        let refused = refused.map(|(_, why)| *why).collect::<Vec<_>>().join("; ");
        format!("| {names} | {refused} | {} |\n", program.shell.unwrap_or_default())
    };
    programs().map(line).collect()
}

/// After a change of the table, `cargo test --lib programs` shows what has to stand in the docs.
#[test]
fn the_docs_have_every_program() {
    let docs = include_str!("../../../docs/security.md");
    assert!(docs.contains(&page()), "docs/security.md should have:\n{}", page());
}
