//! Skills and `AGENTS.md` through the shipped programs: told to the model, shown to people, recorded, and no way to a tool.

use scalbotics_testkit::model::{Answer, ScriptedServer};
use serde_json::json;

use crate::driven::driven_by;
use crate::installation::id;

const SKILL: &str = "workspaces/clerk/skills/read-mail/SKILL.md";

#[test]
fn a_skill_is_told_to_the_model_shown_and_recorded() {
    let server = ScriptedServer::choosing(0, |_| Answer::Say("Done.".to_owned())).unwrap();
    let front = "---\nname: read-mail\ndescription: Reads mail.\nallowed-tools: ledger.pure http.fetch Bash(git:*)\n---\n";
    let installation = driven_by(&server, |desired| {
        desired.files.remove("workspaces/clerk/AGENT.md");
        desired.files.insert("workspaces/clerk/AGENTS.md".to_owned(), "Answer in Latin.\n".to_owned());
        desired.files.insert(SKILL.to_owned(), format!("{front}Open the newest letter.\n"));
    });
    let _daemon = installation.start();
    let shown = installation.ann(&["agent", "show", "clerk"]).exits(0).json();
    assert_eq!(shown["skills"], json!(["read-mail"]));
    assert_eq!(shown["skill_details"]["read-mail"], json!({ "description": "Reads mail.", "tools": ["ledger.pure"] }));
    assert!(!shown["tools"].as_array().unwrap().contains(&json!("http.fetch")), "a skill gave the agent a tool: {shown:#}");
    for file in ["AGENTS.md", "SOUL.md", "skills/read-mail/SKILL.md"] {
        assert!(shown["files"].as_array().unwrap().contains(&json!(file)), "{file}: {shown:#}");
        assert!(shown["digests"][file].as_str().is_some_and(|digest| digest.len() >= 64), "{file}: {shown:#}");
    }
    let task = id(&installation.ann(&["task", "run", "--agent", "clerk", "--detach", "say it"]));
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    let told = server.asked()[0].contents().join("\n");
    for part in
        ["Answer in Latin.", "## Skill `read-mail`", "Reads mail.", "Tools for it: `ledger.pure`.", "Open the newest letter."]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("allowed-tools"), "{told}");
    // What is wrong is refused at the next commit, and what is in force stays.
    let key = ["AK", "IA", "QWERTYUIOPASDFGH"].concat();
    let two = "workspaces/clerk/AGENT.md";
    for (path, text, says) in [
        (SKILL, "---\nname: other\ndescription: x\n---\n".to_owned(), "name is refused"),
        (SKILL, format!("{front}{key}\n"), "a secret stands in this file"),
        (SKILL, "---\nname: read-mail\ndescription: &a x\nlicense: *a\n---\n".to_owned(), "file cannot be read"),
        (two, "Answer in Greek.\n".to_owned(), "agent has two texts"),
    ] {
        installation.commit(&[(path, Some(&text))]);
        let refused = installation.ann(&["repo", "apply"]).exits(7);
        let finding = &refused.json()["findings"][0];
        assert_eq!(finding["what"], says, "{refused:#?}");
        assert!(!refused.stdout.contains(&key));
        let mended = (path == SKILL).then(|| format!("{front}Open the newest letter.\n"));
        installation.commit(&[(path, mended.as_deref())]);
    }
    let applied = installation.ann(&["repo", "apply"]).exits(0).json();
    assert_eq!(applied["findings"], json!([]));
    // One finding is one, and a file as a whole has no line.
    installation.commit(&[("workspaces/clerk/skills/Bad/SKILL.md", Some("x"))]);
    let refused = installation.ann(&["repo", "apply"]).exits(7);
    assert!(refused.error().why.starts_with("it has 1 finding;"), "{refused:#?}");
    assert_eq!(refused.json()["findings"][0]["line"], json!(null));
}
