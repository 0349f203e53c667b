//! From what was kept and what is there to steps. Pure.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::facts::{Account, PasswordHash, SystemState};
use crate::held_back::Files;

/// Which parts are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Users and groups.
    pub accounts: bool,
    /// Configuration files.
    pub files: bool,
    /// Packages.
    pub packages: bool,
    /// Units.
    pub units: bool,
}

impl Choice {
    /// All of them.
    pub const ALL: Self = Self {
        accounts: true,
        files: true,
        packages: true,
        units: true,
    };
    /// None of them.
    pub const NONE: Self = Self {
        accounts: false,
        files: false,
        packages: false,
        units: false,
    };
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Step {
    /// Make a group.
    CreateGroup {
        /// Its name.
        name: String,
        /// Its number.
        gid: u32,
    },
    /// Make a user, without its home directory: that comes from the point of the files.
    CreateUser {
        /// Its name.
        name: String,
        /// Who it is.
        #[serde(flatten)]
        account: UserFacts,
    },
    /// Give a user that was just made the password that it had.
    SetPassword {
        /// Its name.
        user: String,
        /// As it stands in `/etc/shadow`.
        #[serde(skip)]
        password: PasswordHash,
    },
    /// Make a user a member of a group.
    JoinGroup {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// Put files back, as a restore does.
    PutBack {
        /// Files and directories.
        paths: Vec<String>,
    },
    /// Install packages from the sources of packages that are configured then.
    InstallPackages {
        /// `dpkg` or `rpm`.
        manager: String,
        /// Their names.
        packages: Vec<String>,
    },
    /// Keep a unit from being started.
    MaskUnit {
        /// Its name.
        unit: String,
    },
    /// Have a unit started with the machine.
    EnableUnit {
        /// Its name.
        unit: String,
    },
}

/// What a user is made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserFacts {
    /// Its number.
    pub uid: u32,
    /// Number of its first group.
    pub gid: u32,
    /// Full name and the like.
    pub comment: String,
    /// Home directory.
    pub home: String,
    /// Shell.
    pub shell: String,
}

/// What is left to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Left {
    /// What it is about.
    pub what: String,
    /// Why, in a word.
    pub reason: &'static str,
    /// Why, for people.
    pub detail: String,
}

/// What to do, in this order, and what is left to a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// Each of them changes something.
    pub steps: Vec<Step>,
    /// Nothing of this is touched.
    pub left: Vec<Left>,
}

impl Plan {
    fn leave(&mut self, what: &str, reason: &'static str, detail: impl Into<String>) {
        self.left.push(Left {
            what: what.to_owned(),
            reason,
            detail: detail.into(),
        });
    }
}

/// Compares what was kept with what is there. Nothing that is there is changed or removed: users, packages and units are
/// only added, and files are put back as a restore does it. Accounts come first, so that files find their owners, then files,
/// so that packages find their sources and keep the configuration, then packages, then units.
#[must_use]
pub fn plan(kept: &SystemState, present: &SystemState, files: Files, choice: Choice) -> Plan {
    let mut plan = Plan::default();
    let (was, is) = (&kept.system, &present.system);
    if (&was.distribution, &was.release) != (&is.distribution, &is.release) {
        let detail = format!(
            "it was {}, this is {}: read the plan closely",
            was.name, is.name
        );
        plan.leave("system", "release_differs", detail);
    }
    if choice.accounts {
        groups(&mut plan, kept, present);
        users(&mut plan, kept, present);
        members(&mut plan, kept, present);
    }
    if choice.files {
        for (path, why) in files.held {
            plan.leave(&path, why.as_str(), "compare it by hand");
        }
        if !files.back.is_empty() {
            let paths = files.back;
            plan.steps.push(Step::PutBack { paths });
        }
    }
    if choice.packages {
        packages(&mut plan, kept, present);
    }
    if choice.units {
        units(&mut plan, kept, present);
    }
    plan
}

fn groups(plan: &mut Plan, kept: &SystemState, present: &SystemState) {
    let taken: BTreeSet<u32> = present
        .accounts
        .groups
        .values()
        .map(|group| group.gid)
        .collect();
    for (name, group) in &kept.accounts.groups {
        match present.accounts.groups.get(name) {
            Some(there) if there.gid == group.gid => {}
            Some(there) => plan.leave(
                name,
                "group_differs",
                format!(
                    "the group has number {} here, it had {}",
                    there.gid, group.gid
                ),
            ),
            None if !is_account_name(name) => {
                plan.leave(name, "unusable_name", "no name for a group");
            }
            None if taken.contains(&group.gid) => plan.leave(
                name,
                "number_taken",
                format!("another group has number {}", group.gid),
            ),
            None => plan.steps.push(Step::CreateGroup {
                name: name.clone(),
                gid: group.gid,
            }),
        }
    }
}

