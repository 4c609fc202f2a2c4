//! How long the parts of a call may take, and what is said when one takes longer.

use std::time::Duration;

use crate::net::http::Deadlines;
use crate::words::failure::{Failure, FailureKind};

/// The deadlines of a call in an attempt that may take `timeout` and has so much `left`. A task that may take long may also
/// think long before its first word; and where a model is told to think, a server may say at once that it has begun, and
/// nothing more until that is done.
pub(super) fn deadlines(timeout: Duration, left: Duration, thinks: bool) -> Deadlines {
    let usual = Deadlines::default();
    let thought = usual.first_byte.max(timeout / 2);
    Deadlines {
        connect: usual.connect.min(left),
        first_byte: thought.min(left),
        idle: if thinks { thought.max(usual.idle) } else { usual.idle }.min(left),
        total: left,
    }
}

/// What became of a call that took longer than its model may.
pub(super) fn call_too_slow(timeout: Duration) -> Failure {
    let seconds = timeout.as_secs_f64();
    let message = format!("the call took longer than {seconds} s; the model's `timeout_seconds` sets how long it may");
    Failure::new(FailureKind::Timeout, message)
}

/// What became of an attempt that took longer than it may.
pub(super) fn too_slow(timeout: Duration) -> Failure {
    let message =
        format!("the attempt took longer than {} s; `timeout_seconds` sets how long it may", timeout.as_secs_f64());
    Failure::new(FailureKind::Timeout, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_told_to_think_may_be_silent_for_longer() {
        let seconds = |seconds| Duration::from_secs(seconds);
        let idle = |timeout, left, thinks| deadlines(seconds(timeout), seconds(left), thinks).idle;
        assert_eq!([idle(3600, 3600, false), idle(3600, 3600, true)], [seconds(120), seconds(1800)]);
        assert_eq!([idle(60, 60, true), idle(3600, 30, true)], [seconds(60), seconds(30)]);
        assert_eq!(deadlines(seconds(3600), seconds(3600), false).first_byte, seconds(1800));
    }
}
