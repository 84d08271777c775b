//! Passwords on command lines: programs that take one behind a flag of a single letter, which is no name of a setting.

use super::bytes::{at, begins_word, find, part, run, stands};
use super::naming::Promise;
use super::span::{Finds, rank};
use super::stand_in::is_stand_in;
use super::worth::{Written, is_secret};

/// Bytes of a command line within which the flag is looked for.
const COMMAND_LEN_MAX: usize = 400;

/// Longest password, in bytes; of a longer one the beginning decides.
const PASSWORD_LEN_MAX: usize = 256;

/// How a program is told a password.
struct Way {
    /// The words that the command begins with.
    words: &'static [u8],
    /// What stands before the password; a blank before it is written, too.
    flag: &'static [u8],
    /// Whether the password is a word of its own, and not the rest of the flag's.
    apart: bool,
}

const fn way(words: &'static [u8], flag: &'static [u8], apart: bool) -> Way {
    Way { words, flag, apart }
}

/// Programs and their flags, those of longer names first.
const WAYS: [Way; 21] = [
    way(b"sshpass", b" -p", true),
    way(b"sshpass", b" -p", false),
    way(b"mysqldump", b" -p", false),
    way(b"mysqladmin", b" -p", false),
    way(b"mysqlimport", b" -p", false),
    way(b"mysql", b" -p", false),
    way(b"mariadb-dump", b" -p", false),
    way(b"mariadb", b" -p", false),
    way(b"redis-cli", b" -a", true),
    way(b"docker login", b" -p", true),
    way(b"podman login", b" -p", true),
    way(b"sqlcmd", b" -P", true),
    way(b"sqlcmd", b" -P", false),
    way(b"mongodump", b" -p", true),
    way(b"mongorestore", b" -p", true),
    way(b"mongosh", b" -p", true),
    way(b"mongo", b" -p", true),
    way(b"ldapsearch", b" -w", true),
    way(b"ldapmodify", b" -w", true),
    way(b"ldapadd", b" -w", true),
    way(b"smbclient", b"%", false),
];

/// Oracle's command line and addresses, in which `user/password@database` stands.
const ORACLE: [&[u8]; 2] = [b"sqlplus ", b"jdbc:oracle:thin:"];

/// Covers the password of the command whose program's name begins at a place, or of a line of `.netrc` whose `login` does.
pub(super) fn find_password(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    if !begins_word(view, place) {
        return;
    }
    if stands(view, place, b"login ") {
        return find_netrc(view, place + 6, finds);
    }
    if let Some(word) = ORACLE.iter().find(|word| stands(view, place, word)) {
        return find_oracle(view, place + word.len(), finds);
    }
    let ways = WAYS.iter().filter(|way| stands(view, place, way.words));
    for (way, after) in ways.map(|way| (way, place + way.words.len())).filter(|(_, after)| at(view, *after) == b' ') {
        let end = run(view, after, COMMAND_LEN_MAX, |byte| !matches!(byte, b'\n' | b'\r' | b'|' | b';'));
        let line = part(view, after, end);
        let mut from = 0;
        while let Some(found) = line.get(from..).and_then(|rest| line_flag(rest, way.flag)) {
            from += found + way.flag.len();
            let start = run(view, after + from, usize::from(way.apart), |byte| byte == b' ');
            if (start > after + from) == way.apart && cover(view, start, finds) {
                return;
            }
        }
    }
}

/// Where a flag stands, letter for letter: `-p` and `-P` are two.
fn line_flag(line: &[u8], flag: &[u8]) -> Option<usize> {
    line.windows(flag.len()).position(|window| window == flag)
}

/// `user/password@database` among the words of a line.
fn find_oracle(view: &[u8], line: usize, finds: &mut Finds<'_>) {
    let line_end = run(view, line, COMMAND_LEN_MAX, |byte| !matches!(byte, b'\n' | b'\r' | b'|' | b';'));
    let mut place = line;
    while place < line_end {
        let user = run(view, place, line_end - place, |byte| matches!(byte, b' ' | b'"' | b'\''));
        let slash = run(view, user, line_end - user, |byte| byte.is_ascii_alphanumeric() || b"_$#.".contains(&byte));
        let start = slash + 1;
        let end =
            run(view, start, PASSWORD_LEN_MAX, |byte| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'"' | b'\'' | b'/'));
        if slash > user && at(view, slash) == b'/' && at(view, end) == b'@' && cover_part(view, (start, end), false, finds) {
            return;
        }
        place = run(view, slash, line_end - slash, |byte| byte != b' ') + 1;
    }
}

