//! Who is told how a run has ended, at which ends, and in which words.

use std::collections::BTreeMap;
use std::time::Duration;

use minijinja::Value;

use crate::plan::spec::{NotifyBody, NotifyOn};
use crate::plan::template::{Template, TemplateError};
use crate::words::event::RunStatus;

/// What is said where the file has no words of its own.
pub(crate) const USUAL_TEXT: &str = "{{ orchestra }}: {{ status }} ({{ run.id }})";

/// The names that such a text may use, for a message.
pub(crate) const NAMES: &str = "the names are orchestra, run.id and status";

/// Somebody to tell.
#[derive(Debug, Clone)]
pub struct Notify {
    /// At which ends; never empty.
    pub on: Vec<NotifyOn>,
    /// How.
    pub by: NotifyBy,
    /// In which words.
    pub text: Template,
    /// How long it may take.
    pub timeout: Duration,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyBy {
    /// By a program.
    Program {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The variables that it is given besides the usual ones.
        env: Vec<String>,
    },
    /// By an HTTP POST.
    Post {
        /// Where to.
        address: Address,
        /// Headers, each with the variable that holds its value.
        header_env: BTreeMap<String, String>,
        /// What is sent.
        body: NotifyBody,
    },
}

/// An address of the file, or the variable that holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The address.
    Url(String),
    /// The variable.
    Variable(String),
}

/// The ends that a status is; none for a run that its user has stopped.
#[must_use]
pub(crate) fn ends(status: RunStatus) -> &'static [NotifyOn] {
    match status {
        RunStatus::Succeeded => &[NotifyOn::Finished],
        RunStatus::Failed | RunStatus::Partial => &[NotifyOn::Failed, NotifyOn::Finished],
        RunStatus::Limited => &[NotifyOn::Limited],
        RunStatus::Waiting => &[NotifyOn::Waiting],
        RunStatus::Interrupted => &[],
    }
}

impl Notify {
    /// Whether somebody is told of this end.
    #[must_use]
    pub fn is_for(&self, status: RunStatus) -> bool {
        ends(status).iter().any(|end| self.on.contains(end))
    }

    /// What is said. A value is filled in and not looked at again.
    ///
    /// # Errors
    /// An expression that fails on these values.
    pub fn words(&self, orchestra: &str, run: &str, status: &str) -> Result<String, TemplateError> {
        self.text.render_with(&values(orchestra, run, status))
    }
}

/// What a text of this kind knows.
pub(crate) fn values(orchestra: &str, run: &str, status: &str) -> Value {
    minijinja::context! { orchestra, run => minijinja::context! { id => run }, status }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_occasions() {
        let notify = |on: &[NotifyOn]| Notify {
            on: on.to_vec(),
            by: NotifyBy::Program { argv: vec!["x".to_owned()], env: Vec::new() },
            text: Template::new(USUAL_TEXT),
            timeout: Duration::from_secs(1),
        };
        let finished = notify(&[NotifyOn::Finished]);
        assert!(finished.is_for(RunStatus::Succeeded) && finished.is_for(RunStatus::Partial));
        assert!(!finished.is_for(RunStatus::Limited) && !finished.is_for(RunStatus::Interrupted));
        let bad = notify(&[NotifyOn::Failed, NotifyOn::Limited]);
        assert!(bad.is_for(RunStatus::Failed) && bad.is_for(RunStatus::Limited) && !bad.is_for(RunStatus::Succeeded));
        assert!(notify(&[NotifyOn::Waiting]).is_for(RunStatus::Waiting));
        assert_eq!(finished.words("{{ run }}", "run_1", "partial").unwrap(), "{{ run }}: partial (run_1)");
    }
}
