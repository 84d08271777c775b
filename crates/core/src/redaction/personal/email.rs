//! Addresses of mail (RFC 5322 §3.4.1, without quoted local parts).

use super::super::bytes::{at, part, run, run_back};
use super::super::span::{Finds, rank};

/// Longest local part (RFC 5321 §4.5.3.1.1) and longest domain that is looked at, in bytes.
const LOCAL_LEN_MAX: usize = 64;
const DOMAIN_LEN_MAX: usize = 255;

/// Ends of names of files, which come behind an at sign too: `icon@2x.png`.
const FILES: [&[u8]; 26] = [
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"js", b"ts", b"css", b"json", b"md", b"py", b"html", b"txt", b"gz",
    b"zip", b"rs", b"go", b"yaml", b"yml", b"toml", b"xml", b"lock", b"log", b"sh", b"service",
];

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+'-&=!#$*/?^`{|}~".contains(&byte) || !byte.is_ascii()
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || !byte.is_ascii()
}

/// Covers the address of mail whose `@` is at a place.
pub(in super::super) fn find_email(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-'".contains(&byte) || !byte.is_ascii();
    let mut start = run_back(view, place, LOCAL_LEN_MAX, plain);
    while start < place && !at(view, start).is_ascii_alphanumeric() && at(view, start).is_ascii() && at(view, start) != b'_' {
        start += 1;
    }
    let mut end = run(view, place + 1, DOMAIN_LEN_MAX, is_domain);
    while end > place && matches!(at(view, end - 1), b'.' | b'-') {
        end -= 1;
    }
    let (local, domain) = (part(view, start, place), part(view, place + 1, end));
    let before = at(view, start.wrapping_sub(1));
    let is_path = matches!(before, b'/' | b'@') && start > 0;
    if local.is_empty() || local.last() == Some(&b'.') || !is_name_of_host(domain) || is_path && before == b'@' {
        return;
    }
    if local == b"git"
        || at(view, end) == b'/' && is_path
        || (start > 1 && before == b'/' && !is_local(at(view, start.wrapping_sub(2))))
    {
        return;
    }
    finds.add_further(start, end, "email", rank::PERSONAL, super::super::span::Further::Ends);
}

/// Several labels, the last one of letters and no end of the name of a file.
fn is_name_of_host(domain: &[u8]) -> bool {
    let labels = || domain.split(|byte| *byte == b'.');
    let Some(last) = labels().next_back() else { return false };
    let ascii_letters = last.len() >= 2 && last.iter().all(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
    let top = ascii_letters || last.starts_with(b"xn--");
    domain.contains(&b'.')
        && labels().all(|label| !label.is_empty() && label.len() <= 63 && label.first() != Some(&b'-'))
        && top
        && !FILES.iter().any(|file| last.eq_ignore_ascii_case(file))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{all_hold, all_stay, personal, redacted_all};

    #[test]
    fn addresses_of_mail_are_covered() {
        all_hold(
            personal,
            "email",
            &[
                "ann@acme.example",
                "Ann.B+tag@mail.acme.co.uk",
                "<ann_b@acme.org>",
                "mailto:ann@acme.org?x=y",
                "\"ann%x@acme.museum\"",
                "a@b.io.",
                "o'neil@acme.org",
                "ann-b@xn--bcher-kva.example",
                "1234@acme.org",
                "_ann@acme.org",
                "用户@例子.广告",
            ],
        );
        all_stay(
            redacted_all,
            &[
                "icon@2x.png",
                "user@localhost",
                "npm@10.2.1",
                "@types/node@20.1.0",
                "a @ b.c",
                "git@github.com:a/b.git",
                "ann@",
                "@acme.org",
                "x@1.2.3",
                "actions/checkout@v4",
                "a@b",
                "foo@-bar.org",
                "systemd@tty1.service",
            ],
        );
    }
}
