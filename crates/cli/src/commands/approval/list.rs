//! `approval list`, `approval watch`

use std::collections::BTreeSet;

use clap::Args;
use scalbotics_core::principal::KeyHolder;
use scalbotics_proto::v1;
use serde_json::Value;

use super::{show, verb};
use crate::codes;
use crate::commands::{watching, wire};
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column, escape, pad, wide};
use crate::session::Session;

/// Requests of one page, the most that the daemon gives; a watch sees so many, the newest.
const PAGE: i32 = 1_000;

/// Arguments of `approval list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Those that were answered or lapsed too.
    #[arg(long)]
    all: bool,
    /// Only those that you may answer: not made for you, and you have an approval key.
    #[arg(long)]
    mine: bool,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
    /// Go on from the page before.
    #[arg(long, default_value = "")]
    page_token: String,
}

/// Arguments of `approval watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Only those that you may answer: not made for you, and you have an approval key.
    #[arg(long)]
    mine: bool,
}

/// Lists requests.
pub(super) async fn list(session: &Session, args: &ListArgs, printer: &Printer) -> Result<(), Failure> {
    let whose = Whose::of(session, args.mine)?;
    let status = if args.all { v1::ApprovalStatus::Unspecified } else { v1::ApprovalStatus::Waiting };
    let mut found = Vec::new();
    let (mut page_token, mut left) = (args.page_token.clone(), args.limit);
    // Where requests of others are left out, a page may have few that are wanted.
    while left > 0 {
        let answer = page(session, status, left, page_token).await?;
        page_token = answer.next_page_token;
        found.extend(answer.approvals.into_iter().filter(|approval| whose.has(approval)));
        left = left_of(args.limit, found.len());
        if page_token.is_empty() || !args.mine {
            break;
        }
    }
    let items: Vec<Value> = found.iter().map(show::approval_json).collect();
    let columns = [
        column("APPROVAL", "/name"),
        column("STATUS", "/status"),
        column("AGENT", "/agent"),
        column("TOOL", "/tool"),
        column("TIER", "/tier"),
        column("EXPIRES", "/expires"),
        wide("TASK", "/task"),
    ];
    printer.list(&items, &columns)?;
    if !page_token.is_empty() {
        printer.note(&format!("more: scalbotics approval list --page-token {page_token}"));
    }
    Ok(())
}

/// How many of `limit` may come yet, where so many were found.
fn left_of(limit: i32, found: usize) -> i32 {
    limit.saturating_sub(i32::try_from(found).unwrap_or(i32::MAX))
}

