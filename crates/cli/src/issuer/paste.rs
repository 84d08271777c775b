//! The answer of a browser on another machine, pasted into the terminal.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::callback::QUERY_LEN_MAX;
use super::error::Error;

/// Longest line that is read, in bytes.
const LINE_LEN_MAX: usize = QUERY_LEN_MAX + 1_024;

/// Reads the first line that is not empty; waits no longer than `limit` for each of its parts.
pub(super) fn line(input: impl AsFd, limit: Duration) -> Result<String, Error> {
    let cannot = |source| Error::Local { what: "cannot read the pasted address", source };
    let wait = Timespec::try_from(limit).map_err(|_| cannot(io::ErrorKind::InvalidInput.into()))?;
    let mut typed = Vec::new();
    let mut byte = [0];
    loop {
        let mut waited = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut waited, Some(&wait)) {
            Ok(0) => return Err(Error::TooLate { seconds: limit.as_secs() }),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(cannot(error.into())),
        }
        // Byte by byte: what stands behind the line is not ours.
        let read = rustix::io::read(&input, &mut byte).map_err(|error| cannot(error.into()))?;
        let over = read == 0;
        if over || byte == [b'\n'] {
            let line = String::from_utf8_lossy(&typed).trim().to_owned();
            if !line.is_empty() || over {
                return if line.is_empty() { Err(Error::Callback("nothing was pasted")) } else { Ok(line) };
            }
            typed.clear();
            continue;
        }
        typed.extend_from_slice(&byte);
        if typed.len() > LINE_LEN_MAX {
            return Err(Error::Callback("what was pasted is longer than any answer"));
        }
    }
}

/// The query of a pasted address: of the whole address, or what stands behind its `?`.
pub(super) fn query(line: &str) -> &str {
    let behind = line.split_once('?').map_or(line, |(_, query)| query);
    behind.split_once('#').map_or(behind, |(query, _)| query)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn one_line_and_no_more() {
        let long = "x".repeat(LINE_LEN_MAX + 1);
        for (typed, wanted) in [
            ("http://x?a=b\nrest", Ok("http://x?a=b")),
            ("\n \r\n a \r\n", Ok("a")),
            ("a", Ok("a")),
            ("", Err("nothing was pasted")),
            (long.as_str(), Err("longer than any answer")),
        ] {
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(typed.as_bytes()).unwrap();
            drop(writer);
            match (line(&reader, Duration::from_secs(5)), wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, wanted) => panic!("{found:?} and not {wanted:?}"),
            }
        }
        let (reader, _open) = io::pipe().unwrap();
        assert!(matches!(line(&reader, Duration::from_millis(10)), Err(Error::TooLate { .. })));
    }

    #[test]
    fn an_address_or_its_query() {
        for pasted in
            ["http://127.0.0.1:1/callback?code=c&state=s", "code=c&state=s", "?code=c&state=s", "http://x/?code=c&state=s#_=_"]
        {
            assert_eq!(query(pasted), "code=c&state=s", "{pasted}");
        }
    }
}
