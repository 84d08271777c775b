use std::sync::Arc;

use super::*;

/// A commit of so many agents, all of them alike but for their names.
fn fleet(agents: usize) -> Texts {
    let mut files = good();
    for number in 0..agents {
        let id = format!("walker-{number}");
        files.insert(format!("agents/{id}.yaml"), agent(&json!({ "id": id })));
        for file in ["SOUL.md", "MEMORY/notes.md"] {
            files.insert(format!("workspaces/{id}/{file}"), b"Walks.".to_vec());
        }
    }
    files
}

#[test]
fn what_agents_have_alike_is_there_once() {
    let snapshot = assemble(fleet(3)).unwrap();
    let [one, other] = ["walker-0", "walker-2"].map(|id| snapshot.agents.get_key_value(&name(id)).unwrap());
    assert!(std::ptr::eq(one.0.as_str(), one.1.name.as_str()), "a name is its key");
    let (one, other) = (one.1, other.1);
    assert_eq!(one.team.as_str().as_ptr(), other.team.as_str().as_ptr());
    assert!(Arc::ptr_eq(&one.description, &other.description) && Arc::ptr_eq(&one.tools, &other.tools));
    assert!(Arc::ptr_eq(&one.workflows, &other.workflows) && Arc::ptr_eq(&one.mounts, &other.mounts));
    assert!(Arc::ptr_eq(&one.programs, &other.programs) && Arc::ptr_eq(&one.bootstrap, &other.bootstrap));
    assert!(Arc::ptr_eq(&one.skills, &other.skills));
    assert!(Arc::ptr_eq(one.model.as_ref().unwrap(), other.model.as_ref().unwrap()));

    let mut files = fleet(3);
    files.insert("agents/walker-2.yaml".to_owned(), agent(&json!({ "id": "walker-2", "tools": ["fs.list", "scan"] })));
    files.insert("workspaces/walker-2/SOUL.md".to_owned(), b"Runs.".to_vec());
    let snapshot = assemble(files).unwrap();
    let [one, other] = ["walker-0", "walker-2"].map(|id| &snapshot.agents[&name(id)]);
    assert_ne!((&one.tools, &one.bootstrap), (&other.tools, &other.bootstrap), "what one has of its own, no other gets");
    assert!(!other.tools.contains(&name("fs.read")) && one.bootstrap["SOUL.md"].text == "Walks.");
    assert!(Arc::ptr_eq(&one.mounts, &other.mounts));
}

#[test]
fn an_agent_and_its_name_are_shared_with_the_commit_before() {
    let before = assemble(fleet(2)).unwrap();
    let mut files = fleet(2);
    files.insert("agents/walker-1.yaml".to_owned(), agent(&json!({ "id": "walker-1", "description": "Runs." })));
    let mut after = assemble(files).unwrap();
    let unshared = after.clone();
    after.share_with(&before);
    assert_eq!(after, unshared);
    let same = |id: &str| {
        let (name, agent) = after.agents.get_key_value(&name(id)).unwrap();
        let (known, earlier) = before.agents.get_key_value(name).unwrap();
        (std::ptr::eq(name.as_str(), known.as_str()), Arc::ptr_eq(agent, earlier))
    };
    assert_eq!((same("clerk"), same("walker-0"), same("walker-1")), ((true, true), (true, true), (false, false)));
}

#[test]
fn an_agent_takes_little() {
    // Ten thousand of them are held as long as their commit is (docs/decisions/0055-what-a-fleet-holds.md).
    assert!(size_of::<Agent>() <= 208, "{}", size_of::<Agent>());
}
