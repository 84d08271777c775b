//! A place where the commands of one document run: a home of their own, the built programs on the path.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::marks::Mark;
use super::stand_ins::StandIns;
use super::{Block, first_difference, git_service, service};
use crate::ports;

/// What is typed stands behind this.
const PROMPT: &str = "$ ";

/// A command that goes on while the next ones run ends so.
const GOES_ON: &str = " &";

/// The home of the reader whom pages show.
const HOME: &str = "/home/ann";

/// Ports of the API and of the admin address, where nothing else is said.
const PORTS: [u16; 2] = [7_420, 7_421];

/// Answers as a model does, by a script.
const MODEL: &str = "scalbotics-scripted-model";

/// Time that a program in the background gets to listen, and to print what is wanted; debug builds on a busy machine need a part of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time between two looks.
const TICK: Duration = Duration::from_millis(20);

/// A typed command of a block, and what it prints.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step<'a> {
    /// Its line in the document, counted from 1.
    pub(super) line: usize,
    pub(super) command: &'a str,
    pub(super) printed: Vec<&'a str>,
}

/// The commands of a block, each with the lines up to the next; lines before the first one belong to none.
pub(super) fn steps<'a>(block: &Block<'a>) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    for (at, line) in block.lines.iter().enumerate() {
        match (line.strip_prefix(PROMPT), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { line: block.line + at + 1, command, printed: Vec::new() }),
            (None, Some(step)) => step.printed.push(line),
            (None, None) => {}
        }
    }
    steps
}

/// The folder of the built programs: this test's own program is in a folder of it.
pub(super) fn programs() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().nth(2).unwrap().to_owned();
    for name in ["scalbotics", "scalboticsd", "scalbotics-verify", MODEL] {
        assert!(folder.join(name).is_file(), "{name} is not built: run `cargo xtask test transcript`, which builds it first");
    }
    folder
}

/// A home, and what was started in the background.
#[derive(Debug)]
pub(super) struct Machine {
    folder: PathBuf,
    home: PathBuf,
    port: u16,
    stand_ins: StandIns,
    /// All that was printed, as it was.
    printed: String,
    running: Vec<Child>,
}

impl Machine {
    pub(super) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("transcript-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("home")).unwrap();
        let folder = folder.canonicalize().unwrap();
        let home = folder.join("home");
        let mut stand_ins = StandIns::default();
        stand_ins.add(HOME, home.to_str().unwrap());
        let port = ports::free_pair().unwrap();
        for (shown, real) in PORTS.into_iter().zip(port..) {
            stand_ins.add(&format!("127.0.0.1:{shown}"), &format!("127.0.0.1:{real}"));
        }
        Self { folder, home, port, stand_ins, printed: String::new(), running: Vec::new() }
    }

    /// Does what a page's remark asks for; what it continues is the caller's to run before.
    pub(super) fn prepare(&mut self, mark: &Mark<'_>) {
        match mark {
            Mark::Continues(_) => {}
            Mark::Port(shown) => self.stand_ins.add(shown, &ports::free_pair().unwrap().to_string()),
            Mark::Git { address, authorization } => {
                let name = address.rsplit('/').next().unwrap_or(address);
                let port = git_service::serve(&self.folder.join("served"), name, authorization);
                self.stand_ins.add(address, &format!("http://127.0.0.1:{port}/{name}"));
            }
            Mark::Service { port, answer } => self.stand_ins.add(port, &service::serve(answer).to_string()),
            Mark::Model { address, answers } => {
                let script = self.folder.join(format!("answers-{}.json", self.running.len()));
                std::fs::write(&script, answers).unwrap();
                let mut model = Command::new(programs().join(MODEL));
                model.arg("--script").arg(script).args(["--port", "0", "--repeat"]).stdin(Stdio::null());
                let mut child = model.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
                let mut base_url = String::new();
                BufReader::new(child.stdout.take().unwrap()).read_line(&mut base_url).unwrap();
                self.running.push(child);
                self.stand_ins.add(address, base_url.trim());
            }
        }
    }

    /// Writes a block of a page as the file that it is.
    pub(super) fn write(&self, path: &str, block: &Block<'_>) {
        let path = self.home.join(self.stand_ins.real(path, &self.printed));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text: String = block.lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(path, self.stand_ins.real(&text, &self.printed)).unwrap();
    }

    /// Runs what was typed by a shell. Ports are free ones, told by the twins of their flags; all else is as it would be at first login.
    fn shell(&self, command: &str) -> Command {
        let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", command]).current_dir(&self.home).stdin(Stdio::null());
        shell.env_clear().env("PATH", path).env("HOME", &self.home);
        shell.env("SCALBOTICS_DEV_PORT", self.port.to_string());
        for (name, port) in [("LISTEN", self.port), ("ADMIN_LISTEN", self.port + 1)] {
            shell.env(format!("SCALBOTICS_INITIALIZE_{name}"), format!("127.0.0.1:{port}"));
        }
        shell
    }

