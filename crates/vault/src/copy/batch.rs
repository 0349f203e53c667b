//! Some points that are copied together: a session for each, packs for all.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::fetch::{self, Bad};
use super::fill::Filler;
use super::needs::{Needs, Places};
use super::plan::{MissingPoint, is_gone};
use super::remaps;
use super::run::Run;
use crate::format::{BlockName, ListPieceRef, Segment, SegmentEntry, SourceId};
use crate::points;
use crate::session::Committed;
use crate::{BlockReader, Error, PackDirectory, Result, Session};

/// Looks at the source, when a sweep there moves what is being copied.
const ROUNDS: usize = 3;
/// A session that has said nothing for a day is taken for dead.
const SIGN_OF_LIFE: TimeDelta = TimeDelta::minutes(10);

/// A point of a batch.
struct Member<'p> {
    point: &'p MissingPoint,
    session: Arc<Session>,
    /// Its list and the hash of its manifest, once all that they name was found.
    known: Option<(Vec<ListPieceRef>, blake3::Hash)>,
    /// Why it is not made.
    failed: Option<Bad>,
}

impl Member<'_> {
    fn is_open(&self) -> bool {
        self.known.is_none() && self.failed.is_none()
    }
}

/// Points that are being copied.
pub(super) struct Batch<'r, 'a, 'p> {
    run: &'r mut Run<'a>,
    members: Vec<Member<'p>>,
    /// What the target has that these sessions may refer to.
    there: PackDirectory,
    filler: Filler,
    bad: HashMap<BlockName, Bad>,
    last_sign_at: DateTime<Utc>,
    signs_count: u32,
}

impl<'r, 'a, 'p> Batch<'r, 'a, 'p> {
    /// Begins a session for each point, then lists what the target has.
    pub(super) async fn begin(run: &'r mut Run<'a>, points: &'p [MissingPoint]) -> Result<Self> {
        let sources: Vec<SourceId> = points.iter().map(|point| point.name.source).collect();
        let now = run.watch.now();
        let sessions = Session::begin_all(run.target, &sources, run.machine(), now).await?;
        let sessions = sessions.into_iter().map(Arc::new);
        let members: Vec<Member<'_>> = points
            .iter()
            .zip(sessions)
            .map(|(point, session)| Member {
                point,
                session,
                known: None,
                failed: None,
            })
            .collect();
        let first = members
            .first()
            .ok_or(Error::NotPermitted("at least one point"))?;
        let unusable = first.session.unusable();
        let mut there = PackDirectory::list_without(run.target, unusable).await?;
        there.load_packs(run.target).await?;
        let filler = Filler::new(run.target, &first.session, run.options.pack_max_bytes);
        Ok(Self {
            run,
            members,
            there,
            filler,
            bad: HashMap::new(),
            last_sign_at: now,
            signs_count: 0,
        })
    }

    /// Brings over what the points need, then makes those that have it all. No session stays undecided, unless the
    /// target fails.
    pub(super) async fn finish(mut self) -> Result<()> {
        let outcome = match self.gather().await {
            Ok(()) if self.run.is_stopped() => Ok(()),
            Ok(()) => self.commit().await,
            Err(error) => Err(error),
        };
        self.run.report.packs_written_count += self.filler.packs_count;
        if outcome.is_err() || self.run.report.is_stopped {
            for member in &self.members {
                // Whoever sweeps the target waits for it at worst; one that has made its point keeps it.
                let given_up = member.session.give_up("the copy has ended").await;
                tracing::debug!(?given_up, "a session is given up");
            }
        }
        outcome
    }

    /// On return all that was found is durable and stands in segments, and the points that lack something are failed.
    async fn gather(&mut self) -> Result<()> {
        for round in 1..=ROUNDS {
            let mut here = PackDirectory::list(self.run.source).await?;
            here.load_packs(self.run.source).await?;
            let needs = self.needs(&here, round == ROUNDS).await?;
            let gone = self.fetch(&here, &needs).await?;
            self.filler.flush(&mut self.there).await?;
            if self.run.is_stopped() {
                return Ok(());
            }
            let is_settled = gone.is_empty() && !self.members.iter().any(Member::is_open);
            if !is_settled && round < ROUNDS {
                continue;
            }
            for name in gone {
                let object = here.object_name(self.run.source, &name.pack);
                let reason = "it is missing".to_owned();
                self.bad.insert(name, Bad { object, reason });
            }
            self.adopt(&needs).await?;
            if !needs.remapped.is_empty() {
                let (source, target) = (self.run.source, self.run.target);
                remaps::bring(source, target, &self.there, &needs.remapped).await?;
                self.renew().await?;
            }
            if !self.bad.is_empty() || !needs.remapped.is_empty() {
                self.judge(&here).await?;
            }
            return Ok(());
        }
        Ok(())
    }

