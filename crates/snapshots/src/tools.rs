//! The one seam through which other programs are run.

use std::process::{Command, Stdio};

use crate::{Error, Result};

/// Runs programs.
pub trait Tools {
    /// Runs one to its end; returns its standard output.
    ///
    /// # Errors
    /// When it cannot be run, or fails.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<String>;
}

/// The programs of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTools;

impl Tools for SystemTools {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let fail = |said: String| Error::Tool {
            program: program.to_owned(),
            said,
        };
        let output = Command::new(program)
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| fail(error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().find(|line| !line.trim().is_empty());
        Err(fail(
            line.unwrap_or("it failed and says nothing")
                .trim()
                .to_owned(),
        ))
    }
}
