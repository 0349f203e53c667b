//! An object in parts. A server takes objects whole, with their length and hash told before: parts are gathered here.

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{
    Extensions, MultipartUpload, PutPayload, PutPayloadMut, PutResult, Result, UploadPart,
};

use super::store::GatewayStore;

#[derive(Debug)]
pub(super) struct Gathered {
    store: GatewayStore,
    location: Path,
    parts: Vec<PutPayload>,
}

impl Gathered {
    pub(super) fn new(store: GatewayStore, location: Path) -> Self {
        Self {
            store,
            location,
            parts: Vec::new(),
        }
    }
}

#[async_trait]
impl MultipartUpload for Gathered {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(data);
        Box::pin(async { Ok(()) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let mut whole = PutPayloadMut::new();
        for part in std::mem::take(&mut self.parts) {
            for piece in part {
                whole.push(piece);
            }
        }
        let payload = whole.freeze();
        self.store
            .create(&self.location, payload, &Extensions::default())
            .await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}