/// Prints requests that wait as they come, and what became of each.
pub(super) async fn watch(session: &mut Session, args: &WatchArgs, printer: &Printer) -> Result<(), Failure> {
    let whose = Whose::of(session, args.mine)?;
    let mut waiting = BTreeSet::new();
    // Somebody who is away from the beginning on may be the wrong address.
    look(session, &whose, &mut waiting, printer).await?;
    let mut is_away = false;
    loop {
        watching::pause(session).await?;
        match look(session, &whose, &mut waiting, printer).await {
            Ok(()) => is_away = false,
            Err(failure) if watching::is_away(&failure) => {
                if !std::mem::replace(&mut is_away, true) {
                    printer.detail_note(&failure.what);
                }
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Looks once, and prints what has changed.
async fn look(session: &Session, whose: &Whose, waiting: &mut BTreeSet<String>, printer: &Printer) -> Result<(), Failure> {
    let now = waiting_now(session, whose).await?;
    told(session, waiting, now, printer).await
}

async fn waiting_now(session: &Session, whose: &Whose) -> Result<Vec<v1::Approval>, Failure> {
    let answer = page(session, v1::ApprovalStatus::Waiting, PAGE, String::new()).await?;
    Ok(answer.approvals.into_iter().filter(|approval| whose.has(approval)).collect())
}

/// Prints what was not waiting before, and the end of what waits no more.
async fn told(
    session: &Session,
    waiting: &mut BTreeSet<String>,
    now: Vec<v1::Approval>,
    printer: &Printer,
) -> Result<(), Failure> {
    let gone: Vec<String> = waiting.iter().filter(|name| !now.iter().any(|found| found.name == **name)).cloned().collect();
    for name in gone {
        let ended = show::get(session, &name).await?;
        // Behind a page of newer ones it waits as before.
        if ended.status() != v1::ApprovalStatus::Waiting {
            print(&ended, printer)?;
            waiting.remove(&name);
        }
    }
    // The newest comes first in the answer, and last on the screen.
    for approval in now.iter().rev().filter(|approval| !waiting.contains(&approval.name)).collect::<Vec<_>>() {
        print(approval, printer)?;
    }
    waiting.extend(now.into_iter().map(|approval| approval.name));
    Ok(())
}

fn print(approval: &v1::Approval, printer: &Printer) -> Result<(), Failure> {
    let value = show::approval_json(approval);
    let status = approval.status();
    printer.item(&value, || {
        let word = status.as_str_name().trim_start_matches("APPROVAL_STATUS_");
        let end = if status == v1::ApprovalStatus::Waiting { wire::time(approval.expire_time) } else { String::new() };
        let call = format!("{} {}", approval.agent, approval.tool);
        let line = format!("{}  {}  {}  tier {}  {}", wire::short(&approval.name), pad(word, 8), call, approval.tier, end);
        escape(line.trim_end())
    })
}

async fn page(
    session: &Session,
    status: v1::ApprovalStatus,
    page_size: i32,
    page_token: String,
) -> Result<v1::ListApprovalsResponse, Failure> {
    let request = v1::ListApprovalsRequest { status: status.into(), page_size, page_token, parent: String::new() };
    Ok(verb::client(session).list_approvals(session.request(request)?).await?.into_inner())
}

/// Whose requests are wanted.
enum Whose {
    /// Everybody's.
    All,
    /// Those that whoever has this uid may answer, as far as their own program knows: policy has the last word.
    AnsweredBy(String),
}

impl Whose {
    fn of(session: &Session, mine: bool) -> Result<Self, Failure> {
        let context = &session.context;
        match (mine, session.person.holder, &context.approval_key) {
            (false, ..) => Ok(Self::All),
            (true, KeyHolder::Human(uid), Some(_)) => Ok(Self::AnsweredBy(uid.to_string())),
            (true, ..) => {
                let what = format!("no request waits for {}: context {} has no approval key", session.person.name, session.name);
                Err(Failure::new(Exit::Denied, codes::NO_APPROVAL_KEY, what)
                    .why("approvals are signed by a key of the approver's own, enrolled with the installation")
                    .next("scalbotics context list"))
            }
        }
    }

    fn has(&self, approval: &v1::Approval) -> bool {
        match self {
            Self::All => true,
            Self::AnsweredBy(uid) => approval.chain.iter().all(|principal| principal.uid != *uid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_asks_for_no_more_than_there_is_room_for() {
        for (limit, found, left) in [(50, 0, 50), (50, 30, 20), (50, 50, 0), (1, 9, -8), (1_000, usize::MAX, 1_000 - i32::MAX)] {
            assert_eq!(left_of(limit, found), left);
        }
    }

    #[test]
    fn mine_are_those_that_were_not_made_for_me() {
        let of = |uids: &[&str]| v1::Approval {
            chain: uids.iter().map(|uid| v1::Principal { uid: (*uid).to_owned(), ..v1::Principal::default() }).collect(),
            ..v1::Approval::default()
        };
        let bob = Whose::AnsweredBy("hum_b".to_owned());
        assert!(bob.has(&of(&["hum_a", "agt_1"])) && !bob.has(&of(&["hum_b", "agt_1"])) && Whose::All.has(&of(&["hum_b"])));
    }
}
