//! Where the matrices live.
//!
//! This engine multiplies on the CPU, whichever way the package was built: the `cuda` feature only
//! links the libraries of the graphics card.

use candle_core::Device;

/// Returns the device that holds the weights.
pub(crate) fn device() -> Device {
    Device::Cpu
}
