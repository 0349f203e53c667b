//! Buckets and containers.

use std::sync::Arc;

#[cfg(feature = "s3")]
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
#[cfg(feature = "azure")]
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
#[cfg(feature = "gcp")]
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};

use super::http::Connector;
use super::{Cloud, StoreSettings};

/// Opens a bucket without asking it anything. The error is the reason, for people.
pub(super) fn open(
    cloud: Cloud,
    bucket: &str,
    prefix: &str,
    settings: &StoreSettings,
) -> Result<Arc<dyn ObjectStore>, String> {
    let prefix = Path::parse(prefix).map_err(|error| error.to_string())?;
    match cloud {
        #[cfg(feature = "s3")]
        Cloud::S3 => below(prefix, s3(bucket, settings)?),
        #[cfg(feature = "azure")]
        Cloud::Azure => below(prefix, azure(bucket, settings)?),
        #[cfg(feature = "gcp")]
        Cloud::Gcp => below(prefix, gcp(bucket, settings)?),
        #[cfg(not(all(feature = "s3", feature = "azure", feature = "gcp")))]
        _ => Err("this build has no support for this cloud".to_owned()),
    }
}

fn below<T: ObjectStore>(prefix: Path, store: T) -> Result<Arc<dyn ObjectStore>, String> {
    Ok(if prefix.as_ref().is_empty() {
        Arc::new(store)
    } else {
        Arc::new(PrefixStore::new(store, prefix))
    })
}

/// [`Store`](crate::Store) tries again; what it does not know of would be tried twice.
fn no_retry() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        retry_timeout: std::time::Duration::ZERO,
        ..RetryConfig::default()
    }
}

fn told(error: object_store::Error) -> String {
    match error {
        object_store::Error::Generic { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(feature = "s3")]
fn s3(bucket: &str, settings: &StoreSettings) -> Result<impl ObjectStore, String> {
    let mut builder = AmazonS3Builder::new();
    for (name, value) in settings.beginning("AWS_") {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(proxy) = settings.proxy() {
        builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::ProxyUrl), proxy);
    }
    builder
        .with_bucket_name(bucket)
        .with_retry(no_retry())
        .with_http_connector(Connector::new(settings))
        // A create that is not conditional would overwrite.
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // Objects are deleted one by one, and a bucket's policy need not permit more.
        .with_disable_bulk_delete(true)
        .build()
        .map_err(|error| {
            format!(
                "{}; see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
                told(error)
            )
        })
}

#[cfg(feature = "azure")]
fn azure(container: &str, settings: &StoreSettings) -> Result<impl ObjectStore, String> {
    let mut builder = MicrosoftAzureBuilder::new();
    for (name, value) in settings.beginning("AZURE_") {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = settings.get("IDENTITY_ENDPOINT") {
        builder = builder.with_msi_endpoint(endpoint);
    }
    if let Some(proxy) = settings.proxy() {
        builder = builder.with_config(AzureConfigKey::Client(ClientConfigKey::ProxyUrl), proxy);
    }
    builder
        .with_container_name(container)
        .with_retry(no_retry())
        .with_http_connector(Connector::new(settings))
        .build()
        .map_err(|error| {
            format!("{}; see AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN", told(error))
        })
}

#[cfg(feature = "gcp")]
fn gcp(bucket: &str, settings: &StoreSettings) -> Result<impl ObjectStore, String> {
    let mut builder = GoogleCloudStorageBuilder::new();
    for (name, value) in settings.beginning("GOOGLE_") {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(proxy) = settings.proxy() {
        builder = builder.with_config(GoogleConfigKey::Client(ClientConfigKey::ProxyUrl), proxy);
    }
    builder
        .with_bucket_name(bucket)
        .with_retry(no_retry())
        .with_http_connector(Connector::new(settings))
        .build()
        .map_err(|error| format!("{}; see GOOGLE_APPLICATION_CREDENTIALS", told(error)))
}
