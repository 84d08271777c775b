//! AuditService: the caller's tenant's log.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use scalbotics_core::audit::Order;
use scalbotics_core::audit::checkpoint::origin;
use scalbotics_core::ids::TaskId;
use scalbotics_core::policy::Resource;
use scalbotics_core::ports::{AuditEntry, AuditLog, AuditQuery};
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::holder::signed_note::{self, Verifier};
use scalbotics_proto::v1;
use scalbotics_proto::v1::audit_service_server::AuditService;
use scalbotics_proto::v1::prove_audit_log_request::Wanted as WantedProof;
use scalbotics_runtime::audit;
use scalbotics_runtime::evidence::Wanted;
use tonic::{Request, Response, Status};

use super::audit_names;
use super::call::Call;
use super::context::Context;
use super::convert::{self, store_failure};
use super::failure::Failure;
use super::names::{self, Named};
use super::status::status;
use super::task_service::Answers;

/// Records of a page, where the caller does not say.
const PAGE_DEFAULT: usize = 100;

/// Records that a tail reads at once.
const TAIL_PAGE: usize = 100;

/// Bytes of a part of a bundle: well below the limit of a message.
const PART_LEN: usize = 256 << 10;

/// AuditService.
#[derive(Debug, Clone)]
pub(super) struct Audits(pub(super) Arc<Context>);

/// Where a tail stands.
struct Tail {
    log: Arc<dyn AuditLog>,
    tenant: TenantId,
    call: Arc<Call>,
    from: u64,
    ready: VecDeque<AuditEntry>,
    failed: bool,
}

impl Tail {
    async fn next(&mut self) -> Result<AuditEntry, Failure> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                self.from = entry.index.saturating_add(1);
                return Ok(entry);
            }
            let query = AuditQuery { from: self.from, limit: TAIL_PAGE, ..AuditQuery::default() };
            self.ready = self.log.read(&self.tenant, &query).await.map_err(|error| store_failure(&error))?.into();
            if self.ready.is_empty() {
                self.log.grown(&self.tenant, self.from).await.map_err(|error| store_failure(&error))?;
            }
        }
    }
}

