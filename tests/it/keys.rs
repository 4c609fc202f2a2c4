//! The keys of an orchestra's file, each with what it does in a run.

mod for_each;
mod run;
