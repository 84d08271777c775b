//! `identity ca rotate`: the daemon makes a key, the root signs it where its own key is, the daemon signs with it from then on.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::Args;
use scalbotics_core::in_words;
use scalbotics_proto::v1;

use super::ca::show;
use super::verb::client;
use crate::codes;
use crate::commands::{daemon_program, said};
use crate::failure::{Exit, Failure};
use crate::output::Printer;
use crate::session::Session;

/// Longest file that is handed over, in bytes: a request, a certificate and a list of revoked CAs have less than 8 KiB.
const FILE_LEN_MAX: u64 = 64 << 10;

/// Arguments of `identity ca rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Have it signed elsewhere: write the signing request to this file, and end there.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "certificate"], required_unless_present_any = ["config", "certificate"])]
    request: Option<PathBuf>,
    /// It was signed elsewhere: the certificate that `scalboticsd ca sign` printed.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    root: RootArgs,
}

/// Where the root's key is, when it is here.
#[derive(Debug, Args)]
pub(crate) struct RootArgs {
    /// Have it signed here: configuration of the installation, beside which the root CA's keystore is.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Key file that opens the root CA's keystore, where it is kept elsewhere.
    #[arg(long, value_name = "FILE", requires = "config")]
    root_key_file: Option<PathBuf>,
    /// The environment variable that holds the passphrase, where the root CA's keystore was sealed by one.
    #[arg(long, value_name = "VARIABLE", requires = "config", conflicts_with = "root_key_file")]
    root_passphrase_env: Option<String>,
}

impl RootArgs {
    /// Whether the root's key is here.
    pub(super) const fn is_here(&self) -> bool {
        self.config.is_some()
    }

    /// The certificate for a signing request.
    fn sign(&self, request: &str) -> Result<String, Failure> {
        self.run(&["sign", "--request", "-"], request)
    }

    /// The root's list of these revoked issuing CAs.
    pub(super) fn sign_list(&self, certificates: &str) -> Result<String, Failure> {
        self.run(&["crl", "--revoked", "-"], certificates)
    }

    /// Has `scalboticsd` do it, which reads `input`: only it opens keystores.
    fn run(&self, words: &[&str], input: &str) -> Result<String, Failure> {
        let program = daemon_program();
        let mut command = Command::new(&program);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.arg("ca").args(words);
        if let Some(file) = &self.root_key_file {
            command.arg("--root-key-file").arg(file);
        }
        if let Some(variable) = &self.root_passphrase_env {
            command.arg("--root-passphrase-env").arg(variable);
        }
        let output = answered(command, input).map_err(|error| {
            Failure::new(Exit::Failed, codes::NO_DAEMON, format!("cannot run {}", program.display()))
                .why(error.to_string())
                .next("install `scalboticsd` beside `scalbotics`, or on PATH")
        })?;
        if !output.status.success() {
            return Err(Failure::new(Exit::Failed, codes::SIGN, "the root CA has not signed")
                .why(said(&output.stderr))
                .next("run this where the root CA's key is, or sign there (`scalboticsd ca --help`) and bring what it printed"));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// What a program says that was given `input`, which is shorter than a pipe holds.
fn answered(mut command: Command, input: &str) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has ended already says itself why.
        drop(stdin.write_all(input.as_bytes()));
    }
    child.wait_with_output()
}

/// Reads what the root signed.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("{} cannot be handed over", file.display()))
            .why(why)
            .next("give the file that was made where the root's key is: `scalboticsd ca --help`")
    };
    let len = std::fs::metadata(file).map_err(|error| wrong(in_words(&error)))?.len();
    if len > FILE_LEN_MAX {
        return Err(wrong(format!("it has {len} bytes, more than a certificate")));
    }
    std::fs::read_to_string(file).map_err(|error| wrong(in_words(&error)))
}

/// Prepares, has the root sign, and activates; or one half of it.
pub(super) async fn run(session: &Session, args: &RotateArgs, printer: &Printer) -> Result<(), Failure> {
    let certificate = match &args.certificate {
        Some(file) => read(file)?,
        None => {
            let request = v1::PrepareAuthorityRequest { request_id: session.request_id() };
            let prepared = client(session).prepare_authority(session.request(request)?).await?.into_inner();
            if let Some(file) = &args.request {
                return ask_elsewhere(file, &prepared, printer);
            }
            args.root.sign(&prepared.signing_request)?
        }
    };
    let request = v1::ActivateAuthorityRequest { certificate, request_id: session.request_id() };
    show(&client(session).activate_authority(session.request(request)?).await?.into_inner(), printer)
}

fn ask_elsewhere(file: &Path, prepared: &v1::PrepareAuthorityResponse, printer: &Printer) -> Result<(), Failure> {
    std::fs::write(file, &prepared.signing_request).map_err(|error| {
        let wrong = Failure::usage(format!("cannot write {}", file.display())).why(error.to_string());
        wrong.next("name a file in a folder that is there")
    })?;
    if let Some(authority) = &prepared.authority {
        show(authority, printer)?;
    }
    printer.note("have it signed where the root's key is (`scalboticsd ca sign --help`), then bring the certificate (`scalbotics identity ca rotate --help`)");
    Ok(())
}
