//! The files that tools keep away from, each kind with its reason.
//!
//! The principle: a program obeys the file unasked (on entering a folder, opening an editor, a commit, a push), or the
//! file holds keys, or orch itself relies on it. What runs only when somebody asks for it, such
//! as a `Makefile`, a `package.json` or a `build.rs`, is a source like others, and may be written.
//!
//! A pattern is a path that may begin at any depth, or at the project's root if a `/` stands in front. A `*` stands for
//! any part of one name. A folder stands for all that is in it.

/// What a tool is kept from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeptFrom {
    /// Writing alone.
    Writing,
    /// Reading alone.
    Reading,
    /// Both.
    Both,
}

/// Files of one kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Which they are.
    pub files: &'static [&'static str],
    /// Those that are not, though they look like it.
    pub except: &'static [&'static str],
    /// What tools may not do with them.
    pub from: KeptFrom,
    /// Whether a grant that names them allows it.
    pub grantable: bool,
    /// Why not, as a half-sentence that goes on after the path.
    pub why: &'static str,
}

const fn writing(files: &'static [&'static str], why: &'static str) -> Row {
    Row { files, except: &[], from: KeptFrom::Writing, grantable: true, why }
}

const fn keys(files: &'static [&'static str], why: &'static str) -> Row {
    Row { files, except: &[], from: KeptFrom::Both, grantable: true, why }
}

/// The file of the orchestra itself, wherever it lies.
pub(super) static OWN_ORCHESTRA: Row = writing(&[], "it is the orchestra that is running");

/// The workspace of the run, wherever it lies.
pub(super) static OWN_WORKSPACE: Row = Row {
    files: &[".orch.lock", "task_outputs", "final_results", "intermediate"],
    except: &["intermediate/artifacts"],
    from: KeptFrom::Writing,
    grantable: false,
    why: "it belongs to the run's workspace, where orch alone writes what tasks have made",
};

