//! From a commit's files to a state that can be in force: YAML, the whole snapshot, Cedar.

use std::path::Path;
use std::sync::Arc;

use scalbotics_adapters::attest::Rights;
use scalbotics_adapters::git::Yaml;
use scalbotics_adapters::policy::cedar::Engine;
use scalbotics_core::desired::{Finding, FindingKind, Snapshot};
use scalbotics_core::ports::{PolicyEngine, RawFiles};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::tool::Kind;
use scalbotics_runtime::reconcile::{Compiler, InForce};

use crate::places::{Places, Refused};
use crate::tenants::guest;

/// The compiler of one tenant's desired state.
#[derive(Debug)]
pub(crate) struct LocalCompiler {
    tenant: TenantId,
    places: Arc<Places>,
    overlay: Option<Name>,
    /// Whose programs may be looked at, where the Workload API is served.
    rights: Option<Rights>,
    /// Of a tenant that does not operate the installation: whether it may have the host all the same.
    guest: Option<bool>,
}

impl LocalCompiler {
    /// A compiler that lets agents and tools have these places and no others, and narrows by this overlay.
    #[must_use]
    pub(crate) const fn new(tenant: TenantId, places: Arc<Places>, overlay: Option<Name>) -> Self {
        Self { tenant, places, overlay, rights: None, guest: None }
    }

    /// The same for a daemon that serves the Workload API with these rights: selectors that it could never see are refused.
    #[must_use]
    pub(crate) const fn attesting(mut self, rights: Option<Rights>) -> Self {
        self.rights = rights;
        self
    }

    /// The same for a tenant that does not operate the installation; with access to the host where an operator trusts it with that.
    #[must_use]
    pub(crate) const fn of_guest(mut self, host_access: bool) -> Self {
        self.guest = Some(host_access);
        self
    }

    fn check_guest(&self, snapshot: &Snapshot) -> Vec<Finding> {
        match self.guest {
            None => Vec::new(),
            Some(true) => guest::workloads(snapshot),
            Some(false) => [guest::workloads(snapshot), guest::of_host(snapshot)].concat(),
        }
    }

    fn check_workloads(&self, snapshot: &Snapshot) -> Vec<Finding> {
        let Some(rights) = self.rights else { return Vec::new() };
        let workloads = snapshot.agents.iter().filter_map(|(name, agent)| Some((name, agent.workload.as_deref()?)));
        let unseen = workloads.filter(|(_, workload)| {
            let user = workload.unix.as_ref().map_or((None, None), |unix| (unix.uid, unix.gid));
            workload.wanted().is_of_program() && !rights.see(user.0, user.1)
        });
        let finding = |(name, _)| Finding {
            file: format!("agents/{name}.yaml"),
            line: None,
            kind: FindingKind::Value,
            what: "workload is refused: path and sha256 of another user's process cannot be seen".to_owned(),
            why: "the daemon has not the capability CAP_SYS_PTRACE".to_owned(),
            next: "give the daemon's service that capability, name the daemon's own user, or select by user and unit".to_owned(),
        };
        unseen.map(finding).collect()
    }

    fn check_mounts(&self, snapshot: &Snapshot) -> Vec<Finding> {
        let agents = snapshot.agents.values();
        let mounts = agents.flat_map(|agent| agent.mounts.iter().map(move |mount| (agent, mount)));
        let refused = mounts.filter_map(|(agent, mount)| {
            let refused = self.places.mount(Path::new(&mount.path)).err()?;
            Some(finding(format!("agents/{}.yaml", agent.name), format!("mount `{}` is refused", mount.name), &refused))
        });
        refused.collect()
    }

    fn check_tools(&self, snapshot: &Snapshot) -> Vec<Finding> {
        let mut findings = Vec::new();
        for tool in snapshot.tools.values() {
            let Kind::Process(manifest) = &tool.kind else { continue };
            for path in manifest.read_paths.iter().chain(&manifest.write_paths) {
                if let Err(refused) = self.places.tool(Path::new(path)) {
                    findings.push(finding(format!("tools/{}.yaml", tool.id), format!("path `{path}` is refused"), &refused));
                }
            }
        }
        findings
    }
}

