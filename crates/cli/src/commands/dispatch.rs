//! From the parsed command line to the verb.

use super::{
    admin, agent, approval, audit, context, exec_verb, human, identity, installation, meta, model, policy, repo, secret, service,
    session, task, team, tenant, tool,
};
use crate::failure::Failure;
use crate::session::Session;
use crate::tree::{Cli, Command};

/// Verbs that need no connection; `None` for those that do.
pub(crate) fn offline(cli: &Cli) -> Option<Result<(), Failure>> {
    let printer = &cli.globals.printer();
    match &cli.command {
        Command::Initialize(passed) => Some(exec_verb("initialize", &passed.arguments)),
        Command::Dev(passed) => Some(exec_verb("dev", &passed.arguments)),
        Command::Admin(verb) => admin::offline(verb),
        Command::Config(passed) => Some(exec_verb("config", &passed.arguments)),
        Command::Context(verb) => Some(context::run(verb, cli.globals.confirm(), printer)),
        Command::Completion { shell } => Some(meta::completion(*shell)),
        Command::Man { directory } => Some(meta::man(directory)),
        Command::Help { topic } => Some(meta::help(topic)),
        Command::Audit(verb) => audit::offline(verb, cli.globals.output),
        Command::Identity(verb) => identity::offline(verb),
        Command::Human(human::Verb::Keygen { file }) | Command::Service(service::Verb::Keygen { file }) => {
            Some(human::keygen(file, printer))
        }
        Command::Login(_)
        | Command::Logout
        | Command::Whoami
        | Command::Status(_)
        | Command::Doctor(_)
        | Command::Version
        | Command::Agent(_)
        | Command::Human(_)
        | Command::Service(_)
        | Command::Team(_)
        | Command::Tenant(_)
        | Command::Task(_)
        | Command::Approval(_)
        | Command::Policy(_)
        | Command::Model(_)
        | Command::Tool(_)
        | Command::Secret(_)
        | Command::Repo(_) => None,
    }
}

/// Verbs that print as things happen, so that nothing else may stand on the terminal.
pub(crate) const fn is_stream(command: &Command) -> bool {
    matches!(
        command,
        Command::Task(task::Verb::Run(_) | task::Verb::Watch(_) | task::Verb::Cancel(_) | task::Verb::Retry(_))
            | Command::Approval(approval::Verb::Watch(_))
            | Command::Status(_)
            | Command::Login(_)
            | Command::Audit(audit::Verb::Tail { .. })
            | Command::Agent(agent::Verb::Logs(_) | agent::Verb::Enroll(_) | agent::Verb::Run(_))
    )
}

/// Verbs that talk to the daemon.
pub(crate) async fn online(cli: Cli) -> Result<(), Failure> {
    let globals = &cli.globals;
    let printer = &globals.printer();
    match cli.command {
        Command::Login(args) => return session::login(globals, args).await,
        Command::Logout => return session::logout(globals).await,
        Command::Doctor(args) => return installation::doctor(globals, &args).await,
        Command::Agent(agent::Verb::Enroll(args)) => return agent::enroll(&args, printer).await,
        Command::Agent(agent::Verb::Run(args)) => return agent::attend(&args, printer).await,
        Command::Version => return installation::version(globals).await,
        Command::Initialize(_)
        | Command::Dev(_)
        | Command::Config(_)
        | Command::Context(_)
        | Command::Completion { .. }
        | Command::Man { .. }
        | Command::Help { .. } => return Ok(()),
        Command::Whoami
        | Command::Status(_)
        | Command::Agent(_)
        | Command::Human(_)
        | Command::Service(_)
        | Command::Team(_)
        | Command::Tenant(_)
        | Command::Task(_)
        | Command::Approval(_)
        | Command::Policy(_)
        | Command::Model(_)
        | Command::Tool(_)
        | Command::Secret(_)
        | Command::Identity(_)
        | Command::Audit(_)
        | Command::Admin(_)
        | Command::Repo(_) => {}
    }
    let mut session = Session::open(globals).await?;
    match cli.command {
        Command::Whoami => session::whoami(&session, printer).await,
        Command::Status(args) => installation::status(&mut session, &args, printer).await,
        Command::Agent(verb) => agent::run(&session, verb, globals.confirm(), printer).await,
        Command::Human(verb) => human::run(&session, &verb, globals.confirm(), printer).await,
        Command::Service(verb) => service::run(&session, &verb, globals.confirm(), printer).await,
        Command::Tenant(verb) => tenant::run(&session, &verb, globals.confirm(), printer).await,
        Command::Team(verb) => team::run(&session, &verb, globals.confirm(), printer).await,
        Command::Task(verb) => task::run(&session, verb, printer).await,
        Command::Approval(verb) => approval::run(&mut session, &verb, printer).await,
        Command::Policy(verb) => policy::run(&session, &verb, printer).await,
        Command::Model(verb) => model::run(&session, &verb, printer).await,
        Command::Tool(verb) => tool::run(&session, &verb, printer).await,
        Command::Audit(verb) => audit::run(&session, &verb, printer).await,
        Command::Secret(verb) => secret::run(&session, &verb, globals.confirm(), printer).await,
        Command::Identity(verb) => identity::run(&session, &verb, globals.confirm(), printer).await,
        Command::Admin(verb) => admin::run(&session, &verb, globals.confirm(), printer).await,
        Command::Repo(verb) => repo::run(&session, &verb, printer).await,
        Command::Initialize(_)
        | Command::Dev(_)
        | Command::Config(_)
        | Command::Login(_)
        | Command::Logout
        | Command::Doctor(_)
        | Command::Version
        | Command::Context(_)
        | Command::Completion { .. }
        | Command::Man { .. }
        | Command::Help { .. } => Ok(()),
    }
}
