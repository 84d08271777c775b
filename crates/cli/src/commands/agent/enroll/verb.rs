//! The verb: joins by a token, or renews what is there.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::time_provider::DefaultTimeProvider;
use scalbotics_core::in_words;
use scalbotics_core::tenant::Name;
use scalbotics_identity::holder::join_token::JoinToken;
use scalbotics_identity::holder::joining::Joining;
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::signing_request;
use scalbotics_proto::v1;
use scalbotics_proto::v1::identity_service_client::IdentityServiceClient;
use serde_json::json;
use zeroize::Zeroizing;

use super::files::{BUNDLE, Directory, Facts, SVID};
use super::renew;
use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};
use crate::session::over;

/// Longest text that is read as a token, in bytes.
const TOKEN_LEN_MAX: u64 = 4 << 10;

/// Arguments of `agent enroll`.
#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    /// The agent that this worker is.
    agent: Name,
    /// Where the worker's key and certificates are kept: a directory of its own.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The file with the join token, or `-` for standard input. Without it the worker renews the certificate that it has.
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
    /// Where the daemon is, as `https://host:port`.
    #[arg(long, value_name = "URL", requires = "token_file")]
    server: Option<String>,
    /// Go on, and renew at half of each certificate's life, or earlier where new keys are asked for.
    #[arg(long)]
    watch: bool,
}

/// Joins or renews; with `--watch` goes on for good.
pub(crate) async fn run(args: &EnrollArgs, printer: &Printer) -> Result<(), Failure> {
    let directory = Directory::open(&args.dir)?;
    match (&args.token_file, &args.server) {
        (Some(file), Some(server)) => {
            let token = read_token(&args.agent, file)?;
            show(&join(&directory, (&args.agent, server), &token).await?, &directory, printer)?;
        }
        (_, _) => {
            let facts = directory.facts_of(&args.agent)?;
            if !args.watch {
                show(&renew::renew(&directory, &facts).await?, &directory, printer)?;
            }
        }
    }
    if args.watch {
        renew::watch(&directory, |certificate| show(certificate, &directory, printer), printer).await
    } else {
        Ok(())
    }
}

fn read_token(agent: &Name, file: &Path) -> Result<JoinToken, Failure> {
    let place = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let refused = |why: String, next: &str| Failure::usage(format!("no join token in {place}")).why(why).next(next);
    let mut text = Zeroizing::new(String::new());
    let read = if file == Path::new("-") {
        std::io::stdin().take(TOKEN_LEN_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(TOKEN_LEN_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| refused(error.to_string(), "name a file that you can read, with the token and nothing else"))?;
    let next = format!("bring the token alone, in a file as `scalbotics agent join-token {agent} --out ./token` writes it");
    JoinToken::parse(&text).map_err(|error| refused(error.to_string(), &next))
}

/// Exchanges the token for a certificate of a key that is made here.
async fn join(directory: &Directory, (agent, server): (&Name, &str), token: &JoinToken) -> Result<v1::Certificate, Failure> {
    if directory.is_used()? {
        return Err(Failure::usage(format!("a worker joined in {} before", directory.path("").display()))
            .why("its key and certificate would be lost")
            .next("give each worker a directory of its own, or remove that one"));
    }
    let joining = Joining::new(token.bundle());
    let config = joining.client_config(Arc::new(DefaultTimeProvider)).map_err(|error| Failure::internal("no TLS", &error))?;
    let channel = over(server, config).await.map_err(|failure| {
        if !joining.met_another() {
            return failure;
        }
        Failure::new(Exit::Failed, codes::TRUST, format!("the daemon at {server} is not the one that the join token names"))
            .why("it has another trust bundle: it is another installation's, or somebody stands between; the token was not said to it")
            .next("compare the address with the one that was printed with the token")
    })?;
    let learned = joining.learned().ok_or_else(|| {
        Failure::new(Exit::Unreachable, codes::UNREACHABLE, format!("no answer from {server}")).why("there was no handshake")
    })?;
    let key = Pair::generate(Algorithm::P256).map_err(|error| Failure::internal("no key", &error))?;
    // A directory that takes no files is found before the token is spent.
    let facts = Facts { agent: agent.to_string(), server: server.to_owned(), trust_domain: learned.trust_domain.clone() };
    directory.write_facts(&facts, &learned.roots)?;
    let request =
        v1::EnrollRequest { agent: agent.to_string(), token: token.text().to_string(), signing_request: request_of(&key)? };
    let certificate = IdentityServiceClient::new(channel).enroll(request).await?.into_inner();
    directory.write_svid(&key, &certificate.chain)?;
    Ok(certificate)
}

/// A signing request for a key.
pub(super) fn request_of(key: &Pair) -> Result<Vec<u8>, Failure> {
    signing_request::make(key).map_err(|error| {
        Failure::new(Exit::Failed, codes::KEY, "the key of the worker cannot sign")
            .why(in_words(&error))
            .next("scalbotics doctor")
    })
}

/// Prints what the worker has now.
pub(super) fn show(certificate: &v1::Certificate, directory: &Directory, printer: &Printer) -> Result<(), Failure> {
    let file = |name: &str| directory.path(name).display().to_string();
    let shown = json!({
        "spiffe_id": certificate.spiffe_id,
        "serial": certificate.serial,
        "ends": wire::time(certificate.expire_time),
        "key_and_certificates": file(SVID),
        "bundle": file(BUNDLE),
    });
    let columns = [
        column("spiffe id", "/spiffe_id"),
        column("serial", "/serial"),
        column("ends", "/ends"),
        column("key and certificates", "/key_and_certificates"),
        column("bundle", "/bundle"),
    ];
    printer.one(&shown, &columns)
}
