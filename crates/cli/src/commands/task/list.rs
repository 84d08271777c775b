//! `task list`

use clap::Args;
use scalbotics_proto::v1;
use serde_json::Value;

use super::{show, verb};
use crate::failure::Failure;
use crate::output::{Printer, column, wide};
use crate::session::Session;

/// Arguments of `task list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// `status = "FAILED"`, `agent = "clerk"`, joined by ` AND `.
    #[arg(long, default_value = "")]
    filter: String,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
    /// Go on from the page before.
    #[arg(long, default_value = "")]
    page_token: String,
}

/// Lists tasks.
pub(super) async fn list(session: &Session, args: &ListArgs, printer: &Printer) -> Result<(), Failure> {
    let request = v1::ListTasksRequest {
        parent: String::new(),
        page_size: args.limit,
        page_token: args.page_token.clone(),
        filter: args.filter.clone(),
    };
    let answer = verb::client(session).list_tasks(session.request(request)?).await?.into_inner();
    let items: Vec<Value> = answer.tasks.iter().map(show::task_json).collect();
    let columns = [
        column("TASK", "/name"),
        column("STATUS", "/status"),
        column("AGENT", "/agent"),
        column("WORKFLOW", "/workflow"),
        column("CREATED", "/created"),
        wide("UPDATED", "/updated"),
        wide("COMMIT", "/commit"),
    ];
    printer.list(&items, &columns)?;
    if !answer.next_page_token.is_empty() {
        printer.note(&format!("more: scalbotics task list --page-token {}", answer.next_page_token));
    }
    Ok(())
}
