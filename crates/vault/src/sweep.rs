//! Deleting what no recovery point reaches (format.md §12, protocol.md).
//!
//! Cycles are serial and decided by objects that are created once: mark, plan, end. Any number of workers may run the
//! same cycle; whoever dies is taken up by the next. Nothing is deleted that does not stand in a stored plan.

mod cycles;
mod decide;
mod liveness;
mod moves;
mod plan;
mod sessions;
mod survey;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::format::{End, Mark, ObjectKind, ObjectName, Plan};
use crate::session::fence;
use crate::{BlockReader, Error, Result, Vault};

pub(crate) use cycles::Cycles;
pub use sessions::OpenSession;

use survey::Survey;

/// How a sweep goes about it.
///
/// # Defaults
/// Sessions without a sign of life for 24 hours are fenced; packs of which less than 80 % is needed are packed anew, at
/// most 1 GiB a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SweepOptions {
    /// A session that has written nothing for so long, by the store's clock, is declared dead.
    pub fence_after: Duration,
    /// Needed blocks of a pack are moved elsewhere when they are less than this share of its bytes.
    pub move_below_percent: u8,
    /// Most bytes that are moved in one run.
    pub move_max_bytes: u64,
    /// Say what would happen, write nothing.
    pub dry_run: bool,
}

impl Default for SweepOptions {
    fn default() -> Self {
        Self {
            fence_after: Duration::from_secs(24 * 60 * 60),
            move_below_percent: 80,
            move_max_bytes: 1 << 30,
            dry_run: false,
        }
    }
}

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Number of the cycle.
    pub cycle: u64,
    /// Packs that were deleted; with `dry_run`, that would be condemned.
    pub packs_deleted_count: u64,
    /// Packs whose needed blocks were moved elsewhere; with `dry_run`, that would be.
    pub packs_rewritten_count: u64,
    /// Bytes of what was deleted; with `dry_run`, of what would be condemned.
    pub freed_bytes: u64,
    /// Sessions that must end before the cycle can; the next run goes on with it.
    pub waiting_for: Vec<OpenSession>,
    /// Names of what was, or with `dry_run` would be, deleted.
    pub deleted: Vec<String>,
}

/// Runs a cycle as far as it gets: begins one, or goes on with the one that is not done.
///
/// # Errors
/// [`Error::NotPermitted`] without an owner's or maintenance key; when a manifest or list that says what is needed
/// cannot be read (then nothing is deleted); or when the store fails.
pub async fn sweep(
    vault: &Vault,
    reader: &BlockReader,
    options: &SweepOptions,
    now: DateTime<Utc>,
) -> Result<SweepReport> {
    vault.signer()?;
    let mut cycles = Cycles::read(vault).await?;
    let dead = std::mem::take(&mut cycles.dead);
    if let Some(open) = cycles.newest.filter(|cycle| !cycle.is_done) {
        let mut report = SweepReport {
            cycle: open.number,
            ..SweepReport::default()
        };
        if options.dry_run {
            let survey = Survey::take(vault, reader, &dead).await?;
            report.tell(&survey, &open.mark);
            return Ok(report);
        }
        return finish(
            vault,
            reader,
            options,
            now,
            &open.mark,
            open.is_planned,
            report,
        )
        .await;
    }
    let mut report = SweepReport {
        cycle: cycles.next,
        ..SweepReport::default()
    };
    let mut survey = Survey::take(vault, reader, &dead).await?;
    let sparse = moves::choose(vault, reader, &survey, options).await?;
    report.packs_rewritten_count = sparse.len() as u64;
    if options.dry_run {
        report.tell(&survey, &decide::condemn(&survey.held, &survey.live));
        return Ok(report);
    }
    if !sparse.is_empty() {
        let moved = moves::carry_out(vault, &survey.live, sparse, now).await?;
        survey.held.extend(moved);
    }
    let mark = decide::condemn(&survey.held, &survey.live);
    if mark.packs.is_empty() && survey.live.gone.is_empty() {
        return Ok(report);
    }
    let name = ObjectName::Mark {
        domain: *vault.domain_id(),
        cycle: report.cycle,
    };
    if !cycles::create(vault, name, ObjectKind::Mark, &mark.encode()).await? {
        // Another worker was first; its mark decides, and the next run takes part.
        return Ok(report);
    }
    finish(vault, reader, options, now, &mark, false, report).await
}

impl SweepReport {
    /// What the mark would come to if nothing had to be rescued.
    fn tell(&mut self, survey: &Survey, mark: &Mark) {
        let condemned = survey.held.iter().filter(|pack| mark.condemns(&pack.pack));
        for pack in condemned {
            self.packs_deleted_count += 1;
            self.freed_bytes += pack.object_bytes;
            self.deleted.push(survey.name_of(pack));
        }
    }
}

/// From a mark to the end of its cycle, or to the sessions that it waits for.
async fn finish(
    vault: &Vault,
    reader: &BlockReader,
    options: &SweepOptions,
    now: DateTime<Utc>,
    mark: &Mark,
    is_planned: bool,
    mut report: SweepReport,
) -> Result<SweepReport> {
    let cycle = report.cycle;
    let domain = *vault.domain_id();
    if !is_planned {
        let dead = Cycles::read(vault).await?.dead;
        report.waiting_for = settle_sessions(vault, options, cycle).await?;
        if !report.waiting_for.is_empty() {
            return Ok(report);
        }
        let survey = Survey::take(vault, reader, &dead).await?;
        let plan = plan::make(&survey, mark, &domain);
        let name = ObjectName::Plan { domain, cycle };
        cycles::create(vault, name, ObjectKind::Plan, &plan.encode()).await?;
    }
    // Whoever made it: only what is stored is carried out.
    let plan = cycles::read_plan(vault, cycle).await?;
    plan::check(&plan, mark, &domain)?;
    carry_out(vault, &plan, &mut report).await?;
    let end = End {
        v: 1,
        cycle,
        deleted_count: plan.names.len() as u64,
        freed_bytes: report.freed_bytes,
        at: now,
        nonce: vault.nonce()?,
    };
    let name = ObjectName::End { domain, cycle };
    cycles::create(vault, name, ObjectKind::End, &end.encode()?).await?;
    Ok(report)
}

/// Fences the sessions that are dead and returns those that must be waited for: undecided, and pinned before this
/// cycle or not at all.
async fn settle_sessions(
    vault: &Vault,
    options: &SweepOptions,
    cycle: u64,
) -> Result<Vec<OpenSession>> {
    let sessions = sessions::Sessions::read(vault).await?;
    let older = |session: &OpenSession| session.pin.is_none_or(|pin| pin < cycle);
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
    for name in &plan.names {
        let bytes = match vault.store().length(name).await {
            Ok(bytes) => bytes,
            Err(Error::Missing { .. }) => continue,
            // A place that is away may still have it, and gives it up when it catches up with the plan.
            Err(Error::PlaceAway { .. }) => 0,
            Err(error) => return Err(error),
        };
        vault.store().delete(name).await?;
        if matches!(ObjectName::parse(name), Some(ObjectName::Pack { .. })) {
            report.packs_deleted_count += 1;
        }
        report.freed_bytes += bytes;
        report.deleted.push(name.clone());
    }
    Ok(())
}