    /// Runs a step and says what differs, as `document:line`.
    pub(super) fn run(&mut self, document: &Path, step: &Step<'_>) -> Result<(), String> {
        let command = self.stand_ins.real(step.command, &self.printed);
        let printed = match command.strip_suffix(GOES_ON) {
            None => self.to_its_end(&command),
            Some(command) => self
                .in_the_background(command, &step.printed)
                .map_err(|said| format!("{}:{}: {said}", document.display(), step.line))?,
        };
        self.printed.push_str(&printed);
        let printed = self.stand_ins.shown(&printed);
        let found: Vec<_> = printed.lines().collect();
        let (wanted, found) = (without_empty_end(&step.printed), without_empty_end(&found));
        match first_difference(wanted, found) {
            None => Ok(()),
            Some(at) => {
                let line = step.line + at + 1;
                let wanted = wanted.get(at).unwrap_or(&"(the end)");
                Err(format!(
                    "{}:{line}: `{}` does not print this: {wanted}\nbut this:\n{printed}",
                    document.display(),
                    step.command
                ))
            }
        }
    }

    fn to_its_end(&self, command: &str) -> String {
        let Output { status, stdout, stderr } = self.shell(&format!("({command}) 2>&1")).output().unwrap();
        let mut text = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        if let Some(code) = status.code().filter(|code| *code != 0) {
            text.push_str(&format!("(exit code {code})\n"));
        }
        text
    }

    /// Starts a daemon, and waits until it listens and has printed what is wanted. A daemon whose lines are not shown is not compared.
    fn in_the_background(&mut self, command: &str, wanted: &[&str]) -> Result<String, String> {
        let log = self.folder.join(format!("background-{}.log", self.running.len()));
        let file = File::create(&log).unwrap();
        let mut shell = self.shell(&format!("exec {command}"));
        shell.stdout(file.try_clone().unwrap()).stderr(file);
        self.running.push(shell.spawn().unwrap());
        let wanted = without_empty_end(wanted);
        let end = Instant::now() + PATIENCE;
        loop {
            let printed = std::fs::read_to_string(&log).unwrap();
            let shown = self.stand_ins.shown(&printed);
            let found: Vec<_> = shown.lines().collect();
            let is_shown = wanted.is_empty() || first_difference(wanted, without_empty_end(&found)).is_none();
            let listens = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            if is_shown && listens {
                return Ok(if wanted.is_empty() { String::new() } else { printed });
            }
            let has_ended = self.running.last_mut().is_some_and(|child| child.try_wait().unwrap().is_some());
            if has_ended || Instant::now() > end {
                let listens = if listens { "listens" } else { "does not listen" };
                return Err(format!("`{command}` {listens}, ended: {has_ended}, and printed:\n{printed}"));
            }
            std::thread::sleep(TICK);
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for mut child in self.running.drain(..) {
            if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::TERM);
            }
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The lines without the empty ones behind them, which only part a step from the next.
fn without_empty_end<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let end = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    lines.get(..end).unwrap_or(lines)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::path::Path;

    use super::super::blocks;
    use super::super::marks::Mark;
    use super::{Machine, steps};

    fn check(document: &str, wanted: Result<(), &str>) {
        let mut machine = Machine::new("machine");
        let blocks = blocks(document);
        let steps = blocks.iter().flat_map(steps);
        let outcome = steps.map(|step| machine.run(Path::new("a.md"), &step)).collect::<Result<Vec<_>, _>>();
        match (outcome, wanted) {
            (Ok(_), Ok(())) => {}
            (Err(said), Err(part)) => assert!(said.starts_with(part), "{said}"),
            (outcome, _) => panic!("{document}: {outcome:?}"),
        }
    }

    #[test]
    fn what_a_document_shows_is_what_is_printed() {
        check("```console\nnote\n$ echo a; echo b >&2\na\nb\n\n$ echo \"$HOME\" | grep -o home\nhome\n```\n", Ok(()));
        check("```console\n$ exit 3\n(exit code 3)\n```\n", Ok(()));
        check("```console\n$ echo a\n```\n", Err("a.md:3: `echo a` does not print this: (the end)"));
        check("# A\n\n```console\n$ true\n$ echo a\nb\n```\n", Err("a.md:6: `echo a` does not print this: b"));
        check("```console\n$ false\n```\n", Err("a.md:3"));
        check("```console\n$ echo a &\n```\n", Err("a.md:2: `echo a` does not listen, ended: true"));
    }

    #[test]
    fn a_page_shows_a_home_and_ids_that_are_others() {
        check("```console\n$ echo /home/ann; echo ~\n/home/ann\n/home/ann\n```\n", Ok(()));
        check("```console\n$ echo task_1 task_2\n…\n$ echo 'show task_…' | tr -d _\nshow task2\n```\n", Ok(()));
    }

    #[test]
    fn a_block_with_a_path_before_it_is_a_file() {
        let mut machine = Machine::new("files");
        let document = "Write `a/b`:\n```text\nin /home/ann\n```\n```console\n$ cat a/b\nin /home/ann\n```\n";
        let blocks = blocks(document);
        machine.write("a/b", &blocks[0]);
        assert_eq!(steps(&blocks[1]).iter().map(|step| machine.run(Path::new("a.md"), step)).collect::<Vec<_>>(), [Ok(())]);
    }

    #[test]
    fn a_scripted_model_stands_for_another() {
        let mut machine = Machine::new("model");
        let shown = "http://models.example/v1";
        machine.prepare(&Mark::Model { address: shown, answers: "[{\"say\": \"Yes.\"}]" });
        let real = machine.stand_ins.real(shown, "");
        let address = real.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap();
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn steps_know_their_lines() {
        let found: Vec<_> = blocks("x\n```console\n$ a\n1\n$ b\n```\n").iter().flat_map(steps).map(|step| step.line).collect();
        assert_eq!(found, [3, 5]);
    }
}
