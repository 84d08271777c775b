//! The engine: compiled once for a bundle and a set of tools, then asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cedar_policy::{Authorizer, Entities, Entity, EntityUid, Schema};
use scalbotics_core::desired::{Finding, PolicyFile};
use scalbotics_core::digest::Digest;
use scalbotics_core::policy::{Answer, Request, Resource, tool_action};
use scalbotics_core::ports::PolicyEngine;
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::Definition;

use super::applicable::{Applicable, Policies};
use super::arguments::Given;
use super::compile::{Bundle, compile, finding};
use super::place::Place;
use super::reached::{Lately, Reached};
use super::schema::{self, INNER_ACTIONS, RPC_ACTIONS};
use super::slice::{Kinds, Slice};
use super::{answer, slice};

/// Domain tag of the digest that stands where no entities could be made from a request.
const NO_SLICE_TAG: &str = "scalbotics/policy-no-slice/v1";

/// Why a request is denied whose action no policy can speak of.
const UNKNOWN_ACTION: &str = "the action is unknown to the policy schema";

/// Cedar with one bundle of policies and one set of tools; another bundle or tool digest is another engine.
pub struct Engine {
    authorizer: Authorizer,
    schema: Schema,
    kinds: Kinds,
    bundle: Digest,
    #[cfg(test)]
    policies: Arc<cedar_policy::PolicySet>,
    places: BTreeMap<String, Place>,
    actions: BTreeMap<String, Action>,
    lately: Lately,
}

/// An action that may be asked about.
struct Action {
    uid: EntityUid,
    /// The action and its groups, as entities.
    entities: Vec<Entity>,
    /// The policies that can apply to it, by the type of the principal.
    policies: BTreeMap<&'static str, Arc<Policies>>,
    /// For a tool's action, the tool and the resource that a request must name.
    tool: Option<(Arc<Definition>, Resource)>,
}

impl Engine {
    /// Parses and validates `files` against the schema of these tools.
    ///
    /// A policy's id is its `@id("…")`, else `file#n` counted from 1.
    ///
    /// # Errors
    /// All that is wrong, at most 100 findings in order of file and line: too much text, too many policies, a parse
    /// error, a template, a doubled id, anything that strict validation refuses or warns of.
    pub fn compile(files: &[PolicyFile], tools: &BTreeMap<Name, Arc<Definition>>) -> Result<Self, Vec<Finding>> {
        let schema = schema::build(tools).map_err(|finding| vec![finding])?;
        let Bundle { policies, places } = compile(files, &schema)?;
        let broken = || {
            let (why, next) = ("policies are only in force when they were validated", "report this");
            vec![finding(None, "policy schema lacks an action or a type".to_owned(), why, next)]
        };
        let kinds = Kinds::new().ok_or_else(broken)?;
        let known = schema.action_entities().map_err(|_| broken())?;
        let tools = tools.iter().map(|(id, tool)| (tool_action(id), Some((Arc::clone(tool), Resource::tool(tool)))));
        let rpcs = RPC_ACTIONS.iter().chain(&INNER_ACTIONS).map(|(id, _)| ((*id).to_owned(), None));
        let policies = Arc::new(policies);
        let mut applicable = Applicable::of(Arc::clone(&policies));
        let actions = rpcs.chain(tools).map(|(id, tool)| {
            let action = Action::find(&id, tool, (&kinds, &known), &mut applicable)?;
            Some((id, action))
        });
        let actions = actions.collect::<Option<_>>().ok_or_else(broken)?;
        Ok(Self {
            authorizer: Authorizer::new(),
            schema,
            kinds,
            bundle: PolicyFile::bundle_digest(files),
            #[cfg(test)]
            policies,
            places,
            actions,
            lately: Lately::default(),
        })
    }

    /// Digest of the bundle of policies in force.
    #[must_use]
    pub const fn bundle(&self) -> Digest {
        self.bundle
    }

