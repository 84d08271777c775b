//! What a git server says it has: the answer to `info/refs`, in the first version of the protocol (gitprotocol-http, gitprotocol-pack).

use std::collections::BTreeMap;

/// References that one answer may name: a repository of desired state has a few branches.
const REFERENCES_MAX: usize = 10_000;

/// Bytes of the length in front of each line.
const LENGTH_LEN: usize = 4;

/// References and the commits that they stand at; none for a repository without a commit.
pub(super) fn parse(body: &[u8], service: &str) -> Result<BTreeMap<String, String>, String> {
    let mut rest = body;
    let first = line(&mut rest)?.ok_or("it begins with nothing")?;
    if first.strip_suffix(b"\n").unwrap_or(first) != format!("# service={service}").as_bytes() {
        return Err("it does not begin with the service that was asked for".to_owned());
    }
    if line(&mut rest)?.is_some() {
        return Err("the service is not followed by a flush".to_owned());
    }
    let mut references = BTreeMap::new();
    while let Some(found) = line(&mut rest)? {
        // Behind the first one, after a NUL, stands what the server can do.
        let named = found.split(|byte| *byte == 0).next().unwrap_or_default();
        let text = std::str::from_utf8(named).map_err(|_| "a reference is no text".to_owned())?;
        let (commit, name) = text.trim_end().split_once(' ').ok_or("a reference has no name")?;
        if ![40, 64].contains(&commit.len()) || !commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("a reference stands at no commit".to_owned());
        }
        if name.starts_with("refs/") {
            references.insert(name.to_owned(), commit.to_owned());
        }
        if references.len() > REFERENCES_MAX {
            return Err(format!("it has more than {REFERENCES_MAX} references"));
        }
    }
    Ok(references)
}

/// The next line; `None` for a flush. What ends without one was cut off.
fn line<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, String> {
    let (head, after) = rest.split_at_checked(LENGTH_LEN).ok_or("it is cut off")?;
    let digits = std::str::from_utf8(head).map_err(|_| "a line has no length".to_owned())?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let len = usize::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or("a line has no length")?;
    if len == 0 {
        *rest = after;
        return Ok(None);
    }
    let content = len.checked_sub(LENGTH_LEN).and_then(|len| after.split_at_checked(len));
    let (line, after) = content.ok_or("a line is cut off")?;
    *rest = after;
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(lines: &[Option<&str>]) -> Vec<u8> {
        let line = |line: &Option<&str>| match line {
            Some(text) => format!("{:04x}{text}", text.len() + 4),
            None => "0000".to_owned(),
        };
        lines.iter().map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn references_are_read_and_rubbish_is_refused() {
        let (service, id) = ("# service=git-upload-pack\n", "a".repeat(40));
        let main = format!("{id} refs/heads/main\0side-band-64k agent=git/2\n");
        let good = packed(&[Some(service), None, Some(&main), Some(&format!("{id} refs/tags/x\n")), None]);
        let read = |bytes: &[u8]| parse(bytes, "git-upload-pack");
        assert_eq!(read(&good).unwrap().get("refs/heads/main"), Some(&id));
        let empty = format!("{} capabilities^{{}}\0agent=x\n", "0".repeat(40));
        assert!(read(&packed(&[Some(service), None, Some(&empty), None])).unwrap().is_empty());
        assert!(read(&packed(&[Some(service), None, None])).unwrap().is_empty());
        for bad in [
            Vec::new(),
            b"<!doctype html>".to_vec(),
            b"ffff".to_vec(),
            b"0003".to_vec(),
            b"+004".to_vec(),
            good[..good.len() - 4].to_vec(),
            packed(&[Some("# service=git-receive-pack\n"), None, None]),
            packed(&[Some(service), Some(&main), None]),
            packed(&[Some(service), None, Some("x refs/heads/main"), None]),
            packed(&[Some(service), None, Some("nothing"), None]),
        ] {
            assert!(read(&bad).is_err(), "{}", String::from_utf8_lossy(&bad));
        }
        for cut in 0..good.len() {
            assert!(read(&good[..cut]).is_err(), "{cut}");
        }
    }
}
