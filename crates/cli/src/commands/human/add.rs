//! `human add`: nothing secret is made or sent; the person makes their own key.

use std::path::PathBuf;

use clap::Args;
use scalbotics_core::in_words;
use scalbotics_proto::v1;

use crate::failure::Failure;
use crate::output::Printer;
use crate::session::Session;

use super::verb;

/// Longest file with a public key, in bytes.
const KEY_LEN_MAX: u64 = 8 << 10;

/// Arguments of `human add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name, of nobody else and never of anybody before.
    name: String,
    /// Bind this group; may be given several times.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Public login key, the file with `.pub` that `human keygen` made for the person.
    #[arg(long, value_name = "FILE")]
    login_key: Option<PathBuf>,
    /// Only show who would be registered.
    #[arg(long)]
    dry_run: bool,
}

/// Registers a human.
pub(super) async fn add(session: &Session, args: &AddArgs, printer: &Printer) -> Result<(), Failure> {
    let Some(file) = &args.login_key else {
        return Err(Failure::usage(format!("the login key of {} is missing", args.name))
            .why("people make their own keys, and only the public half is registered: --login-key")
            .next(format!(
                "ask {name} to run `scalbotics human keygen ~/{name}.pem` and to send you the file that ends with .pub",
                name = args.name,
            )));
    };
    let request = v1::AddHumanRequest {
        name: session.resource("humans", &args.name),
        groups: args.groups.clone(),
        login_key: public_key(file)?,
        validate_only: args.dry_run,
        request_id: session.request_id(),
    };
    let human = verb::client(session).add_human(session.request(request)?).await?.into_inner();
    verb::show(&human, printer)?;
    if !args.dry_run {
        let context = &session.context;
        printer.note(&format!("to log in, they copy the trust file {} and run", context.trust_file.display()));
        printer.note(&format!(
            "  scalbotics context add {}-{} --server {} --trust-file TRUST_FILE --of-tenant {} --human {} --human-uid {} \
             --login-key KEY_FILE --use",
            context.tenant, args.name, context.server, context.tenant, args.name, human.uid,
        ));
    }
    Ok(())
}

/// The public half of a login key, as its file holds it.
pub(crate) fn public_key(file: &std::path::Path) -> Result<String, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("{} is no public login key", file.display()))
            .why(why)
            .next("give the file that ends with .pub: `scalbotics human keygen ~/login.pem` makes a pair")
    };
    let len = std::fs::metadata(file).map_err(|error| wrong(in_words(&error)))?.len();
    if len > KEY_LEN_MAX {
        return Err(wrong(format!("it has {len} bytes, more than a key")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(in_words(&error)))?;
    if text.contains("PRIVATE KEY") {
        return Err(wrong("it is the private half, which must not leave its holder's machine; nothing was sent".to_owned()));
    }
    Ok(text.trim().to_owned())
}
