//! Desired state: a bad commit leaves the last good one in force and says so.

use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use scalbotics_proto::v1::installation_service_client::InstallationServiceClient;
use scalbotics_proto::v1::repository_service_client::RepositoryServiceClient;

use crate::world::{World, with};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_commit_leaves_the_good_one_in_force() {
    let mut world = World::open().await;
    let token = world.token("ann").await;
    let mut client = RepositoryServiceClient::new(world.channel.clone());
    let before = client.get_repository(with(&token, v1::GetRepositoryRequest::default())).await.unwrap().into_inner();
    assert!(before.findings.is_empty() && before.commit == before.head, "{before:?}");
    for (path, text, part) in [
        ("policies/bad.cedar", "permit (principal, action, resource) when { 1 + };", "policies/bad.cedar"),
        ("policies/bad.cedar", "permit (principal, action == Action::\"fly\", resource);", "fly"),
        ("policies/bad.cedar", "// mended", ""),
        ("agents/clerk.yaml", "id: clerk\nteam: ops\ndescription: x\nmounts: [{name: work, path: /etc}]\n", "allowed_roots"),
        ("agents/clerk.yaml", "id: [", "agents/clerk.yaml"),
    ] {
        let head = world.commit(&[(path, text)]);
        let seen = client.reload_repository(with(&token, v1::ReloadRepositoryRequest::default())).await.unwrap().into_inner();
        assert_eq!(seen.head, head);
        if part.is_empty() {
            assert!(seen.findings.is_empty() && seen.commit == head, "{seen:?}");
            continue;
        }
        assert_ne!(seen.commit, head);
        assert!(format!("{:?}", seen.findings).contains(part), "{seen:?}");
        let installation = InstallationServiceClient::new(world.channel.clone())
            .get_installation(with(&token, v1::GetInstallationRequest {}))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(installation.health, "degraded");
        assert!(installation.reasons.iter().any(|reason| reason.contains("refused")), "{installation:?}");
    }
    // A restart over a refused head brings the last good commit back.
    world.restart().await;
    let token = world.token("ann").await;
    let mut client = RepositoryServiceClient::new(world.channel.clone());
    let seen = client.get_repository(with(&token, v1::GetRepositoryRequest::default())).await.unwrap().into_inner();
    assert!(!seen.commit.is_empty() && seen.commit != seen.head, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_9_4_the_overlay_that_the_configuration_names_is_in_force() {
    let mut world = World::open().await;
    let head = world.commit(&[("env/prod.yaml", "agents:\n  clerk:\n    tools: [fs.read]\n    workflows: [read]\n")]);
    let mut tools = Vec::new();
    for values in [&[][..], &["repository.overlay=prod"]] {
        world.restart_with(values).await;
        let token = world.token("ann").await;
        let request = v1::GetAgentRequest { name: "tenants/acme/agents/clerk".to_owned() };
        let agent = AgentServiceClient::new(world.channel.clone()).get_agent(with(&token, request)).await.unwrap().into_inner();
        tools.push(agent.tools);
        let mut client = RepositoryServiceClient::new(world.channel.clone());
        let seen = client.get_repository(with(&token, v1::GetRepositoryRequest::default())).await.unwrap().into_inner();
        assert!(seen.findings.is_empty() && seen.commit == head, "{seen:?}");
    }
    assert_eq!(tools, [vec!["fs.read", "stamp"], vec!["fs.read"]]);
    // One that would widen is a bad commit: the narrow state stays in force.
    world.commit(&[("env/prod.yaml", "agents:\n  clerk:\n    tools: [fs.read, fs.write]\n    workflows: [read]\n")]);
    let token = world.token("ann").await;
    let mut client = RepositoryServiceClient::new(world.channel.clone());
    let seen = client.reload_repository(with(&token, v1::ReloadRepositoryRequest::default())).await.unwrap().into_inner();
    assert_eq!(seen.commit, head);
    assert!(format!("{:?}", seen.findings).contains("env/prod.yaml"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn desired_state_cannot_name_what_is_the_daemons_own_or_lies_outside() {
    let world = World::open().await;
    let token = world.token("ann").await;
    let mut client = RepositoryServiceClient::new(world.channel.clone());
    let own = world.path("box");
    std::os::unix::fs::symlink("/etc", world.path("work/out")).unwrap();
    let agent = |path: &std::path::Path| {
        format!("id: clerk\nteam: ops\ndescription: x\nmounts: [{{name: work, path: {}}}]\n", path.display())
    };
    let tool = |field: &str, path: &std::path::Path| {
        let head = "id: copy\ndescription: x\nargv: [/bin/true]\ninput: {type: object, properties: {}}\ntier: 0\neffect: pure\n";
        format!("{head}{field}: [{}]\n", path.display())
    };
    for (path, text, part) in [
        ("agents/clerk.yaml", agent(&world.path("work/out")), "not below any of workspaces.allowed_roots"),
        ("agents/clerk.yaml", agent(&own.join("keys")), "belongs to the daemon"),
        ("agents/clerk.yaml", agent(&world.path("work")), ""),
        ("tools/copy.yaml", tool("read_paths", &own.join("data")), "belongs to the daemon"),
        ("tools/copy.yaml", tool("write_paths", &own), "belongs to the daemon"),
        ("tools/copy.yaml", tool("write_paths", std::path::Path::new("/")), "belongs to the daemon"),
        ("tools/copy.yaml", tool("write_paths", &world.path("elsewhere")), ""),
    ] {
        let head = world.commit(&[(path, &text)]);
        let seen = client.reload_repository(with(&token, v1::ReloadRepositoryRequest::default())).await.unwrap().into_inner();
        assert_eq!(seen.commit == head, part.is_empty(), "{text}: {seen:?}");
        assert!(seen.findings.iter().all(|finding| finding.why.contains(part) && !finding.next.is_empty()), "{seen:?}");
    }
}