fn users(plan: &mut Plan, kept: &SystemState, present: &SystemState) {
    let taken: BTreeSet<u32> = present
        .accounts
        .users
        .values()
        .map(|user| user.uid)
        .collect();
    for (name, user) in &kept.accounts.users {
        match present.accounts.users.get(name) {
            Some(there) if there.uid == user.uid => {}
            Some(there) => plan.leave(
                name,
                "user_differs",
                format!(
                    "the user has number {} here, it had {}",
                    there.uid, user.uid
                ),
            ),
            None if !is_account_name(name) || !is_plain(user) => {
                plan.leave(name, "unusable_name", "no name, home or shell for a user");
            }
            None if taken.contains(&user.uid) => plan.leave(
                name,
                "number_taken",
                format!("another user has number {}", user.uid),
            ),
            None if !has_its_group(user.gid, kept, present) => plan.leave(
                name,
                "number_taken",
                format!(
                    "another group has number {}, that of its first group",
                    user.gid
                ),
            ),
            None => {
                plan.steps.push(Step::CreateUser {
                    name: name.clone(),
                    account: UserFacts {
                        uid: user.uid,
                        gid: user.gid,
                        comment: user.comment.clone(),
                        home: user.home.clone(),
                        shell: user.shell.clone(),
                    },
                });
                if let Some(password) = user.password.clone().filter(PasswordHash::is_usable) {
                    let user = name.clone();
                    plan.steps.push(Step::SetPassword { user, password });
                }
            }
        }
    }
}

/// Whether the number of a group means the same group here, or none yet: nobody gets the rights of another group.
fn has_its_group(gid: u32, kept: &SystemState, present: &SystemState) -> bool {
    let named = |state: &SystemState| -> BTreeSet<String> {
        let groups = state.accounts.groups.iter();
        let named = groups.filter(|(_, group)| group.gid == gid);
        named.map(|(name, _)| name.clone()).collect()
    };
    let here = named(present);
    here.is_empty() || !here.is_disjoint(&named(kept))
}

fn members(plan: &mut Plan, kept: &SystemState, present: &SystemState) {
    let there = |name: &String| present.accounts.groups.get(name);
    let made = |name: &str, steps: &[Step]| {
        let is_it = |step: &Step| matches!(step, Step::CreateUser { name: one, .. } | Step::CreateGroup { name: one, .. } if one == name);
        steps.iter().any(is_it)
    };
    let mut joins = Vec::new();
    for (name, group) in &kept.accounts.groups {
        for member in &group.members {
            let is_member = there(name).is_some_and(|group| group.members.contains(member));
            let has_group = there(name).is_some() || made(name, &plan.steps);
            // A user who was here before may be another person of that name.
            if !is_member && has_group && made(member, &plan.steps) {
                joins.push(Step::JoinGroup {
                    user: member.clone(),
                    group: name.clone(),
                });
            } else if !is_member && present.accounts.users.contains_key(member) {
                let detail = format!("{member} was a member of {name}, and is not here");
                plan.leave(member, "member_differs", detail);
            }
        }
    }
    plan.steps.append(&mut joins);
}

fn packages(plan: &mut Plan, kept: &SystemState, present: &SystemState) {
    let (was, is) = (&kept.packages, &present.packages);
    if was.manager.is_empty() {
        return;
    }
    if was.manager != is.manager {
        let detail = format!(
            "they were of {}, which this system does not have",
            was.manager
        );
        return plan.leave("packages", "manager_differs", detail);
    }
    let missing = was
        .wanted()
        .filter(|name| !is.installed.contains_key(*name));
    let (usable, unusable): (Vec<_>, Vec<_>) =
        missing.cloned().partition(|name| is_package_name(name));
    for name in unusable {
        plan.leave(&name, "unusable_name", "no name for a package");
    }
    let other = was.installed.iter();
    let other =
        other.filter(|(name, version)| is.installed.get(*name).is_some_and(|is| is != *version));
    let other_count = other.count();
    if other_count > 0 {
        let detail = format!(
            "{other_count} are installed in another version; packages.json has what it was"
        );
        plan.leave("packages", "version_differs", detail);
    }
    if !usable.is_empty() {
        plan.steps.push(Step::InstallPackages {
            manager: was.manager.clone(),
            packages: usable,
        });
    }
}

fn units(plan: &mut Plan, kept: &SystemState, present: &SystemState) {
    let (was, is) = (&kept.units, &present.units);
    for unit in was
        .masked
        .difference(&is.masked)
        .chain(was.enabled.difference(&is.enabled))
    {
        let unit = unit.clone();
        if !is_unit_name(&unit) {
            plan.leave(&unit, "unusable_name", "no name for a unit");
        } else if was.masked.contains(&unit) {
            plan.steps.push(Step::MaskUnit { unit });
        } else {
            plan.steps.push(Step::EnableUnit { unit });
        }
    }
    for unit in is.enabled.difference(&was.enabled) {
        plan.leave(unit, "enabled_only_here", "it was not enabled there");
    }
    if was.default_target.is_some() && was.default_target != is.default_target {
        let target = was.default_target.clone().unwrap_or_default();
        plan.leave("default.target", "boot", format!("it was {target}"));
    }
}

/// What `useradd` takes for a name, and no option.
fn is_account_name(name: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$".contains(&byte);
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.len() <= 32
        && name.bytes().all(is_fine)
}

fn is_plain(user: &Account) -> bool {
    let texts = [&user.comment, &user.home, &user.shell];
    let is_fine = |text: &String| !text.contains([':', '\n', '\0']);
    let is_path = |text: &String| text.is_empty() || text.starts_with('/');
    texts.into_iter().all(is_fine) && is_path(&user.home) && is_path(&user.shell)
}

fn is_package_name(name: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._:".contains(&byte);
    name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.bytes().all(is_fine)
}

fn is_unit_name(name: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"@-._:\\".contains(&byte);
    name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.bytes().all(is_fine)
}