    /// Answers at once; [`PolicyEngine::evaluate`] without the future.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Answer {
        let action = self.actions.get(&request.action);
        let reached = match self.lately.find(request).map_or_else(|| self.reach(request, action), Ok) {
            Ok(reached) => reached,
            Err((digest, error)) => return answer::refusal(self.bundle, digest, error),
        };
        match self.decide(request, action, &reached) {
            Ok(answer) => answer,
            Err(error) => answer::refusal(self.bundle, reached.digest, error),
        }
    }

    /// The answer to a request that reaches this, a kept one where policies read the same.
    fn decide(&self, request: &Request, action: Option<&Action>, reached: &Reached) -> Result<Answer, String> {
        let action = action.ok_or(UNKNOWN_ACTION)?;
        let given = action.given(request)?;
        let kind = slice::kind(&request.principal).and_then(|kind| action.policies.get(kind));
        let policies = kind.ok_or("the principal is of a type that the policy schema lacks")?;
        let read = policies.reads.part_of(&request.context);
        if let Some(answer) = read.as_ref().and_then(|read| reached.answer_to(read)) {
            return Ok(answer);
        }
        let question = self.question(action, given, reached)?;
        let response = self.authorizer.is_authorized(&question, &policies.set, &reached.entities);
        let answer = answer::of(&response, self.bundle, reached.digest, &self.places);
        if let Some(read) = read {
            reached.keep_answer(read, &answer);
        }
        Ok(answer)
    }

    /// Makes what a request reaches, or says why that cannot be, with the digest of the slice as far as there is one.
    fn reach(&self, request: &Request, action: Option<&Action>) -> Result<Arc<Reached>, (Digest, String)> {
        let nothing = |error| (Digest::of_parts(NO_SLICE_TAG, &[]), error);
        let slice = Slice::of(request, &self.kinds).map_err(nothing)?;
        let digest = slice.digest().map_err(nothing)?;
        let make = || {
            let action = action.ok_or(UNKNOWN_ACTION)?;
            let lost = "the request names a type that the policy schema lacks";
            let uids = (slice.principal(&self.kinds).ok_or(lost)?, slice.resource(&self.kinds).ok_or(lost)?);
            let entities = slice.entities(&action.entities, &self.kinds)?;
            Ok(Reached::new(request, digest, uids, entities))
        };
        let reached = make().map_err(|error: String| (digest, error))?;
        Ok(self.lately.keep(reached))
    }

    /// What Cedar is asked, checked against the schema.
    fn question(&self, action: &Action, given: Given<'_>, reached: &Reached) -> Result<cedar_policy::Request, String> {
        let context = given.context()?;
        let (principal, resource) = (reached.principal.clone(), reached.resource.clone());
        let checked = cedar_policy::Request::new(principal, action.uid.clone(), resource, context, Some(&self.schema));
        checked.map_err(|_| "the request does not fit the policy schema: the action takes other types".to_owned())
    }

    /// What Cedar is asked and what that reaches, for tests that ask it directly.
    #[cfg(test)]
    pub(super) fn asked(&self, request: &Request) -> Result<(cedar_policy::Request, Entities), String> {
        let action = self.actions.get(&request.action);
        let reached = self.reach(request, action).map_err(|(_, error)| error)?;
        let action = action.ok_or(UNKNOWN_ACTION)?;
        Ok((self.question(action, action.given(request)?, &reached)?, reached.entities.clone()))
    }

    /// The schema, for tests that compare with it.
    #[cfg(test)]
    pub(super) const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The policies, for tests that ask Cedar directly.
    #[cfg(test)]
    pub(super) fn policies(&self) -> &cedar_policy::PolicySet {
        &self.policies
    }
}

impl Action {
    fn find(
        id: &str,
        tool: Option<(Arc<Definition>, Resource)>,
        (kinds, known): (&Kinds, &Entities),
        applicable: &mut Applicable,
    ) -> Option<Self> {
        let uid = kinds.make("Action", id)?;
        let mut entities = vec![known.get(&uid)?.clone()];
        for group in known.ancestors(&uid)? {
            entities.push(known.get(group)?.clone());
        }
        let policies = slice::PRINCIPALS.into_iter().map(|kind| {
            let principal = kinds.name(kind)?;
            Some((kind, applicable.to((&uid, &entities), principal)))
        });
        let policies = policies.collect::<Option<_>>()?;
        Some(Self { uid, entities, policies, tool })
    }

    /// The context of a request, if this action takes such a one.
    fn given<'a>(&'a self, request: &'a Request) -> Result<Given<'a>, String> {
        let Some((tool, expected)) = &self.tool else { return Given::of_rpc(&request.context) };
        // Tier and effect are bound to the digest that policies were validated with (security row 9).
        if !names(&request.resource, expected) {
            return Err("the tool of the request is not the one that policies were validated with".to_owned());
        }
        Given::of_call(tool, &request.context)
    }
}

/// Whether a resource is the expected one, but for the tenant that it may carry.
fn names(given: &Resource, expected: &Resource) -> bool {
    let (Some(have), Some(want)) = (given.attributes.as_object(), expected.attributes.as_object()) else { return false };
    given.kind == expected.kind
        && given.id == expected.id
        && have.iter().all(|(name, value)| name == "tenant" || want.get(name) == Some(value))
        && want.keys().all(|name| have.contains_key(name))
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("bundle", &self.bundle)
            .field("policies", &self.places.len())
            .field("actions", &self.actions.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl PolicyEngine for Engine {
    async fn evaluate(&self, request: &Request) -> Answer {
        self.answer(request)
    }
}
