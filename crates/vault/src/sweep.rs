//! Deleting what no recovery point reaches (format.md §12, protocol.md).
//!
//! Cycles are serial and decided by objects that are created once: mark, plan, end. Any number of workers may run the
//! same cycle; whoever dies is taken up by the next. Nothing is deleted that does not stand in a stored plan.

mod chunk_set;
mod cycles;
mod decide;
mod held;
#[cfg(test)]
mod leftovers;
mod liveness;
mod outlook;
mod plan;
mod segments;
mod sessions;
mod survey;
mod thin;
mod thinning;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::format::{End, Mark, ObjectKind, ObjectName, Plan};
use crate::rule::{self, Rule};
use crate::session::fence;
use crate::{BlockReader, Error, Result, Vault};

pub(crate) use cycles::Cycles;
pub use cycles::Unusable;
pub(crate) use held::{Contents, Held};
#[cfg(test)]
pub(crate) use leftovers::leftovers;
pub use outlook::{Outlook, outlook};
pub(crate) use segments::{IndexSegment, RowSums};
pub use sessions::OpenSession;

use survey::Survey;
use thin::{Thin, Treatment};

/// How a sweep goes about it.
///
/// # Defaults
/// Sessions without a sign of life for 24 hours are fenced; packs of which less than 80 % is needed are emptied, at most
/// 1 GiB a run; their blocks move unless less than 90 % of a block is needed, which is then rewritten. Sixteen small
/// index segments are put together, and sixteen objects that only tidying up would delete are worth a cycle.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SweepOptions {
    /// A session that has written nothing for so long, by the store's clock, is declared dead.
    pub fence_after: Duration,
    /// A pack is emptied when what is needed of it would take less than this share of its bytes elsewhere.
    pub move_below_percent: u8,
    /// When a pack is emptied and less than this share of a block is needed, that goes into a new block. It takes a key
    /// of the content: without one, blocks only move, and count as needed where any chunk is.
    pub rewrite_below_percent: u8,
    /// Most bytes that are moved and rewritten in one run.
    pub move_max_bytes: u64,
    /// Fewest small index segments that are put together; and where nothing else is to be done, fewest index segments and
    /// objects of ended sessions for which a cycle is begun: its own three objects stay for ever.
    pub tidy_from_count: usize,
    /// Say what would happen, write nothing.
    pub dry_run: bool,
    /// The newest time that an earlier run of this machine has seen, for callers that end soft deletions first.
    pub newest_seen_at: Option<DateTime<Utc>>,
    /// Days of soft delete, for callers that end soft deletions first; where the vault says more, that counts.
    pub soft_delete_days: u32,
    /// Somebody has looked at a clock that did not seem right: soft deletions may end by it.
    pub is_confirmed: bool,
}

impl Default for SweepOptions {
    fn default() -> Self {
        Self {
            fence_after: Duration::from_secs(24 * 60 * 60),
            move_below_percent: 80,
            rewrite_below_percent: 90,
            move_max_bytes: 1 << 30,
            tidy_from_count: 16,
            dry_run: false,
            newest_seen_at: None,
            soft_delete_days: 0,
            is_confirmed: false,
        }
    }
}

/// A pack whose needed content is stored elsewhere, so that the pack can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emptied {
    /// Name of its object.
    pub object: String,
    /// Length of the object.
    pub object_bytes: u64,
    /// Blocks that are copied as they are.
    pub moved_blocks_count: u64,
    /// Bytes that they take.
    pub moved_bytes: u64,
    /// Blocks of which the needed chunks are put into new blocks.
    pub rewritten_blocks_count: u64,
    /// Bytes that these chunks will take, about.
    pub rewritten_bytes: u64,
}

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Number of the cycle.
    pub cycle: u64,
    /// Packs that were deleted; with `dry_run`, that would be condemned.
    pub packs_deleted_count: u64,
    /// Packs whose needed content was stored elsewhere; with `dry_run`, would be.
    pub packs_rewritten_count: u64,
    /// Small index segments that were put together into larger ones; with `dry_run`, would be.
    pub segments_merged_count: u64,
    /// Bytes of what was deleted; with `dry_run`, of what would be condemned.
    pub freed_bytes: u64,
    /// Sessions that must end before the cycle can; the next run goes on with it.
    pub waiting_for: Vec<OpenSession>,
    /// Names of what was, or with `dry_run` would be, deleted.
    pub deleted: Vec<String>,
    /// What `packs_rewritten_count` counts.
    pub emptied: Vec<Emptied>,
}

