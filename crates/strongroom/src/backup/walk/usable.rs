//! Whether a new point may refer to what an older one has stored.

use strongroom_vault::format::BlockName;

use super::Walk;
use crate::Result;
use crate::tree::{Content, Extent};

impl Walk<'_, '_> {
    /// True when all packs that a content refers to may be referred to by a new point.
    pub(super) fn is_usable(&self, content: &Content) -> Result<bool> {
        if !self.are_usable(content.direct())? {
            return Ok(false);
        }
        if matches!(content, Content::Indirect(_)) {
            let mut extents = self.tree.extents(content);
            loop {
                match extents.next() {
                    Ok(None) => break,
                    Ok(Some(extent)) if self.are_usable(&[extent])? => {}
                    Ok(Some(_)) | Err(_) => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    fn are_usable(&self, extents: &[Extent]) -> Result<bool> {
        for extent in extents {
            if let Extent::Run {
                pack,
                block,
                first,
                count,
            } = *extent
            {
                let name = BlockName {
                    pack,
                    ordinal: block,
                };
                if !self.packer.known.is_usable(name, first, count)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
