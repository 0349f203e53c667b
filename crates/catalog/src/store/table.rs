//! The tables, by names that carry a version.

use redb::TableDefinition;

/// Keys and values are bytes of our own encoding: no type of the database decides about the format.
pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// One table of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Facts about the catalog itself.
    Meta,
    /// Point id → point.
    Points,
    /// Source, newest first, point id → whether it is deleted.
    PointsBySource,
    /// Source → what its points add up to.
    Sources,
    /// Job id → job.
    Jobs,
    /// Source, newest first → nothing.
    JobsBySource,
    /// Id of a job that has not ended → nothing.
    UnfinishedJobs,
    /// Alert id → alert.
    Alerts,
    /// Key of an unresolved alert → alert id.
    OpenAlerts,
    /// Kind, level, object → when it was found good.
    Verified,
    /// Source, newest first → drill.
    Drills,
    /// Scope, oldest first → sample.
    Samples,
}

impl Table {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Meta,
        Self::Points,
        Self::PointsBySource,
        Self::Sources,
        Self::Jobs,
        Self::JobsBySource,
        Self::UnfinishedJobs,
        Self::Alerts,
        Self::OpenAlerts,
        Self::Verified,
        Self::Drills,
        Self::Samples,
    ];

    /// Those that are made from the recovery points alone.
    pub(crate) const DERIVED: [Self; 3] = [Self::Points, Self::PointsBySource, Self::Sources];

    pub(super) const fn definition(self) -> Definition {
        TableDefinition::new(self.name())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta_v1",
            Self::Points => "points_v1",
            Self::PointsBySource => "points_by_source_v1",
            Self::Sources => "sources_v1",
            Self::Jobs => "jobs_v1",
            Self::JobsBySource => "jobs_by_source_v1",
            Self::UnfinishedJobs => "unfinished_jobs_v1",
            Self::Alerts => "alerts_v1",
            Self::OpenAlerts => "open_alerts_v1",
            Self::Verified => "verified_v1",
            Self::Drills => "drills_v1",
            Self::Samples => "samples_v1",
        }
    }
}