/// Runs a cycle as far as it gets: begins one, or goes on with the one that is not done.
///
/// # Errors
/// [`Error::NotPermitted`] without an owner's or maintenance key; [`Error::ReadOnly`]; when a manifest or list that says what is needed
/// cannot be read (then nothing is deleted); or when the store fails.
pub async fn sweep(
    vault: &Vault,
    reader: &BlockReader,
    options: &SweepOptions,
    now: DateTime<Utc>,
) -> Result<SweepReport> {
    vault.signer()?;
    if !options.dry_run {
        vault.store().require_writable()?;
    }
    let cycles = Cycles::read(vault).await?;
    let is_open = |cycle: &cycles::Cycle| !cycle.is_done && rule::holds(Rule::SerialCycles);
    let Some(open) = cycles.newest.filter(is_open) else {
        return begin(vault, reader, options, now, cycles.next, &cycles.dead).await;
    };
    let mut report = SweepReport {
        cycle: open.number,
        ..SweepReport::default()
    };
    if options.dry_run {
        let survey = Survey::take(vault, reader, &cycles.dead).await?;
        report.tell(&survey, &open.mark);
        report.deleted.extend(survey.tidied(&open.mark));
        return Ok(report);
    }
    let run = Run {
        vault,
        reader,
        options,
        now,
    };
    run.finish(&open.mark, open.is_planned, report).await
}

/// Looks at the domain, packs anew what is worth it, and condemns what is left over.
async fn begin(
    vault: &Vault,
    reader: &BlockReader,
    options: &SweepOptions,
    now: DateTime<Utc>,
    cycle: u64,
    dead: &Unusable,
) -> Result<SweepReport> {
    let mut report = SweepReport {
        cycle,
        ..SweepReport::default()
    };
    if !options.dry_run {
        // What running sessions write is spared. One that is dead must not keep it for ever where nothing else is to
        // be condemned, for then there is no cycle that would fence it.
        settle_sessions(vault, options, cycle).await?;
    }
    let mut survey = Survey::take(vault, reader, dead).await?;
    survey.settle();
    let thin = thinning::choose(vault, reader, &survey, options).await?;
    report.emptied = thin.iter().map(|pack| emptied(vault, pack)).collect();
    report.packs_rewritten_count = thin.len() as u64;
    if !options.dry_run && !thin.is_empty() {
        thinning::carry_out(vault, reader, &mut survey, &thin, now).await?;
    }
    report.segments_merged_count = segments::put_together(vault, &mut survey, options, now).await?;
    survey.spare_running();
    let mark = survey.condemn();
    let tidied = survey.tidied(&mark);
    let has_gone = !survey.live.gone.is_empty();
    if mark.is_empty() && !has_gone && tidied.len() < options.tidy_from_count {
        return Ok(report);
    }
    if options.dry_run {
        report.tell(&survey, &mark);
        report.deleted.extend(tidied);
        return Ok(report);
    }
    // Another look follows; two at once would take twice the memory.
    drop(survey);
    let name = ObjectName::Mark {
        domain: *vault.domain_id(),
        cycle,
    };
    if !cycles::create(vault, name, ObjectKind::Mark, &mark.encode()).await? {
        // Another worker was first; its mark decides, and the next run takes part.
        return Ok(report);
    }
    let run = Run {
        vault,
        reader,
        options,
        now,
    };
    run.finish(&mark, false, report).await
}

fn emptied(vault: &Vault, pack: &Thin) -> Emptied {
    let count = |wanted: Treatment| {
        let blocks = pack.blocks.iter();
        blocks.filter(|(_, treatment)| *treatment == wanted).count() as u64
    };
    Emptied {
        object: ObjectName::pack(pack.kind, *vault.domain_id(), pack.pack).to_string(),
        object_bytes: pack.object_bytes,
        moved_blocks_count: count(Treatment::Move),
        moved_bytes: pack.moved_bytes,
        rewritten_blocks_count: count(Treatment::Rewrite),
        rewritten_bytes: pack.rewritten_bytes,
    }
}

impl SweepReport {
    /// What the mark would come to if nothing had to be rescued.
    fn tell(&mut self, survey: &Survey, mark: &Mark) {
        let packs = survey.held.iter().chain(&survey.dead);
        let condemned = packs.filter(|pack| mark.condemns(&pack.pack));
        for pack in condemned {
            self.packs_deleted_count += 1;
            self.freed_bytes += pack.object_bytes;
            self.deleted.push(survey.name_of(pack));
        }
        let remaps = mark.remaps.iter();
        self.deleted
            .extend(remaps.map(|remap| survey.name_of_remap(*remap)));
    }
}

