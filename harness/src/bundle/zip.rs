//! Reads a zip archive: the list at its end, and members that are stored, deflated or compressed
//! with zstd.
//!
//! The file is hostile input: every offset and size is checked, and a member may not unpack to more than
//! [`MEMBER_MAX`].

use std::io::Read;

use flate2::read::DeflateDecoder;

use super::ImportError;

/// The most bytes a member may have.
const MEMBER_MAX: usize = 256 << 20;
/// The longest end record, with its comment.
const END_MAX: usize = 22 + 65_535;
const STORED: u16 = 0;
const DEFLATE: u16 = 8;
const ZSTD: u16 = 93;

/// An archive in memory.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    members: Vec<Member>,
}

struct Member {
    name: String,
    method: u16,
    packed: usize,
    size: usize,
    offset: usize,
}

impl<'a> Archive<'a> {
    /// Reads the list of members.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let damaged = || ImportError::Content("the archive is cut short or damaged".to_owned());
        let from = bytes.len().saturating_sub(END_MAX);
        let at = bytes[from..]
            .windows(4)
            .rposition(|window| window == b"PK\x05\x06")
            .map(|at| from + at)
            .ok_or_else(damaged)?;
        let count = number(bytes, at + 10, 2).ok_or_else(damaged)?;
        let mut at = number(bytes, at + 16, 4).ok_or_else(damaged)?;
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            let (member, next) = member(bytes, at).ok_or_else(damaged)?;
            members.push(member);
            at = next;
        }
        Ok(Self { bytes, members })
    }

    /// The names of the members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// Unpacks the member of this name, where there is one.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ImportError> {
        let Some(member) = self.members.iter().find(|member| member.name == name) else {
            return Ok(None);
        };
        let damaged = || ImportError::Content(format!("`{name}` is damaged"));
        let packed = self.packed(member).ok_or_else(damaged)?;
        if member.size > MEMBER_MAX {
            return Err(ImportError::Content(format!("`{name}` is too large")));
        }
        let unpacked = match member.method {
            STORED => packed.to_vec(),
            DEFLATE => inflate(packed, member.size).ok_or_else(damaged)?,
            ZSTD => zstd::bulk::decompress(packed, member.size).map_err(|_| damaged())?,
            method => {
                return Err(ImportError::Content(format!(
                    "`{name}` is packed by method {method}, and this version of tripos unpacks stored, \
                     deflated and zstd members"
                )));
            }
        };
        if unpacked.len() == member.size { Ok(Some(unpacked)) } else { Err(damaged()) }
    }

    fn packed(&self, member: &Member) -> Option<&'a [u8]> {
        let header = self.bytes.get(member.offset..)?;
        if !header.starts_with(b"PK\x03\x04") {
            return None;
        }
        let start = 30 + number(header, 26, 2)? + number(header, 28, 2)?;
        header.get(start..start.checked_add(member.packed)?)
    }
}

/// Unpacks a deflated member that claims to have `size` bytes; one that has more is damaged.
fn inflate(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    let most = u64::try_from(size).ok()?.checked_add(1)?;
    DeflateDecoder::new(packed).take(most).read_to_end(&mut unpacked).ok()?;
    Some(unpacked)
}

/// Reads an entry of the list and where the next one begins.
fn member(bytes: &[u8], at: usize) -> Option<(Member, usize)> {
    let entry = bytes.get(at..)?;
    if !entry.starts_with(b"PK\x01\x02") {
        return None;
    }
    let name_length = number(entry, 28, 2)?;
    let name = entry.get(46..46 + name_length)?;
    let member = Member {
        name: String::from_utf8_lossy(name).into_owned(),
        method: u16::try_from(number(entry, 10, 2)?).ok()?,
        packed: number(entry, 20, 4)?,
        size: number(entry, 24, 4)?,
        offset: number(entry, 42, 4)?,
    };
    Some((member, at + 46 + name_length + number(entry, 30, 2)? + number(entry, 32, 2)?))
}

/// The little-endian number of `size` bytes at `at`.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}
