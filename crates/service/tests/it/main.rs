//! The gateway and its agents over real TLS.
