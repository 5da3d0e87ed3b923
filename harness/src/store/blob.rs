//! Bodies: compressed, kept once each, named by the BLAKE3 of what they were.

use sqlx::SqliteConnection;

use super::{StoreError, doing};

/// The level of compression: bodies are small and many.
const LEVEL: i32 = 3;

statements! {
    KNOWN = "SELECT 1 FROM blob WHERE hash = ?1";
    INSERT = "INSERT INTO blob (hash, size, bytes) VALUES (?1, ?2, ?3)";
    SELECT = "SELECT size, bytes FROM blob WHERE hash = ?1";
}

/// Keeps `body` and returns its name.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    body: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let hash = blake3::hash(body).as_bytes().to_vec();
    let known: Option<i64> = sqlx::query_scalar(KNOWN)
        .bind(hash.as_slice())
        .fetch_optional(&mut *connection)
        .await
        .map_err(doing("look for a body"))?;
    if known.is_none() {
        let (size, bytes) = packed(body);
        sqlx::query(INSERT)
            .bind(hash.as_slice())
            .bind(size)
            .bind(bytes)
            .execute(connection)
            .await
            .map_err(doing("keep a body"))?;
    }
    Ok(hash)
}

/// Returns the size of a body and the body as it is kept.
pub(super) fn packed(body: &[u8]) -> (i64, Vec<u8>) {
    let size = i64::try_from(body.len()).expect("a body fits in memory");
    (size, zstd::bulk::compress(body, LEVEL).expect("memory can be compressed"))
}

/// Returns the body called `hash`, after checking that it is what was kept.
pub(super) async fn get(
    connection: &mut SqliteConnection,
    hash: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let row: Option<(i64, Vec<u8>)> = sqlx::query_as(SELECT)
        .bind(hash)
        .fetch_optional(connection)
        .await
        .map_err(doing("read a body"))?;
    row.and_then(|(size, bytes)| zstd::bulk::decompress(&bytes, usize::try_from(size).ok()?).ok())
        .filter(|body| blake3::hash(body).as_bytes() == hash)
        .ok_or_else(|| StoreError::Body { hash: name(hash) })
}

/// Returns the name of a body as people read it.
pub(super) fn name(hash: &[u8]) -> String {
    blake3::Hash::from_slice(hash).map_or_else(|_| String::new(), |hash| hash.to_string())
}
