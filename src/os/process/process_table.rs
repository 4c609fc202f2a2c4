//! The processes of this machine, as `/proc` lists them, and which of them descend from which.
//!
//! Source of the format: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.

use std::collections::HashSet;
use std::fs;

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub pid: i32,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// When it started, in ticks since the machine did. With it a number that is given out again is recognized.
    pub started: u64,
    /// Whether it has ended, and only waits for its parent to take note.
    pub ended: bool,
}

/// Every process that can be seen; none where there is no `/proc`.
pub(super) fn take() -> Vec<Entry> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(look_up).collect()
}

/// A process by its number.
pub(super) fn look_up(pid: i32) -> Option<Entry> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    read(&String::from_utf8_lossy(&stat))
}

fn read(stat: &str) -> Option<Entry> {
    // The program's name stands in parentheses and may hold anything, parentheses too.
    let (before, after) = (stat.split_once('(')?.0, stat.rsplit_once(')')?.1);
    let fields: Vec<&str> = after.split_whitespace().collect();
    let number = |field: usize| fields.get(field)?.parse().ok();
    Some(Entry {
        pid: before.trim().parse().ok()?,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        started: fields.get(19)?.parse().ok()?,
        ended: matches!(*fields.first()?, "Z" | "X" | "x"),
    })
}

/// Whether the variable `name` of a process, as that was started with it, has `mark` among its marks, which `:`
/// separates.
pub(super) fn is_marked(pid: i32, name: &str, mark: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    let value = |variable: &[u8]| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec);
    let mut values = environment.split(|&byte| byte == 0).filter_map(value);
    values.any(|value| value.split(|&byte| byte == b':').any(|part| part == mark.as_bytes()))
}

/// The roots and their descendants: children, and members of a process group or session whose leader is among them.
/// Never `own`, nor the first process of the machine.
pub(super) fn descendants(entries: &[Entry], own: i32, is_root: impl Fn(&Entry) -> bool) -> Vec<Entry> {
    let others = entries.iter().copied().filter(|entry| entry.pid != own && entry.pid > 1);
    let (mut found, mut rest): (Vec<Entry>, Vec<Entry>) = others.partition(is_root);
    let mut pids: HashSet<i32> = found.iter().map(|entry| entry.pid).collect();
    loop {
        let before = found.len();
        rest.retain(|entry| {
            let belongs = [entry.parent, entry.group, entry.session].iter().any(|pid| pids.contains(pid));
            if belongs {
                pids.insert(entry.pid);
                found.push(*entry);
            }
            !belongs
        });
        if found.len() == before {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let tail = "S 7 8 9 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 1637486 3133440 412";
        let expected = Entry { pid: 12, parent: 7, group: 8, session: 9, started: 1_637_486, ended: false };
        for name in ["cat", "a) Z 1 1 (b", ") (", "two words\n"] {
            assert_eq!(read(&format!("12 ({name}) {tail}")), Some(expected), "{name}");
        }
        assert!(read(&format!("12 (cat) {}", tail.replacen('S', "Z", 1))).unwrap().ended);
        assert_eq!(read("12 (cat) S 7"), None);
    }

    #[test]
    fn this_process_is_in_the_table() {
        let own = i32::try_from(std::process::id()).unwrap();
        let entry = look_up(own).unwrap();
        assert!(take().contains(&entry));
        assert!(!entry.ended);
        let path = std::env::var("PATH").unwrap();
        let first = path.split(':').next().unwrap();
        assert!(is_marked(own, "PATH", first));
        assert!(!is_marked(own, "PAT", first) && !is_marked(own, "PATH", "/no/such/folder"));
    }

    /// A process by its number, parent, group and session.
    fn entry((pid, parent, group, session): (i32, i32, i32, i32)) -> Entry {
        Entry { pid, parent, group, session, started: 1, ended: false }
    }

    fn found(entries: &[(i32, i32, i32, i32)], first: i32) -> Vec<i32> {
        let entries: Vec<_> = entries.iter().copied().map(entry).collect();
        let mut pids: Vec<_> =
            descendants(&entries, 100, |entry| entry.pid == first).iter().map(|entry| entry.pid).collect();
        pids.sort_unstable();
        pids
    }

    #[test]
    fn descendants_groups_and_new_sessions_belong_together_and_nobody_else() {
        let us = [(1, 0, 1, 1), (50, 1, 50, 50), (100, 50, 100, 50), (101, 100, 101, 50)];
        let with = |more: &[(i32, i32, i32, i32)]| [&us, more].concat();
        // A chain of children, in any order.
        assert_eq!(
            found(&with(&[(113, 112, 111, 50), (111, 100, 111, 50), (112, 111, 111, 50)]), 111),
            [111, 112, 113]
        );
        // A member of the group whose parent is gone, and a child who left for a group of its own.
        assert_eq!(
            found(&with(&[(111, 100, 111, 50), (112, 100, 111, 50), (113, 112, 113, 50)]), 111),
            [111, 112, 113]
        );
        // A session of its own, with an orphan in it.
        assert_eq!(found(&with(&[(111, 100, 111, 111), (120, 100, 120, 111)]), 111), [111, 120]);
        // Our other children, our group and our session are left alone, even where a descendant has joined our group.
        assert_eq!(found(&with(&[(111, 100, 100, 50), (121, 100, 121, 50)]), 111), [111]);
        // So is a session that no descendant began: it may be that of the terminal next door.
        assert_eq!(found(&with(&[(60, 1, 60, 60), (61, 60, 61, 60), (111, 1, 111, 60)]), 111), [111]);
        assert_eq!(found(&us, 111), [0; 0]);
        assert_eq!(found(&us, 100), [0; 0], "never ourselves");
    }
}
