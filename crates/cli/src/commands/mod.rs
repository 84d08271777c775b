//! What each verb does: `<noun>/<verb>`. A verb parses nothing itself and prints through the printer.

pub(crate) mod admin;
pub(crate) mod agent;
pub(crate) mod approval;
pub(crate) mod audit;
pub(crate) mod context;
pub(crate) mod human;
pub(crate) mod identity;
pub(crate) mod installation;
pub(crate) mod model;
pub(crate) mod policy;
pub(crate) mod repo;
pub(crate) mod secret;
pub(crate) mod service;
pub(crate) mod task;
pub(crate) mod team;
pub(crate) mod tenant;
pub(crate) mod tool;

mod desired;
mod dispatch;
mod handed_on;
mod meta;
mod session;
mod watching;
mod wire;

pub(crate) use dispatch::{is_stream, offline, online};
pub(crate) use handed_on::{daemon_program, exec, exec_verb, handed_on, said};
pub(crate) use session::LoginArgs;
