//! A run of 1,000 tasks, and the same run again, which finds every result in the first one's journal.
//!
//! Both are whole processes in one project, with everything durable. In the first one each of the tasks waits for a
//! model on loopback that takes 30 ms; real ones take a hundred times that, so this is the first run at its fastest.
//! Twenty layers of 50 keep it waiting 0.6 s in all; with no more than ten calls at a time, as a provider's limit may
//! well have it, 3 s.

use std::path::Path;
use std::time::Duration;

use crate::process::{Cost, Program, median, ratio, show, show_head};
use crate::script::{MODEL, layers, write};
use crate::server::{Manner, Server, answer};

const ANSWER_TIME: Duration = Duration::from_millis(30);
const TIMES: usize = 5;

pub(crate) fn measure() {
    let server = Server::start(Manner { delay: ANSWER_TIME, ..Manner::whole(answer(12)) });
    show_head();
    for (shape, most) in [("50 calls at a time", 50), ("10 calls at a time", 10)] {
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            let folder = tempfile::tempdir().expect("a folder for the runs");
            let yaml = layers(1_000, MODEL).replace("max_parallel_tasks: 0", &format!("max_parallel_tasks: {most}"));
            write(folder.path(), "thousand.yaml", yaml);
            let asked = server.asked();
            first.push(run(folder.path(), &server));
            again.push(run(folder.path(), &server));
            assert_eq!(server.asked() - asked, 1_000, "the first run asks for each task, and the second one for none");
        }
        let (first, again) = (median(first), median(again));
        show(&format!("1,000 tasks, {shape}"), first, "");
        show("the same again, all reused", again, "");
        let share = ratio(again.wall, first.wall) * 100.0;
        println!("wall time of the second run to that of the first: {share:.1} % (the target is under 5 %)");
        let busy = ratio(again.cpu, first.wall) * 100.0;
        println!("its processor time, which others on the machine cannot lengthen, to that wall time: {busy:.1} %");
    }
}

fn run(folder: &Path, server: &Server) -> Cost {
    Program::orch(folder, &["run", "thousand.yaml", "--goal", "measure"]).asking(server.url()).once()
}
