//! GGUF files: metadata and tensors of a model in one file, as llama.cpp reads them.
//!
//! The layout is that of `docs/gguf.md` of ggml, versions 2 and 3. The file is hostile input: every
//! length is held against the bytes that are there, and nothing is allocated by a count alone.

mod config;
mod names;

use std::collections::{BTreeMap, HashMap};

use candle_core::quantized::GgmlDType;
use safetensors::Dtype;

pub(crate) use self::names::rename;

/// The first bytes of a file.
pub(crate) const MAGIC: &[u8] = b"GGUF";
/// The most dimensions of a tensor.
const MAX_DIMENSIONS: u32 = 4;
/// The most tensors, and the most values of the metadata.
const MAX_ENTRIES: u64 = 1 << 16;
/// Where tensors start if nothing else is said.
const ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u64 = 1 << 16;

/// The content of a file.
pub(crate) struct Gguf<'a> {
    metadata: HashMap<&'a str, Meta<'a>>,
    /// The tensors by name.
    pub(crate) tensors: BTreeMap<&'a str, Stored<'a>>,
}

/// One value of the metadata.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meta<'a> {
    Whole(u64),
    Negative(i64),
    Number(f64),
    Switch(bool),
    Text(&'a str),
    /// Only how long it is.
    List(u64),
}

/// One tensor.
#[derive(Clone)]
pub(crate) struct Stored<'a> {
    /// Its shape, the width of a row last.
    pub(crate) shape: Vec<usize>,
    /// How its values are stored.
    pub(crate) kind: Kind,
    /// The stored bytes.
    pub(crate) data: &'a [u8],
}

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One by one.
    Plain(Dtype),
    /// In blocks with scales.
    Blocks(GgmlDType),
}

impl Kind {
    fn read(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Plain(Dtype::F32),
            1 => Self::Plain(Dtype::F16),
            30 => Self::Plain(Dtype::BF16),
            2 => Self::Blocks(GgmlDType::Q4_0),
            3 => Self::Blocks(GgmlDType::Q4_1),
            6 => Self::Blocks(GgmlDType::Q5_0),
            7 => Self::Blocks(GgmlDType::Q5_1),
            8 => Self::Blocks(GgmlDType::Q8_0),
            12 => Self::Blocks(GgmlDType::Q4K),
            13 => Self::Blocks(GgmlDType::Q5K),
            14 => Self::Blocks(GgmlDType::Q6K),
            _ => return None,
        })
    }

    /// Returns the values of a block and its bytes.
    fn block(self) -> (usize, usize) {
        match self {
            Self::Plain(Dtype::F32) => (1, 4),
            Self::Plain(_) => (1, 2),
            Self::Blocks(kind) => (kind.block_size(), kind.type_size()),
        }
    }
}

impl<'a> Gguf<'a> {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut reader = Reader { bytes, place: MAGIC.len() };
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(format!("it has version {version}: 2 and 3 are read"));
        }
        let (tensors, values) = (reader.u64()?, reader.u64()?);
        if tensors > MAX_ENTRIES || values > MAX_ENTRIES {
            return Err(format!(
                "it lists {tensors} tensors and {values} values: at most {MAX_ENTRIES} of each are read"
            ));
        }
        let mut metadata = HashMap::new();
        for _ in 0..values {
            let key = reader.text()?;
            let kind = reader.u32()?;
            metadata.insert(key, reader.value(kind)?);
        }
        let mut infos = Vec::new();
        for _ in 0..tensors {
            infos.push(reader.info()?);
        }
        let alignment = match metadata.get("general.alignment") {
            None => ALIGNMENT,
            Some(Meta::Whole(given))
                if given.is_power_of_two() && (8..=MAX_ALIGNMENT).contains(given) =>
            {
                *given
            }
            Some(other) => return Err(format!("`general.alignment` is {other:?}")),
        };
        let start = (reader.place as u64).next_multiple_of(alignment);
        Ok(Self { metadata, tensors: place(bytes, start, alignment, &infos)? })
    }
}

/// What a file says of one tensor.
struct Info<'a> {
    name: &'a str,
    shape: Vec<usize>,
    kind: Kind,
    offset: u64,
}

