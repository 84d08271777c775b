//! What is shown, one thing after the other.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::attempt::{Attempt, opens};
use super::installation::{CLIENT, Installation};
use super::keyring;
use super::provider::Provider;
use super::renewal::{SECOND, age, kept, races};
use crate::say;

/// Time in which a new key of the provider counts: the daemon asks for keys once in half a minute at most.
const ROTATION_MAX: Duration = Duration::from_secs(45);

/// All of it.
pub(super) fn run(installation: &Installation<'_>) -> Result<()> {
    let mut provider = installation.provider()?;
    let issuer = provider.url();
    let mut daemon = installation.daemon(&issuer)?;
    for context in ["ann", "bob", "eve"] {
        installation.context(context, &issuer, &[])?;
    }
    installation.context("access", &issuer, &["--issuer-token", "access", "--audience", CLIENT])?;
    daemon.wait_until("it listens", || installation.ran("ann", &["whoami"]).is_ok_and(|ran| ran.status.code() == Some(4)))?;
    ways(installation)?;
    refusals(installation)?;
    renewed(installation)?;
    rotation(installation, &mut provider)?;
    downtime(installation, &mut provider)?;
    keyring::run(installation, &issuer)?;
    suspension(installation)?;
    end(installation)?;
    ensure!(daemon.stop()?, "the daemon did not end well");
    Ok(())
}

