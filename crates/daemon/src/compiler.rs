//! From a commit's files to a state that can be in force: YAML, the whole snapshot, Cedar.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scalbotics_adapters::git::Yaml;
use scalbotics_adapters::policy::cedar::Engine;
use scalbotics_core::desired::{Finding, FindingKind, Snapshot};
use scalbotics_core::ports::{PolicyEngine, RawFiles};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_runtime::reconcile::{Compiler, InForce};

/// The compiler of one tenant's desired state.
#[derive(Debug)]
pub(crate) struct LocalCompiler {
    tenant: TenantId,
    allowed_roots: Vec<PathBuf>,
    overlay: Option<Name>,
}

impl LocalCompiler {
    /// A compiler that lets agents have mounts below `allowed_roots` and nowhere else, and narrows by this overlay.
    #[must_use]
    pub(crate) const fn new(tenant: TenantId, allowed_roots: Vec<PathBuf>, overlay: Option<Name>) -> Self {
        Self { tenant, allowed_roots, overlay }
    }

    fn check_mounts(&self, snapshot: &Snapshot) -> Vec<Finding> {
        let mut findings = Vec::new();
        for agent in snapshot.agents.values() {
            for mount in agent.mounts.iter().filter(|mount| !self.allows(Path::new(&mount.path))) {
                findings.push(Finding {
                    file: format!("agents/{}.yaml", agent.name),
                    line: None,
                    kind: FindingKind::Value,
                    what: format!("mount `{}` is refused", mount.name),
                    why: format!("`{}` is not below any of workspaces.allowed_roots", mount.path),
                    next: "choose a path below one of them, or have the daemon's operator add a root".to_owned(),
                });
            }
        }
        findings
    }

    /// Whether a mount is at or below an allowed root by its text; links are followed only when a tool opens it.
    fn allows(&self, path: &Path) -> bool {
        self.allowed_roots.iter().any(|root| path.starts_with(root))
    }
}

impl Compiler for LocalCompiler {
    fn compile(&self, files: RawFiles) -> Result<InForce, Vec<Finding>> {
        let snapshot = Snapshot::assemble(self.tenant.clone(), files, &Yaml, self.overlay.as_ref())?;
        let findings = self.check_mounts(&snapshot);
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
    fn roots_are_whole_components() {
        let compiler = LocalCompiler::new(TenantId::parse("acme").unwrap(), vec!["/srv/work".into()], None);
        for (path, wanted) in
            [("/srv/work", true), ("/srv/work/a", true), ("/srv/workshop", false), ("/srv", false), ("/", false)]
        {
            assert_eq!(compiler.allows(Path::new(path)), wanted, "{path}");
        }
        assert!(!LocalCompiler::new(TenantId::parse("acme").unwrap(), Vec::new(), None).allows(Path::new("/srv")));
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
