//! The verb: arguments, key, listener, end by a signal.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use scalbotics_identity::holder::signed_note::{self, Role, Verifier};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::book::{self, Book};
use super::judge::Judge;
use super::server;
use crate::rpc::codes::{self, Code};

/// Arguments of `audit witness`.
#[derive(Debug, Args)]
pub(crate) struct Witness {
    /// The folder with its key and with what it cosigned; made where it is missing.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Its name, as witness.example.org/w1; the same for ever.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Make the key where it is missing, print what others verify it by, and end.
    #[arg(long, conflicts_with_all = ["listen", "logs"])]
    keygen: bool,
    /// Where it listens, in plain HTTP: put a server for TLS before it.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "keygen")]
    listen: Option<SocketAddr>,
    /// Key of a log whose checkpoints it cosigns, as its trust file pins it; the key's name is the log's origin.
    #[arg(long = "log", value_name = "VKEY", required_unless_present = "keygen")]
    logs: Vec<String>,
}

/// Why a witness did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A text is not the key of a log.
    #[error("`{text}` is not the key of a log")]
    Log {
        /// The text.
        text: String,
    },
    /// The name cannot be that of a witness.
    #[error("witness cannot have this name")]
    Name(#[from] signed_note::Error),
    /// The folder cannot be used.
    #[error("witness cannot use its folder")]
    Book(#[from] book::Error),
    /// It cannot listen, or print.
    #[error("cannot {attempt}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// The code, with a page in the docs.
    pub(crate) const fn code(&self) -> Code {
        codes::WITNESS_UNUSABLE
    }

    /// What to do about it.
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::Log { .. } => "give a key of log_keys in the installation's trust file, as it stands there",
            Self::Name(_) => "give a name without spaces and plus signs, such as witness.example.org/w1",
            Self::Book(book::Error::Held { .. }) => "end the other witness, or give each its own folder",
            Self::Book(_) => "look at the folder: who owns it, and whether the disk is full",
            Self::Io { .. } => "give another address with --listen",
        }
    }
}

/// Runs the verb; returns when the witness was told to end.
///
/// # Errors
/// [`Error`].
pub(crate) async fn run(flags: &Witness) -> Result<(), Error> {
    let book = Book::open(&flags.dir)?;
    let key = book.key()?;
    let verifier = Verifier::witness(&flags.name, key.public().clone())?;
    say(&verifier.to_string())?;
    let Some(listen) = flags.listen.filter(|_| !flags.keygen) else { return Ok(()) };
    let log = |text: &String| {
        let key = text.parse::<Verifier>().ok().filter(|key| key.role() == Role::Signer);
        key.ok_or_else(|| Error::Log { text: text.clone() })
    };
    let logs = flags.logs.iter().map(log).collect::<Result<Vec<_>, _>>()?;
    let io = |attempt| move |source| Error::Io { attempt, source };
    let listener = TcpListener::bind(listen).await.map_err(io("listen on the address"))?;
    let address = listener.local_addr().map_err(io("name the listener's address"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(io("await signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(io("await signals"))?;
    say(&format!("http://{address}"))?;
    let judge = Arc::new(Judge::new((flags.name.clone(), key), logs, book));
    let ended = async move {
        tokio::select! {
            biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server::serve(listener, judge, ended).await;
    Ok(())
}

fn say(line: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|source| Error::Io { attempt: "print", source })
}
