//! Serves a script as a model: `scalbotics-scripted-model --script FILE --port N [--repeat]`.
//!
//! The file is a JSON list of answers, one a request: `[{"say": "Hello."}, {"call": [{"name": "fs_read", "arguments": {}}]}]`.
//! When the list is over it answers 500, or with `--repeat` begins again. The address is printed when it listens.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};

use scalbotics_testkit::model::{Answer, ScriptedServer};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |flag: &str| arguments.iter().skip_while(|argument| *argument != flag).nth(1);
    let usage = || io::Error::other("usage: scalbotics-scripted-model --script FILE --port N [--repeat]");
    let script = std::fs::read(value("--script").ok_or_else(usage)?)?;
    let port: u16 = value("--port").and_then(|port| port.parse().ok()).ok_or_else(usage)?;
    let answers: Vec<Answer> = serde_json::from_slice(&script)?;
    let repeat = arguments.iter().any(|argument| argument == "--repeat");
    let mut next = 0_usize;
    let server = ScriptedServer::choosing(port, move |_| {
        let at = if repeat { next.checked_rem(answers.len()).unwrap_or_default() } else { next };
        next = next.saturating_add(1);
        answers.get(at).cloned().unwrap_or_else(|| Answer::refuse(500, "the script is over"))
    })?;
    writeln!(io::stdout().lock(), "{}", server.base_url())?;
    server.wait();
    Ok(())
}
