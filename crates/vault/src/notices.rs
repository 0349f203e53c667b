//! Which copies of blocks are known to be damaged.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

use crate::error::in_object;
use crate::format::{
    FormatError, Notice, NoticeId, ObjectKind, ObjectName, PackId, open_signed, seal_signed,
};
use crate::store::Created;
use crate::{Error, Result, Vault};

/// All damage notices of a domain, united. Only what an owner or a maintenance host has signed is among them: an agent
/// can neither make others store anew what is whole, nor hide what is not.
#[derive(Debug, Default)]
pub struct Notices {
    packs: HashMap<PackId, HurtCopies>,
}

/// What is damaged of one pack.
#[derive(Debug, Clone, PartialEq, Eq)]
enum HurtCopies {
    All,
    At(BTreeSet<u16>),
}

impl Notices {
    /// Reads all notices. One that is damaged or void is passed over with a warning: what it named is found again by
    /// whoever reads it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(vault: &Vault) -> Result<Self> {
        let mut notices = Self::default();
        let listed = vault
            .store()
            .list(&format!("notice/{}", vault.domain_id()))
            .await?;
        for line in listed {
            let Some(name @ ObjectName::Notice { .. }) = ObjectName::parse(&line.name) else {
                continue;
            };
            let read = vault
                .store()
                .read(&line.name, ObjectKind::Notice.max_bytes())
                .await;
            let opened = match read {
                Ok(object) => in_object(&name, open(vault, &name, &object)),
                Err(error) => Err(error),
            };
            match opened {
                Ok(notice) => notices.add(&notice),
                Err(error) if error.is_corruption() => {
                    tracing::warn!(notice = line.name, %error, "a damage notice cannot be used");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(notices)
    }

    /// Takes in one notice.
    pub fn add(&mut self, notice: &Notice) {
        for hurt in &notice.packs {
            let copies = self
                .packs
                .entry(hurt.pack)
                .or_insert_with(|| HurtCopies::At(BTreeSet::new()));
            match copies {
                _ if hurt.positions.is_empty() => *copies = HurtCopies::All,
                HurtCopies::All => {}
                HurtCopies::At(positions) => positions.extend(&hurt.positions),
            }
        }
    }

    /// Whether the copy at this position of a pack is damaged.
    #[must_use]
    pub fn names(&self, pack: &PackId, position: u16) -> bool {
        match self.packs.get(pack) {
            Some(HurtCopies::All) => true,
            Some(HurtCopies::At(positions)) => positions.contains(&position),
            None => false,
        }
    }

    /// Whether anything of a pack is damaged.
    #[must_use]
    pub fn names_any_of(&self, pack: &PackId) -> bool {
        self.packs.contains_key(pack)
    }

    /// Whether all of a pack is damaged.
    #[must_use]
    pub fn names_all_of(&self, pack: &PackId) -> bool {
        matches!(self.packs.get(pack), Some(HurtCopies::All))
    }

    /// What of a notice is news.
    #[must_use]
    pub fn news_in(&self, mut notice: Notice) -> Notice {
        notice
            .packs
            .retain_mut(|hurt| match self.packs.get(&hurt.pack) {
                None => true,
                Some(HurtCopies::All) => false,
                Some(HurtCopies::At(_)) if hurt.positions.is_empty() => true,
                Some(HurtCopies::At(known)) => {
                    hurt.positions.retain(|position| !known.contains(position));
                    !hurt.positions.is_empty()
                }
            });
        notice
    }
}

fn open(vault: &Vault, name: &ObjectName, object: &[u8]) -> Result<Notice, FormatError> {
    let key = vault.keys().toc().ok_or(FormatError::WrongObject)?;
    let signers = vault.signers();
    let (_, plain) = open_signed(ObjectKind::Notice, name, object, key, vault.id(), &signers)?;
    Notice::decode(&plain)
}

impl Vault {
    /// Makes it known that these copies are damaged. The caller has read them.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] without an owner's or maintenance key, or when the store fails.
    pub async fn give_notice(&self, notice: &Notice) -> Result<()> {
        let mut random = [0; 16];
        self.entropy().fill(&mut random)?;
        let name = ObjectName::Notice {
            domain: *self.domain_id(),
            notice: NoticeId::from_bytes(random),
        };
        self.create_signed(name, ObjectKind::Notice, &notice.encode())
            .await
    }

    /// Creates a signed object of those that are sealed like tables of contents.
    pub(crate) async fn create_signed(
        &self,
        name: ObjectName,
        kind: ObjectKind,
        plain: &[u8],
    ) -> Result<()> {
        let object = seal_signed(
            kind,
            &name,
            plain,
            self.toc_key()?,
            self.id(),
            &self.signer()?,
            &**self.entropy(),
        )?;
        let name = name.to_string();
        match self
            .store()
            .create_once(&name, &[Bytes::from(object)])
            .await?
        {
            Created::Ours => Ok(()),
            Created::Theirs(_) => Err(Error::NameTaken { object: name }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::HurtPack;

    fn notice(packs: &[(u8, &[u16])]) -> Notice {
        let hurt = |(id, positions): &(u8, &[u16])| HurtPack {
            pack: PackId::from_bytes([*id; 16]),
            kind: ObjectKind::DataPack,
            positions: positions.to_vec(),
        };
        Notice {
            packs: packs.iter().map(hurt).collect(),
        }
    }

    #[test]
    fn notices_are_united_and_only_news_is_told() {
        let mut notices = Notices::default();
        notices.add(&notice(&[(1, &[3]), (2, &[])]));
        notices.add(&notice(&[(1, &[7]), (2, &[1])]));
        let pack = |id: u8| PackId::from_bytes([id; 16]);
        let named = |id, position| notices.names(&pack(id), position);
        assert!(named(1, 3) && named(1, 7) && named(2, 0) && named(2, 1));
        assert!(!named(1, 4) && !named(3, 0));
        let news = notices.news_in(notice(&[(1, &[3, 8]), (2, &[4]), (3, &[])]));
        assert_eq!(news, notice(&[(1, &[8]), (3, &[])]));
        let news = notices.news_in(notice(&[(1, &[])]));
        assert_eq!(news, notice(&[(1, &[])]), "the rest of it is news");
    }
}
