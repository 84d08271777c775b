//! The entities that a request reaches: principal, its groups and tenant, resource, action (semantics §3.2).
//!
//! **Invariant:** the slice is made of the request alone, so a stored decision can be replayed, and it conforms to the
//! schema by construction: [`attributes`] is the one list of what a resource carries.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use scalbotics_core::digest::Digest;
use scalbotics_core::policy::{Request, Resource};
use scalbotics_core::principal::{Principal, Uid};
use serde_json::{Map, Value, json};

use super::schema::{Attribute, attributes};

/// Domain tag of slice digests.
const SLICE_TAG: &str = "scalbotics/policy-slice/v1";

/// Types of principals, in order of name.
pub(super) const PRINCIPALS: [&str; 3] = ["Agent", "Human", "Service"];

/// Type and id of an entity, before Cedar sees them.
type Key = (&'static str, String);

/// An attribute's value, before Cedar sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fact {
    Text(String),
    Long(i64),
    Entity(Key),
}

/// Attributes and direct parents of one entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    attributes: BTreeMap<&'static str, Fact>,
    parents: BTreeSet<Key>,
}

/// Everything that a request reaches.
#[derive(Debug)]
pub(super) struct Slice {
    principal: Key,
    resource: Key,
    nodes: BTreeMap<Key, Node>,
}

/// The names of the schema's entity types, parsed once.
#[derive(Debug)]
pub(super) struct Kinds(BTreeMap<&'static str, EntityTypeName>);

impl Kinds {
    /// Parses the names; `None` if one is no name, which the tests exclude.
    pub(super) fn new() -> Option<Self> {
        const NAMES: [&str; 17] = [
            "Account",
            "Action",
            "Agent",
            "Approval",
            "AuditLog",
            "Decision",
            "Group",
            "Human",
            "Installation",
            "Repository",
            "Secret",
            "Service",
            "Session",
            "Task",
            "Team",
            "Tenant",
            "Tool",
        ];
        let parse = |name: &'static str| EntityTypeName::from_str(name).ok().map(|parsed| (name, parsed));
        NAMES.into_iter().map(parse).collect::<Option<BTreeMap<_, _>>>().map(Self)
    }

    /// The name of a type.
    pub(super) fn name(&self, kind: &str) -> Option<&EntityTypeName> {
        self.0.get(kind)
    }

    fn uid(&self, key: &Key) -> Option<EntityUid> {
        self.make(key.0, &key.1)
    }

    /// The entity uid of any text: ids are values here, never source text.
    pub(super) fn make(&self, kind: &str, id: &str) -> Option<EntityUid> {
        let kind = self.name(kind)?.clone();
        Some(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
    }

    fn own(&self, kind: &str) -> Option<&'static str> {
        self.0.get_key_value(kind).map(|(name, _)| *name)
    }
}

impl Slice {
    /// Collects what the request reaches.
    pub(super) fn of(request: &Request, kinds: &Kinds) -> Result<Self, String> {
        let tenant: Key = ("Tenant", request.principal.tenant.to_string());
        let mut nodes = BTreeMap::from([(tenant.clone(), Node::default())]);
        let principal = add_principal(&mut nodes, &request.principal, &tenant)?;
        let resource = add_resource(&mut nodes, &request.resource, &tenant, kinds)?;
        Ok(Self { principal, resource, nodes })
    }

    /// The principal's uid.
    pub(super) fn principal(&self, kinds: &Kinds) -> Option<EntityUid> {
        kinds.uid(&self.principal)
    }

    /// The resource's uid.
    pub(super) fn resource(&self, kinds: &Kinds) -> Option<EntityUid> {
        kinds.uid(&self.resource)
    }

    /// The digest over the canonical JSON of the entities, in order of type and id.
    pub(super) fn digest(&self) -> Result<Digest, String> {
        let entities: Vec<Value> = self.nodes.iter().map(|(key, node)| node.to_value(key)).collect();
        let bytes = scalbotics_core::json::canonical(&Value::Array(entities))
            .map_err(|_| "an attribute has no canonical form".to_owned())?;
        Ok(Digest::of_parts(SLICE_TAG, &[&bytes]))
    }

    /// The entities as Cedar takes them, with the action and its groups.
    pub(super) fn entities(&self, action: &[Entity], kinds: &Kinds) -> Result<Entities, String> {
        let broken = || "the entities of the request cannot be built".to_owned();
        let own = self.nodes.iter().map(|(key, node)| node.to_entity(key, kinds).ok_or_else(broken));
        let own = own.collect::<Result<Vec<_>, _>>()?;
        Entities::from_entities(own.into_iter().chain(action.iter().cloned()), None).map_err(|_| broken())
    }
}

impl Node {
    fn to_value(&self, key: &Key) -> Value {
        let uid = |key: &Key| json!({"type": key.0, "id": key.1});
        let fact = |fact: &Fact| match fact {
            Fact::Text(text) => Value::String(text.clone()),
            Fact::Long(number) => Value::from(*number),
            Fact::Entity(key) => json!({"__entity": uid(key)}),
        };
        let attrs: Map<String, Value> = self.attributes.iter().map(|(name, f)| ((*name).to_owned(), fact(f))).collect();
        let parents: Vec<Value> = self.parents.iter().map(uid).collect();
        json!({"uid": uid(key), "attrs": attrs, "parents": parents})
    }

    fn to_entity(&self, key: &Key, kinds: &Kinds) -> Option<Entity> {
        let fact = |fact: &Fact| match fact {
            Fact::Text(text) => Some(RestrictedExpression::new_string(text.clone())),
            Fact::Long(number) => Some(RestrictedExpression::new_long(*number)),
            Fact::Entity(key) => kinds.uid(key).map(RestrictedExpression::new_entity_uid),
        };
        let attributes = self.attributes.iter().map(|(name, f)| Some(((*name).to_owned(), fact(f)?)));
        let attributes = attributes.collect::<Option<_>>()?;
        let parents = self.parents.iter().map(|key| kinds.uid(key)).collect::<Option<_>>()?;
        Entity::new(kinds.uid(key)?, attributes, parents).ok()
    }
}

/// The type of a principal, one of [`PRINCIPALS`]; `None` for the daemon itself.
pub(super) const fn kind(principal: &Principal) -> Option<&'static str> {
    match principal.uid {
        Uid::Human(_) => Some("Human"),
        Uid::Agent(_) => Some("Agent"),
        Uid::Service(_) => Some("Service"),
        Uid::Daemon => None,
    }
}

