//! Joining through the API: signing requests that other programs make, certificates that are presented, and what an agent may ask by one.

use std::process::Command;

use scalbotics_daemon::rpc::methods::{self, Admission};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::{certificate, signing_request, tls};
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use scalbotics_proto::v1::identity_service_client::IdentityServiceClient;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::proving::Proving;
use crate::wire::call;
use crate::world::{World, connect, with};

/// What an agent may ask by its certificate.
const MAY: [&str; 6] = ["identity.renew", "installation.status", "session.whoami", "task.read", "task.watch", "worker.attend"];

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

impl World {
    async fn join_token(&self) -> String {
        let token = self.token("ann").await;
        let request = v1::CreateJoinTokenRequest { name: "tenants/acme/agents/clerk".to_owned(), request_id: String::new() };
        let made = AgentServiceClient::new(self.channel.clone()).create_join_token(with(&token, request)).await.unwrap();
        made.into_inner().token
    }

    async fn enroll(&self, token: &str, signing_request: Vec<u8>) -> Result<v1::Certificate, Status> {
        let request = v1::EnrollRequest { agent: "clerk".to_owned(), token: token.to_owned(), signing_request };
        Ok(IdentityServiceClient::new(self.channel.clone()).enroll(request).await?.into_inner())
    }

    /// A connection by a certificate.
    async fn as_agent(&self, key: Pair, chain: &str) -> Proving {
        let identity = tls::Identity { chain: certificate::from_pem(chain).unwrap(), key };
        connect(&self.plan, self.running.as_ref().unwrap().api(), Some(&identity)).await
    }
}

