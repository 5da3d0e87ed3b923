//! Packed weights made wide: eight-bit floats in scaled blocks, four-bit floats in groups, and the
//! blocks of GGUF files.
//!
//! The floats are defined by the Open Compute Project: "OCP 8-bit Floating Point Specification" 1.0
//! (E4M3, section 5) and "OCP Microscaling Formats" 1.0 (MXFP4, section 5.3.3).

use std::borrow::Cow;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};

/// Values that share an exponent in MXFP4.
pub(crate) const GROUP: usize = 32;

/// The values of the four bits of E2M1.
const FLOAT4: [f32; 16] =
    [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

/// Widens a matrix of E4M3 values with `width` columns. `scales` holds one factor a block of `side`
/// rows and columns, row by row; the last blocks may stick out.
pub(crate) fn float8(bytes: &[u8], width: usize, scales: &[f32], side: (usize, usize)) -> Vec<f32> {
    let table: [f32; 256] = std::array::from_fn(|byte| from_e4m3(byte as u8));
    let across = width.div_ceil(side.1);
    let mut values = Vec::with_capacity(bytes.len());
    for (number, row) in bytes.chunks_exact(width).enumerate() {
        let scales = &scales[number / side.0 * across..][..across];
        for (block, scale) in row.chunks(side.1).zip(scales) {
            values.extend(block.iter().map(|byte| table[usize::from(*byte)] * scale));
        }
    }
    values
}

/// Returns the value of one E4M3 byte: no infinities, and all ones are no number.
fn from_e4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
    let size = match (exponent, byte & 7) {
        (15, 7) => f32::NAN,
        (0, _) => mantissa / 8.0 * 2.0_f32.powi(-6),
        _ => (1.0 + mantissa / 8.0) * 2.0_f32.powi(exponent - 7),
    };
    if byte & 128 == 0 { size } else { -size }
}

/// Widens groups of MXFP4: two values a byte, the low half first, and one biased exponent a group.
pub(crate) fn mxfp4(blocks: &[u8], scales: &[u8]) -> Vec<f32> {
    let mut values = Vec::with_capacity(2 * blocks.len());
    for (group, exponent) in blocks.chunks_exact(GROUP / 2).zip(scales) {
        let scale = match *exponent {
            u8::MAX => f32::NAN,
            exponent => f32::exp2(f32::from(exponent) - 127.0),
        };
        for byte in group {
            values.push(FLOAT4[usize::from(byte & 15)] * scale);
            values.push(FLOAT4[usize::from(byte >> 4)] * scale);
        }
    }
    values
}

/// Widens whole blocks of a GGUF type, as candle reads them; `None` where they cannot be.
pub(crate) fn blocks(kind: GgmlDType, bytes: &[u8]) -> Option<Vec<f32>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let count = bytes.len() / kind.type_size() * kind.block_size();
    // The package panics over pieces of blocks and odd addresses.
    if !bytes.len().is_multiple_of(kind.type_size()) || bytes.as_ptr().align_offset(2) != 0 {
        return None;
    }
    let storage = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, kind).ok()?;
    let values = QTensor::new(storage, count).ok()?.dequantize(&Device::Cpu).ok()?;
    values.to_vec1().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_eight_bit_floats_have_the_values_of_the_specification() {
        // Table 1 of the specification: zero, the least and the largest of each kind.
        let known = [
            (0x00, 0.0),
            (0x01, 2.0_f32.powi(-9)),
            (0x07, 0.875 * 2.0_f32.powi(-6)),
            (0x08, 2.0_f32.powi(-6)),
            (0x38, 1.0),
            (0x7e, 448.0),
            (0xfe, -448.0),
        ];
        for (byte, value) in known {
            assert_eq!(from_e4m3(byte).to_bits(), value.to_bits(), "{byte:#x}");
        }
        assert!(from_e4m3(0x7f).is_nan() && from_e4m3(0xff).is_nan());
    }

    #[test]
    fn every_block_has_its_scale_and_the_last_ones_stick_out() {
        let bytes = [0x38; 15];
        let scales = [1.0, 2.0, 3.0, 4.0];
        let rows = [[1.0, 1.0, 1.0, 2.0, 2.0]; 2].into_iter().chain([[3.0, 3.0, 3.0, 4.0, 4.0]]);
        assert_eq!(float8(&bytes, 5, &scales, (2, 3)), rows.flatten().collect::<Vec<f32>>());
    }

    #[test]
    fn four_bit_groups_start_with_the_low_half() {
        let mut blocks = [0x00; 32];
        (blocks[0], blocks[16]) = (0x2f, 0x71);
        let values = mxfp4(&blocks, &[128, 126]);
        assert_eq!(values.len(), 64);
        assert_eq!((values[0], values[1]), (-12.0, 2.0));
        assert_eq!((values[32], values[33]), (0.25, 3.0));
        assert!(mxfp4(&[0; 16], &[255])[0].is_nan());
    }
}
