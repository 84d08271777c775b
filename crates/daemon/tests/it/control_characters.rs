//! A megabyte of control characters in every field of every call: taken or refused in words, never a fault, and the log stays whole.

use std::collections::BTreeMap;

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};
use scalbotics_daemon::rpc::methods;
use scalbotics_proto::v1;
use scalbotics_proto::v1::audit_service_client::AuditServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::every_rpc::sample;
use crate::wire::call;
use crate::world::{World, with};

/// Within all limits of a field, within those of a message, and beyond most of both, in bytes.
const LENGTHS: [usize; 3] = [60, 60_000, 1_000_000];

/// Most of what an error may be, in bytes: what was refused is not sent back.
const ERROR_LEN_MAX: usize = 5 << 10;

/// How deep fields of fields are looked for.
const DEPTH_MAX: usize = 4;

/// Text of nothing but control characters, and those that turn or hide other text.
pub(crate) fn controls(len: usize) -> String {
    let kinds = (0..0x20).chain(0x7f..0xa0).chain([0x200b, 0x2028, 0x202e, 0xfeff]).filter_map(char::from_u32);
    let (mut text, mut kinds) = (String::with_capacity(len), kinds.cycle());
    while text.len() < len {
        text.extend(kinds.next());
    }
    text
}

/// The fields of messages that hold text or bytes, each as the way of numbers that leads to it.
struct Fields {
    messages: BTreeMap<String, DescriptorProto>,
    /// What a call asks with, by its path.
    asked: BTreeMap<String, String>,
}

impl Fields {
    fn new() -> Self {
        let mut fields = Self { messages: BTreeMap::new(), asked: BTreeMap::new() };
        let files = FileDescriptorSet::decode(scalbotics_proto::DESCRIPTORS).unwrap().file;
        for file in files {
            let package = format!(".{}", file.package.as_deref().unwrap());
            file.message_type.iter().for_each(|message| fields.add(&package, message));
            for service in file.service {
                let path = |method: &str| format!("/{}.{}/{method}", file.package.as_deref().unwrap(), service.name());
                fields.asked.extend(service.method.iter().map(|one| (path(one.name()), one.input_type().to_owned())));
            }
        }
        fields
    }

    fn add(&mut self, parent: &str, message: &DescriptorProto) {
        let name = format!("{parent}.{}", message.name());
        message.nested_type.iter().for_each(|nested| self.add(&name, nested));
        self.messages.insert(name, message.clone());
    }

    fn ways(&self, message: &str, way: &[u32], found: &mut Vec<Vec<u32>>) {
        if way.len() == DEPTH_MAX {
            return;
        }
        for field in &self.messages[message].field {
            let way = [way, &[u32::try_from(field.number()).unwrap()]].concat();
            if matches!(field.r#type(), Type::String | Type::Bytes) {
                found.push(way);
            } else if field.r#type() == Type::Message {
                self.ways(field.type_name(), &way, found);
            }
        }
    }
}

/// A field, within the messages that lead to it. Behind a message, it stands for what that has in this place.
fn field(way: &[u32], text: &[u8]) -> Vec<u8> {
    let Some((number, rest)) = way.split_first() else { return text.to_vec() };
    let (inner, mut written) = (field(rest, text), Vec::new());
    encode_key(*number, WireType::LengthDelimited, &mut written);
    encode_varint(inner.len() as u64, &mut written);
    written.extend(inner);
    written
}

/// A refusal that somebody can act upon.
fn check(refused: &Status, what: &str) {
    let details = refused.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{what}: no reason: {refused:?}"));
    assert!(!matches!(refused.code(), Code::Internal | Code::Unknown | Code::DataLoss), "{what}: {refused:?}");
    assert!(!refused.message().is_empty() && !info.reason.is_empty(), "{what}: {refused:?}");
    for part in ["why", "next"] {
        assert!(info.metadata.get(part).is_some_and(|text| !text.is_empty()), "{what}: no `{part}`: {refused:?}");
    }
    let len = refused.message().len() + info.metadata.values().map(String::len).sum::<usize>();
    assert!(len <= ERROR_LEN_MAX, "{what}: {len} bytes of error");
}

/// The log verifies, and is read as JSON to its end.
async fn the_log_is_whole(world: &World, token: &str) {
    let mut audits = AuditServiceClient::new(world.channel.clone());
    let verified = audits.verify_audit_log(with(token, v1::VerifyAuditLogRequest::default())).await.unwrap().into_inner();
    assert!(verified.ok, "{verified:?}");
    let request = v1::ListAuditRecordsRequest { page_size: 1_000, ..Default::default() };
    let listed = audits.list_audit_records(with(token, request)).await.unwrap().into_inner();
    assert!(listed.records.len() > 100, "{}", listed.records.len());
    for record in listed.records {
        assert!(!record.json.chars().any(char::is_control), "{}", record.json);
        serde_json::from_str::<serde_json::Value>(&record.json).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn issue_4_a_megabyte_of_control_characters_in_each_field_of_each_call() {
    let rates = ["read", "write", "stream", "login"].map(|class| format!("limits.requests_per_second.{class}=10000"));
    let world = World::with(false, &rates.each_ref().map(String::as_str)).await;
    let token = world.token("ann").await;
    let (fields, texts) = (Fields::new(), LENGTHS.map(controls));
    let (mut taken, mut refused) = (0, 0);
    for row in methods::all() {
        let path = row.method.path;
        let Some(method) = path.strip_prefix("/scalbotics.v1.") else { continue };
        let message = sample(path, "acme").map(|(message, _)| message).unwrap_or_default();
        let mut ways = vec![];
        fields.ways(&fields.asked[path], &[], &mut ways);
        for (way, text) in ways.iter().flat_map(|way| texts.iter().map(move |text| (way, text))) {
            let what = format!("{method}, field {way:?}, {} bytes", text.len());
            let bytes = [&message[..], &field(way, text.as_bytes())].concat();
            match call(&world.channel, path, bytes, Some(&token)).await {
                Ok(_) => taken += 1,
                Err(status) => {
                    check(&status, &what);
                    refused += 1;
                }
            }
        }
    }
    println!("{taken} taken, {refused} refused");
    assert!(taken > 5 && refused > 300, "{taken} taken, {refused} refused");
    the_log_is_whole(&world, &token).await;
    assert_eq!(world.get("/healthz").await.0, 200);
}
