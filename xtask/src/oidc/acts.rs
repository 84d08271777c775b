//! What is shown, one thing after the other.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::attempt::{Attempt, opens};
use super::place::{CLIENT, Place};
use super::provider::Provider;
use crate::say;

/// A little more than the second that tokens tell time by.
const SECOND: Duration = Duration::from_millis(1_100);

/// Time in which a new key of the provider counts: the daemon asks for keys once in half a minute at most.
const ROTATION_MAX: Duration = Duration::from_secs(45);

/// Programs that want a new token at once.
const RACERS: usize = 6;

/// All of it.
pub(super) fn run(place: &Place<'_>) -> Result<()> {
    let mut provider = place.provider()?;
    let issuer = provider.url();
    let mut daemon = place.daemon(&issuer)?;
    for context in ["ann", "bob", "eve"] {
        place.context(context, &issuer, &[])?;
    }
    place.context("access", &issuer, &["--issuer-token", "access", "--audience", CLIENT])?;
    daemon.wait_until("it listens", || place.ran("ann", &["whoami"]).is_ok_and(|ran| ran.status.code() == Some(4)))?;
    ways(place)?;
    refusals(place)?;
    renewal(place)?;
    rotation(place, &mut provider)?;
    downtime(place, &mut provider)?;
    suspension(place)?;
    end(place)?;
    ensure!(daemon.stop()?, "the daemon did not end well");
    Ok(())
}