fn add_principal(nodes: &mut BTreeMap<Key, Node>, principal: &Principal, tenant: &Key) -> Result<Key, String> {
    let kind = kind(principal).ok_or("the daemon itself is no principal of policy")?;
    let uid = principal.uid.to_string();
    let attributes = BTreeMap::from([
        ("name", Fact::Text(principal.name.to_string())),
        ("uid", Fact::Text(uid.clone())),
        ("tenant", Fact::Entity(tenant.clone())),
    ]);
    let groups = principal.groups.iter().map(|group| group.as_str());
    let parents = add_groups(nodes, groups, tenant);
    let key: Key = (kind, uid);
    nodes.insert(key.clone(), Node { attributes, parents });
    Ok(key)
}

/// Adds groups of a tenant; returns the parents of their member.
fn add_groups<'a>(nodes: &mut BTreeMap<Key, Node>, groups: impl Iterator<Item = &'a str>, tenant: &Key) -> BTreeSet<Key> {
    let mut parents = BTreeSet::from([tenant.clone()]);
    for group in groups {
        let key: Key = ("Group", group.to_owned());
        nodes.entry(key.clone()).or_default().parents.insert(tenant.clone());
        parents.insert(key);
    }
    parents
}

fn add_resource(nodes: &mut BTreeMap<Key, Node>, resource: &Resource, own: &Key, kinds: &Kinds) -> Result<Key, String> {
    let unknown = || "the resource is of a type that the schema lacks".to_owned();
    let kind = kinds.own(&resource.kind).ok_or_else(unknown)?;
    let expected = attributes(kind).ok_or_else(unknown)?;
    let key: Key = (kind, resource.id.clone());
    let given = resource.attributes.as_object().ok_or("the attributes of the resource are not an object")?;
    if kind == "Tenant" {
        if !given.is_empty() {
            return Err("a tenant has no attributes".to_owned());
        }
        nodes.entry(key.clone()).or_default();
        return Ok(key);
    }
    let tenant = match given.get("tenant") {
        None => own.clone(),
        Some(Value::String(text)) => ("Tenant", text.clone()),
        Some(_) => return Err("attribute `tenant` of the resource is not a text".to_owned()),
    };
    let mut attributes = facts(given, expected, kind)?;
    if kind == "Agent" {
        attributes.insert("tenant", Fact::Entity(tenant.clone()));
    }
    let groups = groups(given, kind)?;
    if tenant != *own && !groups.is_empty() {
        return Err("a resource of another tenant has groups".to_owned());
    }
    nodes.entry(tenant.clone()).or_default();
    let parents = add_groups(nodes, groups.into_iter(), &tenant);
    // An agent that acts upon itself stands here already, as authentication knows it.
    nodes.entry(key.clone()).or_insert(Node { attributes, parents });
    Ok(key)
}

fn facts(
    given: &Map<String, Value>,
    expected: &[(&'static str, Attribute)],
    kind: &str,
) -> Result<BTreeMap<&'static str, Fact>, String> {
    let reserved = |name: &str| name == "tenant" || (name == "groups" && kind == "Agent");
    if given.keys().any(|name| !reserved(name) && !expected.iter().any(|(known, _)| known == name)) {
        return Err(format!("the resource has an attribute that the schema lacks for {kind}"));
    }
    let facts = expected.iter().map(|(name, attribute)| {
        let fact = match (attribute, given.get(*name)) {
            (Attribute::Text, Some(Value::String(text))) => Some(Fact::Text(text.clone())),
            (Attribute::Long, Some(Value::Number(number))) => number.as_i64().map(Fact::Long),
            (Attribute::Text | Attribute::Long, _) => None,
        };
        let fact = fact.ok_or_else(|| format!("attribute `{name}` of the resource is not what the schema says"))?;
        Ok((*name, fact))
    });
    facts.collect()
}

fn groups<'a>(given: &'a Map<String, Value>, kind: &str) -> Result<Vec<&'a str>, String> {
    let refuse = || "attribute `groups` of the resource is not a list of texts".to_owned();
    match given.get("groups") {
        Some(Value::Array(groups)) if kind == "Agent" => groups.iter().map(|group| group.as_str().ok_or_else(refuse)).collect(),
        None => Ok(Vec::new()),
        Some(_) => Err(refuse()),
    }
}