/// Without a policy nobody may do anything, also not look at what is wrong: a folder that was deleted by mistake, never a wish.
fn check_policies(snapshot: &Snapshot) -> Vec<Finding> {
    if !snapshot.policies.is_empty() {
        return Vec::new();
    }
    let finding = Finding {
        file: "policies/".to_owned(),
        line: None,
        kind: FindingKind::Layout,
        what: "the repository has no policy".to_owned(),
        why: "without any, everything is denied to everybody".to_owned(),
        next: "restore policies/*.cedar; to stop an agent, remove its file".to_owned(),
    };
    vec![finding]
}

fn finding(file: String, what: String, refused: &Refused) -> Finding {
    let next = match refused {
        Refused::Outside { .. } => "choose a path below one of them, or have the daemon's operator add a root",
        Refused::Own { .. } => "choose a path that has nothing to do with the installation's own files",
        Refused::Unknown { .. } => "choose a path without broken links that the daemon may follow",
    };
    Finding { file, line: None, kind: FindingKind::Value, what, why: refused.to_string(), next: next.to_owned() }
}

impl Compiler for LocalCompiler {
    fn compile(&self, files: RawFiles) -> Result<InForce, Vec<Finding>> {
        let snapshot = Snapshot::assemble(self.tenant.clone(), files, &Yaml, self.overlay.as_ref())?;
        let mut findings = check_policies(&snapshot);
        findings.extend(self.check_mounts(&snapshot));
        findings.extend(self.check_tools(&snapshot));
        findings.extend(self.check_workloads(&snapshot));
        findings.extend(self.check_guest(&snapshot));
        if !findings.is_empty() {
            return Err(findings);
        }
        let engine = Engine::compile(&snapshot.policies, &snapshot.tools_with_builtins())?;
        let engines: Vec<Arc<dyn PolicyEngine>> = vec![Arc::new(engine)];
        Ok(InForce::new(snapshot, engines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_without_policies_is_refused() {
        let compiler = LocalCompiler::new(TenantId::parse("acme").unwrap(), Arc::default(), None);
        let files = RawFiles { commit: "c0".to_owned(), files: [("teams/README.md".to_owned(), Vec::new())].into() };
        let findings = compiler.compile(files).unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!((findings[0].file.as_str(), findings[0].kind), ("policies/", FindingKind::Layout));
    }

    /// The blocks of a language in the page about destinations.
    fn shown(language: &str) -> Vec<String> {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/destinations.md")).unwrap();
        let blocks = page.split("```").skip(1).step_by(2);
        blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n').map(str::to_owned)).collect()
    }

    #[test]
    fn what_the_page_of_destinations_shows_is_accepted() {
        let (yaml, cedar) = (shown("yaml"), shown("cedar"));
        let [destination, steps, programs] = yaml.as_slice() else { panic!("{yaml:?}") };
        let [guard, rule] = cedar.as_slice() else { panic!("{cedar:?}") };
        let tools = programs.replace("[process.run]", "[process.run, http.fetch, http.fetch.payments]");
        let input = "{type: object, properties: {}}";
        let mut files: std::collections::BTreeMap<String, String> = [
            ("teams/ops.yaml", "id: ops\ndescription: Operations.\n".to_owned()),
            ("agents/clerk.yaml", format!("id: clerk\nteam: ops\ndescription: Pays.\nworkflows: [pay]\n{tools}")),
            ("destinations/payments.yaml", destination.clone()),
            ("workflows/pay.yaml", format!("id: pay\ndescription: Pays.\ninput: {input}\n{steps}")),
            ("policies/charges.cedar", rule.clone()),
        ]
        .map(|(path, text)| (path.to_owned(), text))
        .into();
        for (path, text) in scalbotics_adapters::policy::defaults() {
            let text = if *path == "policies/guardrails.cedar" { guard } else { *text };
            files.insert((*path).to_owned(), text.to_owned());
        }
        let files = files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
        let compiler = LocalCompiler::new(TenantId::parse("acme").unwrap(), Arc::default(), None);
        let in_force = compiler.compile(RawFiles { commit: "c0".to_owned(), files });
        assert!(in_force.is_ok(), "{:?}", in_force.err());
    }

    #[test]
    fn the_engine_names_the_bundle_as_the_snapshot_does() {
        let policies = scalbotics_adapters::policy::defaults();
        let files = policies.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        let files = RawFiles { commit: "c0".to_owned(), files };
        let snapshot = Snapshot::assemble(TenantId::parse("acme").unwrap(), files, &Yaml, None).unwrap();
        let engine = Engine::compile(&snapshot.policies, &snapshot.tools_with_builtins()).unwrap();
        assert_eq!(engine.bundle(), snapshot.bundle_digest);
    }
}
