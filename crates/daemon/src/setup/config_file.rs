//! The configuration that `initialize` writes once; afterwards it is the installation's.

use scalbotics_core::shell_word;
use toml::Value;

use super::report::{Change, Report};
use super::{Error, Plan, error};
use crate::layout;

/// Writes the configuration where there is none.
pub(super) fn make(plan: &Plan, report: &mut Report) -> Result<(), Error> {
    let path = plan.path(layout::CONFIG);
    if path.try_exists().map_err(error::file("look at", &path))? {
        report.note("configuration", Change::Unchanged, layout::CONFIG);
        return Ok(());
    }
    let mode = scalbotics_identity::private_file::PUBLIC_MODE;
    scalbotics_identity::private_file::replace(&path, text(plan).as_bytes(), mode)
        .map_err(error::keys("write the configuration"))?;
    report.note("configuration", Change::Created, layout::CONFIG);
    Ok(())
}

fn text(plan: &Plan) -> String {
    let mut roots: Vec<String> = vec![plan.path(super::starter::FOLDER).display().to_string()];
    roots.extend(plan.workspace_roots.iter().map(|root| root.display().to_string()));
    let roots: Vec<Value> = roots.into_iter().map(Value::String).collect();
    let path = plan.path(layout::CONFIG).display().to_string();
    // A comment ends with its line.
    let shown = if path.contains(char::is_control) { "FILE" } else { path.as_str() };
    format!(
        "# Configuration of scalboticsd; every key: scalboticsd --config {} config show --origin\n\n\
         [installation]\nid = \"{}\"\ntrust_domain = \"{}\"\ntenant = \"{}\"\ndata_dir = \"{}\"\ndev = {}\n\n\
         [server]\nlisten = \"{}\"\nadmin_listen = \"{}\"\n\n\
         [keystore]\npath = \"{}\"\nkey_file = \"{}\"\n\n\
         [trust]\nfile = \"{}\"\n\n\
         [repository]\npath = {}\n{}\
         {}\
         {}\
         [workspaces]\nallowed_roots = {}\n",
        shell_word(shown),
        plan.installation,
        plan.trust_domain,
        plan.tenant,
        layout::DATA,
        plan.dev,
        plan.listen,
        plan.admin_listen,
        layout::KEYSTORE,
        layout::KEYSTORE_KEY,
        layout::TRUST,
        quote(&plan.repository.display().to_string()),
        upstream(plan),
        issuer(plan),
        egress(plan),
        Value::Array(roots),
    )
}

fn upstream(plan: &Plan) -> String {
    let Some(upstream) = &plan.upstream else { return "\n".to_owned() };
    let (url, user, token) = (quote(upstream.address.as_str()), quote(&upstream.user), quote(layout::TOKEN_SECRET));
    format!("url = {url}\nuser = {user}\ntoken = {token}\n\n")
}

fn issuer(plan: &Plan) -> String {
    let Some(url) = &plan.issuer else { return String::new() };
    let recorded = format!("[issuer]\nurl = {}\nkeys = {}\n", quote(url), quote(layout::ISSUER_KEYS));
    let Some(trusted) = &plan.trusted else { return recorded + "\n" };
    // Without it nobody could log in before an administrator comes by the issuer.
    let open = format!("{recorded}# Until an administrator logs in by the issuer; then take it out.\nbreak_glass = true\n");
    crate::config::edit::with_issuer(&open, trusted) + "\n"
}

fn egress(plan: &Plan) -> String {
    let Some(path) = &plan.ca_bundle else { return String::new() };
    format!("[egress]\nca_bundle = {}\n\n", quote(&path.display().to_string()))
}

fn quote(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
