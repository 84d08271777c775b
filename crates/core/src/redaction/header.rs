//! Secrets in headers, command lines and addresses: `Authorization`, cookies, `-u`, `//user:password@`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::bytes::{at, begins_word, entropy, find, is_token, is_word, part, run, run_back, stands};
use super::span::{Finds, rank};
use super::stand_in::is_stand_in;

/// Longest credentials behind a scheme, in bytes; what goes on is covered too.
const CREDENTIALS_LEN_MAX: usize = 2_048;

/// Longest user, or password, in an address, in bytes.
const USER_INFO_LEN_MAX: usize = 256;

/// Longest line of cookies that is looked at, in bytes.
const COOKIES_LEN_MAX: usize = 2_048;

/// Bytes of a command line within which `-u` is looked for.
const COMMAND_LEN_MAX: usize = 400;

/// Covers what follows `Bearer`, `Basic` at a place.
pub(super) fn find_scheme(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    let word_end = run(view, place, 8, |byte| byte.is_ascii_alphabetic());
    let word = part(view, place, word_end);
    let bearer = word.eq_ignore_ascii_case(b"bearer");
    if !begins_word(view, place) || !(bearer || word.eq_ignore_ascii_case(b"basic")) {
        return;
    }
    let blank = run(view, word_end, 3, |byte| matches!(byte, b' ' | b':' | b'+'));
    let start = if stands(view, blank, b"%20") { blank + 3 } else { blank };
    let end = run(view, start, CREDENTIALS_LEN_MAX, is_token);
    let found = part(view, start, end);
    if start == word_end || is_stand_in(found) {
        return;
    }
    let digits = found.iter().any(u8::is_ascii_digit);
    let secret = if bearer { found.len() >= 12 && digits && entropy(found) >= 2.5 } else { is_pair_in_base64(found) };
    if secret {
        finds.add(start, end, "authorization", rank::CONTEXT);
    }
}

/// `user:password` in base64.
fn is_pair_in_base64(text: &[u8]) -> bool {
    let text = text.get(..text.iter().position(|byte| *byte == b'=').unwrap_or(text.len())).unwrap_or_default();
    let whole = text.get(..text.len() - usize::from(text.len() % 4 == 1)).unwrap_or_default();
    let Ok(pair) = STANDARD_NO_PAD.decode(whole) else { return false };
    text.len() >= 8 && pair.contains(&b':') && pair.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
}

/// Covers the values of the cookies in the header whose name begins at a place.
pub(super) fn find_cookies(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    let name_end = run(view, place, 8, |byte| byte.is_ascii_alphabetic());
    if !part(view, place, name_end).eq_ignore_ascii_case(b"cookie") {
        return;
    }
    let quoted = run(view, name_end, 2, |byte| matches!(byte, b'"' | b'\''));
    if at(view, quoted) != b':' {
        return;
    }
    let line_end = run(view, quoted + 1, COOKIES_LEN_MAX, |byte| byte != b'\n' && byte != b'\r');
    let mut start = quoted + 1;
    while start < line_end {
        let name_end = run(view, start, line_end - start, |byte| !matches!(byte, b'=' | b';'));
        let end = run(view, name_end, line_end - name_end, |byte| !matches!(byte, b';' | b'"' | b'\'' | b' ' | b'\\'));
        let value = part(view, name_end + 1, end);
        let turns = value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
        if at(view, name_end) == b'='
            && value.len() >= 10
            && turns
            && entropy(value) >= 2.8
            && !is_stand_in(value)
            && !is_date(value)
        {
            finds.add(name_end + 1, end, "cookie", rank::CONTEXT);
        }
        start = run(view, end.max(start + 1), line_end, |byte| byte != b';') + 1;
    }
}

/// `Thu,`, of an attribute that says when a cookie ends.
fn is_date(value: &[u8]) -> bool {
    value.get(3) == Some(&b',')
}

