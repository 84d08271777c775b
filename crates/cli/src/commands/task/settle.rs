//! `task settle`

use clap::Args;
use scalbotics_proto::v1;

use super::{show, verb};
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::Session;

/// Arguments of `task settle`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("verdict").required(true).args(["landed", "not_landed"])))]
pub(crate) struct SettleArgs {
    /// The task.
    task: String,
    /// The effect that is IN_DOUBT.
    effect: String,
    /// It landed: go on without sending again.
    #[arg(long)]
    landed: bool,
    /// It did not land: it may be sent again.
    #[arg(long)]
    not_landed: bool,
    /// Its result as JSON, where later steps need one.
    #[arg(long, value_name = "JSON", requires = "landed")]
    result: Option<String>,
    /// How you know.
    #[arg(long)]
    reason: String,
}

/// Settles an effect.
pub(super) async fn settle(session: &Session, args: &SettleArgs, printer: &Printer) -> Result<(), Failure> {
    let result = args.result.as_deref().map(|text| wire::parse("--result", text)).transpose()?;
    let request = v1::SettleEffectRequest {
        name: session.resource("tasks", &args.task),
        effect: args.effect.clone(),
        landed: args.landed,
        result: result.map(wire::value),
        reason: args.reason.clone(),
        request_id: session.request_id(),
    };
    let task = verb::client(session).settle_effect(session.request(request)?).await?.into_inner();
    show::print(&task, printer)
}
