//! Which policies can apply to an action of a principal of some type: those whose scope names the action, one of its groups or no action
//! at all, and that type or none.
//!
//! **Invariant:** a policy that is left out has a scope that is false for them, whatever else is asked; so it could neither decide nor
//! err, and the answer is that of the whole set.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{ActionConstraint, Entity, EntityTypeName, EntityUid, Policy, PolicySet, PrincipalConstraint};

use super::reads::Reads;

/// Sets made beside the whole one; each holds copies of its policies' texts, a megabyte at most. The defaults make some thirty.
const SETS_MAX: usize = 48;

/// Policies that apply together, and what they look at.
pub(super) struct Policies {
    pub(super) set: Arc<PolicySet>,
    pub(super) reads: Reads,
}

/// The sets of policies that apply; where the same policies apply, one is shared.
pub(super) struct Applicable {
    whole: Arc<Policies>,
    made: BTreeMap<Vec<String>, Arc<Policies>>,
}

impl Applicable {
    /// Chooses among these.
    pub(super) fn of(whole: Arc<PolicySet>) -> Self {
        let reads = Reads::of(whole.policies());
        Self { whole: Arc::new(Policies { set: whole, reads }), made: BTreeMap::new() }
    }

    /// The policies for an action of a principal of this type; `entities` are the action and all its groups.
    pub(super) fn to(&mut self, (action, entities): (&EntityUid, &[Entity]), principal: &EntityTypeName) -> Arc<Policies> {
        let acts = |policy: &Policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(named) => named == *action,
            ActionConstraint::In(named) => named.iter().any(|uid| entities.iter().any(|entity| entity.uid() == *uid)),
        };
        let is_of = |policy: &Policy| match policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::In(_) => true,
            PrincipalConstraint::Eq(named) => named.type_name() == principal,
            PrincipalConstraint::Is(named) | PrincipalConstraint::IsIn(named, _) => named == *principal,
        };
        let applies = |policy: &&Policy| acts(policy) && is_of(policy);
        let found: Vec<&Policy> = self.whole.set.policies().filter(applies).collect();
        let mut ids: Vec<String> = found.iter().map(|policy| policy.id().to_string()).collect();
        ids.sort_unstable();
        if let Some(known) = self.made.get(&ids) {
            return Arc::clone(known);
        }
        let reads = Reads::of(found.iter().copied());
        match PolicySet::from_policies(found.into_iter().cloned()) {
            Ok(set) if self.made.len() < SETS_MAX => {
                let policies = Arc::new(Policies { set: Arc::new(set), reads });
                self.made.insert(ids, Arc::clone(&policies));
                policies
            }
            Ok(_) | Err(_) => Arc::clone(&self.whole),
        }
    }
}
