//! A check of the log in a process of its own, which maps the database: a quarter less work. Whoever maps a file of which the disk cannot
//! read a page, or that is cut meanwhile, is ended by a signal: then this process reads page by page, and says what cannot be read.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitCode};

use crate::offline::Reading;

/// The signal that ends whoever looks at a mapped page that is not there, on every Linux that is built for.
const SIGBUS: i32 = 7;

/// A shell adds it to the signal that ended a program.
const SIGNALLED: i32 = 128;

/// How this process has to read the database; `Err` when another one has done the work, with its end.
///
/// # Errors
/// How that process ended.
pub(crate) fn reading(mapped: bool) -> Result<Reading, ExitCode> {
    if mapped {
        return Ok(Reading::Mapped);
    }
    let arguments = std::env::args_os().skip(1).chain([OsString::from("--mapped")]);
    let why = match Command::new("/proc/self/exe").arg0("scalboticsd").args(arguments).status() {
        Ok(status) if status.signal() != Some(SIGBUS) => {
            let signalled = || status.signal().map_or(i32::from(u8::MAX), |signal| signal.saturating_add(SIGNALLED));
            let code = status.code().unwrap_or_else(signalled);
            return Err(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)));
        }
        Ok(_) => "a page of the database could not be read, or the file was cut meanwhile".to_owned(),
        Err(error) => format!("the program could not be run again: {error}"),
    };
    let _closed = writeln!(std::io::stderr().lock(), "note: {why}; the log is read page by page");
    Ok(Reading::Paged)
}
