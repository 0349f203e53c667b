//! What a vault asks of a store, asked of the gateway: everything that agents may do by an agent, deletion by
//! maintenance, the rest by the owner.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use strongroom_crypto::Role;
use strongroom_service::Identity;
use strongroom_service::client::GatewayStore;
use strongroom_service::grammar::{Key, Operation, decide};

use crate::conformance::{Extent, conforms};
use crate::rig::{DOMAIN, Rig};

/// Three certificates, of which the least is used that may do it.
#[derive(Debug, Clone)]
struct Least {
    stores: [(Identity, GatewayStore); 3],
}

impl std::fmt::Display for Least {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stores[0].1.fmt(f)
    }
}

impl Least {
    fn who_may(&self, operation: Operation, location: &Path) -> &GatewayStore {
        let key = Key::parse(location.as_ref()).unwrap_or_else(|| panic!("no key: {location}"));
        let may = |who: &Identity| decide(who, operation, &key).is_ok();
        // Sessions belong to the agent that registers them: all of one agent here.
        let found = self.stores.iter().find(|(who, _)| may(who));
        &found
            .unwrap_or_else(|| panic!("nobody may {operation:?} {location}"))
            .1
    }
}

#[async_trait]
impl ObjectStore for Least {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.who_may(slot_aware(location), location)
            .put_opts(location, payload, options)
            .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.who_may(Operation::Create, location)
            .put_multipart_opts(location, options)
            .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.who_may(Operation::Read, location)
            .get_opts(location, options)
            .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let least = self.clone();
        let delete = move |location: Result<Path>| {
            let least = least.clone();
            async move {
                let location = location?;
                least
                    .who_may(Operation::Delete, &location)
                    .delete(&location)
                    .await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let is_home = prefix.is_some_and(|prefix| prefix.as_ref().contains(DOMAIN));
        self.stores[if is_home { 0 } else { 2 }].1.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.stores[2].1.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.stores[2].1.copy_opts(from, to, options).await
    }
}

/// The suite's slots are none, which only an owner could make: told apart by an operation that agents never may.
fn slot_aware(location: &Path) -> Operation {
    if location.as_ref().starts_with("keys/") {
        Operation::Delete
    } else {
        Operation::Create
    }
}

#[test]
fn the_gateway_is_a_store_like_any_other() {
    let rig = Rig::new();
    let of = |role: Role, domain: &str| {
        let enrolment = rig.enrol(&format!("{role}:Vault-1:{domain}:a-{role}"));
        (enrolment.identity.clone(), rig.store_of(&enrolment))
    };
    let stores = [
        of(Role::Agent, DOMAIN),
        of(Role::Maintenance, DOMAIN),
        of(Role::Owner, "-"),
    ];
    let extent = Extent {
        rounds: 5,
        many: 1050,
        large_bytes: 40 << 20,
    };
    rig.runtime
        .block_on(conforms(Arc::new(Least { stores }), extent));
    let spool = std::fs::read_dir(rig.dir.path().join("pool/spool")).expect("there");
    assert_eq!(spool.count(), 0, "nothing stays in the spool");
}

/// Parts are one object, and appear when it is complete.
#[test]
fn an_object_in_parts_is_one_object() {
    let rig = Rig::new();
    let store = rig.store(Role::Agent, "pc");
    rig.runtime.block_on(async {
        let path = Path::from(crate::rig::PACK);
        let mut upload = store.put_multipart(&path).await.expect("begun");
        upload.put_part("one ".into()).await.expect("taken");
        upload.put_part("two".into()).await.expect("taken");
        assert!(
            store.head(&path).await.is_err(),
            "not before it is complete"
        );
        upload.complete().await.expect("complete");
        let read = store
            .get(&path)
            .await
            .expect("there")
            .bytes()
            .await
            .expect("read");
        assert_eq!(read, "one two");
    });
}
