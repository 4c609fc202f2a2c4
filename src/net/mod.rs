//! HTTP and its streams. Knows no vendor.

pub mod http;
pub(crate) mod sse;
