//! `orch run`: its flags, what it shows, a part of an orchestra, recorded replies.

mod flags;
mod replay;
mod selection;
mod views;