/// Covers the password of `-u user:password` behind the program whose name begins at a place.
pub(super) fn find_user(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    let line = part(view, place, place + COMMAND_LEN_MAX);
    let option = [b" -u ".as_slice(), b" --user ", b" --user=", b" -u\"", b" -u'"];
    let Some((found, len)) = option.iter().find_map(|option| find(line, option).map(|found| (found, option.len()))) else {
        return;
    };
    let start = run(view, place + found + len, 2, |byte| matches!(byte, b'"' | b'\'' | b' '));
    let colon = run(view, start, 128, |byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'"' | b'\''));
    let end = run(view, colon, 128, |byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\''));
    let password = part(view, colon + 1, end);
    if at(view, colon) == b':' && password.len() >= 3 && !is_stand_in(password) {
        finds.add(colon + 1, end, "password-of-command", rank::CONTEXT);
    }
}

/// Covers the password of the address whose `@` is at a place: `scheme://user:password@host`.
pub(super) fn find_user_info(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    let outside = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'/' | b'\\');
    let start = run_back(view, place, USER_INFO_LEN_MAX, |byte| !outside(byte));
    let Some(scheme_end) = start.checked_sub(3).filter(|end| part(view, *end, start) == b"://") else { return };
    if !at(view, scheme_end.wrapping_sub(1)).is_ascii_alphanumeric() || !is_host(at(view, place + 1)) {
        return;
    }
    let user_info = part(view, start, place);
    let Some(colon) = user_info.iter().position(|byte| *byte == b':') else {
        // A token alone, as `https://TOKEN@github.com`.
        if user_info.len() >= 20
            && user_info.iter().any(u8::is_ascii_digit)
            && user_info.iter().all(|byte| is_word(*byte))
            && entropy(user_info) >= 3.2
        {
            finds.add_further(start, place, "password-in-address", rank::CONTEXT, super::span::Further::Ends);
        }
        return;
    };
    let password = user_info.get(colon + 1..).unwrap_or_default();
    let named = [b"password".as_slice(), b"pass", b"pwd", b"user", b"token", b"secret"]
        .iter()
        .any(|word| password.eq_ignore_ascii_case(word));
    if password.len() >= 3 && !named && !is_stand_in(password) {
        finds.add_further(start + colon + 1, place, "password-in-address", rank::CONTEXT, super::span::Further::Ends);
    }
}

fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'[' | b'_' | b'$' | b'{' | b'(' | b'%')
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all_stay, redacted, secrets};

    #[test]
    fn credentials_of_headers_commands_and_addresses_are_covered() {
        for (text, kind) in [
            ("Authorization: Bearer Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd6Jf5", "authorization"),
            ("authorization: basic YW5uOmh1bnRlcjItaHVudGVyMg==", "authorization"),
            ("'Authorization': 'Bearer a1b2c3d4e5f6a7b8'", "authorization"),
            ("Cookie: lang=de; sid=a8f3k2j5h6g7d8s9", "cookie"),
            ("Set-Cookie: session=Zk3vQ9xLm2Rt7Yp4; Path=/; HttpOnly", "cookie"),
            ("curl -sS -u ann:hunter2 https://x.example/", "password-of-command"),
            ("curl --user 'ann:hunter2' https://x.example/", "password-of-command"),
            ("postgres://app:s3cr3tpw@db/x", "password-in-address"),
            ("mongodb+srv://app:p%40ss@cluster0.x.mongodb.net/", "password-in-address"),
            ("redis://:hunter2@cache:6379", "password-in-address"),
            ("amqp://guest1:gu3st@rabbit:5672/", "password-in-address"),
            ("https://x-token:abcdef123456@git.example/a.git", "password-in-address"),
            ("jdbc:postgresql://ann:hunter2@db:5432/x", "password-in-address"),
        ] {
            assert_eq!(secrets(text), [kind], "{text}");
        }
        all_stay(
            redacted,
            &[
                "Authorization: Bearer <token>",
                "Bearer tokens are sent in headers",
                "basic understanding",
                "https://example.org:8443/a@b",
                "https://user:password@host/",
                "https://user:${PASSWORD}@host/",
                "git@github.com:a/b.git",
                "ssh://git@github.com/a/b.git",
                "cookie: a small cake",
                "Cookie: lang=de",
                "curl -u \"$USER:$PASSWORD\" x",
                "//user@host",
                "https://[::1]:80/@x",
            ],
        );
    }
}
