//! Approval keys of other tenants' people, enrolled by the approver-admin of the installation.

use crate::command::Answer;
use crate::installation::{Installation, shipped};

/// The statement of an approver-admin is about a human of one tenant, and counts for nobody of another.
#[test]
fn sem_5_2_a_statement_counts_for_a_human_of_its_tenant_alone() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_tenant("beta", "carol");
    let pair = |name: &str| {
        let key = installation.path(name).display().to_string();
        installation.ann(&["human", "keygen", &key]).exits(0);
        format!("{key}.pub")
    };
    let public = pair("carol-approval.pem");
    let uid = installation.of("beta", "carol", &["human", "show", "carol"]).exits(0).json()["uid"].as_str().unwrap().to_owned();
    let bob = installation.ann(&["human", "show", "bob"]).exits(0).json()["uid"].as_str().unwrap().to_owned();
    let statement = |uid: &str, tenant: &[&str]| {
        let mut command = installation.serve(&shipped());
        command.args(["enroll", "--human-uid", uid, "--approval-key", &public]).args(tenant);
        let file = installation.path(&format!("{uid}-{}.enrolment", tenant.concat()));
        std::fs::write(&file, Answer::of(&mut command).exits(0).stdout).unwrap();
        file.display().to_string()
    };
    let carol = |words: &[&str]| installation.of("beta", "carol", &[&["approval", "enroll"], words].concat());
    for tenant in [&[][..], &["--tenant", "acme"], &["--tenant", "gamma"]] {
        let refused = carol(&["carol", "--statement", &statement(&uid, tenant)]).exits(2).error();
        assert_eq!(refused.code, "ENROLMENT_REFUSED", "{tenant:?}: {refused:?}");
    }
    // One that names beta is no statement about anybody of acme.
    let of_beta = statement(&bob, &["--tenant", "beta"]);
    let refused = installation.ann(&["approval", "enroll", "bob", "--statement", &of_beta]).exits(2).error();
    assert_eq!(refused.code, "ENROLMENT_REFUSED", "{refused:?}");
    let good = statement(&uid, &["--tenant", "beta"]);
    assert_eq!(carol(&["carol", "--statement", &good]).exits(0).json()["can_approve"], true);
    // Signed where the configuration is, it names the tenant by itself.
    let newer = pair("carol-newer.pem");
    let config = installation.config().display().to_string();
    assert_eq!(carol(&["carol", "--approval-key", &newer, "--config", &config]).exits(0).json()["can_approve"], true);
}