/// All others.
pub(super) static TABLE: [Row; 14] = [
    Row {
        files: &[".orchestra"],
        except: &[".orchestra/plan.md"],
        from: KeptFrom::Reading,
        grantable: false,
        why: "it holds the records of other runs",
    },
    Row {
        files: &[
            ".orch.lock",
            "/orchestra_workspaces/*/task_outputs",
            "/orchestra_workspaces/*/final_results",
            "/orchestra_workspaces/*/intermediate/ctx.json",
        ],
        except: &[],
        from: KeptFrom::Writing,
        grantable: false,
        why: "it belongs to the workspace of an orchestra, where orch alone writes what tasks have made",
    },
    writing(&["/orchestras", "/agents"], "the project's orchestras and playbooks decide what agents may do"),
    writing(
        &[
            ".envrc",
            ".direnv",
            ".mise",
            ".mise.toml",
            ".mise.*.toml",
            "mise.toml",
            "mise.*.toml",
            ".rtx.toml",
            ".config/mise",
            ".config/mise.toml",
            ".autoenv",
            ".autoenv.zsh",
        ],
        "a shell runs it when somebody enters the folder",
    ),
    writing(
        &[
            ".bashrc",
            ".bash_profile",
            ".bash_login",
            ".bash_logout",
            ".bash_aliases",
            ".profile",
            ".zshrc",
            ".zshenv",
            ".zprofile",
            ".zlogin",
            ".zlogout",
            ".kshrc",
            ".cshrc",
            ".tcshrc",
            ".login",
            ".inputrc",
            ".config/fish",
            ".config/autostart",
            ".config/systemd",
        ],
        "a shell or a session runs it when it starts",
    ),
    writing(
        &[
            ".vscode",
            ".vscode-server",
            "*.code-workspace",
            ".idea",
            "*.iml",
            "*.ipr",
            ".vs",
            ".fleet",
            ".zed",
            ".cursor",
            ".windsurf",
            ".nova",
            ".helix",
            ".exrc",
            ".vimrc",
            ".gvimrc",
            ".nvimrc",
            ".nvim.lua",
            ".lvimrc",
            ".local.vimrc",
            ".dir-locals.el",
            ".dir-locals-2.el",
            ".projectile",
            ".devcontainer",
            ".devcontainer.json",
        ],
        "an editor runs what it names when somebody opens the project",
    ),
    writing(
        &[
            ".claude",
            ".claude.json",
            ".mcp.json",
            "mcp.json",
            ".codex",
            ".gemini",
            ".opencode",
            "opencode.json",
            "opencode.jsonc",
            ".crush.json",
            "crush.json",
            ".goose",
            ".continue",
            ".roo",
            ".clinerules",
            ".kiro",
            ".aider.conf.yml",
            ".amp",
            ".qwen",
        ],
        "other agents take their rights, hooks and servers from it",
    ),
    writing(
        &[
            ".githooks",
            ".husky",
            ".huskyrc",
            ".huskyrc.*",
            ".pre-commit-config.yaml",
            ".pre-commit-config.yml",
            ".pre-commit-hooks.yaml",
            "lefthook.yml",
            "lefthook.yaml",
            "lefthook.toml",
            "lefthook.json",
            "lefthook-local.*",
            ".lefthook.*",
            ".lefthook",
            ".lefthook-local",
            ".overcommit.yml",
            ".git-hooks",
            ".lintstagedrc",
            ".lintstagedrc.*",
            "lint-staged.config.*",
            ".simple-git-hooks.*",
            "simple-git-hooks.*",
            "commitlint.config.*",
            ".commitlintrc.*",
            ".gitmodules",
            ".gitattributes",
            ".gitconfig",
            ".config/git",
        ],
        "Git, or a hook of it, runs what it names at the next commit, checkout or push",
    ),
    writing(
        &[
            ".github/workflows",
            ".github/actions",
            ".forgejo/workflows",
            ".gitea/workflows",
            ".gitlab-ci.yml",
            ".gitlab-ci.yaml",
            ".gitlab-ci",
            ".gitlab/ci",
            ".gitlab/agents",
            ".circleci",
            ".travis.yml",
            "jenkinsfile",
            "jenkinsfile.*",
            "azure-pipelines.yml",
            "azure-pipelines.yaml",
            ".azure-pipelines",
            ".azuredevops",
            "bitbucket-pipelines.yml",
            ".drone.yml",
            ".drone.yaml",
            ".drone.star",
            ".woodpecker.yml",
            ".woodpecker.yaml",
            ".woodpecker",
            ".buildkite",
            "appveyor.yml",
            ".appveyor.yml",
            ".cirrus.yml",
            ".cirrus.star",
            ".semaphore",
            ".teamcity",
            "cloudbuild.yaml",
            "cloudbuild.yml",
            "buildspec.yml",
            "buildspec.yaml",
            ".builds",
            ".build.yml",
            ".tekton",
            ".pipelines",
            "codefresh.yml",
            ".harness",
            ".gitpod.yml",
            "wercker.yml",
            "bamboo-specs",
            "dagger.json",
            ".concourse",
            ".tangled/workflows",
        ],
        "a CI service runs it at the next push, with the project's keys",
    ),
    writing(
        &[
            ".cargo/config",
            ".cargo/config.toml",
            "rust-toolchain",
            "rust-toolchain.toml",
            ".yarnrc",
            ".yarnrc.yml",
            ".yarn",
            ".pnpmfile.cjs",
            ".pnpmfile.mjs",
            "pip.conf",
            ".condarc",
            "sitecustomize.py",
            "usercustomize.py",
            ".pdbrc",
            ".gdbinit",
            ".lldbinit",
            ".irbrc",
            ".pryrc",
            ".rprofile",
            ".ghci",
            ".ocamlinit",
            ".mvn",
            ".watchmanconfig",
            ".bundle/config",
            ".bazelrc",
            ".bloop",
            ".metals",
        ],
        "a program that somebody calls for something else starts what it names",
    ),
    Row {
        except: &[
            ".env.example",
            ".env.sample",
            ".env.template",
            ".env.dist",
            ".env.defaults",
            ".env.*.example",
            ".env.*.sample",
            ".env.*.template",
            ".env.*.dist",
        ],
        ..keys(
            &[".env", ".env.*", ".env~", "*.env", ".envrc", ".envrc.*", ".dev.vars", ".dev.vars.*", ".flaskenv"],
            "it usually holds keys",
        )
    },
    Row {
        except: &["id_*.pub"],
        ..keys(
            &[
                "id_rsa",
                "id_rsa.*",
                "id_dsa",
                "id_dsa.*",
                "id_ecdsa",
                "id_ecdsa.*",
                "id_ecdsa_sk",
                "id_ed25519",
                "id_ed25519.*",
                "id_ed25519_sk",
                "*.pem",
                "*.key",
                "*.p8",
                "*.p12",
                "*.pfx",
                "*.ppk",
                "*.jks",
                "*.keystore",
                "*.kdbx",
                ".ssh",
                ".gnupg",
            ],
            "it is, or holds, a private key",
        )
    },
    keys(
        &[
            ".netrc",
            "_netrc",
            ".git-credentials",
            ".npmrc",
            ".pypirc",
            ".pgpass",
            ".my.cnf",
            ".mylogin.cnf",
            ".htpasswd",
            ".docker/config.json",
            ".dockercfg",
            ".kube/config",
            "kubeconfig",
            ".aws",
            ".azure",
            ".config/gcloud",
            ".config/gh",
            ".config/hub",
            ".cargo/credentials",
            ".cargo/credentials.toml",
            ".gem/credentials",
            ".m2/settings.xml",
            ".terraformrc",
            ".terraform.d",
            ".s3cfg",
            ".boto",
            ".vault-token",
        ],
        "it holds passwords or tokens",
    ),
    Row { from: KeptFrom::Reading, ..keys(&["*.tfstate", "*.tfstate.backup"], "Terraform keeps secrets in it") },
];

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn named(files: &[&str]) -> String {
        files.iter().map(|file| format!("`{}`", file.trim_start_matches('/'))).collect::<Vec<_>>().join(" ")
    }

    /// The table as the docs have it.
    fn page() -> String {
        let own = [&OWN_WORKSPACE].into_iter().chain(&TABLE);
        own.fold(String::new(), |mut page, row| {
            let from = match row.from {
                KeptFrom::Writing => "written",
                KeptFrom::Reading => "read",
                KeptFrom::Both => "read, written",
            };
            let never = if row.grantable { "" } else { ", never" };
            let but = if row.except.is_empty() { String::new() } else { format!(", but not {}", named(row.except)) };
            let _ = writeln!(page, "| {from}{never} | {}{but} | {} |", named(row.files), row.why);
            page
        })
    }

    /// After a change of the table, `cargo test --lib guarded` shows what has to stand in the docs.
    #[test]
    fn the_docs_have_every_row() {
        let docs = include_str!("../../../docs/security.md");
        assert!(docs.contains(&page()), "docs/security.md should have:\n{}", page());
    }
}