/// A signing request that openssl makes, DER.
fn asked(dir: &std::path::Path, key: &[&str], more: &[&str]) -> Vec<u8> {
    let out = dir.join("request.der");
    let mut command = Command::new("openssl");
    command.args(["req", "-new", "-nodes", "-batch", "-subj", "/CN=somebody else", "-outform", "DER", "-keyout"]);
    command.arg(dir.join("request.key")).arg("-out").arg(&out).args(key).args(more);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn security_6_a_request_gets_the_registered_identity_or_nothing() {
    let world = World::open().await;
    let (token, dir) = (world.join_token().await, tempfile::tempdir().unwrap());
    let p256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let own = "spiffe://acme.test/acme/agent/clerk";
    let san = |names: &str| format!("subjectAltName={names}");
    let hostile = [
        (p256, san("URI:spiffe://acme.test/acme/agent/lead")),
        (p256, san("URI:spiffe://acme.test/system/daemon/daemon")),
        (p256, san(&format!("URI:{own},URI:spiffe://acme.test/acme/agent/lead"))),
        (p256, san(&format!("URI:{own},DNS:localhost"))),
        (p256, "basicConstraints=critical,CA:TRUE".to_owned()),
        (p256, "keyUsage=critical,keyCertSign".to_owned()),
        (p256, "nameConstraints=permitted;URI:.acme.test".to_owned()),
        (&["-newkey", "rsa:512"], san(&format!("URI:{own}"))),
        (&["-newkey", "rsa:2048"], san(&format!("URI:{own}"))),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], san(&format!("URI:{own}"))),
    ];
    for (key, extension) in hostile {
        let refused = world.enroll(&token, asked(dir.path(), key, &["-addext", &extension])).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned()),
            "{key:?} {extension}"
        );
    }
    for bad in [Vec::new(), vec![0x30; 40], vec![0; 9_000]] {
        assert_eq!(world.enroll(&token, bad).await.unwrap_err().code(), Code::InvalidArgument);
    }
    // None of them used the token up; the subject that openssl writes means nothing.
    let good = world.enroll(&token, asked(dir.path(), p256, &["-addext", &san(&format!("URI:{own}"))])).await.unwrap();
    assert_eq!(good.spiffe_id, own);
    let leaf = certificate::from_pem(&good.chain).unwrap();
    assert!(!String::from_utf8_lossy(&leaf[0]).contains("somebody else"));
    let again = world.enroll(&token, asked(dir.path(), p256, &[])).await.unwrap_err();
    assert_eq!(reason(&again), "JOIN_REFUSED");
    let junk = world.enroll(&token, vec![0x30; 40]).await.unwrap_err();
    assert_eq!(
        (junk.message(), reason(&junk)),
        (again.message(), reason(&again)),
        "nor of a request beside a token that was used"
    );
    let guess = world.enroll(&token.replace("sbj1.", "sbj1.A"), asked(dir.path(), p256, &[])).await.unwrap_err();
    assert_eq!((guess.message(), reason(&guess)), (again.message(), reason(&again)), "one text for everything");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_asks_by_its_certificate_what_is_its_own_and_nothing_else() {
    let world = World::open().await;
    let key = Pair::generate(Algorithm::P256).unwrap();
    let joined = world.enroll(&world.join_token().await, signing_request::make(&key).unwrap()).await.unwrap();
    let again = Pair::from_pkcs8_der(&key.to_pkcs8_der().unwrap()).unwrap();
    let channel = world.as_agent(key, &joined.chain).await;
    let me = SessionServiceClient::new(channel.clone()).who_am_i(v1::WhoAmIRequest {}).await.unwrap().into_inner();
    assert_eq!((me.kind.as_str(), me.display_name.as_str(), me.sponsor.as_str()), ("agent", "clerk", "ann"));
    assert_eq!((me.groups, me.expire_time), (vec!["ops".to_owned()], joined.expire_time));
    // Whatever policy permits it: careless rules permit everything.
    world.commit(&[("policies/careless.cedar", "@id(\"everything\")\npermit (principal, action, resource);\n")]);
    let token = world.token("ann").await;
    let reload = v1::ReloadRepositoryRequest { name: "tenants/acme/repository".to_owned(), ..Default::default() };
    let mut repository = v1::repository_service_client::RepositoryServiceClient::new(world.channel.clone());
    assert!(repository.reload_repository(with(&token, reload)).await.unwrap().into_inner().findings.is_empty());
    for row in methods::all().filter(|row| row.admission == Admission::Policy) {
        let action = row.method.action.unwrap_or_default();
        let answer = call(&channel, row.method.path, Vec::new(), None).await;
        let denied = answer.err().is_some_and(|status| reason(&status) == "POLICY_DENIED");
        // A request without content may be refused before policy is asked.
        assert!(!denied || !MAY.contains(&action), "{action}");
        if ["agent.list", "human.list", "secret.list", "identity.authorities", "audit.read", "identity.svids"].contains(&action) {
            assert!(denied, "{action}");
        }
    }
    // A person's token does not count on its connection (semantics 4.4).
    let mixed = SessionServiceClient::new(channel.clone()).who_am_i(with(&token, v1::WhoAmIRequest {})).await.unwrap_err();
    assert_eq!(mixed.code(), Code::Unauthenticated);
    // It renews with a new key, and only so.
    let mut client = IdentityServiceClient::new(channel);
    let same = v1::RenewSvidRequest { signing_request: signing_request::make(&again).unwrap(), ..Default::default() };
    assert_eq!(client.renew_svid(same).await.unwrap_err().code(), Code::InvalidArgument);
    let next = Pair::generate(Algorithm::Ed25519).unwrap();
    let wanted = v1::RenewSvidRequest { signing_request: signing_request::make(&next).unwrap(), request_id: "once".to_owned() };
    let renewed = client.renew_svid(wanted.clone()).await.unwrap().into_inner();
    assert_ne!(renewed.serial, joined.serial);
    // The answer may have been lost: the same request gets the same certificate, and another key none under its id (semantics 9.1).
    assert_eq!(client.renew_svid(wanted.clone()).await.unwrap().into_inner(), renewed);
    let other = signing_request::make(&Pair::generate(Algorithm::P256).unwrap()).unwrap();
    let reused = client.renew_svid(v1::RenewSvidRequest { signing_request: other, ..wanted }).await.unwrap_err();
    assert_eq!(reused.code(), Code::InvalidArgument);
    let all = IdentityServiceClient::new(world.channel.clone()).list_svids(with(&token, v1::ListSvidsRequest::default())).await;
    assert_eq!(all.unwrap().into_inner().svids.len(), 2, "no certificate more");
    let channel = world.as_agent(next, &renewed.chain).await;
    SessionServiceClient::new(channel.clone()).who_am_i(v1::WhoAmIRequest {}).await.unwrap();
    // Nobody else renews, whatever policy permits.
    let human = IdentityServiceClient::new(world.channel.clone()).renew_svid(with(&token, v1::RenewSvidRequest::default())).await;
    assert_eq!(human.unwrap_err().code(), Code::InvalidArgument);
    // Who let it join may not act any more, so neither may it.
    let suspend = v1::HumanStandingRequest { name: "tenants/acme/humans/ann".to_owned(), ..Default::default() };
    let mut humans = v1::human_service_client::HumanServiceClient::new(world.channel.clone());
    let bind = v1::BindHumanRequest {
        name: "tenants/acme/humans/bob".to_owned(),
        add_groups: vec!["admins".to_owned()],
        ..Default::default()
    };
    humans.bind_human(with(&token, bind)).await.unwrap();
    humans.suspend_human(with(&token, suspend)).await.unwrap();
    let refused = SessionServiceClient::new(channel).who_am_i(v1::WhoAmIRequest {}).await.unwrap_err();
    assert_eq!(reason(&refused), "PRINCIPAL_SUSPENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn issue_5_a_flood_of_signing_requests_is_cut_short_and_uses_no_token_up() {
    let world = World::open().await;
    let (token, human) = (world.join_token().await, world.token("ann").await);
    let good = signing_request::make(&Pair::generate(Algorithm::P256).unwrap()).unwrap();
    let guess = token.replace("sbj1.", "sbj1.A");
    let flood = (0..300).map(|number| {
        let (token, request) = if number % 2 == 0 { (&token, vec![0x30; 4_000]) } else { (&guess, good.clone()) };
        world.enroll(token, request)
    });
    let refused = futures_util::future::join_all(flood).await.into_iter().map(Result::unwrap_err).collect::<Vec<_>>();
    let limited = refused.iter().filter(|refused| reason(refused) == "RATE_LIMITED").count();
    // Fifty at once, and five more for each second that a slow machine takes.
    assert!((50..300).contains(&limited), "{limited} of {}", refused.len());
    let expected = ["RATE_LIMITED", "INVALID_ARGUMENT", "JOIN_REFUSED"];
    let others = refused.iter().filter(|refused| !expected.contains(&reason(refused).as_str())).collect::<Vec<_>>();
    assert!(others.is_empty(), "{others:?}");
    // Who is known is not kept out by it, and the token is as good as before.
    SessionServiceClient::new(world.channel.clone()).who_am_i(with(&human, v1::WhoAmIRequest {})).await.unwrap();
    let joined = loop {
        match world.enroll(&token, good.clone()).await {
            Ok(joined) => break joined,
            Err(refused) => assert_eq!(reason(&refused), "RATE_LIMITED", "{refused}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!(joined.spiffe_id, "spiffe://acme.test/acme/agent/clerk");
}
