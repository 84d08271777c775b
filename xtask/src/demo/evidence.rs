//! Looking at the evidence from outside: a forged copy, and the recomputation of the report.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::checks::Checks;
use super::shell::{Shell, WHOLE, part};
use super::stage::{PLANTED_CREDENTIAL, PLANTED_MARKER, Stage};
use super::wal;

/// The core database, in the installation's folder of data.
const DATABASE: &str = "core.db";

/// What stands before the time of a record.
const TIME_KEY: &[u8] = br#""at":"#;

/// The newest record about an approval of the task, as its leaf's bytes: canonical JSON.
pub(super) fn approval_record(shell: &Shell, task: &str) -> Result<Vec<u8>> {
    let done = shell.command(&["scalbotics", "audit", "tail", "--task", task, "-o", "jsonl"]).output()?;
    let lines = String::from_utf8_lossy(&done.stdout);
    let records = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?.get("record").cloned());
    let mut approvals = records.filter(|record| record.get("kind").and_then(Value::as_str) == Some("approval"));
    let record = approvals.next_back().context("the audit log has no record of the approval")?;
    serde_json::to_vec(&record).context("a record has no JSON")
}

/// Takes the task's evidence out, and verifies it and a forged copy where nothing else is.
pub(super) fn hand_over(stage: &Stage, task: &str, checks: &mut Checks) -> Result<()> {
    let export = ["scalbotics", "audit", "export", "--task", task, "--out", "review.evidence", "--with-live-token", "--quiet"];
    let exported = stage.shell.show(&export, WHOLE)?.code == 0;
    let elsewhere = stage.path("elsewhere");
    fs::create_dir(&elsewhere).context("cannot make an empty folder")?;
    for (from, name) in [(stage.path("review.evidence"), "review.evidence"), (stage.path("box").join("trust.json"), "trust.json")]
    {
        fs::copy(&from, elsewhere.join(name)).with_context(|| format!("cannot copy `{name}`"))?;
    }
    let words = ["scalbotics-verify", "review.evidence", "--trust", "trust.json"];
    let verified = stage.shell.show_in("elsewhere", &words, WHOLE)?;
    let is_proven = verified.code == 0 && verified.text.contains("dev: approver keys not separated");
    checks.that("the task's evidence verifies in an empty directory", exported && is_proven);
    let mut bundle = fs::read(elsewhere.join("review.evidence")).context("cannot read the evidence")?;
    let at = places(&bundle, b"\"landed\"").first().copied().context("no effect landed")?;
    if let Some(byte) = bundle.get_mut(at + 1) {
        *byte = b'L';
    }
    fs::write(elsewhere.join("forged.evidence"), bundle).context("cannot write the forged evidence")?;
    stage.shell.say("(one letter of a copy is changed: an effect `Landed`)");
    let forged =
        stage.shell.show_in("elsewhere", &["scalbotics-verify", "forged.evidence", "--trust", "trust.json"], part(0, 1))?;
    checks.that("one changed letter of it is refused", forged.code == 1);
    Ok(())
}

/// Verifies a sound copy of the data and a forged one, without a daemon, which ended well or not.
pub(super) fn forge(stage: &Stage, is_drained: bool, record: &[u8], checks: &mut Checks) -> Result<()> {
    let (data, copy) = (stage.path("box").join("data"), stage.path("copy"));
    copy_files(&data, &copy)?;
    let sound = verify(stage)?;
    checks.that("the daemon drains, and offline verification of its data is content", is_drained && sound);
    let database = merge(&copy)?;
    let bytes = fs::read(&database).with_context(|| format!("cannot read `{}`", database.display()))?;
    let mut found = false;
    for at in places(&bytes, record) {
        let (offset, forged) = forged(&bytes, at, record).context("the record has no time")?;
        fs::write(&database, forged).context("cannot write the forged database")?;
        stage.shell.say(&format!("(bit 0 of byte {offset} of copy/{DATABASE} is flipped: the last digit of an approval's time)"));
        found = !verify(stage)?;
        if found {
            break;
        }
        stage.shell.say("(that byte was in a page's free space, where an older copy of the record stands; the next one)");
    }
    checks.that("one changed byte in a copy of the audit log is found", found);
    Ok(())
}