/// A login by a browser.
fn by_browser(place: &Place<'_>, context: &str, person: &str) -> Result<()> {
    let mut attempt = Attempt::begin(place, context, &[])?;
    let (address, _) = attempt.address()?;
    let page = opens(place, person, &address, &[])?;
    ensure!(page.contains("go back to the terminal"), "the person sees something else: {page}");
    attempt.end()?.well()
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Each way in; the daemon knows who it is, and answers.
fn ways(place: &Place<'_>) -> Result<()> {
    by_browser(place, "ann", "u-ann")?;
    let ann = place.asks("ann", &["whoami"])?;
    ensure!(text(&ann, "/kind") == "human" && text(&ann, "/tenant") == "acme", "the daemon takes Ann for {ann}");
    let groups = ann.pointer("/groups").and_then(Value::as_array).context("no groups")?;
    ensure!(groups.iter().any(|group| group == "admins"), "the provider's groups do not count: {ann}");
    place.asks("ann", &["agent", "list"])?;

    let mut attempt = Attempt::begin(place, "bob", &["--device"])?;
    let (address, _) = attempt.address()?;
    opens(place, "u-bob", &address, &[])?;
    attempt.end()?.well()?;
    let bob = place.asks("bob", &["whoami"])?;
    ensure!(text(&bob, "/uid").starts_with("hum_") && text(&bob, "/uid") != text(&ann, "/uid"), "Bob is {bob}");

    let mut attempt = Attempt::begin(place, "ann", &["--headless"])?;
    let (address, _) = attempt.address()?;
    let pasted = opens(place, "u-ann", &address, &["paste"])?;
    attempt.types(pasted.trim())?;
    attempt.end()?.well()?;
    let again = place.asks("ann", &["whoami"])?;
    ensure!(text(&again, "/uid") == text(&ann, "/uid"), "Ann is somebody else at her second login: {again}");
    // The context that `initialize` wrote.
    by_browser(place, "acme", "u-bob")?;
    ensure!(text(&place.asks("acme", &["whoami"])?, "/uid") == text(&bob, "/uid"), "the first context leads elsewhere");
    by_browser(place, "access", "u-ann")?;
    let shown = place.asks("access", &["whoami"])?;
    ensure!(text(&shown, "/uid") == text(&ann, "/uid"), "by her access token Ann is somebody else: {shown}");
    say::line("    three ways in: a browser, a device code, a pasted address; by ID token, and by access token");
    Ok(())
}

/// What must not be a login.
fn refusals(place: &Place<'_>) -> Result<()> {
    let mut attempt = Attempt::begin(place, "eve", &[])?;
    let (address, _) = attempt.address()?;
    opens(place, "u-ann", &address, &["deny"])?;
    attempt.end()?.refused(4, "access_denied")?;

    let mut attempt = Attempt::begin(place, "eve", &["--device"])?;
    let (address, _) = attempt.address()?;
    opens(place, "u-ann", &address, &["deny"])?;
    attempt.end()?.refused(4, "access_denied")?;

    // The provider says another tenant than it may speak for.
    let mut attempt = Attempt::begin(place, "eve", &[])?;
    let (address, _) = attempt.address()?;
    opens(place, "u-eve", &address, &[])?;
    attempt.end()?.refused(4, "error: ")?;
    place.refused("eve", &["whoami"], 4, "CLI_LOGIN")?;

    // The answer to one login, pasted into another.
    let mut first = Attempt::begin(place, "eve", &["--headless"])?;
    let pasted = opens(place, "u-ann", &first.address()?.0, &["paste"])?;
    drop(first);
    let mut second = Attempt::begin(place, "eve", &["--headless"])?;
    second.address()?;
    second.types(pasted.trim())?;
    second.end()?.refused(4, "another login")?;
    say::line("    a person who says no, one of another tenant, and the answer to another login are refused");
    Ok(())
}

fn kept(place: &Place<'_>, folder: &str, context: &str) -> std::path::PathBuf {
    place.path(&format!("state/{folder}/{context}.json"))
}

/// Takes the access token away, so that the next command needs another. ID tokens of one second may say the same, and each counts once.
fn age(place: &Place<'_>, context: &str) -> Result<()> {
    std::thread::sleep(SECOND);
    fs::remove_file(kept(place, "tokens", context)).context("no access token is kept")
}

/// A token that is over is renewed without the person, and by one program at a time.
fn renewal(place: &Place<'_>) -> Result<()> {
    let login = kept(place, "logins", "ann");
    let before = fs::read_to_string(&login).context("no login is kept")?;
    age(place, "ann")?;
    let children: Vec<_> = (0..RACERS)
        .map(|_| place.scalbotics(&["--context", "ann", "whoami"]).stdout(std::process::Stdio::null()).spawn())
        .collect::<Result<_, _>>()
        .context("cannot start the racers")?;
    for mut child in children {
        ensure!(
            child.wait().context("cannot wait for a racer")?.success(),
            "of {RACERS} programs that renewed at once one failed"
        );
    }
    let after = fs::read_to_string(&login).context("the login is gone")?;
    ensure!(before != after, "the refresh token did not rotate");
    say::line("    a login renews itself, also when six programs want it at once");
    Ok(())
}

/// New keys beside the old ones; the daemon asks for the keys again at most twice a minute, so the login may take as long.
fn rotation(place: &Place<'_>, provider: &mut Provider<'_>) -> Result<()> {
    provider.new_key("two")?;
    provider.kill()?;
    provider.resume()?;
    let start = Instant::now();
    loop {
        if kept(place, "tokens", "ann").is_file() {
            age(place, "ann")?;
        }
        let ran = place.ran("ann", &["whoami"])?;
        if ran.status.success() {
            break;
        }
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        ensure!(start.elapsed() < ROTATION_MAX, "a token under the provider's new key is refused for good: {said}");
        std::thread::sleep(SECOND);
    }
    say::line("    tokens under a new key of the provider count");
    Ok(())
}

/// The provider's keys are away, then all of it.
fn downtime(place: &Place<'_>, provider: &mut Provider<'_>) -> Result<()> {
    provider.publish_keys(false)?;
    age(place, "ann")?;
    place.asks("ann", &["whoami"])?;
    provider.publish_keys(true)?;
    provider.kill()?;
    place.asks("ann", &["whoami"]).context("the kept token counts while the provider is away")?;
    age(place, "ann")?;
    place.refused("ann", &["whoami"], 8, "CLI_ISSUER")?;
    Attempt::begin(place, "ann", &[])?.end()?.refused(8, "CLI_ISSUER")?;
    provider.resume()?;
    place.asks("ann", &["whoami"]).context("the login outlives the provider's absence")?;
    say::line(
        "    keys that the daemon has serve while the provider's are away; without the provider nothing is renewed, and nothing lost",
    );
    Ok(())
}

/// Who is suspended here is out, whatever the provider says.
fn suspension(place: &Place<'_>) -> Result<()> {
    let bob = place.asks("bob", &["whoami"])?;
    let name = text(&bob, "/name").to_owned();
    place.asks("ann", &["human", "suspend", &name, "--yes"])?;
    let ran = place.ran("bob", &["agent", "list"])?;
    ensure!(!ran.status.success(), "a suspended person's token counts");
    let mut attempt = Attempt::begin(place, "bob", &[])?;
    let (address, _) = attempt.address()?;
    opens(place, "u-bob", &address, &[])?;
    let ended = attempt.end()?;
    ensure!(ended.code != 0 && ended.said.contains("error: "), "a suspended person logs in: {}", ended.said);
    say::line("    who is suspended stays out, whatever the provider says");
    Ok(())
}

/// The end of a login, here and at the provider.
fn end(place: &Place<'_>) -> Result<()> {
    let login = kept(place, "logins", "ann");
    let copy = fs::read(&login).context("no login is kept")?;
    let shown = place.asks("ann", &["login", "--status"])?;
    ensure!(text(&shown, "/subject") == "u-ann" && shown.pointer("/renews") == Some(&Value::Bool(true)), "{shown}");
    let ran = place.ran("ann", &["logout"])?;
    ensure!(ran.status.success(), "logout fails: {}", String::from_utf8_lossy(&ran.stderr));
    ensure!(!login.is_file() && !kept(place, "tokens", "ann").is_file(), "logout leaves something");
    place.refused("ann", &["whoami"], 4, "CLI_LOGIN")?;
    place.refused("ann", &["login", "--status"], 4, "CLI_LOGIN")?;
    // A copy that somebody made is worth nothing.
    fs::write(&login, copy).context("cannot write the copy")?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&login, mode).context("cannot close the copy")?;
    place.refused("ann", &["whoami"], 4, "invalid_grant")?;
    say::line("    logout forgets, and takes back: a copy of the refresh token is worth nothing");
    Ok(())
}
