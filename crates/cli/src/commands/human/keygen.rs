//! `human keygen`: a login key pair, made where it is used. The private half never leaves this machine.

use std::path::{Path, PathBuf};

use scalbotics_core::in_words;
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::private_file;
use serde_json::json;

use crate::codes;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};

/// Makes a pair: the private half at `file`, the public one beside it.
pub(crate) fn keygen(file: &Path, printer: &Printer) -> Result<(), Failure> {
    let cannot = |error: &dyn std::error::Error| {
        Failure::new(Exit::Failed, codes::KEY, format!("no key pair was made at {}", file.display()))
            .why(in_words(error))
            .next("choose a file that does not exist, in a directory that you can write")
    };
    let pair = Pair::generate(Algorithm::Ed25519).map_err(|error| cannot(&error))?;
    let public = pair.public().to_jwk_json().map_err(|error| cannot(&error))?;
    // A key that is there is never replaced: somebody logs in with it.
    pair.save(file).map_err(|error| cannot(&error))?;
    let beside = public_file(file);
    private_file::replace(&beside, format!("{public}\n").as_bytes(), private_file::PUBLIC_MODE)
        .map_err(|error| cannot(&error))?;
    let made = json!({ "name": file, "public_file": beside, "thumbprint": pair.public().thumbprint().to_string() });
    let columns = [column("private key", "/name"), column("public key", "/public_file"), column("thumbprint", "/thumbprint")];
    printer.one(&made, &columns)?;
    printer.note(&format!("keep {} to yourself; an administrator needs {}", file.display(), beside.display()));
    Ok(())
}

fn public_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}