/// `login NAME password WORD`.
fn find_netrc(view: &[u8], name: usize, finds: &mut Finds<'_>) {
    let name_end = run(view, name, 128, |byte| byte.is_ascii_graphic());
    let blank = run(view, name_end, 8, |byte| byte.is_ascii_whitespace());
    if name_end > name && blank > name_end && stands(view, blank, b"password ") {
        cover(view, blank + 9, finds);
    }
}

/// Covers the word at a place, in quotation marks or not, where it may be a password.
fn cover(view: &[u8], place: usize, finds: &mut Finds<'_>) -> bool {
    let quote = Some(at(view, place)).filter(|byte| matches!(byte, b'"' | b'\''));
    let start = place + usize::from(quote.is_some());
    let end = run(view, start, PASSWORD_LEN_MAX, |byte| match quote {
        Some(quote) => byte != quote && byte != b'\n',
        None => byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\'),
    });
    cover_part(view, (start, end), quote.is_some(), finds)
}

/// Covers a part of a text where it may be a password.
fn cover_part(view: &[u8], (start, end): (usize, usize), quoted: bool, finds: &mut Finds<'_>) -> bool {
    let found = part(view, start, end);
    let written = Written { quoted, given: true };
    // A variable and a port are no passwords.
    let is_variable = found
        .strip_prefix(b"$")
        .is_some_and(|name| name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_'));
    let is_place = find(found, b":").is_some() && found.iter().all(|byte| byte.is_ascii_digit() || b".:".contains(byte));
    let secret = !is_stand_in(found) && !is_variable && !is_place && is_secret(found, Promise::Password, written);
    if secret {
        finds.add(start, end, "password-of-command", rank::CONTEXT);
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all_hold, all_stay, redacted, secrets};

    #[test]
    fn passwords_behind_flags_of_one_letter_are_covered() {
        all_hold(
            secrets,
            "password-of-command",
            &[
                "mysql -u root -pp8hkqdlm7t app",
                "mysqldump -h db -u root -p'p8hkqdlm7t' app > x.sql",
                "$ mariadb -pp8hkqdlm7t",
                "sshpass -p OtHWnsCG4lrw ssh ann@host",
                "sshpass -pOtHWnsCG4lrw scp a b",
                "docker login -u me -p 4zGtSnovm14TUO registry.example",
                "podman login -p \"4zGtSnovm14TUO\" -u me registry.example",
                "redis-cli -h cache -a dfQ1y3GQsMpSscDl ping",
                "sqlcmd -S db -U sa -P yWu1FjsUNPjc",
                "mongosh -u ann -p 01T5GOBUSZGi db",
                "ldapsearch -x -D cn=admin -w 9kTq2Lm8xZ -b dc=example",
                "smbclient -U ann%fjz2czbttOof //srv/share",
                "machine git.example login ann password KX88RSxE87Om",
                "sudo mysql -p -u root -pp8hkqdlm7t",
                "sqlplus scott/p8hkqdlm7t@orcl",
                "sqlplus -S \"scott/p8hkqdlm7t@//db.example:1521/orcl\" @report.sql",
                "url=jdbc:oracle:thin:scott/p8hkqdlm7t@db.example:1521:orcl",
            ],
        );
    }

    #[test]
    fn other_words_behind_the_same_flags_stay() {
        all_stay(
            redacted,
            &[
                "docker run -p 8080:80 nginx",
                "docker run -p 127.0.0.1:5432:5432 postgres16",
                "docker login -u me --password-stdin",
                "docker login -u me -p $REGISTRY_PASSWORD_2",
                "mysql -u root -p app_2024 < dump.sql",
                "mysql -u root -P 3306 -p",
                "mongo -p 27017",
                "mkdir -p build/out2",
                "redis-cli -p 6379 -n 2",
                "redirect -a 1234abcd5678",
                "login with a password of 8 characters",
                "login ann password <your-password>",
                "smbclient -U ann //srv/share",
                "dockerfile -p abc123def456",
                "sqlplus / as sysdba",
                "sqlplus scott@orcl @dir2/report7.sql",
                "sqlplus scott/$DB_PASSWORD_2@orcl",
                "sqlplus scott/<password>@orcl",
                "sqlplus /nolog @/opt/app7/start1.sql",
                "jdbc:oracle:thin:@db.example:1521:orcl",
                "jdbc:oracle:thin:@//db7.example:1521/orcl",
                "jdbc:postgresql://db/x7@y",
            ],
        );
    }
}