impl Audits {
    async fn enter(&self, call: &Call, parent: &str) -> Result<(), Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", parent, tenant)?;
        self.0.enter(call, Resource::only("AuditLog", tenant), &named).await.map(drop)
    }

    async fn list(&self, call: &Call, request: &v1::ListAuditRecordsRequest) -> Result<v1::ListAuditRecordsResponse, Failure> {
        let limit = convert::limit(request.page_size, PAGE_DEFAULT)?;
        let wanted = convert::audit_search(request, limit)?;
        self.enter(call, &request.parent).await?;
        let search = audit_names::resolve(&self.0.ports, call.tenant()?, wanted).await?;
        let found = self.0.ports.audit_search.search(call.tenant()?, &search).await.map_err(|error| store_failure(&error))?;
        let oldest_first = search.order == Order::OldestFirst;
        Ok(v1::ListAuditRecordsResponse {
            records: found.entries.into_iter().map(convert::audit_record).collect(),
            next_index: found.next.filter(|_| oldest_first).unwrap_or_default(),
            next_page_token: found.next.map(|next| next.to_string()).unwrap_or_default(),
        })
    }

    async fn tail(&self, call: &Arc<Call>, request: &v1::TailAuditRecordsRequest) -> Result<Answers<v1::AuditRecord>, Failure> {
        self.enter(call, &request.parent).await?;
        let tail = Tail {
            log: Arc::clone(&self.0.ports.audit_log),
            tenant: call.tenant()?.clone(),
            call: Arc::clone(call),
            from: request.from_index,
            ready: VecDeque::new(),
            failed: false,
        };
        Ok(Box::pin(stream::unfold(tail, |mut tail| async move {
            if tail.failed {
                return None;
            }
            let next = tail.next().await;
            tail.failed = next.is_err();
            let answer = next.map(convert::audit_record).map_err(|failure| status(&failure, &tail.call.reference()));
            Some((answer, tail))
        })))
    }

    /// The bundle is made whole before the first part leaves: no failure cuts it off.
    async fn export(&self, call: &Call, request: &v1::ExportEvidenceRequest) -> Result<Answers<v1::EvidencePart>, Failure> {
        let own = call.tenant()?;
        let named: Named<TaskId> = names::parse("name", "tasks", &request.name, own)?;
        let _permit = self.0.enter(call, Resource::only("AuditLog", own), &named).await?;
        let wanted = Wanted { task: named.id, payloads: !request.without_payloads, live_token: request.with_live_token };
        let bundle = self.0.evidence.export(&call.caller("")?, &wanted).await;
        let bundle = Bytes::from(bundle.map_err(|error| convert::evidence_failure(&error, &named.text))?);
        Ok(Box::pin(stream::unfold(bundle, |mut rest| async move {
            let part = rest.split_to(PART_LEN.min(rest.len()));
            (!part.is_empty()).then(|| (Ok(v1::EvidencePart { data: part.to_vec() }), rest))
        })))
    }

    async fn head(&self, call: &Call, request: &v1::GetAuditHeadRequest) -> Result<v1::AuditHead, Failure> {
        self.enter(call, &request.parent).await?;
        let head = self.0.ports.audit_log.head(call.tenant()?).await.map_err(|error| store_failure(&error))?;
        Ok(v1::AuditHead { size: head.size, root: head.root.to_string(), checkpoint: head.checkpoint.unwrap_or_default() })
    }

    async fn prove(&self, call: &Call, request: &v1::ProveAuditLogRequest) -> Result<v1::AuditProof, Failure> {
        let wanted =
            request.wanted.ok_or_else(|| Failure::invalid("wanted", "neither `index` nor `growth` is set".to_owned()))?;
        self.enter(call, &request.parent).await?;
        let (ports, tenant) = (&self.0.ports, call.tenant()?);
        let text = match wanted {
            WantedProof::Index(index) => audit::inclusion(ports, tenant, index).await.map(|proof| proof.text()),
            WantedProof::Growth(v1::AuditGrowth { from_size, to_size }) => {
                let to = Some(to_size).filter(|size| *size > 0);
                audit::growth(ports, tenant, from_size, to).await.map(|proof| proof.text())
            }
        };
        text.map(|text| v1::AuditProof { text }).map_err(|error| convert::proof_failure(&error))
    }

    /// The leaves, the head, every checkpoint and its signature, and the fold of every task, each read again from the disk.
    async fn verify(&self, call: &Call, request: &v1::VerifyAuditLogRequest) -> Result<v1::VerifyAuditLogResponse, Failure> {
        self.enter(call, &request.parent).await?;
        let tenant = call.tenant()?.clone();
        let notes = self.0.ports.audit_log.checkpoints(&tenant).await.map_err(|error| store_failure(&error))?;
        let key = self.0.ports.signer.verifier_key();
        let name = origin(self.0.installation.trust_domain.as_str(), &tenant);
        let store = self.0.store.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let report = store.verify_audit(&tenant, |_, _| {});
            let signatures = verify_signatures(&notes, &key, &name);
            (report, signatures, store.verify_tasks(&tenant))
        });
        let (report, signatures, tasks) = checked.await.map_err(|error| Failure::internal("verify the audit log", &error))?;
        Ok(convert::verified(report, signatures.err(), tasks))
    }
}

/// Checks the signature of every checkpoint, which is under the name of the log, or under that of an older trust file.
fn verify_signatures(notes: &[String], verifier_key: &str, origin: &str) -> Result<(), String> {
    let unreadable = |_: signed_note::Error| "the log's own key cannot be read".to_owned();
    let key: Verifier = verifier_key.parse().map_err(unreadable)?;
    let known = [key.renamed(origin).map_err(unreadable)?, key];
    for (index, note) in notes.iter().enumerate() {
        signed_note::verify(note, &known).map_err(|error| format!("signature of checkpoint {index} does not verify: {error}"))?;
    }
    Ok(())
}

#[tonic::async_trait]
impl AuditService for Audits {
    async fn list_audit_records(
        &self,
        request: Request<v1::ListAuditRecordsRequest>,
    ) -> Result<Response<v1::ListAuditRecordsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    type TailAuditRecordsStream = Answers<v1::AuditRecord>;

    async fn tail_audit_records(
        &self,
        request: Request<v1::TailAuditRecordsRequest>,
    ) -> Result<Response<Self::TailAuditRecordsStream>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.tail(&call, &message).await).await
    }

    async fn get_audit_head(&self, request: Request<v1::GetAuditHeadRequest>) -> Result<Response<v1::AuditHead>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.head(&call, &message).await).await
    }

    async fn prove_audit_log(&self, request: Request<v1::ProveAuditLogRequest>) -> Result<Response<v1::AuditProof>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.prove(&call, &message).await).await
    }

    type ExportEvidenceStream = Answers<v1::EvidencePart>;

    async fn export_evidence(
        &self,
        request: Request<v1::ExportEvidenceRequest>,
    ) -> Result<Response<Self::ExportEvidenceStream>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.export(&call, &message).await).await
    }

    async fn verify_audit_log(
        &self,
        request: Request<v1::VerifyAuditLogRequest>,
    ) -> Result<Response<v1::VerifyAuditLogResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.verify(&call, &message).await).await
    }
}
