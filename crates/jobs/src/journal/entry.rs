//! The files of one running job.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use strongroom_catalog::{Job, JobId};

use crate::error::{Error, Result};

/// More than any job has.
const JOB_MAX_BYTES: u64 = 1024 * 1024;

/// Names of the files of one job that runs, or did.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: JobId,
    dir: PathBuf,
}

impl Entry {
    pub(crate) fn new(dir: &Path, id: JobId) -> Self {
        Self {
            id,
            dir: dir.to_owned(),
        }
    }

    /// Those of all jobs that have left files in a directory.
    pub(crate) fn all(dir: &Path) -> Result<Vec<Self>> {
        let listed = match fs::read_dir(dir) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", dir)(error)),
        };
        let mut ids = std::collections::BTreeSet::new();
        for entry in listed {
            let name = entry.map_err(Error::io("list", dir))?.file_name();
            let id = name.to_str().and_then(|name| name.split('.').next());
            ids.extend(id.and_then(|id| id.parse::<JobId>().ok()));
        }
        Ok(ids.into_iter().map(|id| Self::new(dir, id)).collect())
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.dir.join(format!("{}.{ending}", self.id))
    }

    /// Takes the lock; `None` when another process has it. It is held until the file is closed, or the process ends in any
    /// way.
    pub(crate) fn lock(&self) -> Result<Option<File>> {
        let mut maker = DirBuilder::new();
        let made = maker.recursive(true).mode(0o700).create(&self.dir);
        made.map_err(Error::io("make", &self.dir))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        self.try_lock(&options)
    }

    /// Whether the process that runs the job lives.
    pub(crate) fn is_alive(&self) -> Result<bool> {
        match self.try_lock(OpenOptions::new().write(true)) {
            Ok(lock) => Ok(lock.is_none()),
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn try_lock(&self, options: &OpenOptions) -> Result<Option<File>> {
        let path = self.path("lock");
        let file = options.open(&path).map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
        }
    }

    /// The job as its process has written it last. What does not parse is not there.
    pub(crate) fn read(&self) -> Option<Job> {
        let path = self.path("json");
        let is_small = fs::metadata(&path).is_ok_and(|meta| meta.len() <= JOB_MAX_BYTES);
        let text = is_small.then(|| fs::read(&path).ok())??;
        serde_json::from_slice::<Job>(&text)
            .ok()
            .filter(|job| job.id == self.id)
    }

    /// Replaces what is written of the job: readers see the old or the new. A crash of the machine may lose it.
    pub(crate) fn write(&self, job: &Job) -> Result<()> {
        let (path, part) = (self.path("json"), self.path("part"));
        let text = serde_json::to_vec(job).map_err(std::io::Error::from);
        let write = || {
            fs::write(&part, text?)?;
            fs::rename(&part, &path)
        };
        write().map_err(Error::io("write", &path))
    }

    pub(crate) fn request_stop(&self) -> Result<()> {
        let path = self.path("stop");
        File::create(&path).map_err(Error::io("write", &path))?;
        Ok(())
    }

    pub(crate) fn is_stop_requested(&self) -> bool {
        self.path("stop").exists()
    }

    /// Removes all of them; the lock last, so that nobody takes a job with other files for one that never was.
    pub(crate) fn remove(&self) -> Result<()> {
        for ending in ["stop", "part", "json", "lock"] {
            let path = self.path(ending);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("remove", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
