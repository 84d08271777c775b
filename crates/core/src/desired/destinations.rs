//! From destinations to the tools that they make.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::FindingKind;
use super::finding::{Finding, line_of};
use super::read::Files;
use crate::tenant::{Name, TenantId};
use crate::tool::Definition;

/// The tools of the destinations, each `http.fetch.<id>`; what is wrong is a finding.
pub(super) fn tools(tenant: &TenantId, files: &Files, findings: &mut Vec<Finding>) -> BTreeMap<Name, Arc<Definition>> {
    let mut tools = BTreeMap::new();
    for (id, file) in &files.destinations {
        let Some(file) = file else { continue };
        let what = format!("destination `{id}` is refused");
        if let Some(foreign) = file.value.secret.as_ref().filter(|given| given.name.tenant != *tenant) {
            let why = format!("it wants `{}`, and a call carries secrets of its own tenant only", foreign.name);
            let next = format!("name `secret://{tenant}/{0}`, and put it with `scalbotics secret put {0}`", foreign.name.name);
            let line = line_of(&file.text, &foreign.name.to_string());
            findings.push(Finding::new(&file.path, FindingKind::Reference, what, why, next).at(line));
            continue;
        }
        match Definition::of_destination(file.value.clone()) {
            Ok(tool) => drop(tools.insert(tool.id.clone(), Arc::new(tool))),
            Err(error) => {
                let next = "mend the field; the file's JSON Schema lists them all";
                let finding = Finding::new(&file.path, FindingKind::Value, what, error.to_string(), next);
                findings.push(finding.at(line_of(&file.text, error.field())));
            }
        }
    }
    tools
}