/// One run of one worker.
struct Run<'a> {
    vault: &'a Vault,
    reader: &'a BlockReader,
    options: &'a SweepOptions,
    now: DateTime<Utc>,
}

impl Run<'_> {
    /// From a mark to the end of its cycle, or to the sessions that it waits for.
    async fn finish(
        &self,
        mark: &Mark,
        is_planned: bool,
        mut report: SweepReport,
    ) -> Result<SweepReport> {
        let (vault, cycle) = (self.vault, report.cycle);
        let domain = *vault.domain_id();
        let mut own = None;
        if !is_planned {
            let dead = Cycles::read(vault).await?.dead;
            report.waiting_for = settle_sessions(vault, self.options, cycle).await?;
            if !report.waiting_for.is_empty() {
                return Ok(report);
            }
            let mut survey = Survey::take(vault, self.reader, &dead).await?;
            let plan = plan::make(&mut survey, mark, &domain, cycle);
            let name = ObjectName::Plan { domain, cycle };
            cycles::create(vault, name, ObjectKind::Plan, &plan.encode()).await?;
            own = Some(plan).filter(|_| !rule::holds(Rule::StoredPlan));
        }
        // Whoever made it: only what is stored is carried out.
        let stored = cycles::read_plan(vault, cycle).await?;
        let plan = own.unwrap_or(stored);
        plan::check(&plan, mark, &domain)?;
        if !rule::holds(Rule::DoneLast) {
            self.end(&plan, &report).await?;
        }
        carry_out(vault, &plan, &mut report).await?;
        self.end(&plan, &report).await?;
        Ok(report)
    }

    /// Says that everything in the plan was deleted; another worker may have said so before.
    async fn end(&self, plan: &Plan, report: &SweepReport) -> Result<()> {
        let (vault, cycle) = (self.vault, report.cycle);
        let end = End {
            v: 1,
            cycle,
            deleted_count: plan.names.len() as u64,
            freed_bytes: report.freed_bytes,
            at: self.now,
            nonce: vault.nonce()?,
        };
        let domain = *vault.domain_id();
        let name = ObjectName::End { domain, cycle };
        cycles::create(vault, name, ObjectKind::End, &end.encode()?).await?;
        Ok(())
    }
}

/// Fences the sessions that are dead and returns those that must be waited for: undecided, and pinned before this
/// cycle or not at all.
async fn settle_sessions(
    vault: &Vault,
    options: &SweepOptions,
    cycle: u64,
) -> Result<Vec<OpenSession>> {
    let sessions = sessions::Sessions::read(vault).await?;
    let older = |session: &OpenSession| {
        rule::holds(Rule::WaitForSessions) && session.pin.is_none_or(|pin| pin < cycle)
    };
    let mut waiting: Vec<OpenSession> = sessions.open.into_iter().filter(older).collect();
    if waiting.is_empty() {
        return Ok(waiting);
    }
    let now = vault.store().now(&**vault.entropy()).await?;
    let limit = chrono::TimeDelta::from_std(options.fence_after).unwrap_or(chrono::TimeDelta::MAX);
    let mut rest = Vec::new();
    for session in waiting.drain(..) {
        if now.signed_duration_since(session.seen_at) < limit {
            rest.push(session);
            continue;
        }
        let reason = format!("no sign of life since {}", session.seen_at);
        // Whether the fence or a late commit won, the session is decided now.
        fence(vault, &session.point, "sweep".to_owned(), reason).await?;
    }
    Ok(rest)
}

async fn carry_out(vault: &Vault, plan: &Plan, report: &mut SweepReport) -> Result<()> {
    let ready = vault.store().ready_for_plans(vault.domain_id()).await?;
    for name in &plan.names {
        let bytes = match vault.store().length(name).await {
            Ok(bytes) => bytes,
            Err(Error::Missing { .. }) => continue,
            // A place that is away may still have it, and gives it up when it catches up with the plan.
            Err(Error::PlaceAway { .. }) => 0,
            Err(error) => return Err(error),
        };
        vault.store().delete_planned(&ready, name).await?;
        if matches!(ObjectName::parse(name), Some(ObjectName::Pack { .. })) {
            report.packs_deleted_count += 1;
        }
        report.freed_bytes += bytes;
        report.deleted.push(name.clone());
    }
    Ok(())
}
