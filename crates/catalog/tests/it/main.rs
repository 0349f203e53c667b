//! Tests of the catalog through its interface.

mod alerts;
mod jobs;
mod journals;
mod killed;
mod large;
mod opening;
mod rebuild;
mod recover;
mod support;
mod trim;
