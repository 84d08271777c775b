//! `identity svid`

use clap::Subcommand;
use scalbotics_proto::v1;
use serde_json::{Value, json};

use super::verb::client;
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Printer, column, wide};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum SvidVerb {
    /// List certificates of agents whose life has not ended, those that end first at the top.
    #[command(alias = "ls", before_help = "Example: scalbotics identity svid list --agent reviewer")]
    List {
        /// Only those of this agent.
        #[arg(long)]
        agent: Option<String>,
    },
}

/// Runs a verb.
pub(super) async fn run(session: &Session, verb: &SvidVerb, printer: &Printer) -> Result<(), Failure> {
    let SvidVerb::List { agent } = verb;
    let items: Vec<Value> = svids(session, agent.as_deref()).await?.iter().map(svid_json).collect();
    let columns = [
        column("SERIAL", "/serial"),
        column("AGENT", "/agent"),
        column("ENDS", "/ends"),
        column("COUNTS", "/counts"),
        column("SPONSOR", "/sponsor"),
        wide("ISSUED", "/issued"),
        wide("AUTHORITY", "/authority"),
        wide("KEY", "/key"),
    ];
    printer.list(&items, &columns)
}

/// All certificates, or those of one agent.
pub(crate) async fn svids(session: &Session, agent: Option<&str>) -> Result<Vec<v1::Svid>, Failure> {
    let agent = agent.map(|agent| session.resource("agents", agent)).unwrap_or_default();
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            v1::ListSvidsRequest { agent: agent.clone(), page_token, page_size: 1_000, ..v1::ListSvidsRequest::default() };
        let answer = client(session).list_svids(session.request(request)?).await?.into_inner();
        all.extend(answer.svids);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

fn svid_json(svid: &v1::Svid) -> Value {
    json!({
        "serial": svid.serial,
        "agent": wire::short(&svid.agent),
        "ends": wire::time(svid.expire_time),
        "counts": svid.counts,
        "sponsor": wire::short(&svid.sponsor),
        "issued": wire::time(svid.issue_time),
        "authority": svid.authority,
        "key": svid.key,
    })
}