/// A login by a browser.
fn by_browser(installation: &Installation<'_>, context: &str, person: &str) -> Result<()> {
    let mut attempt = Attempt::begin(installation, context, &[])?;
    let (address, _) = attempt.address()?;
    let page = opens(installation, person, &address, &[])?;
    ensure!(page.contains("go back to the terminal"), "the person sees something else: {page}");
    attempt.end()?.well()
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Each way in; the daemon knows who it is, and answers.
fn ways(installation: &Installation<'_>) -> Result<()> {
    by_browser(installation, "ann", "u-ann")?;
    let ann = installation.asks("ann", &["whoami"])?;
    ensure!(text(&ann, "/kind") == "human" && text(&ann, "/tenant") == "acme", "the daemon takes Ann for {ann}");
    let groups = ann.pointer("/groups").and_then(Value::as_array).context("no groups")?;
    ensure!(groups.iter().any(|group| group == "admins"), "the provider's groups do not count: {ann}");
    installation.asks("ann", &["agent", "list"])?;

    let mut attempt = Attempt::begin(installation, "bob", &["--device"])?;
    let (address, _) = attempt.address()?;
    opens(installation, "u-bob", &address, &[])?;
    attempt.end()?.well()?;
    let bob = installation.asks("bob", &["whoami"])?;
    ensure!(text(&bob, "/uid").starts_with("hum_") && text(&bob, "/uid") != text(&ann, "/uid"), "Bob is {bob}");

    let mut attempt = Attempt::begin(installation, "ann", &["--headless"])?;
    let (address, _) = attempt.address()?;
    let pasted = opens(installation, "u-ann", &address, &["paste"])?;
    attempt.types(pasted.trim())?;
    attempt.end()?.well()?;
    let again = installation.asks("ann", &["whoami"])?;
    ensure!(text(&again, "/uid") == text(&ann, "/uid"), "Ann is somebody else at her second login: {again}");
    // The context that `initialize` wrote.
    by_browser(installation, "acme", "u-bob")?;
    ensure!(text(&installation.asks("acme", &["whoami"])?, "/uid") == text(&bob, "/uid"), "the first context leads elsewhere");
    by_browser(installation, "access", "u-ann")?;
    let shown = installation.asks("access", &["whoami"])?;
    ensure!(text(&shown, "/uid") == text(&ann, "/uid"), "by her access token Ann is somebody else: {shown}");
    say::line("    three ways in: a browser, a device code, a pasted address; by ID token, and by access token");
    Ok(())
}

/// What must not be a login.
fn refusals(installation: &Installation<'_>) -> Result<()> {
    let mut attempt = Attempt::begin(installation, "eve", &[])?;
    let (address, _) = attempt.address()?;
    opens(installation, "u-ann", &address, &["deny"])?;
    attempt.end()?.refused(4, "access_denied")?;

    let mut attempt = Attempt::begin(installation, "eve", &["--device"])?;
    let (address, _) = attempt.address()?;
    opens(installation, "u-ann", &address, &["deny"])?;
    attempt.end()?.refused(4, "access_denied")?;

    // The provider says another tenant than it may speak for.
    let mut attempt = Attempt::begin(installation, "eve", &[])?;
    let (address, _) = attempt.address()?;
    opens(installation, "u-eve", &address, &[])?;
    attempt.end()?.refused(4, "error: ")?;
    installation.refused("eve", &["whoami"], 4, "CLI_LOGIN")?;

    // The answer to one login, pasted into another.
    let mut first = Attempt::begin(installation, "eve", &["--headless"])?;
    let pasted = opens(installation, "u-ann", &first.address()?.0, &["paste"])?;
    drop(first);
    let mut second = Attempt::begin(installation, "eve", &["--headless"])?;
    second.address()?;
    second.types(pasted.trim())?;
    second.end()?.refused(4, "another login")?;
    say::line("    a person who says no, one of another tenant, and the answer to another login are refused");
    Ok(())
}

/// A token that is over is renewed without the person, and by one program at a time.
fn renewed(installation: &Installation<'_>) -> Result<()> {
    let login = kept(installation, "logins", "ann");
    let before = fs::read_to_string(&login).context("no login is kept")?;
    races(installation, "ann")?;
    let after = fs::read_to_string(&login).context("the login is gone")?;
    ensure!(before != after, "the refresh token did not rotate");
    say::line("    a login renews itself, also when six programs want it at once");
    Ok(())
}

/// New keys beside the old ones; the daemon asks for the keys again at most twice a minute, so the login may take as long.
fn rotation(installation: &Installation<'_>, provider: &mut Provider<'_>) -> Result<()> {
    provider.new_key("two")?;
    provider.kill()?;
    provider.resume()?;
    let start = Instant::now();
    loop {
        if kept(installation, "tokens", "ann").is_file() {
            age(installation, "ann")?;
        }
        let ran = installation.ran("ann", &["whoami"])?;
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
fn downtime(installation: &Installation<'_>, provider: &mut Provider<'_>) -> Result<()> {
    provider.publish_keys(false)?;
    age(installation, "ann")?;
    installation.asks("ann", &["whoami"])?;
    provider.publish_keys(true)?;
    provider.kill()?;
    installation.asks("ann", &["whoami"]).context("the kept token counts while the provider is away")?;
    age(installation, "ann")?;
    installation.refused("ann", &["whoami"], 8, "CLI_ISSUER")?;
    Attempt::begin(installation, "ann", &[])?.end()?.refused(8, "CLI_ISSUER")?;
    provider.resume()?;
    installation.asks("ann", &["whoami"]).context("the login outlives the provider's absence")?;
    say::line(
        "    keys that the daemon has serve while the provider's are away; without the provider nothing is renewed, and nothing lost",
    );
    Ok(())
}

/// Who is suspended here is out, whatever the provider says.
fn suspension(installation: &Installation<'_>) -> Result<()> {
    let bob = installation.asks("bob", &["whoami"])?;
    let name = text(&bob, "/name").to_owned();
    installation.asks("ann", &["human", "suspend", &name, "--yes"])?;
    let ran = installation.ran("bob", &["agent", "list"])?;
    ensure!(!ran.status.success(), "a suspended person's token counts");
    let mut attempt = Attempt::begin(installation, "bob", &[])?;
    let (address, _) = attempt.address()?;
    opens(installation, "u-bob", &address, &[])?;
    let ended = attempt.end()?;
    ensure!(ended.code != 0 && ended.said.contains("error: "), "a suspended person logs in: {}", ended.said);
    say::line("    who is suspended stays out, whatever the provider says");
    Ok(())
}

/// The end of a login, here and at the provider.
fn end(installation: &Installation<'_>) -> Result<()> {
    let login = kept(installation, "logins", "ann");
    let copy = fs::read(&login).context("no login is kept")?;
    let shown = installation.asks("ann", &["login", "--status"])?;
    ensure!(text(&shown, "/subject") == "u-ann" && shown.pointer("/renews") == Some(&Value::Bool(true)), "{shown}");
    let ran = installation.ran("ann", &["logout"])?;
    ensure!(ran.status.success(), "logout fails: {}", String::from_utf8_lossy(&ran.stderr));
    ensure!(!login.is_file() && !kept(installation, "tokens", "ann").is_file(), "logout leaves something");
    installation.refused("ann", &["whoami"], 4, "CLI_LOGIN")?;
    installation.refused("ann", &["login", "--status"], 4, "CLI_LOGIN")?;
    // A copy that somebody made is worth nothing.
    fs::write(&login, copy).context("cannot write the copy")?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&login, mode).context("cannot close the copy")?;
    installation.refused("ann", &["whoami"], 4, "invalid_grant")?;
    say::line("    logout forgets, and takes back: a copy of the refresh token is worth nothing");
    Ok(())
}
