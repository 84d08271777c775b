//! The value of a secret: from standard input, or typed at a terminal that does not show it. Never from the command line or the
//! environment, where every process of the machine can read it.

use std::io::{IsTerminal as _, Read, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use scalbotics_core::secret::{Secret, VALUE_LEN_MAX};

use crate::codes;
use crate::failure::{Exit, Failure};

/// Bytes that end typing without a value: Ctrl-C and Ctrl-D.
const GIVEN_UP: [u8; 2] = [3, 4];

/// Bytes that take the last one back.
const BACKSPACE: [u8; 2] = [8, 127];

/// Reads the value of `name`; one line break at its end belongs to whoever wrote it, unless it is to be kept as it is.
pub(super) fn read(name: &str, exact: bool, no_input: bool) -> Result<Secret, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        // One more than it may have, and a line break, so that a longer one is known for what it is.
        let most = u64::try_from(VALUE_LEN_MAX.saturating_add(3)).unwrap_or(u64::MAX);
        let mut bytes = Vec::with_capacity(VALUE_LEN_MAX.saturating_add(3));
        stdin.lock().take(most).read_to_end(&mut bytes).map_err(|error| unread(&error.to_string()))?;
        return value(bytes, exact);
    }
    if no_input || !std::io::stderr().is_terminal() {
        return Err(Failure::usage(format!("the value of {name} is missing"))
            .why("nothing may be asked, and standard input is a terminal")
            .next("give the value on standard input, as from a file"));
    }
    let mut stderr = anstream::stderr().lock();
    let asked = write!(stderr, "value of {name} (not shown): ").and_then(|()| stderr.flush());
    asked.map_err(|error| unread(&error.to_string()))?;
    let typed = {
        let _silent = Silent::begin()?;
        typed(&mut stdin.lock())
    };
    let _closed_stderr = writeln!(stderr);
    value(typed?, true)
}

fn unread(why: &str) -> Failure {
    Failure::new(Exit::Failed, codes::NO_VALUE, "the value cannot be read").why(why).next("give it on standard input")
}

fn value(mut bytes: Vec<u8>, exact: bool) -> Result<Secret, Failure> {
    if !exact && bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    let secret = Secret::new(bytes);
    match secret.expose().len() {
        0 => Err(Failure::new(Exit::Failed, codes::NO_VALUE, "the value is empty")
            .why("nothing came on standard input, or nothing was typed")
            .next("give the value on standard input")),
        len if len > VALUE_LEN_MAX => Err(Failure::usage("the value is too long")
            .why(format!("it has more than {VALUE_LEN_MAX} bytes"))
            .next("keep a shorter value, such as a key that opens the long one")),
        _ => Ok(secret),
    }
}

/// Bytes up to the end of the line, as they are typed.
fn typed(input: &mut impl Read) -> Result<Vec<u8>, Failure> {
    // Room for all of it, so that growing leaves no copy behind.
    let mut bytes = Vec::with_capacity(VALUE_LEN_MAX.saturating_add(1));
    let mut byte = [0];
    while bytes.len() <= VALUE_LEN_MAX {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => match byte {
                [b'\r' | b'\n'] => break,
                [given] if GIVEN_UP.contains(&given) => return Err(unread("typing was given up; nothing was changed")),
                [given] if BACKSPACE.contains(&given) => drop(bytes.pop()),
                [given] => bytes.push(given),
            },
            Err(error) => return Err(unread(&error.to_string())),
        }
    }
    Ok(bytes)
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silent(Termios);

impl Silent {
    fn begin() -> Result<Self, Failure> {
        let failed = |error: rustix::io::Errno| unread(&format!("the terminal cannot be silenced: {error}"));
        let before = tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut silent = before.clone();
        // Bytes come one by one and Ctrl-C is a byte, so that the terminal is never left silent.
        silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _gone = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_is_not_the_values() {
        for (given, exact, wanted) in [
            (b"a b\n".as_slice(), false, b"a b".as_slice()),
            (b"a\r\n", false, b"a"),
            (b"a\n\n", false, b"a\n"),
            (b"a\n", true, b"a\n"),
            (b"\xff\0", false, b"\xff\0"),
        ] {
            assert_eq!(value(given.to_vec(), exact).unwrap().expose(), wanted);
        }
        assert_eq!(value(b"\n".to_vec(), false).unwrap_err().exit, Exit::Failed);
        assert_eq!(value(vec![b'x'; VALUE_LEN_MAX + 1], false).unwrap_err().exit, Exit::Usage);
        assert!(value(vec![b'x'; VALUE_LEN_MAX], false).is_ok());
    }

    #[test]
    fn typing_ends_with_the_line_and_can_be_given_up() {
        for (given, wanted) in [
            (b"abc\r".as_slice(), Some(b"abc".as_slice())),
            (b"abx\x7fc\nd", Some(b"abc")),
            (b"\x08a\n", Some(b"a")),
            (b"ab\x03", None),
        ] {
            assert_eq!(typed(&mut &*given).ok().as_deref(), wanted, "{given:?}");
        }
    }
}