/// Moves the copy's write-ahead log into its database, so that what is edited is what is read; answers the database's path.
fn merge(copy: &Path) -> Result<PathBuf> {
    let database = copy.join(DATABASE);
    let log = copy.join(format!("{DATABASE}-wal"));
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read `{}`", path.display()));
    if log.is_file() {
        fs::write(&database, wal::merged(read(&database)?, &read(&log)?)?).context("cannot write the copy of the database")?;
        fs::remove_file(&log).context("cannot remove the copy's write-ahead log")?;
    }
    // What is shared with other processes belongs to the log that is gone.
    let _ = fs::remove_file(copy.join(format!("{DATABASE}-shm")));
    Ok(database)
}

/// `audit verify` over the copy's files.
fn verify(stage: &Stage) -> Result<bool> {
    let words = ["scalbotics", "audit", "verify", "--offline", "--data", "copy", "--trust", "box/trust.json"];
    Ok(stage.shell.show(&words, part(2, 0))?.code == 0)
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).context("cannot make a folder for the copy")?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let path = entry.context("cannot read the data's folder")?.path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap_or_default())).context("cannot copy the data")?;
        }
    }
    Ok(())
}

/// Where `part` stands in `whole`.
fn places(whole: &[u8], part: &[u8]) -> Vec<usize> {
    if part.is_empty() {
        return Vec::new();
    }
    let starts = whole.windows(part.len()).enumerate().filter(|(_, window)| *window == part);
    starts.map(|(at, _)| at).collect()
}

/// Where one bit is flipped, and the database with it: another last digit in the record's time. It is still sound JSON, so only the
/// tree can tell.
fn forged(bytes: &[u8], at: usize, record: &[u8]) -> Option<(usize, Vec<u8>)> {
    let digits = places(record, TIME_KEY).first()? + TIME_KEY.len();
    let length = record.get(digits..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let last = at + digits + length.checked_sub(1)?;
    let mut forged = bytes.to_vec();
    *forged.get_mut(last)? ^= 1;
    Some((last, forged))
}

/// Recomputes the report's numbers by the independent script.
pub(super) fn recompute(shell: &Shell, checks: &mut Checks) -> Result<()> {
    const PROMISE: &str = "every number of the report is recomputed by check.py and agrees";
    if !shell.succeeds(&["python3", "--version"]) {
        shell.say("(there is no python3 here, so nothing is recomputed)");
        checks.not_made(PROMISE);
        return Ok(());
    }
    let credential = format!("AWS access key={PLANTED_CREDENTIAL}");
    let marker = format!("conflict marker={PLANTED_MARKER}");
    let files = ["--repo", "repo", "--summary", "reports/report.json", "--report", "reports/report.md", "--ledger", "ledger"];
    let planted = ["--planted", &credential, "--planted", &marker];
    let ran = shell.show(&[&["python3", "check.py"], &files[..], &planted].concat(), WHOLE)?;
    checks.that(PROMISE, ran.code == 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{forged, places};

    #[test]
    fn one_bit_of_one_digit_changes() {
        let record = br#"{"action":"x","at":1795509469,"kind":"approval"}"#;
        let whole = [b"page".as_slice(), record, b"more"].concat();
        let at = places(&whole, record);
        assert_eq!(at, [4]);
        let (last, forged) = forged(&whole, at[0], record).unwrap();
        assert_eq!(whole[last], b'9');
        let changed: Vec<_> = whole.iter().zip(&forged).filter(|(old, new)| old != new).collect();
        assert_eq!(changed, [(&b'9', &b'8')]);
        assert!(String::from_utf8(forged).unwrap().contains("\"at\":1795509468,"));
    }

    #[test]
    fn what_is_not_there_is_not_forged() {
        assert!(places(b"abc", b"").is_empty() && places(b"abc", b"d").is_empty());
        assert!(forged(b"{}", 0, b"{}").is_none());
        assert!(forged(br#"{"at":}"#, 0, br#"{"at":}"#).is_none());
    }
}
