//! Creating, reading, listing and deleting objects.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use strongroom_crypto::{Entropy, OsEntropy, Role, inspect_slot};
use strongroom_vault::format::ObjectName;

use super::answer::{Answer, Body, Refused, empty, json};
use super::connection::{Connection, Upload};
use super::pool::{Pool, owner_of};
use super::serve::Shared;
use super::spool::Spooled;
use super::usage::Used;
use crate::grammar::{Key, Operation, decide, decide_prefix};
use crate::wire::{self, HASH_HEADER, Page, WRITTEN_AT_HEADER};
use crate::{Identity, VaultName};

/// What is read or written on the disk at once.
const PIECE_BYTES: usize = 512 << 10;

/// Runs what waits for a disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Refused> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| Refused::of_io(&error)),
        Err(error) => Err(Refused::failure(&error)),
    }
}

pub(super) async fn create(
    connection: &Connection,
    who: &Identity,
    vault: &VaultName,
    key: &Key,
    headers: &HeaderMap,
    body: &mut Upload,
) -> Result<Answer, Refused> {
    connection.enter(who, vault)?;
    decide(who, Operation::Create, key)?;
    let bad = |code, message: &str| Refused::new(StatusCode::BAD_REQUEST, code, message);
    let bytes = body
        .exact_bytes()
        .ok_or_else(|| bad("length", "the length must be told"))?;
    if bytes > key.max_bytes() {
        return Err(Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "large",
            "no such object is so large",
        ));
    }
    let hash = headers.get(HASH_HEADER).and_then(|hash| hash.to_str().ok());
    let hash = hash.and_then(|hash| blake3::Hash::from_hex(hash).ok());
    let hash = hash.ok_or_else(|| bad("hash", "the BLAKE3 of the body must be told"))?;
    let shared = &connection.shared;
    let target = target(&shared.pool, vault, key);
    own_session(&shared.pool, who, vault, key).await?;
    let looked_at = target.clone();
    if blocking(move || looked_at.try_exists()).await? {
        return Err(Refused::exists());
    }
    let reserved = shared.usage.reserve(&who.agent, bytes)?;
    let spooled = receive(shared, bytes, body).await?;
    if spooled.bytes() != bytes {
        return Err(bad("cut", "the body is shorter than was told"));
    }
    if spooled.hash() != hash {
        return Err(bad("hash", "the body is not the one whose hash was told"));
    }
    let (shared, who, is_slot) = (Arc::clone(shared), who.clone(), is_slot(key));
    let published = tokio::task::spawn_blocking(move || {
        if is_slot {
            plain_slot(&spooled, &who)?;
        }
        let published = shared.pool.publish(spooled, &who.agent, &target);
        published.map_err(|error| Refused::of_io(&error))
    });
    published
        .await
        .map_err(|error| Refused::failure(&error))??;
    reserved.keep();
    Ok(empty(StatusCode::CREATED))
}

/// Takes a body to the disk, a piece at a time.
async fn receive(shared: &Arc<Shared>, bytes: u64, body: &mut Upload) -> Result<Spooled, Refused> {
    let opened = Arc::clone(shared);
    let mut spooled = blocking(move || {
        let free = opened.pool.free_bytes()?;
        if free.saturating_sub(bytes) < opened.settings.limits.keep_free_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut random = [0; 16];
        OsEntropy.fill(&mut random).map_err(io::Error::other)?;
        opened.pool.spool(random)
    })
    .await?;
    let mut waiting: Vec<Bytes> = Vec::new();
    let mut waiting_bytes = 0;
    loop {
        let piece = body.next().await?;
        let is_end = piece.is_none();
        waiting_bytes += piece.as_ref().map_or(0, Bytes::len);
        waiting.extend(piece);
        if waiting_bytes >= PIECE_BYTES || (is_end && waiting_bytes > 0) {
            let pieces = std::mem::take(&mut waiting);
            waiting_bytes = 0;
            spooled = blocking(move || {
                for piece in pieces {
                    spooled.write(&piece)?;
                }
                Ok(spooled)
            })
            .await?;
        }
        if is_end {
            return Ok(spooled);
        }
    }
}

/// What belongs to a session is made by the agent that has registered it. Maintenance ends sessions of others.
async fn own_session(
    pool: &Pool,
    who: &Identity,
    vault: &VaultName,
    key: &Key,
) -> Result<(), Refused> {
    let Some(registration) = key.registration().filter(|_| who.role == Role::Agent) else {
        return Ok(());
    };
    let path = pool.path(vault, &registration.to_string());
    let owner = blocking(move || match owner_of(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        owner => owner,
    });
    if owner.await?.as_ref() != Some(&who.agent) {
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            "session",
            "this agent has not registered the session",
        ));
    }
    Ok(())
}