/// Finds the bytes of all tensors; no two share any.
fn place<'a>(
    bytes: &'a [u8],
    start: u64,
    alignment: u64,
    infos: &[Info<'a>],
) -> Result<BTreeMap<&'a str, Stored<'a>>, String> {
    let (mut tensors, mut spans) = (BTreeMap::new(), Vec::new());
    for Info { name, shape, kind, offset } in infos {
        let (values, size) = kind.block();
        if !shape.last().is_some_and(|width| width.is_multiple_of(values)) {
            return Err(format!("the rows of tensor `{name}` are no whole blocks of {values}"));
        }
        let count = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
        let length = count.and_then(|count| (count / values).checked_mul(size));
        let first = start.checked_add(*offset).and_then(|first| usize::try_from(first).ok());
        let span = first.zip(length).and_then(|(first, length)| {
            let end = first.checked_add(length)?;
            (end <= bytes.len()).then_some((first, end))
        });
        let Some((first, end)) = span else {
            return Err(format!("tensor `{name}` does not end within the file"));
        };
        if !offset.is_multiple_of(alignment) {
            return Err(format!(
                "tensor `{name}` starts at {offset}, not at a multiple of {alignment}"
            ));
        }
        let stored = Stored { shape: shape.clone(), kind: *kind, data: &bytes[first..end] };
        if tensors.insert(*name, stored).is_some() {
            return Err(format!("tensor `{name}` is there twice"));
        }
        spans.push((first, end, *name));
    }
    spans.sort_unstable();
    match spans.array_windows().find(|[(_, end, _), (first, _, _)]| first < end) {
        Some([(_, _, one), (_, _, two)]) => Err(format!("tensors `{one}` and `{two}` share bytes")),
        None => Ok(tensors),
    }
}

/// A place in the bytes of a file.
struct Reader<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.place.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| "it ends within its header".to_owned())?;
        let taken = &self.bytes[self.place..end];
        self.place = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N).map(|bytes| bytes.try_into().expect("as many bytes as were asked for"))
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<&'a str, String> {
        let length = usize::try_from(self.u64()?).unwrap_or(usize::MAX);
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| "a text in its header is not UTF-8".to_owned())
    }

    fn value(&mut self, kind: u32) -> Result<Meta<'a>, String> {
        let signed = |number: i64| match u64::try_from(number) {
            Ok(number) => Meta::Whole(number),
            Err(_) => Meta::Negative(number),
        };
        Ok(match kind {
            0 => Meta::Whole(self.array::<1>()?[0].into()),
            1 => signed(i8::from_le_bytes(self.array()?).into()),
            2 => Meta::Whole(u16::from_le_bytes(self.array()?).into()),
            3 => signed(i16::from_le_bytes(self.array()?).into()),
            4 => Meta::Whole(self.u32()?.into()),
            5 => signed(i32::from_le_bytes(self.array()?).into()),
            6 => Meta::Number(f32::from_le_bytes(self.array()?).into()),
            7 => Meta::Switch(self.array::<1>()?[0] != 0),
            8 => Meta::Text(self.text()?),
            9 => Meta::List(self.skip_list()?),
            10 => Meta::Whole(self.u64()?),
            11 => signed(i64::from_le_bytes(self.array()?)),
            12 => Meta::Number(f64::from_le_bytes(self.array()?)),
            other => return Err(format!("its header has a value of type {other}")),
        })
    }

    /// Passes over a list and returns how long it is.
    fn skip_list(&mut self) -> Result<u64, String> {
        let kind = self.u32()?;
        let count = self.u64()?;
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => {
                for _ in 0..count {
                    let length = usize::try_from(self.u64()?).unwrap_or(usize::MAX);
                    self.take(length)?;
                }
                return Ok(count);
            }
            other => return Err(format!("its header has a list of type {other}")),
        };
        let bytes = count.checked_mul(size).and_then(|bytes| usize::try_from(bytes).ok());
        self.take(bytes.unwrap_or(usize::MAX))?;
        Ok(count)
    }

    fn info(&mut self) -> Result<Info<'a>, String> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(format!("tensor `{name}` has {dimensions} dimensions"));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(usize::try_from(self.u64()?).unwrap_or(usize::MAX));
        }
        shape.reverse();
        let number = self.u32()?;
        let kind = Kind::read(number).ok_or_else(|| {
            format!(
                "tensor `{name}` is stored as type {number}: F32, F16, BF16, Q4_0, Q4_1, Q5_0, \
                 Q5_1, Q8_0, Q4_K, Q5_K and Q6_K are read"
            )
        })?;
        Ok(Info { name, shape, kind, offset: self.u64()? })
    }
}

#[cfg(test)]
mod tests;
