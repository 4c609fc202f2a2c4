//! The library as another program calls it: several runs in one process.

use tokio::runtime::Builder;

use orch::engine::{self, Notes, Observers, Overrides, RunStatus, Settings, Start, Trust};
use orch::run::history::TaskState;

use crate::project::{Project, orchestra, output};
use crate::server::{Act, Server};

const AT_ONCE: usize = 6;

/// A user with a project, a key, and a server whose model repeats the key.
struct User {
    name: &'static str,
    key: &'static str,
    project: Project,
    server: Server,
}

impl User {
    fn new(name: &'static str, key: &'static str) -> Self {
        let server = Server::start();
        server.directs(move |seen| match seen.task() {
            "wait" => Act::Hold,
            _ => Act::Text(format!("{name} says {key}")),
        });
        let mut tasks = vec!["name: a, description: wait".to_owned()];
        tasks.extend((0..AT_ONCE).map(|n| format!("name: b{n}, description: repeat, context: [a]")));
        let tasks: Vec<&str> = tasks.iter().map(String::as_str).collect();
        let text = orchestra("strategy: parallel, enable_trace: true", &tasks);
        let program = "  - {name: c, run: [printenv, USER]}\n";
        Self { name, key, project: Project::new().file("x.yaml", text + program), server }
    }

    fn settings(&self) -> Settings {
        let path = std::env::var("PATH").unwrap();
        Settings::from_variables([
            ("PATH", path.as_str()),
            ("USER", self.name),
            ("OPENAI_API_KEY", self.key),
            ("OPENAI_BASE_URL", &self.server.openai()),
        ])
    }

    /// Runs the orchestra, and returns how it ended and how many tasks succeeded.
    async fn run(project: engine::Project, settings: Settings) -> (RunStatus, usize) {
        let loaded = engine::load(&project, "x.yaml", &Overrides::default()).unwrap();
        let mut notes = Notes::default();
        let prepared =
            engine::start(&project, &settings, loaded, Start::new("Repeat it").trusting(Trust::All), &mut notes)
                .await
                .unwrap();
        let ended = engine::execute(prepared, Observers::none(), engine::no_signals()).await.unwrap();
        let succeeded = |state: &TaskState| matches!(state, TaskState::Succeeded(_));
        (ended.status, ended.history.tasks.iter().filter(|task| succeeded(&task.state)).count())
    }
}

#[test]
fn two_runs_in_one_process_keep_their_keys_apart() {
    let users = [User::new("ann", "sk-first-0123456789abcdef"), User::new("ben", "sk-other-fedcba9876543210")];
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let runs = users
        .each_ref()
        .map(|user| runtime.spawn(User::run(engine::Project::at(user.project.path("")), user.settings())));
    // Both are under way before either gets its first answer.
    users.iter().for_each(|user| user.server.wait_for(1));
    users.iter().for_each(|user| user.server.release());
    for run in runs {
        assert_eq!(runtime.block_on(run).unwrap(), (RunStatus::Succeeded, AT_ONCE + 2));
    }
    for User { name, key, project, server } in &users {
        let sent: Vec<_> = server.seen().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
        assert_eq!(sent, vec![Some(format!("Bearer {key}")); AT_ONCE + 1]);
        for n in 0..AT_ONCE {
            assert_eq!(project.read(&output(&format!("b{n}"))), Some(format!("{name} says [redacted]")));
        }
        assert_eq!(project.read(&output("c")).as_deref().map(str::trim_end), Some(*name));
        for (path, bytes) in project.files() {
            let text = String::from_utf8_lossy(&bytes);
            assert!(users.iter().all(|user| !text.contains(user.key)), "{}", path.display());
        }
    }
}
