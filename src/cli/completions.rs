#[derive(Debug, clap::Args)]
pub(super) struct Args {}
pub(super) fn run<C>(_: &Args) -> super::Outcome { Ok(0.into()) }
