use super::*;

fn principal(uid: Uid, tenant: &str) -> Principal {
    Principal { uid, tenant: TenantId::parse(tenant).unwrap(), name: Name::parse("x").unwrap(), groups: vec![] }
}

fn grant(grantor: Uid, grantee: Uid, tools: &[&str], tier_max: Tier, expires: i64) -> Grant {
    Grant {
        id: GrantId::from_u128(1),
        grantor,
        grantee,
        task: Some(TaskId::from_u128(1)),
        scope: Scope { tools: tools.iter().map(|t| Name::parse(t).unwrap()).collect(), tier_max },
        expires_at: Timestamp::from_unix_ms(expires),
    }
}

fn chain_of(second: Grant) -> Chain {
    let (human, lead, worker) =
        (Uid::Human(HumanUid::from_u128(1)), Uid::Agent(AgentUid::from_u128(2)), Uid::Agent(AgentUid::from_u128(3)));
    Chain {
        principals: vec![principal(human, "acme"), principal(lead, "acme"), principal(worker, "acme")],
        grants: vec![grant(human, lead, &["fs.read", "fs.write"], Tier::Change, 100), second],
    }
}

#[test]
fn rights_only_shrink() {
    let (lead, worker) = (Uid::Agent(AgentUid::from_u128(2)), Uid::Agent(AgentUid::from_u128(3)));
    let check = |g: Grant| chain_of(g).check();
    assert_eq!(check(grant(lead, worker, &["fs.read"], Tier::Read, 50)), Ok(()));
    assert_eq!(check(grant(lead, worker, &["fs.read", "pay"], Tier::Read, 50)), Err(ChainError::Widened { link: 2 }));
    assert_eq!(check(grant(lead, worker, &["fs.read"], Tier::Risky, 50)), Err(ChainError::Widened { link: 2 }));
    assert_eq!(check(grant(lead, worker, &["fs.read"], Tier::Read, 101)), Err(ChainError::Widened { link: 2 }));
    assert_eq!(check(grant(worker, lead, &["fs.read"], Tier::Read, 50)), Err(ChainError::Grant { link: 2 }));
}

#[test]
fn sem_3_5_no_chain_lacks_a_human() {
    let agent = principal(Uid::Agent(AgentUid::from_u128(2)), "acme");
    assert_eq!(Chain { principals: vec![agent], grants: vec![] }.check(), Err(ChainError::NoSponsor));
    assert_eq!(Chain { principals: vec![], grants: vec![] }.check(), Err(ChainError::Len { len: 0 }));
    let (lead, worker) = (Uid::Agent(AgentUid::from_u128(2)), Uid::Agent(AgentUid::from_u128(3)));
    let whole = chain_of(grant(lead, worker, &[], Tier::Read, 1));
    assert_eq!(whole.check(), Ok(()));
    for sponsor in [Uid::Service(ServiceUid::from_u128(9)), lead, Uid::Daemon] {
        let mut chain = whole.clone();
        chain.principals[0].uid = sponsor;
        chain.grants[0].grantor = sponsor;
        assert_eq!(chain.check(), Err(ChainError::NoSponsor), "{sponsor}");
    }
    let machine = principal(Uid::Service(ServiceUid::from_u128(9)), "acme");
    assert_eq!(Chain { principals: vec![machine], grants: vec![] }.check(), Err(ChainError::NoSponsor), "not even for itself");
}

#[test]
fn a_service_stands_right_behind_its_sponsor_and_agents_behind_it() {
    let (lead, worker) = (Uid::Agent(AgentUid::from_u128(2)), Uid::Agent(AgentUid::from_u128(3)));
    let (service, human) = (Uid::Service(ServiceUid::from_u128(9)), Uid::Human(HumanUid::from_u128(9)));
    let at = |link: usize, uid| {
        let mut chain = chain_of(grant(lead, worker, &[], Tier::Read, 1));
        chain.principals[link].uid = uid;
        chain.grants[link - 1].grantee = uid;
        if let Some(next) = chain.grants.get_mut(link) {
            next.grantor = uid;
        }
        chain.check()
    };
    assert_eq!(at(1, service), Ok(()));
    for (link, uid) in [(2, service), (1, human), (2, human), (1, Uid::Daemon)] {
        assert_eq!(at(link, uid), Err(ChainError::Place { kind: uid.kind(), link }));
    }
}

#[test]
fn a_grant_of_a_task_lies_in_a_standing_one_and_in_no_other_task() {
    let (lead, worker) = (Uid::Agent(AgentUid::from_u128(2)), Uid::Agent(AgentUid::from_u128(3)));
    let own = grant(lead, worker, &[], Tier::Read, 1);
    for (outer, within) in [(None, true), (Some(TaskId::from_u128(1)), true), (Some(TaskId::from_u128(2)), false)] {
        assert_eq!(own.within(&Grant { task: outer, ..own.clone() }), within, "{outer:?}");
    }
    assert!(!Grant { task: None, ..own.clone() }.within(&own), "what is for one task does not become standing");
}

#[test]
fn who_logs_in_is_named_by_one_text() {
    for holder in [KeyHolder::Human(HumanUid::from_u128(7)), KeyHolder::Service(ServiceUid::from_u128(7))] {
        let text = serde_json::to_string(&holder).unwrap();
        assert_eq!(
            (text.as_str(), serde_json::from_str::<KeyHolder>(&text).unwrap()),
            (format!("\"{holder}\"").as_str(), holder)
        );
    }
    for bad in [AgentUid::from_u128(7).to_string(), String::new(), "svc_7".to_owned()] {
        assert!(bad.parse::<KeyHolder>().is_err(), "{bad}");
    }
}

#[test]
fn sem_7_2_a_stored_human_has_neither_name_nor_groups() {
    let human =
        Principal { groups: vec![Name::parse("operators").unwrap()], ..principal(Uid::Human(HumanUid::from_u128(1)), "acme") };
    let stored = human.pseudonymous();
    assert_eq!((stored.name.as_str(), stored.groups.len(), stored.uid), ("human", 0, human.uid));
    let agent = principal(Uid::Agent(AgentUid::from_u128(2)), "acme");
    assert_eq!(agent.pseudonymous(), agent);
}

#[test]
fn no_chain_crosses_tenants() {
    let (lead, worker) = (Uid::Agent(AgentUid::from_u128(2)), Uid::Agent(AgentUid::from_u128(3)));
    let mut chain = chain_of(grant(lead, worker, &[], Tier::Read, 1));
    chain.principals[2].tenant = TenantId::parse("other").unwrap();
    assert_eq!(chain.check(), Err(ChainError::Tenants));
}

#[test]
fn a_grant_ends_at_its_expiry() {
    let g = grant(Uid::Daemon, Uid::Daemon, &["a"], Tier::Change, 100);
    let a = Name::parse("a").unwrap();
    assert!(g.allows(&a, Tier::Change, Timestamp::from_unix_ms(99)));
    assert!(!g.allows(&a, Tier::Change, Timestamp::from_unix_ms(100)));
    assert!(!g.allows(&a, Tier::Risky, Timestamp::from_unix_ms(0)));
    assert!(!g.allows(&Name::parse("b").unwrap(), Tier::Read, Timestamp::from_unix_ms(0)));
}
