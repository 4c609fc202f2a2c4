//! The one process that was started, as the system lets it be held: with its group on unix, in a job object on Windows.
//!
//! On unix the tree is signalled by [`ProcessTree`](super::process_tree::ProcessTree), and what is here ends the process
//! itself. On Windows the job object holds every descendant, so ending the process ends all of them, and so does the
//! end of orch itself.

#[cfg(not(windows))]
pub(super) use group::Started;
#[cfg(windows)]
pub(super) use job::Started;

/// The standard streams of a process, each until it is taken.
pub(super) type Pipes =
    (Option<tokio::process::ChildStdin>, Option<tokio::process::ChildStdout>, Option<tokio::process::ChildStderr>);

#[cfg(not(windows))]
mod group {
    use std::io;
    use std::process::ExitStatus;

    use tokio::process::{Child, Command};

    use super::Pipes;

    /// A process that leads a group of its own. `process-wrap` has the same for unix, but its child waits for the whole
    /// group, and a background process that is left over is to be ended here, not waited for.
    #[derive(Debug)]
    pub(in crate::os::process) struct Started(Child);

    impl Started {
        pub(in crate::os::process) fn spawn(mut command: Command) -> io::Result<Self> {
            #[cfg(unix)]
            command.process_group(0);
            command.kill_on_drop(true).spawn().map(Self)
        }

        pub(in crate::os::process) fn id(&self) -> Option<u32> {
            self.0.id()
        }

        pub(in crate::os::process) fn pipes(&mut self) -> Pipes {
            (self.0.stdin.take(), self.0.stdout.take(), self.0.stderr.take())
        }

        /// Waits for the process itself. It can be left and begun again.
        pub(in crate::os::process) async fn wait(&mut self) -> io::Result<ExitStatus> {
            self.0.wait().await
        }

        pub(in crate::os::process) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
            self.0.try_wait()
        }

        pub(in crate::os::process) fn kill(&mut self) -> io::Result<()> {
            self.0.start_kill()
        }
    }
}

#[cfg(windows)]
mod job {
    use std::io;
    use std::process::ExitStatus;

    use process_wrap::tokio::{ChildWrapper, CommandWrap, JobObject, KillOnDrop};
    use tokio::process::Command;

    use super::Pipes;

    /// A process in a job object. Closing the job, which also the end of orch does, kills all that is in it.
    #[derive(Debug)]
    pub(in crate::os::process) struct Started(Box<dyn ChildWrapper>);

    impl Started {
        pub(in crate::os::process) fn spawn(command: Command) -> io::Result<Self> {
            CommandWrap::from(command).wrap(KillOnDrop).wrap(JobObject).spawn().map(Self)
        }

        pub(in crate::os::process) fn id(&self) -> Option<u32> {
            self.0.id()
        }

        pub(in crate::os::process) fn pipes(&mut self) -> Pipes {
            (self.0.stdin().take(), self.0.stdout().take(), self.0.stderr().take())
        }

        /// Waits for the process itself, and not for what it has left in its job. It can be left and begun again.
        pub(in crate::os::process) async fn wait(&mut self) -> io::Result<ExitStatus> {
            self.0.inner_mut().wait().await
        }

        pub(in crate::os::process) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
            self.0.inner_mut().try_wait()
        }

        /// Ends everything in the job.
        pub(in crate::os::process) fn kill(&mut self) -> io::Result<()> {
            self.0.start_kill()
        }
    }
}
