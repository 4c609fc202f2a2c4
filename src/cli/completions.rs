//! `orch completions`: a script that makes a shell complete orch's commands and flags.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::cli::{Outcome, terminal};

#[derive(Debug, clap::Args)]
#[command(after_help = "For bash: orch completions bash > ~/.local/share/bash-completion/completions/orch\n\
                        For zsh, into a folder of $fpath: orch completions zsh > _orch\n\
                        For fish: orch completions fish > ~/.config/fish/completions/orch.fish")]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "every command returns the same")]
pub(super) fn run<C: clap::CommandFactory>(args: &Args) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut C::command(), "orch", &mut script);
    terminal::print(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}
