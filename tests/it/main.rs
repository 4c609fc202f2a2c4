//! The integration tests, in one binary: they run the real `orch` against real files and a real HTTP server on loopback.
