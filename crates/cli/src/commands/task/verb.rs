//! Verbs of `task`.

use clap::Subcommand;
use scalbotics_proto::v1;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use tonic::transport::Channel;

use super::{follow, list, run as submit, settle, show};
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::Session;

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
    #[command(alias = "get", before_help = "Example: scalbotics task show task_01K9…")]
    Show {
        /// The task.
        task: String,
    },
    /// Follow a task's events.
    #[command(before_help = "Example: scalbotics task watch task_01K9…")]
    Watch {
        /// The task.
        task: String,
        /// Follow on while it waits for a person.
        #[arg(long)]
        wait: bool,
    },
    /// Ask a task to end; an effect on its way is recorded first.
    #[command(before_help = "Example: scalbotics task cancel task_01K9…")]
    Cancel {
        /// The task.
        task: String,
    },
    /// Submit a failed or canceled task again.
    #[command(before_help = "Example: scalbotics task retry task_01K9…")]
    Retry {
        /// The task.
        task: String,
    },
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

pub(super) fn client(session: &Session) -> TaskServiceClient<Channel> {
    TaskServiceClient::new(session.channel.clone())
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: Verb, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Run(args) => submit::run(session, args, printer).await,
        Verb::List(args) => list::list(session, &args, printer).await,
        Verb::Show { task } => {
            let task = show::get(session, &task, false).await?;
            show::print(&task, printer)
        }
        Verb::Watch { task, wait } => follow::follow(session, &session.resource("tasks", &task), wait, printer).await,
        Verb::Cancel { task } => {
            let name = session.resource("tasks", &task);
            let request = v1::CancelTaskRequest { name, request_id: session.request_id() };
            let task = client(session).cancel_task(session.request(request)?).await?.into_inner();
            show::print(&task, printer)
        }
        Verb::Retry { task } => {
            let name = session.resource("tasks", &task);
            let request = v1::RetryTaskRequest { name, request_id: session.request_id() };
            let task = client(session).retry_task(session.request(request)?).await?.into_inner();
            show::print(&task, printer)
        }
        Verb::Result { task } => show::result(session, &task, printer).await,
        Verb::Settle(args) => settle::settle(session, &args, printer).await,
    }
}