/// Every slot with a passphrase is tried, at its own price, by whoever opens the vault with one: agents may not make any.
fn plain_slot(spooled: &Spooled, who: &Identity) -> Result<(), Refused> {
    if who.role != Role::Agent {
        return Ok(());
    }
    let content = spooled.content().map_err(|error| Refused::of_io(&error))?;
    let is_plain =
        inspect_slot(&content).is_ok_and(|slot| slot.is_credential && slot.role == Role::Agent);
    if is_plain {
        return Ok(());
    }
    Err(Refused::new(
        StatusCode::FORBIDDEN,
        "slot",
        "an agent adds no key but the credential of an agent",
    ))
}

fn is_slot(key: &Key) -> bool {
    matches!(key, Key::Object(ObjectName::Slot(_)))
}

fn target(pool: &Pool, vault: &VaultName, key: &Key) -> PathBuf {
    match key {
        Key::Object(name) => pool.path(vault, &name.to_string()),
        Key::Probe(name) => pool.path(vault, name),
    }
}

async fn opened(
    connection: &Connection,
    who: &Identity,
    vault: &VaultName,
    key: &Key,
) -> Result<(File, u64, DateTime<Utc>), Refused> {
    connection.enter(who, vault)?;
    decide(who, Operation::Read, key)?;
    let path = target(&connection.shared.pool, vault, key);
    blocking(move || {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok((file, meta.len(), meta.modified()?.into()))
    })
    .await
}

pub(super) async fn look(
    connection: &Connection,
    who: &Identity,
    vault: &VaultName,
    key: &Key,
) -> Result<Answer, Refused> {
    let (_, bytes, written_at) = opened(connection, who, vault, key).await?;
    let mut answer = empty(StatusCode::OK);
    describe(&mut answer, bytes, written_at);
    Ok(answer)
}

fn describe(answer: &mut Answer, bytes: u64, written_at: DateTime<Utc>) {
    let written_at = written_at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(written_at) = HeaderValue::from_str(&written_at) {
        headers.insert(WRITTEN_AT_HEADER, written_at);
    }
}

pub(super) async fn read(
    connection: &Connection,
    who: &Identity,
    vault: &VaultName,
    key: &Key,
    headers: &HeaderMap,
) -> Result<Answer, Refused> {
    let (file, length, written_at) = opened(connection, who, vault, key).await?;
    let range = headers
        .get(RANGE)
        .and_then(|range| range.to_str().ok())
        .and_then(wire::range);
    let (start, end) = match range {
        None => (0, length),
        Some((start, end)) => (start, end.unwrap_or(length).min(length)),
    };
    if range.is_some() && start >= length {
        return Err(Refused::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range",
            "the range begins behind the end",
        ));
    }
    let mut answer = http::Response::new(stream(file, start, end));
    describe(&mut answer, end - start, written_at);
    if range.is_some() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {start}-{}/{length}", end - 1);
        if let Ok(range) = HeaderValue::from_str(&range) {
            answer.headers_mut().insert(CONTENT_RANGE, range);
        }
    }
    Ok(answer)
}

/// Bytes of a file, a piece at a time.
fn stream(file: File, start: u64, end: u64) -> Body {
    let file = Arc::new(file);
    let pieces = futures::stream::try_unfold(start, move |at| {
        let file = Arc::clone(&file);
        async move {
            let rest = usize::try_from(end - at).unwrap_or(usize::MAX);
            if rest == 0 {
                return Ok(None);
            }
            let piece = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; rest.min(PIECE_BYTES)];
                file.read_exact_at(&mut piece, at)?;
                Ok::<_, io::Error>(piece)
            });
            let piece = piece.await.map_err(io::Error::other)??;
            let next = at + piece.len() as u64;
            Ok(Some((Frame::data(Bytes::from(piece)), next)))
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}

pub(super) async fn list(
    connection: &Connection,
    who: &Identity,
    vault: &VaultName,
    page: Page,
) -> Result<Answer, Refused> {
    connection.enter(who, vault)?;
    decide_prefix(who, &page.prefix)?;
    let (shared, who, vault) = (Arc::clone(&connection.shared), who.clone(), vault.clone());
    let listing = blocking(move || {
        let may_see = |name: &str| {
            Key::parse(name).is_some_and(|key| decide(&who, Operation::List, &key).is_ok())
        };
        shared.pool.list(&vault, &page, &may_see)
    })
    .await?;
    Ok(json(StatusCode::OK, &listing))
}

pub(super) async fn delete(
    connection: &Connection,
    who: &Identity,
    vault: &VaultName,
    key: &Key,
) -> Result<Answer, Refused> {
    connection.enter(who, vault)?;
    decide(who, Operation::Delete, key)?;
    let shared = Arc::clone(&connection.shared);
    let path = target(&shared.pool, vault, key);
    // What comes back after a loss of power is deleted by the next sweep (docs/protocol.md).
    let freed = blocking(move || {
        let owner = owner_of(&path)?;
        let bytes = std::fs::metadata(&path)?.len();
        std::fs::remove_file(&path)?;
        Ok(owner.map(|owner| (owner, Used { bytes, objects: 1 })))
    })
    .await?;
    if let Some((owner, used)) = freed {
        shared.usage.remove(&owner, used);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