    /// Lists the target again, under the same pins.
    async fn renew(&mut self) -> Result<()> {
        let Some(first) = self.members.first() else {
            return Ok(());
        };
        let unusable = first.session.unusable();
        let mut there = PackDirectory::list_without(self.run.target, unusable).await?;
        there.load_packs(self.run.target).await?;
        self.there = there;
        Ok(())
    }

    /// What the points need together. A point that names what is nowhere waits for another look, but for the last one.
    async fn needs(&mut self, here: &PackDirectory, is_last: bool) -> Result<Needs> {
        let mut needs = Needs::default();
        let places = Places {
            source: here,
            target: Some(&self.there),
        };
        let (source, reader) = (self.run.source, self.run.reader);
        for member in &mut self.members {
            if member.failed.is_some() {
                continue;
            }
            let name = member.point.name;
            let read = async {
                let read = points::read_sealed(source, &name).await?;
                let object = name.object_name(source.domain_id());
                let (structure, sealed) = read.ok_or(Error::Missing { object })?;
                needs
                    .add_list(source, reader, &places, &structure.list)
                    .await?;
                Ok((structure.list, blake3::hash(&sealed.object)))
            };
            match read.await {
                Ok(known) => member.known = Some(known),
                Err(Error::Missing { .. }) if !is_last => member.known = None,
                Err(error) if Error::is_corruption(&error) => {
                    let object = name.object_name(source.domain_id());
                    member.failed = Some(Bad::told_by(&error, &object));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(needs)
    }

    /// Brings blocks over; returns those that the source does not have any more.
    async fn fetch(&mut self, here: &PackDirectory, needs: &Needs) -> Result<Vec<BlockName>> {
        let blocks = needs.blocks.iter().copied();
        let blocks = blocks.filter(|block| !self.bad.contains_key(block));
        let (packs, mut gone) = fetch::by_pack(here, blocks);
        let mut packs = packs.into_iter();
        let mut reading = VecDeque::new();
        while !self.run.is_stopped() {
            while reading.len() < self.run.options.reads_count.max(1)
                && let Some(pack) = packs.next()
            {
                reading.push_back((pack.kind, self.run.begin(pack)));
            }
            let Some((kind, next)) = reading.pop_front() else {
                break;
            };
            let fetched = fetch::finish(self.run.source, &self.run.checker, next).await?;
            let mut bytes = 0;
            for (row, sealed) in fetched.good {
                bytes += sealed.len() as u64;
                self.run.report.blocks_copied_count += 1;
                self.filler.put(kind, row, &sealed, &mut self.there).await?;
            }
            self.run.report.copied_bytes += bytes;
            self.run.watch.copied(0, bytes);
            self.bad.extend(fetched.bad);
            gone.extend(fetched.gone);
            self.give_sign().await?;
        }
        Ok(gone)
    }

    /// Now and then each session writes something, so that no sweep takes it for dead.
    async fn give_sign(&mut self) -> Result<()> {
        let now = self.run.watch.now();
        let elapsed = now.signed_duration_since(self.last_sign_at);
        if elapsed >= TimeDelta::zero() && elapsed < SIGN_OF_LIFE {
            return Ok(());
        }
        for member in &self.members {
            let session = &member.session;
            let copied_bytes = self.run.report.copied_bytes;
            session
                .put_checkpoint(self.signs_count, None, 0, copied_bytes, now)
                .await?;
        }
        self.last_sign_at = now;
        self.signs_count += 1;
        Ok(())
    }

    /// Publishes packs that a dead session has left unindexed and that the points need.
    async fn adopt(&self, needs: &Needs) -> Result<()> {
        let Some(first) = self.members.first() else {
            return Ok(());
        };
        let reader = BlockReader::new(self.run.target.clone(), 0, 0);
        let mut segment = Segment::default();
        for pack in &needs.adopted {
            let Some(entry) = self.there.entry(pack) else {
                continue;
            };
            let (row, toc) = match reader.segment_row(*pack, entry.kind).await {
                Ok(found) => found,
                Err(error) if error.is_corruption() => {
                    tracing::warn!(%pack, %error, "a pack of the target is damaged");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let position = u32::try_from(segment.packs.len()).unwrap_or(u32::MAX);
            for (block, chunk, found) in toc.addressed_chunks() {
                segment.entries.push(SegmentEntry {
                    prefix: found.id.prefix(),
                    pack: position,
                    block,
                    chunk,
                });
            }
            segment.packs.push(row);
        }
        if !segment.packs.is_empty() {
            first.session.put_segment(segment).await?;
        }
        Ok(())
    }

    /// Fails the points that still lack something.
    async fn judge(&mut self, here: &PackDirectory) -> Result<()> {
        let places = Places {
            source: here,
            target: Some(&self.there),
        };
        let (source, reader) = (self.run.source, self.run.reader);
        for member in &mut self.members {
            let Some((list, _)) = member.known.as_ref() else {
                continue;
            };
            let mut lacking = Needs::default();
            let object = member.point.name.object_name(source.domain_id());
            let added = lacking.add_list(source, reader, &places, list).await;
            let failed = match added {
                Err(error) if error.is_corruption() => Some(Bad::told_by(&error, &object)),
                Err(error) => return Err(error),
                Ok(()) => lacking
                    .blocks
                    .iter()
                    .find_map(|block| self.bad.get(block).cloned())
                    .or_else(|| {
                        let is_whole = lacking.blocks.is_empty() && lacking.remapped.is_empty();
                        let reason = "the target cannot use what it needs".to_owned();
                        (!is_whole).then_some(Bad { object, reason })
                    }),
            };
            if member.failed.is_none() {
                member.failed = failed;
            }
        }
        Ok(())
    }

    /// Makes the points that have everything, in order; ends the sessions of the others.
    async fn commit(&mut self) -> Result<()> {
        for member in &self.members {
            let id = member.point.id;
            match make(self.run, member).await? {
                Made::Point => {
                    self.run.report.copied.push(id);
                    self.run.watch.copied(1, 0);
                }
                Made::Fenced => self.run.report.fenced.push(id),
                Made::Not(bad) => {
                    member.session.give_up("its point cannot be copied").await?;
                    if is_gone(self.run.source, member.point).await? {
                        self.run.report.gone_count += 1;
                    } else {
                        self.run.report.damage(bad.object, bad.reason, id);
                    }
                }
            }
        }
        Ok(())
    }
}

enum Made {
    Point,
    Fenced,
    Not(Bad),
}

async fn make(run: &Run<'_>, member: &Member<'_>) -> Result<Made> {
    let object = member.point.name.object_name(run.source.domain_id());
    let missing = || Error::Missing {
        object: object.clone(),
    };
    let hash = match (&member.failed, &member.known) {
        (Some(bad), _) => return Ok(Made::Not(bad.clone())),
        (None, Some((_, hash))) => hash,
        (None, None) => return Ok(Made::Not(Bad::told_by(&missing(), &object))),
    };
    let sealed = match points::read_sealed(run.source, &member.point.name).await {
        // Manifests are never overwritten: the one whose list was read is the one that is copied.
        Ok(Some((_, sealed))) if blake3::hash(&sealed.object) == *hash => sealed,
        Ok(_) => return Ok(Made::Not(Bad::told_by(&missing(), &object))),
        Err(error) if error.is_corruption() => {
            return Ok(Made::Not(Bad::told_by(&error, &object)));
        }
        Err(error) => return Err(error),
    };
    let point = member.point;
    let now = run.watch.now();
    let session = &member.session;
    let commit = session.commit_copy(point.id, &sealed.object, point.written_at, now);
    match commit.await? {
        Committed::Point { .. } => Ok(Made::Point),
        Committed::Fenced => Ok(Made::Fenced),
    }
}
