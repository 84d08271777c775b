//! `tenant add`: the tenant's first human makes their own key, and only the public half is sent.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use scalbotics_core::secret::{Secret, VALUE_LEN_MAX};
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;

use super::verb;
use crate::commands::human::public_key;
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::Session;

/// What is said of a tenant whose newest commit is in force.
const IN_FORCE: &str = "in_force";

/// Arguments of `tenant add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name, of no other tenant and never of any before.
    #[arg(value_name = "TENANT")]
    name: Name,
    /// Its first human, who administers it; leave out where its people come by an outside issuer.
    #[arg(long, value_name = "NAME", requires = "login_key")]
    admin: Option<Name>,
    /// That human's public login key, the file with `.pub` that `human keygen` made for them.
    #[arg(long, value_name = "FILE", requires = "admin")]
    login_key: Option<PathBuf>,
    /// The remote repository of its desired state, `https://…`; without it one is made on the daemon's host, with a first team, agent and
    /// policies.
    #[arg(long, value_name = "URL")]
    git: Option<String>,
    /// The branch that is followed.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    branch: String,
    /// The user beside the token of the remote repository; `git` where nothing is said.
    #[arg(long, value_name = "USER", requires = "git_token_file")]
    git_user: Option<String>,
    /// A file with a token that may read the remote repository; `-` reads it from stdin. The daemon keeps it as the tenant's secret
    /// `repository-token`.
    #[arg(long, value_name = "FILE", requires = "git")]
    git_token_file: Option<PathBuf>,
    /// The overlay `env/NAME.yaml` of its repository that narrows what is in force.
    #[arg(long, value_name = "NAME")]
    overlay: Option<Name>,
    /// Let its desired state run programs of the daemon's host, and reach addresses of its networks. Whoever writes its repository is trusted
    /// like an operator then.
    #[arg(long)]
    host_access: bool,
    /// Only show which would be added.
    #[arg(long)]
    dry_run: bool,
}

/// Adds a tenant.
pub(super) async fn add(session: &Session, args: &AddArgs, printer: &Printer) -> Result<(), Failure> {
    let login_key = args.login_key.as_deref().map(public_key).transpose()?.unwrap_or_default();
    let token = args.git_token_file.as_deref().map(token).transpose()?;
    let text = |name: &Option<Name>| name.as_ref().map(ToString::to_string).unwrap_or_default();
    let request = v1::AddTenantRequest {
        name: format!("tenants/{}", args.name),
        admin: text(&args.admin),
        login_key,
        remote: args.git.clone().unwrap_or_default(),
        branch: args.branch.clone(),
        remote_user: args.git_user.clone().unwrap_or_default(),
        remote_token: token.map(|token| token.expose().to_vec()).unwrap_or_default(),
        overlay: text(&args.overlay),
        host_access: args.host_access,
        validate_only: args.dry_run,
        request_id: session.request_id(),
    };
    let tenant = verb::client(session).add_tenant(session.request(request)?).await?.into_inner();
    verb::show(&tenant, printer)?;
    if tenant.desired_state != IN_FORCE && !args.dry_run {
        printer.note("nothing of its repository is in force yet: the daemon looks again every half minute, and its log says why");
    }
    if let Some(admin) = args.admin.as_ref().filter(|_| !args.dry_run) {
        let context = &session.context;
        printer.note(&format!("to log in, {admin} copies the trust file {} and runs", context.trust_file.display()));
        printer.note(&format!(
            "  scalbotics context add {tenant}-{admin} --server {} --trust-file TRUST_FILE --of-tenant {tenant} --human {admin} \
             --human-uid {} --login-key KEY_FILE --use",
            context.server,
            tenant.admin_uid,
            tenant = args.name,
        ));
    }
    Ok(())
}

/// The token in a file, without the line break at its end.
fn token(file: &Path) -> Result<Secret, Failure> {
    let wrong = |why: String| {
        let failure = Failure::usage(format!("{} holds no token", file.display())).why(why);
        failure.next("write the token alone into a file, or give it on stdin with `--git-token-file -`")
    };
    let most = u64::try_from(VALUE_LEN_MAX.saturating_add(3)).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|error| wrong(error.to_string()))?;
    while bytes.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        bytes.pop();
    }
    match bytes.len() {
        0 => Err(wrong("it is empty".to_owned())),
        len if len > VALUE_LEN_MAX => Err(wrong(format!("it is longer than {VALUE_LEN_MAX} bytes"))),
        _ => Ok(Secret::new(bytes)),
    }
}
