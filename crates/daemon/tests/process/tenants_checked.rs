//! What `doctor` looks at of tenants beside the one that operates the installation.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::doctor::{doctor, finds};
use crate::installation::Installation;

/// What is looked at of the operating tenant's repository is looked at of the others', which are named.
#[test]
fn another_tenants_repository_is_looked_at_too() {
    let installation = Installation::new();
    assert!(doctor(&installation, &[]).0.iter().all(|check| check["name"] != "tenants" && check["name"] != "tenant folders"));
    let daemon = installation.start();
    installation.add_tenant("beta", "carol");
    installation.add_tenant("gamma", "gus");
    installation.set_tenant("gamma", false);
    let dir = installation.tenant_dir("beta");
    let checked = doctor(&installation, &[]);
    assert!(checked.failed().is_empty(), "{:#?}", checked.0);
    assert!(checked.named("tenants")["detail"].as_str().unwrap().contains("1 others are as they must be; 1 are suspended"));
    assert!(daemon.stop().0.success());

    // A tool of beta names a secret that beta has not; that acme has one of the name is no matter.
    let tool = json!({
        "id": "mail", "description": "Writes.", "argv": ["/bin/true"], "tier": 2, "effect": "opaque",
        "input": { "type": "object", "properties": {} }, "secrets": [{ "name": "secret://beta/mail-token", "env": "TOKEN" }],
    });
    installation.commit_of_tenant("beta", &[("tools/mail.yaml", &tool.to_string())]);
    finds(&installation, "secrets", "tenant `beta`: mail-token is named", "scalbotics secret put mail-token");
    installation.commit_of_tenant("beta", &[("tools/mail.yaml", "id: mail\n")]);
    finds(&installation, "desired state", "tenant `beta`: commit ", "mend the files and commit");
    let (repository, aside) = (dir.join("desired.git"), installation.path("aside"));
    std::fs::rename(&repository, &aside).unwrap();
    finds(&installation, "desired state", "tenant `beta`: ", &format!("put the repository back at {}", repository.display()));
    std::fs::rename(&aside, &repository).unwrap();
    std::fs::remove_dir_all(dir.join("files")).unwrap();
    let checked = doctor(&installation, &["--fix"]);
    assert!(checked.named("tenant folders")["fixed"].as_str().unwrap().contains("made 1 folders"), "{:#?}", checked.0);
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let checked = doctor(&installation, &[]);
    assert!(checked.failed().contains(&"tenant folders"), "{:#?}", checked.0);
    assert!(checked.named("tenant folders")["next"].as_str().unwrap().contains(&format!("chmod 700 {}", dir.display())));
    let checked = doctor(&installation, &["--fix"]);
    assert!(checked.named("tenant folders")["fixed"].as_str().unwrap().contains("closed 1"), "{:#?}", checked.0);
}
