//! Verbs of `task`.

use clap::{Args, Subcommand};
use scalbotics_proto::v1;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;

use super::until::WaitArgs;
use super::{follow, list, run as submit, settle, show};
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::{Proving, Session};

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Submit a task and follow it to its end, or until it waits for a person.
    #[command(before_help = "Example: scalbotics task run --agent reviewer \"review the repository\"")]
    Run(submit::RunArgs),
    /// List tasks, newest first.
    #[command(alias = "ls", before_help = "Example: scalbotics task list --filter 'status = \"FAILED\"'")]
    List(list::ListArgs),
    /// Show a task: path, calls, approvals, failure.
    #[command(alias = "get", before_help = "Example: scalbotics task show task_01K9… --tree")]
    Show {
        /// The task.
        task: String,
        /// Its calls as a tree: turns of a model, their calls, and steps of workflows.
        #[arg(long)]
        tree: bool,
    },
    /// Follow a task's events.
    #[command(before_help = "Example: scalbotics task watch task_01K9… --wait=COMPLETED --timeout 10m")]
    Watch(FollowedArgs),
    /// Ask a task to end; an effect on its way is recorded first.
    #[command(before_help = "Example: scalbotics task cancel task_01K9… --wait=CANCELED")]
    Cancel(FollowedArgs),
    /// Submit a failed or canceled task again.
    #[command(before_help = "Example: scalbotics task retry task_01K9… --wait")]
    Retry(FollowedArgs),
    /// Print the output of a completed task as JSON.
    #[command(before_help = "Example: scalbotics task result task_01K9… | jq .report")]
    Result {
        /// The task.
        task: String,
    },
    /// Settle an effect that is IN_DOUBT by your word.
    #[command(before_help = "Example: scalbotics task settle task_01K9… eff_01K9… --landed --reason \"seen in the ledger\"")]
    Settle(settle::SettleArgs),
}

/// Arguments of verbs after which a task may be followed.
#[derive(Debug, Args)]
pub(crate) struct FollowedArgs {
    /// The task.
    task: String,
    /// Until when it is followed.
    #[command(flatten)]
    wait: WaitArgs,
}

pub(super) fn client(session: &Session) -> TaskServiceClient<Proving> {
    TaskServiceClient::new(session.channel.clone())
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: Verb, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Run(args) => submit::run(session, args, printer).await,
        Verb::List(args) => list::list(session, &args, printer).await,
        Verb::Show { task, tree } => {
            let task = show::get(session, &task, false).await?;
            if tree { show::print_tree(&task, printer) } else { show::print(&task, printer) }
        }
        Verb::Watch(FollowedArgs { task, wait }) => {
            follow::follow(session, &session.resource("tasks", &task), wait.wait, printer).await
        }
        Verb::Cancel(FollowedArgs { task, wait }) => {
            let name = session.resource("tasks", &task);
            let request = v1::CancelTaskRequest { name, request_id: session.request_id() };
            let task = client(session).cancel_task(session.request(request)?).await?.into_inner();
            shown_or_followed(session, &task, wait, printer).await
        }
        Verb::Retry(FollowedArgs { task, wait }) => {
            let name = session.resource("tasks", &task);
            let request = v1::RetryTaskRequest { name, request_id: session.request_id() };
            let task = client(session).retry_task(session.request(request)?).await?.into_inner();
            shown_or_followed(session, &task, wait, printer).await
        }
        Verb::Result { task } => show::result(session, &task, printer).await,
        Verb::Settle(args) => settle::settle(session, &args, printer).await,
    }
}

async fn shown_or_followed(session: &Session, task: &v1::Task, wait: WaitArgs, printer: &Printer) -> Result<(), Failure> {
    match wait.wait {
        None => show::print(task, printer),
        until @ Some(_) => follow::follow(session, &task.name, until, printer).await,
    }
}
