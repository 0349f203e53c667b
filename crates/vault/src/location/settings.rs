//! What a cloud is reached with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::OpenGateway;

/// Credentials, endpoints and a proxy for the stores of clouds.
///
/// Names are those of the variables that the clouds' own tools read, such as `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`,
/// `AZURE_STORAGE_ACCOUNT_NAME` or `GOOGLE_APPLICATION_CREDENTIALS`; `docs/guide/stores.md` lists them.
#[derive(Clone, Default)]
pub struct StoreSettings {
    values: BTreeMap<String, String>,
    proxy: Option<String>,
    is_direct: bool,
    idle_timeout: Option<Duration>,
    gateway: Option<Arc<dyn OpenGateway>>,
}

/// Names without values: these are secrets.
impl std::fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSettings")
            .field("names", &self.values.keys())
            .field("proxy", &self.proxy.is_some())
            .finish_non_exhaustive()
    }
}

impl StoreSettings {
    /// Nothing is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the environment of this process says about clouds. Other variables are not looked at.
    #[must_use]
    pub fn from_env() -> Self {
        let is_ours = |name: &str| {
            ["AWS_", "AZURE_", "GOOGLE_"]
                .iter()
                .any(|start| name.starts_with(start))
                || name == "IDENTITY_ENDPOINT"
        };
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self {
            values: texts
                .filter(|(name, value)| is_ours(name) && !value.is_empty())
                .collect(),
            ..Self::default()
        }
    }

    /// The same with one more setting, or another value of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with a proxy, `http://…`, `https://…` or `socks5://…`, for everything but a cloud's service for its own
    /// machines. Without one, the variables `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count.
    #[must_use]
    pub fn with_proxy(mut self, url: &str) -> Self {
        self.proxy = Some(url.to_owned());
        self
    }

    /// The same without any proxy, whatever the variables say.
    #[must_use]
    pub fn without_proxy(mut self) -> Self {
        self.proxy = None;
        self.is_direct = true;
        self
    }

    /// The same, where a connection is given up on which no byte moves for so long: 60 seconds unless set.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// The same, where `strongroom://` is opened so. Without it, such URLs are refused.
    #[must_use]
    pub fn with_gateway(mut self, gateway: Arc<dyn OpenGateway>) -> Self {
        self.gateway = Some(gateway);
        self
    }

    pub(super) fn gateway(&self) -> Option<&dyn OpenGateway> {
        self.gateway.as_deref()
    }

    /// A client for a server whose identity and whose client's are in `tls`, through the proxy of these settings. No
    /// redirect is followed. Requests that carry the extensions of a `PutOptions` keep the pace of their store.
    ///
    /// # Errors
    /// When the proxy's URL is not understood.
    #[cfg(feature = "cloud")]
    pub fn http_client(
        &self,
        tls: rustls::ClientConfig,
    ) -> crate::Result<object_store::client::HttpClient> {
        super::http::client_for(self, tls).map_err(|reason| crate::Error::Location {
            url: self.proxy.clone().unwrap_or_default(),
            reason,
        })
    }

    #[cfg(feature = "cloud")]
    pub(super) fn idle_timeout(&self) -> Duration {
        self.idle_timeout.unwrap_or(super::http::IDLE_TIMEOUT)
    }

    #[cfg(feature = "cloud")]
    pub(super) fn is_direct(&self) -> bool {
        self.is_direct
    }

    #[cfg(feature = "cloud")]
    pub(super) fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Settings in lower case, as the stores' builders know them, whose names begin so.
    #[cfg(feature = "cloud")]
    pub(super) fn beginning(&self, start: &str) -> impl Iterator<Item = (String, &str)> {
        self.values
            .iter()
            .filter(move |(name, _)| name.starts_with(start))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
    }

    #[cfg(feature = "cloud")]
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let settings = StoreSettings::new()
            .with("AWS_SECRET_ACCESS_KEY", "hush")
            .with_proxy("http://user:hush@proxy");
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
