//! Chains: who acts for whom, and under which grants (semantics §3.4, §3.5).

use std::collections::BTreeSet;

use crate::Refusal;
use crate::bundle::Bundle;
use crate::json::Value;
use crate::record::Uid;

/// A grant of the submission.
#[derive(Debug)]
pub(super) struct Grant<'d> {
    pub(super) id: &'d str,
    grantor: Uid<'d>,
    grantee: Uid<'d>,
    task: Option<&'d str>,
    tools: BTreeSet<&'d str>,
    tier_max: u64,
    pub(super) expires_at: i64,
}

/// Links and grants of the submission.
#[derive(Debug)]
pub(super) struct Chain<'d> {
    pub(super) links: Vec<Uid<'d>>,
    pub(super) grants: Vec<Grant<'d>>,
}

fn grant(value: Value<'_>) -> Option<Grant<'_>> {
    let scope = value.get("scope")?;
    Some(Grant {
        id: value.get("id")?.plain()?,
        grantor: Uid::parse(value.get("grantor")?)?,
        grantee: Uid::parse(value.get("grantee")?)?,
        task: value.get("task").and_then(Value::plain),
        tools: scope.get("tools")?.items()?.map(Value::plain).collect::<Option<_>>()?,
        tier_max: scope.get("tier_max")?.natural()?,
        expires_at: value.get("expires_at")?.integer()?,
    })
}

impl Grant<'_> {
    fn within(&self, outer: &Self) -> bool {
        self.expires_at <= outer.expires_at && self.tier_max <= outer.tier_max && self.tools.is_subset(&outer.tools)
    }

    /// Whether a call of `tool` at `tier` at this moment lies in it.
    pub(super) fn allows(&self, tool: &str, tier: u64, at: i64) -> bool {
        at < self.expires_at && tier <= self.tier_max && self.tools.contains(tool)
    }
}

impl<'d> Chain<'d> {
    /// The chain of the submission.
    pub(super) fn of(bundle: &Bundle<'d>) -> Option<Self> {
        let links = bundle.submission.get("chain")?.items()?.map(Uid::parse).collect::<Option<_>>()?;
        let grants = bundle.submission.get("grants")?.items()?.map(grant).collect::<Option<_>>()?;
        Some(Self { links, grants })
    }

    /// Who submitted: the service behind its sponsor, else the human.
    pub(super) fn submitter(&self) -> Option<Uid<'d>> {
        let service = self.links.get(1).filter(|link| link.kind == "service");
        service.or_else(|| self.links.first()).copied()
    }

    /// Checks that it leads from a human to the agent, and that rights only shrink along it.
    pub(super) fn check(&self, task: &str, agent: &str) -> Result<(), Refusal> {
        let refuse = |what: &str| Err(Refusal::new("grant", "submission.grants", what));
        let stands = |(place, link): (usize, &Uid<'_>)| match link.kind {
            "human" => place == 0,
            "service" => place == 1,
            "agent" => place > 0,
            _ => false,
        };
        let is_chain = (2..=8).contains(&self.links.len()) && self.links.iter().enumerate().all(stands);
        if !is_chain || self.links.last().is_none_or(|last| last.text != agent || last.kind != "agent") {
            return Err(Refusal::new("grant", "submission.chain", "it does not lead from a human to the task's agent"));
        }
        if self.grants.len() + 1 != self.links.len() {
            return refuse("there is not one between each pair of the chain");
        }
        let pairs = self.links.iter().zip(self.links.iter().skip(1));
        if !self.grants.iter().zip(pairs).all(|(grant, (from, to))| grant.grantor == *from && grant.grantee == *to) {
            return refuse("one is not from its link to the next");
        }
        if !self.grants.iter().all(|grant| grant.task == Some(task)) {
            return refuse("one is of another task");
        }
        if !self.grants.iter().zip(self.grants.iter().skip(1)).all(|(outer, inner)| inner.within(outer)) {
            return refuse("one allows more than the one before");
        }
        Ok(())
    }
}
