//! Tokens and certificates for certificates.

use std::sync::Arc;

use http::StatusCode;

use super::answer::{Answer, Refused, json};
use super::connection::{Connection, Upload};
use super::tokens::TokenProblem;
use crate::Identity;
use crate::wire::{CertificateRequest, ENROL_MAX_BYTES};

/// A certificate for a token. The connection needs none.
pub(super) async fn enrol(connection: &Connection, body: &mut Upload) -> Result<Answer, Refused> {
    let request = request(body).await?;
    let token = request.token.ok_or_else(|| unusable("a token is needed"))?;
    let shared = Arc::clone(&connection.shared);
    let now = shared.settings.clock.now();
    // A request that is none must not cost its sender the token.
    let issue = move |who: &dyn Fn() -> Result<Identity, Refused>| {
        let valid = shared.settings.limits.certificate;
        shared
            .authority
            .verify(&request.request_pem)
            .map_err(unusable)?;
        let identity = who()?;
        shared
            .authority
            .issue(&identity, &request.request_pem, valid, now)
            .map_err(unusable)
    };
    let tokens = Arc::clone(&connection.shared.tokens);
    let issued = tokio::task::spawn_blocking(move || {
        issue(&|| {
            tokens
                .redeem(&token, now)
                .map_err(|problem| refused(&problem))
        })
    });
    let issued = issued.await.map_err(|error| Refused::failure(&error))??;
    tracing::info!(agent = %issued.identity.agent, role = %issued.identity.role, "enrolled");
    Ok(json(StatusCode::OK, &issued))
}

/// A later certificate for one that is still good: of the same identity, and nothing that the request says.
pub(super) async fn renew(
    connection: &Connection,
    who: &Identity,
    body: &mut Upload,
) -> Result<Answer, Refused> {
    let request = request(body).await?;
    let settings = &connection.shared.settings;
    let (valid, now) = (settings.limits.certificate, settings.clock.now());
    let issued = connection
        .shared
        .authority
        .issue(who, &request.request_pem, valid, now);
    let issued = issued.map_err(unusable)?;
    tracing::info!(agent = %who.agent, "renewed");
    Ok(json(StatusCode::OK, &issued))
}

async fn request(body: &mut Upload) -> Result<CertificateRequest, Refused> {
    let whole = body.whole(ENROL_MAX_BYTES).await?;
    serde_json::from_slice(&whole).map_err(unusable)
}

fn unusable(reason: impl ToString) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, "request", reason)
}

fn refused(problem: &TokenProblem) -> Refused {
    match problem {
        TokenProblem::Unavailable => Refused::failure(problem),
        // Whether it ever existed is nobody's business.
        TokenProblem::Unknown | TokenProblem::Expired => Refused::new(
            StatusCode::FORBIDDEN,
            "token",
            "the token is not good, or not any more",
        ),
    }
}
