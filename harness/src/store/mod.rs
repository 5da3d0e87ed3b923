//! Keeps everything: one `SQLite` file, one writer, any number of readers.
//!
//! A file that is not a store, or that a later version wrote, is refused before anything is written
//! to it. The header says so without `SQLite`, which would make files beside it.

/// Names statements; the list of them is what the test prepares against a fresh store.
macro_rules! statements {
    ($($name:ident = $sql:literal;)*) => {
        $(const $name: &str = $sql;)*
        #[cfg(test)]
        pub(super) const STATEMENTS: &[&str] = &[$($name),*];
    };
}

mod begin;
mod blob;
mod bulk;
mod error;
pub mod export;
pub mod import;
mod owner;
pub mod read;
pub mod regrade;
pub mod rows;
mod transcript;
pub(crate) mod write;

#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection, SqliteConnection, SqlitePool};

pub use error::StoreError;

/// "TRIP": marks a `SQLite` file as a store.
const APPLICATION_ID: u32 = 0x5452_4950;
/// The schema, one file a version. Never edited once released: a change is a new file.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_store.sql"),
    include_str!("../../migrations/0002_left_out.sql"),
];
/// How long a statement waits for another process to finish writing.
const BUSY_WAIT: Duration = Duration::from_secs(30);
/// Larger stores are not checked each time they are opened.
const CHECKED_BYTES: u64 = 2 << 30;
/// Connections that only read.
const READERS: u32 = 2;

/// An open store.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
    readers: SqlitePool,
}

impl Store {
    /// Opens the store at `path`, making it when there is no file.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        // Opening for writing shows at once what the system would refuse later.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        inspect(path, &mut file)?;
        drop(file);
        let mut connection = connect(path).await?;
        prepare(path, &mut connection).await?;
        connection.close().await.map_err(doing("close"))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_WAIT)
            .pragma("query_only", "ON")
            .pragma("trusted_schema", "OFF");
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options);
        Ok(Self { path: path.to_owned(), readers })
    }

    /// Opens the store at `path`, which must exist.
    pub async fn open_existing(path: &Path) -> Result<Self, StoreError> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Missing { path: path.to_owned() })
            }
            _ => Self::open(path).await,
        }
    }

    /// Returns where the store is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the one connection that writes.
    pub(crate) async fn writer(&self) -> Result<SqliteConnection, StoreError> {
        let mut connection = connect(&self.path).await?;
        for pragma in ["PRAGMA synchronous = FULL", "PRAGMA journal_size_limit = 67108864"] {
            sqlx::raw_sql(pragma).execute(&mut connection).await.map_err(doing("write"))?;
        }
        Ok(connection)
    }

    /// The pool of connections that read.
    fn readers(&self) -> &SqlitePool {
        &self.readers
    }
}

/// Refuses a file whose header says that it is something else.
fn inspect(path: &Path, file: &mut File) -> Result<(), StoreError> {
    let mut header = Vec::with_capacity(100);
    file.take(100)
        .read_to_end(&mut header)
        .map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    let not_a_store = |found| Err(StoreError::NotAStore { path: path.to_owned(), found });
    if header.is_empty() {
        return Ok(());
    }
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return not_a_store("it is not a SQLite database");
    }
    if number_at(&header, 68) != APPLICATION_ID {
        return not_a_store("it is the database of another program");
    }
    check_version(path, number_at(&header, 60))
}

/// Reads the big-endian number at `offset` of a `SQLite` header.
fn number_at(header: &[u8], offset: usize) -> u32 {
    let bytes = header[offset..].first_chunk::<4>().expect("the header has 100 bytes");
    u32::from_be_bytes(*bytes)
}

fn check_version(path: &Path, found: u32) -> Result<(), StoreError> {
    let known = u32::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_WAIT)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("temp_store", "MEMORY");
    SqliteConnection::connect_with(&options).await.map_err(|error| opening(path, error))
}

/// Checks the database, marks a new one as ours and brings it to the newest schema.
async fn prepare(path: &Path, connection: &mut SqliteConnection) -> Result<(), StoreError> {
    quick_check(path, connection).await?;
    let version = user_version(path, connection).await?;
    check_version(path, version)?;
    if version == 0 {
        // In the main file before there is a write-ahead log, so that `inspect` always sees it.
        let mark = format!("PRAGMA application_id = {APPLICATION_ID}");
        execute(path, connection, mark).await?;
    }
    execute(path, connection, "PRAGMA journal_mode = WAL".to_owned()).await?;
    for (n, migration) in (1..).zip(MIGRATIONS) {
        if n > version {
            migrate(path, connection, (n, migration)).await?;
        }
    }
    Ok(())
}

/// Brings the schema to version `n`, unless another process was first.
async fn migrate(
    path: &Path,
    connection: &mut SqliteConnection,
    (n, migration): (u32, &'static str),
) -> Result<(), StoreError> {
    let mut transaction =
        connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| opening(path, error))?;
    if user_version(path, &mut transaction).await? < n {
        execute(path, &mut transaction, migration.to_owned()).await?;
        execute(path, &mut transaction, format!("PRAGMA user_version = {n}")).await?;
    }
    transaction.commit().await.map_err(|error| opening(path, error))
}

async fn quick_check(path: &Path, connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > CHECKED_BYTES {
        return Ok(());
    }
    let report: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(connection)
        .await
        .map_err(|error| opening(path, error))?;
    if report == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged { path: path.to_owned(), report })
}

async fn user_version(path: &Path, connection: &mut SqliteConnection) -> Result<u32, StoreError> {
    sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(connection)
        .await
        .map_err(|error| opening(path, error))
}

/// Runs statements that are constants of this file or made from its numbers.
async fn execute(
    path: &Path,
    connection: &mut SqliteConnection,
    statements: String,
) -> Result<(), StoreError> {
    let statements = sqlx::AssertSqlSafe(statements);
    sqlx::raw_sql(statements).execute(connection).await.map_err(|error| opening(path, error))?;
    Ok(())
}

/// Says what a refusal while opening means.
fn opening(path: &Path, error: sqlx::Error) -> StoreError {
    let path = path.to_owned();
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(SQLITE_CORRUPT | SQLITE_NOTADB) => {
            StoreError::Damaged { path, report: error.to_string() }
        }
        Some(SQLITE_READONLY | SQLITE_CANTOPEN) => StoreError::Folder { path, source: error },
        _ => StoreError::Database { doing: "open", source: error },
    }
}

const SQLITE_READONLY: u32 = 8;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_CANTOPEN: u32 = 14;
const SQLITE_NOTADB: u32 = 26;

/// Wraps an error of the database with what was being done.
fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

/// The time in milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
