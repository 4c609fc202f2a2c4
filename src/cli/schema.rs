pub(super) fn run() -> super::Outcome { Ok(0.into()) }
